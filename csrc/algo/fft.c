/* fft.c - large kernels on one input channel a group, by the fast Fourier transform of tiles (overlap-save: Stockham
 * 1966; Helms 1967). A tile of the bordered image is transformed, multiplied with the transform of the kernel, and
 * transformed back; of its results those that no wrap-around has touched are stored.
 *
 *     gather a tile, real numbers                         tile[rows][cols]
 *     fold and transform down its columns, turn           spectrum[frequencies of a vector][cols] of points
 *     for each vector of frequencies: transform along the row, multiply with the kernel's, transform back
 *     turn, transform back, unfold, add the bias, store
 *
 * Real numbers cost no more than half as many complex ones: rows y and y + rows / 2 are folded to one, z = (a + i b)
 * exp(pi i y / rows), whose products are convolutions that change sign where they wrap around (Nussbaumer, Fast Fourier
 * Transform and Convolution Algorithms, 2nd ed., 1982). No output depends on what wraps.
 *
 * An error of this algorithm is small against the largest numbers of a tile, not against those that an output reads:
 * half to one and a half times a chain's on numbers of like size. An infinity or NaN would spread over the tile, and so
 * would an overflow, so a tile that holds a very large number is computed as the chain, by the kernels of rows.c; and
 * all of a channel with extreme weights.
 *
 * Packed: whether weights are extreme [oc]; roots of unity; weights as rows.c has them [oc][kw][kh]; transforms of the
 * kernels [oc][spectrum]; room to make them in. */
#include <stdio.h>
#include <string.h>

#include "fft.h"

enum {
    MOST = 512 << 10,         /* bytes of workspace */
    MOST_KERNELS = 256 << 20, /* bytes of their transforms */
};

/* Sizes of a tile: half of a height, and a width, are a multiple of any vector's length. */
static const int heights[] = {32, 64, 96, 128, 192, 256}, widths[] = {16, 32, 48, 64, 96, 128, 192, 256};

/* ---- choice --------------------------------------------------------------------------------------------------- */

/* Byte offsets in a workspace where `most` channels, of which channels last are turned at once, have a tile each;
 * returns its bytes. */
static int64_t lay_out_for(const pc_conv *c, pc_fft_plan *f, int64_t most) {
    const int64_t size = c->kernels->size, spectrum = f->rows * f->cols * size;
    const int planar = c->src.w == 1 && c->dst.w == 1;
    f->ld_tile = pc_odd_lines(f->cols, c->kernels->size);
    f->held = planar ? 1 : pc_min(most, c->desc.groups);
    f->kept = c->dst.w == 1 ? 0 : pc_min(most, c->desc.oc);
    f->points = f->held * f->rows * f->ld_tile * size;
    f->spectrum = f->points + f->rows * PC_MAX_VLEN * size;
    f->product = f->spectrum + (c->ocg > 1 ? spectrum : 0);
    f->turned = f->product + spectrum;
    f->row = f->turned + f->kept * spectrum;
    f->table = f->row + pc_conv_row_bytes(c, pc_min(f->cols, c->desc.in[2]));
    return f->table + (c->desc.kernel[1] + c->desc.kernel[2]) * 8;
}

/* Whether one channel at least has room, in any layout and with bytes: neither may decide the tile, nor so the bits. */
static int fits(const pc_conv *c, const pc_fft_plan *f) {
    const int64_t size = c->kernels->size, tiles = 3 + (c->ocg > 1), spare = 2 * PC_MAX_VLEN;
    return tiles * f->rows * pc_odd_lines(f->cols, (int)size) * size + (f->rows + f->cols) * spare * size +
               (c->desc.kernel[1] + c->desc.kernel[2]) * 8 <=
           MOST;
}

static int64_t lay_out(const pc_conv *c, pc_fft_plan *f) {
    int64_t most = PC_MAX_VLEN;
    while (most > 1 && lay_out_for(c, f, most) > MOST) most--;
    return lay_out_for(c, f, most);
}

/* Nanoseconds of a core of Zen 4, there and back, with vectors of 16 floats: 1 a pixel of a tile that stays in L1 (the
 * transforms grow with its logarithm, but what is done once does not shrink), and more where a vector of rows, a vector
 * of columns or the tile leave their caches. */
