/* vec_avx512_narrow.h - the vocabulary on 256-bit vectors with AVX-512 VL: 8 floats or 4 doubles, 32 registers, mask registers.
 * Only what kernels/rows.c uses, for pictures whose rows would leave a 512-bit vector half empty. Zen 4 runs two of these a cycle where it runs one wide one, and a masked
 * store costs 2 cycles instead of AVX2's 16. */
#include <immintrin.h>

#if defined(PC_DTYPE_F64)
#define PC_VLEN 4
typedef __m256d vec;
#define PC_OP(name) _mm256_##name##_pd
#define PC_MASK_BITS(n) ((vmask)_bzhi_u32(0xfu, (unsigned)(n)))
#else
#define PC_VLEN 8
typedef __m256 vec;
#define PC_OP(name) _mm256_##name##_ps
#define PC_MASK_BITS(n) ((vmask)_bzhi_u32(0xffu, (unsigned)(n)))
#endif
typedef __mmask8 vmask;

PC_INLINE vec v_zero(void) { return PC_OP(setzero)(); }
PC_INLINE vec v_set1(elem x) { return PC_OP(set1)(x); }
PC_INLINE vec v_load(const elem *p) { return PC_OP(loadu)(p); }
PC_INLINE void v_store(elem *p, vec v) { PC_OP(storeu)(p, v); }
PC_INLINE vec v_load_n(const elem *p, int n) { return PC_OP(maskz_loadu)(PC_MASK_BITS(n), p); }
PC_INLINE void v_store_n(elem *p, int n, vec v) { PC_OP(mask_storeu)(p, PC_MASK_BITS(n), v); }
PC_INLINE vmask v_mask(int lo, int hi) {
    lo = lo < 0 ? 0 : lo > PC_VLEN ? PC_VLEN : lo;
    hi = hi < 0 ? 0 : hi > PC_VLEN ? PC_VLEN : hi;
    return (vmask)(PC_MASK_BITS(hi) & ~PC_MASK_BITS(lo));
}
PC_INLINE vec v_load_mask(const elem *p, vmask m) { return PC_OP(maskz_loadu)(m, p); }
PC_INLINE vec v_fma(vec a, vec b, vec c) { return PC_OP(fmadd)(a, b, c); }

#if defined(PC_DTYPE_F64)

PC_INLINE vec v_even(vec a, vec b) { return _mm256_permutex2var_pd(a, _mm256_setr_epi64x(0, 2, 4, 6), b); }
PC_INLINE vec v_odd(vec a, vec b) { return _mm256_permutex2var_pd(a, _mm256_setr_epi64x(1, 3, 5, 7), b); }
PC_INLINE vec v_shift_in(vec a, vec b) {
    return _mm256_castsi256_pd(_mm256_alignr_epi64(_mm256_castpd_si256(b), _mm256_castpd_si256(a), 3));
}

#else

PC_INLINE vec v_even(vec a, vec b) {
    return _mm256_permutex2var_ps(a, _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14), b);
}
PC_INLINE vec v_odd(vec a, vec b) { return _mm256_permutex2var_ps(a, _mm256_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15), b); }
PC_INLINE vec v_shift_in(vec a, vec b) {
    return _mm256_castsi256_ps(_mm256_alignr_epi32(_mm256_castps_si256(b), _mm256_castps_si256(a), 7));
}

#endif
