/* pool_plan.c - which way a pooling runs, and how its work is cut into items. */
#include "pool_windows.h"

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
    DEPTH = 16,            /* slices of a window of tiles */
    TURNED = 288 << 10,    /* bytes of planes and results that are turned to channels last, */
    TURNED_CHANNELS = 16,  /* so many channels at a time, or a vector of them, of */
    TURNED_LEAST = 8,      /* so many at least, where */
    TURNED_COLUMNS = 48,   /* rows of results have so many columns, or windows lie more than 2 apart */
    TIMES = 64,            /* channels of maxima with indices, at most, that count in how they are found */
    TAPS = 4096,           /* rows or columns of a window */
    PARTS = 10,            /* columns of parts that differ in size: wider ones are few, and fill no vectors, */
    PARTS_AT = 6,          /* or with indices, also of equal ones */
    ADAPTIVE = 16 << 10,   /* elements of a window of its own size, of which each has a pointer */
};

static int largest_power(const pc_pool *p, int axis) {
    const int64_t window = p->desc.window[axis], steps = p->desc.stride[axis];
    int power = 1;
    if (p->desc.kind != PC_POOL_MAX || window < steps * (p->out[2] <= 16 ? DOUBLING_SMALL : DOUBLING)) return 1;
    while (2 * power <= window) power *= 2;
    return power;
}

/* Bytes of reduced rows for `rows` rows of n results. */
static int64_t lay_out_rows(pc_pool *p, int64_t rows, int64_t n) {
    p->pitch = pc_odd_lines(n, p->size); /* whole vectors */
    p->slice = ((rows - 1) * p->desc.stride[1] + reach(p, 1)) * p->pitch;
    return p->slice * p->desc.window[0] * p->size;
}

/* Results of one band and strip. */
static int64_t band_rows(const pc_pool *p) { return pc_ceil_div(p->out[1], p->bands); }

static int fits_tiles(const pc_pool *p) {
    const pc_pool_desc *d = &p->desc;
    const int64_t k = d->window[2], s = step_of(p);
    return d->window[0] <= (k < 5 ? DEPTH : 1) && d->window[1] == k && (d->stride[1] == s || p->out[1] == 1) &&
           d->dilation[1] == 1 && d->dilation[2] == 1 && k <= 5 && s <= 2 &&
           p->kernels->pool_tile(d->kind, 0, (int)k, (int)s) && d->in[2] * p->size <= BORDER;
}

/* Blocks of 2x2 that lie in the image, all of them, and of slices that each count once. */
static int is_blocks(const pc_pool *p) {
    const pc_pool_desc *d = &p->desc;
    for (int a = 1; a < 3; a++)
        if (d->window[a] != 2 || step_on(p, a) != 2 || d->dilation[a] != 1 || d->pad[a] || 2 * p->out[a] > d->in[a])
            return 0;
    return !d->pad[0] && p->out[0] * pc_max(d->stride[0], reach(p, 0)) == d->in[0] && p->kernels->pool_blocks;
}

