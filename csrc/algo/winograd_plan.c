/* winograd_plan.c - which layers Winograd's algorithm takes, with which tiles, and how the tiles of an image are cut
 * into blocks. How it works stands in winograd.c. */
#include <stdio.h>
#include <string.h>

#include "dense.h"
#include "winograd.h"

enum {
    WORKSPACE = 1 << 20, /* bytes a thread, at most: some layers of many channels gain from more than L2 */
    MODEST = 512 << 10,  /* bytes that most layers do well with: more must promise a fifth, channels in parts a tenth */
    FEWEST = 4,          /* tiles of a block that always fit */
    UNIT =
        64, /* channels of a slice in a row in the chain, where a kernel has several; transformed at once, at least */
    MOST_RUNS = 8,     /* of tiles in a block */
    MANY = 1024,       /* channels that do better part by part: 512 lose a tenth, 1024 win a quarter */
    LONGEST = 31,      /* taps of a line: their pixels wait in L1 */
    LARGEST = 8,       /* taps of a square at stride 2 */
    MOST_DILATED = 16, /* so many tiles interleave */
};

/* ---- choice --------------------------------------------------------------------------------------------------- */

/* Tiles of m outputs along an axis. With a dilation of d, every d-th pixel belongs to the same tiles. */
static int64_t tiles_along(const pc_conv *c, int axis, int64_t m) {
    const int64_t d = c->desc.dilation[axis];
    return d * pc_ceil_div(pc_ceil_div(c->out[axis], d), m);
}
static int64_t tiles_of(const pc_conv *c, int64_t m) { return tiles_along(c, 1, m) * tiles_along(c, 2, m); }

/* Tiles that share weights: of all slices, where blocks can be so deep. */
static int64_t tiles_deep(const pc_conv *c, int64_t m) {
    return tiles_of(c, m) * (c->desc.stride[0] == 1 && c->desc.dilation[0] == 1 ? c->out[0] : 1);
}

/* Input channels of all slices: what an output sums, but for the taps of a slice. */
static int64_t summed(const pc_conv *c) { return c->desc.kernel[0] * c->icg; }

static int is_dilated(const pc_conv *c) { return c->desc.dilation[1] != 1 || c->desc.dilation[2] != 1; }

/* The axis of a kernel of one row or column, or 0. */
static int line_axis(const pc_conv *c) {
    if (c->desc.kernel[1] == 1) return 2;
    return c->desc.kernel[2] == 1 ? 1 : 0;
}

/* The output tile at stride 1: 4, or 2 where edges would waste most of the larger one, or where there are so few tiles
 * that streaming the weights is all that counts, which are 36 or 16 to 9. With few channels too, since then the error
 * of F(4,3)'s transforms shows: 2.1 times that of the chain with 16 channels, 1.97 with 24, 1.8 with 64 (F(2,3): 0.6);
 * of 3x3x3 2.08 with 8, 1.97 with 12.
 * By the shape alone, as it decides the bits. */
static int choose_m(const pc_conv *c) {
    const int64_t accurate = c->desc.kernel[0] > 1 ? 36 : 24;
    const int64_t large = tiles_deep(c, 4), small = tiles_deep(c, 2);
    if (16 * small <= 36 * large || summed(c) < accurate) return 2;
    if (large == 1 && summed(c) >= 128) return 2;
    return large <= 8 && summed(c) * c->ocg * 36 * 4 > 32 << 20 ? 2 : 4;
}

/* Whether a stride of 2 takes image and kernel apart; 3x3 have their own way. */
static int is_phased(const pc_conv *c) { return c->desc.stride[1] == 2 && c->desc.kernel[1] > 3; }

