/* pool.c - pooling: the largest element or the average of each window.
 *
 * A window's rows are reduced along their columns first and these results then down the rows, in memory order, whatever
 * path is taken; so a row that several windows share is reduced once. Maxima of many neighbours take the logarithm of
 * that number: those of 1, 2, 4, ... neighbours come from two of the step before, and two that overlap make up the
 * rest.
 *
 *     blocks      2x2 at step 2 without a border, over planes, in slices: rows of results, and planes, as one run
 *     flat        results as many as elements, over narrow planes: each plane as one long row
 *     tiles       common windows over planes: a few rows of results at once, straight from the image
 *     rows        any window over planes: reduced rows wait in cache for the pass down
 *     pixels      channels last: small windows, or with indices, all channels of a pixel at once
 *     last rows   channels last: larger ones, by way of reduced rows
 *     global      a single result of a whole plane: pixels are lanes, too
 *     maxima      with indices, if windows overlap much, and of integers: as rows, in plain C
 *     turned      a path of channels last for a few channels at a time, turned: narrow planes, wide steps, indices
 *     plain       a loop, for mixed layouts, windows that differ, and those beyond the workspace
 *
 * pool_plan.c chooses; pool_rows.c, pool_maxima.c and pool_plain.c have the paths of those names. */
#include <omp.h>

#include "pool_windows.h"

/* ---- tiles ---------------------------------------------------------------------------------------------------- */

static void run_tiles(const pc_pool *p, const pc_exec_args *a, int64_t i, char *workspace) {
    const pc_pool_desc *d = &p->desc;
    const int size = p->size;
    const int64_t runs = pc_ceil_div(d->c, p->run);
    const item it = item_at(p, a, i, runs, p->out[2]);
    const void *plane = pc_at(it.src, start(p, 0, it.z) * p->src.d, size);
    const int64_t rows = p->tile_rows, step = step_of(p), height = it.y1 - it.y0, n = (rows - 1) * step + d->window[1];
    const int64_t over = pc_max(0, rows - height); /* first rows of a tile higher than the band, which are not wanted */
    const void **row = (const void **)(workspace + p->table);
    const void **moved = row + d->window[0] * n;
    int64_t *row_step = (int64_t *)(moved + d->window[0] * n), from, to;
    pc_pool_tile_args args = {.row = row,
                              .off = -d->pad[2],
                              .in_w = d->in[2],
                              .n = p->out[2],
                              .planes = it.planes,
                              .ld_plane = p->dst.c,
                              .row_step = row_step,
                              .moved = moved,
                              .by = p->by,
                              .times = p->times,
                              .cols = p->uniform ? 0 : workspace + p->cols};
    inside(p, 0, it.z, &from, &to);
    args.depth = to - from;
    const void *first = pc_at(plane, from * d->dilation[0] * p->src.d, size);
    const double slices = p->uniform ? 1 : (double)counted(p, 0, it.z);
    for (int64_t r = 0; r < rows; r++) args.to[r] = pc_max(r - over, 0) * p->dst.h;
    for (int64_t j = 0; j < height; j += rows) {
        const int64_t y = it.y0 + pc_max(0, pc_min(j, height - rows)); /* the last tile steps back */
        const int64_t top = start(p, 1, y) - over * step;
        for (int64_t q = 0; q < args.depth; q++) {
            const char *next = pc_at(first, q * d->dilation[0] * p->src.d + top * p->src.h, size);
            for (int64_t i = q * n; i < (q + 1) * n; i++, next += p->src.h * size) {
                const int is_image = (uint64_t)(top + i - q * n) < (uint64_t)d->in[1];
                row[i] = is_image ? next : workspace;
                row_step[i] = is_image ? p->src.c : 0;
            }
        }
        for (int64_t r = 0; r < rows && !p->uniform; r++)
            args.rows[r] = slices * (double)counted(p, 1, y + pc_max(r - over, 0));
        args.dst = pc_at_mut(it.dst, y * p->dst.h, size);
        p->tile(&args);
    }
}

/* ---- blocks --------------------------------------------------------------------------------------------------- */

