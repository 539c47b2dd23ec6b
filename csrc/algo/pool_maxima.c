/* pool_maxima.c - maxima with their indices, and those of integers: windows of one size at a regular step.
 *
 * Columns first, then rows, then depth, and each by doubling: the winners of 1, 2, 4, ... neighbours come from two of the
 * step before, and two that overlap make up the window, so that a window of 15x15 takes 8 comparisons and not 225. The
 * first of equals wins on each axis and so in the window; of NaN the last.
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

/* The lanes of a row of results, of a bordered row of the image, and of a band of reduced rows. */
typedef struct extent {
    int64_t lanes, wide, rows;
} extent;

static extent extent_of(const pc_pool *p, int64_t lines, int64_t columns, int64_t planes) {
    return (extent){columns * planes, ((columns - 1) * p->desc.stride[2] + reach(p, 2)) * planes,
                    (lines - 1) * p->desc.stride[1] + reach(p, 1)};
}

/* Elements of workspace: the band, the bordered row, and a row for the second of two that overlap; with depth, the
 * results, too. */
static int64_t elements_of(const pc_pool *p, int64_t lines, int64_t columns, int64_t planes) {
    const extent e = extent_of(p, lines, columns, planes);
    return e.rows * e.lanes + e.wide + e.lanes + (p->desc.window[0] > 1 ? lines * e.lanes : 0);
}

static int64_t bytes_of(const pc_pool *p, int64_t lines, int64_t columns, int64_t planes) {
    const int64_t n = elements_of(p, lines, columns, planes);
    return pc_round_up(n * p->size, 8) + (p->desc.with_indices ? n * 4 : 0);
}

int pc_pool_plan_maxima(pc_pool *p) {
    const pc_pool_desc *d = &p->desc;
    const int64_t high = p->out[1], least = pc_min(high, 3 * reach(p, 1) / d->stride[1] + 1);
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

/* The winners along the columns of one row of the image. */
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

static void store_row(const pc_pool *p, const item *it, const pc_exec_args *a, lanes v, char *dst) {
    const int64_t c = it->planes, step = p->dst.w;
    int64_t *at = p->desc.with_indices ? a->indices + (dst - (char *)a->dst) / p->size : 0;
    const int whole = c == step;
    const int64_t runs = whole ? 1 : it->n, each = whole ? it->n * c : c;
    for (int64_t x = 0; x < runs; x++) {
        memcpy(dst + x * step * p->size, v.value + x * each * p->size, (size_t)(each * p->size));
        for (int64_t k = 0; at && k < each; k++) /* -1: a dilated window that misses the image */
            at[x * step + k] = pc_max(0, v.at[x * each + k]);
    }
}

void pc_pool_run_maxima(const pc_pool *p, const pc_exec_args *a, int64_t i, char *workspace) {
    const pc_pool_desc *d = &p->desc;
    const item it = item_at(p, a, i, pc_ceil_div(d->c, p->run), p->out[2]);
    const int64_t lines = it.y1 - it.y0, top = start(p, 1, it.y0), sh = d->stride[1];
    const extent e = extent_of(p, lines, it.n, it.planes);
    const int64_t n = e.lanes, power = power_of(d->window[1]);
    const lanes band = {workspace,
                        d->with_indices
                            ? (int32_t *)(workspace + pc_round_up(elements_of(p, lines, it.n, it.planes) * p->size, 8))
                            : 0};
    const lanes line = lanes_from(p, band, e.rows * n), second = lanes_from(p, line, e.wide);
    const lanes sum = d->window[0] > 1 ? lanes_from(p, second, n) : band;
    int64_t from, to;
    inside(p, 0, it.z, &from, &to);
    if (from == to) outside_image(p, (d->window[0] > 1 ? lines : e.rows) * n, sum);
    for (int64_t q = from; q < to; q++) {
        const int64_t z = start(p, 0, it.z) + q * d->dilation[0];
        for (int64_t r = 0; r < e.rows; r++) {
            const lanes row = lanes_from(p, band, r * n);
            if (top + r < 0 || top + r >= d->in[1])
                outside_image(p, n, row);
            else
                reduce_row(p, &it, pc_at(it.src, z * p->src.d + (top + r) * p->src.h, p->size),
                           (z * d->in[1] + top + r) * d->in[2], line, second, row);
        }
        double_up(p, e.rows * n, d->dilation[1] * n, power, band);
        for (int64_t y = 0; y < lines; y++) {
            const lanes row = lanes_from(p, band, y * sh * n), mine = lanes_from(p, sum, y * n);
            if (power < d->window[1])
                larger(p, n, lanes_from(p, row, (d->window[1] - power) * d->dilation[1] * n), row);
            if (d->window[0] == 1) continue;
            if (q == from)
                copy_lanes(p, n, row, mine);
            else
                larger(p, n, row, mine);
        }
    }
    for (int64_t y = 0; y < lines; y++)
        store_row(p, &it, a, lanes_from(p, sum, (d->window[0] > 1 ? y : y * sh) * n),
                  pc_at_mut(it.dst, it.first * p->dst.w + (it.y0 + y) * p->dst.h, p->size));
}
