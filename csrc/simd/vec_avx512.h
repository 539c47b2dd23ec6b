/* vec_avx512.h - the vocabulary on AVX-512 F, VL, DQ, BW: 16 floats or 8 doubles, lanes chosen by mask registers.
 * On Zen 4 a masked load costs what a plain one does (1 to 1.5 cycles), a two-source permutation 1, an FMA 1.
 *
 * With PC_NARROW the vectors are half as wide, 8 floats, with the same 32 registers and masks: for
 * kernels/rows_narrow.c, and no more of the vocabulary than that uses. Zen 4 runs two of those a cycle where it runs
 * one wide one. */
#include <immintrin.h>

#if defined(PC_NARROW)
#define PC_VLEN 8
typedef __m256 vec;
typedef __mmask8 vmask;
#define PC_OP(name) _mm256_##name##_ps
#elif defined(PC_DTYPE_F64)
#define PC_VLEN 8
typedef __m512d vec;
typedef __mmask8 vmask;
#define PC_OP(name) _mm512_##name##_pd
#else
#define PC_VLEN 16
typedef __m512 vec;
typedef __mmask16 vmask;
#define PC_OP(name) _mm512_##name##_ps
#endif
#define PC_MASK_BITS(n) ((vmask)_bzhi_u32((1u << PC_VLEN) - 1, (unsigned)(n)))

PC_INLINE vec v_zero(void) { return PC_OP(setzero)(); }
PC_INLINE vec v_set1(elem x) { return PC_OP(set1)(x); }
PC_INLINE vec v_load(const elem *p) { return PC_OP(loadu)(p); }
PC_INLINE vec v_keep(vec v) {
    __asm__("" : "+v"(v));
    return v;
}
PC_INLINE void v_store(elem *p, vec v) { PC_OP(storeu)(p, v); }
PC_INLINE vec v_load_n(const elem *p, int n) { return PC_OP(maskz_loadu)(PC_MASK_BITS(n), p); }
PC_INLINE void v_store_n(elem *p, int n, vec v) { PC_OP(mask_storeu)(p, PC_MASK_BITS(n), v); }
PC_INLINE vmask v_mask(int lo, int hi) {
    lo = lo < 0 ? 0 : lo > PC_VLEN ? PC_VLEN : lo;
    hi = hi < 0 ? 0 : hi > PC_VLEN ? PC_VLEN : hi;
    return (vmask)(PC_MASK_BITS(hi) & ~PC_MASK_BITS(lo));
}
/* The lanes i with 0 <= at + i < n. */
PC_INLINE vmask v_mask_below(int at, int n) {
    const __m512i i = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return (vmask)_mm512_cmplt_epu32_mask(_mm512_add_epi32(i, _mm512_set1_epi32(at)), _mm512_set1_epi32(n));
}
PC_INLINE vec v_load_mask(const elem *p, vmask m) { return PC_OP(maskz_loadu)(m, p); }
PC_INLINE vec v_load_mask_or(const elem *p, vmask m, vec v) { return PC_OP(mask_loadu)(v, m, p); }
PC_INLINE vec v_add(vec a, vec b) { return PC_OP(add)(a, b); }
PC_INLINE vec v_sub(vec a, vec b) { return PC_OP(sub)(a, b); }
PC_INLINE vec v_mul(vec a, vec b) { return PC_OP(mul)(a, b); }
PC_INLINE vec v_div(vec a, vec b) { return PC_OP(div)(a, b); }
PC_INLINE vec v_fma(vec a, vec b, vec c) { return PC_OP(fmadd)(a, b, c); }
PC_INLINE vec v_fnma(vec a, vec b, vec c) { return PC_OP(fnmadd)(a, b, c); }
#if !defined(PC_NARROW)
PC_INLINE vec v_max(vec a, vec b) { return PC_OP(max)(b, a); } /* the second operand on ties */
typedef vmask vnan;
PC_INLINE vnan v_no_nan(void) { return 0; }
/* By intrinsics: GCC would move each mask to a general register and back. */
#if defined(PC_DTYPE_F64)
PC_INLINE vnan v_note_nan(vnan seen, vec a, vec b) { return _kor_mask8(seen, _mm512_cmp_pd_mask(a, b, _CMP_UNORD_Q)); }
#else
PC_INLINE vnan v_note_nan(vnan seen, vec a, vec b) { return _kor_mask16(seen, _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q)); }
#endif
PC_INLINE int v_met_nan(vnan seen) { return seen; }
#if defined(PC_DTYPE_F64)
PC_INLINE int v_any_nan(vec a, vec b) { return _mm512_cmp_pd_mask(a, b, _CMP_UNORD_Q); }
#else
PC_INLINE int v_any_nan(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q); }
#endif
#endif