static void run_blocks(const pc_pool *p, const pc_exec_args *a, int64_t i) {
    const int size = p->size;
    item it = item_at(p, a, i, pc_ceil_div(p->desc.c, p->run), p->out[2]);
    pc_pool_blocks_args args = {.kind = p->desc.kind,
                                .in_w = p->desc.in[2],
                                .n = p->out[2],
                                .rows = it.y1 - it.y0,
                                .high = it.y1 - it.y0,
                                .ld_plane = p->src.c,
                                .depth = p->desc.window[0],
                                .ld_slice = p->desc.dilation[0] * p->src.d,
                                .by = p->by,
                                .times = p->times};
    if (args.rows == p->out[1]) { /* planes whose results join */
        args.rows *= it.planes;
        it.planes = 1;
    }
    for (int64_t c = 0; c < it.planes; c++) {
        args.src = pc_at(it.src, c * p->src.c + 2 * it.y0 * p->src.h, size);
        args.dst = pc_at_mut(it.dst, c * p->dst.c + it.y0 * p->dst.h, size);
        p->kernels->pool_blocks(&args);
    }
}

/* ---- planes as one row ---------------------------------------------------------------------------------------- */

/* What all planes share: rows of border above and below the reduced ones, and of each element which taps lie in its row
 * and what its window's sum is divided by. */
static void prepare_flat(const pc_pool *p, char *workspace) {
    const pc_pool_desc *d = &p->desc;
    const int64_t wide = d->in[2], n = d->in[1] * wide, border = d->pad[1] * wide;
    const void **list = (const void **)(workspace + p->table);
    int64_t *off = (int64_t *)(list + d->window[1]);
    fill(p, border, workspace);
    fill(p, border, pc_at_mut(workspace, border + n, p->size));
    for (int64_t q = 0; q < d->window[1]; q++) list[q] = pc_at(workspace, q * d->dilation[1] * wide, p->size);
    for (int64_t j = 0; j < d->window[2]; j++) {
        off[j] = j * d->dilation[2] - d->pad[2];
        void *flags = pc_at_mut(workspace + p->line, j * p->slice, p->size);
        for (int64_t i = 0, x = 0; i < p->slice; i++, x = x + 1 < wide ? x + 1 : 0)
            put(p, flags, i, i < n && x + off[j] >= 0 && x + off[j] < wide);
        p->kernels->pool_flat_masks(n, flags);
    }
    for (int64_t i = 0; i < p->slice && !p->uniform; i++)
        put(p, workspace + p->cols, i, i < n ? (double)(counted(p, 1, i / wide) * counted(p, 2, i % wide)) : 1);
}

static void run_flat(const pc_pool *p, const pc_exec_args *a, int64_t i, char *workspace) {
    const pc_pool_desc *d = &p->desc;
    const int size = p->size;
    const item it = item_at(p, a, i, pc_ceil_div(d->c, p->run), p->out[2]);
    const void **list = (const void **)(workspace + p->table);
    pc_pool_flat_args flat = {.kind = d->kind,
                              .n = d->in[1] * d->in[2],
                              .taps = d->window[2],
                              .off = (const int64_t *)(list + d->window[1]),
                              .masks = workspace + p->line,
                              .ld_masks = p->slice,
                              .dst = pc_at_mut(workspace, d->pad[1] * d->in[2], size)};
    pc_pool_down_args down = {.kind = d->kind,
                              .row = list,
                              .rows = d->window[1],
                              .cols = 1,
                              .n = flat.n,
                              .by = p->by,
                              .times = p->times,
                              .divisors = p->uniform ? 0 : workspace + p->cols,
                              .lines = 1};
    for (int64_t c = 0; c < it.planes; c++) {
        flat.src = pc_at(it.src, c * p->src.c + start(p, 0, it.z) * p->src.d, size);
        down.dst = pc_at_mut(it.dst, c * p->dst.c, size);
        p->kernels->pool_flat(&flat);
        p->kernels->pool_down(&down);
    }
}

/* ---- channels last, small windows ----------------------------------------------------------------------------- */

/* Results whose windows lie inside the image across: from <= x < to. */
static void whole_windows(const pc_pool *p, int64_t *from, int64_t *to) {
    const pc_pool_desc *d = &p->desc;
    const int64_t last =
        d->in[2] - reach(p, 2) + d->pad[2]; /* the last place where one may start, from the padding on */
    *from = *to = 0;
    if (d->adaptive[2] || last < 0) return;
    *from = pc_min(p->out[2], pc_ceil_div(d->pad[2], d->stride[2]));
    *to = pc_max(*from, pc_min(p->out[2], last / d->stride[2] + 1));
}

