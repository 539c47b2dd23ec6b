/* rows.c - depthwise and one-channel filters, channels first: vectors run along output columns, several output rows at
 * once.
 *
 * The tap column s is the outer loop. Its weights stand in registers, eight tap rows at a time; each input row is
 * loaded once for them and multiplied into every output row that it touches. Rows come through a table of pointers, so
 * the border above and below is a row of zeros (or another row) and costs nothing; left and right borders are masks,
 * computed only for the vectors that meet them.
 *
 * Column step 2 loads two vectors and splits them into even and odd columns: the taps s and s + 1. The odd halves wait
 * in registers until their output row has met all rows of tap s, which keeps the order of the FMA chain. */
#include "../base/shape.h"
#include "../simd/tiles.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "line.h"
#include "table.h"

/* Whether the last vector of a row steps back and ends with it, computing some columns twice: without masked stores, a
 * part of a vector takes three stores and as many branches. */
#if defined(PC_TARGET_AVX512)
#define STEPS_BACK 0
#else
#define STEPS_BACK 1
#endif

/* Whether all loads have masks. Where masks are registers that takes no time, and the code is half as large; in pairs
 * of columns, though, 5x5 at step 2 would lose 8 %, and AVX2, whose masks are vectors, 10 to 15 % of everything. */
#if defined(PC_TARGET_AVX512)
#if defined(PC_HALVES)
#define ALWAYS_MASKED(kw, col_step) 1
#else
#define ALWAYS_MASKED(kw, col_step) ((kw) == 3 || (col_step) == 1)
#endif
#else
#define ALWAYS_MASKED(kw, col_step) 0
#endif

enum {
    FEW_REGISTERS = PC_REGISTERS < 32,
    PIECE = FEW_REGISTERS ? 4 : 8,
    MAX_KR = 9,
    MAX_ROWS = 2 * PC_MAX_ROW_TILE + MAX_KR,
    TRIPLE_NV = 2 /* vectors of triple() */
};

/* The lanes of VLEN columns from `off` on that lie within [0, in_w): all where the caller says so. Mostly it is all of
 * them, which a branch finds out sooner. */
PC_INLINE vmask within(int64_t off, const int masked, int64_t in_w) {
#if defined(PC_TARGET_AVX512)
    if (!masked || (ALWAYS_MASKED(3, 1) && off >= 0 && in_w - off >= PC_VLEN)) return v_mask(0, PC_VLEN);
    /* What lies further than INT32_MAX goes through a strip, all of whose lanes are inside. */
    return v_mask_below((int)off, (int)pc_min(in_w, INT32_MAX));
#else
    return v_mask((int)pc_max(-off, 0), masked ? (int)pc_min(pc_max(in_w - off, 0), PC_VLEN) : PC_VLEN);
#endif
}

PC_INLINE vec load(const void *row, int64_t off, const int masked, vmask m) {
#if defined(PC_HALVES)
    const uint16_t *p = (const uint16_t *)row + off;
    (void)masked;
    return load_halves(p, m);
#else
    const elem *p = (const elem *)row + off;
    return masked ? v_load_mask(p, m) : v_load(p);
#endif
}

/* off, of which the compiler knows nothing any more where registers are few: GCC would compute the addresses of all
 * three tap columns ahead, for masks and without, and keep them on the stack (3x3: 67 instead of 50 cycles for 8 rows).
 */
PC_INLINE int64_t here(int64_t off) {
    if (FEW_REGISTERS) __asm__("" : "+r"(off));
    return off;
}

/* Tap rows q .. q + n - 1 of one tap column. */
PC_INLINE void piece(const int tile, const int step, const int n, const int masked, const pc_rows_args *a, int q,
                     int64_t off, const elem *wei, vec *acc) {
    vec w[PIECE > MAX_KR ? PIECE : MAX_KR];
    PC_UNROLL for (int j = 0; j < n; j++) w[j] = v_set1(wei[j]);
    const vmask m = within(off, masked, a->in_w);
    PC_UNROLL for (int i = 0; i < (tile - 1) * step + n; i++) {
        const vec x = v_keep(load(a->row[q + i], off, masked, m));
        PC_UNROLL for (int r = 0; r < tile; r++) if (i >= r * step && i < r * step + n) acc[r] =
            v_fma(x, w[i - r * step], acc[r]);
    }
}

