/* winograd.c - convolution by Winograd's minimal filtering (Lavin and Gray 2016). 3x3 kernels as F(4,3) or F(2,3) each
 * way: 36 products for 16 outputs, or 16 for 4, where the direct algorithm takes 9 an output. 5x5 kernels as F(2,5): 36
 * for 4, directly 100. At stride 2 the even and the odd pixels of an axis are convolved by themselves, F(4,2) and a
 * product each: 81 for 16 outputs. Kernels of one row or column run as lines, F(4,3) for three taps at a time: 6 products
 * for 12, and 16 for the 28 of 1x7. With a dilation of d every d-th row and column is an image of its own. Kernels of 5 to
 * 8 taps each way at stride 2 are four of half as many, for the even and odd rows and columns of the image, which count
 * as channels: F(4,3) or F(3,4), 4 * 36 products for 9 outputs of a 7x7 kernel, directly 441.
 *
 * The tiles of an image are numbered row by row and cut into blocks. For each block:
 *
 *     transform the tiles of all input channels                            V[frequency][run of np tiles][c][np]
 *     for each panel of output channels:
 *         for each frequency, for each run of tiles: a register tile       M[tile][frequency][panel]
 *         transform back, add the bias, store
 *
 * A block is small enough for V and M to stay in L2; the packed weights stream through it once a block. The register
 * tile is that of channel lanes, with frequencies in place of taps: one chain of FMAs over all channels (of a line,
 * over those of its first three taps, then of the next three), from zero. So bits depend on the frequency transforms,
 * which are elementwise, and on nothing else. */
#include <stdio.h>
#include <string.h>

#include "conv.h"
#include "dense.h"

enum {
    WORKSPACE = 1536 << 10, /* bytes a thread, at most: some layers of many channels gain from more than L2 */
    MODEST = 512 << 10,     /* bytes that most layers do well with: more must promise a fifth */
    FEWEST = 4,             /* tiles of a block that always fit */
    MOST_RUNS = 8,          /* of tiles in a block */
    SEGMENT = 8,            /* tiles whose vertical transforms wait in L1, */
    SEGMENT_STRIDED = 3,    /* of which a tile has three times as many at stride 2, */
    SEGMENT_VERTICAL = 16,  /* and columns, of which it has one, a line of 64 bytes */
    LONGEST = 31,           /* taps of a line: their pixels wait in L1 */
    LARGEST = 8,            /* taps of a square at stride 2 */
    MOST_DILATED = 16,      /* so many tiles interleave */
};

/* ---- choice --------------------------------------------------------------------------------------------------- */

/* Tiles of m outputs along an axis. With a dilation of d, every d-th pixel belongs to the same tiles. */
static int64_t tiles_along(const pc_conv *c, int axis, int64_t m) {
    const int64_t d = c->desc.dilation[axis];
    return d * pc_ceil_div(pc_ceil_div(c->out[axis], d), m);
}
static int64_t tiles_of(const pc_conv *c, int64_t m) { return tiles_along(c, 1, m) * tiles_along(c, 2, m); }

static int is_dilated(const pc_conv *c) { return c->desc.dilation[1] != 1 || c->desc.dilation[2] != 1; }

/* The axis of a kernel of one row or column, or 0. */
static int line_axis(const pc_conv *c) {
    if (c->desc.kernel[1] == 1) return 2;
    return c->desc.kernel[2] == 1 ? 1 : 0;
}

/* The output tile at stride 1: 4, or 2 where edges would waste most of the larger one, or where there are so few tiles
 * that streaming the weights is all that counts, which are 36 or 16 to 9. With few channels too, since then the error
 * of F(4,3)'s transforms shows: 2.1 times that of the chain with 16 channels, 1.97 with 24, 1.8 with 64 (F(2,3): 0.6).
 * By the shape alone, as it decides the bits. */
static int choose_m(const pc_conv *c) {
    enum { ACCURATE = 24 };
    const int64_t large = tiles_of(c, 4), small = tiles_of(c, 2);
    if (16 * small <= 36 * large || c->icg < ACCURATE) return 2;
    if (large == 1 && c->icg >= 128) return 2;
    return large <= 4 && c->icg * c->ocg * 36 * 4 > 32 << 20 ? 2 : 4;
}

