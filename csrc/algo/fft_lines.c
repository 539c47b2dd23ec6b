/* fft_lines.c - long kernels of one row or one column, on one input channel a group, by the fast Fourier transform
 * along them (overlap-save, as in fft.c, which says what its errors are). A lane of a vector is a segment of a row of
 * the bordered image, or of a column: it gives as many outputs as any other, or one less.
 *
 *     a kernel of one row: gather segments, turn       tile[numbers of a segment][lane]
 *     a kernel of one column: gather                   the same
 *     fold, transform, multiply, transform back, unfold, add the bias
 *     (turn,) store
 *
 * Packed: whether weights are extreme [oc]; twist and roots of unity; the weights themselves, for chains; their
 * transforms [oc][n]; room to make them in. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fft.h"

enum { MOST_KERNELS = 256 << 20 }; /* bytes of their transforms */

/* Numbers of a segment: half of them is 4^a 2^b 3^c, and a multiple of any vector's length. A longer one would take
 * more than 512 KiB of workspace. */
static const int lengths[] = {64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048};

/* The axis along which the kernel lies. */
static int axis_of(const pc_conv *c) { return c->desc.kernel[2] == 1 ? 1 : 2; }

/* ---- choice --------------------------------------------------------------------------------------------------- */

/* Nanoseconds of a core of Zen 4 for a vector of 16 segments: about 1 a number, more beyond L1 and L2; the rows of a
 * column's segments lie in as many places. */
static double transform_ns(const pc_conv *c, int64_t n) {
    const double each = 1.1 + (n > 256 ? 0.3 : 0) + (n > 1024 ? 0.25 : 0);
    return (double)(PC_MAX_VLEN * n) * (each + (axis_of(c) == 2 ? 0 : n > 256 ? 0.8 : 0.4));
}

/* Vectors of segments of a plane, if they have 16 lanes. */
static int64_t vectors_of(const pc_conv *c, int64_t segments) {
    if (axis_of(c) == 1) return segments * pc_ceil_div(c->out[2], PC_MAX_VLEN);
    return pc_ceil_div(segments * c->out[1], PC_MAX_VLEN);
}

/* The best length; returns what it takes, or 0 if there is none. By the shape alone, as it decides the bits. */
static double choose(const pc_conv *c, pc_fft_lines_plan *f) {
    const int64_t k = c->desc.kernel[axis_of(c)], out = c->out[axis_of(c)];
    double least = 0;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        pc_fft_lines_plan t = {.n = lengths[i]};
        if (t.n < k || c->desc.oc > MOST_KERNELS / (t.n * c->kernels->size)) continue;
        t.segments = pc_ceil_div(out, t.n - k + 1);
        const double scattered = c->desc.oc == 1 ? 0 : 1.5 * (double)(c->out[1] * c->out[2]); /* 3 channels last */
        const double ns = ((double)vectors_of(c, t.segments) * transform_ns(c, t.n) + scattered) * (double)c->desc.oc;
        if (least == 0 || ns < least) {
            least = ns;
            *f = t;
        }
    }
    return least;
}

static const char *reject(const pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    pc_fft_lines_plan ignored;
    if (p->precision == PC_STRICT) return "strict precision asks for the chain of FMAs";
    if (c->icg != 1) return "a group has more than one input channel";
    if (!pc_conv_is_flat(c)) return "the problem has a depth";
    if (p->kernel[1] != 1 && p->kernel[2] != 1) return "the kernel is neither one row nor one column";
    if (p->stride[1] != 1 || p->stride[2] != 1) return "the stride is not 1";
    if (p->dilation[1] != 1 || p->dilation[2] != 1) return "the kernel is dilated";
    return choose(c, &ignored) > 0 ? 0 : "no segment of the kernel's length fits the workspace";
}

static const char *defer(const pc_conv *c) {
    pc_fft_lines_plan ignored;
    const int gflops = axis_of(c) == 2 ? 90 : 60; /* of a direct algorithm */
    const double direct = (double)(c->desc.oc * c->out[1] * c->out[2]) * (double)c->taps * 2 / gflops;
    return choose(c, &ignored) < 0.9 * direct ? 0 : "the kernel is too small to gain from transforms";
}

/* ---- plan ----------------------------------------------------------------------------------------------------- */