/* Tap columns s and s + 1 at column step 2, for a filter of constant height. Columns stand in the order that splits
 * fastest until they are stored. */
PC_INLINE void pair(const int tile, const int kr, const int masked, const pc_rows_args *a, int64_t off, const elem *wei,
                    vec *acc) {
    vec odd[MAX_ROWS], w0[MAX_KR], w1[MAX_KR];
    PC_UNROLL for (int j = 0; j < kr; j++) {
        w0[j] = v_set1(wei[j]);
        w1[j] = v_set1(wei[kr + j]);
    }
    const vmask m = within(off, masked, a->in_w), n = within(off + PC_VLEN, masked, a->in_w);
    PC_UNROLL for (int i = 0; i < (tile - 1) * 2 + kr; i++) {
        const vec lo = v_keep(load(a->row[i], off, masked, m)), hi = v_keep(load(a->row[i], off + PC_VLEN, masked, n));
        const vec even = v_even_unordered(lo, hi);
        odd[i] = v_odd_unordered(lo, hi);
        PC_UNROLL for (int r = 0; r < tile; r++) {
            if (i >= r * 2 && i < r * 2 + kr) acc[r] = v_fma(even, w0[i - r * 2], acc[r]);
            if (i == r * 2 + kr - 1) {
                PC_UNROLL for (int j = 0; j < kr; j++) acc[r] = v_fma(odd[r * 2 + j], w1[j], acc[r]);
            }
        }
    }
}

/* A filter three columns wide at column step 2, the most common one by far, given 32 registers: taps 1 and 2 are the
 * even and odd halves of one pair of vectors, and tap 0 is the odd half shifted by a lane. Two vectors of outputs at
 * once share one of their loads and all that a row costs besides. All loads are aligned where the row is and the
 * padding is 1. */
PC_INLINE void triple(const int tile, const int kr, const int nv, const int masked, const pc_rows_args *a, int64_t off,
                      const elem *wei, vec (*acc)[PC_MAX_ROW_TILE]) {
    vec even[TRIPLE_NV][MAX_ROWS], odd[TRIPLE_NV][MAX_ROWS], w[3 * MAX_KR];
    PC_UNROLL for (int j = 0; j < 3 * kr; j++) w[j] = v_set1(wei[j]);
    vmask m[2 * TRIPLE_NV + 1];
    PC_UNROLL for (int v = 0; v <= 2 * nv; v++) m[v] = within(off + (v - 1) * PC_VLEN, masked, a->in_w);
    PC_UNROLL for (int i = 0; i < (tile - 1) * 2 + kr; i++) {
        vec before = load(a->row[i], off - PC_VLEN, masked, m[0]);
        PC_UNROLL for (int v = 0; v < nv; v++) {
            const int64_t at = off + 2 * v * PC_VLEN;
            const vec lo = v_keep(load(a->row[i], at, masked, m[2 * v + 1])),
                      hi = v_keep(load(a->row[i], at + PC_VLEN, masked, m[2 * v + 2]));
            even[v][i] = v_even(lo, hi);
            odd[v][i] = v_odd(lo, hi);
            const vec first = v_shift_in(before, odd[v][i]);
            before = hi;
            PC_UNROLL for (int r = 0; r < tile; r++) {
                if (i >= r * 2 && i < r * 2 + kr) acc[v][r] = v_fma(first, w[i - r * 2], acc[v][r]);
                if (i == r * 2 + kr - 1) {
                    PC_UNROLL for (int j = 0; j < kr; j++) acc[v][r] = v_fma(even[v][r * 2 + j], w[kr + j], acc[v][r]);
                    PC_UNROLL for (int j = 0; j < kr; j++) acc[v][r] =
                        v_fma(odd[v][r * 2 + j], w[2 * kr + j], acc[v][r]);
                }
            }
        }
    }
}

