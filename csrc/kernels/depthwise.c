/* depthwise.c - depthwise convolution, channels last: vectors run along channels, np neighbouring pixels share each
 * weight. */
#include "../base/shape.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

PC_INLINE void block(const int np, const int partial, const pc_depthwise_args *a, int64_t c, int n) {
    vec acc[PC_MAX_DEPTHWISE_NP];
    const elem *wei = (const elem *)a->wei + c, *b = a->bias;
    const vec bias = b ? partial ? v_load_n(b + c, n) : v_load(b + c) : v_zero();
    PC_UNROLL for (int i = 0; i < np; i++) acc[i] = bias;
    for (int64_t t = 0; t < a->taps; t++, wei += a->channels) {
        const elem *p = a->tap[t];
        const vec w = partial ? v_load_n(wei, n) : v_load(wei);
        if (!p) {
            PC_UNROLL for (int i = 0; i < np; i++) acc[i] = v_fma(v_zero(), w, acc[i]);
            continue;
        }
        p += c;
        PC_UNROLL for (int i = 0; i < np; i++) {
            const vec x = partial ? v_load_n(p + i * a->step, n) : v_load(p + i * a->step);
            acc[i] = v_fma(x, w, acc[i]);
        }
    }
    elem *dst = (elem *)a->dst + c;
    PC_UNROLL for (int i = 0; i < np; i++) {
        if (partial)
            v_store_n(dst + i * a->ld_dst, n, acc[i]);
        else
            v_store(dst + i * a->ld_dst, acc[i]);
    }
}

PC_INLINE void pixels(const int np, const pc_depthwise_args *a) {
    int64_t c = 0;
    for (; c + PC_VLEN <= a->channels; c += PC_VLEN) block(np, 0, a, c, PC_VLEN);
    if (c < a->channels) block(np, 1, a, c, (int)(a->channels - c));
}

static void pixels_1(const pc_depthwise_args *a) { pixels(1, a); }
static void pixels_2(const pc_depthwise_args *a) { pixels(2, a); }
static void pixels_4(const pc_depthwise_args *a) { pixels(4, a); }
static void pixels_8(const pc_depthwise_args *a) { pixels(8, a); }

pc_depthwise_fn *const PC_FN(pc_depthwise_tiles)[PC_MAX_DEPTHWISE_NP + 1] = {
    [1] = pixels_1, [2] = pixels_2, [4] = pixels_4, [8] = pixels_8};
