/* vec_avx2.h - the vocabulary on AVX2 and FMA: 8 floats or 4 doubles.
 * Lanes are chosen by masks read from a sliding table. Loads use vmaskmov; stores never do, since on Zen 4 a masked
 * store takes 16 cycles: a partial store is written in pieces of 128, 64 and 32 bits. */
#include <immintrin.h>

typedef __m256i vmask;

#if defined(PC_DTYPE_F64)
#define PC_VLEN 4
typedef __m256d vec;
#define PC_OP(name) _mm256_##name##_pd
typedef int64_t pc_lane;
#else
#define PC_VLEN 8
typedef __m256 vec;
#define PC_OP(name) _mm256_##name##_ps
typedef int32_t pc_lane;
#endif

/* Lanes 0 .. n-1, for 0 <= n <= PC_VLEN. */
PC_INLINE __m256i pc_first_lanes(int n) {
    static const pc_lane table[2 * PC_VLEN] = {
#if defined(PC_DTYPE_F64)
        -1,
        -1,
        -1,
        -1,
#else
        -1,
        -1,
        -1,
        -1,
        -1,
        -1,
        -1,
        -1,
#endif
    };
    return _mm256_loadu_si256((const __m256i *)(table + PC_VLEN - n));
}

PC_INLINE vec v_zero(void) { return PC_OP(setzero)(); }
PC_INLINE vec v_set1(elem x) { return PC_OP(set1)(x); }
PC_INLINE vec v_load(const elem *p) { return PC_OP(loadu)(p); }
PC_INLINE vec v_keep(vec v) {
    __asm__("" : "+x"(v));
    return v;
}
PC_INLINE void v_store(elem *p, vec v) { PC_OP(storeu)(p, v); }
PC_INLINE vec v_load_n(const elem *p, int n) { return PC_OP(maskload)(p, pc_first_lanes(n)); }
PC_INLINE vmask v_mask(int lo, int hi) {
    lo = lo < 0 ? 0 : lo > PC_VLEN ? PC_VLEN : lo;
    hi = hi < 0 ? 0 : hi > PC_VLEN ? PC_VLEN : hi;
    return _mm256_andnot_si256(pc_first_lanes(lo), pc_first_lanes(hi));
}
PC_INLINE vec v_load_mask(const elem *p, vmask m) { return PC_OP(maskload)(p, m); }
PC_INLINE vec v_add(vec a, vec b) { return PC_OP(add)(a, b); }
PC_INLINE vec v_sub(vec a, vec b) { return PC_OP(sub)(a, b); }
PC_INLINE vec v_mul(vec a, vec b) { return PC_OP(mul)(a, b); }
PC_INLINE vec v_div(vec a, vec b) { return PC_OP(div)(a, b); }
PC_INLINE vec v_fma(vec a, vec b, vec c) { return PC_OP(fmadd)(a, b, c); }
PC_INLINE vec v_fnma(vec a, vec b, vec c) { return PC_OP(fnmadd)(a, b, c); }
PC_INLINE vec v_round(vec a) { return PC_OP(round)(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
PC_INLINE vec v_max_first(vec a, vec b) {
    /* vmaxps returns its second operand on ties and NaN: max(b, a) keeps a, and only NaN in b is left to mend. */
    return PC_OP(blendv)(PC_OP(max)(b, a), b, PC_OP(cmp)(b, b, _CMP_UNORD_Q));
}
PC_INLINE vec v_winner(vec a, vec b, vec t, vec *at) {
    const vec wins = PC_OP(or)(PC_OP(cmp)(b, a, _CMP_GT_OQ), PC_OP(cmp)(b, b, _CMP_UNORD_Q));
    *at = PC_OP(blendv)(*at, t, wins);
    return PC_OP(blendv)(a, b, wins);
}
PC_INLINE vec v_max(vec a, vec b) { return PC_OP(max)(b, a); } /* the second operand on ties */
typedef vec vnan;
PC_INLINE vnan v_no_nan(void) { return v_zero(); }
PC_INLINE vnan v_note_nan(vnan seen, vec a, vec b) { return PC_OP(or)(seen, PC_OP(cmp)(a, b, _CMP_UNORD_Q)); }
PC_INLINE int v_met_nan(vnan seen) { return PC_OP(movemask)(seen); }
PC_INLINE int v_any_nan(vec a, vec b) { return v_met_nan(v_note_nan(v_no_nan(), a, b)); }

#if defined(PC_DTYPE_F64)

PC_INLINE vec v_gather(const elem *p, const int32_t *index) {
    return _mm256_i32gather_pd(p, _mm_loadu_si128((const __m128i *)index), 8);
}
PC_INLINE vec v_load_mask_or(const elem *p, vmask m, vec v) {
    return _mm256_blendv_pd(v, _mm256_maskload_pd(p, m), _mm256_castsi256_pd(m));
}
PC_INLINE void v_store_n(elem *p, int n, vec v) {
    if (n >= 4) {
        _mm256_storeu_pd(p, v);
        return;
    }
    __m128d h = _mm256_castpd256_pd128(v);
    if (n & 2) {
        _mm_storeu_pd(p, h);
        p += 2;
        h = _mm256_extractf128_pd(v, 1);
    }
    if (n & 1) _mm_store_sd(p, h);
}
PC_INLINE void v_store_halves(elem *p, elem *q, vec v) {
    _mm_storeu_pd(p, _mm256_castpd256_pd128(v));
    _mm_storeu_pd(q, _mm256_extractf128_pd(v, 1));
}
PC_INLINE vec v_dot(vec a, vec b, vec c) {
    const __m256i product = _mm256_mul_epi32(_mm256_castpd_si256(a), _mm256_castpd_si256(b));
    return _mm256_castsi256_pd(_mm256_add_epi64(_mm256_castpd_si256(c), product));
}
PC_INLINE vec v_load_bytes(const uint8_t *p) {
    int four;
    memcpy(&four, p, sizeof four);
    return _mm256_cvtepi32_pd(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(four)));
}
PC_INLINE vec v_pow2(vec n) {
    __m256i e = _mm256_add_epi64(_mm256_cvtepi32_epi64(_mm256_cvtpd_epi32(n)), _mm256_set1_epi64x(1023));
    return _mm256_castsi256_pd(_mm256_slli_epi64(e, 52));
}
PC_INLINE vec v_even_unordered(vec a, vec b) { return _mm256_unpacklo_pd(a, b); }
PC_INLINE vec v_odd_unordered(vec a, vec b) { return _mm256_unpackhi_pd(a, b); }
PC_INLINE vec v_ordered(vec v) { return _mm256_permute4x64_pd(v, 0xd8); }
PC_INLINE vec v_shift_in(vec a, vec b) { return _mm256_shuffle_pd(_mm256_permute2f128_pd(a, b, 0x21), b, 0x5); }
PC_INLINE vec v_next(vec a, vec b) { return _mm256_shuffle_pd(a, _mm256_permute2f128_pd(a, b, 0x21), 0x5); }
PC_INLINE void v_transpose(vec r[PC_VLEN]) {
    vec a = _mm256_unpacklo_pd(r[0], r[1]), b = _mm256_unpackhi_pd(r[0], r[1]);
    vec c = _mm256_unpacklo_pd(r[2], r[3]), d = _mm256_unpackhi_pd(r[2], r[3]);
    r[0] = _mm256_permute2f128_pd(a, c, 0x20);
    r[1] = _mm256_permute2f128_pd(b, d, 0x20);
    r[2] = _mm256_permute2f128_pd(a, c, 0x31);
    r[3] = _mm256_permute2f128_pd(b, d, 0x31);
}

/* Quads: a row is a vector. */
typedef vec quad;
PC_INLINE quad quad_zero(void) { return v_zero(); }
PC_INLINE quad quad_load(const elem *p) { return v_load(p); }
PC_INLINE quad quad_load_part(const elem *p, int lo, int hi) { return v_load_mask(p, v_mask(lo, hi)); }
PC_INLINE void quad_columns(const quad q[PC_VLEN], vec v[4]) {
    PC_UNROLL for (int i = 0; i < 4; i++) v[i] = q[i];
    v_transpose(v);
}
PC_INLINE void quad_rows(const vec v[4], quad q[PC_VLEN]) { quad_columns(v, q); }
PC_INLINE void quad_store(elem *p, quad q) { v_store(p, q); }
PC_INLINE void quad_store_part(elem *p, int m, quad q) { v_store_n(p, m, q); }
PC_INLINE void v_zip(vec a, vec b, vec v[2]) {
    const vec lo = _mm256_unpacklo_pd(a, b), hi = _mm256_unpackhi_pd(a, b);
    v[0] = _mm256_permute2f128_pd(lo, hi, 0x20);
    v[1] = _mm256_permute2f128_pd(lo, hi, 0x31);
}

#else

#define PC_PICKS
PC_INLINE vec v_pick(vec a, vec b, const int32_t *index, int32_t first) {
    const __m256i i = _mm256_sub_epi32(_mm256_loadu_si256((const __m256i *)index), _mm256_set1_epi32(first));
    const vec second = _mm256_castsi256_ps(_mm256_slli_epi32(i, 28)); /* bit 3 as a sign */
    return _mm256_blendv_ps(_mm256_permutevar8x32_ps(a, i), _mm256_permutevar8x32_ps(b, i), second);
}
PC_INLINE vec v_gather(const elem *p, const int32_t *index) {
    return _mm256_i32gather_ps(p, _mm256_loadu_si256((const __m256i *)index), 4);
}
PC_INLINE vmask v_mask_where(vec v) { return _mm256_castps_si256(_mm256_cmp_ps(v, v_zero(), _CMP_NEQ_UQ)); }
PC_INLINE vec v_load_mask_or(const elem *p, vmask m, vec v) {
    return _mm256_blendv_ps(v, _mm256_maskload_ps(p, m), _mm256_castsi256_ps(m));
}
PC_INLINE void v_store_n(elem *p, int n, vec v) {
    if (n >= 8) {
        _mm256_storeu_ps(p, v);
        return;
    }
    __m128 h = _mm256_castps256_ps128(v);
    if (n & 4) {
        _mm_storeu_ps(p, h);
        p += 4;
        h = _mm256_extractf128_ps(v, 1);
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)p, h);
        p += 2;
        h = _mm_movehl_ps(h, h);
    }
    if (n & 1) _mm_store_ss(p, h);
}
PC_INLINE void v_store_halves(elem *p, elem *q, vec v) {
    _mm_storeu_ps(p, _mm256_castps256_ps128(v));
    _mm_storeu_ps(q, _mm256_extractf128_ps(v, 1));
}
PC_INLINE vec v_load_half(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
PC_INLINE void v_store_half(uint16_t *p, vec v) {
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
PC_INLINE vec v_load_bfloat(const uint16_t *p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}
PC_INLINE void v_store_bfloat(uint16_t *p, vec v) {
    const __m256i x = _mm256_castps_si256(v), high = _mm256_srli_epi32(x, 16),
                  even = _mm256_and_si256(high, _mm256_set1_epi32(1)),
                  up = _mm256_add_epi32(_mm256_add_epi32(x, _mm256_set1_epi32(0x7fff)), even),
                  nan = _mm256_or_si256(high, _mm256_set1_epi32(0x40)),
                  bits = _mm256_blendv_epi8(_mm256_srli_epi32(up, 16), nan,
                                            _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q)));
    _mm_storeu_si128((__m128i *)p, _mm_packus_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1)));
}
PC_INLINE vec v_dot(vec a, vec b, vec c) {
    const __m256i products = _mm256_madd_epi16(_mm256_castps_si256(a), _mm256_castps_si256(b));
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(c), products));
}
PC_INLINE vec v_load_bytes(const uint8_t *p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}
PC_INLINE vec v_pow2(vec n) {
    __m256i e = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(e, 23));
}
PC_INLINE vec v_even_unordered(vec a, vec b) { return _mm256_shuffle_ps(a, b, 0x88); }
PC_INLINE vec v_odd_unordered(vec a, vec b) { return _mm256_shuffle_ps(a, b, 0xdd); }
PC_INLINE vec v_ordered(vec v) { return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(v), 0xd8)); }
PC_INLINE vec v_shift_in(vec a, vec b) {
    const __m256i between = _mm256_castps_si256(_mm256_permute2f128_ps(a, b, 0x21));
    return _mm256_castsi256_ps(_mm256_alignr_epi8(_mm256_castps_si256(b), between, 12));
}
PC_INLINE vec v_next(vec a, vec b) {
    const __m256i between = _mm256_castps_si256(_mm256_permute2f128_ps(a, b, 0x21));
    return _mm256_castsi256_ps(_mm256_alignr_epi8(between, _mm256_castps_si256(a), 4));
}
PC_INLINE void v_transpose(vec r[PC_VLEN]) {
    vec t[8];
    PC_UNROLL for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    PC_UNROLL for (int i = 0; i < 8; i += 4) {
        PC_UNROLL for (int j = 0; j < 2; j++) {
            r[i + 2 * j] = _mm256_shuffle_ps(t[i + j], t[i + j + 2], 0x44);
            r[i + 2 * j + 1] = _mm256_shuffle_ps(t[i + j], t[i + j + 2], 0xee);
        }
    }
    PC_UNROLL for (int j = 0; j < 4; j++) {
        t[j] = _mm256_permute2f128_ps(r[j], r[j + 4], 0x20);
        t[j + 4] = _mm256_permute2f128_ps(r[j], r[j + 4], 0x31);
    }
    PC_UNROLL for (int i = 0; i < 8; i++) r[i] = t[i];
}