/* A conversion stays apart from a masked store, as an extraction has to (quad_store_part); by itself one instruction of
 * both takes the same time (Zen 4). */
#if defined(PC_NARROW)
typedef __m128i pc_halves;
#else
typedef __m256i pc_halves;
#endif
PC_INLINE pc_halves pc_apart(pc_halves bits) {
    __asm__("" : "+v"(bits));
    return bits;
}

#if defined(PC_NARROW)

PC_INLINE __m128i pc_half_bits(vec v) { return _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
PC_INLINE void v_store_half(uint16_t *p, vec v) { _mm_storeu_si128((__m128i *)p, pc_half_bits(v)); }
PC_INLINE void v_store_half_n(uint16_t *p, int n, vec v) {
    _mm_mask_storeu_epi16(p, PC_MASK_BITS(n), pc_apart(pc_half_bits(v)));
}
PC_INLINE __m128i pc_bfloat_bits(vec v) {
    const __m256i x = _mm256_castps_si256(v), down = _mm256_add_epi32(x, _mm256_set1_epi32(0x7fff)),
                  even = _mm256_mask_add_epi32(down, _mm256_test_epi32_mask(x, _mm256_set1_epi32(0x10000)), x,
                                               _mm256_set1_epi32(0x8000)),
                  bits = _mm256_mask_or_epi32(even, _mm256_cmp_ps_mask(v, v, _CMP_UNORD_Q), x,
                                              _mm256_set1_epi32(0x400000));
    return _mm256_cvtepi32_epi16(_mm256_srli_epi32(bits, 16));
}
PC_INLINE void v_store_bfloat(uint16_t *p, vec v) { _mm_storeu_si128((__m128i *)p, pc_bfloat_bits(v)); }
PC_INLINE void v_store_bfloat_n(uint16_t *p, int n, vec v) {
    _mm_mask_storeu_epi16(p, PC_MASK_BITS(n), pc_apart(pc_bfloat_bits(v)));
}
PC_INLINE vec v_even(vec a, vec b) {
    return _mm256_permutex2var_ps(a, _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14), b);
}
PC_INLINE vec v_odd(vec a, vec b) { return _mm256_permutex2var_ps(a, _mm256_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15), b); }
PC_INLINE vec v_even_unordered(vec a, vec b) { return _mm256_shuffle_ps(a, b, 0x88); }
PC_INLINE vec v_odd_unordered(vec a, vec b) { return _mm256_shuffle_ps(a, b, 0xdd); }
PC_INLINE vec v_ordered(vec v) { return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(v), 0xd8)); }
PC_INLINE vec v_shift_in(vec a, vec b) {
    return _mm256_castsi256_ps(_mm256_alignr_epi32(_mm256_castps_si256(b), _mm256_castps_si256(a), 7));
}
PC_INLINE vec v_next(vec a, vec b) {
    return _mm256_castsi256_ps(_mm256_alignr_epi32(_mm256_castps_si256(b), _mm256_castps_si256(a), 1));
}

#elif defined(PC_DTYPE_F64)

