/* vec_neon.h - the vocabulary on arm64 NEON: 4 floats or 2 doubles. There are no masked loads, so partial vectors are
 * assembled lane by lane; kernels meet them at borders and tails only. */
#include <arm_neon.h>

typedef struct {
    int lo, hi;
} vmask;

#if defined(PC_DTYPE_F64)
#define PC_VLEN 2
typedef float64x2_t vec;
#define PC_OP(name) v##name##q_f64
#else
#define PC_VLEN 4
typedef float32x4_t vec;
#define PC_OP(name) v##name##q_f32
#endif

#if defined(PC_DTYPE_F64)
PC_INLINE vec v_set1(elem x) { return vdupq_n_f64(x); }
#else
PC_INLINE vec v_set1(elem x) { return vdupq_n_f32(x); }
#endif
PC_INLINE vec v_zero(void) { return v_set1(0); }
PC_INLINE vec v_load(const elem *p) { return PC_OP(ld1)(p); }
PC_INLINE vec v_keep(vec v) {
    __asm__("" : "+w"(v));
    return v;
}
PC_INLINE void v_store(elem *p, vec v) { PC_OP(st1)(p, v); }
PC_INLINE vmask v_mask(int lo, int hi) {
    vmask m = {lo < 0 ? 0 : lo, hi > PC_VLEN ? PC_VLEN : hi};
    return m;
}
PC_INLINE vec v_load_mask_or(const elem *p, vmask m, vec v) {
    elem t[PC_VLEN];
    v_store(t, v);
    for (int i = m.lo; i < m.hi; i++) t[i] = p[i];
    return v_load(t);
}
PC_INLINE vec v_load_mask(const elem *p, vmask m) { return v_load_mask_or(p, m, v_set1(0)); }
PC_INLINE vec v_load_n(const elem *p, int n) { return n >= PC_VLEN ? v_load(p) : v_load_mask(p, v_mask(0, n)); }
PC_INLINE void v_store_n(elem *p, int n, vec v) {
    if (n >= PC_VLEN) {
        v_store(p, v);
        return;
    }
    elem t[PC_VLEN];
    v_store(t, v);
    for (int i = 0; i < n; i++) p[i] = t[i];
}
PC_INLINE void v_store_halves(elem *p, elem *q, vec v) {
#if defined(PC_DTYPE_F64)
    vst1_f64(p, vget_low_f64(v));
    vst1_f64(q, vget_high_f64(v));
#else
    vst1_f32(p, vget_low_f32(v));
    vst1_f32(q, vget_high_f32(v));
#endif
}
PC_INLINE vec v_add(vec a, vec b) { return PC_OP(add)(a, b); }
PC_INLINE vec v_sub(vec a, vec b) { return PC_OP(sub)(a, b); }
PC_INLINE vec v_mul(vec a, vec b) { return PC_OP(mul)(a, b); }
PC_INLINE vec v_div(vec a, vec b) { return PC_OP(div)(a, b); }
PC_INLINE vec v_fma(vec a, vec b, vec c) { return PC_OP(fma)(c, a, b); }
PC_INLINE vec v_fnma(vec a, vec b, vec c) { return PC_OP(fms)(c, a, b); }
PC_INLINE vec v_round(vec a) { return PC_OP(rndn)(a); }
PC_INLINE vec v_even(vec a, vec b) { return PC_OP(uzp1)(a, b); }
PC_INLINE vec v_odd(vec a, vec b) { return PC_OP(uzp2)(a, b); }
PC_INLINE vec v_even_unordered(vec a, vec b) { return v_even(a, b); }
PC_INLINE vec v_odd_unordered(vec a, vec b) { return v_odd(a, b); }
PC_INLINE vec v_ordered(vec v) { return v; }
PC_INLINE vec v_shift_in(vec a, vec b) { return PC_OP(ext)(a, b, PC_VLEN - 1); }
PC_INLINE vec v_next(vec a, vec b) { return PC_OP(ext)(a, b, 1); }

#if defined(PC_DTYPE_F64)

