/* pool_maxima.c - maxima with their indices, where windows overlap, those of integers, and of parts that differ in
 * size.
 *
 * Columns first, then rows, then depth. On each axis the first of equals wins, and so in the window; of NaN the last.
 * An axis is taken in one of two ways. By taps: element t of all windows at once, for each t; where a window has fewer
 * its last element stands in, which changes nothing. Or, where windows overlap by half or more, by doubling: the
 * winners of 1, 2, 4, ... neighbours come from two of the step before, and two that overlap make up the window, so that
 * one of 15x15 takes 8 comparisons and not 225.
 *
 * An item is a band of rows and a strip of columns of `planes` channels: one where channels come first, a run of them
 * where they come last, which are then as many neighbouring elements. Vectors come of the compiler's own making. */
#include <string.h>

#include "pool_windows.h"

enum {
    ROWS = 160 << 10,      /* bytes of reduced rows, with their indices */
    MOST_ROWS = 480 << 10, /* and of the lowest band */
    COLUMNS = 1024,        /* of a strip, at most, */
    NARROW = 32,           /* and as long as it is not rather the channels that are cut */
    CHANNELS = 64,         /* of an item, at most */
};

/* A dilated window may miss the image, and has no element to stand in then. */
static int by_taps(const pc_pool *p, int axis) {
    const pc_pool_desc *d = &p->desc;
    return d->adaptive[axis] || (d->window[axis] <= 2 * d->stride[axis] && (d->dilation[axis] == 1 || !d->pad[axis]));
}

/* Results that wait apart from the reduced rows, which more than one of them may need. */
static int waits(const pc_pool *p) { return p->desc.window[0] > 1 || by_taps(p, 1); }

/* The lanes of a row of results, of a bordered row of the image, and of a band of reduced rows, at most. */
typedef struct extent {
    int64_t lanes, wide, rows;
} extent;

static extent extent_of(const pc_pool *p, int64_t lines, int64_t columns, int64_t planes) {
    const pc_pool_desc *d = &p->desc;
    return (extent){columns * planes, ((columns - 1) * d->stride[2] + reach(p, 2)) * planes,
                    d->adaptive[1] ? pc_min(d->in[1], pc_ceil_div(lines * d->in[1], d->adaptive[1]) + 1)
                                   : (lines - 1) * d->stride[1] + reach(p, 1)};
}

/* The parts of a thread's workspace, in elements: reduced rows, then what one tap adds to them or, for doubling, a
 * bordered row and the second of two windows that overlap, then results. */
typedef struct parts {
    int64_t added, second, sum, end;
} parts;

static parts parts_of(const pc_pool *p, int64_t lines, extent e) {
    const int taps = by_taps(p, 2);
    const int64_t added = e.rows * e.lanes, second = added + (taps ? 0 : e.wide);
    const int64_t sum = second + (taps ? added : e.lanes);
    return (parts){added, second, sum, sum + (waits(p) ? lines * e.lanes : 0)};
}

/* Where the windows of a strip's columns start in the image, how many elements they have there, and where one tap is.
 */
static int64_t table_bytes(int64_t columns) { return pc_round_up(3 * columns * (int64_t)sizeof(int32_t), 8); }

static int64_t bytes_of(const pc_pool *p, int64_t lines, int64_t columns, int64_t planes) {
    const int64_t n = parts_of(p, lines, extent_of(p, lines, columns, planes)).end;
    return table_bytes(columns) + pc_round_up(n * p->size, 8) + (p->desc.with_indices ? n * 4 : 0);
}

int pc_pool_plan_maxima(pc_pool *p) {
    const pc_pool_desc *d = &p->desc;
    const int64_t high = p->out[1], share = d->adaptive[1] ? 1 : 3 * reach(p, 1) / d->stride[1] + 1;
    const int64_t least = pc_min(high, share);
    int64_t columns = pc_min(p->out[2], COLUMNS), planes = p->src.w == 1 ? 1 : pc_min(d->c, CHANNELS), lines = least;
    if (d->in[0] * d->in[1] * d->in[2] > INT32_MAX) return 0;
    while (bytes_of(p, least, columns, planes) > ROWS && (columns > NARROW || planes > 1))
        *(columns > NARROW ? &columns : &planes) = pc_ceil_div(columns > NARROW ? columns : planes, 2);
    while (lines > 1 && bytes_of(p, lines, columns, planes) > ROWS) lines = pc_ceil_div(lines, 2);
    while (columns > 1 && bytes_of(p, lines, columns, planes) > MOST_ROWS) columns = pc_ceil_div(columns, 2);
    if (bytes_of(p, lines, columns, planes) > MOST_ROWS) return 0;
    while (lines < high && bytes_of(p, pc_min(high, 2 * lines), columns, planes) <= ROWS)
        lines = pc_min(high, 2 * lines);
    p->run = planes;
    p->strips = pc_ceil_div(p->out[2], columns);
    p->bands = pc_ceil_div(high, lines);
    return 1;
}