/* Offsets of what is packed, in elements. */
typedef struct parts {
    int64_t twist, roots, taps, kernels, room, all;
} parts;

static parts parts_of(const pc_conv *c) {
    const pc_fft_lines_plan *f = &c->as.fft_lines;
    enum { LINE = 16 };
    parts p = {.twist = pc_round_up(c->desc.oc, LINE)};
    p.roots = p.twist + pc_round_up(f->n, LINE);
    p.taps = p.roots + pc_round_up(pc_fft_roots(f->n / 2), LINE);
    p.kernels = p.taps + pc_round_up(c->desc.oc * c->taps, LINE);
    p.room = p.kernels + c->desc.oc * f->n;
    p.all = p.room + f->n * c->kernels->vlen;
    return p;
}

static void plan(pc_conv *c) {
    pc_fft_lines_plan *f = &c->as.fft_lines;
    const int64_t vector = c->kernels->vlen * c->kernels->size, vlen = c->kernels->vlen;
    const double ns = choose(c, f);
    f->vectors = axis_of(c) == 1 ? pc_ceil_div(c->out[2], vlen) : pc_ceil_div(c->out[1] * f->segments, vlen);
    if (axis_of(c) == 1) f->vectors *= f->segments;
    f->work = c->desc.mb * c->desc.oc * f->vectors;
    f->points = f->n * vector;
    f->lines = 2 * f->points;
    f->seen = f->lines + (axis_of(c) == 2 ? f->points : 0);
    f->row = f->seen + 64;
    const int64_t row = pc_min(pc_max(f->n, vlen), c->desc.in[2]) * c->kernels->size; /* of one channel, widened */
    f->table = f->row + (c->desc.src_type ? pc_round_up(row, 64) : 0);
    c->workspace_per_thread = (size_t)(f->table + (1 + c->taps) * 8);
    c->packed_size = (size_t)(parts_of(c).all * c->kernels->size);
    c->threads =
        pc_conv_useful_threads(c, (int)pc_max(1, (int64_t)((double)c->flops / ns / (double)pc_max(1, c->desc.mb))));
    c->threads = (int)pc_max(1, pc_min(c->threads, f->work));
    snprintf(c->tile, sizeof c->tile, "FFT of %d, %d at once", (int)f->n, (int)vlen);
}

/* ---- pack ----------------------------------------------------------------------------------------------------- */

/* Fold the taps, mirrored as correlation wants them, with the sign of what wraps around, into lane 0 of points; and
 * take the transform from there. */
#define DEFINE_PLACE(T)                                                                                                \
    static void place_##T(int64_t n, int64_t vlen, const T *wei, int64_t taps, const T *twist, T *points) {            \
        const T scale = (T)(2.0 / (double)n);                                                                          \
        for (int64_t q = 0; q < taps; q++) {                                                                           \
            const T w = (q ? -wei[q] : wei[q]) * scale;                                                                \
            const int64_t at = q ? n - q : 0, y = at % (n / 2);                                                        \
            T *re = points + 2 * y * vlen, *im = re + vlen;                                                            \
            const T turned_re = w * twist[2 * y], turned_im = w * twist[2 * y + 1];                                    \
            *re += at == y ? turned_re : -turned_im;                                                                   \
            *im += at == y ? turned_im : turned_re;                                                                    \
        }                                                                                                              \
    }                                                                                                                  \
    static void take_##T(int64_t n, int64_t vlen, const T *points, T *to) {                                            \
        for (int64_t i = 0; i < n; i++) to[i] = points[i * vlen];                                                      \
    }

DEFINE_PLACE(float)
DEFINE_PLACE(double)

