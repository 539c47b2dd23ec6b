/* dense.c - the loops around the register tiles; see dense.h for their order. */
#include "dense.h"

#include <string.h>

/* ---- geometry ----------------------------------------------------------------------------------------------- */

/* Slices of a strip for `deep` slices of outputs, which share them. */
static int64_t slices_read(const pc_conv *c, int64_t deep) { return c->desc.kernel[0] + deep - 1; }

/* Strip strides for a region and so many slices of the image; returns the elements of `chans` channels. */
static int64_t shape_of(const pc_conv *c, int64_t slices, int64_t rows, int64_t cols, int64_t chans, pc_dense *d) {
    const pc_conv_desc *p = &c->desc;
    const int64_t sh = p->stride[1], sw = p->stride[2];
    const int64_t high = (rows - 1) * sh + (p->kernel[1] - 1) * p->dilation[1] + 1;
    const int64_t wide = (cols - 1) * sw + (p->kernel[2] - 1) * p->dilation[2] + 1;
    const int64_t last_row_phase = p->kernel[1] == 1 ? 0 : sh - 1, last_col_phase = p->kernel[2] == 1 ? 0 : sw - 1;
    d->pitch = pc_ceil_div(wide, sw);
    d->phase = pc_ceil_div(high, sh) * d->pitch;
    d->slice = (last_row_phase * sw + last_col_phase + 1) * d->phase;
    d->chan = pc_odd_lines(slices * d->slice, c->kernels ? c->kernels->size : 8);
    return chans * d->chan;
}

/* The same for the slices that a block of the plan reads. */
static int64_t strip_shape(const pc_conv *c, int64_t rows, int64_t cols, int64_t chans, pc_dense *d) {
    return shape_of(c, slices_read(c, c->as.dense.deep), rows, cols, chans, d);
}

/* Bit p: some tap falls on phase p of this axis. */
static uint64_t used_phases(int64_t kernel, int64_t dilation, int64_t stride) {
    uint64_t used = 0;
    for (int64_t t = 0; t < kernel && t < stride; t++) {
        const int64_t phase = t * dilation % stride;
        if (phase < 64) used |= UINT64_C(1) << phase;
    }
    return used;
}

const char *pc_dense_reject(const pc_conv *c) {
    enum { NARROW = 16 }; /* columns of the narrowest region that any tile asks for */
    pc_dense d;
    if (shape_of(c, c->desc.kernel[0], 1, pc_min(c->out[2], NARROW), 1, &d) * 8 > PC_DENSE_STRIP)
        return "the window of one output does not fit the workspace";
    return 0;
}

/* Whether no two outputs of a slice read the same element and none reads the border, as in 1x1 layers and those that
 * cut an image into patches: then a copy would be read hardly more often than the image. */
static int apart(const pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    int yes = p->kernel[0] == 1;
    for (int i = 0; i < 3; i++) yes &= p->pad_lo[i] == 0 && p->pad_hi[i] == 0;
    for (int i = 1; i < 3; i++) yes &= p->kernel[i] == 1 || p->kernel[i] <= p->stride[i] || c->out[i] == 1;
    return yes && p->dilation[1] == 1 && p->dilation[2] == 1;
}

int64_t pc_dense_power(int64_t bytes) {
    const int64_t lines = bytes % 64 ? 1 : bytes / 64;
    return lines & -lines;
}

