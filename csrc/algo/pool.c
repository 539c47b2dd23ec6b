/* pool.c - pooling: the largest element or the average of each window.
 *
 * A window's rows are reduced along their columns first and these results then down the rows, in memory order, whatever
 * path is taken; so a row that several windows share is reduced once. Maxima of many neighbours take the logarithm of
 * that number: those of 1, 2, 4, ... neighbours come from two of the step before, and two that overlap make up the
 * rest.
 *
 *     blocks      2x2 at step 2 without a border, over planes: rows of results, and planes, as one run
 *     flat        results as many as elements, over narrow planes: each plane as one long row
 *     tiles       common windows over planes: a few rows of results at once, straight from the image
 *     rows        any window over planes: reduced rows wait in cache for the pass down
 *     pixels      channels last: small windows, all channels of a pixel at once
 *     last rows   channels last: larger ones, by way of reduced rows
 *     global      a single result of a whole plane: pixels are lanes, too
 *     plain       a loop, for indices, mixed layouts, and windows beyond the workspace */
#include "pool.h"

#include <math.h>
#include <omp.h>

enum {
    ROWS = 96 << 10,       /* bytes of reduced rows that fit L2 beside the image */
    MOST_ROWS = 384 << 10, /* and that a single row of results may need */
    STRIP = 512,           /* columns of a strip, at most */
    BORDER = 64 << 10,     /* bytes of a row of border for tiles */
    DOUBLING = 8,          /* neighbours for each step from which doubling is faster than one by one, */
    DOUBLING_SMALL = 12,   /* and on maps of up to 16 columns */
    SMALL_WINDOW = 12,     /* elements of windows that channels last reads one by one */
    NARROW = 32,           /* columns of maps whose rows lie within two vectors of some target */
    LINES = 12 << 10,      /* bytes of bordered rows at a time */
    RUN = 12 << 10,        /* bytes of planes that tiles take together: their rows stay in L1 */
    MEMORY = 24 << 20,     /* bytes of images that tiles read from memory rather than cache: of 4 rows then, because
                            * memory sends few rows at once faster than many, 64x112x112 by 20 % */
    BLOCKS = 128 << 10,    /* and that blocks take: a NaN there sends them through it twice */
    FLAT = 16 << 10,       /* bytes of a plane that runs as one row, */
    FLAT_MASKED = 48,      /* columns of one that does so where there are tiles, too, */
    FLAT_TAPS = 13,        /* rows and columns of its window, */
    FLAT_PLANES = 8,       /* and planes for each thread at least, which share its masks */
    GLOBAL = 16,           /* channels a thread takes at least, of whole planes: whole vectors of every target */
    TAPS = 4096,           /* rows or columns of a window */
    ADAPTIVE = 16 << 10,   /* elements of a window of its own size, of which each has a pointer */
};

static int64_t reach(const pc_pool *p, int axis) { return (p->desc.window[axis] - 1) * p->desc.dilation[axis] + 1; }

/* Where the window of output o starts on an axis; negative in the padding. */
static int64_t start(const pc_pool *p, int axis, int64_t o) {
    const int64_t parts = p->desc.adaptive[axis];
    return parts ? o * p->desc.in[axis] / parts : o * p->desc.stride[axis] - p->desc.pad[axis];
}

/* First and last + 1 of the positions of that window that lie inside the image. */
static void inside(const pc_pool *p, int axis, int64_t o, int64_t *from, int64_t *to) {
    const int64_t s = start(p, axis, o), step = p->desc.dilation[axis], n = p->desc.in[axis];
    const int64_t parts = p->desc.adaptive[axis];
    if (parts) {
        *from = 0;
        *to = pc_ceil_div((o + 1) * n, parts) - s;
        return;
    }
    *from = s < 0 ? pc_min(pc_ceil_div(-s, step), p->desc.window[axis]) : 0;
    *to = pc_max(*from, pc_min(p->desc.window[axis], s >= n ? 0 : pc_ceil_div(n - s, step)));
}

/* Elements of that window that an average divides by. */
static int64_t counted(const pc_pool *p, int axis, int64_t o) {
    if (p->desc.padding_excluded || p->desc.adaptive[axis]) {
        int64_t from, to;
        inside(p, axis, o, &from, &to);
        return to - from;
    }
    const int64_t left = p->desc.in[axis] + p->desc.pad[axis] - start(p, axis, o);
    return pc_min(p->desc.window[axis], pc_ceil_div(left, p->desc.dilation[axis]));
}

/* Whether divisors differ and lanes are columns. */
static int has_columns(const pc_pool *p) {
    return !p->uniform && (p->path == PC_POOL_FLAT || p->path == PC_POOL_TILES || p->path == PC_POOL_ROWS);
}

