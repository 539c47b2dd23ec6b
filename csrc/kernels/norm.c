/* norm.c - rows normalised by their own mean and variance, as layers and groups are.
 *
 * The sums run in 16 virtual lanes over blocks of a row (element i goes to lane i mod 16), the lanes of a block are
 * added in a fixed tree, and the blocks, one after the other, in double. A first pass finds the mean; the second sums
 * deviations d from it, rounded, and their squares, which corrects both: with delta = mean(d),
 *
 *     mean + delta,   var = mean(d d) - delta delta
 *
 * (Chan, Golub and LeVeque, "Algorithms for Computing the Sample Variance", The American Statistician 37, 1983). */
#include "../base/shape.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

enum {
    LANES = 16,
    NV = LANES / PC_VLEN,
    BLOCK = 1024, /* elements: chains of 64 additions, beside which a double costs nothing */
};

static double folded(elem *lane) {
    for (int width = LANES / 2; width; width /= 2)
        for (int q = 0; q < width; q++) lane[q] += lane[q + width];
    return lane[0];
}

/* Sums of x - m and of its square, over n elements. */
static void deviations(int64_t n, const elem *src, elem m_, double sums[2]) {
    const vec m = v_set1(m_);
    elem lane[LANES], squares[LANES];
    sums[0] = sums[1] = 0;
    for (int64_t block = 0; block < n; block += BLOCK) {
        vec s[NV], q[NV];
        PC_UNROLL for (int v = 0; v < NV; v++) s[v] = q[v] = v_zero();
        const int64_t end = pc_min(n, block + BLOCK);
        for (int64_t i = block; i < end; i += LANES) {
            PC_UNROLL for (int v = 0; v < NV; v++) {
                const elem *p = src + i + v * PC_VLEN;
                const int left = (int)(end - i) - v * PC_VLEN;
                const vec d = v_sub(left >= PC_VLEN ? v_load(p) : v_load_mask_or(p, v_mask(0, left), m), m);
                s[v] = v_add(s[v], d);
                q[v] = v_fma(d, d, q[v]);
            }
        }
        PC_UNROLL for (int v = 0; v < NV; v++) {
            v_store(lane + v * PC_VLEN, s[v]);
            v_store(squares + v * PC_VLEN, q[v]);
        }
        sums[0] += folded(lane);
        sums[1] += folded(squares);
    }
}

/* ((x - m) scale + shift) weight + bias over n elements; weight and bias are vectors, or one number for all. */
static void transformed(int64_t n, int vectors, elem m, elem scale, elem shift, const elem *weight, const elem *bias,
                        const elem *src, elem *dst) {
    for (int64_t i = 0; i < n; i += PC_VLEN) {
        const int k = (int)pc_min(n - i, PC_VLEN);
        const vec x = k == PC_VLEN ? v_load(src + i) : v_load_n(src + i, k);
        vec w = v_set1(1), b = v_zero();
        if (weight) w = !vectors ? v_set1(*weight) : k == PC_VLEN ? v_load(weight + i) : v_load_n(weight + i, k);
        if (bias) b = !vectors ? v_set1(*bias) : k == PC_VLEN ? v_load(bias + i) : v_load_n(bias + i, k);
        const vec y = v_fma(v_fma(v_sub(x, v_set1(m)), v_set1(scale), v_set1(shift)), w, b);
        if (k == PC_VLEN)
            v_store(dst + i, y);
        else
            v_store_n(dst + i, k, y);
    }
}

void PC_FN(pc_norm_rows)(const pc_norm_desc *d, int64_t from, int64_t to, const void *src_, void *dst_) {
    const int64_t n = d->n, channels = n / d->segment;
    for (int64_t row = from; row < to; row++) {
        const elem *src = (const elem *)src_ + row * n;
        elem *dst = (elem *)dst_ + row * n;
        double sums[2];
        deviations(n, src, 0, sums);
        const elem m = (elem)(sums[0] / (double)n);
        deviations(n, src, m, sums);
        const double delta = sums[0] / (double)n, var = sums[1] / (double)n - delta * delta;
        const double scale = 1 / sqrt((var < 0 ? 0 : var) + d->eps);
        const int64_t first = row % d->groups * channels;
        const elem *weight = d->weight ? (const elem *)d->weight + first : NULL;
        const elem *bias = d->bias ? (const elem *)d->bias + first : NULL;
        const int vectors = d->segment == 1;
        const int64_t pieces = vectors ? 1 : channels, size = n / pieces;
        for (int64_t c = 0; c < pieces; c++)
            transformed(size, vectors, m, (elem)scale, (elem)(-delta * scale), weight ? weight + c : NULL,
                        bias ? bias + c : NULL, src + c * size, dst + c * size);
    }
}
