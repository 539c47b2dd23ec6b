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

static void from_bfloat(int64_t n, const uint16_t *src, uint32_t *dst) {
    for (int64_t i = 0; i < n; i++) dst[i] = (uint32_t)src[i] << 16;
}

static void to_bfloat(int64_t n, const uint32_t *src, uint16_t *dst) {
    for (int64_t i = 0; i < n; i++) {
        const uint32_t x = src[i], rounded = (x + 0x7fff + (x >> 16 & 1)) >> 16, nan = x >> 16 | 0x40;
        dst[i] = (uint16_t)((x & 0x7fffffff) > 0x7f800000 ? nan : rounded);
    }
}

/* A tail goes through a vector of its own. */
static void from_half(int64_t n, const uint16_t *src, float *dst) {
    int64_t i = 0;
    for (; i + PC_VLEN <= n; i += PC_VLEN) v_store(dst + i, v_load_half(src + i));
    if (i == n) return;
    uint16_t part[PC_VLEN] = {0};
    memcpy(part, src + i, (size_t)(n - i) * sizeof *part);
    v_store_n(dst + i, (int)(n - i), v_load_half(part));
}

static void to_half(int64_t n, const float *src, uint16_t *dst) {
    int64_t i = 0;
    for (; i + PC_VLEN <= n; i += PC_VLEN) v_store_half(dst + i, v_load(src + i));
    if (i == n) return;
    uint16_t part[PC_VLEN];
    v_store_half(part, v_load_n(src + i, (int)(n - i)));
    memcpy(dst + i, part, (size_t)(n - i) * sizeof *part);
}

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
        from_half(n, src, dst);
    else if (from == PC_BF16)
        from_bfloat(n, src, dst);
    else if (to == PC_F16)
        to_half(n, src, dst);
    else if (to == PC_BF16)
        to_bfloat(n, src, dst);
    else if (to == PC_S32)
        to_int(n, src, dst);
    else if (to == PC_S16)
        to_words(n, src, (int32_t)lo, (int32_t)hi, dst);
    else
        to_bytes(n, src, (int32_t)lo, (int32_t)hi, dst);
}
#endif
