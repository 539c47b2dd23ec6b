/* max_pool.c - the largest element of each window. Along the columns of a row first, then down the rows: that is the
 * order of the window's elements in memory, so the first of equal values (+0 or -0) stays. Column step 2 splits even
 * and odd columns in registers. */
#include "../base/shape.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

PC_INLINE vec load(const void *row, int64_t off, const int masked, int64_t in_w) {
    const elem *p = (const elem *)row + off;
    if (!masked) return v_load(p);
    return v_load_mask_or(p, v_mask((int)pc_max(-off, 0), (int)pc_min(pc_max(in_w - off, 0), PC_VLEN)),
                          v_set1(-INFINITY));
}

/* The largest along one row of the windows at x. */
PC_INLINE vec along(const pc_pool_args *a, const void *row, const int64_t cols, const int step, const int masked,
                    int64_t x) {
    if (step == 1) {
        vec m = load(row, a->col_off[0] + x, masked, a->in_w);
        for (int64_t s = 1; s < cols; s++) m = v_max_first(m, load(row, a->col_off[s] + x, masked, a->in_w));
        return m;
    }
    vec m = v_set1(-INFINITY);
    for (int64_t s = 0; s < cols; s += 2) {
        const int64_t off = a->col_off[s] + 2 * x;
        const vec lo = load(row, off, masked, a->in_w), hi = load(row, off + PC_VLEN, masked, a->in_w);
        m = s ? v_max_first(m, v_even(lo, hi)) : v_even(lo, hi);
        if (s + 1 < cols) m = v_max_first(m, v_odd(lo, hi));
    }
    return m;
}

PC_INLINE vec window(const pc_pool_args *a, int64_t from, const int64_t rows, const int64_t cols, const int step,
                     const int masked, int64_t x) {
    vec best = v_set1(-INFINITY); /* stays where a window has no row inside the image */
    for (int64_t q = 0; q < rows; q++) {
        const vec m = along(a, (const elem *)a->row[q] + from, cols, step, masked, x);
        best = q ? v_max_first(best, m) : m;
    }
    return best;
}

PC_INLINE void line(const pc_pool_args *a, const int64_t rows, const int64_t cols, const int step,
                    const int64_t lines) {
    elem *dst = a->dst;
    for (int64_t at = 0; at < a->n; at += PC_VLEN) {
        /* the last vector of a long row steps back, so that it is a whole one */
        const int64_t x = at + PC_VLEN > a->n && a->n >= PC_VLEN ? a->n - PC_VLEN : at;
        const int inside = x * step + a->least_off >= 0 && (x + PC_VLEN) * step + a->most_off <= a->in_w;
        for (int64_t l = 0; l < lines; l++) {
            const int64_t from = l * a->ld_src, to = l * a->ld_dst + x;
            const vec v = inside ? window(a, from, rows, cols, step, 0, x) : window(a, from, rows, cols, step, 1, x);
            if (x + PC_VLEN <= a->n)
                v_store(dst + to, v);
            else
                v_store_n(dst + to, (int)(a->n - x), v);
        }
    }
}

/* Constant bounds unroll the common windows. */
PC_INLINE void dispatch(const pc_pool_args *a, const int64_t lines) {
    const int64_t rows = a->rows, cols = a->cols;
    if (a->col_step == 2 && rows == 2 && cols == 2)
        line(a, 2, 2, 2, lines);
    else if (a->col_step == 2 && rows == 3 && cols == 3)
        line(a, 3, 3, 2, lines);
    else if (a->col_step == 2)
        line(a, rows, cols, 2, lines);
    else if (rows == 3 && cols == 3)
        line(a, 3, 3, 1, lines);
    else if (rows == 4 && cols == 1) /* channels last */
        line(a, 4, 1, 1, lines);
    else if (rows == 9 && cols == 1)
        line(a, 9, 1, 1, lines);
    else
        line(a, rows, cols, 1, lines);
}

void PC_FN(pc_max_pool)(const pc_pool_args *a) {
    if (a->lines == 1)
        dispatch(a, 1);
    else
        dispatch(a, a->lines);
}