/* ---- plan ----------------------------------------------------------------------------------------------------- */

static int largest_power(const pc_pool *p, int axis) {
    const int64_t window = p->desc.window[axis], steps = p->desc.stride[axis];
    int power = 1;
    if (p->desc.kind != PC_POOL_MAX || window < steps * (p->out[2] <= 16 ? DOUBLING_SMALL : DOUBLING)) return 1;
    while (2 * power <= window) power *= 2;
    return power;
}

/* Bytes of reduced rows for `rows` rows of n results. */
static int64_t lay_out_rows(pc_pool *p, int64_t rows, int64_t n) {
    p->pitch = pc_odd_lines(n, p->kernels->size); /* whole vectors */
    p->slice = ((rows - 1) * p->desc.stride[1] + reach(p, 1)) * p->pitch;
    return p->slice * p->desc.window[0] * p->kernels->size;
}

/* Results of one band and strip. */
static int64_t band_rows(const pc_pool *p) { return pc_ceil_div(p->out[1], p->bands); }

/* A step that is never taken may as well be that of a tile. */
static int64_t step_on(const pc_pool *p, int axis) {
    return p->out[axis] == 1 && p->desc.window[axis] == 2 ? 2 : p->desc.stride[axis];
}

static int64_t step_of(const pc_pool *p) { return step_on(p, 2); }

static int fits_tiles(const pc_pool *p) {
    const pc_pool_desc *d = &p->desc;
    const int64_t k = d->window[2], s = step_of(p);
    return d->window[0] == 1 && d->window[1] == k && (d->stride[1] == s || p->out[1] == 1) && d->dilation[1] == 1 &&
           d->dilation[2] == 1 && k <= 5 && s <= 2 && p->kernels->pool_tile(d->kind, 1, (int)k, (int)s) &&
           d->in[2] * p->kernels->size <= BORDER;
}

/* Blocks of 2x2 that lie in the image, all of them. */
static int is_blocks(const pc_pool *p) {
    for (int a = 1; a < 3; a++)
        if (p->desc.window[a] != 2 || step_on(p, a) != 2 || p->desc.dilation[a] != 1 || p->desc.pad[a] ||
            2 * p->out[a] > p->desc.in[a])
            return 0;
    return p->desc.window[0] == 1 && p->kernels->pool_blocks;
}

/* Planes of an item: so many bytes of them. */
static void plan_run(pc_pool *p, int64_t bytes) {
    const pc_pool_desc *d = &p->desc;
    if (p->out[0] == 1) p->run = bytes / pc_max(1, d->in[1] * d->in[2] * p->kernels->size);
    if (p->threads > 1) p->run = pc_min(p->run, d->mb * d->c / (4 * p->threads));
    p->run = pc_max(1, pc_min(p->run, d->c));
}

/* Tiles whose vectors are masked, all of them, because divisors differ: where a row is a few vectors that costs more
 * than to store reduced rows, 20 to 90 % at 17 to 35 columns. */
static int masked_tiles(const pc_pool *p) {
    return !p->uniform && p->out[2] > p->kernels->vlen && p->out[2] <= FLAT_MASKED;
}

/* As many results as elements, and a table of masks that is small beside what it serves. */
static int plan_flat(pc_pool *p) {
    const pc_pool_desc *d = &p->desc;
    const int64_t n = d->in[1] * d->in[2], size = p->kernels->size;
    if (!p->kernels->pool_flat || n * size > FLAT || d->window[0] != 1 || d->pad[0] ||
        d->mb * d->c < FLAT_PLANES * p->threads)
        return 0;
    for (int a = 1; a < 3; a++)
        if (d->window[a] % 2 == 0 || d->window[a] > FLAT_TAPS || step_on(p, a) != 1 ||
            2 * d->pad[a] + 1 != reach(p, a) || p->out[a] != d->in[a])
            return 0;
    const int64_t each = pc_round_up(n, PC_MAX_VLEN), reduced = (d->in[1] + 2 * d->pad[1]) * d->in[2] * size;
    if (reduced + d->window[2] * each * size > ROWS) return 0;
    p->slice = each; /* of masks */
    p->line = pc_round_up(reduced, 64);
    p->table = p->line + d->window[2] * each * size;
    plan_run(p, RUN);
    return 1;
}

/* The tile whose runs down a plane read the fewest rows; narrow planes go together, so that what meets a border is found
 * out once for all of them. */
