/* dense.h - what channel lanes and pixel lanes share: regions of the output, strips of the input, passes over k.
 *
 * The work is cut into items: (image, groups, depth slice, region of output rows and columns, some blocks of output
 * channels). For each item, for each block of input channels:
 *
 *     gather a strip: what the region reads of those channels, bordered and planar (or read the image in place, and
 *     let the first block of output channels leave a panel for the others)
 *     for each block of output channels in the item:
 *         for each pass over k (128 or 256 steps, so that its weights and pixels stay in L1 or L2):
 *             panel(): every tile of the region
 *
 * Between passes the FMA chains of the region wait in `sum`. Everything an item needs is sized so that one thread's
 * workspace stays below PC_DENSE_WORKSPACE, whatever the layer. */
#ifndef PC_ALGO_DENSE_H
#define PC_ALGO_DENSE_H

#include "conv.h"

enum {
    PC_DENSE_WORKSPACE = 512 << 10, /* bytes a thread, at most: the promise of the library */
    PC_DENSE_STRIP = 256 << 10,     /* bytes of strip: half an L2 of 512 KB, and room for weights beside it */
    PC_DENSE_SUM = 160 << 10,       /* bytes of waiting sums */
    PC_DENSE_PASS = 256,            /* steps of k a pass */
    PC_DENSE_OFF = 1024,            /* taps up to which a pass over a part of them finds their offsets in a table */
};

/* One block of output channels within a group. */
typedef struct pc_block {
    int64_t first, n; /* channels */
    int64_t width;    /* channels as packed and summed: n, rounded up to vectors in channel lanes */
    int64_t packed;   /* where its weights start, in units of one k step */
} pc_block;

/* One call of panel(). */
typedef struct pc_panel {
    const pc_conv *conv;
    pc_block block;
    const void *wei, *src; /* of this pass: packed weights; strip or image at the region's corner */
    int64_t k;
    const int64_t *off, *panel_off;
    void *panel;        /* of this pass, where tiles copy */
    int copy;           /* this is the block that writes it */
    int first, last;    /* pass over k: start from the bias; store to dst */
    const void *bias;   /* block.width elements */
    void *sum;          /* of this block and region */
    void *dst;          /* the region's corner in the block's first channel */
    int64_t rows, cols; /* of the region */
} pc_panel;

typedef struct pc_dense_family {
    pc_block (*block)(const pc_conv *conv, int64_t index);
    int64_t (*sum_size)(const pc_conv *conv, int64_t rows, int64_t cols); /* elements for one block of a region */
    void (*panel)(const pc_panel *panel);
} pc_dense_family;

const char *pc_dense_reject(const pc_conv *conv);
/* The picture as the tiles see it: call before choosing a tile, which then calls pc_dense_plan. */
void pc_dense_view(pc_conv *conv);
/* The largest power of two of cache lines that divides a distance: addresses so far apart meet in 64 / power of the
 * sets of a 32 KB L1 with 8 ways. */
int64_t pc_dense_power(int64_t bytes);
/* Cycles of one step of k for a tile of channel lanes, in FMAs of a vector. */
double pc_channel_tile_cost(const pc_kernels *kernels, int64_t nv, int64_t np, int in_place);
void pc_dense_plan(pc_conv *conv, const pc_dense_family *family, int64_t col_step);
void pc_dense_pack(const pc_conv *conv, const pc_dense_family *family, const void *wei, void *packed);
/* For pc_conv_run_items. */
void pc_dense_prepare(const pc_conv *conv, char *workspace);
void pc_dense_item(const pc_conv *conv, const pc_dense_family *family, const pc_exec_args *args, int64_t item,
                   char *workspace);

#endif
