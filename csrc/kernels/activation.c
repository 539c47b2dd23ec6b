/* activation.c - ReLU and softmax, and what follows a convolution while its output is in the cache.
 *
 * Softmax has to give the same bits on every vector width, so its sum is kept in 16 virtual lanes (element i goes to
 * lane i mod 16) and these are added pairwise in one fixed tree. exp is our own for the same reason: argument reduction
 * to |r| <= ln(2)/2 in two steps (Cody and Waite, Software Manual for the Elementary Functions, 1980), then a Taylor
 * polynomial in Horner form, long enough for the truncation to stay below half a unit in the last place. */
#include "../base/shape.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

enum { LANES = 16, NV = LANES / PC_VLEN };

void PC_FN(pc_relu_row)(int64_t n, const void *src_, void *dst_) {
    const elem *src = src_;
    elem *dst = dst_;
    int64_t i = 0;
    for (; i + PC_VLEN <= n; i += PC_VLEN) v_store(dst + i, v_max_first(v_zero(), v_load(src + i)));
    if (i < n) v_store_n(dst + i, (int)(n - i), v_max_first(v_zero(), v_load_n(src + i, (int)(n - i))));
}

#if defined(PC_DTYPE_F64)
enum { TERMS = 14 };
static const elem coefficient[TERMS] = {
    1.0,        1.0,         1.0 / 2,      1.0 / 6,       1.0 / 24,       1.0 / 120,       1.0 / 720,
    1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0};
static const elem log2_e = 1.4426950408889634, ln2_hi = 6.93147180369123816490e-01, ln2_lo = 1.90821492927058770002e-10;
static const elem lowest = -746; /* exp of this and anything below is 0; of its negative, infinity */
#else
enum { TERMS = 8 };
static const elem coefficient[TERMS] = {1.0f, 1.0f, 1.0f / 2, 1.0f / 6, 1.0f / 24, 1.0f / 120, 1.0f / 720, 1.0f / 5040};
static const elem log2_e = 1.44269504f, ln2_hi = 0.693145752f, ln2_lo = 1.42860677e-6f;
static const elem lowest = -104;
#endif

/* exp(x) for x <= -lowest or NaN. The power of two is applied in halves, each of them a normal number, so that tiny
 * results round once. */
PC_INLINE vec v_exp(vec x) {
    x = v_max_first(v_set1(lowest), x);
    const vec n = v_round(v_mul(x, v_set1(log2_e)));
    vec r = v_fma(n, v_set1(-ln2_hi), x);
    r = v_fma(n, v_set1(-ln2_lo), r);
    vec p = v_set1(coefficient[TERMS - 1]);
    PC_UNROLL for (int i = TERMS - 2; i >= 0; i--) p = v_fma(p, r, v_set1(coefficient[i]));
    const vec half = v_round(v_mul(n, v_set1((elem)0.5)));
    return v_mul(v_mul(p, v_pow2(half)), v_pow2(v_sub(n, half)));
}

PC_INLINE vec v_clamp(vec x, vec lo, vec hi) {
    const vec minus = v_set1(-1);
    x = v_max_first(lo, x);
    return v_mul(minus, v_max_first(v_mul(minus, hi), v_mul(minus, x)));
}

PC_INLINE vec activated(const pc_activation activation, vec lo, vec hi, vec x) {
    switch (activation) {
        case PC_RELU: return v_max_first(v_zero(), x);
        case PC_CLAMP: return v_clamp(x, lo, hi);
        case PC_SILU:
            return v_div(x, v_add(v_set1(1), v_exp(v_clamp(v_mul(v_set1(-1), x), v_set1(lowest), v_set1(-lowest)))));
        case PC_HARDSWISH: return v_div(v_mul(x, v_clamp(v_add(x, v_set1(3)), v_zero(), v_set1(6))), v_set1(6));
        default: return x;
    }
}

PC_INLINE void epilogue(const pc_activation activation, const pc_epilogue_args *a, int64_t n, const elem *residual,
                        elem *dst) {
    const vec lo = v_set1((elem)a->lo), hi = v_set1((elem)a->hi);
    for (int64_t i = 0; i < n; i += PC_VLEN) {
        const int k = (int)pc_min(n - i, PC_VLEN);
        vec x = k == PC_VLEN ? v_load(dst + i) : v_load_n(dst + i, k);
        if (residual) x = v_add(x, k == PC_VLEN ? v_load(residual + i) : v_load_n(residual + i, k));
        x = activated(activation, lo, hi, x);
        if (k == PC_VLEN)
            v_store(dst + i, x);
        else
            v_store_n(dst + i, k, x);
    }
}

void PC_FN(pc_epilogue)(const pc_epilogue_args *a, int64_t n, const void *residual, void *dst) {
    switch (a->activation) {
        case PC_RELU: epilogue(PC_RELU, a, n, residual, dst); return;
        case PC_CLAMP: epilogue(PC_CLAMP, a, n, residual, dst); return;
        case PC_SILU: epilogue(PC_SILU, a, n, residual, dst); return;
        case PC_HARDSWISH: epilogue(PC_HARDSWISH, a, n, residual, dst); return;
        default: epilogue(PC_NO_ACTIVATION, a, n, residual, dst);
    }
}

static elem largest(int64_t n, const elem *x) {
    elem m = x[0];
    for (int64_t i = 1; i < n; i++) m = x[i] > m || x[i] != x[i] ? x[i] : m;
    return m;
}

void PC_FN(pc_softmax_rows)(int64_t rows, int64_t n, const void *src_, void *dst_) {
    for (int64_t row = 0; row < rows; row++) {
        const elem *src = (const elem *)src_ + row * n;
        elem *dst = (elem *)dst_ + row * n, lane[LANES];
        const vec m = v_set1(largest(n, src));
        vec sum[NV];
        PC_UNROLL for (int v = 0; v < NV; v++) sum[v] = v_zero();
        int64_t i = 0;
        for (; i + LANES <= n; i += LANES) {
            PC_UNROLL for (int v = 0; v < NV; v++) {
                const vec e = v_exp(v_sub(v_load(src + i + v * PC_VLEN), m));
                v_store(dst + i + v * PC_VLEN, e);
                sum[v] = v_add(sum[v], e);
            }
        }
        PC_UNROLL for (int v = 0; v < NV; v++) v_store(lane + v * PC_VLEN, sum[v]);
        for (int j = 0; i < n; j += PC_VLEN, i += PC_VLEN) {
            const int k = (int)pc_min(n - i, PC_VLEN);
            v_store_n(dst + i, k, v_exp(v_sub(v_load_n(src + i, k), m)));
            for (int q = 0; q < k; q++) lane[j + q] += dst[i + q];
        }
        for (int width = LANES / 2; width; width /= 2)
            for (int q = 0; q < width; q++) lane[q] += lane[q + width];
        const vec total = v_set1(lane[0]);
        for (i = 0; i + PC_VLEN <= n; i += PC_VLEN) v_store(dst + i, v_div(v_load(dst + i), total));
        if (i < n) v_store_n(dst + i, (int)(n - i), v_div(v_load_n(dst + i, (int)(n - i)), total));
    }
}
