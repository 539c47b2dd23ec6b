/* max_pool.c - max pooling over channels first (columns in lanes), over channels last (channels in lanes), both
 * straight from the image, and a plain loop for indices and mixed layouts. Windows that move by more than 2 columns, or
 * by 2 with dilation, go through a strip: rows gathered phase by phase, bordered with minus infinity. */
#include <math.h>
#include <omp.h>

#include "pool.h"

enum {
    STRIP = 24 << 10, /* bytes: within L1 beside the output */
    MOST = 384 << 10, /* bytes of strip that one output row may need */
    TAPS = 4096,      /* window positions that the pointer table holds */
};

static int64_t reach(const pc_pool *p, int axis) { return (p->desc.window[axis] - 1) * p->desc.dilation[axis] + 1; }

/* Elements of strip for `rows` output rows of one plane, all depth taps. */
static int64_t strip_elements(const pc_pool *p, int64_t rows, int64_t *pitch, int64_t *phase) {
    const pc_pool_desc *d = &p->desc;
    const int64_t wide = (p->out[2] - 1) * d->stride[2] + reach(p, 2), high = (rows - 1) * d->stride[1] + reach(p, 1);
    *pitch = pc_ceil_div(wide, d->stride[2]) + PC_MAX_VLEN; /* the kernel reads whole vectors */
    *phase = high * *pitch;
    return *phase * d->stride[2] * d->window[0];
}

/* Whether the kernel can read rows of the image itself. */
static int is_direct(const pc_pool *p) {
    return p->desc.stride[2] == 1 || (p->desc.stride[2] == 2 && p->desc.dilation[2] == 1);
}

pc_pool_path pc_pool_choose(const pc_pool *p) {
    const pc_pool_desc *d = &p->desc;
    const int64_t taps = d->window[0] * d->window[1] * d->window[2];
    if (d->with_indices || taps > TAPS) return PC_POOL_PLAIN;
    if (p->src.c == 1 && p->dst.c == 1 && d->c > 1) return PC_POOL_CHANNELS;
    int64_t pitch, phase;
    if (p->src.w == 1 && p->dst.w == 1 && (is_direct(p) || strip_elements(p, 1, &pitch, &phase) * 8 <= MOST))
        return PC_POOL_PLANES;
    return PC_POOL_PLAIN;
}

void pc_pool_plan(pc_pool *p) {
    const pc_pool_desc *d = &p->desc;
    const int64_t planes = d->mb * d->c * p->out[0];
    p->bands = 1;
    p->workspace_per_thread = 0;
    const pc_pool_path path = pc_pool_choose(p);
    if (path == PC_POOL_PLANES) {
        int64_t strip = 0;
        if (is_direct(p)) { /* bands only where planes are too few to share among the threads */
            if (p->threads > 1) p->bands = pc_max(1, pc_min(pc_ceil_div(4 * p->threads, pc_max(1, planes)), p->out[1]));
        } else {
            int64_t rows = 1;
            while (rows < p->out[1] && strip_elements(p, rows + 1, &p->pitch, &p->phase) * p->kernels->size <= STRIP)
                rows++;
            p->bands = pc_ceil_div(p->out[1], rows);
            strip = strip_elements(p, pc_ceil_div(p->out[1], p->bands), &p->pitch, &p->phase) * p->kernels->size;
            p->slice = p->phase * d->stride[2];
        }
        p->tables = pc_round_up(strip, 64);
        p->workspace_per_thread =
            (size_t)(p->tables + pc_round_up((d->window[0] * d->window[1] + d->window[2]) * 8, 64));
    } else if (path == PC_POOL_CHANNELS) {
        p->tables = 0;
        p->workspace_per_thread = (size_t)pc_round_up((d->window[0] * d->window[1] * d->window[2] + 1) * 8, 64);
    }
    const int64_t work = path == PC_POOL_CHANNELS ? d->mb * p->out[0] * p->out[1] : planes * p->bands;
    p->threads = (int)pc_max(1, pc_min(p->threads, work));
}

