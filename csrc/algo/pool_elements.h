/* pool_elements.h - the largest of elements of one type, with and without its index; floats and every integer type.
 *
 * The first of equals wins, and NaN over numbers, the last one. Padding holds the lowest value and the index -1, over
 * which any element of the image wins. */
#ifndef PC_ALGO_POOL_ELEMENTS_H
#define PC_ALGO_POOL_ELEMENTS_H

#include <stdint.h>

/* The part of a window that lies in the image, on each axis: its elements, where they start and how far they are apart,
 * both in memory and in the flat index. */
typedef struct pc_pool_window {
    int64_t n[3], first[3], step[3], index[3], index_step[3];
} pc_pool_window;

typedef struct pc_pool_elements {
    const void *lowest; /* an element of that value */
    void (*window)(const void *src, const pc_pool_window *w, void *dst, int64_t *at);
    /* a[i] = the winner of a[i] and b[i], which stands after it, for i < n; b may overlap a if it is b = a + something
     */
    void (*larger)(int64_t n, const void *b, void *a);
    void (*larger_at)(int64_t n, const void *b, const int32_t *b_at, void *a, int32_t *a_at);
} pc_pool_elements;

/* Of floats of `size` bytes, or of integers. */
const pc_pool_elements *pc_pool_elements_find(int size, int integer, int is_unsigned);

static inline int64_t pc_pool_total(const int64_t v[3]) { return v[0] + v[1] + v[2]; }

#endif
