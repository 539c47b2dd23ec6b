/* vec.h - the vector vocabulary: the same names and meanings on every instruction set and for both element types.
 *
 * A kernel file is compiled once for each (target, element type) with
 *     PC_TARGET_{SCALAR,AVX2,AVX512,NEON}   which header below is read
 *     PC_DTYPE_{F32,F64}                    what `elem` is
 *     PC_SUFFIX                             the suffix of its global symbols, such as f32_avx512
 * and sees these names:
 *
 *     elem, vec, vmask, PC_VLEN             element, vector of PC_VLEN elements, set of lanes
 *     v_zero() v_set1(x)                    all lanes 0; all lanes x
 *     v_load(p) v_store(p, v)               PC_VLEN elements, any alignment
 *     v_keep(v)                             v, in a register: GCC would load anew for each of its uses
 *     v_store_halves(p, q, v)               the first half of v at p, the second at q; not of one lane
 *     v_load_bytes(p)                       PC_VLEN numbers of type uint8_t, as elements
 *     v_load_half(p) v_store_half(p, v)     PC_VLEN float16 as floats, and rounded to nearest even; a NaN becomes quiet
 *                                           and keeps the first bits of its payload; in float32 alone
 *     v_load_bfloat(p) v_store_bfloat(p, v)  the same of bfloat16, whose NaNs are read as they are
 *     v_load_half_mask(p, m) v_load_bfloat_mask(p, m)  as v_load_mask; on AVX-512 alone
 *     v_store_half_n(p, n, v) v_store_bfloat_n(p, n, v)  the first n of these, 0 <= n <= PC_VLEN
 *     v_load_n(p, n) v_store_n(p, n, v)     the first n elements, 0 <= n <= PC_VLEN; others read as 0, are not touched
 *     v_load_part(p, n, v)                  vector number v of a run of n elements at p; those beyond the run read as 0
 *     v_prefetch(p, i)                      ask for the cache line of p[i], which may lie outside memory of ours
 *     v_mask(lo, hi)                        the lanes i with lo <= i < hi; lo and hi may be any int
 *     v_mask_where(v)                       the lanes where v is not 0; AVX2 and AVX-512 in float32 alone
 *     v_load_mask(p, m)                     the lanes of m, others 0; memory outside m is not touched, not even *p
 *     v_load_mask_or(p, m, v)               the same, other lanes those of v
 *     v_add v_sub v_mul v_div               lane by lane, IEEE
 *     v_fma(a, b, c) v_fnma(a, b, c)        a * b + c, c - a * b, rounded once
 *     v_dot(a, b, c)                        integers in the bits of lanes. Floats: c + the products of two int16_t each,
 *                                           an int32_t; doubles: c + the product of the int32_t in each int64_t, an
 *                                           int64_t; either wraps
 *     v_max_first(a, b)                     b where b > a or b is NaN, else a: of equal values (+0, -0) the first stays
 *     v_winner(a, b, t, at)                 v_max_first(a, b), and t in the lanes of *at where that takes b
 *     v_max(a, b)                           b where b > a, else a; anything where either is NaN
 *     v_any_nan(a, b)                       nonzero if there is a NaN in a or b
 *     vnan, v_no_nan()                      whether a NaN has been met: not yet
 *     v_note_nan(seen, a, b) v_met_nan(seen)  seen, or a NaN in a or b; nonzero if there was one
 *     v_round(a)                            nearest integer, ties to even
 *     v_pow2(n)                             2^n for integral n in the normal range; anything for NaN
 *     v_even(a, b) v_odd(a, b)              elements 0, 2, 4, ... (1, 3, 5, ...) of a followed by b
 *     v_shift_in(a, b)                      the last element of a, then all elements of b but the last
 *     v_next(a, b)                          all elements of a but the first, then the first of b
 *     v_even_unordered v_odd_unordered      the same elements in an order of the target's own, in fewer cycles
 *     v_ordered(v)                          the elements of v from that order into the right one
 *     v_transpose(r)                        PC_VLEN x PC_VLEN elements in place
 *     v_load_quads(p, ld, v)                element i of v[j], j < 4, is p[i * ld + j]: columns of PC_VLEN rows
 *     v_load_quads_part(p, ld, n, lo, hi, v)  the same where i < n and lo <= j < hi; others read as 0, are not touched
 *     v_load_octs(p, ld, v)                 v_load_quads for j < 8, where PC_VLEN is at least 8
 *     v_store_quads(p, ld, v)               p[i * ld + j] = element i of v[j], j < 4
 *     v_store_quads_part(p, ld, n, m, v)    the same where i < n and j < m <= 4; others are not touched
 *     v_gather(p, index)                    element i is p[index[i]], of PC_VLEN numbers of type int32_t
 *     v_pick(a, b, index, first)            element i is element index[i] - first of a followed by b: an order of two
 *                                           cycles, where a gather takes one a lane; where PC_PICKS is defined
 *     v_zip(a, b, v)                        the elements of a and b in turn, a's first: v[0] followed by v[1]
 *
 * The scalar header is the specification; tests/native/test_vec.c holds every other header against it. */