size_t pc_pool_maxima_workspace(const pc_pool *p) {
    return (size_t)bytes_of(p, pc_ceil_div(p->out[1], p->bands), pc_ceil_div(p->out[2], p->strips), p->run);
}

/* Elements and, with indices, those: `at` is NULL without. */
typedef struct lanes {
    char *value;
    int32_t *at;
} lanes;

static lanes lanes_from(const pc_pool *p, lanes v, int64_t i) {
    return (lanes){v.value + i * p->size, v.at ? v.at + i : 0};
}

static void larger(const pc_pool *p, int64_t n, lanes b, lanes a) {
    if (a.at)
        p->elements->larger_at(n, b.value, b.at, a.value, a.at);
    else
        p->elements->larger(n, b.value, a.value);
}

static void outside_image(const pc_pool *p, int64_t n, lanes v) {
    for (int64_t i = 0; i < n; i++) memcpy(v.value + i * p->size, p->elements->lowest, (size_t)p->size);
    for (int64_t i = 0; v.at && i < n; i++) v.at[i] = -1;
}

static void copy_lanes(const pc_pool *p, int64_t n, lanes from, lanes to) {
    memcpy(to.value, from.value, (size_t)(n * p->size));
    if (to.at) memcpy(to.at, from.at, (size_t)n * sizeof *to.at);
}

/* One element of each `step`, of sizes that the compiler knows. */
static void take_bytes(int64_t n, int64_t step, int size, const char *from, char *to) {
    switch (size) {
        case 1:
            for (int64_t i = 0; i < n; i++) to[i] = from[i * step];
            break;
        case 2:
            for (int64_t i = 0; i < n; i++) memcpy(to + i * 2, from + i * step * 2, 2);
            break;
        case 4:
            for (int64_t i = 0; i < n; i++) memcpy(to + i * 4, from + i * step * 4, 4);
            break;
        default:
            for (int64_t i = 0; i < n; i++) memcpy(to + i * 8, from + i * step * 8, 8);
    }
}

/* The columns of a strip that results begin at. */
static void take(const pc_pool *p, const item *it, lanes from, lanes to) {
    const int64_t step = p->desc.stride[2];
    if (step == 1) {
        copy_lanes(p, it->n * it->planes, from, to);
    } else if (it->planes == 1) {
        take_bytes(it->n, step, p->size, from.value, to.value);
        if (to.at) take_bytes(it->n, step, 4, (const char *)from.at, (char *)to.at);
    } else {
        for (int64_t x = 0; x < it->n; x++)
            copy_lanes(p, it->planes, lanes_from(p, from, x * step * it->planes), lanes_from(p, to, x * it->planes));
    }
}

/* The largest power of two in a window, whose winners lie at each element after `double_up`. */
static int64_t power_of(int64_t window) {
    int64_t power = 1;
    while (2 * power <= window) power *= 2;
    return power;
}

static void double_up(const pc_pool *p, int64_t n, int64_t step, int64_t power, lanes v) {
    for (int64_t m = 1; m < power; m *= 2) larger(p, n - m * step, lanes_from(p, v, m * step), v);
}