static double transform_ns(int64_t rows, int64_t cols) {
    const int64_t pixels = rows * cols;
    const double each = 1.05 + (cols > 192 ? 0.5 : 0) + (rows > 192 ? 0.3 : 0) + (pixels > 8192 ? 0.15 : 0) +
                        (pixels > 24576 ? 0.3 : 0);
    return (double)pixels * each;
}

/* All tiles of an image: transforms there of each input, back of each output, half of it for columns that are stored
 * alone; and reading the kernels' transforms, where a group has several for each tile. */
static double tiled_ns(const pc_conv *c, const pc_fft_plan *f) {
    const double pixels = (double)(f->rows * f->cols), tiles = (double)(f->down * f->across);
    const double stored = (double)pc_round_up(pc_ceil_div(c->out[2], f->across), PC_MAX_VLEN) / (double)f->cols;
    const double once = transform_ns(f->rows, f->cols) / 2, back = 0.8 * once * (1 + stored) / 2;
    const double kernels = (double)c->desc.oc * pixels * 4 / 40 * (c->ocg > 1 ? tiles : 1);
    const double turning = c->desc.oc > 1 ? 0.25 * pixels : 0; /* 0.5 where channels are last */
    return tiles * (1.2 * once * (double)c->desc.groups + (back + turning) * (double)c->desc.oc) + kernels;
}

/* Of a direct algorithm: 100 GFLOP/s, less on small planes. */
static double direct_ns(const pc_conv *c) {
    const int64_t across = pc_round_up(c->out[2], PC_MAX_VLEN);
    const int gflops = c->ocg > 1 || c->out[1] * across > 8192 ? 100 : 85;
    return (double)(c->desc.oc * c->out[1] * across) * (double)c->taps * 2 / gflops;
}

/* Tiles of n pixels along an axis. A small image with a wide border of zeros needs one only: where what wraps around,
 * at either end, are zeros. */
static int64_t tiles_along(const pc_conv *c, int axis, int64_t n) {
    const pc_conv_desc *p = &c->desc;
    const int64_t in = p->in[axis], out = c->out[axis], before = p->pad_lo[axis], bordered = out + p->kernel[axis] - 1;
    if (p->boundary == PC_ZEROS && n >= pc_max(out, pc_max(before + in, bordered - before))) return 1;
    return pc_ceil_div(out, n - p->kernel[axis] + 1);
}

static int takes(const pc_conv *c, const pc_fft_plan *t) {
    if (t->rows < c->desc.kernel[1] || t->cols < c->desc.kernel[2] || !fits(c, t)) return 0;
    return c->desc.oc <= MOST_KERNELS / (t->rows * t->cols * c->kernels->size);
}

/* Whether there is any tile: the smallest that holds the kernel comes first. */
static int takes_any(const pc_conv *c) {
    for (size_t i = 0; i < sizeof heights / sizeof *heights; i++)
        for (size_t j = 0; j < sizeof widths / sizeof *widths; j++)
            if (takes(c, &(pc_fft_plan){.rows = heights[i], .cols = widths[j]})) return 1;
    return 0;
}

/* The best tile; returns what it takes, or 0 if there is none. By the shape alone, as it decides the bits. */
static double choose(const pc_conv *c, pc_fft_plan *f) {
    double least = 0;
    for (size_t i = 0; i < sizeof heights / sizeof *heights; i++)
        for (size_t j = 0; j < sizeof widths / sizeof *widths; j++) {
            pc_fft_plan t = {.rows = heights[i], .cols = widths[j]};
            if (!takes(c, &t)) continue;
            t.down = tiles_along(c, 1, t.rows);
            t.across = tiles_along(c, 2, t.cols);
            const double ns = tiled_ns(c, &t);
            if (least == 0 || ns < least) {
                least = ns;
                *f = t;
            }
        }
    return least;
}

static const char *reject(const pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    if (p->precision == PC_STRICT) return "strict precision asks for the chain of FMAs";
    if (c->icg != 1) return "a group has more than one input channel";
    if (!pc_conv_is_flat(c)) return "the problem has a depth";
    if (p->stride[1] != 1 || p->stride[2] != 1) return "the stride is not 1";
    if (p->dilation[1] != 1 || p->dilation[2] != 1) return "the kernel is dilated";
    return takes_any(c) ? 0 : "no tile of the kernel's size fits the workspace";
}