/* ---- channels first ------------------------------------------------------------------------------------------- */

/* The rows of the windows of output row (z, y) that lie inside the image, in order. */
static int64_t inside_rows(const pc_pool *p, const void *plane, int64_t z, int64_t y, const void **row) {
    const pc_pool_desc *d = &p->desc;
    int64_t n = 0;
    for (int64_t q = 0; q < d->window[0]; q++) {
        const int64_t iz = z * d->stride[0] + q * d->dilation[0] - d->pad[0];
        if (iz < 0 || iz >= d->in[0]) continue;
        for (int64_t r = 0; r < d->window[1]; r++) {
            const int64_t iy = y * d->stride[1] + r * d->dilation[1] - d->pad[1];
            if (iy >= 0 && iy < d->in[1]) row[n++] = pc_at(plane, iz * p->src.d + iy * p->src.h, p->kernels->size);
        }
    }
    return n;
}

static void gather_strip(const pc_pool *p, const void *plane, int64_t z, int64_t y, int64_t rows, void *strip) {
    const pc_pool_desc *d = &p->desc;
    const int size = p->kernels->size;
    pc_gather_args g = {
        .src_row = p->src.h,
        .src_col = 1,
        .in_w = d->in[2],
        .y0 = y * d->stride[1] - d->pad[1],
        .x0 = -d->pad[2],
        .phase = p->phase,
        .pitch = p->pitch,
        .channels = 1,
        .rows = (rows - 1) * d->stride[1] + reach(p, 1),
        .cols = (p->out[2] - 1) * d->stride[2] + reach(p, 2),
        .sh = 1,
        .sw = (int)d->stride[2],
        .row_phases = 1,
        .col_phases = ~UINT64_C(0),
        .boundary = PC_ZEROS,
        .fill = -INFINITY,
    };
    for (int64_t q = 0; q < d->window[0]; q++) {
        const int64_t iz = z * d->stride[0] + q * d->dilation[0] - d->pad[0];
        const int inside = iz >= 0 && iz < d->in[0];
        g.in_h = inside ? d->in[1] : 0;
        g.src = pc_at(plane, (inside ? iz : 0) * p->src.d, size);
        g.dst = pc_at_mut(strip, q * p->slice, size);
        p->kernels->gather(&g);
    }
}

static void run_planes(const pc_pool *p, const pc_exec_args *a, int64_t i, char *workspace) {
    const pc_pool_desc *d = &p->desc;
    const int size = p->kernels->size, direct = is_direct(p);
    const int64_t slice = pc_quotient(i, p->bands), band = i - slice * p->bands;
    const int64_t plane_index = pc_quotient(slice, p->out[0]), z = slice - plane_index * p->out[0];
    const int64_t n = plane_index < d->c ? 0 : plane_index / d->c, c = plane_index - n * d->c;
    const int64_t y0 = pc_quotient(band * p->out[1], p->bands), y1 = pc_quotient((band + 1) * p->out[1], p->bands);
    const void *plane = pc_at(a->src, n * p->src.n + c * p->src.c, size);
    void *dst = pc_at_mut(a->dst, n * p->dst.n + c * p->dst.c + z * p->dst.d, size);
    const void **row = (const void **)(workspace + p->tables);
    int64_t *col_off = (int64_t *)(row + d->window[0] * d->window[1]);
    pc_pool_args args = {.row = row,
                         .rows = d->window[0] * d->window[1],
                         .cols = d->window[2],
                         .n = p->out[2],
                         .col_off = col_off,
                         .least_off = INT64_MAX,
                         .most_off = INT64_MIN,
                         .in_w = direct ? d->in[2] : INT64_MAX,
                         .col_step = direct ? (int)d->stride[2] : 1};
    for (int64_t s = 0; s < d->window[2]; s++) {
        const int64_t u = s * d->dilation[2];
        col_off[s] = direct ? u - d->pad[2] : u % d->stride[2] * p->phase + u / d->stride[2];
        args.least_off = pc_min(args.least_off, col_off[s]);
        args.most_off = pc_max(args.most_off, col_off[s]);
    }
    if (!direct) gather_strip(p, plane, z, y0, y1 - y0, workspace);
    /* Rows of results whose windows lie between the top and bottom of the image differ by their place alone. */
    const int64_t slack = d->in[1] - reach(p, 1) + d->pad[1];
    const int64_t from = pc_ceil_div(d->pad[1], d->stride[1]), to = slack < 0 ? 0 : slack / d->stride[1] + 1;
    const int wide = p->out[2] > 4 * p->kernels->vlen; /* such rows go one by one, as memory does */
    args.ld_src = d->stride[1] * (direct ? p->src.h : p->pitch);
    args.ld_dst = p->dst.h;
    for (int64_t y = y0; y < y1; y += args.lines) {
        args.lines = wide ? 1 : !direct ? y1 - y0 : y >= from && y < to ? pc_min(to, y1) - y : 1;
        if (direct) {
            args.rows = inside_rows(p, plane, z, y, row);
        } else {
            for (int64_t q = 0; q < args.rows; q++) {
                const int64_t at = (y - y0) * d->stride[1] + q % d->window[1] * d->dilation[1];
                row[q] = pc_at(workspace, q / d->window[1] * p->slice + at * p->pitch, size);
            }
        }
        args.dst = pc_at_mut(dst, y * p->dst.h, size);
        p->kernels->max_pool(&args);
    }
}

