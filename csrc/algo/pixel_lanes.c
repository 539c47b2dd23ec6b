/* pixel_lanes.c - dense convolution with output pixels in vector lanes: for groups of few output channels, where
 * channel lanes would stay empty. Weights are packed [block][k][channels] and broadcast; NCHW output is stored without
 * a transpose; for channels last the sums of a tile are turned. */
#include <stdio.h>

#include "dense.h"

PC_PLANNING static const char *reject(const pc_conv *c) { return pc_dense_reject(c); }

static const char *accept(const pc_conv *c) {
    (void)c;
    return 0;
}

/* Nearly equal blocks of at most np channels (np is the tile's mr here). */
static pc_block block_at(const pc_conv *c, int64_t index) {
    const int64_t blocks = c->as.dense.blocks, size = c->ocg / blocks, longer = c->ocg % blocks;
    pc_block b = {.first = index * size + pc_min(index, longer)};
    b.packed = b.first;
    b.n = b.width = size + (index < longer);
    return b;
}

static int64_t tiles_of(const pc_conv *c, int64_t rows, int64_t cols) {
    return pc_ceil_div(rows * pc_ceil_div(cols, c->kernels->vlen), c->as.dense.nv);
}

static int64_t sum_size(const pc_conv *c, int64_t rows, int64_t cols) {
    return tiles_of(c, rows, cols) * c->as.dense.np * c->as.dense.nv * c->kernels->vlen;
}

PC_PLANNING static void choose_tile(pc_conv *c) {
    const pc_kernels *k = c->kernels;
    pc_dense *d = &c->as.dense;
    int most = PC_MAX_MR, nv = PC_MAX_PIXEL_NV;
    while (!k->pixel_tile[most][1]) most--;
    d->blocks = pc_ceil_div(c->ocg, most);
    d->np = (int)pc_ceil_div(c->ocg, d->blocks);
    while (!k->pixel_tile[d->np][nv]) nv--;
    d->nv = nv;
}

/* What a tile left in sums, to dst: channels last, or every other pixel of planes. */
static void finish(const pc_conv *c, const pc_pixel_args *a, int mr, int nv) {
    const pc_strides *o = &c->as.dense.o;
    const pc_kernels *k = c->kernels;
    if (o->c == 1) {
        k->interleave(a, mr, nv, o->w);
        return;
    }
    for (int i = 0; i < mr; i++)
        for (int v = 0; v < nv; v++)
            k->spread(a->lanes[v], pc_at(a->sum, (i * nv + v) * k->vlen, k->size), o->w,
                      pc_at_mut(a->dst[v], i * o->c, k->size));
}

static void panel(const pc_panel *p) {
    const pc_conv *c = p->conv;
    const pc_dense *d = &c->as.dense;
    const pc_kernels *k = c->kernels;
    const int size = k->size, vlen = k->vlen, mr = (int)p->block.width, planar = d->o.w == 1;
    const int64_t across = pc_ceil_div(p->cols, vlen), vectors = p->rows * across;
    const int back = d->in_place && p->cols >= vlen; /* the last vector of a row steps back to stay inside the image */
    pc_pixel_args a = {.k = p->k,
                       .wei = p->wei,
                       .off = p->off,
                       .bias = p->first ? p->bias : 0,
                       .sum = p->sum,
                       .last = p->last && planar,
                       .ld_dst = d->o.c};
    int64_t y = 0, x = 0;
    for (int64_t i = 0; i < vectors; i += d->nv) {
        const int nv = (int)pc_min(d->nv, vectors - i);
        for (int v = 0; v < nv; v++) {
            const int64_t at = back && x + vlen > p->cols ? p->cols - vlen : x;
            a.src[v] = pc_at(p->src, y * d->pitch + at, size);
            a.dst[v] = pc_at_mut(p->dst, y * d->o.h + at * d->o.w, size);
            a.lanes[v] = (int)pc_min(vlen, p->cols - at);
            x += vlen;
            if (x >= p->cols) {
                x = 0;
                y++;
            }
        }
        k->pixel_tile[mr][nv](&a);
        if (p->last && !planar) finish(c, &a, mr, nv);
        if (!(p->first && p->last)) a.sum = pc_at_mut(a.sum, (int64_t)mr * d->nv * vlen, size);
    }
}

static const pc_dense_family family = {.block = block_at, .sum_size = sum_size, .panel = panel};

/* Small groups of channels-last pixels share a strip, so that lines of the image are read as a whole, and written while
 * L2 holds them: 1.2 times as fast with 32 groups of 4. */
static void bundle_groups(pc_conv *c) {
    enum { LINE = 64 };
    pc_dense *d = &c->as.dense;
    if (d->in_place || d->s.w == 1 || pc_conv_integer(c)) return;
    d->bundle = pc_max(1, pc_min(LINE / c->kernels->size / c->icg, c->desc.groups));
    if (d->bundle > 1) d->strip = PC_DENSE_STRIP / 4;
}

PC_PLANNING static void plan(pc_conv *c) {
    pc_dense_view(c);
    pc_dense *d = &c->as.dense;
    if (d->px > 1 || d->ow < PC_MAX_VLEN) d->in_place = 0; /* a row must hold a whole vector, on every ISA */
    d->px = 1;
    choose_tile(c);
    bundle_groups(c);
    pc_dense_plan(c, &family, c->kernels->vlen);
    snprintf(c->tile, sizeof c->tile, "%d channels, %d x %d pixels", c->as.dense.np, c->as.dense.nv, c->kernels->vlen);
}

static void pack(const pc_conv *c, const void *wei, void *packed) { pc_dense_pack(c, &family, wei, packed); }
static void item(const pc_conv *c, const pc_exec_args *a, int64_t i, char *workspace) {
    pc_dense_item(c, &family, a, i, workspace);
}
static void run(const pc_conv *c, const pc_exec_args *a) {
    pc_conv_run_items(c, a, c->as.dense.work, pc_dense_prepare, item);
}

const pc_algo pc_algo_pixel_lanes = {
    .name = "pixel_lanes", .reject = reject, .defer = accept, .plan = plan, .pack = pack, .run = run};
