/* resample.c - places and weights of an axis that is resampled, and the two ways to take sums of a few elements: each
 * with weights of its own along a row, or whole rows with one weight each.
 *
 * Along a row, outputs that are neighbours read neighbours: as long as what a vector of them reads lies within two
 * vectors, as it does up to half the size, those are loaded and permuted. On Zen 4 a gather takes some 40 cycles for
 * what two permutations do in two. */
#include "../base/shape.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

#if defined(PC_DTYPE_F64)
PC_INLINE elem floor_of(elem x) { return floor(x); }
#else
PC_INLINE elem floor_of(elem x) { return floorf(x); }
#endif

/* Weights of the elements at most 1, and 1 to 2, from the place. */
static elem near(elem x) { return ((elem)1.25 * x - (elem)2.25) * x * x + 1; }
static elem far(elem x) { return (((elem)-0.75 * x + (elem)3.75) * x - 6) * x + 3; }

static int64_t within(int64_t i, int64_t n) { return pc_max(0, pc_min(i, n - 1)); }

/* The taps of output i; returns how many. */
static int taps_of(const pc_resample_axis *a, int64_t i, int64_t index[], elem weight[]) {
    const elem step = (elem)a->step, most = 2 * (elem)a->in + 4; /* whatever the step, a place fits an integer */
    if (a->mode <= PC_RESAMPLE_EXACT) {
        const elem place = ((elem)i + (a->mode == PC_RESAMPLE_EXACT ? (elem)0.5 : 0)) * step;
        index[0] = within((int64_t)floorf((float)(place < most ? place : most)), a->in);
        weight[0] = 1;
        return 1;
    }
    elem place = a->corners ? (elem)i * step : ((elem)i + (elem)0.5) * step - (elem)0.5;
    if (a->mode == PC_RESAMPLE_LINEAR && place < 0) place = 0;
    if (place > most) place = most;
    const elem first = floor_of(place), t = place - first;
    const int64_t base = (int64_t)first;
    if (a->mode == PC_RESAMPLE_LINEAR) {
        index[0] = within(base, a->in);
        index[1] = within(base + 1, a->in);
        weight[0] = 1 - t;
        weight[1] = t;
        return 2;
    }
    for (int j = 0; j < 4; j++) index[j] = within(base + j - 1, a->in);
    weight[0] = far(t + 1);
    weight[1] = near(t);
    weight[2] = near(1 - t);
    weight[3] = far(2 - t);
    return 4;
}

void PC_FN(pc_resample_table)(const pc_resample_axis *a, int64_t first, int64_t n, int64_t repeat,
                              const pc_resample_table *table) {
    int64_t index[PC_MAX_RESAMPLE_TAPS];
    elem weight[PC_MAX_RESAMPLE_TAPS], *to = table->weight;
    int64_t place = first / repeat, c = first % repeat;
    int taps = taps_of(a, place, index, weight);
    for (int64_t i = 0; i < n; i++) {
        for (int t = 0; t < taps; t++) {
            table->index[t * table->ld + i] = (int32_t)(index[t] * repeat + c);
            if (to) to[t * table->ld + i] = weight[t];
        }
        if (++c == repeat) {
            c = 0;
            taps = taps_of(a, ++place, index, weight);
        }
    }
}

PC_INLINE vec weighed(const int taps, vec x, const elem *weight) { return taps > 1 ? v_mul(x, v_load(weight)) : x; }

PC_INLINE void row(const int taps, int64_t n, const pc_resample_table *table, const elem *src, int64_t in_n,
                   elem *dst) {
    const int64_t ld = table->ld;
    (void)in_n; /* for loads of whole vectors */
    for (int64_t i = 0; i < n; i += PC_VLEN) {
        const int32_t *index = table->index + i;
        const elem *weight = (const elem *)table->weight + i;
        vec sum;
#if defined(PC_PICKS)
        const int32_t first = index[0];
        if (index[(taps - 1) * ld + PC_VLEN - 1] - first < 2 * PC_VLEN) {
            const vec a = v_load_part(src + first, in_n - first, 0), b = v_load_part(src + first, in_n - first, 1);
            sum = weighed(taps, v_pick(a, b, index, first), weight);
            PC_UNROLL for (int t = 1; t < taps; t++) {
                sum = v_fma(v_pick(a, b, index + t * ld, first), v_load(weight + t * ld), sum);
            }
        } else
#endif
        {
            sum = weighed(taps, v_gather(src, index), weight);
            PC_UNROLL for (int t = 1; t < taps; t++) {
                sum = v_fma(v_gather(src, index + t * ld), v_load(weight + t * ld), sum);
            }
        }
        if (n - i >= PC_VLEN)
            v_store(dst + i, sum);
        else
            v_store_n(dst + i, (int)(n - i), sum);
    }
}

