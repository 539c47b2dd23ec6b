/* rows_f16.c - rows.c once more, for images of float16: converted as they are loaded and stored, which takes ports that
 * the FMAs leave free. On AVX-512 alone, whose masks suit any number of lanes. */
#if defined(PC_TARGET_AVX512) && defined(PC_DTYPE_F32)
#include "../simd/vec.h"

PC_INLINE vec load_halves(const uint16_t *p, vmask m) { return v_load_half_mask(p, m); }
PC_INLINE int store_halves(const int rows, const vec *v, uint16_t *dst, int64_t ld, int n) {
    PC_UNROLL for (int r = 0; r < rows; r++) v_store_half_n(dst + r * ld, n, v[r]);
    return 1;
}

#define PC_HALVES PC_FN(pc_rows_find_f16)
#include "rows.c"
#else
#include "kernels.h"
#endif
