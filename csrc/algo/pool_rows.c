/* pool_rows.c - any window over rows: each row of the image is reduced once along its columns, and these reduced rows
 * wait in cache for the pass down. */
#include "pool_windows.h"

/* ---- reduced rows --------------------------------------------------------------------------------------------- */

/* The windows of a band and strip, as reduced rows see them: row 0 is the top of the first window. */
typedef struct band {
    int64_t lines;      /* rows of results */
    int64_t rows;       /* rows that their windows cover */
    int64_t from, to;   /* of those, the ones in the image */
    int64_t runs, each; /* a row of results is `runs` runs of `each` elements, a column of dst apart */
} band;

static band band_of(const pc_pool *p, const item *it) {
    band b = {.lines = it->y1 - it->y0, .runs = 1, .each = it->n};
    b.rows = (b.lines - 1) * p->desc.stride[1] + reach(p, 1);
    b.from = pc_min(pc_max(0, -start(p, 1, it->y0)), b.rows);
    b.to = pc_max(b.from, pc_min(b.rows, p->desc.in[1] - start(p, 1, it->y0)));
    if (p->path == PC_POOL_LAST_ROWS && it->n < p->desc.c) b.runs = p->out[2];
    if (p->path == PC_POOL_LAST_ROWS && it->n == p->desc.c) b.each = p->out[2] * it->n;
    return b;
}

/* Copy rows of the image with their border, and let each element be the largest of power_w neighbours. */
static void copy_lines(const pc_pool *p, const void *row, int64_t ld_src, int64_t from, int64_t lines, int64_t wide,
                       void *dst) {
    const pc_pool_row_args copy = {.kind = p->desc.kind,
                                   .col_step = 1,
                                   .row = row,
                                   .in_w = p->desc.in[2],
                                   .n = pc_round_up(wide, p->kernels->vlen),
                                   .cols = 1,
                                   .col_off = &from,
                                   .least_off = from,
                                   .most_off = from,
                                   .dst = dst,
                                   .lines = lines,
                                   .ld_src = ld_src,
                                   .ld_dst = p->line_pitch,
                                   .times = 1,
                                   .by = 1};
    p->kernels->pool_row(&copy);
    for (int64_t q = 1; q < p->power_w; q *= 2)
        p->kernels->pool_pairs((lines - 1) * p->line_pitch + wide - q * p->desc.dilation[2], q * p->desc.dilation[2],
                               dst);
}

/* Reduce `lines` rows of an item's strip, from `row` on, ld_src apart, to rows at dst. */
static void reduce_columns(const pc_pool *p, const item *it, const void *row, int64_t ld_src, int64_t lines, void *dst,
                           int64_t ld_dst, char *workspace) {
    const pc_pool_desc *d = &p->desc;
    const int64_t n = it->n, step = d->stride[2], power = p->power_w, from = start(p, 2, it->first);
    const int64_t wide = (n - 1) * step + reach(p, 2), phase = n + (reach(p, 2) - 1) / step;
    int64_t *off = (int64_t *)(workspace + p->table) + d->window[0] * d->window[1];
    pc_pool_row_args a = {.kind = d->kind,
                          .col_step = step == 2 ? 2 : 1,
                          .in_w = d->in[2],
                          .n = lone_rows(p) ? n : pc_round_up(n, p->kernels->vlen),
                          .cols = power > 1 ? 2 : d->window[2],
                          .col_off = off,
                          .least_off = INT64_MAX,
                          .most_off = INT64_MIN,
                          .lines = p->lines ? p->lines : lines,
                          .ld_src = ld_src,
                          .ld_dst = ld_dst,
                          .by = lone_rows(p) ? p->by : 1,
                          .times = !lone_rows(p) || p->times};
    const int64_t plane = a.lines * phase;
    for (int64_t j = 0; j < a.cols; j++) {
        const int64_t u = (power > 1 ? j * (d->window[2] - power) : j) * d->dilation[2];
        off[j] = step > 2 ? u % step * plane + u / step : u + (p->copies ? 0 : from);
        a.least_off = pc_min(a.least_off, off[j]);
        a.most_off = pc_max(a.most_off, off[j]);
    }
    for (int64_t i = 0, each = a.lines; i < lines; i += each) {
        a.lines = pc_min(each, lines - i);
        a.row = pc_at(row, i * ld_src, p->size);
        a.dst = pc_at_mut(dst, i * ld_dst, p->size);
        if (p->copies) {
            copy_lines(p, a.row, ld_src, from, a.lines, wide, workspace + p->line);
            a.row = workspace + p->line;
            a.in_w = a.ld_src = p->line_pitch;
        }
        if (step > 2) { /* columns sorted by phase, so that neighbours of one window position adjoin */
            const pc_gather_args g = {.src = a.row,
                                      .src_row = p->copies ? p->line_pitch : ld_src,
                                      .src_col = 1,
                                      .in_h = a.lines,
                                      .in_w = p->copies ? wide : d->in[2],
                                      .x0 = p->copies ? 0 : from,
                                      .dst = workspace + p->phases,
                                      .phase = plane,
                                      .pitch = phase,
                                      .channels = 1,
                                      .rows = a.lines,
                                      .cols = wide,
                                      .sh = 1,
                                      .sw = (int)step,
                                      .row_phases = 1,
                                      .col_phases = ~UINT64_C(0),
                                      .boundary = PC_ZEROS,
                                      .fill = outside(p)};
            p->kernels->gather(&g);
            a.row = workspace + p->phases;
            a.in_w = step * plane;
            a.ld_src = phase;
        }
        p->kernels->pool_row(&a);
    }
}