void pc_dense_view(pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    pc_dense *d = &c->as.dense;
    int plain = 1; /* stride 1 and no border within a slice */
    const int touch = c->src.h == p->in[2] * c->src.w && c->dst.h == c->out[2] * c->dst.w; /* no row is part of one */
    for (int i = 1; i < 3; i++) plain &= p->stride[i] == 1 && p->pad_lo[i] == 0 && p->pad_hi[i] == 0;
    *d = (pc_dense){.in_h = p->in[1],
                    .in_w = p->in[2],
                    .oh = c->out[1],
                    .ow = c->out[2],
                    .pad_h = p->pad_lo[1],
                    .pad_w = p->pad_lo[2],
                    .s = c->src,
                    .o = c->dst,
                    .strip = PC_DENSE_STRIP,
                    .bundle = 1,
                    .deep = 1};
    /* One long row, unless a stride that no second column takes left columns unread. */
    if (plain && touch && p->kernel[1] == 1 && p->kernel[2] == 1 && p->in[2] == c->out[2]) {
        d->in_w *= d->in_h;
        d->ow *= d->oh;
        d->in_h = d->oh = 1;
    }
    d->in_place = plain && c->src.w == 1 && p->pad_lo[0] == 0 && p->pad_hi[0] == 0;
    d->px = d->s.w * p->stride[2];
    /* Channels last, a tile reads as many lines at once as it has pixels: L1 must have sets for them. */
    const int64_t power = pc_dense_power(d->px * (c->kernels ? c->kernels->size : 8));
    d->in_place |= apart(c) && (d->s.w == 1 || power <= 16);
    d->in_place &= !p->src_type;
    if (!d->in_place) d->px = 1;
}

/* ---- plan --------------------------------------------------------------------------------------------------- */

/* Elements of a group's weights as packed. */
static int64_t group_weights(const pc_conv *c, const pc_dense_family *f) {
    const pc_block last = f->block(c, c->as.dense.blocks - 1);
    return (last.packed + last.width) * c->icg * c->taps;
}

static int64_t passes(const pc_conv *c) {
    const pc_dense *d = &c->as.dense;
    return pc_ceil_div(c->icg, d->k_chans) * pc_ceil_div(c->taps, d->k_taps);
}

/* Taps of the offset table: those of a pass, or all, since to compute them for every pass and block takes long. */
static int64_t table_taps(const pc_conv *c) { return c->taps <= PC_DENSE_OFF ? c->taps : c->as.dense.k_taps; }

/* Items along the depth. */
static int64_t depths(const pc_conv *c) { return pc_ceil_div(c->out[0], c->as.dense.deep); }

static int64_t bundles(const pc_conv *c) { return pc_ceil_div(c->desc.groups, c->as.dense.bundle); }

/* Elements of the panels of a region and one channel. */
static int64_t panel_shape(const pc_dense *d, int64_t rows, int64_t cols) {
    return rows * pc_ceil_div(cols, d->step) * d->step;
}

/* Bytes of image that a region of all channels reads: strip, panels, or in place what should stay in the cache. */
static int64_t footprint(const pc_conv *c, int64_t rows, int64_t cols) {
    const pc_dense *d = &c->as.dense;
    pc_dense unused;
    const int64_t elements = d->copies     ? panel_shape(d, rows, cols) * c->icg
                             : d->in_place ? rows * cols * c->icg * (d->px > 1 ? c->taps : 1)
                                           : strip_shape(c, rows, cols, c->icg * d->bundle, &unused);
    return elements * c->kernels->size;
}

static int fits(const pc_conv *c, const pc_dense_family *f, int64_t rows, int64_t cols) {
    const pc_dense *d = &c->as.dense;
    const int64_t budget = !d->in_place || d->copies ? d->strip : (c->taps > 1 ? 4 : 2) * PC_DENSE_STRIP;
    const int64_t waiting = passes(c) > 1 ? rows : 1;
    return footprint(c, rows, cols) <= budget && f->sum_size(c, waiting, cols) * c->kernels->size <= PC_DENSE_SUM;
}

/* Regions are nearly equal: rows y * oh / nrows and on, columns likewise but in units of `step`, the width of a tile.
 * In place (without panels) a region is at least two units wide, so that pixel lanes never meet a row shorter than a
 * vector. */
static int64_t region_rows(const pc_dense *d) { return pc_ceil_div(d->oh, d->nrows); }
static int64_t region_cols(const pc_dense *d) {
    return pc_min(d->ow, pc_ceil_div(pc_ceil_div(d->ow, d->step), d->ncols) * d->step);
}

