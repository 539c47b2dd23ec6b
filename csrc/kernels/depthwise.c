/* depthwise.c - depthwise convolution, channels last: each lane has weights of its own.
 *
 * A panel holds the pixels that some outputs read, its border included, in one piece and in L1. A vector is a run of its
 * elements: channels of one pixel, or all channels of neighbouring pixels, whose weights then repeat. A tile is `tile`
 * output rows of one vector; a tap column is the outer loop, and at stride 1 each row that is loaded meets up to three
 * tap rows. */
#include "../base/shape.h"
#include "../simd/tiles.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

/* ---- gather ------------------------------------------------------------------------------------------------------ */

static void fill_zeros(elem *dst, int64_t n) {
    for (int64_t i = 0; i < n; i += PC_VLEN) v_store(dst + i, v_zero());
}

/* One pixel. Whole vectors are written: what lies behind the pixel is its successor, which comes later, or slack. */
PC_INLINE void copy_pixel(const pc_panel_args *a, const elem *src, elem *dst) {
    if (a->repeat == 1) {
        for (int64_t i = 0; i < a->lanes; i += PC_VLEN)
            v_store(dst + i, v_load_n(src + i, (int)pc_min(a->lanes - i, PC_VLEN)));
        return;
    }
    for (int64_t i = 0, left = a->repeat - a->first; i < a->lanes; i++, left--) {
        if (left == 0) {
            src++;
            left = a->repeat;
        }
        dst[i] = *src;
    }
}

static void copy_border(const pc_panel_args *a, const elem *row, elem *dst, int64_t from, int64_t to) {
    for (int64_t u = from; u < to; u++) {
        const int64_t ix = pc_border(a->boundary, a->x0 + u * a->apart_w, a->in_w);
        if (ix < 0)
            fill_zeros(dst + u * a->pixel, a->lanes);
        else
            copy_pixel(a, row + ix * a->src_col, dst + u * a->pixel);
    }
}

void PC_FN(pc_panel)(const pc_panel_args *a) {
    /* lo <= u < hi: column u lies inside the image */
    const int64_t lo = a->x0 >= 0 ? 0 : pc_min(a->cols, pc_ceil_div(-a->x0, a->apart_w));
    const int64_t hi = a->x0 >= a->in_w ? lo : pc_max(lo, pc_min(a->cols, pc_ceil_div(a->in_w - a->x0, a->apart_w)));
    for (int64_t t = 0; t < a->rows; t++) {
        elem *dst = (elem *)a->dst + t * a->pitch;
        const int64_t iy = pc_border(a->boundary, a->y0 + t * a->apart_h, a->in_h);
        if (iy < 0) {
            fill_zeros(dst, a->cols * a->pixel);
            continue;
        }
        const elem *row = (const elem *)a->src + iy * a->src_row;
        copy_border(a, row, dst, 0, lo);
        if (a->repeat == 1 && a->lanes == a->pixel && a->src_col == a->pixel && a->apart_w == 1 &&
            hi > lo) { /* pixels touch: rows in one piece */
            const elem *from = row + (a->x0 + lo * a->apart_w) * a->src_col;
            elem *to = dst + lo * a->pixel;
            const int64_t n = (hi - lo) * a->pixel;
            int64_t i = 0;
            for (; i + PC_VLEN <= n; i += PC_VLEN) v_store(to + i, v_load(from + i));
            if (i < n) v_store(to + i, v_load_n(from + i, (int)(n - i)));
        } else {
            for (int64_t u = lo; u < hi; u++)
                copy_pixel(a, row + (a->x0 + u * a->apart_w) * a->src_col, dst + u * a->pixel);
        }
        copy_border(a, row, dst, hi, a->cols);
    }
}

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

/* `high` x `wide` outputs, all channels: every pixel of their window is loaded once, and meets its tap rows of up to
 * `wide` tap columns. */