#define PC_PICKS
PC_INLINE vec v_pick(vec a, vec b, const int32_t *index, int32_t first) {
    const __m256i i = _mm256_sub_epi32(_mm256_loadu_si256((const __m256i *)index), _mm256_set1_epi32(first));
    return _mm512_permutex2var_pd(a, _mm512_cvtepi32_epi64(i), b);
}
PC_INLINE vec v_gather(const elem *p, const int32_t *index) {
    return _mm512_i32gather_pd(_mm256_loadu_si256((const __m256i *)index), p, 8);
}
PC_INLINE vec v_dot(vec a, vec b, vec c) {
    const __m512i product = _mm512_mul_epi32(_mm512_castpd_si512(a), _mm512_castpd_si512(b));
    return _mm512_castsi512_pd(_mm512_add_epi64(_mm512_castpd_si512(c), product));
}
PC_INLINE void v_store_halves(elem *p, elem *q, vec v) {
    _mm256_storeu_pd(p, _mm512_castpd512_pd256(v));
    _mm256_storeu_pd(q, _mm512_extractf64x4_pd(v, 1));
}
PC_INLINE vec v_load_bytes(const uint8_t *p) {
    return _mm512_cvtepi32_pd(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}
PC_INLINE vec v_round(vec a) { return PC_OP(roundscale)(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
PC_INLINE vec v_max_first(vec a, vec b) {
    /* vmaxpd returns its second operand on ties and NaN: max(b, a) keeps a, and only NaN in b is left to mend. */
    return _mm512_mask_mov_pd(_mm512_max_pd(b, a), _mm512_cmp_pd_mask(b, b, _CMP_UNORD_Q), b);
}
PC_INLINE vec v_winner(vec a, vec b, vec t, vec *at) {
    const vmask wins = _kor_mask8(_mm512_cmp_pd_mask(b, a, _CMP_GT_OQ), _mm512_cmp_pd_mask(b, b, _CMP_UNORD_Q));
    *at = _mm512_mask_mov_pd(*at, wins, t);
    return _mm512_mask_mov_pd(a, wins, b);
}
PC_INLINE vec v_pow2(vec n) {
    __m512i e = _mm512_add_epi64(_mm512_cvtpd_epi64(n), _mm512_set1_epi64(1023));
    return _mm512_castsi512_pd(_mm512_slli_epi64(e, 52));
}
PC_INLINE vec v_even(vec a, vec b) {
    return _mm512_permutex2var_pd(a, _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14), b);
}
PC_INLINE vec v_odd(vec a, vec b) { return _mm512_permutex2var_pd(a, _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15), b); }
PC_INLINE vec v_even_unordered(vec a, vec b) { return _mm512_unpacklo_pd(a, b); }
PC_INLINE vec v_odd_unordered(vec a, vec b) { return _mm512_unpackhi_pd(a, b); }
PC_INLINE vec v_ordered(vec v) { return _mm512_permutexvar_pd(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), v); }
PC_INLINE vec v_shift_in(vec a, vec b) {
    return _mm512_castsi512_pd(_mm512_alignr_epi64(_mm512_castpd_si512(b), _mm512_castpd_si512(a), 7));
}
PC_INLINE vec v_next(vec a, vec b) {
    return _mm512_castsi512_pd(_mm512_alignr_epi64(_mm512_castpd_si512(b), _mm512_castpd_si512(a), 1));
}
PC_INLINE void v_transpose(vec r[PC_VLEN]) {
    vec t[8];
    PC_UNROLL for (int i = 0; i < 8; i += 2) {
        t[i] = _mm512_unpacklo_pd(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_pd(r[i], r[i + 1]);
    }
    PC_UNROLL for (int i = 0; i < 8; i += 4) {
        PC_UNROLL for (int j = 0; j < 2; j++) {
            r[i + j] = _mm512_shuffle_f64x2(t[i + j], t[i + j + 2], 0x88);
            r[i + j + 2] = _mm512_shuffle_f64x2(t[i + j], t[i + j + 2], 0xdd);
        }
    }
    PC_UNROLL for (int j = 0; j < 4; j++) {
        t[j] = _mm512_shuffle_f64x2(r[j], r[j + 4], 0x88);
        t[j + 4] = _mm512_shuffle_f64x2(r[j], r[j + 4], 0xdd);
    }
    PC_UNROLL for (int i = 0; i < 8; i++) r[i] = t[i];
}

/* Quads: rows i and 4 + i share z[i], half a vector each, and 4 x 4 blocks turn within the halves. */
typedef __m256d quad;
PC_INLINE quad quad_zero(void) { return _mm256_setzero_pd(); }
PC_INLINE quad quad_load(const elem *p) { return _mm256_loadu_pd(p); }
PC_INLINE quad quad_load_part(const elem *p, int lo, int hi) {
    return _mm256_maskz_loadu_pd((__mmask8)(v_mask(lo, hi) & 15), p);
}
PC_INLINE void quad_turn(vec z[4]) {
    const __m512i low = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13),
                  high = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
    const vec a = _mm512_unpacklo_pd(z[0], z[1]), b = _mm512_unpackhi_pd(z[0], z[1]);
    const vec c = _mm512_unpacklo_pd(z[2], z[3]), d = _mm512_unpackhi_pd(z[2], z[3]);
    z[0] = _mm512_permutex2var_pd(a, low, c);
    z[1] = _mm512_permutex2var_pd(b, low, d);
    z[2] = _mm512_permutex2var_pd(a, high, c);
    z[3] = _mm512_permutex2var_pd(b, high, d);
}
PC_INLINE void quad_columns(const quad q[PC_VLEN], vec v[4]) {
    PC_UNROLL for (int i = 0; i < 4; i++) v[i] = _mm512_insertf64x4(_mm512_castpd256_pd512(q[i]), q[4 + i], 1);
    quad_turn(v);
}
PC_INLINE void v_load_octs(const elem *p, int64_t ld, vec v[8]) {
    PC_UNROLL for (int i = 0; i < 8; i++) v[i] = v_load(p + i * ld);
    v_transpose(v);
}
PC_INLINE void quad_rows(const vec v[4], quad q[PC_VLEN]) {
    vec z[4] = {v[0], v[1], v[2], v[3]};
    quad_turn(z);
    PC_UNROLL for (int i = 0; i < 4; i++) {
        q[i] = _mm512_castpd512_pd256(z[i]);
        q[4 + i] = _mm512_extractf64x4_pd(z[i], 1);
    }
}
PC_INLINE void quad_store(elem *p, quad q) { _mm256_storeu_pd(p, q); }
/* GCC would make the extraction and the masked store one instruction, which faults on lanes that it does not store. */
PC_INLINE void quad_store_part(elem *p, int m, quad q) {
    __asm__("" : "+v"(q));
    _mm256_mask_storeu_pd(p, (__mmask8)PC_MASK_BITS(m), q);
}
PC_INLINE void v_zip(vec a, vec b, vec v[2]) {
    v[0] = _mm512_permutex2var_pd(a, _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), b);
    v[1] = _mm512_permutex2var_pd(a, _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15), b);
}

