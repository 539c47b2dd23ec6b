/* separable.c - the two passes of a filter that is the product of a column and a row.
 *
 * A row is a run of elements: columns of a plane, or all channels of neighbouring pixels, whose weights then repeat
 * after `period` vectors. The first pass goes down: each row that is loaded meets up to PIECE tap rows in every output
 * row that shares it. The second goes along what the first has left, some rows at once, so that a vector of weights is
 * loaded once for all of them. */
#include "../base/shape.h"
#include "../simd/tiles.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "line.h"
#include "table.h"

enum {
    PIECE = PC_REGISTERS >= 32 ? 8 : 4,
    AHEAD = 512 /* bytes prefetched: 21 taps down a picture of 24 MB take 3.5 ms instead of 5.0 */
};

/* The first n elements of a row; n is PC_VLEN where not masked. */
PC_INLINE vec load(const void *row, int64_t at, const int masked, int n) {
    const elem *p = (const elem *)row + at;
    return masked ? v_load_n(p, n) : v_load(p);
}

/* `n` neighbouring tap rows of `tile` output rows, which share input rows. */
PC_INLINE void piece(const int tile, const int n, const int masked, const void *const *row, int64_t at, int left,
                     const elem *wei, vec *acc) {
    vec w[PIECE];
    PC_UNROLL for (int j = 0; j < n; j++) w[j] = v_load(wei + j * PC_VLEN);
    PC_UNROLL for (int i = 0; i < tile - 1 + n; i++) {
        const vec x = v_keep(load(row[i], at, masked, left));
        PC_UNROLL for (int r = 0; r < tile; r++) if (i >= r && i < r + n) acc[r] = v_fma(x, w[i - r], acc[r]);
    }
}

PC_INLINE void down(const int tile, const int shares, const int masked, const pc_column_args *a, int64_t at,
                    const elem *wei, const elem *bias) {
    const int left = (int)pc_min(a->n - at, PC_VLEN);
    vec acc[PC_MAX_SEPARABLE_TILE];
    PC_UNROLL for (int r = 0; r < tile; r++) acc[r] = v_load(bias);
    int64_t q = 0;
    if (shares)
        for (; q + PIECE <= a->taps; q += PIECE, wei += PIECE * PC_VLEN)
            piece(tile, PIECE, masked, a->row + q, at, left, wei, acc);
    for (; q < a->taps; q++, wei += PC_VLEN) {
        const vec w = v_load(wei);
        PC_UNROLL for (int r = 0; r < tile; r++) acc[r] =
            v_fma(load(a->row[r * a->row_step + q], at, masked, left), w, acc[r]);
    }
    /* No tile before has read the last rows: they may come from memory, in more streams than the hardware follows. */
    if (!masked) PC_UNROLL for (int r = 0; r < tile; r++) {
            const uintptr_t row = (uintptr_t)a->row[r * a->row_step + a->taps - 1];
            __builtin_prefetch((const void *)(row + (uintptr_t)at * sizeof(elem) + AHEAD));
        }
    elem *dst = (elem *)a->dst + at;
    if (masked) {
        PC_UNROLL for (int r = 0; r < tile; r++) v_store_n(dst + r * a->ld_dst, left, acc[r]);
    } else {
        PC_UNROLL for (int r = 0; r < tile; r++) v_store(dst + r * a->ld_dst, acc[r]);
    }
}

typedef void tail_fn(const pc_column_args *a, int64_t at, const elem *wei, const elem *bias);

PC_INLINE void column_pass(const int tile, const int shares, tail_fn *tail, const pc_column_args *a) {
    const elem *wei = a->wei, *bias = a->bias;
    int64_t at = 0, phase = 0;
    for (; at + PC_VLEN <= a->n; at += PC_VLEN) {
        down(tile, shares, 0, a, at, wei, bias);
        wei += a->taps * PC_VLEN;
        bias += PC_VLEN;
        if (++phase == a->period) {
            phase = 0;
            wei = a->wei;
            bias = a->bias;
        }
    }
    if (at < a->n) tail(a, at, wei, bias);
}

PC_INLINE void one_tap(const int tile, const pc_line_args *a, const elem *x, const elem *wei, vec *acc) {
    const vec w = v_load(wei);
    PC_UNROLL for (int r = 0; r < tile; r++) acc[r] = v_fma(v_load(x + r * a->ld_src), w, acc[r]);
}