/* Rather than stream weights that L2 cannot keep once for every few rows, take all rows of part of the channels: the
 * sums of all blocks wait meanwhile. */
PC_PLANNING static void choose_channels(pc_conv *c, const pc_dense_family *f) {
    pc_dense *d = &c->as.dense;
    pc_dense unused;
    const int size = c->kernels->size;
    const int64_t weights = group_weights(c, f) * size;
    const int64_t chans = PC_DENSE_STRIP / (strip_shape(c, d->oh, d->ow, 1, &unused) * size) / d->k_chans * d->k_chans;
    if (d->in_place || weights <= 2 * PC_DENSE_STRIP || chans == 0) return;
    if (f->sum_size(c, d->oh, d->ow) * d->blocks * size > PC_DENSE_SUM) return;
    d->chans = pc_min(chans, c->icg);
    d->nrows = d->ncols = 1;
}

/* The largest region that fits: whole rows of all channels if possible, else part of a row, else part of the channels.
 */
PC_PLANNING static void choose_region(pc_conv *c, const pc_dense_family *f) {
    pc_dense *d = &c->as.dense;
    const int64_t step = d->step;
    d->chans = c->icg;
    if (fits(c, f, 1, d->ow)) {
        int64_t lo = 1, hi = d->oh;
        while (lo < hi) {
            const int64_t mid = lo + (hi - lo + 1) / 2;
            if (fits(c, f, mid, d->ow))
                lo = mid;
            else
                hi = mid - 1;
        }
        d->nrows = pc_ceil_div(d->oh, lo);
        d->ncols = 1;
        if (d->nrows > 1 && d->bundle == 1) choose_channels(c, f);
        return;
    }
    const int64_t units = pc_ceil_div(d->ow, step);
    d->nrows = d->oh;
    int64_t lo = 1, hi = units;
    while (lo < hi) {
        const int64_t mid = lo + (hi - lo + 1) / 2;
        if (fits(c, f, 1, mid * step))
            lo = mid;
        else
            hi = mid - 1;
    }
    const int two = d->in_place && !d->copies; /* units at least */
    if (fits(c, f, 1, lo * step) && (lo > 1 || !two)) {
        d->ncols = two ? pc_min(pc_ceil_div(units, lo), units / 2) : pc_ceil_div(units, lo);
        return;
    }
    if (d->bundle > 1) { /* too much for one tile: a strip for each group */
        d->bundle = 1;
        d->strip = PC_DENSE_STRIP;
        choose_region(c, f);
        return;
    }
    pc_dense unused;
    d->in_place = d->copies = 0;
    d->px = 1;
    d->ncols = pc_ceil_div(units, 2);
    if (strip_shape(c, 1, pc_min(d->ow, 2 * step), 1, &unused) * c->kernels->size > PC_DENSE_STRIP) d->ncols = units;
    d->chans = pc_max(1, PC_DENSE_STRIP / (strip_shape(c, 1, region_cols(d), 1, &unused) * c->kernels->size));
    d->chans = pc_min(d->chans, c->icg);
    if (d->chans > d->k_chans) d->chans -= d->chans % d->k_chans;
}

/* Weights that no cache near the core keeps are streamed once for several slices of outputs: 768 channels of 8x8x8 run
 * 1.3 times as fast. The sums of all of them wait, and of fewer blocks at once. */
PC_PLANNING static void choose_depth(pc_conv *c, const pc_dense_family *f) {
    enum { MANY = 4 << 20 }; /* bytes of weights */
    const pc_conv_desc *p = &c->desc;
    pc_dense *d = &c->as.dense;
    pc_dense unused;
    const int64_t size = c->kernels->size, sums = f->sum_size(c, d->oh, d->ow) * size;
    if (d->in_place || d->bundle > 1 || p->kernel[0] == 1 || p->stride[0] != 1 || p->dilation[0] != 1) return;
    if (group_weights(c, f) * size < MANY) return;
    for (int64_t deep = pc_min(c->out[0], PC_DENSE_SUM / sums); deep > 1; deep--) {
        d->deep = deep;
        const int64_t chans = PC_DENSE_STRIP / (strip_shape(c, d->oh, d->ow, 1, &unused) * size) / d->k_chans;
        if (chans == 0) continue;
        d->chans = pc_min(chans * d->k_chans, c->icg);
        d->nrows = d->ncols = 1;
        return;
    }
    d->deep = 1;
}