static const char *defer(const pc_conv *c) {
    enum { FEW = 25 }; /* taps that never gain, for which a plan need not spend 1 us on weighing tiles */
    pc_fft_plan ignored;
    if (c->taps < FEW) return "the kernel is too small to gain from transforms";
    return choose(c, &ignored) < 0.85 * direct_ns(c) ? 0 : "the kernel is too small to gain from transforms";
}

/* ---- plan ----------------------------------------------------------------------------------------------------- */

/* Offsets of what is packed, in elements. */
typedef struct parts {
    int64_t twist, row_roots, col_roots, taps, kernels, room, all;
} parts;

static parts parts_of(const pc_conv *c) {
    const pc_fft_plan *f = &c->as.fft;
    enum { LINE = 16 };
    parts p = {.twist = pc_round_up(c->desc.oc, LINE)};
    p.row_roots = p.twist + pc_round_up(f->rows, LINE);
    p.col_roots = p.row_roots + pc_round_up(pc_fft_roots(f->rows / 2), LINE);
    p.taps = p.col_roots + pc_round_up(pc_fft_roots(f->cols), LINE);
    p.kernels = p.taps + pc_round_up(c->desc.oc * c->taps, LINE);
    p.room = p.kernels + c->desc.oc * f->rows * f->cols;
    p.all = p.room + f->rows * (f->ld_tile + PC_MAX_VLEN);
    return p;
}

static void plan(pc_conv *c) {
    pc_fft_plan *f = &c->as.fft;
    const double ns = choose(c, f);
    c->workspace_per_thread = (size_t)lay_out(c, f);
    c->packed_size = (size_t)(parts_of(c).all * c->kernels->size);
    f->work = c->desc.mb * pc_ceil_div(c->desc.groups, f->held) * f->down * f->across;
    c->threads =
        pc_conv_useful_threads(c, (int)(pc_max(1, (int64_t)((double)c->flops / ns / (double)pc_max(1, c->desc.mb)))));
    c->threads = (int)pc_max(1, pc_min(c->threads, f->work));
    snprintf(c->tile, sizeof c->tile, "FFT of %d x %d", (int)f->rows, (int)f->cols);
}

/* What a transform there and back multiplies numbers with, undone beforehand on the weights. */
static double scale_of(const pc_fft_plan *f) { return 2.0 / (double)(f->rows * f->cols); }

/* ---- pack ----------------------------------------------------------------------------------------------------- */

#define DEFINE_PLACE(T)                                                                                                  \
    /* Taps in the order of rows.c; and mirrored in the first row and column of a tile, as correlation wants them,     \
     * with the sign of what wraps around down. */ \
    static void place_##T(const pc_conv *c, const T *wei, T *taps, T *tile) {                                            \
        const pc_fft_plan *f = &c->as.fft;                                                                               \
        const int64_t kh = c->desc.kernel[1], kw = c->desc.kernel[2];                                                    \
        const double scale = scale_of(f);                                                                                \
        for (int64_t q = 0; q < kh; q++)                                                                                 \
            for (int64_t s = 0; s < kw; s++) {                                                                           \
                const T w = wei[q * kw + s];                                                                             \
                taps[s * kh + q] = w;                                                                                    \
                tile[(q ? f->rows - q : 0) * f->ld_tile + (s ? f->cols - s : 0)] = (T)((q ? -w : w) * scale);            \
            }                                                                                                            \
    }

DEFINE_PLACE(float)
DEFINE_PLACE(double)

static pc_fft_args args_of(const pc_conv *c, const void *packed, char *room) {
    const parts p = parts_of(c);
    const pc_fft_plan *f = &c->as.fft;
    const int size = c->kernels->size;
    return (pc_fft_args){.rows = f->rows,
                         .cols = f->cols,
                         .tile = room,
                         .ld_tile = f->ld_tile,
                         .twist = pc_at(packed, p.twist, size),
                         .row_roots = pc_at(packed, p.row_roots, size),
                         .points = room + f->points};
}