#if defined(PC_TARGET_AVX512) && defined(PC_DTYPE_F32)
/* Pairs of taps; returns how many there were. A load across two cache lines takes 1.7 cycles, and a shift in registers
 * holds up FMAs: the first of two taps is shifted, the second loaded, and neither waits. */
PC_INLINE int64_t near_pairs(const int tile, const pc_line_args *a, const elem *src, const elem *wei, vec *acc) {
    vec x[PC_MAX_SEPARABLE_TILE], next[PC_MAX_SEPARABLE_TILE];
    PC_UNROLL for (int r = 0; r < tile; r++) {
        x[r] = v_load(src + r * a->ld_src);
        next[r] = v_load(src + r * a->ld_src + PC_VLEN);
    }
    int64_t s = 0, at = 0;
    for (; s + 2 <= a->taps; s += 2, wei += 2 * PC_VLEN) {
        if (a->off[s] - at >= PC_VLEN) {
            at += PC_VLEN;
            PC_UNROLL for (int r = 0; r < tile; r++) {
                x[r] = next[r];
                next[r] = v_load(src + r * a->ld_src + at + PC_VLEN);
            }
        }
        const vec w = v_load(wei);
        const int n = (int)(a->off[s] - at);
        PC_UNROLL for (int r = 0; r < tile; r++) acc[r] = v_fma(v_from(x[r], next[r], n), w, acc[r]);
        one_tap(tile, a, src + a->off[s + 1], wei + PC_VLEN, acc);
    }
    return s;
}
#endif

PC_INLINE void row_pass(const int tile, const pc_line_args *a) {
    const elem *wei = a->wei, *bias = a->bias;
    int64_t phase = 0, at = 0;
    if (a->neighbours)
        for (; at + PC_LINE * PC_VLEN <= a->n; at += PC_LINE * PC_VLEN)
            for (int r = 0; r < tile; r++)
                line((const elem *)a->src + r * a->ld_src + at, a->taps, wei, PC_VLEN, v_load(bias),
                     (elem *)a->dst + r * a->ld_dst + at);
    for (; at < a->n; at += PC_VLEN) {
        const elem *src = (const elem *)a->src + at;
        vec acc[PC_MAX_SEPARABLE_TILE];
        PC_UNROLL for (int r = 0; r < tile; r++) acc[r] = v_load(bias);
        int64_t s = 0;
#if defined(PC_TARGET_AVX512) && defined(PC_DTYPE_F32)
        if (tile > 1 && a->near) s = near_pairs(tile, a, src, wei, acc);
#endif
        for (wei += s * PC_VLEN; s < a->taps; s++, wei += PC_VLEN) one_tap(tile, a, src + a->off[s], wei, acc);
        bias += PC_VLEN;
        if (++phase == a->period) {
            phase = 0;
            wei = a->wei;
            bias = a->bias;
        }
        elem *dst = (elem *)a->dst + at;
        const int n = (int)pc_min(a->n - at, PC_VLEN);
        if (n == PC_VLEN) {
            PC_UNROLL for (int r = 0; r < tile; r++) v_store(dst + r * a->ld_dst, acc[r]);
        } else {
            PC_UNROLL for (int r = 0; r < tile; r++) v_store_n(dst + r * a->ld_dst, n, acc[r]);
        }
    }
}

#if defined(PC_DTYPE_F64) || defined(PC_TARGET_SCALAR) /* rarer */
#define TILES(X) X(1) X(4)
#else
#define TILES(X) X(1) X(4) X(8)
#endif
#define DEFINE(tile)                                                                                                   \
    PC_RARE void tail_##tile(const pc_column_args *a, int64_t at, const elem *wei, const elem *bias) {                 \
        down(tile, 0, 1, a, at, wei, bias);                                                                            \
    }                                                                                                                  \
    static void any_##tile(const pc_column_args *a) { column_pass(tile, 0, tail_##tile, a); }                          \
    static void shared_##tile(const pc_column_args *a) { column_pass(tile, 1, tail_##tile, a); }                       \
    static void row_##tile(const pc_line_args *a) { row_pass(tile, a); }
TILES(DEFINE)

#define ANY(tile) [0][tile] = any_##tile,
#define SHARED(tile) [1][tile] = shared_##tile,
#define ROW(tile) [tile] = row_##tile,
pc_column_fn *const PC_FN(pc_column_tiles)[2][PC_MAX_SEPARABLE_TILE + 1] = {TILES(ANY) TILES(SHARED)};
pc_line_fn *const PC_FN(pc_line_tiles)[PC_MAX_SEPARABLE_TILE + 1] = {TILES(ROW)};
