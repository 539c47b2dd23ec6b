/* windows.c - depthwise convolution, channels last, of the image where it lies: each lane has weights of its own.
 *
 * Compiled once more for either type of half floats, as rows.c is. */
#include "../base/shape.h"
#include "../simd/tiles.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

#if defined(PC_HALVES)
typedef uint16_t pixels;

PC_INLINE vec load(const pixels *p) { return load_halves(p, v_mask(0, PC_VLEN)); }

/* Rows that store_halves() leaves. */
PC_COLD void store_rest(const elem *rows, int n, pixels *dst, int64_t ld) {
    for (int r = 0; r < n; r++) v_store_bfloat(dst + r * ld, v_load(rows + r * PC_VLEN));
}

PC_INLINE void store(const int rows, const vec *v, pixels *dst, int64_t ld) {
    if (store_halves(rows, v, dst, ld, PC_VLEN)) return;
    elem rest[PC_MAX_WINDOW_HIGH * PC_VLEN];
    PC_UNROLL for (int r = 0; r < rows; r++) v_store(rest + r * PC_VLEN, v[r]);
    store_rest(rest, rows, dst, ld);
}
#else
typedef elem pixels;

PC_INLINE vec load(const pixels *p) { return v_load(p); }
PC_INLINE void store(const int rows, const vec *v, pixels *dst, int64_t ld) {
    PC_UNROLL for (int r = 0; r < rows; r++) v_store(dst + r * ld, v[r]);
}
#endif

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
        const vec x = v_keep(load((const pixels *)part->row[i] + at));
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
        PC_UNROLL for (int o = 0; o < wide; o++) store(high, acc[o], (pixels *)a->dst + c + o * a->ld_col, a->ld_row);
    }
}

/* X(high, wide, k, step): a single output of single taps for all, larger tiles where they are worth their code. SQUARE
 * are for kernels of k columns in one part. */
/* clang-format off */
#define SINGLE(X) X(1, 1, 1, 1) X(4, 1, 1, 1)
#define MOST(X)                                                                                                        \
    SINGLE(X) X(7, 1, 1, 1) X(4, 2, 2, 1) X(7, 1, 2, 1) X(4, 2, 3, 1) X(7, 1, 3, 1) X(4, 1, 3, 2)                      \
    X(7, 1, 5, 1) X(4, 1, 5, 2) X(4, 1, 7, 1) X(7, 1, 7, 1)
#if defined(PC_HALVES) /* the most common alone, and what others can do with */
#define WINDOWS(X)                                                                                                     \
    SINGLE(X) X(4, 1, 2, 1) X(4, 1, 3, 1) X(4, 1, 3, 2) X(7, 1, 3, 2) X(4, 1, 5, 1) X(7, 1, 5, 1)                      \
    X(4, 1, 5, 2) X(4, 1, 7, 1) X(7, 1, 7, 1)
#define SQUARE(X) X(4, 2, 3, 1) X(7, 2, 3, 1)
#elif defined(PC_TARGET_SCALAR)
#define WINDOWS(X) X(1, 1, 1, 1) X(1, 1, 3, 1) X(1, 1, 5, 1) X(1, 1, 7, 1)
#define SQUARE(X)
#elif defined(PC_DTYPE_F64) /* rarer */
#define WINDOWS(X)                                                                                                     \
    SINGLE(X) X(4, 1, 2, 1) X(4, 2, 3, 1) X(4, 1, 3, 1) X(4, 1, 3, 2) X(4, 1, 5, 1) X(4, 1, 5, 2) X(4, 1, 7, 1)
#define SQUARE(X) X(4, 2, 3, 1)
#elif PC_REGISTERS >= 32
#define WINDOWS(X) MOST(X) X(7, 2, 3, 1) X(7, 1, 3, 2) X(4, 2, 5, 1) X(7, 2, 5, 1) X(7, 1, 5, 2)
#define SQUARE(X) X(4, 2, 3, 1) X(7, 2, 3, 1) X(7, 2, 7, 1)
#else
#define WINDOWS(X) MOST(X) X(4, 1, 5, 1)
#define SQUARE(X) X(4, 2, 3, 1)
#endif
/* clang-format on */
#define DEFINE_WINDOW(high, wide, k, step)                                                                             \
    PC_FEATURES static void window_##high##_##wide##_##k##_##step(const pc_window_args *a) {                           \
        window(high, wide, k, step, 0, a);                                                                             \
    }
#define DEFINE_SQUARE(high, wide, k, step)                                                                             \
    PC_FEATURES static void square_##high##_##wide##_##k##_##step(const pc_window_args *a) {                           \
        window(high, wide, k, step, 1, a);                                                                             \
    }
WINDOWS(DEFINE_WINDOW)
SQUARE(DEFINE_SQUARE)

#if defined(PC_HALVES)
#define FIND_NAME PC_HALVES
#else
#define FIND_NAME PC_FN(pc_window_find)
#endif

pc_window_fn *FIND_NAME(int high, int wide, int k, int step, int square) {
    (void)square;
#define FIND(h, w, size, s)                                                                                            \
    if (high == h && wide == w && k == size && step == s) return window_##h##_##w##_##size##_##s;
#define FIND_SQUARE(h, w, size, s)                                                                                     \
    if (square && high == h && wide == w && k == size && step == s) return square_##h##_##w##_##size##_##s;
    SQUARE(FIND_SQUARE)
    WINDOWS(FIND)
    return 0;
}