/* ---- channels last -------------------------------------------------------------------------------------------- */

static void run_channels(const pc_pool *p, const pc_exec_args *a, int64_t i, char *workspace) {
    const pc_pool_desc *d = &p->desc;
    const int size = p->kernels->size;
    const int64_t y = i % p->out[1], z = i / p->out[1] % p->out[0], n = i / p->out[1] / p->out[0];
    const void **row = (const void **)workspace;
    int64_t *col_off = (int64_t *)(row + d->window[0] * d->window[1] * d->window[2]);
    *col_off = 0;
    pc_pool_args args = {.row = row, .cols = 1, .n = d->c, .col_off = col_off, .in_w = d->c, .col_step = 1, .lines = 1};
    for (int64_t x = 0; x < p->out[2]; x++) {
        args.rows = 0;
        for (int64_t q = 0; q < d->window[0]; q++) {
            const int64_t iz = z * d->stride[0] + q * d->dilation[0] - d->pad[0];
            if (iz < 0 || iz >= d->in[0]) continue;
            for (int64_t r = 0; r < d->window[1]; r++) {
                const int64_t iy = y * d->stride[1] + r * d->dilation[1] - d->pad[1];
                if (iy < 0 || iy >= d->in[1]) continue;
                for (int64_t s = 0; s < d->window[2]; s++) {
                    const int64_t ix = x * d->stride[2] + s * d->dilation[2] - d->pad[2];
                    if (ix < 0 || ix >= d->in[2]) continue;
                    row[args.rows++] =
                        pc_at(a->src, n * p->src.n + iz * p->src.d + iy * p->src.h + ix * p->src.w, size);
                }
            }
        }
        args.dst = pc_at_mut(a->dst, n * p->dst.n + z * p->dst.d + y * p->dst.h + x * p->dst.w, size);
        p->kernels->max_pool(&args);
    }
}

/* ---- plain loops: indices, and any layout ----------------------------------------------------------------------- */

/* First and last + 1 window position of an axis that lie inside the image. */
static void inside(const pc_pool *p, int axis, int64_t o, int64_t *from, int64_t *to, int64_t *at) {
    const pc_pool_desc *d = &p->desc;
    const int64_t start = o * d->stride[axis] - d->pad[axis], step = d->dilation[axis];
    *from = start < 0 ? pc_ceil_div(-start, step) : 0;
    *to = pc_min(d->window[axis], start >= d->in[axis] ? 0 : pc_ceil_div(d->in[axis] - start, step));
    *at = start;
}