/* Each window's pixels are listed; where windows lie inside the image across, once for all of a row. */
static void run_pixels(const pc_pool *p, const pc_exec_args *a, int64_t i, char *workspace) {
    const pc_pool_desc *d = &p->desc;
    const int size = p->size;
    const item it = item_at(p, a, i, 1, d->c);
    const void **list = (const void **)(workspace + p->table);
    pc_pool_down_args args = {.kind = d->kind,
                              .row = list,
                              .n = d->c,
                              .by = p->by,
                              .times = p->times,
                              .ld_src = d->stride[2] * p->src.w,
                              .ld_dst = p->dst.w};
    const pc_strides *at = &p->whole_dst;
    int64_t *index = (int64_t *)(list + d->window[0] * d->window[1] * d->window[2]);
    pc_pool_winners_args winners = {.row = list,
                                    .index = index,
                                    .n = d->c,
                                    .ld_src = args.ld_src,
                                    .ld_dst = args.ld_dst,
                                    .ld_index = d->stride[2],
                                    .ld_at = at->w,
                                    .at_step = at->c};
    const int joined = args.ld_src == d->c && args.ld_dst == d->c; /* pixels at step 1 are one row */
    int64_t q0, q1, r0, r1, s0, s1, whole_from, whole_to;
    inside(p, 0, it.z, &q0, &q1);
    whole_windows(p, &whole_from, &whole_to);
    for (int64_t y = it.y0; y < it.y1; y++) {
        void *dst = pc_at_mut(it.dst, y * p->dst.h, size);
        const int64_t front = start(p, 0, it.z), top = start(p, 1, y);
        inside(p, 1, y, &r0, &r1);
        for (int64_t x = 0, lines; x < p->out[2]; x += lines) {
            lines = x == whole_from && whole_to > x ? whole_to - x : 1; /* they have their taps alike */
            inside(p, 2, x, &s0, &s1);
            int64_t n = 0;
            if (d->with_indices) index[0] = -1;
            const int64_t left = start(p, 2, x);
            for (int64_t q = q0; q < q1; q++)
                for (int64_t r = r0; r < r1; r++) {
                    const int64_t iz = front + q * d->dilation[0], iy = top + r * d->dilation[1];
                    for (int64_t s = s0; s < s1; s++) {
                        const int64_t ix = left + s * d->dilation[2];
                        if (d->with_indices) index[n] = (iz * d->in[1] + iy) * d->in[2] + ix;
                        list[n++] = pc_at(it.src, iz * p->src.d + iy * p->src.h + ix * p->src.w, size);
                    }
                }
            if (d->with_indices) {
                winners.taps = n;
                winners.dst = pc_at_mut(dst, x * p->dst.w, size);
                winners.at = a->indices + it.image * at->n + it.z * at->d + y * at->h + x * at->w;
                winners.lines = lines;
                p->kernels->pool_winners(&winners);
                continue;
            }
            args.cols = pc_max(1, s1 - s0);
            args.rows = n / args.cols;
            args.lines = joined ? 1 : lines;
            args.n = joined ? lines * d->c : d->c;
            args.dst = pc_at_mut(dst, x * p->dst.w, size);
            p->kernels->pool_down(&args);
        }
        divide_pixels(p, &it, y, d->c, dst);
    }
}

/* ---- whole planes ---------------------------------------------------------------------------------------------- */

static void run_global(const pc_pool *p, const pc_exec_args *a, int64_t i) {
    const int size = p->size, last = p->src.w != 1;
    const item it = item_at(p, a, i, 1, pc_ceil_div(p->desc.c, GLOBAL));
    const int64_t c = it.first * GLOBAL, count = counted(p, 0, 0) * counted(p, 1, 0) * counted(p, 2, 0);
    const pc_pool_global_args args = {.kind = p->desc.kind,
                                      .src = pc_at(it.src, c * p->src.c, size),
                                      .pixels = p->desc.in[0] * p->desc.in[1] * p->desc.in[2],
                                      .channels = pc_min(it.n * GLOBAL, p->desc.c - c),
                                      .src_pixel = last ? p->src.w : 1,
                                      .src_channel = p->src.c,
                                      .dst = pc_at_mut(it.dst, c, size),
                                      .divisor = (double)(p->uniform ? p->divisor : count)};
    p->kernels->pool_global(&args);
}

/* ---- all paths -------------------------------------------------------------------------------------------------- */

static void prepare(const pc_pool *p, char *workspace) {
    if (p->path == PC_POOL_TILES) fill(p, p->desc.in[2], workspace); /* a row of border */
    if (p->path == PC_POOL_FLAT)
        prepare_flat(p, workspace);
    else if (has_columns(p) && p->strips == 1)
        count_columns(p, 0, p->out[2], workspace + p->cols);
}

static void run_turned(const pc_pool *p, const pc_exec_args *a, int64_t i, char *workspace);