static void plan_tiles(pc_pool *p) {
    const pc_pool_desc *d = &p->desc;
    const int k = (int)d->window[2], s = (int)step_of(p);
    int64_t least = 0;
    if (p->out[2] <= 2 * p->kernels->vlen) plan_run(p, RUN);
    const int most = d->mb * d->c * d->in[0] * d->in[1] * d->in[2] * p->kernels->size > MEMORY ? 4 : PC_MAX_POOL_TILE;
    for (int rows = most; rows; rows--) {
        pc_pool_tile_fn *const tile = rows <= p->out[1] ? p->kernels->pool_tile(d->kind, rows, k, s) : 0;
        const int64_t cost = pc_ceil_div(p->out[1], rows) * ((rows - 1) * s + k + 1);
        if (!tile || (least && cost >= least)) continue;
        least = cost;
        p->tile = tile;
        p->tile_rows = rows;
    }
}

static int plan_rows(pc_pool *p) {
    const pc_pool_desc *d = &p->desc;
    const int last = p->path == PC_POOL_LAST_ROWS, size = p->kernels->size;
    const int64_t all = last ? d->c : p->out[2], each = last ? p->out[2] : 1,
                  least = last ? 4 * p->kernels->vlen : STRIP / 8;
    int64_t n = last ? all : pc_min(all, STRIP); /* channels or columns of a strip */
    /* Rows that two bands read are reduced twice: rather narrow strips than low bands. */
    while (n > least && lay_out_rows(p, pc_min(p->out[1], 4 * reach(p, 1) / d->stride[1]), n * each) > ROWS)
        n = pc_ceil_div(n, 2);
    if (lay_out_rows(p, 1, n * each) > MOST_ROWS) return 0;
    p->strips = pc_ceil_div(all, n);
    n = pc_ceil_div(all, p->strips);
    int64_t rows = 1;
    while (rows < p->out[1] && lay_out_rows(p, rows + 1, n * each) <= ROWS) rows++;
    p->bands = pc_ceil_div(p->out[1], rows);
    p->power_h = largest_power(p, 1);
    p->power_w = last ? 1 : largest_power(p, 2);
    p->line = pc_round_up(lay_out_rows(p, band_rows(p), n * each), 64);
    p->phases = p->table = p->line;
    if (last) return 1;
    const int64_t step = d->stride[2], wide = (n - 1) * step + reach(p, 2);
    p->line_pitch = pc_odd_lines(wide, size);
    p->copies = p->power_w > 1 || (n <= NARROW && d->window[2] > 3); /* else masks take most of the time */
    if (p->copies || step > 2) p->lines = pc_max(1, LINES / (p->line_pitch * size));
    if (p->copies) p->phases += p->lines * p->line_pitch * size;
    p->table = p->phases;
    if (step > 2) p->table += pc_round_up(p->lines * (wide + 2 * step) * size + 64, 64);
    return p->table <= MOST_ROWS;
}

/* One window, which covers the image. Maxima over the pixels of channels last are as fast by the other paths. */
static int is_global(const pc_pool *p) {
    if (p->desc.with_indices || (p->desc.kind == PC_POOL_MAX && p->src.w != 1)) return 0;
    for (int a = 0; a < 3; a++) {
        int64_t from, to;
        inside(p, a, 0, &from, &to);
        if (p->out[a] != 1 || to - from != p->desc.in[a]) return 0;
    }
    return 1;
}

static void choose_path(pc_pool *p) {
    const pc_pool_desc *d = &p->desc;
    const int planes = p->src.w == 1 && p->dst.w == 1, last = p->src.c == 1 && p->dst.c == 1 && d->c > 1;
    const int64_t taps = d->window[0] * d->window[1] * d->window[2];
    p->path = PC_POOL_PLAIN;
    if (is_global(p)) {
        p->path = PC_POOL_GLOBAL;
        if (p->threads > 1)
            p->strips = pc_min(pc_ceil_div(4 * p->threads, pc_max(1, d->mb)), pc_ceil_div(d->c, GLOBAL));
        return;
    }
    if (d->with_indices || d->window[0] * d->window[1] > TAPS || d->window[2] > TAPS) return;
    if (d->adaptive[0] || d->adaptive[1] || d->adaptive[2]) { /* windows at no regular step share nothing */
        if (last && taps <= ADAPTIVE) p->path = PC_POOL_PIXELS;
    } else if (planes && is_blocks(p)) {
        p->path = PC_POOL_BLOCKS;
        plan_run(p, BLOCKS);
    } else if (planes && fits_tiles(p) && !(masked_tiles(p) && plan_flat(p))) {
        p->path = PC_POOL_TILES;
        plan_tiles(p);
        p->table = pc_round_up(d->in[2] * p->kernels->size, 64);
    } else if (planes && plan_flat(p)) {
        p->path = PC_POOL_FLAT;
    } else if (last && taps <= SMALL_WINDOW) {
        p->path = PC_POOL_PIXELS;
    } else if (planes || last) {
        p->path = planes ? PC_POOL_ROWS : PC_POOL_LAST_ROWS;
        if (!plan_rows(p)) p->path = PC_POOL_PLAIN;
    }
}

