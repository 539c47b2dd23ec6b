/* bf16.h - bfloat16 for kernels that are compiled for half floats: loaded under a mask, and rows of vectors, `ld` apart,
 * stored, n lanes of each. The CPU has to round to it: done step by step that takes 4 cycles a vector, a fifth of 3x3. */
#define PC_FEATURES __attribute__((target("avx512bf16")))
#include "../simd/vec.h"

PC_INLINE vec load_halves(const uint16_t *p, vmask m) { return v_load_bfloat_mask(p, m); }
/* Not rows with subnormal numbers, which are left to the caller. */
PC_INLINE int store_halves(const int rows, const vec *v, uint16_t *dst, int64_t ld, int n) {
    vmask small = 0;
    PC_UNROLL for (int r = 0; r < rows; r++) small |= v_subnormal(v[r]);
    if (small) return 0;
    PC_UNROLL for (int r = 0; r < rows; r++) v_store_normal_bfloat_n(dst + r * ld, n, v[r]);
    return 1;
}