#else

#define PC_PICKS
PC_INLINE vec v_pick(vec a, vec b, const int32_t *index, int32_t first) {
    const __m512i i = _mm512_sub_epi32(_mm512_loadu_si512(index), _mm512_set1_epi32(first));
    return _mm512_permutex2var_ps(a, i, b);
}
PC_INLINE vec v_gather(const elem *p, const int32_t *index) {
    return _mm512_i32gather_ps(_mm512_loadu_si512(index), p, 4);
}
PC_INLINE vmask v_mask_where(vec v) { return _mm512_cmp_ps_mask(v, v_zero(), _CMP_NEQ_UQ); }
PC_INLINE vec v_load_half(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
PC_INLINE vec v_load_bfloat(const uint16_t *p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}
PC_INLINE vec v_load_half_mask(const uint16_t *p, vmask m) {
    return _mm512_cvtph_ps(pc_apart(_mm256_maskz_loadu_epi16(m, p)));
}
PC_INLINE vec v_load_bfloat_mask(const uint16_t *p, vmask m) {
    const __m512i wide = _mm512_cvtepu16_epi32(pc_apart(_mm256_maskz_loadu_epi16(m, p)));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}
PC_INLINE __m256i pc_half_bits(vec v) { return _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
PC_INLINE __m256i pc_bfloat_bits(vec v) {
    const __m512i x = _mm512_castps_si512(v), down = _mm512_add_epi32(x, _mm512_set1_epi32(0x7fff)),
                  even = _mm512_mask_add_epi32(down, _mm512_test_epi32_mask(x, _mm512_set1_epi32(0x10000)), x,
                                               _mm512_set1_epi32(0x8000)),
                  bits = _mm512_mask_or_epi32(even, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), x,
                                              _mm512_set1_epi32(0x400000));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(bits, 16));
}
/* AVX512-BF16 does so in one instruction, but takes subnormal numbers for zeros: whoever uses it looks for them. */
#define PC_BFLOAT_UNIT __attribute__((target("avx512bf16")))
PC_INLINE vmask v_subnormal(vec v) { return _mm512_fpclass_ps_mask(v, 0x20); }
PC_INLINE PC_BFLOAT_UNIT void v_store_normal_bfloat_n(uint16_t *p, int n, vec v) {
    _mm256_mask_storeu_epi16(p, PC_MASK_BITS(n), pc_apart((__m256i)_mm512_cvtneps_pbh(v)));
}
PC_INLINE PC_BFLOAT_UNIT void v_store_normal_bfloats(uint16_t *p, vec v, vec w) {
    _mm512_storeu_si512(p, (__m512i)_mm512_cvtne2ps_pbh(w, v));
}
PC_INLINE void v_store_half(uint16_t *p, vec v) { _mm256_storeu_si256((__m256i *)p, pc_half_bits(v)); }
PC_INLINE void v_store_bfloat(uint16_t *p, vec v) { _mm256_storeu_si256((__m256i *)p, pc_bfloat_bits(v)); }
PC_INLINE void v_store_half_n(uint16_t *p, int n, vec v) {
    _mm256_mask_storeu_epi16(p, PC_MASK_BITS(n), pc_apart(pc_half_bits(v)));
}
PC_INLINE void v_store_bfloat_n(uint16_t *p, int n, vec v) {
    _mm256_mask_storeu_epi16(p, PC_MASK_BITS(n), pc_apart(pc_bfloat_bits(v)));
}
PC_INLINE vec v_dot(vec a, vec b, vec c) {
    const __m512i products = _mm512_madd_epi16(_mm512_castps_si512(a), _mm512_castps_si512(b));
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(c), products));
}
PC_INLINE void v_store_halves(elem *p, elem *q, vec v) {
    _mm256_storeu_ps(p, _mm512_castps512_ps256(v));
    _mm256_storeu_ps(q, _mm512_extractf32x8_ps(v, 1));
}
PC_INLINE vec v_load_bytes(const uint8_t *p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)));
}
PC_INLINE vec v_round(vec a) { return PC_OP(roundscale)(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
PC_INLINE vec v_max_first(vec a, vec b) {
    /* vmaxps returns its second operand on ties and NaN: max(b, a) keeps a, and only NaN in b is left to mend. */
    return _mm512_mask_mov_ps(_mm512_max_ps(b, a), _mm512_cmp_ps_mask(b, b, _CMP_UNORD_Q), b);
}
PC_INLINE vec v_winner(vec a, vec b, vec t, vec *at) {
    const vmask wins = _kor_mask16(_mm512_cmp_ps_mask(b, a, _CMP_GT_OQ), _mm512_cmp_ps_mask(b, b, _CMP_UNORD_Q));
    *at = _mm512_mask_mov_ps(*at, wins, t);
    return _mm512_mask_mov_ps(a, wins, b);
}
PC_INLINE vec v_pow2(vec n) {
    __m512i e = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
    return _mm512_castsi512_ps(_mm512_slli_epi32(e, 23));
}
PC_INLINE vec v_even(vec a, vec b) {
    const __m512i i = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_ps(a, i, b);
}
PC_INLINE vec v_odd(vec a, vec b) {
    const __m512i i = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    return _mm512_permutex2var_ps(a, i, b);
}
PC_INLINE vec v_even_unordered(vec a, vec b) { return _mm512_shuffle_ps(a, b, 0x88); }
PC_INLINE vec v_odd_unordered(vec a, vec b) { return _mm512_shuffle_ps(a, b, 0xdd); }
PC_INLINE vec v_ordered(vec v) {
    const __m512i i = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    return _mm512_castpd_ps(_mm512_permutexvar_pd(i, _mm512_castps_pd(v)));
}
PC_INLINE vec v_shift_in(vec a, vec b) {
    return _mm512_castsi512_ps(_mm512_alignr_epi32(_mm512_castps_si512(b), _mm512_castps_si512(a), 15));
}
PC_INLINE vec v_next(vec a, vec b) {
    return _mm512_castsi512_ps(_mm512_alignr_epi32(_mm512_castps_si512(b), _mm512_castps_si512(a), 1));
}
/* All elements of a but the first n < PC_VLEN, then the first n of b. No other target shifts as far in one instruction.
 */
PC_INLINE vec v_from(vec a, vec b, int n) {
    const __m512i first = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm512_permutex2var_ps(a, _mm512_add_epi32(first, _mm512_set1_epi32(n)), b);
}
PC_INLINE void v_transpose(vec r[PC_VLEN]) {
    vec t[16];
    PC_UNROLL for (int i = 0; i < 16; i += 2) { /* pairs of rows, 32-bit units */
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    PC_UNROLL for (int i = 0; i < 16; i += 4) { /* fours, 64-bit units */
        PC_UNROLL for (int j = 0; j < 2; j++) {
            __m512d a = _mm512_castps_pd(t[i + j]), b = _mm512_castps_pd(t[i + j + 2]);
            r[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
            r[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        }
    }
    PC_UNROLL for (int i = 0; i < 16; i += 8) { /* eights, 128-bit units */
        PC_UNROLL for (int j = 0; j < 4; j++) {
            t[i + j] = _mm512_shuffle_f32x4(r[i + j], r[i + j + 4], 0x88);
            t[i + j + 4] = _mm512_shuffle_f32x4(r[i + j], r[i + j + 4], 0xdd);
        }
    }
    PC_UNROLL for (int j = 0; j < 8; j++) {
        r[j] = _mm512_shuffle_f32x4(t[j], t[j + 8], 0x88);
        r[j + 8] = _mm512_shuffle_f32x4(t[j], t[j + 8], 0xdd);
    }
}

/* Quads: rows i and 4 + i share a[i], half of 256 bits each, rows 8 + i and 12 + i b[i], and 4 x 4 blocks turn within
 * the halves: two shuffles of 256 bits start each cycle, and inserting from memory takes none. */
typedef __m128 quad;
PC_INLINE quad quad_zero(void) { return _mm_setzero_ps(); }
PC_INLINE quad quad_load(const elem *p) { return _mm_loadu_ps(p); }
PC_INLINE quad quad_load_part(const elem *p, int lo, int hi) {
    return _mm_maskz_loadu_ps((__mmask8)(v_mask(lo, hi) & 15), p);
}
PC_INLINE void quads_of_half(const quad q[8], __m256 v[4]) {
    __m256 z[4];
    PC_UNROLL for (int i = 0; i < 4; i++) z[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(q[i]), q[4 + i], 1);
    const __m256 a = _mm256_unpacklo_ps(z[0], z[1]), b = _mm256_unpackhi_ps(z[0], z[1]);
    const __m256 c = _mm256_unpacklo_ps(z[2], z[3]), d = _mm256_unpackhi_ps(z[2], z[3]);
    v[0] = _mm256_shuffle_ps(a, c, 0x44);
    v[1] = _mm256_shuffle_ps(a, c, 0xee);
    v[2] = _mm256_shuffle_ps(b, d, 0x44);
    v[3] = _mm256_shuffle_ps(b, d, 0xee);
}
PC_INLINE void quad_columns(const quad q[PC_VLEN], vec v[4]) {
    __m256 a[4], b[4];
    quads_of_half(q, a);
    quads_of_half(q + 8, b);
    PC_UNROLL for (int i = 0; i < 4; i++) v[i] = _mm512_insertf32x8(_mm512_castps256_ps512(a[i]), b[i], 1);
}
PC_INLINE void quad_turn(vec z[4]) { /* 4 x 4 blocks, within each quarter of a vector */
    const vec a = _mm512_unpacklo_ps(z[0], z[1]), b = _mm512_unpackhi_ps(z[0], z[1]);
    const vec c = _mm512_unpacklo_ps(z[2], z[3]), d = _mm512_unpackhi_ps(z[2], z[3]);
    z[0] = _mm512_shuffle_ps(a, c, 0x44);
    z[1] = _mm512_shuffle_ps(a, c, 0xee);
    z[2] = _mm512_shuffle_ps(b, d, 0x44);
    z[3] = _mm512_shuffle_ps(b, d, 0xee);
}
/* Rows i and 8 + i share z[i]. Half as many registers as v_transpose, none of them spilled, and 48 instead of 64
 * shuffles for 16 x 16 elements. */
PC_INLINE void v_load_octs(const elem *p, int64_t ld, vec v[8]) {
    const __m512i low = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13),
                  high = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
    vec z[8];
    PC_UNROLL for (int i = 0; i < 8; i++) {
        z[i] = _mm512_castps256_ps512(_mm256_loadu_ps(p + i * ld));
        z[i] = _mm512_mask_broadcast_f32x8(z[i], 0xff00, _mm256_loadu_ps(p + (8 + i) * ld));
    }
    quad_turn(z);
    quad_turn(z + 4);
    PC_UNROLL for (int i = 0; i < 4; i++) {
        const __m512d a = _mm512_castps_pd(z[i]), b = _mm512_castps_pd(z[4 + i]);
        v[i] = _mm512_castpd_ps(_mm512_permutex2var_pd(a, low, b));
        v[4 + i] = _mm512_castpd_ps(_mm512_permutex2var_pd(a, high, b));
    }
}
PC_INLINE void quad_rows(const vec v[4], quad q[PC_VLEN]) {
    vec z[4] = {v[0], v[1], v[2], v[3]};
    quad_turn(z);
    PC_UNROLL for (int i = 0; i < 4; i++) {
        q[i] = _mm512_castps512_ps128(z[i]);
        q[4 + i] = _mm512_extractf32x4_ps(z[i], 1);
        q[8 + i] = _mm512_extractf32x4_ps(z[i], 2);
        q[12 + i] = _mm512_extractf32x4_ps(z[i], 3);
    }
}
PC_INLINE void quad_store(elem *p, quad q) { _mm_storeu_ps(p, q); }
/* GCC would make the extraction and the masked store one instruction, which faults on lanes that it does not store. */
PC_INLINE void quad_store_part(elem *p, int m, quad q) {
    __asm__("" : "+v"(q));
    _mm_mask_storeu_ps(p, (__mmask8)PC_MASK_BITS(m), q);
}
PC_INLINE void v_zip(vec a, vec b, vec v[2]) {
    const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
                  high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    v[0] = _mm512_permutex2var_ps(a, low, b);
    v[1] = _mm512_permutex2var_ps(a, high, b);
}

#endif
