/* rows.c - depthwise convolution and one-channel filters, channels first.
 *
 * Stride 1 with zero borders reads the image itself: a table of row pointers, a row of zeros above and below, masks at the
 * sides. Everything else (strides across, other borders) gathers a band of rows into a strip that stays in L1, phase by
 * phase, and runs the same kernel on it. Weights are packed [channel][kw][kh], a tap column in one piece. */
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "conv.h"

enum {
    STRIP = 24 << 10, /* bytes of strip: within an L1 of 32 KB beside the output rows */
    MOST = 192 << 10, /* bytes of strip that one output row may need */
};

static const char *defer(const pc_conv *c) {
    return c->ocg > 1 && c->desc.groups == 1 ? "several outputs share the one input channel, which lanes load once" : 0;
}

static int64_t reach(const pc_conv *c) { return (c->desc.kernel[1] - 1) * c->desc.dilation[1] + 1; }

static int64_t bordered_cols(const pc_conv *c) {
    return (c->out[2] - 1) * c->desc.stride[2] + (c->desc.kernel[2] - 1) * c->desc.dilation[2] + 1;
}

/* Whether the image itself is read. */
static int is_direct(const pc_conv *c) { return c->desc.stride[2] == 1 && c->desc.boundary == PC_ZEROS; }

/* Bytes of strip for `rows` output rows. */
static int64_t strip_bytes(const pc_conv *c, int64_t rows) {
    const int64_t pitch = pc_ceil_div(bordered_cols(c), c->desc.stride[2]) + PC_MAX_VLEN;
    return ((rows - 1) * c->desc.stride[1] + reach(c)) * pitch * c->desc.stride[2] * c->kernels->size;
}

static const char *reject(const pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    if (c->icg != 1) return "a group has more than one input channel";
    if (c->src.w != 1 || c->dst.w != 1) return "input or output is channels last";
    if (p->in[0] != 1 || p->kernel[0] != 1 || c->out[0] != 1) return "the problem has a depth";
    if (p->kernel[1] > 1024 || p->kernel[2] > 1024) return "the kernel is larger than 1024";
    const int64_t columns = is_direct(c) ? p->in[2] + PC_MAX_VLEN : (bordered_cols(c) + PC_MAX_VLEN * p->stride[2]) * reach(c);
    return columns * 8 > MOST ? "rows too long for the workspace" : 0;
}

/* The fewest rows of work for this height: whole tiles, the last one overlapping the one before. */
static void choose_tile(pc_conv *c) {
    const pc_kernels *k = c->kernels;
    const pc_conv_desc *p = &c->desc;
    pc_rows_plan *r = &c->as.rows;
    double best = 0;
    for (int general = 0; general < 2; general++) {
        const int kr = general ? 0 : (int)pc_min(p->kernel[1], 64), step = general ? 0 : (int)pc_min(p->stride[1], 64);
        if (!general && p->dilation[1] != 1) continue;
        for (int tile = 1; tile <= PC_MAX_ROW_TILE && tile <= c->out[1]; tile++) {
            if (!k->rows(tile, kr, step)) continue;
            if (!is_direct(c) && tile > 1 && strip_bytes(c, 2 * tile - 1) > MOST) continue;
            const double loads = general ? (double)(tile * p->kernel[1]) * 1.5 : (double)((tile - 1) * step + kr) * 1.5 + kr;
            const double fma = (double)(tile * p->kernel[1]), latency = (double)p->kernel[1] * 4;
            double cost = fma > loads ? fma : loads;
            cost = (cost > latency ? cost : latency) * (double)p->kernel[2] + 2 * tile + 8;
            cost *= (double)pc_ceil_div(c->out[1], tile);
            if (best == 0 || cost < best) {
                best = cost;
                *r = (pc_rows_plan){.tile = tile, .kr = kr, .step = step};
            }
        }
    }
}