/* Planes of an item: so many bytes of them. */
static void plan_run(pc_pool *p, int64_t bytes) {
    const pc_pool_desc *d = &p->desc;
    p->run = bytes / pc_max(1, pc_min(d->window[0], d->in[0]) * d->in[1] * d->in[2] * p->size);
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
    const int64_t n = d->in[1] * d->in[2], size = p->size;
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

/* The tile whose runs down a plane read the fewest rows; narrow planes go together, so that what meets a border is
 * found out once for all of them. */
static void plan_tiles(pc_pool *p) {
    const pc_pool_desc *d = &p->desc;
    const int k = (int)d->window[2], s = (int)step_of(p);
    int64_t least = 0;
    if (p->out[2] <= 2 * p->kernels->vlen) plan_run(p, RUN);
    const int64_t bytes = d->mb * d->c * d->in[0] * d->in[1] * d->in[2] * p->size;
    const int most = d->window[0] > 1 || bytes > MEMORY ? 4 : PC_MAX_POOL_TILE;
    for (int rows = most; rows; rows--) {
        pc_pool_tile_fn *const tile = p->kernels->pool_tile(d->kind, rows, k, s);
        const int64_t cost = pc_ceil_div(p->out[1], rows) * ((rows - 1) * s + k + 1);
        if (!tile || (least && cost >= least)) continue;
        least = cost;
        p->tile = tile;
        p->tile_rows = rows;
    }
}

static int plan_rows(pc_pool *p) {
    const pc_pool_desc *d = &p->desc;
    const int last = p->path == PC_POOL_LAST_ROWS, size = p->size;
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
    p->line = lone_rows(p) ? 0 : pc_round_up(lay_out_rows(p, band_rows(p), n * each), 64);
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
    if (p->desc.kind == PC_POOL_MAX && p->src.w != 1) return 0;
    for (int a = 0; a < 3; a++) {
        int64_t from, to;
        inside(p, a, 0, &from, &to);
        if (p->out[a] != 1 || to - from != p->desc.in[a]) return 0;
    }
    return 1;
}

/* Whether each result has elements of one position on an axis, and each position its result. */
static int is_untouched(const pc_pool *p, int axis) {
    return p->desc.window[axis] == 1 && p->out[axis] == p->desc.in[axis] && !p->desc.adaptive[axis];
}

/* Let the axes of the image be those of `axes`, of which -1 stands for one that windows do not touch any more. */
static void take_axes(pc_pool *p, const int axes[3]) {
    const pc_pool old = *p;
    pc_pool_desc *d = &p->desc;
    for (int a = 0; a < 3; a++) {
        const int from = axes[a];
        d->in[a] = from < 0 ? 1 : old.desc.in[from];
        d->window[a] = from < 0 ? 1 : old.desc.window[from];
        d->stride[a] = from < 0 ? 1 : old.desc.stride[from];
        d->dilation[a] = from < 0 ? 1 : old.desc.dilation[from];
        d->pad[a] = from < 0 ? 0 : old.desc.pad[from];
        d->adaptive[a] = from < 0 ? 0 : old.desc.adaptive[from];
        p->out[a] = from < 0 ? 1 : old.out[from];
    }
    p->src = pc_dense_strides(d->src_layout, d->c, d->in);
    p->dst = pc_dense_strides(d->dst_layout, d->c, p->out);
}

static void find_divisor(pc_pool *p) {
    const pc_pool_desc *d = &p->desc;
    p->uniform = 1;
    p->divisor = d->divisor ? d->divisor : d->window[0] * d->window[1] * d->window[2];
    for (int a = 0; a < 3 && d->kind == PC_POOL_AVERAGE && !d->divisor; a++)
        p->uniform &= counted(p, a, 0) == d->window[a] && counted(p, a, p->out[a] - 1) == d->window[a];
}

/* Of a window over an axis of one element that element is enough, where divisors do not ask for more. */
static void trim(pc_pool *p, int axis) {
    pc_pool_desc *d = &p->desc;
    int64_t from, to;
    if (d->in[axis] > 1 || p->out[axis] > 1 || d->adaptive[axis] || d->placed) return;
    inside(p, axis, 0, &from, &to);
    if (from == to || !(p->uniform || d->padding_excluded)) return;
    d->window[axis] = d->stride[axis] = d->dilation[axis] = 1;
    d->pad[axis] = 0;
}

/* Slices that no window joins are as good as more images or channels. */
static void fold_slices(pc_pool *p) {
    if (!is_untouched(p, 0)) return;
    *(p->desc.src_layout == PC_NHWC ? &p->desc.mb : &p->desc.c) *= p->desc.in[0];
    take_axes(p, (int[]){-1, 1, 2});
}

/* And so are columns, as channels last, and rows if they are alike; rows alone become columns, in the same order. */
static int fold_columns(pc_pool *p) {
    pc_pool_desc *d = &p->desc;
    const int last = d->src_layout == PC_NHWC, rows = is_untouched(p, 1);
    const int flat = d->in[0] == 1 && is_untouched(p, 0);
    if (!is_untouched(p, 2) || (last && d->in[2] == 1)) return 0;
    d->mb *= last ? 1 : d->c;
    d->c = (last ? d->c : 1) * d->in[2] * (rows ? d->in[1] : 1);
    d->src_layout = d->dst_layout = PC_NHWC;
    take_axes(p, rows ? (int[]){-1, -1, 0} : flat ? (int[]){-1, -1, 1} : (int[]){0, 1, -1});
    return 1;
}

/* Whether maxima with indices look at each window by itself, in vectors of channels. Of windows that overlap an element
 * counts many times, where doubling does better from a number on that the channels have to outweigh. */
static int by_windows(const pc_pool *p, int64_t channels) {
    const pc_pool_desc *d = &p->desc;
    int64_t times = 1;
    for (int a = 1; a < 3; a++)
        times *= d->adaptive[a] ? 1 : pc_min(p->out[a], pc_ceil_div(d->window[a], d->stride[a]));
    return d->with_indices && !d->integer_bits && 2 * times <= 3 * pc_min(channels, TIMES) &&
           d->window[0] * d->window[1] * d->window[2] <= TAPS;
}

static void choose_path(pc_pool *p, int global) {
    pc_pool_desc *d = &p->desc;
    const int planes = p->src.w == 1 && p->dst.w == 1, last = p->src.c == 1 && p->dst.c == 1 && d->c > 1;
    const int64_t taps = d->window[0] * d->window[1] * d->window[2];
    p->path = PC_POOL_PLAIN;
    p->bands = p->strips = p->power_h = p->power_w = p->run = 1;
    p->table = 0;
    if (d->placed) return;
    const int adaptive = d->adaptive[0] || d->adaptive[1] || d->adaptive[2];
    if (last && by_windows(p, d->c)) {
        p->path = PC_POOL_PIXELS;
        p->bands = p->out[1];
        return;
    }
    if (d->integer_bits || d->with_indices || (d->kind == PC_POOL_MAX && adaptive && planes && !global)) {
        const int apart = d->adaptive[2] || d->stride[2] >= d->window[2]; /* windows that share nothing, or little */
        const int64_t most = d->with_indices ? PARTS_AT : d->adaptive[2] ? PARTS : INT64_MAX;
        if ((planes || last) && !(apart && d->window[2] > most) && pc_pool_plan_maxima(p)) p->path = PC_POOL_MAXIMA;
        return;
    }
    if (global) {
        p->path = PC_POOL_GLOBAL;
        if (p->threads > 1)
            p->strips = pc_min(pc_ceil_div(4 * p->threads, pc_max(1, d->mb)), pc_ceil_div(d->c, GLOBAL));
        return;
    }
    if (d->window[0] * d->window[1] > TAPS || d->window[2] > TAPS) return;
    if (adaptive) { /* windows at no regular step share nothing */
        if (last && taps <= ADAPTIVE) p->path = PC_POOL_PIXELS;
    } else if (planes && is_blocks(p)) {
        p->path = PC_POOL_BLOCKS;
        d->c *= p->out[0]; /* a slice of results, and what it is of, is a plane */
        p->src.c = d->in[0] / p->out[0] * p->src.d;
        p->dst.c = p->dst.d;
        d->in[0] /= p->out[0];
        p->out[0] = 1;
        plan_run(p, BLOCKS);
    } else if (planes && fits_tiles(p) && !(masked_tiles(p) && plan_flat(p))) {
        p->path = PC_POOL_TILES;
        plan_tiles(p);
        p->table = pc_round_up(d->in[2] * p->size, 64);
    } else if (planes && plan_flat(p)) {
        p->path = PC_POOL_FLAT;
    } else if (last && taps <= SMALL_WINDOW) {
        p->path = PC_POOL_PIXELS;
    } else if (planes || last) {
        p->path = planes ? PC_POOL_ROWS : PC_POOL_LAST_ROWS;
        if (!plan_rows(p)) p->path = PC_POOL_PLAIN;
    }
}

/* Elements of the largest box of a turned image, and results. */
static int64_t seen(const pc_pool *p, int axis, int64_t results) {
    const int64_t parts = p->desc.adaptive[axis], n = p->desc.in[axis];
    return pc_min(n,
                  parts ? pc_ceil_div(results * n, parts) + 1 : (results - 1) * p->desc.stride[axis] + reach(p, axis));
}
static int64_t box_lines(const pc_pool *p) {
    return pc_min(p->out[1], pc_ceil_div(p->bands, p->boxes[1]) * pc_ceil_div(p->out[1], p->bands));
}
static int64_t box_elements(const pc_pool *p) {
    return seen(p, 0, pc_ceil_div(p->out[0], p->boxes[0])) * seen(p, 1, box_lines(p)) * p->desc.in[2] * p->desc.c;
}
static int64_t box_results(const pc_pool *p) {
    return pc_ceil_div(p->out[0], p->boxes[0]) * box_lines(p) * p->out[2] * p->desc.c;
}

static int64_t box_bytes(const pc_pool *p) { return (box_elements(p) + box_results(p)) * p->size; }

/* Narrow planes fill no vectors, and sorting columns for a wide step costs more than to turn a few channels at a time
 * to channels last, and their results back. So do indices. */
static void turn(pc_pool *p) {
    const pc_pool old = *p;
    pc_pool_desc *d = &p->desc;
    const int wide = step_of(p) > 2, few = !lone_rows(p) && p->out[2] <= TURNED_COLUMNS;
    const int narrow = p->path == PC_POOL_ROWS && (wide || few);
    const int deep = p->path == PC_POOL_TILES && d->window[0] > 1 && p->out[2] <= TURNED_COLUMNS / 6;
    p->whole_src = p->src;
    p->whole_dst = p->dst;
    const int64_t channels = pc_min(d->c, TURNED_CHANNELS);
    const int winners = p->src.w == 1 && p->dst.w == 1 && p->path != PC_POOL_PIXELS && by_windows(p, channels) &&
                        d->window[2] < (d->c < TURNED_LEAST ? 8 : 16); /* else a window's rows fill vectors */
    /* Columns at step 4 are sorted fast. */
    const int sorted = !wide || step_of(p) == 4 || lone_rows(p) || p->out[2] > TURNED_COLUMNS / 2;
    if (!(narrow || deep || winners) || d->c < (!winners && sorted ? TURNED_LEAST : 2)) return;
    p->turned = d->c;
    d->c = channels;
    p->src = pc_dense_strides(PC_NHWC, d->c, d->in);
    p->dst = pc_dense_strides(PC_NHWC, d->c, p->out);
    choose_path(p, 0);
    if (p->path == PC_POOL_PIXELS) p->bands = p->out[1];
    int64_t slices = p->out[0], bands = p->bands; /* of a box */
    for (;;) {
        p->boxes[0] = pc_ceil_div(p->out[0], slices);
        p->boxes[1] = pc_ceil_div(p->bands, bands);
        if (box_bytes(p) <= TURNED || (slices * bands == 1 && p->bands == p->out[1])) break;
        if (slices * bands > 1)
            *(slices > bands ? &slices : &bands) = pc_ceil_div(pc_max(slices, bands), 2);
        else
            p->bands = pc_min(p->out[1], 2 * p->bands);
    }
    if ((p->path != PC_POOL_PIXELS && p->path != PC_POOL_LAST_ROWS) || p->table > 2 * ROWS || box_bytes(p) > TURNED) {
        *p = old;
        p->whole_dst = p->dst;
    }
}

void pc_pool_plan(pc_pool *p) {
    const pc_pool_desc *d = &p->desc;
    const int global = is_global(p);
    const int folds = !global && d->src_layout == d->dst_layout && !d->with_indices && !d->placed;
    find_divisor(p);
    for (int a = 0; a < 3; a++) trim(p, a);
    if (!p->uniform) find_divisor(p);
    if (folds) fold_slices(p);
    const int64_t by = p->uniform ? p->divisor : 1, magnitude = by < 0 ? -by : by;
    p->times = (magnitude & (magnitude - 1)) == 0;
    p->by = p->times ? 1 / (double)by : (double)by;
    p->elements = pc_pool_elements_find(p->size, d->integer_bits, d->integer_unsigned);
    choose_path(p, global);
    const int few = p->path == PC_POOL_ROWS || p->path == PC_POOL_PIXELS || p->path == PC_POOL_LAST_ROWS;
    if (folds && few && fold_columns(p)) choose_path(p, global);
    turn(p);
    const int planar = p->path == PC_POOL_BLOCKS || p->path == PC_POOL_FLAT || p->path == PC_POOL_TILES ||
                       p->path == PC_POOL_ROWS || p->path == PC_POOL_MAXIMA || p->path == PC_POOL_PLAIN;
    const int64_t planes = pc_max(1, d->mb) * (planar ? pc_ceil_div(d->c, p->run) : 1) * p->out[0] * p->strips;
    if (p->path == PC_POOL_PIXELS) p->bands = p->out[1];
    if (p->threads > 1 && p->path != PC_POOL_PLAIN &&
        !p->turned) /* where planes are too few to share among the threads */
        p->bands =
            pc_max(p->bands, pc_min(pc_ceil_div(4 * p->threads, planes),
                                    p->path == PC_POOL_TILES ? pc_ceil_div(p->out[1], p->tile_rows) : p->out[1]));
    const int64_t rows = d->window[0] * d->window[1];
    const int64_t entries = p->path == PC_POOL_TILES
                                ? 3 * d->window[0] * ((p->tile_rows - 1) * step_of(p) + d->window[1])
                            : p->path == PC_POOL_PIXELS ? rows * d->window[2] * (d->with_indices ? 2 : 1)
                                                        : rows + d->window[2];
    const int loops = p->path == PC_POOL_PLAIN || p->path == PC_POOL_GLOBAL || p->path == PC_POOL_BLOCKS;
    p->cols = p->table + pc_round_up(entries * 8, 64);
    const int64_t across = p->path == PC_POOL_FLAT ? d->in[1] * d->in[2] : pc_ceil_div(p->out[2], p->strips);
    const int64_t columns = has_columns(p) ? pc_round_up(across, PC_MAX_VLEN) : 0;
    p->workspace_per_thread = loops ? 0 : (size_t)(p->cols + columns * p->size);
    if (p->path == PC_POOL_MAXIMA) p->workspace_per_thread = pc_pool_maxima_workspace(p);
    p->work = (d->mb ? planes : 0) * p->bands;
    if (p->turned) {
        p->work = d->mb * pc_ceil_div(p->turned, d->c) * p->boxes[0] * p->boxes[1];
        p->turned_src = pc_round_up((int64_t)p->workspace_per_thread, 64);
        p->turned_dst = p->turned_src + pc_round_up(box_elements(p) * p->size, 64);
        p->workspace_per_thread = (size_t)(p->turned_dst + box_results(p) * p->size);
    }
    p->threads = (int)pc_max(1, pc_min(p->threads, p->work));
}