/* Tap column s alone at column step 2, of the slice whose rows start at `q`. Without registers for the odd halves of
 * taller filters it takes all columns: 7 rows of 5x5 take 30 cycles each, 4 rows in pairs 39. */
PC_INLINE void evens(const int tile, const int kr, const int masked, const pc_rows_args *a, int q, int64_t off,
                     const elem *wei, vec *acc) {
    vec w[MAX_KR];
    PC_UNROLL for (int j = 0; j < kr; j++) w[j] = v_set1(wei[j]);
    const vmask m = within(off, masked, a->in_w), n = within(off + PC_VLEN, masked, a->in_w);
    PC_UNROLL for (int i = 0; i < (tile - 1) * 2 + kr; i++) {
        const vec lo = v_keep(load(a->row[q + i], off, masked, m)),
                  hi = v_keep(load(a->row[q + i], off + PC_VLEN, masked, n));
        const vec even = v_even_unordered(lo, hi);
        PC_UNROLL for (int r = 0; r < tile; r++) if (i >= r * 2 && i < r * 2 + kr) acc[r] =
            v_fma(even, w[i - r * 2], acc[r]);
    }
}

#if defined(PC_DTYPE_F32)
/* Rows of n elements, a vector apart, as half floats. */
PC_INLINE void round_rows(const pc_storage stored, const elem *rows, int tile, int n, uint16_t *dst, int64_t ld_dst) {
    for (; tile > 0; tile--, rows += PC_VLEN, dst += ld_dst) {
        const vec v = v_load(rows);
        if (n == PC_VLEN && stored == PC_F16)
            v_store_half(dst, v);
        else if (n == PC_VLEN)
            v_store_bfloat(dst, v);
        else if (stored == PC_F16)
            v_store_half_n(dst, n, v);
        else
            v_store_bfloat_n(dst, n, v);
    }
}
#endif

#if defined(PC_TARGET_AVX512) && !defined(PC_NARROW) && defined(PC_DTYPE_F32)
/* The same in bfloat16, where the CPU rounds to it. */
static PC_BFLOAT_UNIT void round_normal_rows(const elem *rows, int tile, int n, uint16_t *dst, int64_t ld_dst) {
    for (; tile > 0; tile--, rows += PC_VLEN, dst += ld_dst) {
        const vec v = v_load(rows);
        if (v_subnormal(v))
            v_store_bfloat_n(dst, n, v);
        else
            v_store_normal_bfloat_n(dst, n, v);
    }
}
#endif

/* n columns from x on of a tile whose rows have a vector each: of a map narrower than a vector, or as half floats. In
 * line these would be a third of all code, for a cycle a row. */
PC_RARE void store_rows(const elem *rows, int tile, int n, const pc_rows_args *a, int64_t x) {
#if defined(PC_DTYPE_F32)
    uint16_t *half = (uint16_t *)a->dst + x;
    if (a->stored == PC_F16) {
        round_rows(PC_F16, rows, tile, n, half, a->ld_dst);
        return;
    }
#if defined(PC_TARGET_AVX512) && !defined(PC_NARROW)
    if (a->stored && a->bfloat_unit) {
        round_normal_rows(rows, tile, n, half, a->ld_dst);
        return;
    }
#endif
    if (a->stored) {
        round_rows(PC_BF16, rows, tile, n, half, a->ld_dst);
        return;
    }
#endif
    for (int r = 0; r < tile; r++) v_store_n((elem *)a->dst + r * a->ld_dst + x, n, v_load(rows + r * PC_VLEN));
}

/* nv vectors of columns at x: one, or as many as TRIPLE_NV for triple(). kr and step are constants of the variant, or
 * 0 for any. */