static void pack(const pc_conv *c, const void *wei, void *packed) {
    const int64_t n = c->as.fft_lines.n, vlen = c->kernels->vlen;
    const parts p = parts_of(c);
    const int size = c->kernels->size;
    char *room = pc_at_mut(packed, p.room, size), *twist = pc_at_mut(packed, p.twist, size);
    char *roots = pc_at_mut(packed, p.roots, size), *taps = pc_at_mut(packed, p.taps, size);
    memset(packed, 0, (size_t)(p.all * size)); /* no gap between the parts holds what it pleases */
    pc_fft_fill_roots(size, n / 2, roots);
    pc_fft_fill_twist(size, n, twist);
    memcpy(taps, wei, (size_t)(c->desc.oc * c->taps * size)); /* one row, or one column: [kw][kh] */
    for (int64_t oc = 0; oc < c->desc.oc; oc++) {
        const void *from = pc_at(wei, oc * c->taps, size);
        void *to = pc_at_mut(packed, p.kernels + oc * n, size);
        memset(room, 0, (size_t)(n * vlen * size));
        if (size == 4)
            place_float(n, vlen, from, c->taps, (const float *)twist, (float *)room);
        else
            place_double(n, vlen, from, c->taps, (const double *)twist, (double *)room);
        c->kernels->fft_points(0, n / 2, roots, room);
        if (size == 4)
            take_float(n, vlen, (const float *)room, to);
        else
            take_double(n, vlen, (const double *)room, to);
        *pc_at_mut(packed, oc, size) = (char)pc_fft_extreme(from, c->taps, 2.0 / (double)n, size);
    }
    memset(room, 0, (size_t)(n * vlen * size));
}

/* ---- run ------------------------------------------------------------------------------------------------------ */

/* rows x cols bordered pixels from (y, x) on. */
static void gather(const pc_conv *c, const void *plane, int64_t y, int64_t x, int64_t rows, int64_t cols,
                   char *workspace, void *dst, int64_t pitch) {
    const pc_conv_desc *p = &c->desc;
    const pc_gather_args g = {.src = plane,
                              .src_row = c->src.h,
                              .src_col = c->src.w,
                              .in_h = p->in[1],
                              .in_w = p->in[2],
                              .y0 = y - p->pad_lo[1],
                              .x0 = x - p->pad_lo[2],
                              .dst = dst,
                              .pitch = pitch,
                              .channels = 1,
                              .rows = rows,
                              .cols = cols,
                              .sh = 1,
                              .sw = 1,
                              .row_phases = 1,
                              .col_phases = 1,
                              .boundary = p->boundary,
                              .fill = p->fill,
                              .bytes = p->src_type != PC_ELEMENTS,
                              .row = workspace + c->as.fft_lines.row};
    c->kernels->gather(&g);
}

/* n results, side by side, to outputs. */
static void put_row(const pc_conv *c, const char *src, int64_t n, char *dst) {
    const int64_t size = c->kernels->size;
    if (c->dst.w == 1)
        memcpy(dst, src, (size_t)(n * size));
    else
        for (int64_t x = 0; x < n; x++) memcpy(dst + x * c->dst.w * size, src + x * size, (size_t)size);
}

/* A vector of segments of a plane. */
typedef struct item {
    const pc_exec_args *args;
    pc_fft_line_args line;
    const void *plane, *taps;
    char *dst, *workspace;
    int64_t vector;
    int extreme; /* the weights */
} item;

/* Whether a segment must be computed as chains. By itself: which others share the vector depends on its length. */
static int must_chain(const pc_conv *c, const item *t, int64_t lane) {
    return t->extreme || isnan(pc_fft_number(t->line.seen, lane, c->kernels->size));
}

/* Where result y of lane 0 is. */
static char *result(const pc_conv *c, const item *t, int64_t y) {
    const int64_t half = t->line.n / 2;
    return pc_at_mut(t->line.points, (2 * (y % half) + y / half) * c->kernels->vlen, c->kernels->size);
}

/* Segments of the columns of a plane. */
static void run_columns(const pc_conv *c, const item *t) {
    const pc_fft_lines_plan *f = &c->as.fft_lines;
    const int size = c->kernels->size;
    const int64_t vlen = c->kernels->vlen, height = c->out[1], half = f->n / 2;
    const int64_t x = t->vector / f->segments * vlen, segment = t->vector % f->segments;
    const int64_t y0 = segment * height / f->segments, n = (segment + 1) * height / f->segments - y0;
    const int64_t rows = n + c->taps - 1, cols = pc_min(vlen, c->out[2] - x);
    if (cols < vlen || rows < f->n) memset(t->workspace, 0, (size_t)f->points);
    gather(c, t->plane, y0, x, rows, cols, t->workspace, t->workspace, vlen);
    c->kernels->fft_line(&t->line);
    for (int64_t i = 0; i < cols; i++)
        for (int64_t y = 0; y < n && must_chain(c, t, i); y += half)
            pc_fft_chains(c, pc_at(t->workspace, y * vlen + i, size), vlen, f->n, 1, t->taps, t->line.bias,
                          pc_min(half, n - y), 1, pc_at_mut(result(c, t, y), i, size), 2 * vlen,
                          t->workspace + f->table);
    char *dst = pc_at_mut(t->dst, y0 * c->dst.h + x * c->dst.w, size);
    for (int64_t y = 0; y < n; y++) put_row(c, result(c, t, y), cols, pc_at_mut(dst, y * c->dst.h, size));
    pc_conv_finish(c, t->args, &c->dst, dst, 1, n, cols);
}