static void run_item(const pc_pool *p, const pc_exec_args *a, int64_t i, char *workspace) {
    if (p->turned) {
        run_turned(p, a, i, workspace);
        return;
    }
    switch (p->path) {
        case PC_POOL_BLOCKS: run_blocks(p, a, i); break;
        case PC_POOL_FLAT: run_flat(p, a, i, workspace); break;
        case PC_POOL_TILES: run_tiles(p, a, i, workspace); break;
        case PC_POOL_ROWS:
        case PC_POOL_LAST_ROWS: pc_pool_run_rows(p, a, i, workspace); break;
        case PC_POOL_PIXELS: run_pixels(p, a, i, workspace); break;
        case PC_POOL_GLOBAL: run_global(p, a, i); break;
        case PC_POOL_MAXIMA: pc_pool_run_maxima(p, a, i, workspace); break;
        case PC_POOL_PLAIN: pc_pool_run_plain(p, a, i); break;
    }
}

/* A few channels of a box of results, from what they see of an image turned to channels last, and turned back. */
static void run_turned(const pc_pool *p, const pc_exec_args *a, int64_t i, char *workspace) {
    const int64_t blocks = pc_ceil_div(p->turned, p->desc.c), zs = p->boxes[0], bs = p->boxes[1], size = p->size;
    const int64_t b = i % bs, z = i / bs % zs, c = i / bs / zs % blocks * p->desc.c, n = i / bs / zs / blocks;
    const int64_t z0 = z * p->out[0] / zs, z1 = (z + 1) * p->out[0] / zs;
    const int64_t b0 = b * p->bands / bs, b1 = (b + 1) * p->bands / bs;
    const int64_t y0 = b0 * p->out[1] / p->bands, y1 = b1 * p->out[1] / p->bands;
    const int64_t d0 = pc_max(0, start(p, 0, z0)), d1 = pc_min(p->desc.in[0], end_of(p, 0, z1 - 1));
    const int64_t h0 = pc_max(0, start(p, 1, y0)), h1 = pc_min(p->desc.in[1], end_of(p, 1, y1 - 1));
    const pc_strides *from = &p->whole_src, *to = &p->whole_dst;
    pc_pool part = *p;
    part.turned = 0;
    part.desc.c = pc_min(p->desc.c, p->turned - c);
    const int64_t channels = part.desc.c, pixels = (h1 - h0) * p->desc.in[2], results = (y1 - y0) * p->out[2];
    part.src = pc_dense_strides(PC_NHWC, channels, p->desc.in);
    part.dst = pc_dense_strides(PC_NHWC, channels, p->out);
    part.src.d = channels * pixels;
    part.dst.d = channels * results;
    const pc_exec_args own = {.src = pc_at(workspace + p->turned_src, -d0 * part.src.d - h0 * part.src.h, p->size),
                              .dst = pc_at_mut(workspace + p->turned_dst, -z0 * part.dst.d - y0 * part.dst.h, p->size),
                              .indices = p->desc.with_indices ? a->indices + n * to->n + c * to->c : 0};
    for (int64_t d = d0; d < d1 && pixels > 0; d++)
        p->kernels->transpose(pc_at(a->src, n * from->n + c * from->c + d * from->d + h0 * from->h, p->size), from->c,
                              channels, pixels, workspace + p->turned_src + (d - d0) * part.src.d * size, channels);
    for (int64_t j = z0 * p->strips; j < z1 * p->strips; j++)
        for (int64_t k = b0; k < b1; k++) run_item(&part, &own, j * p->bands + k, workspace);
    for (int64_t j = z0; j < z1; j++)
        p->kernels->transpose(workspace + p->turned_dst + (j - z0) * part.dst.d * size, channels, results, channels,
                              pc_at_mut(a->dst, n * to->n + c * to->c + j * to->d + y0 * to->h, p->size), to->c);
}

void pc_pool_run(const pc_pool *p, const pc_exec_args *a) {
    if (p->threads == 1) {
        prepare(p, a->workspace);
        for (int64_t i = 0; i < p->work; i++) run_item(p, a, i, a->workspace);
        return;
    }
    const pc_share share = pc_share_start(a->workspace, p->workspace_per_thread, p->threads, p->work);
#pragma omp parallel num_threads(p->threads)
    {
        const int me = omp_get_thread_num();
        char *workspace = pc_share_workspace(&share, me);
        prepare(p, workspace);
        int helped = 0;
        for (int64_t i; (i = pc_share_next(&share, me, &helped)) >= 0;) run_item(p, a, i, workspace);
    }
}