/* Whether a stride of 2 takes image and kernel apart; 3x3 have their own way. */
static int is_phased(const pc_conv *c) { return c->desc.stride[1] == 2 && c->desc.kernel[1] > 3; }

static pc_winograd geometry(const pc_conv *c) {
    const int line = line_axis(c), gathers = c->desc.boundary != PC_ZEROS || c->desc.src_bytes;
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

/* Input channels of a group as the product sees them: one for each phase. */
static int64_t channels(const pc_conv *c, const pc_winograd *w) { return w->phases * w->phases * c->icg; }

/* Input channels, as the image has them, whose phases fill a vector of channels. */
static int64_t channels_at_once(const pc_conv *c, const pc_winograd *w) {
    return pc_max(1, c->kernels->vlen / (w->phases * w->phases));
}

/* Of taps, each with all channels. */
static int64_t segments(const pc_winograd *w) { return w->kind == PC_WINOGRAD_LINE ? w->cut.segments : 1; }

/* Steps of the chain of weight i: all segments' channels, but for the tap that is left over. */
static int64_t depth(const pc_conv *c, const pc_winograd *w, int64_t i) {
    return (w->cut.rest && i == 6 ? 1 : segments(w)) * channels(c, w);
}

/* Products of a tile, and weights of a filter. */
static int64_t products(const pc_conv *c, const pc_winograd *w) {
    return (w->cut.rest ? 6 * segments(w) + 4 : segments(w) * frequencies(w)) * channels(c, w);
}
static int64_t weights(const pc_conv *c, const pc_winograd *w) {
    return (w->own[0] * w->own[1] * segments(w) - (w->cut.rest ? segments(w) - 1 : 0)) * channels(c, w);
}

static const char *reject(const pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    if (p->precision == PC_STRICT) return "strict precision asks for the chain of FMAs";
    if (p->kernel[0] != 1 || p->in[0] != 1 || c->out[0] != 1) return "the problem has a depth";
    const int line = line_axis(c);
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
    if (pc_max(FEWEST, w.dilation[1]) * products(c, &w) * (p->dtype == PC_F64 ? 8 : 4) > WORKSPACE / 4 * 3)
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
    if (only_streams(weights(c, &w) * c->ocg, tiles * c->out[3 - line], 36))
        return "so few tiles that streaming the weights is all the work";
    return 0;
}

/* At stride 2 there is less to gain, at most 16 * 9 to 81: measured 1.1 to 1.7 times, and losses beyond these
 * bounds. */
static const char *defer_strided(const pc_conv *c) {
    const int64_t tiles = tiles_of(c, 4);
    if (pc_min(c->icg, c->ocg) < 32) return "few channels a group at stride 2";
    if (9 * 4 * c->out[1] * c->out[2] < 81 * 5 * tiles) return "at stride 2 the edges waste much of the tiles";
    if (only_streams(36 * c->icg * c->ocg, tiles, 36))
        return "at stride 2 so few tiles that streaming the weights is all the work";
    return 0;
}

/* 36 products for 4 outputs, directly 100. */
static const char *defer_5x5(const pc_conv *c) {
    const int64_t tiles = tiles_of(c, 2), fewer = pc_min(c->icg, c->ocg), more = pc_max(c->icg, c->ocg);
    if (fewer < 12 || more < 16) return "few channels a group leave lanes empty";
    if (36 * tiles * 5 > 25 * c->out[1] * c->out[2] * 3) return "the edges waste much of the tiles";
    if (only_streams(36 * c->icg * c->ocg, tiles, 12)) return "so few tiles that streaming the weights is all the work";
    return 0;
}

/* Four times 36 products for 9 or 16 outputs, directly 441 for 7x7. The rest was fitted on Zen 4 to 16 layers, in FMAs
 * of a vector: what an output costs directly, and a tile's way back and, shared by all outputs, in. The error of F(4,3)
 * on 5x5 is 2.4 times the chain's with 4 channels, 1.95 with 24, 1.87 with 64; on 6x6 1.94 with 8; that of F(3,4) on 7x7
 * 1.82 with 3 channels, 1.3 with 64. */
static const char *defer_phased(const pc_conv *c) {
    const pc_winograd w = geometry(c);
    if (c->icg < (c->desc.kernel[1] == 5 ? 24 : c->desc.kernel[1] == 6 ? 8 : 0))
        return "with few channels the error would be more than twice the chain's";
    const int64_t tiles = tiles_of(c, w.m[0]), vectors = pc_ceil_div(c->ocg, PC_MAX_VLEN);
    const int64_t in = 300 * pc_ceil_div(channels(c, &w), PC_MAX_VLEN) / vectors, back = 200 + 14 * w.m[0] * w.m[0];
    const int64_t cost = tiles * (products(c, &w) * 11 / 10 + in + back) * vectors * PC_MAX_VLEN;
    const int64_t direct = c->out[1] * c->out[2] * (c->icg * c->taps + 8) * c->ocg;
    if (cost > direct / 4 * 3) return "at stride 2 transforms or the edges of tiles cost what they save";
    if (only_streams(weights(c, &w) * c->ocg, tiles, 36))
        return "at stride 2 so few tiles that streaming the weights is all the work";
    return 0;
}

static const char *defer(const pc_conv *c) {
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
    if (c->out[1] * c->out[2] == 1 || (tiles_of(c, 2) == 1 && c->icg * c->ocg > 1 << 17))
        return "so few outputs that reading the weights is all the work";
    return 0;
}

/* ---- plan ----------------------------------------------------------------------------------------------------- */

/* Nearly equal shares: the first of share i of n items among `parts`. */
static int64_t share_start(int64_t n, int64_t parts, int64_t i) { return n * i / parts; }

/* Tiles at a time; whole groups of interleaved ones. */
static int64_t segment(const pc_winograd *w) {
    if (w->cut.vertical) return SEGMENT_VERTICAL;
    if (w->kind == PC_WINOGRAD_STRIDED) return SEGMENT_STRIDED;
    return pc_max(1, SEGMENT / w->dilation[1]) * w->dilation[1];
}

/* Columns that neighbouring tiles read. */
static int64_t columns_read(const pc_winograd *w, int64_t tiles) {
    return w->dilation[1] * ((pc_quotient(tiles, w->dilation[1]) - 1) * w->step[1] + w->n[1]);
}

/* Tile i along an axis: its first pixel, were the steps from tile to tile so long. */
static int64_t pixel_of(const pc_winograd *w, int axis, int64_t i, int64_t step) {
    return i + pc_quotient(i, w->dilation[axis]) * w->dilation[axis] * (step - 1);
}

/* The first tile of block i; blocks are whole groups. */
static int64_t block_start(const pc_winograd *w, int64_t i) {
    return share_start(pc_quotient(w->tiles_h * w->tiles_w, w->dilation[1]), w->blocks, i) * w->dilation[1];
}

/* Tiles of the largest block. */
static int64_t block_size(const pc_winograd *w) {
    return pc_ceil_div(pc_quotient(w->tiles_h * w->tiles_w, w->dilation[1]), w->blocks) * w->dilation[1];
}

/* Elements from row to row of the copy of an input segment. */
static int64_t copy_pitch(const pc_conv *c, const pc_winograd *w) {
    return pc_odd_lines(columns_read(w, segment(w)) + 3, c->kernels->size);
}

/* Of the copy, for a vector of channels. */
static int64_t copy_bytes(const pc_conv *c, const pc_winograd *w) {
    const int64_t all = pc_max(c->kernels->vlen, w->phases * w->phases);
    return pc_round_up(all * w->n[0] * copy_pitch(c, w) * c->kernels->size, 64);
}

/* Lay out the workspace for blocks of at most `tiles` tiles; returns its bytes. */
static int64_t lay_out(const pc_conv *c, pc_winograd *w, int64_t tiles) {
    const int64_t vlen = c->kernels->vlen, size = c->kernels->size;
    w->cut.ld_segment = pc_ceil_div(channels(c, w), vlen) * w->np * vlen;
    w->run = segments(w) * w->cut.ld_segment;
    /* One vector more than a multiple of large powers of two: see "4 KiB aliasing" in csrc/README.md. */
    w->ld_in = pc_ceil_div(tiles, w->np) * w->run + vlen;
    w->ld_tile = frequencies(w) * w->nv * vlen + vlen;
    w->sums = pc_round_up(frequencies(w) * w->ld_in * size, 64);
    w->strip = w->sums + pc_round_up(tiles * w->ld_tile * size, 64);
    const int64_t in = (columns_read(w, segment(w)) + 3) * w->n[0], out = w->m[1] * segment(w) * w->m[0];
    w->copy = w->strip + pc_round_up(pc_max(in, out) * vlen * size, 64);
    w->row = w->copy + (w->gathers ? copy_bytes(c, w) : 0);
    w->off = w->row + pc_conv_row_bytes(c, pc_min(w->phases * columns_read(w, segment(w)), c->desc.in[2]));
    w->place = w->off + pc_round_up(segments(w) * channels(c, w) * 8, 64);
    w->bias = w->place + pc_round_up(tiles * 8, 64);
    return w->bias + pc_round_up(2 * w->nv * vlen * size, 64);
}

/* FMAs of a vector that an item of `tiles` tiles and `vectors` vectors of output channels takes the time of. */
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
    product *= (double)products(c, w);
    /* A vector of weights takes about 4 FMAs' time from L3, twice that where they fill much of L3, more from memory;
     * and more again at stride 2, where it meets fewer tiles a block. */
    const int64_t steps = weights(c, w), bytes = c->ocg * steps * c->kernels->size;
    const double each = (bytes < 12 << 20 ? 4 : bytes < 28 << 20 ? 7 : 11) * (w->kind == PC_WINOGRAD_STRIDED ? 1.7 : 1);
    const double stream = (double)(steps * vectors) * each;
    const double transforms =
        (double)(frequencies(w) * tiles) * (double)(8 * segments(w) * pc_ceil_div(channels(c, w), vlen) + 4 * vectors);
    return (product > stream ? product + stream / 8 : stream + product / 8) + transforms + 1000;
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

/* Try blocks of `runs` runs of at most `longest` tiles. Where threads would idle, more blocks or several items a block
 * too. */
static void try_blocks(const pc_conv *c, pc_winograd *w, int longest, int64_t runs, pc_winograd *best, double *least) {
    const int64_t tiles = w->tiles_h * w->tiles_w, images = pc_max(1, c->desc.mb) * c->desc.groups,
                  threads = c->threads;
    const int64_t vectors = pc_ceil_div(c->ocg, c->kernels->vlen), groups = tiles / w->dilation[1];
    const int64_t first = pc_min(pc_ceil_div(tiles, runs * longest), groups);
    for (w->blocks = first; w->blocks < first + threads && w->blocks <= groups; w->blocks++) {
        const int64_t block = block_size(w), items = images * w->blocks;
        w->np = (int)pc_ceil_div(block, pc_ceil_div(block, longest));
        const int64_t bytes = lay_out(c, w, block);
        if (bytes > WORKSPACE) continue;
        const double beyond = bytes > MODEST ? 1.2 : 1;
        for (int64_t share = 0; share < 3; share++) { /* whole blocks, or an item for each thread, or two */
            w->splits = share ? pc_min(w->panels, pc_ceil_div(share * threads, items)) : 1;
            const int64_t each = pc_min(vectors, pc_ceil_div(w->panels, w->splits) * w->nv);
            const double cost = beyond * (double)pc_ceil_div(items * w->splits, threads) * item_cost(c, w, block, each);
            if (*least == 0 || cost < *least * 0.99) {
                *least = cost;
                *best = *w;
            }
            if (items >= 4 * threads) break;
        }
    }
}

static void plan(pc_conv *c) {
    const int64_t vlen = c->kernels->vlen, vectors = pc_ceil_div(c->ocg, vlen);
    pc_winograd w = geometry(c);
    w.tiles_h = tiles_along(c, 1, w.m[0]);
    w.tiles_w = tiles_along(c, 2, w.m[1]);
    const int64_t tiles = w.tiles_h * w.tiles_w;
    c->threads = pc_conv_useful_threads(c, 250);
    double least = 0;
    for (w.nv = 1; w.nv <= PC_MAX_CHANNEL_NV && w.nv <= vectors; w.nv++) {
        const int longest = longest_run(c, vectors, w.nv);
        if (!longest) continue;
        w.panels = pc_ceil_div(vectors, w.nv);
        for (int64_t runs = 1; runs <= MOST_RUNS; runs++) {
            try_blocks(c, &w, longest, runs, &c->as.winograd, &least);
            if (runs * longest >= tiles) break;
        }
        if (least == 0) try_blocks(c, &w, (int)pc_min(longest, FEWEST), 1, &c->as.winograd, &least); /* that fits */
    }
    pc_winograd *found = &c->as.winograd;
    const int64_t block = block_size(found);
    c->workspace_per_thread = (size_t)lay_out(c, found, block);
    found->work = c->desc.mb * c->desc.groups * found->blocks * found->splits;
    c->threads = (int)pc_max(1, pc_min(c->threads, found->work));
    c->packed_size = (size_t)(c->desc.groups * vectors * vlen * weights(c, found) * c->kernels->size);
    const char *kind = c->desc.stride[1] == 2            ? " stride 2"
                       : found->kind == PC_WINOGRAD_LINE ? " lines"
                       : is_dilated(c)                   ? " dilated"
                                                         : "";
    snprintf(c->tile, sizeof c->tile, "F(%d,%d)%s, %d x %d channels, %d tiles, blocks of %d",
             (int)pc_max(found->m[0], found->m[1]),
             found->kind == PC_WINOGRAD_5X5 ? 5
             : found->kind == PC_WINOGRAD_3 ? 4
                                            : 3,
             kind, found->nv, (int)vlen, found->np, (int)block);
}

/* ---- pack ----------------------------------------------------------------------------------------------------- */

/* Panel p of a group: its first vector, and how many. */
typedef struct range {
    int64_t first, count;
} range;

static range panel_at(const pc_conv *c, int64_t p) {
    const int64_t vectors = pc_ceil_div(c->ocg, c->kernels->vlen), panels = c->as.winograd.panels;
    const int64_t first = share_start(vectors, panels, p);
    return (range){first, share_start(vectors, panels, p + 1) - first};
}

/* Elements of packed weights before the panel of group g that starts with vector `first`. */
static int64_t panel_start(const pc_conv *c, int64_t g, int64_t first) {
    const int64_t vlen = c->kernels->vlen, vectors = pc_ceil_div(c->ocg, vlen);
    return (g * vectors + first) * vlen * weights(c, &c->as.winograd);
}

/* [group][panel][frequency][segment][channel][width of the panel] */
static void pack(const pc_conv *c, const void *wei, void *packed) {
    const pc_winograd *w = &c->as.winograd;
    const int64_t vlen = c->kernels->vlen, n = c->desc.groups * w->panels;
    const int size = c->kernels->size, parallel = c->threads > 1 && c->packed_size > 1 << 18;
#pragma omp parallel for schedule(static) num_threads(c->threads) if (parallel)
    for (int64_t i = 0; i < n; i++) {
        const int64_t g = i / w->panels;
        const range r = panel_at(c, i % w->panels);
        char *panel = pc_at_mut(packed, panel_start(c, g, r.first), size);
        for (int64_t v = 0; v < r.count; v++) {
            const int64_t oc = (r.first + v) * vlen;
            pc_winograd_filter_args f = {.kind = w->kind,
                                         .wei = pc_at(wei, (g * c->ocg + oc) * c->icg * c->taps, size),
                                         .filters = pc_min(c->ocg - oc, vlen),
                                         .channels = c->icg,
                                         .taps = c->taps,
                                         .size = (int)c->desc.kernel[1],
                                         .phases = w->phases,
                                         .dst = pc_at_mut(panel, v * vlen, size),
                                         .ld_chan = r.count * vlen,
                                         .ld_freq = segments(w) * channels(c, w) * r.count * vlen,
                                         .cut = w->cut};
            f.cut.ld_segment = channels(c, w) * r.count * vlen;
            c->kernels->winograd_filter(&f);
        }
    }
}

/* ---- run ------------------------------------------------------------------------------------------------------ */

typedef struct item {
    int64_t n, g, tile, tiles, panel, panels;
} item;

static item item_at(const pc_conv *c, int64_t i) {
    const pc_winograd *w = &c->as.winograd;
    const int64_t block = i % w->blocks;
    item it = {.tile = block_start(w, block)};
    it.tiles = block_start(w, block + 1) - it.tile;
    i /= w->blocks;
    it.panel = share_start(w->panels, w->splits, i % w->splits);
    it.panels = share_start(w->panels, w->splits, i % w->splits + 1) - it.panel;
    i /= w->splits;
    it.g = i % c->desc.groups;
    it.n = i / c->desc.groups;
    return it;
}

/* Neighbours in one row among the tiles from `tile` on: at most `most`, before `end`. */
static int64_t in_row(const pc_winograd *w, int64_t tile, int64_t end, int64_t most) {
    return pc_min(pc_min(w->tiles_w - tile % w->tiles_w, end - tile), most);
}

static void fill_offsets(const pc_conv *c, char *workspace) {
    const pc_winograd *w = &c->as.winograd;
    const int64_t vlen = c->kernels->vlen;
    int64_t *off = (int64_t *)(workspace + w->off);
    for (int64_t s = 0; s < segments(w); s++)
        for (int64_t ic = 0; ic < channels(c, w); ic++)
            *off++ = s * w->cut.ld_segment + ic / vlen * w->np * vlen + ic % vlen;
}

/* Copy what the tiles read into rows of their own, borders included, no dilation between them and each phase a channel,
 * and read that instead. */
static void gather(const pc_conv *c, pc_winograd_in_args *in, void *copy, void *row) {
    const pc_winograd *w = &c->as.winograd;
    const int64_t rows = w->n[0], cols = columns_read(w, in->tiles), pitch = copy_pitch(c, w), phases = w->phases;
    const int64_t apart = w->dilation[0], calls = apart > 1 ? rows : 1;
    pc_gather_args g = {.src = in->src,
                        .src_chan = c->src.c,
                        .src_row = c->src.h,
                        .src_col = c->src.w,
                        .in_h = c->desc.in[1],
                        .in_w = c->desc.in[2],
                        .y0 = in->y,
                        .x0 = in->x,
                        .dst = copy,
                        .chan = phases * phases * rows * pitch,
                        .phase = rows * pitch,
                        .pitch = pitch,
                        .channels = in->channels,
                        .rows = phases * rows / calls,
                        .cols = phases * cols,
                        .sh = (int)phases,
                        .sw = (int)phases,
                        .row_phases = (UINT64_C(1) << phases) - 1,
                        .col_phases = (UINT64_C(1) << phases) - 1,
                        .boundary = c->desc.boundary,
                        .fill = c->desc.fill,
                        .bytes = c->desc.src_bytes,
                        .row = row};
    for (int64_t i = 0; i < calls; i++, g.y0 += apart, g.dst = pc_at_mut(g.dst, pitch, c->kernels->size))
        c->kernels->gather(&g);
    in->dilation[0] = 1;
    in->src = copy;
    in->src_chan = rows * pitch;
    in->src_row = pitch;
    in->src_col = 1;
    in->in_h = rows;
    in->in_w = pitch;
    in->y = in->x = 0;
}

static void transform_input(const pc_conv *c, const pc_exec_args *a, const item *it, char *workspace) {
    const pc_winograd *w = &c->as.winograd;
    const pc_conv_desc *p = &c->desc;
    const int64_t vlen = c->kernels->vlen, runs = pc_ceil_div(it->tiles, w->np), end = it->tile + it->tiles;
    const int size = c->kernels->size;
    int64_t *place = (int64_t *)(workspace + w->place);
    for (int64_t r = 0, t = 0; r < runs; r++)
        for (const int64_t first = t, next = share_start(it->tiles, runs, r + 1); t < next; t++)
            place[t] = r * w->run + (t - first) * vlen;
    pc_winograd_in_args in = {.src_chan = c->src.c,
                              .src_row = c->src.h,
                              .src_col = c->src.w,
                              .in_h = p->in[1],
                              .in_w = p->in[2],
                              .step = w->step[1],
                              .dilation = {w->dilation[0], w->dilation[1]},
                              .strip = workspace + w->strip,
                              .ld_freq = w->ld_in,
                              .cut = w->cut};
    const char *image = pc_at(a->src, it->n * c->src.n + it->g * c->icg * c->src.c, c->src_size);
    const int64_t phases = w->phases * w->phases, at_once = channels_at_once(c, w);
    for (int64_t ic = 0; ic < c->icg; ic += at_once) {
        for (int64_t t = it->tile; t < end; t += in.tiles) {
            in.tiles = in_row(w, t, end, segment(w));
            in.y = w->phases * pixel_of(w, 0, t / w->tiles_w, w->step[0]) - p->pad_lo[1];
            in.x = w->phases * pixel_of(w, 1, t % w->tiles_w, w->step[1]) - p->pad_lo[2];
            in.place = place + (t - it->tile);
            in.src = pc_at(image, ic * c->src.c, c->src_size);
            in.channels = (int)pc_min(c->icg - ic, at_once);
            if (w->gathers) gather(c, &in, workspace + w->copy, workspace + w->row);
            if (phases > 1) in.channels = (int)vlen; /* of which the last may belong to nobody */
            for (int64_t v = 0; v < phases * pc_min(c->icg - ic, at_once); v += vlen) {
                in.dst = pc_at_mut(workspace, (phases * ic + v) * w->np, size);
                c->kernels->winograd_input[w->kind](&in);
                in.src = pc_at(in.src, vlen * in.src_chan, size);
            }
        }
    }
}

static void multiply(const pc_conv *c, const item *it, const void *wei, int64_t nv, char *workspace) {
    const pc_winograd *w = &c->as.winograd;
    const int64_t vlen = c->kernels->vlen, width = nv * vlen, runs = pc_ceil_div(it->tiles, w->np);
    const int size = c->kernels->size;
    const char *zeros = workspace + w->bias + w->nv * vlen * size;
    pc_channel_fn *const *tile = c->kernels->channel_tile[PC_TILE_STEPPED][nv];
    pc_channel_args a = {.off = (const int64_t *)(workspace + w->off),
                         .step = vlen,
                         .next_step = vlen,
                         .init = zeros,
                         .ld_out = w->ld_tile};
    a.wei = wei;
    for (int64_t i = 0; i < w->own[0] * w->own[1]; i++, a.wei = pc_at(a.wei, a.k * width, size)) {
        /* Frequencies y .. y + high by x .. x + wide have these weights: one, but for the last of an axis. */
        const int64_t y = i / w->own[1], x = i % w->own[1];
        const int64_t high = y + 1 < w->own[0] ? 1 : w->axis[0] - y, wide = x + 1 < w->own[1] ? 1 : w->axis[1] - x;
        a.k = depth(c, w, i);
        for (int64_t j = 0; j < high * wide; j++) {
            const int64_t f = (y + j / wide) * w->axis[1] + x + j % wide;
            for (int64_t r = 0; r < runs; r++) {
                const int64_t first = share_start(it->tiles, runs, r), np = share_start(it->tiles, runs, r + 1) - first;
                a.src = pc_at(workspace, f * w->ld_in + r * w->run, size);
                a.next = r + 1 < runs ? w->run : w->ld_in - r * w->run;
                a.out = pc_at_mut(workspace + w->sums, first * w->ld_tile + f * width, size);
                tile[np](&a);
            }
        }
    }
}

/* Where channels come first, pixels wait in L1 until a few tiles fill whole lines of the planes. */
static void transform_output(const pc_conv *c, const pc_exec_args *a, const item *it, int64_t oc, int64_t width,
                             char *workspace) {
    const pc_winograd *w = &c->as.winograd;
    const int64_t vlen = c->kernels->vlen, end = it->tile + it->tiles, pitch = w->m[1] * segment(w) * vlen;
    const int size = c->kernels->size, planar = c->dst.w == 1;
    void *image = pc_at_mut(a->dst, it->n * c->dst.n + (it->g * c->ocg + oc) * c->dst.c, size);
    const int64_t step = planar ? vlen : width, channels = pc_min(c->ocg - oc, width);
    const pc_strides waiting = {.c = 1, .h = pitch, .w = vlen};
    const int early = planar && !a->residual; /* pixels that wait lie in longer runs */
    pc_strides placed = c->dst;               /* rows of a tile */
    placed.h *= w->dilation[0];
    for (int64_t first = 0; first < channels; first += step) {
        pc_winograd_out_args out = {.bias = pc_at(workspace + w->bias, first, size),
                                    .ld_tile = w->ld_tile,
                                    .ld_freq = width,
                                    .dst_row = planar ? pitch : placed.h,
                                    .dst_col = planar ? vlen : c->dst.w,
                                    .channels = pc_min(channels - first, step),
                                    .dilation = w->dilation[1],
                                    .cut = w->cut};
        for (int64_t t = it->tile; t < end; t += out.tiles) {
            const int64_t y = pixel_of(w, 0, t / w->tiles_w, w->m[0]), x = pixel_of(w, 1, t % w->tiles_w, w->m[1]);
            char *dst = pc_at_mut(image, first * c->dst.c + y * c->dst.h + x * c->dst.w, size);
            out.tiles = in_row(w, t, end, planar ? segment(w) : end);
            out.src = pc_at(workspace + w->sums, (t - it->tile) * w->ld_tile + first, size);
            out.dst = planar ? workspace + w->strip : dst;
            out.rows = pc_min(pc_ceil_div(c->out[1] - y, w->dilation[0]), w->m[0]);
            out.cols = pc_min(c->out[2] - x, w->m[1] * out.tiles);
            if (out.rows <= 0) continue; /* fewer rows than the dilation */
            c->kernels->winograd_output[w->kind](&out);
            if (early) pc_conv_finish(c, a, &waiting, out.dst, vlen, out.rows, out.cols);
            for (int64_t r = 0; planar && r < out.rows; r++)
                c->kernels->transpose(pc_at(out.dst, r * pitch, size), vlen, out.cols, out.channels,
                                      pc_at_mut(dst, r * placed.h, size), c->dst.c);
            if (!early) pc_conv_finish(c, a, &placed, dst, out.channels, out.rows, out.cols);
        }
    }
}

static void run_item(const pc_conv *c, const pc_exec_args *a, int64_t i, char *workspace) {
    const pc_winograd *w = &c->as.winograd;
    const item at = item_at(c, i), *it = &at;
    const int64_t vlen = c->kernels->vlen;
    const int size = c->kernels->size;
    transform_input(c, a, it, workspace);
    for (int64_t p = it->panel; p < it->panel + it->panels; p++) {
        const range r = panel_at(c, p);
        const int64_t oc = r.first * vlen, width = r.count * vlen;
        multiply(c, it, pc_at(a->packed, panel_start(c, it->g, r.first), size), r.count, workspace);
        memset(workspace + w->bias, 0, (size_t)(width * size));
        if (a->bias)
            memcpy(workspace + w->bias, pc_at(a->bias, it->g * c->ocg + oc, size),
                   (size_t)(pc_min(c->ocg - oc, width) * size));
        transform_output(c, a, it, oc, width, workspace);
    }
}

static void prepare(const pc_conv *c, char *workspace) {
    const pc_winograd *w = &c->as.winograd;
    const size_t panel = (size_t)(w->nv * c->kernels->vlen * c->kernels->size);
    memset(workspace + w->bias + panel, 0, panel);                               /* where the sums start from */
    if (w->phases > 1) memset(workspace + w->copy, 0, (size_t)copy_bytes(c, w)); /* lanes that belong to nobody */
    fill_offsets(c, workspace);
}

static void run(const pc_conv *c, const pc_exec_args *a) {
    pc_conv_run_items(c, a, c->as.winograd.work, prepare, run_item);
}

const pc_algo pc_algo_winograd = {
    .name = "winograd", .reject = reject, .defer = defer, .plan = plan, .pack = pack, .run = run};