/* Transform or transform back all rows of a spectrum. */
static void along_rows(const pc_conv *c, int back, const void *roots, char *spectrum) {
    const pc_fft_plan *f = &c->as.fft;
    const int64_t vector = f->cols * 2 * c->kernels->vlen * c->kernels->size;
    const int64_t vectors = f->rows / 2 / c->kernels->vlen;
    for (int64_t v = 0; v < vectors; v++) c->kernels->fft_points(back, f->cols, roots, spectrum + v * vector);
}

static void pack(const pc_conv *c, const void *wei, void *packed) {
    const pc_fft_plan *f = &c->as.fft;
    const parts p = parts_of(c);
    const int size = c->kernels->size;
    char *room = pc_at_mut(packed, p.room, size);
    pc_fft_args args = args_of(c, packed, room);
    args.points = pc_at_mut(room, f->rows * f->ld_tile, size);
    void *const row_roots = pc_at_mut(packed, p.row_roots, size), *const col_roots =
                                                                      pc_at_mut(packed, p.col_roots, size);
    void *const twist = pc_at_mut(packed, p.twist, size);
    memset(packed, 0, (size_t)(p.kernels * size)); /* no gap between the parts holds what it pleases */
    memset(room, 0, (size_t)((p.all - p.room) * size));
    pc_fft_fill_roots(size, f->rows / 2, row_roots);
    pc_fft_fill_roots(size, f->cols, col_roots);
    pc_fft_fill_twist(size, f->rows, twist);
    for (int64_t oc = 0; oc < c->desc.oc; oc++) {
        const void *from = pc_at(wei, oc * c->taps, size);
        void *taps = pc_at_mut(packed, p.taps + oc * c->taps, size);
        if (size == 4)
            place_float(c, from, taps, (float *)room);
        else
            place_double(c, from, taps, (double *)room);
        args.spectrum = pc_at_mut(packed, p.kernels + oc * f->rows * f->cols, size);
        c->kernels->fft_in(&args);
        *pc_at_mut(packed, oc, size) = (char)pc_fft_extreme(from, c->taps, scale_of(f), size);
        along_rows(c, 0, col_roots, args.spectrum);
    }
    memset(room, 0, (size_t)((p.all - p.room) * size));
}

/* ---- run ------------------------------------------------------------------------------------------------------ */

/* A tile of some groups of an image: its outputs, and where its bordered pixels begin. */
typedef struct place {
    int64_t n, group, end, y, x, rows, cols;
} place;

static place place_of(const pc_conv *c, int64_t i) {
    const pc_fft_plan *f = &c->as.fft;
    const int64_t across = i % f->across, down = i / f->across % f->down, planes = i / f->across / f->down;
    const int64_t runs = pc_ceil_div(c->desc.groups, f->held);
    place t = {.n = planes / runs, .group = planes % runs * f->held};
    t.end = pc_min(t.group + f->held, c->desc.groups);
    t.y = down * c->out[1] / f->down;
    t.x = across * c->out[2] / f->across;
    t.rows = (down + 1) * c->out[1] / f->down - t.y;
    t.cols = (across + 1) * c->out[2] / f->across - t.x;
    return t;
}

static void gather_tiles(const pc_conv *c, const pc_exec_args *a, const place *t, char *workspace) {
    const pc_conv_desc *p = &c->desc;
    const pc_fft_plan *f = &c->as.fft;
    const pc_gather_args g = {.src = pc_at(a->src, t->n * c->src.n + t->group * c->src.c, c->src_size),
                              .src_chan = c->src.c,
                              .src_row = c->src.h,
                              .src_col = c->src.w,
                              .in_h = p->in[1],
                              .in_w = p->in[2],
                              .y0 = t->y - p->pad_lo[1],
                              .x0 = t->x - p->pad_lo[2],
                              .dst = workspace,
                              .chan = f->rows * f->ld_tile,
                              .pitch = f->ld_tile,
                              .channels = t->end - t->group,
                              .rows = pc_min(t->rows + p->kernel[1] - 1, f->rows),
                              .cols = pc_min(t->cols + p->kernel[2] - 1, f->cols),
                              .sh = 1,
                              .sw = 1,
                              .row_phases = 1,
                              .col_phases = 1,
                              .boundary = p->boundary,
                              .fill = p->fill,
                              .bytes = p->src_type != PC_ELEMENTS,
                              .row = workspace + f->row};
    if (g.rows < f->rows || g.cols < f->cols) memset(workspace, 0, (size_t)f->points);
    c->kernels->gather(&g);
}

