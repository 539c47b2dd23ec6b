/* shape.h - arithmetic of window sizes and borders, shared by every layer; static inline so that kernels may use it. */
#ifndef PC_BASE_SHAPE_H
#define PC_BASE_SHAPE_H

#include <stdint.h>

#include "../include/pyconv.h"

/* Before functions that plan: what they and those that they alone call do may be small. */
#define PC_PLANNING __attribute__((cold))

static inline int64_t pc_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t pc_max(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t pc_ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
/* a / b where b is mostly 1: a 64-bit division takes as long as the rows of a small picture. */
static inline int64_t pc_quotient(int64_t a, int64_t b) { return b == 1 ? a : a / b; }
static inline int64_t pc_round_up(int64_t a, int64_t b) { return pc_ceil_div(a, b) * b; }

/* A position that lies further out than the image is wide: the axis repeats, turned back or not. */
__attribute__((cold)) static inline int64_t pc_border_far(pc_boundary mode, int64_t i, int64_t n) {
    const int64_t period = mode == PC_CIRCULAR ? n : mode == PC_SYMMETRIC ? 2 * n : pc_max(2 * n - 2, 1);
    i %= period;
    if (i < 0) i += period;
    return i < n ? i : period - (mode == PC_SYMMETRIC) - i;
}

/* The index inside [0, n) that stands for position i of a bordered axis, or a negative one for the fill. */
static inline int64_t pc_border(pc_boundary mode, int64_t i, int64_t n) {
    if (i >= 0 && i < n) return i;
    int64_t at;
    switch (mode) {
        case PC_REFLECT: at = i < 0 ? -i : 2 * (n - 1) - i; break;
        case PC_SYMMETRIC: at = i < 0 ? -i - 1 : 2 * n - 1 - i; break;
        case PC_CIRCULAR: at = i < 0 ? i + n : i - n; break;
        case PC_REPLICATE: return i < 0 ? 0 : n - 1;
        default: return -1;
    }
    return at >= 0 && at < n ? at : pc_border_far(mode, i, n);
}

/* Bytes of a number; elements as float32. */
static inline int pc_storage_size(pc_storage type) {
    static const unsigned char size[PC_STORAGE_COUNT] = {4, 1, 1, 2, 4, 8, 2, 2};
    return size[type];
}

/* The range of an integer type of at most 32 bits. */
static inline void pc_storage_range(pc_storage type, int64_t *lo, int64_t *hi) {
    const int bits = 8 * pc_storage_size(type);
    *lo = type == PC_U8 ? 0 : -(INT64_C(1) << (bits - 1));
    *hi = *lo + (INT64_C(1) << bits) - 1;
}

/* The step that a transform of n points begins with; n is 4^a 2^b 3^c. */
static inline int pc_fft_radix(int64_t n) {
    if (n % 3 == 0) return 3;
    return n % 4 == 0 && __builtin_ctzll((unsigned long long)n) % 2 == 0 ? 4 : 2;
}

/* a * b, or -1 when it does not fit; -1 stays -1. */
static inline int64_t pc_mul_checked(int64_t a, int64_t b) {
    int64_t r;
    return a < 0 || b < 0 || __builtin_mul_overflow(a, b, &r) ? -1 : r;
}

#endif