void pc_pool_plan(pc_pool *p) {
    const pc_pool_desc *d = &p->desc;
    p->bands = p->strips = p->power_h = p->power_w = p->run = 1;
    p->table = 0;
    p->uniform = 1;
    p->divisor = d->divisor ? d->divisor : d->window[0] * d->window[1] * d->window[2];
    for (int a = 0; a < 3 && d->kind == PC_POOL_AVERAGE && !d->divisor; a++)
        p->uniform &= counted(p, a, 0) == d->window[a] && counted(p, a, p->out[a] - 1) == d->window[a];
    const int64_t by = p->uniform ? p->divisor : 1, magnitude = by < 0 ? -by : by;
    p->times = (magnitude & (magnitude - 1)) == 0;
    p->by = p->times ? 1 / (double)by : (double)by;
    choose_path(p);
    const int planar = p->path == PC_POOL_BLOCKS || p->path == PC_POOL_FLAT || p->path == PC_POOL_TILES ||
                       p->path == PC_POOL_ROWS || p->path == PC_POOL_PLAIN;
    const int64_t planes = pc_max(1, d->mb) * (planar ? pc_ceil_div(d->c, p->run) : 1) * p->out[0] * p->strips;
    if (p->path == PC_POOL_PIXELS) p->bands = p->out[1];
    if (p->threads > 1 && p->path != PC_POOL_PLAIN) /* where planes are too few to share among the threads */
        p->bands = pc_max(p->bands, pc_min(pc_ceil_div(4 * p->threads, planes), p->out[1]));
    const int64_t rows = d->window[0] * d->window[1];
    const int64_t entries = p->path == PC_POOL_TILES    ? 2 * ((PC_MAX_POOL_TILE - 1) * d->stride[1] + d->window[1])
                            : p->path == PC_POOL_PIXELS ? rows * d->window[2]
                                                        : rows + d->window[2];
    const int loops = p->path == PC_POOL_PLAIN || p->path == PC_POOL_GLOBAL || p->path == PC_POOL_BLOCKS;
    p->cols = p->table + pc_round_up(entries * 8, 64);
    const int64_t across = p->path == PC_POOL_FLAT ? d->in[1] * d->in[2] : pc_ceil_div(p->out[2], p->strips);
    const int64_t columns = has_columns(p) ? pc_round_up(across, PC_MAX_VLEN) : 0;
    p->workspace_per_thread = loops ? 0 : (size_t)(p->cols + columns * p->kernels->size);
    p->work = (d->mb ? planes : 0) * p->bands;
    p->threads = (int)pc_max(1, pc_min(p->threads, p->work));
}

/* ---- items ---------------------------------------------------------------------------------------------------- */

/* A band and strip of one plane, or of one image where channels come last. */
typedef struct item {
    int64_t z, y0, y1;
    int64_t first, n; /* of a strip's columns or channels */
    int64_t planes;   /* of tiles */
    const void *src;  /* of the plane or image */
    void *dst;        /* of its output slice */
} item;

/* Item i, if an image has so many runs of planes (or is one, channels last), and strips cut `across`. */
static item item_at(const pc_pool *p, const pc_exec_args *a, int64_t i, int64_t runs, int64_t across) {
    const int size = p->kernels->size;
    item it;
    int64_t rest = pc_quotient(i, p->bands);
    const int64_t band = i - rest * p->bands;
    i = rest;
    rest = pc_quotient(i, p->strips);
    const int64_t strip = i - rest * p->strips;
    i = rest;
    rest = pc_quotient(i, p->out[0]);
    it.z = i - rest * p->out[0];
    const int64_t n = rest < runs ? 0 : rest / runs, c = (rest - n * runs) * p->run;
    it.planes = pc_min(p->run, p->desc.c - c);
    it.y0 = pc_quotient(band * p->out[1], p->bands);
    it.y1 = pc_quotient((band + 1) * p->out[1], p->bands);
    it.first = strip * across / p->strips;
    it.n = (strip + 1) * across / p->strips - it.first;
    it.src = pc_at(a->src, n * p->src.n + c * p->src.c, size);
    it.dst = pc_at_mut(a->dst, n * p->dst.n + c * p->dst.c + it.z * p->dst.d, size);
    return it;
}

/* Element i of a row in the workspace. */
static void put(const pc_pool *p, void *row, int64_t i, double value) {
    if (p->kernels->size == 4)
        ((float *)row)[i] = (float)value;
    else
        ((double *)row)[i] = value;
}