/* Cut the work among threads: regions may become smaller and blocks of output channels may be split, whichever leaves
 * the busiest thread the least to do. Costs are in FMAs of a vector: gathering takes about half of one an element and
 * some more a row; each item reads its weights again, and what L2 cannot keep of them comes from L3 at about a quarter
 * of a vector an FMA beside the work. */
PC_PLANNING static void share_work(pc_conv *c, const pc_dense_family *f) {
    enum { KEPT = 256 << 10 };
    pc_dense *d = &c->as.dense;
    const int flat = d->oh == 1;
    const int64_t threads = c->threads, units = pc_ceil_div(d->ow, d->step);
    const int64_t most = flat ? d->in_place && !d->copies ? units / 2 : units : d->oh,
                  first = flat ? d->ncols : d->nrows;
    const int64_t outer = c->desc.mb * bundles(c) * depths(c) * (flat ? 1 : d->ncols);
    const double per_block = (double)(pc_max(1, d->nv) * d->bundle * c->icg * c->taps * d->deep);
    const double weights = (double)group_weights(c, f);
    const double streamed = pc_max(0, weights - KEPT / c->kernels->size) / c->kernels->vlen * 4 / (double)d->blocks;
    const pc_dense before = *d;
    double best = 0;
    int64_t best_n = first, best_splits = 1;
    for (int64_t n = first; n <= pc_max(first, pc_min(most, first + 4 * threads)); n++) {
        pc_dense shape = before;
        *(flat ? &shape.ncols : &shape.nrows) = n;
        const int64_t rows = region_rows(&shape), cols = region_cols(&shape);
        const double high = (double)((rows - 1) * c->desc.stride[1] + c->desc.kernel[1]);
        const double strip = d->in_place ? 0
                                         : (double)strip_shape(c, rows, cols, d->bundle * c->icg, &shape) / 2 +
                                               8 * (double)(d->bundle * c->icg * c->desc.kernel[0]) * high;
        for (int64_t splits = 1; splits <= pc_min(d->blocks, 4 * threads); splits++) {
            const int64_t blocks = pc_ceil_div(d->blocks, splits), items = outer * n * pc_ceil_div(d->blocks, blocks);
            const int64_t each = pc_ceil_div(items, threads), regions = shape.nrows * shape.ncols;
            /* A thread that gets all regions of some blocks does not mind that one is larger than the next. */
            const int even = each * threads == items && each % regions == 0;
            const double pixels = even ? (double)(d->oh * d->ow) / (double)regions : (double)(rows * cols);
            const double item = pixels * (double)blocks * per_block + (double)blocks * streamed + strip + 500;
            const double cost = ((double)each + 0.1) * item;
            if (best == 0 || cost < best * 0.98) {
                best = cost;
                best_n = n;
                best_splits = splits;
            }
        }
    }
    *(flat ? &d->ncols : &d->nrows) = best_n;
    d->per_split = pc_ceil_div(d->blocks, best_splits);
}