#define DEFINE_PLAIN(T)                                                                                                \
    static void plain_##T(const pc_pool *p, const pc_exec_args *a, int64_t i) {                                        \
        const pc_pool_desc *d = &p->desc;                                                                              \
        const int64_t z = i % p->out[0], c = i / p->out[0] % d->c, n = i / p->out[0] / d->c, *t = d->dilation;         \
        const T *src = (const T *)a->src + n * p->src.n + c * p->src.c;                                                \
        const int64_t plane = n * p->dst.n + c * p->dst.c + z * p->dst.d;                                              \
        int64_t q0, q1, z0, r0, r1, y0, s0, s1, x0;                                                                    \
        inside(p, 0, z, &q0, &q1, &z0);                                                                                \
        for (int64_t y = 0; y < p->out[1]; y++) {                                                                      \
            inside(p, 1, y, &r0, &r1, &y0);                                                                            \
            for (int64_t x = 0; x < p->out[2]; x++) {                                                                  \
                inside(p, 2, x, &s0, &s1, &x0);                                                                        \
                int64_t best_at = ((z0 + q0 * t[0]) * d->in[1] + y0 + r0 * t[1]) * d->in[2] + x0 + s0 * t[2];          \
                T best = -INFINITY;                                                                                    \
                int found = 0;                                                                                         \
                for (int64_t q = q0; q < q1; q++)                                                                      \
                    for (int64_t r = r0; r < r1; r++)                                                                  \
                        for (int64_t s = s0; s < s1; s++) {                                                            \
                            const int64_t iz = z0 + q * t[0], iy = y0 + r * t[1], ix = x0 + s * t[2];                  \
                            const T v = src[iz * p->src.d + iy * p->src.h + ix * p->src.w];                            \
                            if (!found || v > best || v != v) {                                                        \
                                best = v;                                                                              \
                                best_at = (iz * d->in[1] + iy) * d->in[2] + ix;                                        \
                                found = 1;                                                                             \
                            }                                                                                          \
                        }                                                                                              \
                const int64_t to = plane + y * p->dst.h + x * p->dst.w;                                                \
                ((T *)a->dst)[to] = best;                                                                              \
                if (d->with_indices) a->indices[to] = best_at;                                                         \
            }                                                                                                          \
        }                                                                                                              \
    }

DEFINE_PLAIN(float)
DEFINE_PLAIN(double)

static void run_plain(const pc_pool *p, const pc_exec_args *a, int64_t i) {
    if (p->kernels->size == 4)
        plain_float(p, a, i);
    else
        plain_double(p, a, i);
}

void pc_pool_run(const pc_pool *p, const pc_exec_args *a) {
    const pc_pool_path path = pc_pool_choose(p);
    const int64_t planes = p->desc.mb * p->desc.c * p->out[0], rows = p->desc.mb * p->out[0] * p->out[1];
    const int64_t work = path == PC_POOL_PLANES ? planes * p->bands : path == PC_POOL_CHANNELS ? rows : planes;
    if (p->threads == 1) {
        for (int64_t i = 0; i < work; i++) {
            if (path == PC_POOL_PLANES) run_planes(p, a, i, a->workspace);
            if (path == PC_POOL_CHANNELS) run_channels(p, a, i, a->workspace);
            if (path == PC_POOL_PLAIN) run_plain(p, a, i);
        }
        return;
    }
    const pc_share share = pc_share_start(a->workspace, p->workspace_per_thread, p->threads, work);
#pragma omp parallel num_threads(p->threads)
    {
        const int me = omp_get_thread_num();
        char *workspace = pc_share_workspace(&share, me);
        int helped = 0;
        for (int64_t i; (i = pc_share_next(&share, me, &helped)) >= 0;) {
            if (path == PC_POOL_PLANES) run_planes(p, a, i, workspace);
            if (path == PC_POOL_CHANNELS) run_channels(p, a, i, workspace);
            if (path == PC_POOL_PLAIN) run_plain(p, a, i);
        }
    }
}