PC_INLINE void column(const int tile, const int kr, const int step, const int col_step, const int kw, const int nv,
                      const int masked, const pc_rows_args *a, int64_t x) {
    vec accs[TRIPLE_NV][PC_MAX_ROW_TILE], *acc = accs[0];
    const elem *wei = a->wei;
    const vec bias = v_set1((elem)a->bias);
    const int span = (tile - 1) * step + kr; /* rows of a slice */
    PC_UNROLL for (int v = 0; v < nv; v++) { PC_UNROLL for (int r = 0; r < tile; r++) accs[v][r] = bias; }
    if (kw == 3 && col_step == 1) {
        PC_UNROLL for (int s = 0; s < 3; s++)
            piece(tile, step, kr, masked, a, 0, here(a->col_off[s] + x), wei + s * kr, acc);
    } else if (kw == 3 && FEW_REGISTERS) {
        pair(tile, kr, masked, a, here(a->col_off[0] + 2 * x), wei, acc);
        evens(tile, kr, masked, a, 0, here(a->col_off[2] + 2 * x), wei + 2 * kr, acc);
    } else if (kw == 3) {
        triple(tile, kr, nv, masked, a, a->col_off[1] + 2 * x, wei, accs);
    } else if (col_step == 2 && kr == 3 && a->slices > 1) { /* pairs would have too many odd halves wait */
        for (int64_t s = 0; s < a->kw; s++)
            for (int d = 0; d < a->slices; d++, wei += kr)
                evens(tile, kr, masked, a, d * span, a->col_off[s] + 2 * x, wei, acc);
    } else if (col_step == 2) {
        int64_t s = 0;
        if (!FEW_REGISTERS || kr == 3) {
            for (; s + 1 < a->kw; s += 2, wei += 2 * kr) pair(tile, kr, masked, a, a->col_off[s] + 2 * x, wei, acc);
            if (s < a->kw) evens(tile, kr, masked, a, 0, a->col_off[s] + 2 * x, wei, acc);
        } else {
            for (; s < a->kw; s++, wei += kr) evens(tile, kr, masked, a, 0, a->col_off[s] + 2 * x, wei, acc);
        }
    } else if (kr) {
        for (int64_t s = 0; s < a->kw; s++, wei += kr) {
            piece(tile, step, kr, masked, a, 0, a->col_off[s] + x, wei, acc);
            if (kr == 3 && step == 1) { /* alone: the loop costs 7 % of 5x5 */
                for (int d = 1; d < a->slices; d++) {
                    wei += kr;
                    piece(tile, step, kr, masked, a, d * span, a->col_off[s] + x, wei, acc);
                }
            }
        }
    } else if (step) {
        for (int64_t s = 0; s < a->kw; s++) {
            const int64_t off = a->col_off[s] + x;
            int q = 0;
            for (; q + PIECE <= a->kr; q += PIECE, wei += PIECE) piece(tile, step, PIECE, masked, a, q, off, wei, acc);
            for (; q + 2 <= a->kr; q += 2, wei += 2) piece(tile, step, 2, masked, a, q, off, wei, acc);
            for (; q < a->kr; q++, wei++) piece(tile, step, 1, masked, a, q, off, wei, acc);
        }
    } else {
        for (int64_t s = 0; s < a->kw; s++) {
            const int64_t off = a->col_off[s] + x;
            const vmask m = within(off, masked, a->in_w);
            for (int q = 0; q < a->kr; q++) {
                const vec w = v_set1(*wei++);
                PC_UNROLL for (int r = 0; r < tile; r++) acc[r] =
                    v_fma(load(a->row[r * a->row_step + q], off, masked, m), w, acc[r]);
            }
        }
    }
    if (col_step == 2 && (kw != 3 || FEW_REGISTERS)) {
        PC_UNROLL for (int r = 0; r < tile; r++) acc[r] = v_ordered(acc[r]);
    }
    PC_UNROLL for (int v = 0; v < nv; v++) {
        elem *dst = (elem *)a->dst + x + v * PC_VLEN;
        const int n = (int)pc_min(a->ow - x - v * PC_VLEN, PC_VLEN);
#if defined(PC_HALVES)
        if (store_halves(tile, accs[v], (uint16_t *)a->dst + x + v * PC_VLEN, a->ld_dst, n)) continue;
#endif
        if (a->stored || (STEPS_BACK && n < PC_VLEN)) {
            elem rows[PC_MAX_ROW_TILE * PC_VLEN];
            PC_UNROLL for (int r = 0; r < tile; r++) v_store(rows + r * PC_VLEN, accs[v][r]);
            store_rows(rows, tile, n, a, x + v * PC_VLEN);
        } else if (n == PC_VLEN) {
            PC_UNROLL for (int r = 0; r < tile; r++) v_store(dst + r * a->ld_dst, accs[v][r]);
        } else {
            PC_UNROLL for (int r = 0; r < tile; r++) v_store_n(dst + r * a->ld_dst, n, accs[v][r]);
        }
    }
}

