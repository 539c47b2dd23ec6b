/* convert.c - numbers of one type as those of another, on the way into and out of arithmetic in float32 and int32.
 *
 * Most loops are left to the compiler, which makes vectors of them; float16 has instructions of its own. In float32's
 * compile alone. */
#include "../base/shape.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

#if defined(PC_DTYPE_F32)
static void from_bytes(int64_t n, const uint8_t *src, int sign, float *dst) {
    for (int64_t i = 0; i < n; i++) dst[i] = (float)((src[i] ^ sign) - sign);
}

/* A tail goes through a vector of its own. */
PC_INLINE void from_halves(const pc_storage from, int64_t n, const uint16_t *src, float *dst) {
    int64_t i = 0;
    for (; i + PC_VLEN <= n; i += PC_VLEN)
        v_store(dst + i, from == PC_F16 ? v_load_half(src + i) : v_load_bfloat(src + i));
    if (i == n) return;
    uint16_t part[PC_VLEN] = {0};
    memcpy(part, src + i, (size_t)(n - i) * sizeof *part);
    v_store_n(dst + i, (int)(n - i), from == PC_F16 ? v_load_half(part) : v_load_bfloat(part));
}

PC_INLINE void to_halves(const pc_storage to, int64_t n, const float *src, uint16_t *dst) {
    int64_t i = 0;
    for (; i + PC_VLEN <= n; i += PC_VLEN) {
        if (to == PC_F16)
            v_store_half(dst + i, v_load(src + i));
        else
            v_store_bfloat(dst + i, v_load(src + i));
    }
    const vec v = v_load_n(src + i, (int)(n - i));
    if (to == PC_F16)
        v_store_half_n(dst + i, (int)(n - i), v);
    else
        v_store_bfloat_n(dst + i, (int)(n - i), v);
}

PC_RARE void to_bfloats(int64_t n, const float *src, uint16_t *dst) { to_halves(PC_BF16, n, src, dst); }

#if defined(PC_TARGET_AVX512)
static PC_BFLOAT_UNIT void round_bfloats(int64_t n, const float *src, uint16_t *dst) {
    int64_t i = 0;
    for (; i + 2 * PC_VLEN <= n; i += 2 * PC_VLEN) {
        const vec v = v_load(src + i), w = v_load(src + i + PC_VLEN);
        if (v_subnormal(v) | v_subnormal(w))
            to_bfloats(2 * PC_VLEN, src + i, dst + i);
        else
            v_store_normal_bfloats(dst + i, v, w);
    }
    to_bfloats(n - i, src + i, dst + i);
}
#endif

/* dst may be src. */
static void to_int(int64_t n, const float *src, void *dst) {
    for (int64_t i = 0; i < n; i++) {
        const int32_t x = (int32_t)src[i];
        memcpy((char *)dst + i * 4, &x, sizeof x);
    }
}

static void to_bytes(int64_t n, const int32_t *src, int32_t lo, int32_t hi, uint8_t *dst) {
    for (int64_t i = 0; i < n; i++) dst[i] = (uint8_t)(src[i] < lo ? lo : src[i] > hi ? hi : src[i]);
}

static void to_words(int64_t n, const int32_t *src, int32_t lo, int32_t hi, uint16_t *dst) {
    for (int64_t i = 0; i < n; i++) dst[i] = (uint16_t)(src[i] < lo ? lo : src[i] > hi ? hi : src[i]);
}

void PC_FN(pc_convert)(pc_storage from, pc_storage to, int saturate, int64_t n, const void *src, void *dst) {
    int64_t lo = INT32_MIN, hi = INT32_MAX;
    if (saturate) pc_storage_range(to, &lo, &hi);
    if (from == PC_U8 || from == PC_S8)
        from_bytes(n, src, from == PC_S8 ? 0x80 : 0, dst);
    else if (from == PC_F16)
        from_halves(PC_F16, n, src, dst);
    else if (from == PC_BF16)
        from_halves(PC_BF16, n, src, dst);
    else if (to == PC_F16)
        to_halves(PC_F16, n, src, dst);
    else if (to == PC_BF16)
        to_bfloats(n, src, dst);
    else if (to == PC_S32)
        to_int(n, src, dst);
    else if (to == PC_S16)
        to_words(n, src, (int32_t)lo, (int32_t)hi, dst);
    else
        to_bytes(n, src, (int32_t)lo, (int32_t)hi, dst);
}

#if defined(PC_TARGET_AVX512)
void PC_FN(pc_convert_bfloats)(pc_storage from, pc_storage to, int saturate, int64_t n, const void *src, void *dst) {
    if (from == PC_ELEMENTS && to == PC_BF16)
        round_bfloats(n, src, dst);
    else
        PC_FN(pc_convert)(from, to, saturate, n, src, dst);
}
#endif
#endif
