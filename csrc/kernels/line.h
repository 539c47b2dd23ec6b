/* line.h - a filter of one row whose taps are neighbours: PC_LINE vectors of one output row at once. */
#ifndef PC_KERNELS_LINE_H
#define PC_KERNELS_LINE_H

#include "../simd/vec.h"

enum { PC_LINE = 8 };

/* dst[i] = start + sum over s < taps of src[i + s] * wei[s * wei_step], for PC_LINE vectors. Of two neighbouring taps
 * the first is loaded and the other shifted in registers: a load that crosses a cache line takes two accesses, as
 * nearly all of 64 bytes do, so that loads alone would halve the speed. */
PC_INLINE void line(const elem *src, int64_t taps, const elem *wei, int64_t wei_step, vec start, elem *dst) {
    vec acc[PC_LINE];
    PC_UNROLL for (int v = 0; v < PC_LINE; v++) acc[v] = start;
    int64_t s = 0;
    for (; s + 2 <= taps; s += 2, wei += 2 * wei_step) {
        const elem *row = src + s;
        const vec w0 = v_set1(wei[0]), w1 = v_set1(wei[wei_step]);
        vec x = v_keep(v_load(row));
        PC_UNROLL for (int v = 0; v < PC_LINE; v++) {
            const elem *p = row + (v + 1) * PC_VLEN;
            const vec y = v + 1 < PC_LINE ? v_keep(v_load(p)) : v_load_n(p, 1);
            acc[v] = v_fma(x, w0, acc[v]);
            acc[v] = v_fma(v_next(x, y), w1, acc[v]);
            x = y;
        }
    }
    for (; s < taps; s++, wei += wei_step) {
        const vec w = v_set1(*wei);
        PC_UNROLL for (int v = 0; v < PC_LINE; v++) acc[v] = v_fma(v_load(src + s + v * PC_VLEN), w, acc[v]);
    }
    PC_UNROLL for (int v = 0; v < PC_LINE; v++) v_store(dst + v * PC_VLEN, acc[v]);
}

/* The same for taps anywhere: src[i + off[s]]. */
PC_INLINE void spread_line(const elem *src, const int64_t *off, int64_t taps, const elem *wei, vec start, elem *dst) {
    vec acc[PC_LINE];
    PC_UNROLL for (int v = 0; v < PC_LINE; v++) acc[v] = start;
    for (int64_t s = 0; s < taps; s++) {
        const vec w = v_set1(wei[s]);
        PC_UNROLL for (int v = 0; v < PC_LINE; v++) acc[v] = v_fma(v_load(src + off[s] + v * PC_VLEN), w, acc[v]);
    }
    PC_UNROLL for (int v = 0; v < PC_LINE; v++) v_store(dst + v * PC_VLEN, acc[v]);
}

#endif