/* What stands for an element outside the image. */
static double outside(const pc_pool *p) { return p->desc.kind == PC_POOL_MAX ? -INFINITY : 0; }

static void fill(const pc_pool *p, int64_t n, void *row) {
    for (int64_t i = 0; i < n; i++) put(p, row, i, outside(p));
}

/* What each of n columns adds to its window's divisor: a table, because the rows of all planes ask for it. */
static void count_columns(const pc_pool *p, int64_t first, int64_t n, void *cols) {
    for (int64_t x = 0; x < pc_round_up(n, PC_MAX_VLEN); x++)
        put(p, cols, x, x < n ? (double)counted(p, 2, first + x) : 1);
}

/* Divide the sums of row y of an item, where windows differ. */
static void divide_row(const pc_pool *p, const item *it, int64_t y, int64_t n, const void *cols, void *dst) {
    if (!p->uniform) p->kernels->pool_divide(n, (double)(counted(p, 0, it->z) * counted(p, 1, y)), cols, dst);
}

/* The same where channels come last: n channels of each pixel. */
static void divide_pixels(const pc_pool *p, const item *it, int64_t y, int64_t n, void *dst) {
    if (p->uniform) return;
    const int64_t rows = counted(p, 0, it->z) * counted(p, 1, y);
    for (int64_t x = 0; x < p->out[2]; x++)
        p->kernels->pool_divide(n, (double)(rows * counted(p, 2, x)), 0,
                                pc_at_mut(dst, x * p->dst.w, p->kernels->size));
}

/* ---- tiles ---------------------------------------------------------------------------------------------------- */

static void run_tiles(const pc_pool *p, const pc_exec_args *a, int64_t i, char *workspace) {
    const pc_pool_desc *d = &p->desc;
    const int size = p->kernels->size;
    const int64_t runs = pc_ceil_div(d->c, p->run);
    const item it = item_at(p, a, i, runs, p->out[2]);
    const void *plane = pc_at(it.src, start(p, 0, it.z) * p->src.d, size);
    const void **row = (const void **)(workspace + p->table);
    int64_t *row_step = (int64_t *)(row + (PC_MAX_POOL_TILE - 1) * d->stride[1] + d->window[1]);
    pc_pool_tile_args args = {.row = row,
                              .off = -d->pad[2],
                              .in_w = d->in[2],
                              .n = p->out[2],
                              .ld_dst = p->dst.h,
                              .planes = it.planes,
                              .ld_plane = p->dst.c,
                              .row_step = row_step,
                              .by = p->by,
                              .times = p->times,
                              .cols = p->uniform ? 0 : workspace + p->cols};
    const int64_t height = it.y1 - it.y0, most = pc_min(p->tile_rows, height), k = d->window[1];
    pc_pool_tile_fn *tile = p->tile;
    int64_t rows = most;
    while (most < p->tile_rows && !(tile = p->kernels->pool_tile(d->kind, (int)rows, (int)k, (int)step_of(p))))
        rows--; /* a band is lower than the tile */
    for (int64_t j = 0; j < height; j += rows) {
        const int64_t y = it.y0 + pc_min(j, height - rows); /* the last tile steps back */
        const int64_t top = start(p, 1, y), n = (rows - 1) * d->stride[1] + k, high = d->in[1], ld = p->src.h;
        for (int64_t r = 0; r < n; r++)
            row[r] = top + r >= 0 && top + r < high ? pc_at(plane, (top + r) * ld, size) : workspace;
        for (int64_t r = 0; r < n; r++) row_step[r] = row[r] == workspace ? 0 : p->src.c;
        for (int64_t r = 0; r < rows && !p->uniform; r++)
            args.rows[r] = (double)(counted(p, 0, it.z) * counted(p, 1, y + r));
        args.dst = pc_at_mut(it.dst, y * p->dst.h, size);
        tile(&args);
    }
}

/* ---- blocks --------------------------------------------------------------------------------------------------- */

