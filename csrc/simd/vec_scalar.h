/* vec_scalar.h - the vocabulary with one lane: the specification of every other header, and the target of last resort.
 * fma() is a library call where the CPU's baseline has no such instruction: slow, and rounded once all the same. */
#define PC_VLEN 1

typedef elem vec;
typedef int vmask;

PC_INLINE vec v_zero(void) { return 0; }
PC_INLINE vec v_set1(elem x) { return x; }
PC_INLINE vec v_load(const elem *p) { return *p; }
PC_INLINE vec v_keep(vec v) { return v; }
PC_INLINE void v_store(elem *p, vec v) { *p = v; }
PC_INLINE vec v_load_n(const elem *p, int n) { return n > 0 ? *p : 0; }
PC_INLINE void v_store_n(elem *p, int n, vec v) {
    if (n > 0) *p = v;
}
PC_INLINE vmask v_mask(int lo, int hi) { return lo <= 0 && hi > 0; }
PC_INLINE vec v_load_mask(const elem *p, vmask m) { return m ? *p : 0; }
PC_INLINE vec v_load_mask_or(const elem *p, vmask m, vec v) { return m ? *p : v; }
PC_INLINE vec v_add(vec a, vec b) { return a + b; }
PC_INLINE vec v_sub(vec a, vec b) { return a - b; }
PC_INLINE vec v_mul(vec a, vec b) { return a * b; }
PC_INLINE vec v_div(vec a, vec b) { return a / b; }
PC_INLINE vec v_fma(vec a, vec b, vec c);
PC_INLINE vec v_fnma(vec a, vec b, vec c) { return v_fma(-a, b, c); }
PC_INLINE vec v_max_first(vec a, vec b) { return b > a || b != b ? b : a; }
PC_INLINE vec v_winner(vec a, vec b, vec t, vec *at) {
    const int wins = b > a || b != b;
    *at = wins ? t : *at;
    return wins ? b : a;
}
PC_INLINE vec v_max(vec a, vec b) { return b > a ? b : a; }
typedef int vnan;
PC_INLINE vnan v_no_nan(void) { return 0; }
PC_INLINE vnan v_note_nan(vnan seen, vec a, vec b) { return seen | (a != a) | (b != b); }
PC_INLINE int v_met_nan(vnan seen) { return seen; }
PC_INLINE int v_any_nan(vec a, vec b) { return v_met_nan(v_note_nan(v_no_nan(), a, b)); }
PC_INLINE vec v_even(vec a, vec b) {
    (void)b;
    return a;
}
PC_INLINE vec v_odd(vec a, vec b) {
    (void)a;
    return b;
}
PC_INLINE vec v_even_unordered(vec a, vec b) { return v_even(a, b); }
PC_INLINE vec v_odd_unordered(vec a, vec b) { return v_odd(a, b); }
PC_INLINE vec v_ordered(vec v) { return v; }
PC_INLINE vec v_shift_in(vec a, vec b) {
    (void)b;
    return a;
}
PC_INLINE vec v_load_bytes(const uint8_t *p) { return (elem)*p; }
PC_INLINE vec v_next(vec a, vec b) {
    (void)a;
    return b;
}
PC_INLINE void v_transpose(vec r[PC_VLEN]) { (void)r; }

typedef struct quad {
    elem e[4];
} quad;
PC_INLINE quad quad_zero(void) { return (quad){{0, 0, 0, 0}}; }
PC_INLINE quad quad_load_part(const elem *p, int lo, int hi) {
    quad q = quad_zero();
    for (int j = lo < 0 ? 0 : lo; j < hi && j < 4; j++) q.e[j] = p[j];
    return q;
}
PC_INLINE quad quad_load(const elem *p) { return quad_load_part(p, 0, 4); }
PC_INLINE void quad_columns(const quad q[PC_VLEN], vec v[4]) {
    for (int j = 0; j < 4; j++) v[j] = q[0].e[j];
}
PC_INLINE void quad_rows(const vec v[4], quad q[PC_VLEN]) {
    for (int j = 0; j < 4; j++) q[0].e[j] = v[j];
}
PC_INLINE void quad_store_part(elem *p, int m, quad q) {
    for (int j = 0; j < m; j++) p[j] = q.e[j];
}
PC_INLINE void quad_store(elem *p, quad q) { quad_store_part(p, 4, q); }
PC_INLINE vec v_gather(const elem *p, const int32_t *index) { return p[*index]; }
PC_INLINE void v_zip(vec a, vec b, vec v[2]) {
    v[0] = a;
    v[1] = b;
}