/* A row of the image with its border, of which row 0 of the plane has index `index`. */
static void border_row(const pc_pool *p, const item *it, const char *row, int64_t index, int64_t wide, lanes v) {
    const int64_t first = start(p, 2, it->first), c = it->planes, w = p->desc.in[2];
    const int64_t from = pc_min(wide, pc_max(0, -first)), to = pc_max(from, pc_min(wide, w - first));
    outside_image(p, from * c, v);
    outside_image(p, (wide - to) * c, lanes_from(p, v, to * c));
    const char *src = pc_at(row, (first + from) * p->src.w, p->size);
    if (c == p->src.w)
        memcpy(v.value + from * c * p->size, src, (size_t)((to - from) * c * p->size));
    else
        for (int64_t x = from; x < to; x++, src += p->src.w * p->size)
            memcpy(v.value + x * c * p->size, src, (size_t)(c * p->size));
    for (int64_t x = from; v.at && x < to; x++)
        for (int64_t k = 0; k < c; k++) v.at[x * c + k] = (int32_t)(index + first + x);
}

/* By doubling: the winners along the columns of one row of the image. */
static void reduce_row(const pc_pool *p, const item *it, const char *row, int64_t index, lanes line, lanes second,
                       lanes to) {
    const pc_pool_desc *d = &p->desc;
    const int64_t wide = (it->n - 1) * d->stride[2] + reach(p, 2), c = it->planes, power = power_of(d->window[2]);
    const lanes rest = lanes_from(p, line, (d->window[2] - power) * d->dilation[2] * c);
    border_row(p, it, row, index, wide, line);
    double_up(p, wide * c, d->dilation[2] * c, power, line);
    take(p, it, line, to);
    if (power == d->window[2]) return;
    if (d->stride[2] > 1) take(p, it, rest, second);
    larger(p, it->n * c, d->stride[2] > 1 ? second : rest, to);
}

/* Elements at columns of a row, of sizes that the compiler knows. */
static void gather_bytes(int64_t n, const int32_t *at, int size, const char *from, char *to) {
    switch (size) {
        case 1:
            for (int64_t i = 0; i < n; i++) to[i] = from[at[i]];
            break;
        case 2:
            for (int64_t i = 0; i < n; i++) memcpy(to + i * 2, from + (int64_t)at[i] * 2, 2);
            break;
        case 4:
            for (int64_t i = 0; i < n; i++) memcpy(to + i * 4, from + (int64_t)at[i] * 4, 4);
            break;
        default:
            for (int64_t i = 0; i < n; i++) memcpy(to + i * 8, from + (int64_t)at[i] * 8, 8);
    }
}

static void gather_row(const pc_pool *p, const item *it, const int32_t *at, const char *row, int64_t index, lanes to) {
    const int64_t c = it->planes;
    if (c == 1 && p->src.w == 1)
        gather_bytes(it->n, at, p->size, row, to.value);
    else
        for (int64_t x = 0; x < it->n; x++)
            memcpy(to.value + x * c * p->size, row + at[x] * p->src.w * p->size, (size_t)(c * p->size));
    for (int64_t x = 0; to.at && x < it->n; x++)
        for (int64_t k = 0; k < c; k++) to.at[x * c + k] = (int32_t)index + at[x];
}

/* By taps: those along the columns of `rows` rows of the image. */
static void reduce_taps(const pc_pool *p, const item *it, const char *top, int64_t index, int64_t rows, lanes added,
                        int32_t *table, lanes to) {
    const int64_t n = it->n, width = p->desc.in[2];
    int32_t *first = table, *count = first + n, *at = count + n;
    int64_t taps = 0;
    for (int64_t x = 0; x < n; x++) {
        int64_t from, end;
        inside(p, 2, it->first + x, &from, &end);
        first[x] = (int32_t)(start(p, 2, it->first + x) + from * p->desc.dilation[2]);
        count[x] = (int32_t)(end - from);
        taps = pc_max(taps, end - from);
    }
    for (int64_t t = 0; t < taps; t++) {
        const lanes v = t ? added : to;
        for (int64_t x = 0; x < n; x++) at[x] = first[x] + (int32_t)(pc_min(t, count[x] - 1) * p->desc.dilation[2]);
        for (int64_t r = 0; r < rows; r++)
            gather_row(p, it, at, pc_at(top, r * p->src.h, p->size), index + r * width,
                       lanes_from(p, v, r * n * it->planes));
        if (t) larger(p, rows * n * it->planes, added, to);
    }
}