/* Segments of a plane's rows: lane i of vector v is row (v * lanes + i) % rows of segment (v * lanes + i) / rows. */
static void run_rows(const pc_conv *c, const item *t) {
    const pc_fft_lines_plan *f = &c->as.fft_lines;
    const pc_kernels *k = c->kernels;
    const int64_t vlen = k->vlen, height = c->out[1], width = c->out[2], half = f->n / 2;
    const int64_t first = t->vector * vlen, end = pc_min(first + vlen, f->segments * height);
    char *lines = t->workspace + f->lines, *results = t->workspace; /* [lane][numbers] */
    int64_t longest = 0;
    memset(lines, 0, (size_t)f->points);
    for (int64_t i = first, run; i < end; i += run) {
        const int64_t segment = i / height, y = i % height, x0 = segment * width / f->segments;
        const int64_t n = (segment + 1) * width / f->segments - x0;
        run = pc_min(end - i, height - y);
        longest = pc_max(longest, n);
        gather(c, t->plane, y, x0, run, n + c->taps - 1, t->workspace, pc_at_mut(lines, (i - first) * f->n, k->size),
               f->n);
    }
    k->transpose(lines, f->n, vlen, f->n, t->workspace, vlen);
    k->fft_line(&t->line);
    for (int64_t x = 0; x < longest; x += half)
        k->transpose(result(c, t, x), 2 * vlen, pc_min(half, longest - x), vlen, pc_at_mut(results, x, k->size), f->n);
    for (int64_t i = first; i < end; i++) {
        const int64_t segment = i / height, x0 = segment * width / f->segments;
        const int64_t n = (segment + 1) * width / f->segments - x0, at = (i - first) * f->n;
        char *dst = pc_at_mut(t->dst, i % height * c->dst.h + x0 * c->dst.w, k->size),
             *row = pc_at_mut(results, at, k->size);
        if (must_chain(c, t, i - first))
            pc_fft_chains(c, pc_at(lines, at, k->size), 0, 1, f->n, t->taps, t->line.bias, 1, n, row, 0,
                          t->workspace + f->table);
        put_row(c, row, n, dst);
        pc_conv_finish(c, t->args, &c->dst, dst, 1, 1, n);
    }
}

static void run_item(const pc_conv *c, const pc_exec_args *a, int64_t i, char *workspace) {
    const pc_fft_lines_plan *f = &c->as.fft_lines;
    const parts p = parts_of(c);
    const int size = c->kernels->size;
    const int64_t plane = i / f->vectors, n = plane / c->desc.oc, oc = plane % c->desc.oc;
    const item t = {.args = a,
                    .line = {.n = f->n,
                             .twist = pc_at(a->packed, p.twist, size),
                             .roots = pc_at(a->packed, p.roots, size),
                             .wei = pc_at(a->packed, p.kernels + oc * f->n, size),
                             .bias = pc_fft_number(a->bias, oc, size),
                             .tile = workspace,
                             .points = workspace + f->points,
                             .seen = workspace + f->seen},
                    .plane = pc_at(a->src, n * c->src.n + oc / c->ocg * c->src.c, c->src_size),
                    .taps = pc_at(a->packed, p.taps + oc * c->taps, size),
                    .dst = pc_at_mut(a->dst, n * c->dst.n + oc * c->dst.c, size),
                    .workspace = workspace,
                    .vector = i % f->vectors,
                    .extreme = *pc_at(a->packed, oc, size)};
    (axis_of(c) == 1 ? run_columns : run_rows)(c, &t);
}

static void run(const pc_conv *c, const pc_exec_args *a) { pc_conv_run_items(c, a, c->as.fft_lines.work, 0, run_item); }

const pc_algo pc_algo_fft_lines = {
    .name = "fft_lines", .reject = reject, .defer = defer, .plan = plan, .pack = pack, .run = run};