/* Whether outputs x to x + n read nothing outside their rows; `before` is what they load, but do not use. */
PC_INLINE int inside(const pc_rows_args *a, const int col_step, int64_t before, int64_t x, int64_t n) {
    return x * col_step + a->least_off >= before && (x + n) * col_step + a->most_off <= a->in_w;
}

/* nv vectors of columns at x, with masks where they meet a border; a lone vector of triple() always with them, since it
 * is the last one of a row. */
PC_INLINE void columns_at(const int tile, const int kr, const int step, const int col_step, const int kw, const int nv,
                          const pc_rows_args *a, int64_t before, int64_t x) {
    if (STEPS_BACK) x = pc_max(pc_min(x, a->ow - PC_VLEN), 0);
    const int lone = kw == 3 && col_step == 2 && !FEW_REGISTERS && nv == 1;
    if (!(ALWAYS_MASKED(kw, col_step) && kr > 1) && !lone && inside(a, col_step, before, x, nv * PC_VLEN))
        column(tile, kr, step, col_step, kw, nv, 0, a, x);
    else
        column(tile, kr, step, col_step, kw, nv, 1, a, x);
}

PC_INLINE void all_columns(const int tile, const int kr, const int step, const int col_step, const int kw,
                           const pc_rows_args *a) {
    const int three = kw == 3 && col_step == 2 && !FEW_REGISTERS, most = three ? TRIPLE_NV : 1;
    const int64_t before = three ? PC_VLEN - 1 : 0; /* what triple() loads and does not use */
    int64_t x = 0;
    for (; most > 1 && x + (most - 1) * PC_VLEN < a->ow; x += most * PC_VLEN)
        columns_at(tile, kr, step, col_step, kw, most, a, before, x);
    for (; x < a->ow; x += PC_VLEN) columns_at(tile, kr, step, col_step, kw, 1, a, before, x);
}

/* A filter of one row: many vectors of one output row, since rows have nothing to share. */
PC_INLINE void one_row(const pc_rows_args *a) {
    const vec bias = v_set1((elem)a->bias);
    const int neighbours = a->most_off - a->least_off + 1 == a->kw;
    for (int64_t x = 0; x < a->ow;) {
        if (x + PC_LINE * PC_VLEN > a->ow || !inside(a, 1, 0, x, PC_LINE * PC_VLEN)) {
            columns_at(1, 1, 1, 1, 0, 1, a, 0, x);
            x += PC_VLEN;
            continue;
        }
        const elem *row = (const elem *)a->row[0] + x;
        elem wide[PC_LINE * PC_VLEN], *dst = a->stored ? wide : (elem *)a->dst + x;
        if (neighbours)
            line(row + a->col_off[0], a->kw, a->wei, 1, bias, dst);
        else
            spread_line(row, a->col_off, a->kw, a->wei, bias, dst);
#if defined(PC_DTYPE_F32)
        if (a->stored)
            store_rows(wide, PC_LINE, PC_VLEN, &(pc_rows_args){.stored = a->stored, .dst = a->dst, .ld_dst = PC_VLEN},
                       x);
#endif
        x += PC_LINE * PC_VLEN;
    }
}

PC_INLINE void rows(const int tile, const int kr, const int step, const int col_step, const pc_rows_args *a) {
    if (kr == 1)
        one_row(a);
    else if (kr == 3 && a->kw == 3 && a->slices == 1)
        all_columns(tile, kr, step, col_step, 3, a);
    else
        all_columns(tile, kr, step, col_step, 0, a);
}

/* X(tile, kr, row step, column step): one row; any height and step; any height; constant heights. A
 * variant takes 2 to 10 KB, so rarer ones have fewer tiles. */