/* The reduced rows of a band and one plane of depth; those beyond the image have no winners, or are not looked at. */
static void reduce_band(const pc_pool *p, const item *it, int64_t z, extent e, lanes band, parts at, int32_t *table) {
    const int64_t top = start(p, 1, it->y0), high = p->desc.in[1], n = it->n * it->planes;
    const int64_t from = pc_min(e.rows, pc_max(0, -top)), to = pc_max(from, pc_min(e.rows, high - top));
    const char *row = pc_at(it->src, z * p->src.d + (top + from) * p->src.h, p->size);
    const int64_t index = (z * high + top + from) * p->desc.in[2];
    if (!by_taps(p, 1)) {
        outside_image(p, from * n, band);
        outside_image(p, (e.rows - to) * n, lanes_from(p, band, to * n));
    }
    if (by_taps(p, 2)) {
        reduce_taps(p, it, row, index, to - from, lanes_from(p, band, at.added), table, lanes_from(p, band, from * n));
        return;
    }
    for (int64_t r = from; r < to; r++)
        reduce_row(p, it, pc_at(row, (r - from) * p->src.h, p->size), index + (r - from) * p->desc.in[2],
                   lanes_from(p, band, at.added), lanes_from(p, band, at.second), lanes_from(p, band, r * n));
}

/* Down the rows of a band: the results, or what one plane of depth adds to them. */
static void reduce_down(const pc_pool *p, const item *it, extent e, int first, lanes band, lanes sum) {
    const pc_pool_desc *d = &p->desc;
    const int64_t n = it->n * it->planes, top = start(p, 1, it->y0), power = power_of(d->window[1]);
    const int taps = by_taps(p, 1);
    if (!taps) double_up(p, e.rows * n, d->dilation[1] * n, power, band);
    for (int64_t y = it->y0; y < it->y1; y++) {
        const lanes row = lanes_from(p, band, (start(p, 1, y) - top) * n), mine = lanes_from(p, sum, (y - it->y0) * n);
        int64_t from = 0, to = 1;
        if (taps)
            inside(p, 1, y, &from, &to);
        else if (power < d->window[1])
            larger(p, n, lanes_from(p, row, (d->window[1] - power) * d->dilation[1] * n), row);
        for (int64_t r = from; waits(p) && r < to; r++)
            (first && r == from ? copy_lanes : larger)(p, n, lanes_from(p, row, r * d->dilation[1] * n), mine);
    }
}

static void store_row(const pc_pool *p, const item *it, const pc_exec_args *a, lanes v, char *dst) {
    const int64_t c = it->planes, step = p->dst.w;
    int64_t *at = p->desc.with_indices ? a->indices + (dst - (char *)a->dst) / p->size : 0;
    const int whole = c == step;
    const int64_t runs = whole ? 1 : it->n, each = whole ? it->n * c : c;
    for (int64_t x = 0; x < runs; x++) {
        memcpy(dst + x * step * p->size, v.value + x * each * p->size, (size_t)(each * p->size));
        for (int64_t k = 0; at && k < each; k++) at[x * step + k] = v.at[x * each + k];
    }
}

void pc_pool_run_maxima(const pc_pool *p, const pc_exec_args *a, int64_t i, char *workspace) {
    const pc_pool_desc *d = &p->desc;
    const item it = item_at(p, a, i, pc_ceil_div(d->c, p->run), p->out[2]);
    const int64_t lines = it.y1 - it.y0, n = it.n * it.planes;
    const extent e = extent_of(p, lines, it.n, it.planes);
    const parts at = parts_of(p, lines, e);
    char *values = workspace + table_bytes(it.n);
    const lanes band = {values, d->with_indices ? (int32_t *)(values + pc_round_up(at.end * p->size, 8)) : 0};
    const lanes sum = waits(p) ? lanes_from(p, band, at.sum) : band;
    int64_t from, to;
    inside(p, 0, it.z, &from, &to);
    if (from == to) outside_image(p, waits(p) ? lines * n : e.rows * n, sum);
    for (int64_t q = from; q < to; q++) {
        reduce_band(p, &it, start(p, 0, it.z) + q * d->dilation[0], e, band, at, (int32_t *)workspace);
        reduce_down(p, &it, e, q == from, band, sum);
    }
    for (int64_t y = 0; y < lines; y++)
        store_row(p, &it, a, lanes_from(p, sum, (waits(p) ? y : y * d->stride[1]) * n),
                  pc_at_mut(it.dst, it.first * p->dst.w + (it.y0 + y) * p->dst.h, p->size));
}
