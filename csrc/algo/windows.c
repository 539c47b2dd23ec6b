/* windows.c - depthwise convolution with square kernels of a few taps, channels last, read in place.
 *
 * A tile of neighbouring outputs walks over the channels, a vector at a time, so that memory is read and written in long
 * runs; each pixel of the tile's window is loaded once. Rows and columns beyond the border read one pixel of zeros.
 * Weights are packed [vector][kw][kh][lane]; a last vector that is not full is counted from the last channel back. */
#include <stdio.h>
#include <string.h>

#include "conv.h"

enum { ROWS = (PC_MAX_WINDOW_HIGH - 1) * 2 + PC_MAX_WINDOW, COLUMNS = PC_MAX_WINDOW + 1 };

/* Pointers to the rows of a window; and to those that each of its columns reads. */
typedef struct tables {
    const void *zeros[ROWS], *row[ROWS], *column[COLUMNS][ROWS];
} tables;

static pc_window_fn *find(const pc_conv *c, int high, int wide) {
    const int64_t k = c->desc.kernel[1], step = c->desc.stride[1];
    return k > PC_MAX_WINDOW || step > 2 ? 0 : c->kernels->window(high, wide, (int)k, (int)step);
}

PC_PLANNING static const char *reject(const pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    if (c->icg != 1 || c->ocg != 1) return "not depthwise: a group has several channels";
    if (c->src.c != 1 || c->dst.c != 1) return "input or output is channels first";
    if (!pc_conv_is_flat(c)) return "the problem has a depth";
    if (p->src_type) return "the input holds bytes, which are not read in place";
    if (p->boundary == PC_CONSTANT) return "the border is not of zeros";
    if (p->dilation[1] != 1 || p->dilation[2] != 1) return "the kernel is dilated";
    if (p->kernel[1] != p->kernel[2] || p->stride[1] != p->stride[2]) return "kernel or stride is not square";
    if (p->oc < PC_MAX_VLEN) return "fewer than 16 channels leave lanes empty";
    return find(c, 1, 1) ? 0 : "no such kernel and stride";
}

PC_PLANNING static const char *defer(const pc_conv *c) {
    (void)c;
    return 0;
}

PC_PLANNING static void plan(pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    pc_windows_plan *w = &c->as.windows;
    double least = 0; /* FMAs and a share of the loads */
    for (int high = 1; high <= PC_MAX_WINDOW_HIGH && high <= c->out[1]; high++)
        for (int wide = 1; wide <= PC_MAX_WINDOW_WIDE && wide <= c->out[2]; wide++) {
            if (!find(c, high, wide)) continue;
            const double tiles = (double)(pc_ceil_div(c->out[1], high) * pc_ceil_div(c->out[2], wide));
            const int64_t k = p->kernel[1], s = p->stride[1];
            const int64_t loads = ((high - 1) * s + k) * ((wide - 1) * s + k);
            const double cost = tiles * (double)(pc_max(high * wide, 4) * c->taps + loads);
            if (least == 0 || cost < least) {
                least = cost;
                *w = (pc_windows_plan){.high = high, .wide = wide};
            }
        }
    c->threads = pc_conv_useful_threads(c, 35);
    w->bands = c->out[1] / w->high;
    const int64_t bands = p->mb * w->bands;
    w->splits = c->threads == 1 ? 1 : pc_min(p->oc / c->kernels->vlen, pc_ceil_div(4 * c->threads, pc_max(1, bands)));
    c->threads = (int)pc_max(1, pc_min(c->threads, bands * w->splits));
    w->tables = pc_round_up(p->oc * c->kernels->size, 64);
    c->workspace_per_thread = (size_t)w->tables + sizeof(tables);
    c->packed_size = (size_t)(pc_round_up(p->oc, c->kernels->vlen) * c->taps * c->kernels->size);
    snprintf(c->tile, sizeof c->tile, "%d channels, %d x %d pixels", c->kernels->vlen, w->high, w->wide);
}