void PC_FN(pc_resample_row)(int taps, int64_t n, const pc_resample_table *table, const void *src, int64_t in_n,
                            void *dst) {
    if (taps == 1)
        row(1, n, table, src, in_n, dst);
    else if (taps == 2)
        row(2, n, table, src, in_n, dst);
    else
        row(4, n, table, src, in_n, dst);
}

PC_INLINE vec blended(const int taps, const elem *const *rows, const vec *w, int64_t i, int k) {
    vec sum = v_mul(k == PC_VLEN ? v_load(rows[0] + i) : v_load_n(rows[0] + i, k), w[0]);
    PC_UNROLL for (int t = 1; t < taps; t++) {
        sum = v_fma(k == PC_VLEN ? v_load(rows[t] + i) : v_load_n(rows[t] + i, k), w[t], sum);
    }
    return sum;
}

PC_INLINE void blend(const int taps, int64_t n, const elem *const *rows, const elem *weight, int64_t ld, elem *dst) {
    vec w[PC_MAX_RESAMPLE_TAPS];
    PC_UNROLL for (int t = 0; t < taps; t++) w[t] = v_set1(weight[t * ld]);
    int64_t i = 0;
    for (; i + PC_VLEN <= n; i += PC_VLEN) v_store(dst + i, blended(taps, rows, w, i, PC_VLEN));
    if (i < n) v_store_n(dst + i, (int)(n - i), blended(taps, rows, w, i, (int)(n - i)));
}

PC_INLINE vec vector_of(const int taps, const int high, const elem *const (*pixel)[PC_MAX_RESAMPLE_TAPS], const vec *w,
                        const vec *down, int64_t i, int k) {
    vec sum = blended(taps, pixel[0], w, i, k);
    if (high > 1) sum = v_fma(blended(taps, pixel[1], w, i, k), down[1], v_mul(sum, down[0]));
    return sum;
}

PC_INLINE void pixels(const int taps, const int high, int64_t n, int64_t c, int64_t inner,
                      const pc_resample_table *table, const void *const *src, const elem *weight_down, elem *dst) {
    const int32_t *index = table->index;
    const elem *weight = table->weight;
    vec down[2];
    PC_UNROLL for (int q = 0; q < high && high > 1; q++) down[q] = v_set1(weight_down[q]);
    for (int64_t from = 0, n_pixel; from < n; from += n_pixel, c = 0, index++, weight++) {
        const elem *pixel[2][PC_MAX_RESAMPLE_TAPS];
        vec w[PC_MAX_RESAMPLE_TAPS];
        PC_UNROLL for (int t = 0; t < taps; t++) {
            PC_UNROLL for (int q = 0; q < high; q++) {
                pixel[q][t] = (const elem *)src[q] + index[t * table->ld] * inner + c;
            }
            w[t] = v_set1(weight[t * table->ld]);
        }
        n_pixel = pc_min(inner - c, n - from);
        elem *to = dst + from;
        int64_t i = 0;
        for (; i + PC_VLEN <= n_pixel; i += PC_VLEN) v_store(to + i, vector_of(taps, high, pixel, w, down, i, PC_VLEN));
        const int left = (int)(n_pixel - i);
        if (left) v_store_n(to + i, left, vector_of(taps, high, pixel, w, down, i, left));
    }
}

void PC_FN(pc_resample_blend)(int taps, int64_t n, const void *const *row, const void *weight, void *dst) {
    const elem *rows[PC_MAX_RESAMPLE_TAPS];
    for (int t = 0; t < taps; t++) rows[t] = row[t];
    if (taps == 2)
        blend(2, n, rows, weight, 1, dst);
    else
        blend(4, n, rows, weight, 1, dst);
}

void PC_FN(pc_resample_pixels)(int taps, int high, int64_t n, int64_t c, int64_t inner, const pc_resample_table *table,
                               const void *const *src, const void *down, void *dst) {
    if (taps == 2 && high == 2)
        pixels(2, 2, n, c, inner, table, src, down, dst);
    else if (taps == 2)
        pixels(2, 1, n, c, inner, table, src, down, dst);
    else
        pixels(4, 1, n, c, inner, table, src, down, dst);
}