PC_INLINE vec v_gather(const elem *p, const int32_t *index) { return (vec){p[index[0]], p[index[1]]}; }
PC_INLINE vec v_dot(vec a, vec b, vec c) {
    const int32x2_t x = vmovn_s64(vreinterpretq_s64_f64(a)), y = vmovn_s64(vreinterpretq_s64_f64(b));
    return vreinterpretq_f64_s64(vmlal_s32(vreinterpretq_s64_f64(c), x, y));
}
PC_INLINE vec v_load_bytes(const uint8_t *p) { return (vec){p[0], p[1]}; }
PC_INLINE vec v_max_first(vec a, vec b) {
    uint64x2_t is_number = vceqq_f64(b, b);
    uint64x2_t keep = vandq_u64(is_number, vreinterpretq_u64_u32(vmvnq_u32(vreinterpretq_u32_u64(vcgtq_f64(b, a)))));
    return vbslq_f64(keep, a, b);
}
PC_INLINE vec v_winner(vec a, vec b, vec t, vec *at) {
    const uint64x2_t wins =
        vorrq_u64(vcgtq_f64(b, a), vreinterpretq_u64_u32(vmvnq_u32(vreinterpretq_u32_u64(vceqq_f64(b, b)))));
    *at = vbslq_f64(wins, t, *at);
    return vbslq_f64(wins, b, a);
}
PC_INLINE vec v_max(vec a, vec b) { return vbslq_f64(vcgtq_f64(b, a), b, a); }
typedef uint64x2_t vnan; /* lanes that met none */
PC_INLINE vnan v_no_nan(void) { return vdupq_n_u64(~UINT64_C(0)); }
PC_INLINE vnan v_note_nan(vnan seen, vec a, vec b) {
    return vandq_u64(seen, vandq_u64(vceqq_f64(a, a), vceqq_f64(b, b)));
}
PC_INLINE int v_met_nan(vnan seen) { return vminvq_u32(vreinterpretq_u32_u64(seen)) == 0; }
PC_INLINE int v_any_nan(vec a, vec b) { return v_met_nan(v_note_nan(v_no_nan(), a, b)); }
PC_INLINE vec v_pow2(vec n) {
    int64x2_t e = vaddq_s64(vcvtq_s64_f64(n), vdupq_n_s64(1023));
    return vreinterpretq_f64_s64(vshlq_n_s64(e, 52));
}
PC_INLINE void v_transpose(vec r[PC_VLEN]) {
    vec a = vzip1q_f64(r[0], r[1]), b = vzip2q_f64(r[0], r[1]);
    r[0] = a;
    r[1] = b;
}

/* Quads: two registers a row. */
typedef struct quad {
    vec half[2];
} quad;
PC_INLINE quad quad_load(const elem *p) { return (quad){{v_load(p), v_load(p + 2)}}; }
PC_INLINE void quad_columns(const quad q[PC_VLEN], vec v[4]) {
    PC_UNROLL for (int h = 0; h < 2; h++) {
        v[2 * h] = vzip1q_f64(q[0].half[h], q[1].half[h]);
        v[2 * h + 1] = vzip2q_f64(q[0].half[h], q[1].half[h]);
    }
}
PC_INLINE void quad_rows(const vec v[4], quad q[PC_VLEN]) {
    PC_UNROLL for (int h = 0; h < 2; h++) {
        q[0].half[h] = vzip1q_f64(v[2 * h], v[2 * h + 1]);
        q[1].half[h] = vzip2q_f64(v[2 * h], v[2 * h + 1]);
    }
}
PC_INLINE void quad_store(elem *p, quad q) {
    v_store(p, q.half[0]);
    v_store(p + 2, q.half[1]);
}

#else

