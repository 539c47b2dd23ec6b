/* shape.h - arithmetic of window sizes and borders, shared by every layer; static inline so that kernels may use it. */
#ifndef PC_BASE_SHAPE_H
#define PC_BASE_SHAPE_H

#include <stdint.h>

#include "../include/pyconv.h"

static inline int64_t pc_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t pc_max(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t pc_ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
/* a / b where b is mostly 1: a 64-bit division takes as long as the rows of a small picture. */
static inline int64_t pc_quotient(int64_t a, int64_t b) { return b == 1 ? a : a / b; }
static inline int64_t pc_round_up(int64_t a, int64_t b) { return pc_ceil_div(a, b) * b; }

/* The index inside [0, n) that stands for position i of a bordered axis, or a negative one for a zero.
 * REFLECT needs border < n, CIRCULAR border <= n: validation has seen to it. Tiles of Winograd's algorithm may reach
 * further beyond the end, where no output looks: what lies there is a zero. */
static inline int64_t pc_border(pc_boundary mode, int64_t i, int64_t n) {
    if (i >= 0 && i < n) return i;
    switch (mode) {
        case PC_REFLECT: return i < 0 ? -i : 2 * (n - 1) - i;
        case PC_REPLICATE: return i < 0 ? 0 : n - 1;
        case PC_CIRCULAR: return i < 0 ? i + n : i < 2 * n ? i - n : -1;
        default: return -1;
    }
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
