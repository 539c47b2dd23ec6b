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

/* ---- tiles ------------------------------------------------------------------------------------------------------- */

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

/* ---- windows ----------------------------------------------------------------------------------------------------- */

/* One part of a column: its pixels meet k tap rows of outputs from .. to - 1 across, whose weights are `back` apart. */
PC_INLINE void column(const int high, const int from, const int to, const int k, const int step,
                      const pc_window_part *part, int64_t c, const elem *wei, int64_t back,
                      vec acc[][PC_MAX_WINDOW_HIGH]) {
    vec w[PC_MAX_WINDOW_WIDE][PC_MAX_WINDOW];
    const int64_t at = part->off + c;
    PC_UNROLL for (int o = from; o < to; o++) {
        PC_UNROLL for (int q = 0; q < k; q++) w[o][q] = v_load(wei - o * back + q * PC_VLEN);
    }
    PC_UNROLL for (int i = 0; i < (high - 1) * step + k; i++) {
        const vec x = v_keep(v_load((const elem *)part->row[i] + at));
        PC_UNROLL for (int o = from; o < to; o++) {
            PC_UNROLL for (int r = 0; r < high; r++) {
                if (i >= r * step && i < r * step + k) acc[o][r] = v_fma(x, w[o][i - r * step], acc[o][r]);
            }
        }
    }
}

/* `high` x `wide` outputs, all channels: every pixel of a part is loaded once, and meets k tap rows of `wide` columns.
 * Small square kernels are not rolled, which is worth up to a tenth. */
PC_INLINE void window(const int high, const int wide, const int k, const int step, const int square,
                      const pc_window_args *a) {
    const elem *wei = a->wei, *bias = a->bias;
    const pc_window_part *const first = a->part, *const both = first + a->parts,
                                *const last = first + a->columns * a->parts;
    const int64_t back = square ? k * PC_VLEN : (both - first) * k * PC_VLEN;
    for (int64_t done = 0; done < a->channels; done += PC_VLEN) {
        const int64_t c = pc_min(done, a->channels - PC_VLEN); /* a last vector steps back */
        const vec start = bias ? v_load(bias + c) : v_zero();
        vec acc[PC_MAX_WINDOW_WIDE][PC_MAX_WINDOW_HIGH];
        PC_UNROLL for (int o = 0; o < wide; o++) { PC_UNROLL for (int r = 0; r < high; r++) acc[o][r] = start; }
        const pc_window_part *p = first;
        if (square) {
            PC_UNROLL for (int u = 0; u < k + wide - 1; u++)
                column(high, u < k ? 0 : u - k + 1, u + 1 < wide ? u + 1 : wide, k, step, p + u, c,
                       wei + (u < k ? u : k - 1) * k * PC_VLEN, u < k ? back : 0, acc);
            wei += k * k * PC_VLEN;
        } else {
            do {
                column(high, 0, 1, k, step, p, c, wei, 0, acc);
                wei += k * PC_VLEN;
            } while (++p < (wide > 1 ? both : last));
        }
        if (wide > 1 && !square) {
            for (; p < last; p++, wei += k * PC_VLEN) column(high, 0, 2, k, step, p, c, wei, back, acc);
            const elem *w = wei - back;
            do {
                column(high, 1, 2, k, step, p, c, w, 0, acc);
                w += k * PC_VLEN;
            } while (++p < last + (both - first));
        }
        elem *dst = (elem *)a->dst + c;
        PC_UNROLL for (int o = 0; o < wide; o++) {
            PC_UNROLL for (int r = 0; r < high; r++) v_store(dst + r * a->ld_row + o * a->ld_col, acc[o][r]);
        }
    }
}

/* X(high, wide, k, step): a single output of single taps for all, larger tiles where they are worth their code. SQUARE
 * are for kernels of k columns in one part. */
#define SINGLE(X) X(1, 1, 1, 1) X(4, 1, 1, 1)
#if defined(PC_TARGET_SCALAR)
#define WINDOWS(X) X(1, 1, 1, 1) X(1, 1, 3, 1) X(1, 1, 5, 1) X(1, 1, 7, 1)
#define SQUARE(X)
#elif defined(PC_DTYPE_F64) /* rarer */
#define WINDOWS(X)                                                                                                     \
    SINGLE(X) X(4, 1, 2, 1) X(4, 2, 3, 1) X(4, 1, 3, 1) X(4, 1, 3, 2) X(4, 1, 5, 1) X(4, 1, 5, 2) X(4, 1, 7, 1)
#define SQUARE(X) X(4, 2, 3, 1)
#elif PC_REGISTERS >= 32
#define WINDOWS(X)                                                                                                     \
    SINGLE(X)                                                                                                          \
    X(7, 1, 1, 1)                                                                                                      \
    X(4, 2, 2, 1)                                                                                                      \
    X(7, 1, 2, 1)                                                                                                      \
    X(7, 1, 3, 1)                                                                                                      \
    X(7, 1, 5, 1)                                                                                                      \
    X(4, 2, 3, 1)                                                                                                      \
    X(7, 2, 3, 1)                                                                                                      \
    X(4, 1, 3, 2) X(7, 1, 3, 2) X(4, 2, 5, 1) X(7, 2, 5, 1) X(4, 1, 5, 2) X(7, 1, 5, 2) X(4, 1, 7, 1) X(7, 1, 7, 1)
#define SQUARE(X) X(4, 2, 3, 1) X(7, 2, 3, 1) X(7, 2, 7, 1)
#else
#define WINDOWS(X)                                                                                                     \
    SINGLE(X)                                                                                                          \
    X(7, 1, 1, 1)                                                                                                      \
    X(4, 2, 2, 1)                                                                                                      \
    X(7, 1, 2, 1)                                                                                                      \
    X(7, 1, 3, 1)                                                                                                      \
    X(4, 2, 3, 1) X(4, 1, 3, 2) X(4, 1, 5, 1) X(7, 1, 5, 1) X(4, 1, 5, 2) X(4, 1, 7, 1) X(7, 1, 7, 1)
#define SQUARE(X) X(4, 2, 3, 1)
#endif
#define DEFINE_WINDOW(high, wide, k, step)                                                                             \
    static void window_##high##_##wide##_##k##_##step(const pc_window_args *a) { window(high, wide, k, step, 0, a); }
#define DEFINE_SQUARE(high, wide, k, step)                                                                             \
    static void square_##high##_##wide##_##k##_##step(const pc_window_args *a) { window(high, wide, k, step, 1, a); }
WINDOWS(DEFINE_WINDOW)
SQUARE(DEFINE_SQUARE)

pc_window_fn *PC_FN(pc_window_find)(int high, int wide, int k, int step, int square) {
    (void)square;
#define FIND(h, w, size, s)                                                                                            \
    if (high == h && wide == w && k == size && step == s) return window_##h##_##w##_##size##_##s;
#define FIND_SQUARE(h, w, size, s)                                                                                     \
    if (square && high == h && wide == w && k == size && step == s) return square_##h##_##w##_##size##_##s;
    SQUARE(FIND_SQUARE)
    WINDOWS(FIND)
    return 0;
}