PC_PLANNING void pc_dense_plan(pc_conv *c, const pc_dense_family *f, int64_t step) {
    pc_dense *d = &c->as.dense;
    const int size = c->kernels->size;
    /* A pass has to leave room in L1 for a cache line of pixels a step. Tiles of short vectors use few of each line, so
     * that half as long a pass gains 4 % over the layers of ResNet-50 (AVX2, Zen 4). In place each channel costs a TLB
     * entry too, of 72, and half of that gains another 2 to 12 %. */
    const int64_t pass = c->kernels->vlen * size >= 64 ? PC_DENSE_PASS
                         : d->in_place && !d->copies   ? PC_DENSE_PASS / 4
                                                       : PC_DENSE_PASS / 2;
    d->k_taps = pc_min(c->taps, pass);
    d->k_chans = c->taps >= pass ? 1 : pc_min(c->icg, pass / c->taps);
    d->step = step;
    choose_region(c, f);
    choose_depth(c, f);
    d->per_split = d->blocks;
    c->threads = pc_conv_useful_threads(c, 100);
    if (c->threads > 1) share_work(c, f);
    d->rows = region_rows(d);
    d->cols = region_cols(d);
    const int64_t waiting = passes(c) > 1 ? d->rows : 1;
    d->sum_slice = f->sum_size(c, waiting, d->cols) * size;
    int64_t sum = d->sum_slice * d->deep;
    if (d->chans < c->icg) { /* the sums of all blocks wait while the next channels are gathered */
        d->per_split = pc_max(1, pc_min(d->per_split, PC_DENSE_SUM / pc_max(1, sum)));
        sum *= d->per_split;
    }
    d->splits = pc_ceil_div(d->blocks, d->per_split);
    d->work = c->desc.mb * bundles(c) * depths(c) * d->nrows * d->ncols * d->splits;
    c->threads = (int)pc_max(1, pc_min(c->threads, d->work));

    /* Pixel lanes read a whole vector at the end of the last row, and copying tiles write one. */
    const int64_t slack = c->kernels->vlen;
    int64_t strip = 0;
    if (d->in_place) {
        d->pitch = d->s.h * c->desc.stride[1];
        d->chan = d->s.c;
        if (d->copies) strip = (panel_shape(d, d->rows, d->cols) * d->chans + slack) * size;
    } else {
        strip = (strip_shape(c, d->rows, d->cols, d->chans * d->bundle, d) + slack) * size;
        d->row_phases = used_phases(c->desc.kernel[1], c->desc.dilation[1], c->desc.stride[1]);
        d->col_phases = used_phases(c->desc.kernel[2], c->desc.dilation[2], c->desc.stride[2]);
    }
    d->sum = pc_round_up(strip, 64);
    d->off = d->sum + pc_round_up(sum, 64);
    d->panel_off = d->off + pc_round_up(d->k_chans * table_taps(c) * 8, 64);
    d->bias = d->panel_off + (d->copies ? pc_round_up(d->k_chans * 8, 64) : 0);
    d->row = d->bias + pc_round_up(f->block(c, 0).width * size, 64);
    const int64_t wide = (d->cols - 1) * c->desc.stride[2] + (c->desc.kernel[2] - 1) * c->desc.dilation[2] + 1;
    c->workspace_per_thread =
        (size_t)(d->row + pc_conv_row_bytes(c, pc_conv_integer(c) ? wide : pc_min(wide, d->in_w)));

    c->packed_size = (size_t)(c->desc.groups * group_weights(c, f) * size);
}

/* ---- pack --------------------------------------------------------------------------------------------------- */

/* [group][block][k: channel, kw, kd, kh][width]. Transposed in pieces of a few channels so that the piece stays in L1.
 */
#define DEFINE_PACK(T)                                                                                                 \
    static void pack_##T(const pc_conv *c, pc_block b, const T *wei, T *packed) {                                      \
        const int64_t *k = c->desc.kernel, piece = pc_max(1, 64 / c->taps);                                            \
        for (int64_t c0 = 0; c0 < c->icg; c0 += piece) {                                                               \
            const int64_t c1 = pc_min(c->icg, c0 + piece);                                                             \
            for (int64_t j = 0; j < b.width; j++) {                                                                    \
                T *dst = packed + c0 * c->taps * b.width + j;                                                          \
                const T *src = wei + (b.first + j) * c->icg * c->taps;                                                 \
                for (int64_t ic = c0; ic < c1; ic++)                                                                   \
                    for (int64_t s = 0; s < k[2]; s++)                                                                 \
                        for (int64_t dr = 0; dr < k[0] * k[1]; dr++, dst += b.width)                                   \
                            *dst = j < b.n ? src[ic * c->taps + dr * k[2] + s] : 0;                                    \
            }                                                                                                          \
        }                                                                                                              \
    }