#if defined(PC_DTYPE_F64)
PC_INLINE vec v_fma(vec a, vec b, vec c) { return fma(a, b, c); }
PC_INLINE vec v_dot(vec a, vec b, vec c) {
    int64_t x, y;
    uint64_t z;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    memcpy(&z, &c, sizeof z);
    z += (uint64_t)((int64_t)(int32_t)x * (int32_t)y);
    memcpy(&c, &z, sizeof c);
    return c;
}
PC_INLINE vec v_round(vec a) { return rint(a); }
PC_INLINE vec v_pow2(vec n) {
    int64_t bits = (int64_t)((uint64_t)((n == n ? (int64_t)n : 0) + 1023) << 52);
    double r;
    memcpy(&r, &bits, sizeof r);
    return r;
}
#else
PC_INLINE vec v_fma(vec a, vec b, vec c) { return fmaf(a, b, c); }
PC_INLINE vec v_dot(vec a, vec b, vec c) {
    int16_t x[2], y[2];
    uint32_t z;
    memcpy(x, &a, sizeof x);
    memcpy(y, &b, sizeof y);
    memcpy(&z, &c, sizeof z);
    z += (uint32_t)(x[0] * y[0]) + (uint32_t)(x[1] * y[1]);
    memcpy(&c, &z, sizeof c);
    return c;
}
PC_INLINE vec v_round(vec a) { return rintf(a); }
PC_INLINE vec v_load_half(const uint16_t *p) {
    const uint32_t h = *p, sign = (h & 0x8000) << 16, exponent = h >> 10 & 31, m = h & 0x3ff;
    uint32_t bits;
    if (exponent == 0) {
        const float tiny = (float)m * 0x1p-24f;
        memcpy(&bits, &tiny, sizeof bits);
    } else {
        bits = (exponent == 31 ? 255 : exponent + 112) << 23 | m << 13 | (exponent == 31 && m ? 1u << 22 : 0);
    }
    bits |= sign;
    float r;
    memcpy(&r, &bits, sizeof r);
    return r;
}
PC_INLINE void v_store_half(uint16_t *p, vec v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000;
    bits &= 0x7fffffff;
    if (bits > 0x7f800000) {
        bits = 0x7e00 | (bits >> 13 & 0x3ff);
    } else if (bits >= 0x477ff000) { /* halfway to the number after the largest */
        bits = 0x7c00;
    } else if (bits < 0x38800000) { /* subnormal: 0.5 has units of the last place of just that size */
        const float shifted = fabsf(v) + 0.5f;
        memcpy(&bits, &shifted, sizeof bits);
        bits -= 0x3f000000;
    } else {
        bits = (bits - 0x38000000 + 0xfff + (bits >> 13 & 1)) >> 13;
    }
    *p = (uint16_t)(sign | bits);
}
PC_INLINE vec v_load_bfloat(const uint16_t *p) {
    const uint32_t bits = (uint32_t)*p << 16;
    float r;
    memcpy(&r, &bits, sizeof r);
    return r;
}
PC_INLINE void v_store_bfloat(uint16_t *p, vec v) {
    uint32_t x;
    memcpy(&x, &v, sizeof x);
    const uint32_t rounded = (x + 0x7fff + (x >> 16 & 1)) >> 16, nan = x >> 16 | 0x40;
    *p = (uint16_t)((x & 0x7fffffff) > 0x7f800000 ? nan : rounded);
}
PC_INLINE vec v_pow2(vec n) {
    int32_t bits = (int32_t)((uint32_t)((n == n ? (int32_t)n : 0) + 127) << 23);
    float r;
    memcpy(&r, &bits, sizeof r);
    return r;
}
#endif
