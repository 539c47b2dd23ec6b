/* depthwise_nhwc.c - depthwise convolution, channels last: channels in vector lanes, the image read in place.
 *
 * A row of outputs is walked in runs of pixels whose taps all lie inside the image; pixels that meet a border go one by
 * one, with a pointer for each tap. Weights are packed [kw][kh][channel]. */
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "conv.h"

enum { TAPS = 4096 };

static const char *reject(const pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    if (c->icg != 1 || c->ocg != 1) return "not depthwise: a group has several channels";
    if (c->src.c != 1 || c->dst.c != 1) return "input or output is channels first";
    if (p->in[0] != 1 || p->kernel[0] != 1 || c->out[0] != 1) return "the problem has a depth";
    return c->taps > TAPS ? "the kernel has more than 4096 taps" : 0;
}

static const char *defer(const pc_conv *c) { return c->desc.oc < 4 ? "fewer than 4 channels leave lanes empty" : 0; }

static void plan(pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    c->threads = (int)pc_max(1, pc_min(pc_conv_useful_threads(c, 35), p->mb * c->out[1]));
    c->workspace_per_thread = (size_t)pc_round_up(c->taps * 8, 64);
    c->packed_size = (size_t)(p->oc * c->taps * c->kernels->size);
    snprintf(c->tile, sizeof c->tile, "%d channels, %d pixels", c->kernels->vlen, PC_MAX_DEPTHWISE_NP);
}

static void pack(const pc_conv *c, const void *wei, void *packed) {
    const int64_t *k = c->desc.kernel, oc = c->desc.oc;
    const size_t size = (size_t)c->kernels->size;
    char *dst = packed;
    for (int64_t s = 0; s < k[2]; s++)
        for (int64_t r = 0; r < k[1]; r++)
            for (int64_t i = 0; i < oc; i++, dst += size)
                memcpy(dst, (const char *)wei + (size_t)(i * c->taps + r * k[2] + s) * size, size);
}

/* Pointers of the taps of output (y, x), NULL in zero padding. */
static void fill_taps(const pc_conv *c, const char *image, int64_t y, int64_t x, const void **tap) {
    const pc_conv_desc *p = &c->desc;
    for (int64_t s = 0; s < p->kernel[2]; s++) {
        const int64_t ix = pc_border(p->boundary, x * p->stride[2] + s * p->dilation[2] - p->pad_lo[2], p->in[2]);
        for (int64_t r = 0; r < p->kernel[1]; r++) {
            const int64_t iy = pc_border(p->boundary, y * p->stride[1] + r * p->dilation[1] - p->pad_lo[1], p->in[1]);
            *tap++ = ix < 0 || iy < 0 ? 0 : pc_at(image, iy * c->src.h + ix * c->src.w, c->kernels->size);
        }
    }
}

static void run_row(const pc_conv *c, const pc_exec_args *a, int64_t i, const void **tap) {
    const pc_conv_desc *p = &c->desc;
    const int size = c->kernels->size;
    const int64_t y = i % c->out[1], n = i / c->out[1];
    const char *image = pc_at(a->src, n * c->src.n, size);
    char *row = pc_at_mut(a->dst, n * c->dst.n + y * c->dst.h, size);
    /* from <= x < to: every tap column lies inside the image */
    const int64_t reach = (p->kernel[2] - 1) * p->dilation[2], slack = p->in[2] - 1 - reach + p->pad_lo[2];
    const int64_t from = pc_min(c->out[2], pc_ceil_div(p->pad_lo[2], p->stride[2]));
    const int64_t to = slack < 0 ? from : pc_max(from, pc_min(c->out[2], slack / p->stride[2] + 1));
    pc_depthwise_args args = {.taps = c->taps,
                              .channels = p->oc,
                              .tap = tap,
                              .step = p->stride[2] * c->src.w,
                              .wei = a->packed,
                              .bias = a->bias,
                              .ld_dst = c->dst.w};
    for (int64_t x = 0; x < c->out[2];) {
        int np = 1;
        if (x >= from && x < to)
            while (2 * np <= PC_MAX_DEPTHWISE_NP && x + 2 * np <= to) np *= 2;
        fill_taps(c, image, y, x, tap);
        args.dst = row + x * c->dst.w * size;
        c->kernels->depthwise[np](&args);
        x += np;
    }
    pc_conv_finish(c, a, &c->dst, row, p->oc, 1, c->out[2]);
}

static void run(const pc_conv *c, const pc_exec_args *a) {
    const int64_t rows = c->desc.mb * c->out[1];
    if (c->threads == 1) {
        for (int64_t i = 0; i < rows; i++) run_row(c, a, i, a->workspace);
        return;
    }
    const pc_share share = pc_share_start(a->workspace, c->workspace_per_thread, c->threads, rows);
#pragma omp parallel num_threads(c->threads)
    {
        const int me = omp_get_thread_num();
        int helped = 0;
        for (int64_t i; (i = pc_share_next(&share, me, &helped)) >= 0;)
            run_row(c, a, i, (const void **)pc_share_workspace(&share, me));
    }
}

const pc_algo pc_algo_depthwise_nhwc = {
    .name = "depthwise_nhwc", .reject = reject, .defer = defer, .plan = plan, .pack = pack, .run = run};