/* Quads: rows i and 4 + i share z[i], half a vector each, and 4 x 4 blocks turn within the halves. */
typedef __m128 quad;
PC_INLINE quad quad_zero(void) { return _mm_setzero_ps(); }
PC_INLINE quad quad_load(const elem *p) { return _mm_loadu_ps(p); }
PC_INLINE quad quad_load_part(const elem *p, int lo, int hi) {
    return _mm_maskload_ps(p, _mm256_castsi256_si128(v_mask(lo, hi)));
}
PC_INLINE void quad_turn(vec z[4]) {
    const vec a = _mm256_unpacklo_ps(z[0], z[1]), b = _mm256_unpackhi_ps(z[0], z[1]);
    const vec c = _mm256_unpacklo_ps(z[2], z[3]), d = _mm256_unpackhi_ps(z[2], z[3]);
    z[0] = _mm256_shuffle_ps(a, c, 0x44);
    z[1] = _mm256_shuffle_ps(a, c, 0xee);
    z[2] = _mm256_shuffle_ps(b, d, 0x44);
    z[3] = _mm256_shuffle_ps(b, d, 0xee);
}
PC_INLINE void quad_columns(const quad q[PC_VLEN], vec v[4]) {
    PC_UNROLL for (int i = 0; i < 4; i++) v[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(q[i]), q[4 + i], 1);
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
        q[i] = _mm256_castps256_ps128(z[i]);
        q[4 + i] = _mm256_extractf128_ps(z[i], 1);
    }
}
PC_INLINE void quad_store(elem *p, quad q) { _mm_storeu_ps(p, q); }
PC_INLINE void quad_store_part(elem *p, int m, quad q) { v_store_n(p, m, _mm256_castps128_ps256(q)); }
PC_INLINE void v_zip(vec a, vec b, vec v[2]) {
    const vec lo = _mm256_unpacklo_ps(a, b), hi = _mm256_unpackhi_ps(a, b);
    v[0] = _mm256_permute2f128_ps(lo, hi, 0x20);
    v[1] = _mm256_permute2f128_ps(lo, hi, 0x31);
}

#endif

PC_INLINE vec v_even(vec a, vec b) { return v_ordered(v_even_unordered(a, b)); }
PC_INLINE vec v_odd(vec a, vec b) { return v_ordered(v_odd_unordered(a, b)); }