static pc_winograd geometry(const pc_conv *c) {
    const int line = line_axis(c), gathers = c->desc.boundary != PC_ZEROS || c->desc.src_type;
    if (line) {
        const int taps = (int)c->desc.kernel[line], rest = taps % 3 == 1;
        const pc_winograd_cut cut = {.vertical = line == 1, .segments = (taps - rest + 2) / 3, .rest = rest};
        const int n = 3 + 3 * cut.segments + rest, i = line - 1;
        pc_winograd w = {.kind = PC_WINOGRAD_LINE, .cut = cut, .phases = 1, .dilation = {1, 1}, .gathers = gathers};
        for (int j = 0; j < 2; j++) {
            w.m[j] = w.step[j] = j == i ? 4 : 1;
            w.n[j] = j == i ? n : 1;
        }
        w.axis[0] = w.own[0] = 1;
        w.axis[1] = rest ? 10 : 6;
        w.own[1] = rest ? 7 : 6;
        return w;
    }
    if (is_phased(c)) {
        const int m = c->desc.kernel[1] > 6 ? 3 : 4;
        return (pc_winograd){.kind = m == 3 ? PC_WINOGRAD_3 : PC_WINOGRAD_4,
                             .m = {m, m},
                             .n = {6, 6},
                             .step = {m, m},
                             .axis = {6, 6},
                             .own = {6, 6},
                             .phases = 2,
                             .dilation = {1, 1},
                             .gathers = 1};
    }
    const int strided = c->desc.stride[1] == 2, five = c->desc.kernel[1] == 5;
    const int m = strided ? 4 : five ? 2 : choose_m(c), n = strided ? 9 : five ? 6 : m + 2;
    const int step = strided ? 8 : m, own = strided ? 6 : n;
    return (pc_winograd){.kind = strided  ? PC_WINOGRAD_STRIDED
                                 : five   ? PC_WINOGRAD_5X5
                                 : m == 4 ? PC_WINOGRAD_4
                                          : PC_WINOGRAD_2,
                         .m = {m, m},
                         .n = {n, n},
                         .step = {step, step},
                         .axis = {n, n},
                         .own = {own, own},
                         .phases = 1,
                         .dilation = {c->desc.dilation[1], c->desc.dilation[2]},
                         .gathers = gathers};
}

static int64_t frequencies(const pc_winograd *w) { return w->axis[0] * w->axis[1]; }

/* Of a tile. */
static int64_t products(const pc_conv *c, const pc_winograd *w) {
    return (w->cut.rest ? 6 * pc_winograd_segments(w) + 4 : pc_winograd_segments(w) * frequencies(w)) *
           pc_winograd_terms(c, w);
}

/* Bytes of the transformed input of a tile, with as few channels at once as can be. */
static int64_t least_bytes(const pc_conv *c, const pc_winograd *w) {
    const int64_t all = pc_winograd_channels(c, w);
    const int64_t at_once = w->kind == PC_WINOGRAD_LINE ? all : pc_min(all, UNIT * w->phases * w->phases);
    return products(c, w) / all * at_once * (c->desc.dtype == PC_F64 ? 8 : 4);
}

const char *pc_winograd_reject(const pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    if (p->precision == PC_STRICT) return "strict precision asks for the chain of FMAs";
    const int line = line_axis(c);
    if (line && p->kernel[0] > 1) return "the kernel has one row or column, but several slices";
    const int square = p->kernel[1] == p->kernel[2] && p->kernel[1] >= 3 && p->kernel[1] <= LARGEST;
    if (square && p->kernel[1] == 4) return "the kernel is 4x4, whose error would be more than twice the chain's";
    if (line ? p->kernel[line] < 3 || p->kernel[line] > LONGEST : !square)
        return "the kernel is neither a square of 3 to 8 taps each way nor one row or column of 3 to 31";
    if (p->stride[1] != p->stride[2] || p->stride[1] > (line ? 1 : 2)) return "the stride is not 1, nor 2 both ways";
    if (square && p->stride[1] == 1 && p->kernel[1] != 3 && p->kernel[1] != 5)
        return "the kernel is neither 3x3 nor 5x5, nor is the stride 2";
    if (is_dilated(c) && (line || p->stride[1] != 1 || p->boundary != PC_ZEROS))
        return "the kernel is dilated, and one row or column, or strided, or its border is not zeros";
    if (pc_max(p->dilation[1], p->dilation[2]) > MOST_DILATED) return "the dilation is more than 16";
    const pc_winograd w = geometry(c);
    if (pc_max(FEWEST, w.dilation[1]) * least_bytes(c, &w) > WORKSPACE / 4 * 3)
        return "the channels of a few tiles do not fit the workspace";
    return 0;
}

