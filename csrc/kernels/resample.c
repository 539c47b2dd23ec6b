/* resample.c - sums of a few elements, in two ways: each sum with weights of its own along a row, or whole rows and
 * pixels with one weight each.
 *
 * Along a row, outputs that are neighbours read neighbours: as long as what a vector of them reads lies within two
 * vectors, as it does up to half the size, those are loaded and permuted. On Zen 4 a gather takes some 40 cycles for
 * what two permutations do in two. */
#include "../base/shape.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

/* One vector by gathers. */
PC_RARE vec far(int taps, int64_t i, const pc_resample_table *table, const elem *src) {
    const elem *weight = (const elem *)table->weight + i;
    vec sum = v_gather(src, table->index + i);
    if (taps > 1) sum = v_mul(sum, v_load(weight));
    for (int t = 1; t < taps; t++)
        sum = v_fma(v_gather(src, table->index + t * table->ld + i), v_load(weight + t * table->ld), sum);
    return sum;
}

PC_INLINE void row(const int taps, int64_t n, const pc_resample_table *table, const elem *src, int64_t in_n,
                   elem *dst) {
    for (int64_t i = 0; i < n; i += PC_VLEN) {
        vec sum;
#if defined(PC_PICKS)
        const int64_t ld = table->ld;
        const int32_t *index = table->index + i, first = *index;
        const elem *weight = (const elem *)table->weight + i;
        if (index[(taps - 1) * ld + PC_VLEN - 1] - first < 2 * PC_VLEN) {
            const vec a = v_load_part(src + first, in_n - first, 0), b = v_load_part(src + first, in_n - first, 1);
            sum = v_pick(a, b, index, first);
            if (taps > 1) sum = v_mul(sum, v_load(weight));
            PC_UNROLL for (int t = 1; t < taps; t++) {
                sum = v_fma(v_pick(a, b, index + t * ld, first), v_load(weight + t * ld), sum);
            }
        } else
#else
        (void)in_n;
#endif
            sum = far(taps, i, table, src);
        if (n - i >= PC_VLEN)
            v_store(dst + i, sum);
        else
            v_store_n(dst + i, (int)(n - i), sum);
    }
}

void PC_FN(pc_resample_row)(int taps, int64_t n, const pc_resample_table *table, const void *src, int64_t in_n,
                            void *dst) {
#if defined(PC_PICKS)
    if (taps == 1)
        row(1, n, table, src, in_n, dst);
    else if (taps == 2)
        row(2, n, table, src, in_n, dst);
    else
        row(4, n, table, src, in_n, dst);
#else
    row(taps, n, table, src, in_n, dst);
#endif
}

/* What is blended: `taps` runs of elements for each of `high` rows, with weights. */
typedef struct runs {
    const elem *run[2][PC_MAX_RESAMPLE_TAPS];
    vec weight[PC_MAX_RESAMPLE_TAPS], down[2];
} runs;

PC_INLINE vec blended(const int taps, const int high, const runs *r, int64_t i, int k) {
    vec sum[2];
    PC_UNROLL for (int q = 0; q < high; q++) {
        PC_UNROLL for (int t = 0; t < taps; t++) {
            const vec x = k == PC_VLEN ? v_load(r->run[q][t] + i) : v_load_n(r->run[q][t] + i, k);
            sum[q] = t ? v_fma(x, r->weight[t], sum[q]) : v_mul(x, r->weight[t]);
        }
    }
    return high > 1 ? v_fma(sum[1], r->down[1], v_mul(sum[0], r->down[0])) : sum[0];
}

PC_INLINE void blend(const int taps, const int high, int64_t n, const runs *all, elem *dst) {
    const runs r = *all; /* in registers: dst might be all of it, as far as a compiler knows */
    int64_t i = 0;
    for (; i + PC_VLEN <= n; i += PC_VLEN) v_store(dst + i, blended(taps, high, &r, i, PC_VLEN));
    if (i < n) v_store_n(dst + i, (int)(n - i), blended(taps, high, &r, i, (int)(n - i)));
}

PC_RARE void blend_2(int64_t n, const runs *r, elem *dst) { blend(2, 1, n, r, dst); }
PC_RARE void blend_4(int64_t n, const runs *r, elem *dst) { blend(4, 1, n, r, dst); }

void PC_FN(pc_resample_blend)(int taps, int64_t n, const void *const *row, const void *weight, void *dst) {
    runs r;
    for (int t = 0; t < taps; t++) {
        r.run[0][t] = row[t];
        r.weight[t] = v_set1(((const elem *)weight)[t]);
    }
    (taps == 2 ? blend_2 : blend_4)(n, &r, dst);
}

PC_INLINE void pixels(const int taps, const int high, int64_t n, int64_t c, int64_t inner,
                      const pc_resample_table *table, const void *const *src, const elem *down, elem *dst) {
    const int32_t *index = table->index;
    const elem *weight = table->weight;
    const int64_t ld = table->ld;
    runs r;
    for (int q = 0; q < high && high > 1; q++) r.down[q] = v_set1(down[q]);
    int64_t m;
    for (int64_t i = 0; i < n; i += m, c = 0, index++, weight++) {
        for (int t = 0; t < taps; t++) {
            r.weight[t] = v_set1(weight[t * ld]);
            for (int q = 0; q < high; q++) r.run[q][t] = (const elem *)src[q] + index[t * ld] * inner + c;
        }
        m = pc_min(inner - c, n - i);
        if (high == 2)
            blend(2, 2, m, &r, dst + i);
        else
            (taps == 2 ? blend_2 : blend_4)(m, &r, dst + i);
    }
}

void PC_FN(pc_resample_pixels)(int taps, int high, int64_t n, int64_t c, int64_t inner, const pc_resample_table *table,
                               const void *const *src, const void *down, void *dst) {
    if (high == 2)
        pixels(2, 2, n, c, inner, table, src, down, dst);
    else
        pixels(taps, 1, n, c, inner, table, src, down, dst);
}