/* clang-format off */
#define ANY(X, tile) X(tile, 0, 0, 1)
#define TALL(X, tile) X(tile, 0, 1, 1) X(tile, 0, 2, 1)
#define SMALL(X, tile) X(tile, 3, 1, 1) X(tile, 5, 1, 1) X(tile, 7, 1, 1)
#define STRIDED(X, tile) X(tile, 3, 2, 1) X(tile, 5, 2, 1)
#define PAIR(X, tile) X(tile, 3, 2, 2) X(tile, 5, 2, 2)
#define MANY(X) SMALL(X, 1) SMALL(X, 4) X(7, 3, 1, 1) SMALL(X, 8) SMALL(X, 14)
#if defined(PC_HALVES) /* the most common alone; others are converted beforehand */
#define VARIANTS(X)                                                                                                    \
    X(8, 3, 1, 1) X(14, 3, 1, 1) X(8, 5, 1, 1) X(14, 5, 1, 1) X(4, 3, 2, 2) X(7, 3, 2, 2)
#elif defined(PC_NARROW)
#define VARIANTS(X) X(7, 5, 1, 1) X(14, 5, 1, 1) X(7, 7, 1, 1) X(14, 7, 1, 1)
#elif defined(PC_DTYPE_F64) && !defined(PC_TARGET_SCALAR) /* fewer tiles: doubles are rarer */
#define VARIANTS(X)                                                                                                    \
    X(1, 1, 1, 1) ANY(X, 1) ANY(X, 4) TALL(X, 1) TALL(X, 4)                                                            \
    X(4, 3, 1, 1) SMALL(X, 7) STRIDED(X, 4) PAIR(X, 1) PAIR(X, 4)
#elif PC_REGISTERS >= 32
#define VARIANTS(X)                                                                                                    \
    X(1, 1, 1, 1) ANY(X, 1) ANY(X, 4) TALL(X, 1) TALL(X, 4) TALL(X, 8) MANY(X)                                         \
    STRIDED(X, 1) STRIDED(X, 4) PAIR(X, 1) PAIR(X, 4) PAIR(X, 7)                                         \
    X(1, 7, 2, 2) X(4, 7, 2, 2)
#elif defined(PC_TARGET_AVX2)
#define VARIANTS(X)                                                                                                    \
    X(1, 1, 1, 1) ANY(X, 1) ANY(X, 4) ANY(X, 8) TALL(X, 1) TALL(X, 4) TALL(X, 8)                                       \
    SMALL(X, 1) SMALL(X, 4) SMALL(X, 7) SMALL(X, 8)                                                        \
    STRIDED(X, 1) STRIDED(X, 4) PAIR(X, 1) PAIR(X, 2) PAIR(X, 4) X(7, 5, 2, 2)                           \
    X(1, 7, 2, 2) X(4, 7, 2, 2) X(7, 7, 2, 2)
#else
#define VARIANTS(X)                                                                                                    \
    X(1, 1, 1, 1) ANY(X, 1) ANY(X, 4) TALL(X, 1) TALL(X, 4) SMALL(X, 2) STRIDED(X, 2) PAIR(X, 1) PAIR(X, 2)
#endif
/* clang-format on */

#define DEFINE(tile, kr, step, col)                                                                                    \
    PC_FEATURES static void rows_##tile##_##kr##_##step##_##col(const pc_rows_args *a) { rows(tile, kr, step, col, a); }
VARIANTS(DEFINE)

#if defined(PC_HALVES)
#define FIND_NAME PC_HALVES
#elif defined(PC_NARROW)
#define FIND_NAME PC_FN(pc_rows_find_narrow)
#else
#define FIND_NAME PC_FN(pc_rows_find)
#endif

pc_rows_fn *FIND_NAME(int tile, int kr, int row_step, int col_step) {
#define FIND(t, k, s, c)                                                                                               \
    if (tile == t && kr == k && row_step == s && col_step == c) return rows_##t##_##k##_##s##_##c;
    VARIANTS(FIND)
    return 0;
}