/* Whether there are so few tiles that streaming the weights, counted as float32, is all the work. */
static int only_streams(int64_t weights, int64_t tiles, int64_t few) { return 4 * weights > 12 << 20 && tiles < few; }

/* A line takes half the products or somewhat more, unless its end wastes much of a tile; with few channels the
 * transforms cost as much as they save. */
static const char *defer_line(const pc_conv *c) {
    const pc_winograd w = geometry(c);
    const int line = line_axis(c);
    const int64_t fewer = pc_min(c->icg, c->ocg), tiles = pc_ceil_div(c->out[line], 4);
    if (fewer < 16) return "few channels a group for lines";
    if (5 * products(c, &w) * tiles > (fewer < 24 ? 3 : 4) * c->icg * c->desc.kernel[line] * c->out[line])
        return "the ends of rows or columns waste too much of the tiles";
    if (only_streams(pc_winograd_weights(c, &w) * c->ocg, tiles * c->out[3 - line] * c->out[0], 36))
        return "so few tiles that streaming the weights is all the work";
    return 0;
}

/* At stride 2 there is less to gain, at most 16 * 9 to 81: measured 1.1 to 1.7 times, and losses beyond these
 * bounds. */
static const char *defer_strided(const pc_conv *c) {
    const int64_t tiles = tiles_of(c, 4);
    if (pc_min(c->icg, c->ocg) < 32) return "few channels a group at stride 2";
    if (9 * 4 * c->out[1] * c->out[2] < 81 * 5 * tiles) return "at stride 2 the edges waste much of the tiles";
    if (only_streams(36 * summed(c) * c->ocg, tiles_deep(c, 4), 36))
        return "at stride 2 so few tiles that streaming the weights is all the work";
    return 0;
}

/* 36 products for 4 outputs, directly 100. */
static const char *defer_5x5(const pc_conv *c) {
    const int64_t tiles = tiles_of(c, 2), fewer = pc_min(c->icg, c->ocg), more = pc_max(c->icg, c->ocg);
    if (fewer < 12 || more < 16) return "few channels a group leave lanes empty";
    if (36 * tiles * 5 > 25 * c->out[1] * c->out[2] * 3) return "the edges waste much of the tiles";
    if (only_streams(36 * summed(c) * c->ocg, tiles_deep(c, 2), 12))
        return "so few tiles that streaming the weights is all the work";
    return 0;
}

/* Four times 36 products for 9 or 16 outputs, directly 441 for 7x7. The rest was fitted on Zen 4 to 16 layers, in FMAs
 * of a vector: what an output costs directly, and a tile's way back and, shared by all outputs, in. The error of F(4,3)
 * on 5x5 is 2.4 times the chain's with 4 channels, 1.95 with 24, 1.87 with 64; on 6x6 1.94 with 8; that of F(3,4) on
 * 7x7 1.82 with 3 channels, 1.3 with 64. */
static const char *defer_phased(const pc_conv *c) {
    const pc_winograd w = geometry(c);
    if (c->icg < (c->desc.kernel[1] == 5 ? 24 : c->desc.kernel[1] == 6 ? 8 : 0))
        return "with few channels the error would be more than twice the chain's";
    const int64_t tiles = tiles_of(c, w.m[0]), vectors = pc_ceil_div(c->ocg, PC_MAX_VLEN);
    const int64_t in = 300 * pc_ceil_div(pc_winograd_terms(c, &w), PC_MAX_VLEN) / vectors,
                  back = 200 + 14 * w.m[0] * w.m[0];
    const int64_t cost = tiles * (products(c, &w) * 11 / 10 + in + back) * vectors * PC_MAX_VLEN;
    const int64_t direct = c->out[1] * c->out[2] * (c->icg * c->taps + 8) * c->ocg;
    if (cost > direct / 4 * 3) return "at stride 2 transforms or the edges of tiles cost what they save";
    if (only_streams(pc_winograd_weights(c, &w) * c->ocg, tiles_deep(c, w.m[0]), 36))
        return "at stride 2 so few tiles that streaming the weights is all the work";
    return 0;
}