/* The same where channels come last: one pixel after the other. */
static void reduce_pixels(const pc_pool *p, const item *it, const void *row, int64_t lines, void *dst,
                          char *workspace) {
    const pc_pool_desc *d = &p->desc;
    const int size = p->size;
    const void **list = (const void **)(workspace + p->table) + d->window[0] * d->window[1];
    pc_pool_down_args a = {.kind = d->kind,
                           .row = list,
                           .n = it->n,
                           .by = 1,
                           .times = 1,
                           .lines = lines,
                           .ld_src = p->src.h,
                           .ld_dst = p->pitch};
    for (int64_t x = 0; x < p->out[2]; x++) {
        int64_t from, to;
        inside(p, 2, x, &from, &to);
        for (int64_t s = from; s < to; s++)
            list[s - from] = pc_at(row, (start(p, 2, x) + s * d->dilation[2]) * p->src.w + it->first, size);
        a.rows = from < to;
        a.cols = pc_max(1, to - from);
        a.dst = pc_at_mut(dst, x * it->n, size);
        p->kernels->pool_down(&a);
    }
}

/* Leave the reduced rows of one depth tap at `slice`, rows of border included. */
static void reduce_slice(const pc_pool *p, const item *it, const band *b, const void *src, char *slice,
                         char *workspace) {
    const int size = p->size;
    const int64_t n = b->runs * b->each, step = p->desc.dilation[1];
    const void *top = pc_at(src, (start(p, 1, it->y0) + b->from) * p->src.h, size);
    for (int64_t r = 0; r < b->rows; r++)
        if (r < b->from || r >= b->to) fill(p, n, pc_at_mut(slice, r * p->pitch, size));
    void *dst = pc_at_mut(slice, b->from * p->pitch, size);
    if (p->path == PC_POOL_ROWS)
        reduce_columns(p, it, top, p->src.h, b->to - b->from, dst, p->pitch, workspace);
    else
        reduce_pixels(p, it, top, b->to - b->from, dst, workspace);
    for (int64_t m = 1; m < p->power_h; m *= 2)
        for (int64_t r = 0; r < b->rows - m * step; r++)
            p->kernels->pool_pairs(n, m * step * p->pitch, pc_at_mut(slice, r * p->pitch, size));
}

/* Reduced rows of all slices, and the pass down. */
static void reduce_down(const pc_pool *p, const item *it, void *dst, char *workspace) {
    const pc_pool_desc *d = &p->desc;
    const int size = p->size;
    const band b = band_of(p, it);
    const int64_t power = p->power_h, taps = power > 1 ? 2 : d->window[1];
    const void **list = (const void **)(workspace + p->table);
    pc_pool_down_args down = {.kind = d->kind,
                              .row = list,
                              .cols = 1,
                              .n = b.each,
                              .by = p->by,
                              .times = p->times,
                              .lines = b.lines,
                              .ld_src = d->stride[1] * p->pitch,
                              .ld_dst = p->dst.h};
    int64_t q, end;
    for (inside(p, 0, it->z, &q, &end); q < end; q++) {
        const int64_t iz = start(p, 0, it->z) + q * d->dilation[0];
        char *slice = pc_at_mut(workspace, q * p->slice, size);
        reduce_slice(p, it, &b, pc_at(it->src, iz * p->src.d, size), slice, workspace);
        for (int64_t r = 0; r < taps; r++)
            list[down.rows++] =
                pc_at(slice, (power > 1 ? r * (d->window[1] - power) : r) * d->dilation[1] * p->pitch, size);
    }
    for (int64_t run = 0; run < b.runs; run++) {
        down.dst = pc_at_mut(dst, run * p->dst.w, size);
        p->kernels->pool_down(&down);
        for (int64_t r = 0; r < down.rows; r++) list[r] = pc_at(list[r], b.each, size);
    }
}

void pc_pool_run_rows(const pc_pool *p, const pc_exec_args *a, int64_t i, char *workspace) {
    const int size = p->size, last = p->path == PC_POOL_LAST_ROWS;
    const item it = item_at(p, a, i, last ? 1 : p->desc.c, last ? p->desc.c : p->out[2]);
    void *dst = pc_at_mut(it.dst, it.first + it.y0 * p->dst.h, size);
    if (lone_rows(p)) {
        const int64_t step = p->desc.stride[1] * p->src.h;
        const void *top = pc_at(it.src, start(p, 0, it.z) * p->src.d + it.y0 * step, size);
        reduce_columns(p, &it, top, step, it.y1 - it.y0, dst, p->dst.h, workspace);
    } else {
        reduce_down(p, &it, dst, workspace);
    }
    if (has_columns(p) && p->strips > 1) count_columns(p, it.first, it.n, workspace + p->cols);
    for (int64_t y = it.y0; y < it.y1; y++) {
        void *row = pc_at_mut(dst, (y - it.y0) * p->dst.h, size);
        if (last)
            divide_pixels(p, &it, y, it.n, row);
        else
            divide_row(p, &it, y, it.n, workspace + p->cols, row);
    }
}