static void plan(pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    const int size = c->kernels->size;
    choose_tile(c);
    pc_rows_plan *r = &c->as.rows;
    r->direct = is_direct(c);
    c->threads = pc_conv_useful_threads(c);
    const int64_t planes = p->mb * p->oc, tiles = c->out[1] / r->tile;
    /* Bands of whole planes, cut where the strip would leave L1 or where planes are too few to share among the threads. */
    r->bands = c->threads == 1 ? 1 : pc_ceil_div(4 * c->threads, pc_max(1, planes));
    if (!r->direct) {
        int64_t rows = r->tile;
        while (rows < c->out[1] && strip_bytes(c, rows + r->tile) <= STRIP) rows += r->tile;
        r->bands = pc_max(r->bands, pc_ceil_div(c->out[1], rows));
        r->pitch = pc_ceil_div(bordered_cols(c), p->stride[2]) + PC_MAX_VLEN;
    }
    r->bands = pc_min(r->bands, tiles); /* then every band holds at least one tile */
    const int64_t band = pc_ceil_div(c->out[1], r->bands);
    r->phase = ((band - 1) * p->stride[1] + reach(c)) * r->pitch;
    r->tables = pc_round_up(r->direct ? (p->in[2] + PC_MAX_VLEN) * size : strip_bytes(c, band), 64);
    c->threads = (int)pc_max(1, pc_min(c->threads, planes * r->bands));
    const int64_t pointers = pc_max(1, r->kr ? (r->tile - 1) * r->step + r->kr : r->tile * p->kernel[1]);
    c->workspace_per_thread = (size_t)(r->tables + pc_round_up((pointers + 3 * p->kernel[2]) * 8, 64));
    c->packed_size = (size_t)(p->oc * c->taps * size);
    snprintf(c->tile, sizeof c->tile, "%d rows x %d columns", r->tile, c->kernels->vlen);
}

#define DEFINE_PACK(T)                                                                                                \
    static void pack_##T(const pc_conv *c, const T *wei, T *packed) {                                                 \
        const int64_t *k = c->desc.kernel;                                                                            \
        for (int64_t oc = 0; oc < c->desc.oc; oc++, wei += c->taps)                                                   \
            for (int64_t s = 0; s < k[2]; s++)                                                                        \
                for (int64_t r = 0; r < k[1]; r++) *packed++ = wei[r * k[2] + s];                                     \
    }

DEFINE_PACK(float)
DEFINE_PACK(double)

static void pack(const pc_conv *c, const void *wei, void *packed) {
    if (c->kernels->size == 4)
        pack_float(c, wei, packed);
    else
        pack_double(c, wei, packed);
}

/* What the tables of one thread's workspace hold. */
typedef struct tables {
    const void **row;
    int64_t *col_off, *lo, *hi;
} tables;

static tables tables_in(const pc_conv *c, char *workspace) {
    tables t;
    t.col_off = (int64_t *)(workspace + c->as.rows.tables);
    t.lo = t.col_off + c->desc.kernel[2];
    t.hi = t.lo + c->desc.kernel[2];
    t.row = (const void **)(t.hi + c->desc.kernel[2]);
    return t;
}

/* Where each tap column reads, and the output columns for which it reads inside the row: the same for every row and plane. */
static void fill_columns(const pc_conv *c, const tables *t, pc_rows_args *a) {
    const pc_conv_desc *p = &c->desc;
    const pc_rows_plan *r = &c->as.rows;
    a->inner_lo = 0;
    a->inner_hi = c->out[2];
    for (int64_t s = 0; s < p->kernel[2]; s++) {
        const int64_t u = s * p->dilation[2];
        t->col_off[s] = r->direct ? u - p->pad_lo[2] : u % p->stride[2] * r->phase + u / p->stride[2];
        t->lo[s] = r->direct ? pc_max(0, -t->col_off[s]) : 0;
        t->hi[s] = r->direct ? pc_min(c->out[2], p->in[2] - t->col_off[s]) : c->out[2];
        a->inner_lo = pc_max(a->inner_lo, t->lo[s]);
        a->inner_hi = pc_min(a->inner_hi, t->hi[s]);
    }
    a->col_off = t->col_off;
    a->lo = t->lo;
    a->hi = t->hi;
}

static void gather_band(const pc_conv *c, const void *plane, int64_t y, int64_t rows, void *strip) {
    const pc_conv_desc *p = &c->desc;
    const pc_rows_plan *r = &c->as.rows;
    const pc_gather_args g = {
        .src = plane, .src_row = c->src.h, .src_col = 1, .in_h = p->in[1], .in_w = p->in[2],
        .y0 = y * p->stride[1] - p->pad_lo[1], .x0 = -p->pad_lo[2], .dst = strip, .phase = r->phase, .pitch = r->pitch,
        .channels = 1, .rows = (rows - 1) * p->stride[1] + reach(c),
        .cols = bordered_cols(c), .sh = 1, .sw = (int)p->stride[2], .row_phases = 1, .col_phases = ~UINT64_C(0), .boundary = p->boundary,
    };
    c->kernels->gather(&g);
}