const char *pc_winograd_defer(const pc_conv *c) {
    if (line_axis(c)) return defer_line(c);
    if (is_phased(c)) return defer_phased(c);
    if (c->desc.kernel[1] == 5) return defer_5x5(c);
    if (c->desc.stride[1] == 2) return defer_strided(c);
    const pc_winograd w = geometry(c);
    if (is_dilated(c) && 5 * tiles_of(c, w.m[0]) * products(c, &w) > 4 * c->icg * c->taps * c->out[1] * c->out[2])
        return "the edges of what the dilation takes apart waste much of the tiles";
    const int64_t fewer = pc_min(c->icg, c->ocg), more = pc_max(c->icg, c->ocg);
    const int few_outputs = c->ocg >= 6 && c->icg >= 32; /* 1.05 to 1.5 times as fast all the same */
    if ((fewer < 8 && !few_outputs) || (fewer < 12 && more < 24)) return "few channels a group leave lanes empty";
    /* One tile of 2 x 2 takes 16 weights a filter where 9 are read directly. */
    if (c->out[1] * c->out[2] == 1 || (tiles_deep(c, 2) == 1 && summed(c) * c->ocg > 1 << 17))
        return "so few outputs that reading the weights is all the work";
    return 0;
}

/* ---- plan ----------------------------------------------------------------------------------------------------- */

/* Tiles of the largest block. */
static int64_t block_size(const pc_winograd *w) {
    return pc_ceil_div(pc_quotient(w->tiles_h * w->tiles_w, w->dilation[1]), w->blocks) * w->dilation[1];
}

/* Lay out the workspace for blocks of at most `tiles` tiles a slice; returns its bytes. */
static int64_t lay_out(const pc_conv *c, pc_winograd *w, int64_t tiles) {
    const int64_t vlen = c->kernels->vlen, size = c->kernels->size;
    const int64_t channels = w->phases * w->phases * w->chans;
    w->unit = c->desc.kernel[0] > 1 ? pc_min(UNIT, pc_winograd_channels(c, w)) : channels;
    w->held = w->chans < c->icg ? pc_ceil_div(w->panels, w->splits) : 1;
    w->cut.ld_segment = pc_ceil_div(channels, vlen) * w->np * vlen;
    w->run = pc_winograd_segments(w) * w->cut.ld_segment;
    w->ld_slice = pc_ceil_div(tiles, w->np) * w->run;
    /* One vector more than a multiple of large powers of two: see "4 KiB aliasing" in csrc/README.md. */
    w->ld_in = pc_winograd_slices(c, w) * w->ld_slice + vlen;
    w->ld_tile = frequencies(w) * w->nv * vlen + vlen;
    w->sums = pc_round_up(frequencies(w) * w->ld_in * size, 64);
    w->strip = w->sums + pc_round_up(w->held * w->deep * tiles * w->ld_tile * size, 64);
    const int64_t in = (pc_winograd_columns_read(w, pc_winograd_segment(w)) + 3) * w->n[0],
                  out = w->m[1] * pc_winograd_segment(w) * w->m[0];
    w->copy = w->strip + pc_round_up(pc_max(in, out) * vlen * size, 64);
    w->row = w->copy + (w->gathers ? pc_winograd_copy_bytes(c, w) : 0);
    w->off = w->row + pc_conv_row_bytes(
                          c, pc_min(w->phases * pc_winograd_columns_read(w, pc_winograd_segment(w)), c->desc.in[2]));
    const int64_t chains = w->unit + pc_winograd_channels(c, w) % w->unit; /* of a whole unit, and of the last one */
    w->place = w->off + pc_round_up(pc_winograd_segments(w) * c->desc.kernel[0] * chains * 8, 64);
    w->bias = w->place + pc_round_up(tiles * 8, 64);
    return w->bias + pc_round_up(2 * w->nv * vlen * size, 64);
}