PC_INLINE void window(const int high, const int wide, const int k, const int step, const pc_window_args *a) {
    const elem *wei = a->wei, *bias = a->bias;
    for (int64_t done = 0; done < a->channels; done += PC_VLEN, wei += k * k * PC_VLEN) {
        const int64_t c = pc_min(done, a->channels - PC_VLEN); /* a last vector steps back */
        const vec start = bias ? v_load(bias + c) : v_zero();
        vec acc[PC_MAX_WINDOW_WIDE][PC_MAX_WINDOW_HIGH];
        PC_UNROLL for (int o = 0; o < wide; o++) { PC_UNROLL for (int r = 0; r < high; r++) acc[o][r] = start; }
        PC_UNROLL for (int u = 0; u < (wide - 1) * step + k; u++) {
            const void *const *row = a->rows[u];
            const int64_t at = a->off[u] + c;
            vec w[PC_MAX_WINDOW_WIDE][PC_MAX_WINDOW];
            PC_UNROLL for (int o = 0; o < wide; o++) if (u >= o * step && u < o * step + k) {
                PC_UNROLL for (int q = 0; q < k; q++) w[o][q] = v_load(wei + ((u - o * step) * k + q) * PC_VLEN);
            }
            PC_UNROLL for (int i = 0; i < (high - 1) * step + k; i++) {
                const vec x = v_keep(v_load((const elem *)row[i] + at));
                PC_UNROLL for (int o = 0; o < wide; o++) {
                    PC_UNROLL for (int r = 0; r < high; r++) {
                        if (u >= o * step && u < o * step + k && i >= r * step && i < r * step + k)
                            acc[o][r] = v_fma(x, w[o][i - r * step], acc[o][r]);
                    }
                }
            }
        }
        elem *dst = (elem *)a->dst + c;
        PC_UNROLL for (int o = 0; o < wide; o++) {
            PC_UNROLL for (int r = 0; r < high; r++) v_store(dst + r * a->ld_row + o * a->ld_col, acc[o][r]);
        }
    }
}

/* X(high, wide, k, step): a single output for all, larger tiles where they are worth their code, up to 5 KB each. */
#define SINGLE(X) X(1, 1, 3, 1) X(1, 1, 3, 2) X(1, 1, 5, 1) X(1, 1, 5, 2) X(1, 1, 7, 1)
#if defined(PC_TARGET_SCALAR)
#define WINDOWS(X) SINGLE(X)
#elif defined(PC_DTYPE_F64) /* rarer */
#define WINDOWS(X) SINGLE(X) X(4, 2, 3, 1) X(4, 1, 3, 2) X(4, 1, 5, 1) X(4, 1, 5, 2) X(4, 1, 7, 1)
#elif PC_REGISTERS >= 32
#define WINDOWS(X)                                                                                                     \
    SINGLE(X)                                                                                                          \
    X(4, 2, 3, 1)                                                                                                      \
    X(7, 2, 3, 1)                                                                                                      \
    X(4, 1, 3, 2) X(7, 1, 3, 2) X(4, 2, 5, 1) X(7, 2, 5, 1) X(4, 1, 5, 2) X(7, 1, 5, 2) X(4, 1, 7, 1) X(7, 2, 7, 1)
#else
#define WINDOWS(X)                                                                                                     \
    SINGLE(X)                                                                                                          \
    X(4, 2, 3, 1) X(4, 1, 3, 2) X(4, 1, 5, 1) X(7, 1, 5, 1) X(4, 1, 5, 2) X(4, 1, 7, 1) X(7, 1, 7, 1)
#endif
#define DEFINE_WINDOW(high, wide, k, step)                                                                             \
    static void window_##high##_##wide##_##k##_##step(const pc_window_args *a) { window(high, wide, k, step, a); }
WINDOWS(DEFINE_WINDOW)

pc_window_fn *PC_FN(pc_window_find)(int high, int wide, int k, int step) {
#define FIND(h, w, size, s)                                                                                            \
    if (high == h && wide == w && k == size && step == s) return window_##h##_##w##_##size##_##s;
    WINDOWS(FIND)
    return 0;
}