static void pack(const pc_conv *c, const void *wei, void *packed) {
    const int64_t *k = c->desc.kernel, lanes = c->kernels->vlen;
    const size_t size = (size_t)c->kernels->size;
    char *dst = packed;
    for (int64_t v = 0; v < c->desc.oc; v += lanes) {
        const int64_t first = pc_min(v, c->desc.oc - lanes);
        for (int64_t s = 0; s < k[2]; s++)
            for (int64_t r = 0; r < k[1]; r++)
                for (int64_t i = first; i < first + lanes; i++, dst += size)
                    memcpy(dst, (const char *)wei + (size_t)(i * c->taps + r * k[2] + s) * size, size);
    }
}

/* Output rows y .. y + high - 1 of image n, channels first .. end - 1. */
static void run_tiles(const pc_conv *c, const pc_exec_args *a, int64_t n, int64_t y, int64_t first, int64_t end,
                      char *workspace) {
    const pc_conv_desc *p = &c->desc;
    const pc_windows_plan *w = &c->as.windows;
    const int size = c->kernels->size, step = (int)p->stride[1];
    const int k = (int)p->kernel[1], rows = (w->high - 1) * step + k, columns = (w->wide - 1) * step + k;
    tables *t = (tables *)(workspace + w->tables);
    int inside = 1; /* all rows */
    for (int r = 0; r < rows; r++) {
        const int64_t iy = pc_border(p->boundary, y * step + r - p->pad_lo[1], p->in[1]);
        t->row[r] = iy < 0 ? 0 : pc_at(a->src, n * c->src.n + iy * c->src.h + first, size);
        inside &= iy >= 0;
    }
    pc_window_args args = {.channels = end - first,
                           .wei = pc_at(a->packed, first * c->taps, size),
                           .bias = a->bias ? pc_at(a->bias, first, size) : 0,
                           .ld_row = c->dst.h,
                           .ld_col = c->dst.w};
    pc_window_fn *kernel = find(c, w->high, w->wide);
    for (int64_t j = 0; j < c->out[2]; j += w->wide) {
        const int64_t x = pc_min(j, c->out[2] - w->wide);
        for (int u = 0; u < columns; u++) {
            const int64_t ix = pc_border(p->boundary, x * step + u - p->pad_lo[2], p->in[2]);
            args.rows[u] = ix < 0 ? t->zeros : inside ? t->row : t->column[u];
            args.off[u] = ix < 0 || !inside ? 0 : ix * c->src.w;
            for (int r = 0; r < rows && ix >= 0 && !inside; r++)
                t->column[u][r] = t->row[r] ? pc_at(t->row[r], ix * c->src.w, size) : (const void *)workspace;
        }
        args.dst = pc_at_mut(a->dst, n * c->dst.n + y * c->dst.h + x * c->dst.w + first, size);
        kernel(&args);
        pc_conv_finish(c, a, &c->dst, args.dst, end - first, w->high, w->wide);
    }
}

/* A band of rows of one image, and a part of its channels. Bands are a tile high, but for the last, which has what rows
 * are left over too: a tile that steps back stays within it, since another thread must not find outputs that are
 * finished already. */
static void run_item(const pc_conv *c, const pc_exec_args *a, int64_t i, char *workspace) {
    const pc_windows_plan *w = &c->as.windows;
    const int64_t vlen = c->kernels->vlen, vectors = c->desc.oc / vlen;
    const int64_t split = i % w->splits, band = i / w->splits % w->bands, n = i / w->splits / w->bands;
    const int64_t first = vectors * split / w->splits * vlen;
    const int64_t end = split + 1 == w->splits ? c->desc.oc : vectors * (split + 1) / w->splits * vlen;
    const int64_t from = band * w->high, to = band + 1 == w->bands ? c->out[1] : from + w->high;
    for (int64_t y = from; y < to; y += w->high) run_tiles(c, a, n, pc_min(y, to - w->high), first, end, workspace);
}

static void prepare(const pc_conv *c, char *workspace) {
    const pc_windows_plan *w = &c->as.windows;
    tables *t = (tables *)(workspace + w->tables);
    memset(workspace, 0, (size_t)w->tables);
    for (int r = 0; r < ROWS; r++) t->zeros[r] = workspace;
}

static void run(const pc_conv *c, const pc_exec_args *a) {
    const pc_windows_plan *w = &c->as.windows;
    pc_conv_run_items(c, a, c->desc.mb * w->bands * w->splits, prepare, run_item);
}

const pc_algo pc_algo_windows = {
    .name = "windows", .reject = reject, .defer = defer, .plan = plan, .pack = pack, .run = run};
