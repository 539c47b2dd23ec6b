/* pool.h - what the kernels of pooling share: the operations on two vectors. */
#ifndef PC_KERNELS_POOL_H
#define PC_KERNELS_POOL_H

#include "../base/shape.h"
#include "../simd/vec.h"

/* MAX: of numbers. CAREFUL: NaN wins. */
enum { MAX, CAREFUL, SUM };
enum { WIDE = 4 }; /* vectors at once: independent chains */

PC_INLINE vec neutral(const int op) { return v_set1(op == SUM ? 0 : -INFINITY); }

PC_INLINE vec combine(const int op, vec a, vec b) {
    return op == SUM ? v_add(a, b) : op == MAX ? v_max(a, b) : v_max_first(a, b);
}

PC_INLINE void store(elem *dst, int64_t n, vec v) {
    if (n >= PC_VLEN)
        v_store(dst, v);
    else
        v_store_n(dst, (int)n, v);
}

/* A sum of zeros is +0, whether zeros of the padding were among them or not. */
PC_INLINE vec quotient(vec sum, vec by) { return v_div(v_add(sum, v_zero()), by); }

PC_INLINE vec divided(vec sum, double by, int times) {
    return times ? v_mul(v_add(sum, v_zero()), v_set1((elem)by)) : quotient(sum, v_set1((elem)by));
}

#endif