/* Point the table at the bordered rows that output rows y .. y + tile - 1 read. `top`: bordered row 0 of the strip. */
static void fill_rows(const pc_conv *c, const tables *t, const void *plane, const void *strip, int64_t top, int64_t y) {
    const pc_conv_desc *p = &c->desc;
    const pc_rows_plan *r = &c->as.rows;
    const int size = c->kernels->size;
    const int64_t groups = r->kr ? 1 : r->tile, per = r->kr ? (r->tile - 1) * r->step + r->kr : p->kernel[1];
    for (int64_t g = 0; g < groups; g++) {
        for (int64_t q = 0; q < per; q++) {
            const int64_t at = (y + g) * p->stride[1] + q * p->dilation[1]; /* in bordered rows */
            const int64_t iy = at - p->pad_lo[1];
            const void *row = pc_at(strip, (at - top) * r->pitch, size);
            if (r->direct) row = iy >= 0 && iy < p->in[1] ? pc_at(plane, iy * c->src.h, size) : strip; /* zeros */
            t->row[g * per + q] = row;
        }
    }
}

static void run_band(const pc_conv *c, const pc_exec_args *a, int64_t i, char *workspace, pc_rows_args *args) {
    const pc_conv_desc *p = &c->desc;
    const pc_rows_plan *r = &c->as.rows;
    const int size = c->kernels->size;
    const int64_t band = i % r->bands, oc = i / r->bands % p->oc, n = i / r->bands / p->oc;
    const int64_t y0 = band * c->out[1] / r->bands, y1 = (band + 1) * c->out[1] / r->bands;
    const void *plane = pc_at(a->src, n * c->src.n + oc / c->ocg * c->src.c, size);
    void *dst = pc_at_mut(a->dst, n * c->dst.n + oc * c->dst.c, size);
    const tables t = tables_in(c, workspace);
    if (!r->direct) gather_band(c, plane, y0, y1 - y0, workspace);
    args->wei = pc_at(a->packed, oc * c->taps, size);
    args->bias = !a->bias ? 0 : size == 4 ? ((const float *)a->bias)[oc] : ((const double *)a->bias)[oc];
    pc_rows_fn *kernel = c->kernels->rows(r->tile, r->kr, r->step);
    for (int64_t y = y0; y < y1; y += r->tile) {
        const int64_t at = pc_min(y, y1 - r->tile); /* a last tile that would hang over steps back */
        fill_rows(c, &t, plane, workspace, y0 * p->stride[1], at);
        args->dst = pc_at_mut(dst, at * c->dst.h, size);
        kernel(args);
    }
}

static void prepare(const pc_conv *c, char *workspace, pc_rows_args *args) {
    const pc_rows_plan *r = &c->as.rows;
    const tables t = tables_in(c, workspace);
    *args = (pc_rows_args){.row = t.row, .row_step = r->kr ? r->step : (int)c->desc.kernel[1], .kr = (int)c->desc.kernel[1],
                           .kw = c->desc.kernel[2], .ld_dst = c->dst.h, .ow = c->out[2]};
    fill_columns(c, &t, args);
    if (r->direct) memset(workspace, 0, (size_t)r->tables);
}

static void run(const pc_conv *c, const pc_exec_args *a) {
    const int64_t work = c->desc.mb * c->desc.oc * c->as.rows.bands;
    pc_rows_args args;
    if (c->threads == 1) {
        prepare(c, a->workspace, &args);
        for (int64_t i = 0; i < work; i++) run_band(c, a, i, a->workspace, &args);
        return;
    }
#pragma omp parallel num_threads(c->threads) private(args)
    {
        char *workspace = (char *)a->workspace + (size_t)omp_get_thread_num() * c->workspace_per_thread;
        prepare(c, workspace, &args);
#pragma omp for schedule(dynamic, 1)
        for (int64_t i = 0; i < work; i++) run_band(c, a, i, workspace, &args);
    }
}

const pc_algo pc_algo_rows = {.name = "rows", .reject = reject, .defer = defer, .plan = plan, .pack = pack, .run = run};