DEFINE_PACK(float)
DEFINE_PACK(double)

/* The same of integers: int32_t as pairs of channels, or int64_t each by itself. */
static void pack_integers(const pc_conv *c, pc_block b, const void *wei, void *packed) {
    const int64_t *k = c->desc.kernel, taps = c->taps, rows = k[0] * k[1], piece = pc_max(1, 64 / taps);
    const int pairs = c->kernels->size == 4;
    for (int64_t c0 = 0; c0 < c->icg; c0 += piece)
        for (int64_t j = 0; j < b.width; j++) {
            const int64_t from = (b.first + j) * c->inside * taps;
            for (int64_t ic = c0; ic < pc_min(c->icg, c0 + piece); ic++)
                for (int64_t t = 0, s = 0, r = 0; t < taps; t++, r = r + 1 < rows ? r + 1 : 0, s += r == 0) {
                    const int64_t to = (ic * taps + t) * b.width + j, at = from + r * k[2] + s;
                    if (!pairs) {
                        ((int64_t *)packed)[to] = j < b.n ? ((const int64_t *)wei)[at + ic * taps] : 0;
                        continue;
                    }
                    const int32_t *w = (const int32_t *)wei + at + 2 * ic * taps;
                    int16_t *pair = (int16_t *)packed + 2 * to;
                    pair[0] = j < b.n ? (int16_t)*w : 0;
                    pair[1] = j < b.n && 2 * ic + 1 < c->inside ? (int16_t)w[taps] : 0;
                }
        }
}

void pc_dense_pack(const pc_conv *c, const pc_dense_family *f, const void *wei, void *packed) {
    const int64_t k = c->icg * c->taps, blocks = c->as.dense.blocks, n = c->desc.groups * blocks;
    const int64_t group = group_weights(c, f);
    const int size = c->kernels->size, parallel = c->threads > 1 && c->packed_size > 1 << 18;
#pragma omp parallel for schedule(static) num_threads(c->threads) if (parallel)
    for (int64_t i = 0; i < n; i++) {
        const int64_t g = i / blocks;
        const pc_block b = f->block(c, i % blocks);
        const void *from = pc_at(wei, g * c->ocg * k, size);
        void *to = pc_at_mut(packed, g * group + b.packed * k, size);
        if (pc_conv_integer(c))
            pack_integers(c, b, pc_at(wei, g * c->ocg * c->inside * c->taps, size), to);
        else if (size == 4)
            pack_float(c, b, from, to);
        else
            pack_double(c, b, from, to);
    }
}

/* ---- run ---------------------------------------------------------------------------------------------------- */

typedef struct item {
    int64_t n, g, groups, z, slices, y, x, rows, cols, block, blocks;
} item;

static item item_at(const pc_conv *c, int64_t i) {
    const pc_dense *d = &c->as.dense;
    item it;
    const int64_t col = i % d->ncols, units = pc_ceil_div(d->ow, d->step);
    i /= d->ncols;
    const int64_t row = i % d->nrows;
    i /= d->nrows;
    it.x = col * units / d->ncols * d->step;
    it.cols = pc_min(d->ow, (col + 1) * units / d->ncols * d->step) - it.x;
    it.y = row * d->oh / d->nrows;
    it.rows = (row + 1) * d->oh / d->nrows - it.y;
    it.z = i % depths(c) * d->deep;
    it.slices = pc_min(d->deep, c->out[0] - it.z);
    i /= depths(c);
    it.block = i % d->splits * d->per_split;
    i /= d->splits;
    it.g = i % bundles(c) * d->bundle;
    it.groups = pc_min(d->bundle, c->desc.groups - it.g);
    it.n = i / bundles(c);
    it.blocks = pc_min(d->per_split, d->blocks - it.block);
    return it;
}