#ifndef PC_SIMD_VEC_H
#define PC_SIMD_VEC_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(PC_DTYPE_F64)
typedef double elem;
#elif defined(PC_DTYPE_F32)
typedef float elem;
#else
#error "define PC_DTYPE_F32 or PC_DTYPE_F64"
#endif

#if !defined(PC_FEATURES)
#define PC_FEATURES /* an attribute: what the functions of a file have beyond their target */
#endif
#if defined(PC_TARGET_SCALAR) /* for size: variants of a kernel share what they call */
#define PC_INLINE static inline __attribute__((unused))
#else
#define PC_INLINE static inline __attribute__((always_inline, unused)) PC_FEATURES
#endif
/* Code that runs rarely: one copy, whoever calls it and with what constants. */
#if defined(__clang__)
#define PC_RARE static __attribute__((noinline)) PC_FEATURES
#else
#define PC_RARE static __attribute__((noinline, noclone)) PC_FEATURES
#endif

/* The same, compiled for size: code that makes good what hardly ever happens. */
#define PC_COLD __attribute__((cold)) PC_RARE

/* Every loop over a register tile carries PC_UNROLL, its initialisation and its store included: with one loop left out
 * GCC 12 keeps the tile on the stack (36 instead of 114 GFLOP/s). */
#if defined(PC_TARGET_SCALAR) /* for size: a wheel carries it for machines without AVX2 */
#define PC_UNROLL
#elif defined(__clang__)
#define PC_UNROLL _Pragma("clang loop unroll(full)")
#else
#define PC_UNROLL _Pragma("GCC unroll 64")
#endif

#define PC_CAT_(a, b) a##_##b
#define PC_CAT(a, b) PC_CAT_(a, b)
#define PC_FN(name) PC_CAT(name, PC_SUFFIX) /* the global name of this target's compile of `name` */

#if defined(PC_TARGET_AVX512)
#include "vec_avx512.h"
#elif defined(PC_TARGET_AVX2)
#include "vec_avx2.h"
#elif defined(PC_TARGET_NEON)
#include "vec_neon.h"
#elif defined(PC_TARGET_SCALAR)
#include "vec_scalar.h"
#else
#error "define one PC_TARGET_*"
#endif

PC_INLINE void v_prefetch(const elem *p, int64_t i) {
    __builtin_prefetch((const void *)((uintptr_t)p + (uintptr_t)i * sizeof(elem)));
}

#if defined(PC_DTYPE_F32) && !defined(PC_TARGET_AVX512)
PC_INLINE void v_store_half_n(uint16_t *p, int n, vec v) {
    uint16_t part[PC_VLEN];
    v_store_half(n == PC_VLEN ? p : part, v);
    if (n != PC_VLEN) memcpy(p, part, (size_t)n * sizeof *part);
}
PC_INLINE void v_store_bfloat_n(uint16_t *p, int n, vec v) {
    uint16_t part[PC_VLEN];
    v_store_bfloat(n == PC_VLEN ? p : part, v);
    if (n != PC_VLEN) memcpy(p, part, (size_t)n * sizeof *part);
}
#endif

#if !defined(PC_NARROW)
/* A header gives the type quad, four elements of memory, and what these need of it. */
PC_INLINE void v_load_quads(const elem *p, int64_t ld, vec v[4]) {
    quad q[PC_VLEN];
    PC_UNROLL for (int i = 0; i < PC_VLEN; i++) q[i] = quad_load(p + i * ld);
    quad_columns(q, v);
}
PC_INLINE void v_load_quads_part(const elem *p, int64_t ld, int n, int lo, int hi, vec v[4]) {
    quad q[PC_VLEN];
    PC_UNROLL for (int i = 0; i < PC_VLEN; i++) q[i] = i < n ? quad_load_part(p + i * ld, lo, hi) : quad_zero();
    quad_columns(q, v);
}
PC_INLINE void v_store_quads(elem *p, int64_t ld, const vec v[4]) {
    quad q[PC_VLEN];
    quad_rows(v, q);
    PC_UNROLL for (int i = 0; i < PC_VLEN; i++) quad_store(p + i * ld, q[i]);
}
PC_INLINE void v_store_quads_part(elem *p, int64_t ld, int n, int m, const vec v[4]) {
    quad q[PC_VLEN];
    quad_rows(v, q);
    PC_UNROLL for (int i = 0; i < PC_VLEN; i++) if (i < n) quad_store_part(p + i * ld, m, q[i]);
}
#endif

PC_INLINE vec v_load_part(const elem *p, int64_t n, int v) {
    const int64_t left = n - v * PC_VLEN;
    return left >= PC_VLEN ? v_load(p + v * PC_VLEN) : left > 0 ? v_load_n(p + v * PC_VLEN, (int)left) : v_zero();
}

#endif
