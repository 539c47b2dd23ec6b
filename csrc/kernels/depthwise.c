/* depthwise.c - depthwise convolution, channels last: each lane has weights of its own.
 *
 * A panel holds the pixels that some outputs read, its border included, in one piece and in L1. A vector is a run of
 * its elements: channels of one pixel, or all channels of neighbouring pixels, whose weights then repeat. A tile is
 * `tile` output rows of one vector; a tap column is the outer loop, and at stride 1 each row that is loaded meets up to
 * three tap rows. */
#include "../base/shape.h"
#include "../simd/tiles.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

/* n neighbouring tap rows; output rows are as far apart as tap rows. */
PC_INLINE void shared(const int tile, const int n, const elem *src, int64_t ld, const elem *wei, vec *acc) {
    vec w[3];
    PC_UNROLL for (int j = 0; j < n; j++) w[j] = v_load(wei + j * PC_VLEN);
    PC_UNROLL for (int i = 0; i < tile - 1 + n; i++) {
        const vec x = v_keep(v_load(src + i * ld));
        PC_UNROLL for (int r = 0; r < tile; r++) if (i >= r && i < r + n) acc[r] = v_fma(x, w[i - r], acc[r]);
    }
}

PC_INLINE void single(const int tile, const elem *src, int64_t ld, const elem *wei, vec *acc) {
    const vec w = v_load(wei);
    PC_UNROLL for (int r = 0; r < tile; r++) acc[r] = v_fma(v_load(src + r * ld), w, acc[r]);
}

PC_INLINE void lanes(const int tile, const int shares, const pc_depthwise_args *a) {
    const elem *src = a->src, *wei = a->wei, *bias = a->bias;
    elem *dst = a->dst;
    const int64_t kh = a->kh, kw = a->kw, ld = a->row_step, tap_row = a->tap_row;
    for (int64_t v = 0, phase = 0; v < a->n; v++, src += a->step, dst += a->dst_step) {
        vec acc[PC_MAX_DEPTHWISE_TILE];
        PC_UNROLL for (int r = 0; r < tile; r++) acc[r] = v_load(bias);
        for (int64_t s = 0; s < kw; s++) {
            const elem *p = src + s * a->tap_col;
            int64_t q = 0;
            if (shares) {
                for (; q + 3 <= kh; q += 3, p += 3 * ld, wei += 3 * PC_VLEN) shared(tile, 3, p, ld, wei, acc);
                for (; q + 2 <= kh; q += 2, p += 2 * ld, wei += 2 * PC_VLEN) shared(tile, 2, p, ld, wei, acc);
            }
            for (; q < kh; q++, p += tap_row, wei += PC_VLEN) single(tile, p, ld, wei, acc);
        }
        bias += PC_VLEN;
        if (++phase == a->period) {
            phase = 0;
            wei = a->wei;
            bias = a->bias;
        }
        const int n = v + 1 < a->n ? a->lanes : a->last;
        if (n == PC_VLEN) {
            PC_UNROLL for (int r = 0; r < tile; r++) v_store(dst + r * a->ld_dst, acc[r]);
        } else {
            PC_UNROLL for (int r = 0; r < tile; r++) v_store_n(dst + r * a->ld_dst, n, acc[r]);
        }
    }
}

#if defined(PC_DTYPE_F64) || defined(PC_TARGET_SCALAR)
#define TILES(X) X(1) X(4) X(8)
#else
#define TILES(X) X(1) X(2) X(4) X(7) X(8)
#endif
#define DEFINE(tile)                                                                                                   \
    static void any_##tile(const pc_depthwise_args *a) { lanes(tile, 0, a); }                                          \
    static void shared_##tile(const pc_depthwise_args *a) { lanes(tile, 1, a); }
TILES(DEFINE)

#define ANY(tile) [0][tile] = any_##tile,
#define SHARED(tile) [1][tile] = shared_##tile,
pc_depthwise_fn *const PC_FN(pc_depthwise_tiles)[2][PC_MAX_DEPTHWISE_TILE + 1] = {TILES(ANY) TILES(SHARED)};