static void run_blocks(const pc_pool *p, const pc_exec_args *a, int64_t i) {
    const int size = p->kernels->size;
    item it = item_at(p, a, i, pc_ceil_div(p->desc.c, p->run), p->out[2]);
    pc_pool_blocks_args args = {.kind = p->desc.kind,
                                .in_w = p->desc.in[2],
                                .n = p->out[2],
                                .rows = it.y1 - it.y0,
                                .by = p->by,
                                .times = p->times};
    if (args.rows == p->out[1] && 2 * args.rows == p->desc.in[1] && it.planes > 1) { /* planes that join */
        args.rows *= it.planes;
        it.planes = 1;
    }
    for (int64_t c = 0; c < it.planes; c++) {
        args.src = pc_at(it.src, c * p->src.c + start(p, 0, it.z) * p->src.d + 2 * it.y0 * p->src.h, size);
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
    fill(p, border, pc_at_mut(workspace, border + n, p->kernels->size));
    for (int64_t q = 0; q < d->window[1]; q++) list[q] = pc_at(workspace, q * d->dilation[1] * wide, p->kernels->size);
    for (int64_t j = 0; j < d->window[2]; j++) {
        off[j] = j * d->dilation[2] - d->pad[2];
        void *flags = pc_at_mut(workspace + p->line, j * p->slice, p->kernels->size);
        for (int64_t i = 0, x = 0; i < p->slice; i++, x = x + 1 < wide ? x + 1 : 0)
            put(p, flags, i, i < n && x + off[j] >= 0 && x + off[j] < wide);
        p->kernels->pool_flat_masks(n, flags);
    }
    for (int64_t i = 0; i < p->slice && !p->uniform; i++)
        put(p, workspace + p->cols, i, i < n ? (double)(counted(p, 1, i / wide) * counted(p, 2, i % wide)) : 1);
}

static void run_flat(const pc_pool *p, const pc_exec_args *a, int64_t i, char *workspace) {
    const pc_pool_desc *d = &p->desc;
    const int size = p->kernels->size;
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
static void copy_lines(const pc_pool *p, const void *row, int64_t from, int64_t lines, int64_t wide, void *dst) {
    const pc_pool_row_args copy = {.kind = p->desc.kind,
                                   .col_step = 1,
                                   .row = row,
                                   .in_w = p->desc.in[2],
                                   .n = wide,
                                   .cols = 1,
                                   .col_off = &from,
                                   .least_off = from,
                                   .most_off = from,
                                   .dst = dst,
                                   .lines = lines,
                                   .ld_src = p->src.h,
                                   .ld_dst = p->line_pitch};
    p->kernels->pool_row(&copy);
    for (int64_t q = 1; q < p->power_w; q *= 2)
        p->kernels->pool_pairs((lines - 1) * p->line_pitch + wide - q * p->desc.dilation[2], q * p->desc.dilation[2],
                               dst);
}

/* Reduce `lines` rows of an item's strip, from `row` on. */
static void reduce_columns(const pc_pool *p, const item *it, const void *row, int64_t lines, void *dst,
                           char *workspace) {
    const pc_pool_desc *d = &p->desc;
    const int64_t n = it->n, step = d->stride[2], power = p->power_w, from = start(p, 2, it->first);
    const int64_t wide = (n - 1) * step + reach(p, 2), phase = n + (reach(p, 2) - 1) / step;
    int64_t *off = (int64_t *)(workspace + p->table) + d->window[0] * d->window[1];
    pc_pool_row_args a = {.kind = d->kind,
                          .col_step = step == 2 ? 2 : 1,
                          .in_w = d->in[2],
                          .n = n,
                          .cols = power > 1 ? 2 : d->window[2],
                          .col_off = off,
                          .least_off = INT64_MAX,
                          .most_off = INT64_MIN,
                          .lines = p->lines ? p->lines : lines,
                          .ld_src = p->src.h,
                          .ld_dst = p->pitch};
    const int64_t plane = a.lines * phase;
    for (int64_t j = 0; j < a.cols; j++) {
        const int64_t u = (power > 1 ? j * (d->window[2] - power) : j) * d->dilation[2];
        off[j] = step > 2 ? u % step * plane + u / step : u + (p->copies ? 0 : from);
        a.least_off = pc_min(a.least_off, off[j]);
        a.most_off = pc_max(a.most_off, off[j]);
    }
    for (int64_t i = 0, each = a.lines; i < lines; i += each) {
        a.lines = pc_min(each, lines - i);
        a.row = pc_at(row, i * p->src.h, p->kernels->size);
        a.dst = pc_at_mut(dst, i * p->pitch, p->kernels->size);
        if (p->copies) {
            copy_lines(p, a.row, from, a.lines, wide, workspace + p->line);
            a.row = workspace + p->line;
            a.in_w = a.ld_src = p->line_pitch;
        }
        if (step > 2) { /* columns sorted by phase, so that neighbours of one window position adjoin */
            const pc_gather_args g = {.src = a.row,
                                      .src_row = p->copies ? p->line_pitch : p->src.h,
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
    const int size = p->kernels->size;
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
    const int size = p->kernels->size;
    const int64_t n = b->runs * b->each, step = p->desc.dilation[1];
    const void *top = pc_at(src, (start(p, 1, it->y0) + b->from) * p->src.h, size);
    for (int64_t r = 0; r < b->rows; r++)
        if (r < b->from || r >= b->to) fill(p, n, pc_at_mut(slice, r * p->pitch, size));
    (p->path == PC_POOL_ROWS ? reduce_columns : reduce_pixels)(p, it, top, b->to - b->from,
                                                               pc_at_mut(slice, b->from * p->pitch, size), workspace);
    for (int64_t m = 1; m < p->power_h; m *= 2)
        for (int64_t r = 0; r < b->rows - m * step; r++)
            p->kernels->pool_pairs(n, m * step * p->pitch, pc_at_mut(slice, r * p->pitch, size));
}

static void run_rows(const pc_pool *p, const pc_exec_args *a, int64_t i, char *workspace) {
    const pc_pool_desc *d = &p->desc;
    const int size = p->kernels->size, last = p->path == PC_POOL_LAST_ROWS;
    const item it = item_at(p, a, i, last ? 1 : d->c, last ? d->c : p->out[2]);
    const band b = band_of(p, &it);
    const int64_t power = p->power_h, taps = power > 1 ? 2 : d->window[1];
    void *dst = pc_at_mut(it.dst, it.first + it.y0 * p->dst.h, size);
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
    for (inside(p, 0, it.z, &q, &end); q < end; q++) {
        const int64_t iz = start(p, 0, it.z) + q * d->dilation[0];
        char *slice = pc_at_mut(workspace, q * p->slice, size);
        reduce_slice(p, &it, &b, pc_at(it.src, iz * p->src.d, size), slice, workspace);
        for (int64_t r = 0; r < taps; r++)
            list[down.rows++] =
                pc_at(slice, (power > 1 ? r * (d->window[1] - power) : r) * d->dilation[1] * p->pitch, size);
    }
    for (int64_t run = 0; run < b.runs; run++) {
        down.dst = pc_at_mut(dst, run * p->dst.w, size);
        p->kernels->pool_down(&down);
        for (int64_t r = 0; r < down.rows; r++) list[r] = pc_at(list[r], b.each, size);
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

static void run_pixels(const pc_pool *p, const pc_exec_args *a, int64_t i, char *workspace) {
    const pc_pool_desc *d = &p->desc;
    const int size = p->kernels->size;
    const item it = item_at(p, a, i, 1, d->c);
    const void **list = (const void **)(workspace + p->table);
    pc_pool_down_args args = {.kind = d->kind,
                              .row = list,
                              .n = d->c,
                              .by = p->by,
                              .times = p->times,
                              .ld_src = d->stride[2] * p->src.w,
                              .ld_dst = p->dst.w};
    int64_t q0, q1, r0, r1, s0, s1, whole_from, whole_to;
    inside(p, 0, it.z, &q0, &q1);
    whole_windows(p, &whole_from, &whole_to);
    for (int64_t y = it.y0; y < it.y1; y++) {
        void *dst = pc_at_mut(it.dst, y * p->dst.h, size);
        inside(p, 1, y, &r0, &r1);
        for (int64_t x = 0; x < p->out[2]; x += args.lines) {
            args.lines = x == whole_from && whole_to > x ? whole_to - x : 1; /* they have their taps alike */
            inside(p, 2, x, &s0, &s1);
            int64_t n = 0;
            for (int64_t q = q0; q < q1; q++)
                for (int64_t r = r0; r < r1; r++)
                    for (int64_t s = s0; s < s1; s++)
                        list[n++] = pc_at(it.src,
                                          (start(p, 0, it.z) + q * d->dilation[0]) * p->src.d +
                                              (start(p, 1, y) + r * d->dilation[1]) * p->src.h +
                                              (start(p, 2, x) + s * d->dilation[2]) * p->src.w,
                                          size);
            args.cols = pc_max(1, s1 - s0);
            args.rows = n / args.cols;
            args.dst = pc_at_mut(dst, x * p->dst.w, size);
            p->kernels->pool_down(&args);
        }
        divide_pixels(p, &it, y, d->c, dst);
    }
}

/* ---- whole planes ---------------------------------------------------------------------------------------------- */

static void run_global(const pc_pool *p, const pc_exec_args *a, int64_t i) {
    const int size = p->kernels->size, last = p->src.w != 1;
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

/* ---- plain loops: indices, and any layout ----------------------------------------------------------------------- */

/* The part of a window that lies in the image, on each axis: its elements, where they start and how far they are apart,
 * both in memory and in the flat index. */
typedef struct window {
    int64_t n[3], first[3], step[3], index[3], index_step[3];
} window;

static void place_window(const pc_pool *p, int axis, int64_t o, window *w) {
    const pc_pool_desc *d = &p->desc;
    const int64_t stride[3] = {p->src.d, p->src.h, p->src.w}, volume[3] = {d->in[1] * d->in[2], d->in[2], 1};
    int64_t from, to;
    inside(p, axis, o, &from, &to);
    const int64_t i = start(p, axis, o) + from * d->dilation[axis];
    w->n[axis] = to - from;
    w->first[axis] = i * stride[axis];
    w->step[axis] = d->dilation[axis] * stride[axis];
    w->index[axis] = i * volume[axis];
    w->index_step[axis] = d->dilation[axis] * volume[axis];
}

static int64_t total(const int64_t v[3]) { return v[0] + v[1] + v[2]; }

#define DEFINE_PLAIN(T)                                                                                                \
    static T sum_##T(const T *src, const window *w) {                                                                  \
        T sum = 0;                                                                                                     \
        for (int64_t q = 0; q < w->n[0]; q++)                                                                          \
            for (int64_t r = 0; r < w->n[1]; r++) {                                                                    \
                const T *p = src + total(w->first) + q * w->step[0] + r * w->step[1];                                  \
                T row = 0;                                                                                             \
                for (int64_t s = 0; s < w->n[2]; s++) row += p[s * w->step[2]];                                        \
                sum += row;                                                                                            \
            }                                                                                                          \
        return sum;                                                                                                    \
    }                                                                                                                  \
    static T max_##T(const T *src, const window *w, int64_t *at) {                                                     \
        T best = -INFINITY;                                                                                            \
        int found = 0;                                                                                                 \
        *at = total(w->index); /* of a dilated window that misses the image, too */                                    \
        for (int64_t q = 0; q < w->n[0]; q++)                                                                          \
            for (int64_t r = 0; r < w->n[1]; r++)                                                                      \
                for (int64_t s = 0; s < w->n[2]; s++) {                                                                \
                    const T v = src[total(w->first) + q * w->step[0] + r * w->step[1] + s * w->step[2]];               \
                    if (found && !(v > best || v != v)) continue;                                                      \
                    best = v;                                                                                          \
                    *at = total(w->index) + q * w->index_step[0] + r * w->index_step[1] + s * w->index_step[2];        \
                    found = 1;                                                                                         \
                }                                                                                                      \
        return best;                                                                                                   \
    }                                                                                                                  \
    static void plain_##T(const pc_pool *p, const window *w, const T *src, int64_t count, T *dst, int64_t *at) {       \
        *dst = p->desc.kind == PC_POOL_MAX ? max_##T(src, w, at) : sum_##T(src, w) / (T)count;                         \
    }

DEFINE_PLAIN(float)
DEFINE_PLAIN(double)

static void run_plain(const pc_pool *p, const pc_exec_args *a, int64_t i) {
    const int64_t z = i % p->out[0], c = i / p->out[0] % p->desc.c, n = i / p->out[0] / p->desc.c;
    const int size = p->kernels->size;
    const void *src = pc_at(a->src, n * p->src.n + c * p->src.c, size);
    window w;
    place_window(p, 0, z, &w);
    for (int64_t y = 0; y < p->out[1]; y++) {
        place_window(p, 1, y, &w);
        for (int64_t x = 0; x < p->out[2]; x++) {
            place_window(p, 2, x, &w);
            const int64_t to = n * p->dst.n + c * p->dst.c + z * p->dst.d + y * p->dst.h + x * p->dst.w;
            const int64_t count = p->uniform ? p->divisor : counted(p, 0, z) * counted(p, 1, y) * counted(p, 2, x);
            int64_t index = 0;
            if (size == 4)
                plain_float(p, &w, src, count, (float *)a->dst + to, &index);
            else
                plain_double(p, &w, src, count, (double *)a->dst + to, &index);
            if (p->desc.with_indices) a->indices[to] = index;
        }
    }
}

/* ---- all paths -------------------------------------------------------------------------------------------------- */

static void prepare(const pc_pool *p, char *workspace) {
    if (p->path == PC_POOL_TILES) fill(p, p->desc.in[2], workspace); /* a row of border */
    if (p->path == PC_POOL_FLAT)
        prepare_flat(p, workspace);
    else if (has_columns(p) && p->strips == 1)
        count_columns(p, 0, p->out[2], workspace + p->cols);
}

static void run_item(const pc_pool *p, const pc_exec_args *a, int64_t i, char *workspace) {
    switch (p->path) {
        case PC_POOL_BLOCKS: run_blocks(p, a, i); break;
        case PC_POOL_FLAT: run_flat(p, a, i, workspace); break;
        case PC_POOL_TILES: run_tiles(p, a, i, workspace); break;
        case PC_POOL_ROWS:
        case PC_POOL_LAST_ROWS: run_rows(p, a, i, workspace); break;
        case PC_POOL_PIXELS: run_pixels(p, a, i, workspace); break;
        case PC_POOL_GLOBAL: run_global(p, a, i); break;
        case PC_POOL_PLAIN: run_plain(p, a, i); break;
    }
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
