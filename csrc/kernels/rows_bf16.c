/* rows_bf16.c - rows.c once more, for images of bfloat16: converted as they are loaded and stored, which takes ports
 * that the FMAs leave free. On AVX-512 alone, whose masks suit any number of lanes, and where the CPU rounds to bfloat16
 * itself: done step by step that takes 4 cycles a vector, a fifth of 3x3. */
#if defined(PC_TARGET_AVX512) && defined(PC_DTYPE_F32)
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

#define PC_HALVES PC_FN(pc_rows_find_bf16)
#include "rows.c"
#else
#include "kernels.h"
#endif
