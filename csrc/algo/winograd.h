/* winograd.h - what planning (winograd_plan.c) and running (winograd.c, which says how the algorithm works) share:
 * sizes that follow from a plan. */
#ifndef PC_ALGO_WINOGRAD_H
#define PC_ALGO_WINOGRAD_H

#include "conv.h"

enum {
    SEGMENT = 8,           /* tiles whose vertical transforms wait in L1, */
    SEGMENT_STRIDED = 3,   /* of which a tile has three times as many at stride 2, */
    SEGMENT_VERTICAL = 16, /* and columns, of which it has one, a line of 64 bytes */
};

/* Input channels of a group as the product sees them: one for each phase. */
static inline int64_t pc_winograd_channels(const pc_conv *c, const pc_winograd *w) {
    return w->phases * w->phases * c->icg;
}

/* Products that a frequency of a tile is the sum of, but for a line's segments: channels of all the kernel's slices. */
static inline int64_t pc_winograd_terms(const pc_conv *c, const pc_winograd *w) {
    return c->desc.kernel[0] * pc_winograd_channels(c, w);
}

/* Slices of the image that a block reads: output slices share them. */
static inline int64_t pc_winograd_slices(const pc_conv *c, const pc_winograd *w) {
    return c->desc.kernel[0] + w->deep - 1;
}

/* Of taps, each with all channels. */
static inline int64_t pc_winograd_segments(const pc_winograd *w) {
    return w->kind == PC_WINOGRAD_LINE ? w->cut.segments : 1;
}

/* Of a filter. */
static inline int64_t pc_winograd_weights(const pc_conv *c, const pc_winograd *w) {
    return (w->own[0] * w->own[1] * pc_winograd_segments(w) - (w->cut.rest ? pc_winograd_segments(w) - 1 : 0)) *
           pc_winograd_terms(c, w);
}

/* Tiles at a time; whole groups of interleaved ones. */
static inline int64_t pc_winograd_segment(const pc_winograd *w) {
    if (w->cut.vertical) return SEGMENT_VERTICAL;
    if (w->kind == PC_WINOGRAD_STRIDED) return SEGMENT_STRIDED;
    return pc_max(1, SEGMENT / w->dilation[1]) * w->dilation[1];
}

/* Columns that neighbouring tiles read. */
static inline int64_t pc_winograd_columns_read(const pc_winograd *w, int64_t tiles) {
    return w->dilation[1] * ((pc_quotient(tiles, w->dilation[1]) - 1) * w->step[1] + w->n[1]);
}

/* Elements from row to row of the copy of an input segment. */
static inline int64_t pc_winograd_copy_pitch(const pc_conv *c, const pc_winograd *w) {
    return pc_odd_lines(pc_winograd_columns_read(w, pc_winograd_segment(w)) + 3, c->kernels->size);
}

/* Of the copy, for a vector of channels. */
static inline int64_t pc_winograd_copy_bytes(const pc_conv *c, const pc_winograd *w) {
    const int64_t all = pc_max(c->kernels->vlen, w->phases * w->phases);
    return pc_round_up(all * w->n[0] * pc_winograd_copy_pitch(c, w) * c->kernels->size, 64);
}

const char *pc_winograd_reject(const pc_conv *c);
const char *pc_winograd_defer(const pc_conv *c);
void pc_winograd_plan(pc_conv *c);

#endif