/* FMAs of a vector that an item of `tiles` tiles a slice and `vectors` vectors of output channels takes the time of. */
static double item_cost(const pc_conv *c, const pc_winograd *w, int64_t tiles, int64_t vectors) {
    const int64_t vlen = c->kernels->vlen, runs = pc_ceil_div(tiles, w->np);
    const int64_t panels = pc_ceil_div(vectors, w->nv), nv = vectors / panels, wide = vectors % panels;
    const int64_t np = tiles / runs, longer = tiles % runs;
    /* Of one frequency and channel: over panels of nv and nv + 1 vectors, runs of np and np + 1 tiles. */
    double product = 0;
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            const int64_t count = (i ? wide : panels - wide) * (j ? longer : runs - longer);
            if (count)
                product += (double)count *
                           (pc_channel_tile_cost(c->kernels, nv + i, np + j, 0) + 0.05 * (double)(nv + i + np + j));
        }
    product *= (double)(products(c, w) * w->deep);
    /* A vector of weights takes about 4 FMAs' time from L3, twice that where they fill much of L3, more from memory;
     * and more again at stride 2, where it meets fewer tiles a block. They come while the first run of tiles, or of the
     * slices' tiles, is multiplied. */
    const int64_t steps = pc_winograd_weights(c, w), bytes = c->ocg * steps * c->kernels->size;
    const double each = (bytes < 12 << 20 ? 4 : bytes < 28 << 20 ? 7 : 11) * (w->kind == PC_WINOGRAD_STRIDED ? 1.7 : 1);
    const double stream = (double)(steps * vectors) * each;
    const int64_t in = pc_winograd_segments(w) * pc_ceil_div(pc_winograd_channels(c, w), vlen) *
                       pc_winograd_slices(c, w),
                  pieces = pc_ceil_div(c->icg, w->chans);
    const double transforms =
        (double)(frequencies(w) * tiles) * (double)(8 * in + (4 + 30 * (pieces - 1)) * vectors * w->deep);
    const double first = product / (double)(runs * w->deep);
    return (first > stream ? product + stream / 8 : stream + product - first * 7 / 8) + transforms + 1000;
}

static int has_tile(const pc_conv *c, int nv, int np) { return c->kernels->channel_tile[PC_TILE_STEPPED][nv][np] != 0; }

/* The longest run of tiles for panels of nv vectors and, where they do not come out even, nv - 1. */
static int longest_run(const pc_conv *c, int64_t vectors, int nv) {
    const int64_t panels = pc_ceil_div(vectors, nv);
    if (pc_ceil_div(vectors, panels) != nv) return 0;
    int np = PC_MAX_NP;
    while (np && !(has_tile(c, nv, np) && has_tile(c, (int)(vectors / panels), np))) np--;
    return np;
}

/* Try blocks of `runs` runs of at most `longest` tiles; returns whether any fits. Where threads would idle, more blocks
 * or several items a block too. */
static int try_blocks(const pc_conv *c, pc_winograd *w, int longest, int64_t runs, pc_winograd *best, double *least) {
    const int64_t tiles = w->tiles_h * w->tiles_w, threads = c->threads,
                  images = pc_max(1, c->desc.mb) * c->desc.groups * pc_ceil_div(c->out[0], w->deep);
    const int64_t vectors = pc_ceil_div(c->ocg, c->kernels->vlen), groups = tiles / w->dilation[1];
    const int64_t first = pc_min(pc_ceil_div(tiles, runs * longest), groups);
    int fits = 0;
    for (w->blocks = first; w->blocks < first + threads && w->blocks <= groups; w->blocks++) {
        const int64_t block = block_size(w), items = images * w->blocks;
        w->np = (int)pc_ceil_div(block, pc_ceil_div(block, longest));
        /* Whole blocks, or an item for each thread, or two; or, where that many products could not wait, for each
         * panel. */
        for (int64_t share = 0; share < 4; share++) {
            if (share == 3 && w->chans == c->icg) break;
            w->splits = share == 0 ? 1 : share < 3 ? pc_min(w->panels, pc_ceil_div(share * threads, items)) : w->panels;
            const int64_t bytes = lay_out(c, w, block);
            if (bytes > WORKSPACE) continue;
            fits = 1;
            const double beyond = (bytes > MODEST ? 1.2 : 1) * (w->chans < c->icg ? 1.1 : 1);
            const int64_t each = pc_min(vectors, pc_ceil_div(w->panels, w->splits) * w->nv);
            const double cost = beyond * (double)pc_ceil_div(items * w->splits, threads) * item_cost(c, w, block, each);
            if (*least == 0 || cost < *least * 0.99) {
                *least = cost;
                *best = *w;
            }
            if (items >= 4 * threads && w->chans == c->icg) break;
        }
    }
    return fits;
}

