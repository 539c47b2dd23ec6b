/* max_pool.c - the largest element of each window. Along the columns of a row first, then down the rows: that is the order of
 * the window's elements in memory, so the first of equal values (+0 or -0) stays. */
#include "../base/shape.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

PC_INLINE vec window(const pc_pool_args *a, int64_t x, int n) {
    vec best = v_set1(-INFINITY); /* stays where a window has no element inside the image */
    for (int64_t q = 0; q < a->rows; q++) {
        const elem *p = (const elem *)a->row[q] + x;
        vec m = v_load_n(p + a->col_off[0], n);
        for (int64_t s = 1; s < a->cols; s++) m = v_max_first(m, v_load_n(p + a->col_off[s], n));
        best = q ? v_max_first(best, m) : m;
    }
    return best;
}

PC_INLINE vec whole_window(const pc_pool_args *a, int64_t rows, int64_t cols, int64_t x) {
    vec best = v_set1(-INFINITY); /* stays where a window has no element inside the image */
    for (int64_t q = 0; q < rows; q++) {
        const elem *p = (const elem *)a->row[q] + x;
        vec m = v_load(p + a->col_off[0]);
        for (int64_t s = 1; s < cols; s++) m = v_max_first(m, v_load(p + a->col_off[s]));
        best = q ? v_max_first(best, m) : m;
    }
    return best;
}

PC_INLINE void row(const pc_pool_args *a, int64_t rows, int64_t cols) {
    elem *dst = a->dst;
    int64_t x = 0;
    for (; x + PC_VLEN <= a->n; x += PC_VLEN) v_store(dst + x, whole_window(a, rows, cols, x));
    if (x < a->n) v_store_n(dst + x, (int)(a->n - x), window(a, x, (int)(a->n - x)));
}

void PC_FN(pc_max_pool)(const pc_pool_args *a) {
    if (a->rows == 2 && a->cols == 2) /* constant bounds unroll the common windows */
        row(a, 2, 2);
    else if (a->rows == 3 && a->cols == 3)
        row(a, 3, 3);
    else
        row(a, a->rows, a->cols);
}