/* Offsets of taps [t0, t0 + nt) of `chans` channels, in the order of the FMA chain. */
static void fill_offsets(const pc_conv *c, int64_t *off, int64_t chans, int64_t t0, int64_t nt) {
    const pc_dense *d = &c->as.dense;
    const pc_conv_desc *p = &c->desc;
    const int64_t kd = p->kernel[0], kh = p->kernel[1];
    for (int64_t t = t0; t < t0 + nt; t++) {
        const int64_t r = t % kh * p->dilation[1], z = t / kh % kd, s = t / (kh * kd) * p->dilation[2];
        int64_t o;
        if (d->in_place) {
            o = z * p->dilation[0] * d->s.d + r * d->s.h + s * d->s.w;
        } else {
            const int64_t sh = p->stride[1], sw = p->stride[2];
            o = z * d->slice + (r % sh * sw + s % sw) * d->phase + r / sh * d->pitch + s / sw;
        }
        for (int64_t ic = 0; ic < chans; ic++) off[ic * nt + t - t0] = ic * d->chan + o;
    }
}

/* The offset tables of a thread: what stays the same from item to item. */
void pc_dense_prepare(const pc_conv *c, char *workspace) {
    const pc_dense *d = &c->as.dense;
    fill_offsets(c, (int64_t *)(workspace + d->off), d->k_chans, 0, table_taps(c));
    if (d->copies)
        for (int64_t ic = 0; ic < d->k_chans; ic++) ((int64_t *)(workspace + d->panel_off))[ic] = ic * d->step;
}

static void gather_strip(const pc_conv *c, const item *it, const void *image, int64_t c0, int64_t chans, void *strip) {
    const pc_dense *d = &c->as.dense;
    const pc_conv_desc *p = &c->desc;
    const int size = c->kernels->size, fold = pc_conv_integer(c) ? PC_INT_FOLD(size) : 1;
    pc_gather_args g = {
        .src_chan = d->s.c,
        .src_row = d->s.h,
        .src_col = d->s.w,
        .in_w = d->in_w,
        .y0 = it->y * p->stride[1] - d->pad_h,
        .x0 = it->x * p->stride[2] - d->pad_w,
        .chan = d->chan,
        .phase = d->phase,
        .pitch = d->pitch,
        .channels = chans,
        .rows = (it->rows - 1) * p->stride[1] + (p->kernel[1] - 1) * p->dilation[1] + 1,
        .cols = (it->cols - 1) * p->stride[2] + (p->kernel[2] - 1) * p->dilation[2] + 1,
        .sh = (int)p->stride[1],
        .sw = (int)p->stride[2],
        .row_phases = d->row_phases,
        .col_phases = d->col_phases,
        .fill = p->fill,
        .bytes = p->src_type != PC_ELEMENTS,
        .type = p->src_type,
        .row = (char *)strip + d->row,
        .inside = pc_min(chans * fold, c->inside - c0 * fold),
    };
    for (int64_t q = 0; q < slices_read(c, it->slices); q++) {
        const int64_t z = pc_conv_depth(c, it->z, q); /* steps of 1 where slices are shared */
        g.in_h = z < 0 ? 0 : d->in_h;                 /* a slice of padding: every row is beyond the border */
        g.boundary = z < 0 ? PC_ZEROS : p->boundary;
        g.src = pc_at(image, c0 * fold * d->s.c + pc_max(z, 0) * d->s.d, c->src_size);
        g.dst = pc_at_mut(strip, q * d->slice, size);
        c->kernels->gather(&g);
    }
}

