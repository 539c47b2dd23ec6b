/* f16.h - float16 for kernels that are compiled for half floats: loaded under a mask, and rows of vectors, `ld` apart,
 * stored, n lanes of each. */
#include "../simd/vec.h"

PC_INLINE vec load_halves(const uint16_t *p, vmask m) { return v_load_half_mask(p, m); }
PC_INLINE int store_halves(const int rows, const vec *v, uint16_t *dst, int64_t ld, int n) {
    PC_UNROLL for (int r = 0; r < rows; r++) v_store_half_n(dst + r * ld, n, v[r]);
    return 1;
}