/* One output channel of a tile, from the transform of its pixels, or where that is not finite from themselves. */
static void run_output(const pc_conv *c, const pc_exec_args *a, const place *t, int64_t oc, int finite,
                       pc_fft_args *args, char *workspace, char *dst, int64_t ld_dst) {
    const pc_fft_plan *f = &c->as.fft;
    const parts p = parts_of(c);
    const int size = c->kernels->size;
    const double bias = pc_fft_number(a->bias, oc, size);
    if (!finite || *pc_at(a->packed, oc, size)) {
        pc_fft_chains(c, args->tile, f->ld_tile, f->rows, f->cols, pc_at(a->packed, p.taps + oc * c->taps, size), bias,
                      t->rows, t->cols, dst, ld_dst, workspace + f->table);
        return;
    }
    args->spectrum = workspace + f->product;
    c->kernels->fft_product(f->rows * f->cols / 2 / c->kernels->vlen, workspace + f->spectrum,
                            pc_at(a->packed, p.kernels + oc * f->rows * f->cols, size), args->spectrum);
    along_rows(c, 1, pc_at(a->packed, p.col_roots, size), args->spectrum);
    c->kernels->fft_out(args, bias, t->rows, t->cols, dst, ld_dst);
}

/* Channels last: `channels` results wait in tiles of their own. */
static void turn(const pc_conv *c, const place *t, int64_t channels, const char *src, char *dst) {
    const pc_fft_plan *f = &c->as.fft;
    const int size = c->kernels->size;
    for (int64_t y = 0; y < t->rows; y++)
        c->kernels->transpose(pc_at(src, y * f->cols, size), f->rows * f->cols, channels, t->cols,
                              pc_at_mut(dst, y * c->dst.h, size), c->dst.w);
}

/* A tile of some groups and all their outputs. */
static void run_item(const pc_conv *c, const pc_exec_args *a, int64_t i, char *workspace) {
    const pc_fft_plan *f = &c->as.fft;
    const int size = c->kernels->size;
    const place t = place_of(c, i);
    pc_fft_args args = args_of(c, a->packed, workspace);
    int64_t waiting = 0;
    gather_tiles(c, a, &t, workspace);
    for (int64_t group = t.group; group < t.end; group++) {
        args.tile = pc_at(workspace, (group - t.group) * f->rows * f->ld_tile, size);
        args.spectrum = workspace + f->spectrum;
        const int finite = !c->kernels->fft_in(&args);
        if (finite) along_rows(c, 0, pc_at(a->packed, parts_of(c).col_roots, size), args.spectrum);
        for (int64_t oc = group * c->ocg; oc < (group + 1) * c->ocg; oc++) {
            char *out = pc_at_mut(a->dst, t.n * c->dst.n + oc * c->dst.c + t.y * c->dst.h + t.x * c->dst.w, size);
            if (!f->kept) {
                run_output(c, a, &t, oc, finite, &args, workspace, out, c->dst.h);
                pc_conv_finish(c, a, &c->dst, out, 1, t.rows, t.cols);
                continue;
            }
            char *result = pc_at_mut(workspace + f->turned, waiting++ * f->rows * f->cols, size);
            run_output(c, a, &t, oc, finite, &args, workspace, result, f->cols);
            if (waiting < f->kept && oc + 1 < t.end * c->ocg) continue;
            out -= (waiting - 1) * c->dst.c * size;
            turn(c, &t, waiting, workspace + f->turned, out);
            pc_conv_finish(c, a, &c->dst, out, waiting, t.rows, t.cols);
            waiting = 0;
        }
    }
}

static void run(const pc_conv *c, const pc_exec_args *a) { pc_conv_run_items(c, a, c->as.fft.work, 0, run_item); }

const pc_algo pc_algo_fft = {.name = "fft", .reject = reject, .defer = defer, .plan = plan, .pack = pack, .run = run};
