/* pool_windows.h - where the windows of a planned pooling lie, and what an item of its work is; for the files pool*.c.
 */
#ifndef PC_ALGO_POOL_WINDOWS_H
#define PC_ALGO_POOL_WINDOWS_H

#include <math.h>

#include "pool.h"

enum { GLOBAL = 16 }; /* channels a thread takes at least, of whole planes: whole vectors of every target */

static inline int64_t reach(const pc_pool *p, int axis) {
    return (p->desc.window[axis] - 1) * p->desc.dilation[axis] + 1;
}

/* Where the window of output o starts on an axis; negative in the padding. */
static inline int64_t start(const pc_pool *p, int axis, int64_t o) {
    const int64_t parts = p->desc.adaptive[axis];
    return parts ? o * p->desc.in[axis] / parts : o * p->desc.stride[axis] - p->desc.pad[axis];
}

/* First and last + 1 of the positions of that window that lie inside the image. */
static inline void inside(const pc_pool *p, int axis, int64_t o, int64_t *from, int64_t *to) {
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

/* Behind the last element of that window, in the image or not. */
static inline int64_t end_of(const pc_pool *p, int axis, int64_t o) {
    const int64_t parts = p->desc.adaptive[axis];
    return parts ? pc_ceil_div((o + 1) * p->desc.in[axis], parts) : start(p, axis, o) + reach(p, axis);
}

/* Elements of that window that an average divides by. */
static inline int64_t counted(const pc_pool *p, int axis, int64_t o) {
    if (p->desc.padding_excluded || p->desc.adaptive[axis]) {
        int64_t from, to;
        inside(p, axis, o, &from, &to);
        return to - from;
    }
    const int64_t left = p->desc.in[axis] + p->desc.pad[axis] - start(p, axis, o);
    return pc_min(p->desc.window[axis], pc_ceil_div(left, p->desc.dilation[axis]));
}

/* A step that is never taken may as well be that of a tile. */
static inline int64_t step_on(const pc_pool *p, int axis) {
    return p->out[axis] == 1 && p->desc.window[axis] == 2 ? 2 : p->desc.stride[axis];
}

static inline int64_t step_of(const pc_pool *p) { return step_on(p, 2); }

/* Whether windows of the path of rows have a row each, whose results need not wait for others. */
static inline int lone_rows(const pc_pool *p) {
    return p->path == PC_POOL_ROWS && p->desc.window[0] * p->desc.window[1] == 1;
}

/* Whether divisors differ and lanes are columns. */
static inline int has_columns(const pc_pool *p) {
    return !p->uniform && (p->path == PC_POOL_FLAT || p->path == PC_POOL_TILES || p->path == PC_POOL_ROWS);
}

/* ---- items ---------------------------------------------------------------------------------------------------- */

/* A band and strip of one plane, or of one image where channels come last. */
typedef struct item {
    int64_t z, y0, y1;
    int64_t first, n; /* of a strip's columns or channels */
    int64_t planes;   /* of tiles */
    int64_t image;
    const void *src; /* of the plane or image */
    void *dst;       /* of its output slice */
} item;

/* Item i, if an image has so many runs of planes (or is one, channels last), and strips cut `across`. */
static inline item item_at(const pc_pool *p, const pc_exec_args *a, int64_t i, int64_t runs, int64_t across) {
    const int size = p->size;
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
    it.image = n;
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
static inline void put(const pc_pool *p, void *row, int64_t i, double value) {
    if (p->size == 4)
        ((float *)row)[i] = (float)value;
    else
        ((double *)row)[i] = value;
}

/* What stands for an element outside the image. */
static inline double outside(const pc_pool *p) { return p->desc.kind == PC_POOL_MAX ? -INFINITY : 0; }

static inline void fill(const pc_pool *p, int64_t n, void *row) {
    for (int64_t i = 0; i < n; i++) put(p, row, i, outside(p));
}

/* What each of n columns adds to its window's divisor: a table, because the rows of all planes ask for it. */
static inline void count_columns(const pc_pool *p, int64_t first, int64_t n, void *cols) {
    for (int64_t x = 0; x < pc_round_up(n, PC_MAX_VLEN); x++)
        put(p, cols, x, x < n ? (double)counted(p, 2, first + x) : 1);
}

/* Divide the sums of row y of an item, where windows differ. */
static inline void divide_row(const pc_pool *p, const item *it, int64_t y, int64_t n, const void *cols, void *dst) {
    if (!p->uniform) p->kernels->pool_divide(n, (double)(counted(p, 0, it->z) * counted(p, 1, y)), cols, dst);
}

/* The same where channels come last: n channels of each pixel. */
static inline void divide_pixels(const pc_pool *p, const item *it, int64_t y, int64_t n, void *dst) {
    if (p->uniform) return;
    const int64_t rows = counted(p, 0, it->z) * counted(p, 1, y);
    for (int64_t x = 0; x < p->out[2]; x++)
        p->kernels->pool_divide(n, (double)(rows * counted(p, 2, x)), 0, pc_at_mut(dst, x * p->dst.w, p->size));
}
#endif