/* All passes over the channels [c0, c0 + chans), whose strip (or image) is at src, for one block of output channels. */
static void run_block(const pc_conv *c, const pc_dense_family *f, pc_panel *p, int64_t slices, const void *wei,
                      const void *src, int64_t c0, int64_t chans, char *workspace) {
    const pc_dense *d = &c->as.dense;
    const pc_panel first = *p;
    const int64_t panel = d->copies ? panel_shape(d, p->rows, p->cols) : 0;
    const int size = c->kernels->size, whole = table_taps(c) == c->taps;
    int64_t *off = (int64_t *)(workspace + d->off);
    for (int64_t ic = 0; ic < chans; ic += d->k_chans) {
        const int64_t nc = pc_min(d->k_chans, chans - ic);
        for (int64_t t = 0; t < c->taps; t += d->k_taps) {
            const int64_t nt = pc_min(d->k_taps, c->taps - t);
            if (!whole) fill_offsets(c, off, 1, t, nt);
            p->off = off + (whole ? t : 0);
            p->k = nc * nt;
            p->panel = pc_at_mut(workspace, ic * panel, size);
            p->wei = pc_at(wei, ((c0 + ic) * c->taps + t) * p->block.width, size);
            p->first = c0 + ic == 0 && t == 0;
            p->last = c0 + ic + nc == c->icg && t + nt == c->taps;
            for (int64_t s = 0; s < slices; s++) {
                p->src = pc_at(src, ic * d->chan + s * d->slice, size);
                p->sum = (char *)first.sum + s * d->sum_slice;
                p->dst = pc_at_mut(first.dst, s * d->o.d, size);
                f->panel(p);
            }
        }
    }
    *p = first;
}

void pc_dense_item(const pc_conv *c, const pc_dense_family *f, const pc_exec_args *a, int64_t i, char *workspace) {
    const pc_dense *d = &c->as.dense;
    const item at = item_at(c, i), *it = &at;
    const int size = c->kernels->size;
    const int64_t k = c->icg * c->taps;
    const int64_t group = group_weights(c, f);
    const void *image = pc_at(a->src, it->n * d->s.n + it->g * c->inside * d->s.c, c->src_size);
    const int64_t corner = it->z * c->desc.stride[0] * d->s.d + it->y * d->pitch + it->x * d->px; /* in place only */
    char *dst = pc_at_mut(a->dst, it->n * d->o.n + it->z * d->o.d + it->y * d->o.h + it->x * d->o.w, size);
    char *bias = workspace + d->bias, *sum = workspace + d->sum;
    const int64_t sum_size = d->chans < c->icg ? d->sum_slice * d->deep : 0;
    for (int64_t c0 = 0; c0 < c->icg; c0 += d->chans) {
        const int64_t chans = pc_min(d->chans, c->icg - c0);
        const void *src = workspace; /* the strip comes first */
        if (d->in_place)
            src = pc_at(image, corner + c0 * d->s.c, size);
        else
            gather_strip(c, it, image, c0, it->groups == 1 ? chans : it->groups * c->icg, workspace);
        for (int64_t j = 0; j < it->groups * it->blocks; j++) {
            const int64_t g = j / it->blocks, b = j % it->blocks;
            const pc_block block = f->block(c, it->block + b);
            const int64_t oc = (it->g + g) * c->ocg + block.first;
            memset(bias, 0, (size_t)(block.width * size));
            if (a->bias) memcpy(bias, pc_at(a->bias, oc, size), (size_t)(block.n * size));
            pc_panel p = {.conv = c,
                          .block = block,
                          .panel_off = (const int64_t *)(workspace + d->panel_off),
                          .copy = d->copies && b == 0,
                          .bias = bias,
                          .sum = sum + b * sum_size,
                          .dst = pc_at_mut(dst, oc * d->o.c, size),
                          .rows = it->rows,
                          .cols = it->cols};
            run_block(c, f, &p, it->slices, pc_at(a->packed, (it->g + g) * group + block.packed * k, size),
                      pc_at(src, g * c->icg * d->chan, size), c0, chans, workspace);
            for (int64_t s = 0; s < it->slices && c0 + chans == c->icg; s++)
                pc_conv_finish(c, a, &d->o, pc_at_mut(p.dst, s * d->o.d, size), block.n, it->rows, it->cols);
        }
    }
}
