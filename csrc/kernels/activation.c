/* activation.c - ReLU, softmax and its logarithm, and what follows a convolution while its output is in the cache.
 *
 * Softmax has to give the same bits on every vector width, so its sum is kept in 16 virtual lanes (element i goes to
 * lane i mod 16) and these are added pairwise in one fixed tree. */
#include "../base/shape.h"
#include "../simd/vec.h"
#include "exp.h"
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

PC_INLINE elem larger(elem a, elem b) { return b > a || b != b ? b : a; }

/* The largest element, or NaN; in the lanes in which the sum runs. */
static elem largest(int64_t n, const elem *x) {
    elem lane[LANES];
    vec m[NV];
    PC_UNROLL for (int v = 0; v < NV; v++) m[v] = v_set1(x[0]);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        PC_UNROLL for (int v = 0; v < NV; v++) m[v] = v_max_first(m[v], v_load(x + i + v * PC_VLEN));
    }
    PC_UNROLL for (int v = 0; v < NV; v++) v_store(lane + v * PC_VLEN, m[v]);
    for (int q = 0; i < n; q++, i++) lane[q] = larger(lane[q], x[i]);
    for (int width = LANES / 2; width; width /= 2)
        for (int q = 0; q < width; q++) lane[q] = larger(lane[q], lane[q + width]);
    return lane[0];
}

void PC_FN(pc_softmax_rows)(int logarithm, int64_t rows, int64_t n, const void *src_, void *dst_) {
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
                if (!logarithm) v_store(dst + i + v * PC_VLEN, e);
                sum[v] = v_add(sum[v], e);
            }
        }
        PC_UNROLL for (int v = 0; v < NV; v++) v_store(lane + v * PC_VLEN, sum[v]);
        for (int j = 0; i < n; j += PC_VLEN, i += PC_VLEN) {
            const int k = (int)pc_min(n - i, PC_VLEN);
            elem e[PC_VLEN];
            v_store(e, v_exp(v_sub(v_load_n(src + i, k), m)));
            if (!logarithm) v_store_n(dst + i, k, v_load(e));
            for (int q = 0; q < k; q++) lane[j + q] += e[q];
        }
        for (int width = LANES / 2; width; width /= 2)
            for (int q = 0; q < width; q++) lane[q] += lane[q + width];
        const vec total = v_set1(logarithm ? (elem)pc_log(lane[0]) : lane[0]);
        for (i = 0; i < n; i += PC_VLEN) {
            const int k = (int)pc_min(n - i, PC_VLEN);
            const vec x = k == PC_VLEN ? v_load((logarithm ? src : dst) + i) : v_load_n((logarithm ? src : dst) + i, k);
            const vec y = logarithm ? v_sub(v_sub(x, m), total) : v_div(x, total);
            if (k == PC_VLEN)
                v_store(dst + i, y);
            else
                v_store_n(dst + i, k, y);
        }
    }
}