PC_INLINE vec v_gather(const elem *p, const int32_t *index) {
    return (vec){p[index[0]], p[index[1]], p[index[2]], p[index[3]]};
}
PC_INLINE vec v_load_half(const uint16_t *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
PC_INLINE void v_store_half(uint16_t *p, vec v) { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(v))); }
PC_INLINE vec v_load_bfloat(const uint16_t *p) {
    return vreinterpretq_f32_u32(vshlq_n_u32(vmovl_u16(vld1_u16(p)), 16));
}
PC_INLINE void v_store_bfloat(uint16_t *p, vec v) {
    const uint32x4_t x = vreinterpretq_u32_f32(v), high = vshrq_n_u32(x, 16),
                     up = vaddq_u32(vaddq_u32(x, vdupq_n_u32(0x7fff)), vandq_u32(high, vdupq_n_u32(1)));
    vst1_u16(p, vmovn_u32(vbslq_u32(vceqq_f32(v, v), vshrq_n_u32(up, 16), vorrq_u32(high, vdupq_n_u32(0x40)))));
}
PC_INLINE vec v_dot(vec a, vec b, vec c) {
    const int16x8_t x = vreinterpretq_s16_f32(a), y = vreinterpretq_s16_f32(b);
    const int32x4_t low = vmull_s16(vget_low_s16(x), vget_low_s16(y)), high = vmull_high_s16(x, y);
    return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(c), vpaddq_s32(low, high)));
}
PC_INLINE vec v_load_bytes(const uint8_t *p) {
    uint32_t four;
    memcpy(&four, p, sizeof four);
    return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four)))));
}
PC_INLINE vec v_max_first(vec a, vec b) {
    uint32x4_t keep = vandq_u32(vceqq_f32(b, b), vmvnq_u32(vcgtq_f32(b, a)));
    return vbslq_f32(keep, a, b);
}
PC_INLINE vec v_winner(vec a, vec b, vec t, vec *at) {
    const uint32x4_t wins = vorrq_u32(vcgtq_f32(b, a), vmvnq_u32(vceqq_f32(b, b)));
    *at = vbslq_f32(wins, t, *at);
    return vbslq_f32(wins, b, a);
}
PC_INLINE vec v_max(vec a, vec b) { return vbslq_f32(vcgtq_f32(b, a), b, a); }
typedef uint32x4_t vnan; /* lanes that met none */
PC_INLINE vnan v_no_nan(void) { return vdupq_n_u32(~UINT32_C(0)); }
PC_INLINE vnan v_note_nan(vnan seen, vec a, vec b) {
    return vandq_u32(seen, vandq_u32(vceqq_f32(a, a), vceqq_f32(b, b)));
}
PC_INLINE int v_met_nan(vnan seen) { return vminvq_u32(seen) == 0; }
PC_INLINE int v_any_nan(vec a, vec b) { return v_met_nan(v_note_nan(v_no_nan(), a, b)); }
PC_INLINE vec v_pow2(vec n) {
    int32x4_t e = vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127));
    return vreinterpretq_f32_s32(vshlq_n_s32(e, 23));
}
PC_INLINE void v_transpose(vec r[PC_VLEN]) {
    float32x4_t a = vzip1q_f32(r[0], r[2]), b = vzip2q_f32(r[0], r[2]);
    float32x4_t c = vzip1q_f32(r[1], r[3]), d = vzip2q_f32(r[1], r[3]);
    r[0] = vzip1q_f32(a, c);
    r[1] = vzip2q_f32(a, c);
    r[2] = vzip1q_f32(b, d);
    r[3] = vzip2q_f32(b, d);
}

/* Quads: a row is a vector. */
typedef vec quad;
PC_INLINE quad quad_load(const elem *p) { return v_load(p); }
PC_INLINE void quad_columns(const quad q[PC_VLEN], vec v[4]) {
    PC_UNROLL for (int i = 0; i < 4; i++) v[i] = q[i];
    v_transpose(v);
}
PC_INLINE void quad_rows(const vec v[4], quad q[PC_VLEN]) { quad_columns(v, q); }
PC_INLINE void quad_store(elem *p, quad q) { v_store(p, q); }

#endif

PC_INLINE quad quad_load_part(const elem *p, int lo, int hi) {
    elem t[4] = {0, 0, 0, 0};
    for (int j = lo < 0 ? 0 : lo; j < hi && j < 4; j++) t[j] = p[j];
    return quad_load(t);
}
PC_INLINE quad quad_zero(void) { return quad_load_part(0, 0, 0); }
PC_INLINE void quad_store_part(elem *p, int m, quad q) {
    elem t[4];
    quad_store(t, q);
    for (int j = 0; j < m; j++) p[j] = t[j];
}
PC_INLINE void v_zip(vec a, vec b, vec v[2]) {
    v[0] = PC_OP(zip1)(a, b);
    v[1] = PC_OP(zip2)(a, b);
}
