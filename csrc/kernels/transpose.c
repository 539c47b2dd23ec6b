/* transpose.c - turn a tile of pixels x channels into channel planes, a square of registers at a time, on the way to
 * NCHW. */
#include "../base/shape.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

void PC_FN(pc_transpose)(const void *src_, int64_t ld_src, int64_t n, int64_t m, void *dst_, int64_t ld_dst) {
    const elem *src = src_;
    elem *dst = dst_;
    for (int64_t i = 0; i < n; i += PC_VLEN) {
        const int k = (int)pc_min(n - i, PC_VLEN);
        for (int64_t j = 0; j < m; j += PC_VLEN) {
            const elem *s = src + i * ld_src + j;
            elem *d = dst + j * ld_dst + i;
            const int rows = (int)pc_min(m - j, PC_VLEN);
            vec r[PC_VLEN];
            PC_UNROLL for (int q = 0; q < PC_VLEN; q++) r[q] = q < k ? v_load(s + q * ld_src) : v_zero();
            v_transpose(r);
            if (k == PC_VLEN && rows == PC_VLEN) {
                PC_UNROLL for (int q = 0; q < PC_VLEN; q++) v_store(d + q * ld_dst, r[q]);
            } else {
                PC_UNROLL for (int q = 0; q < PC_VLEN; q++) if (q < rows) v_store_n(d + q * ld_dst, k, r[q]);
            }
        }
    }
}
