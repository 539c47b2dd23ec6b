/* pool_plain.c - pooling a window at a time: indices, and any layout. */
#include "pool_windows.h"

enum { COLUMNS = 64 }; /* whose windows are laid out at a time */

static void place_window(const pc_pool *p, int axis, int64_t o, pc_pool_window *w, const int64_t *starts) {
    const pc_pool_desc *d = &p->desc;
    const int64_t stride[3] = {p->src.d, p->src.h, p->src.w}, volume[3] = {d->in[1] * d->in[2], d->in[2], 1};
    int64_t from, to;
    if (starts) {
        from = 0;
        to = d->window[axis];
    } else {
        inside(p, axis, o, &from, &to);
    }
    const int64_t i = starts ? starts[o] : start(p, axis, o) + from * d->dilation[axis];
    w->n[axis] = to - from;
    w->first[axis] = i * stride[axis];
    w->step[axis] = d->dilation[axis] * stride[axis];
    w->index[axis] = i * volume[axis];
    w->index_step[axis] = d->dilation[axis] * volume[axis];
}

#define DEFINE_SUM(T)                                                                                                  \
    static T sum_##T(const T *src, const pc_pool_window *w) {                                                          \
        T sum = 0;                                                                                                     \
        for (int64_t q = 0; q < w->n[0]; q++)                                                                          \
            for (int64_t r = 0; r < w->n[1]; r++) {                                                                    \
                const T *p = src + pc_pool_total(w->first) + q * w->step[0] + r * w->step[1];                          \
                T row = 0;                                                                                             \
                for (int64_t s = 0; s < w->n[2]; s++) row += p[s * w->step[2]];                                        \
                sum += row;                                                                                            \
            }                                                                                                          \
        return sum;                                                                                                    \
    }

DEFINE_SUM(float)
DEFINE_SUM(double)

static void take_axis(int axis, const pc_pool_window *from, pc_pool_window *w) {
    w->n[axis] = from->n[axis];
    w->first[axis] = from->first[axis];
    w->step[axis] = from->step[axis];
    w->index[axis] = from->index[axis];
    w->index_step[axis] = from->index_step[axis];
}

/* One result, of column x; `rows` is what its row adds to a divisor. */
static void plain(const pc_pool *p, const pc_exec_args *a, const void *src, const pc_pool_window *w, int64_t to,
                  int64_t rows, int64_t x) {
    void *dst = pc_at_mut(a->dst, to, p->size);
    if (p->desc.kind == PC_POOL_MAX) {
        int64_t index;
        p->elements->window(src, w, dst, &index);
        if (p->desc.with_indices) a->indices[to] = index;
        return;
    }
    const int64_t count = p->uniform                                        ? p->divisor
                          : p->desc.padding_excluded || p->desc.adaptive[2] ? rows * w->n[2]
                                                                            : rows * counted(p, 2, x);
    if (p->size == 4)
        *(float *)dst = sum_float(src, w) / (float)count;
    else
        *(double *)dst = sum_double(src, w) / (double)count;
}

void pc_pool_run_plain(const pc_pool *p, const pc_exec_args *a, int64_t i) {
    const int64_t z = i % p->out[0], c = i / p->out[0] % p->desc.c, n = i / p->out[0] / p->desc.c;
    const int size = p->size;
    const void *src = pc_at(a->src, n * p->src.n + c * p->src.c, size);
    const int64_t *at[3] = {0};
    if (p->desc.placed) {
        at[0] = a->starts + (n * p->desc.c + c) * (p->out[0] + p->out[1] + p->out[2]);
        at[1] = at[0] + p->out[0];
        at[2] = at[1] + p->out[1];
    }
    pc_pool_window w;
    pc_pool_window columns[COLUMNS]; /* their last axis alone: a division or two for each, which rows share */
    place_window(p, 0, z, &w, at[0]);
    for (int64_t first = 0; first < p->out[2]; first += COLUMNS) {
        const int64_t end = pc_min(p->out[2], first + COLUMNS);
        for (int64_t x = first; x < end; x++) place_window(p, 2, x, &columns[x - first], at[2]);
        for (int64_t y = 0; y < p->out[1]; y++) {
            place_window(p, 1, y, &w, at[1]);
            const int64_t to = n * p->dst.n + c * p->dst.c + z * p->dst.d + y * p->dst.h;
            const int64_t rows = p->uniform ? 1 : counted(p, 0, z) * counted(p, 1, y);
            for (int64_t x = first; x < end; x++) {
                take_axis(2, &columns[x - first], &w);
                plain(p, a, src, &w, to + x * p->dst.w, rows, x);
            }
        }
    }
}