/* The next smaller number of channels to transform at once. */
static int64_t fewer_channels(int64_t chans) { return pc_max(UNIT, pc_round_up(pc_ceil_div(chans, 2), UNIT)); }

/* The next number of slices of a block to try, or 0. */
static int64_t deeper(const pc_conv *c, int64_t deep) {
    if (c->desc.stride[0] != 1 || c->desc.dilation[0] != 1 || deep == c->out[0]) return 0;
    return pc_min(2 * deep, c->out[0]);
}

void pc_winograd_plan(pc_conv *c) {
    const int64_t vlen = c->kernels->vlen, vectors = pc_ceil_div(c->ocg, vlen);
    pc_winograd w = geometry(c);
    w.tiles_h = tiles_along(c, 1, w.m[0]);
    w.tiles_w = tiles_along(c, 2, w.m[1]);
    const int64_t tiles = w.tiles_h * w.tiles_w;
    c->threads = pc_conv_useful_threads(c, 250);
    double least = 0;
    for (w.chans = c->icg;; w.chans = fewer_channels(w.chans)) {
        for (w.deep = 1; w.deep > 0; w.deep = deeper(c, w.deep))
            for (w.nv = 1; w.nv <= PC_MAX_CHANNEL_NV && w.nv <= vectors; w.nv++) {
                const int longest = (int)pc_min(longest_run(c, vectors, w.nv), tiles);
                if (!longest) continue;
                w.panels = pc_ceil_div(vectors, w.nv);
                int most = longest; /* where many channels leave no room for such a run, the longest that fits */
                while (most && !try_blocks(c, &w, most, 1, &c->as.winograd, &least)) most--;
                for (int64_t runs = 2; runs <= MOST_RUNS && most == longest && (runs - 1) * longest < tiles; runs++)
                    try_blocks(c, &w, longest, runs, &c->as.winograd, &least);
            }
        if (w.kind == PC_WINOGRAD_LINE || w.chans <= UNIT || (summed(c) < MANY && least > 0)) break;
    }
    pc_winograd *found = &c->as.winograd;
    const int64_t block = block_size(found);
    c->workspace_per_thread = (size_t)lay_out(c, found, block);
    found->work = c->desc.mb * c->desc.groups * pc_ceil_div(c->out[0], found->deep) * found->blocks * found->splits;
    c->threads = (int)pc_max(1, pc_min(c->threads, found->work));
    c->packed_size = (size_t)(c->desc.groups * vectors * vlen * pc_winograd_weights(c, found) * c->kernels->size);
    const char *kind = c->desc.stride[1] == 2            ? " stride 2"
                       : found->kind == PC_WINOGRAD_LINE ? " lines"
                       : is_dilated(c)                   ? " dilated"
                                                         : "";
    char deep[40] = "";
    if (found->deep > 1) snprintf(deep, sizeof deep, " x %d", (int)found->deep);
    if (found->chans < c->icg)
        snprintf(deep + strlen(deep), sizeof deep - strlen(deep), ", %d channels at a time", (int)found->chans);
    snprintf(c->tile, sizeof c->tile, "F(%d,%d)%s, %d x %d channels, %d tiles, blocks of %d%s",
             (int)pc_max(found->m[0], found->m[1]),
             found->kind == PC_WINOGRAD_5X5 ? 5
             : found->kind == PC_WINOGRAD_3 ? 4
                                            : 3,
             kind, found->nv, (int)vlen, found->np, (int)block, deep);
}
