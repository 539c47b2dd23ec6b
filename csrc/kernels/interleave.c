/* interleave.c - the finished sums of a tile of pixel lanes on the way to channels-last memory.
 *
 * A vector holds neighbouring pixels of one channel, so vectors of several channels turn in registers until the
 * channels of a pixel lie side by side. Four of them take 8 shuffles and PC_VLEN stores; one by one, their elements
 * took as long as 9 taps. */
#include "../base/shape.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

PC_INLINE void store_part(elem *dst, int n, vec x) {
    if (n >= PC_VLEN)
        v_store(dst, x);
    else if (n > 0)
        v_store_n(dst, n, x);
}

void PC_FN(pc_interleave)(const pc_pixel_args *a, int mr, int nv, int64_t step) {
    const int64_t ld = (int64_t)nv * PC_VLEN;
    const elem *sum = a->sum;
    for (int v = 0; v < nv; v++, sum += PC_VLEN) {
        elem *dst = a->dst[v];
        const int n = a->lanes[v];
        if (mr == 2 && step == 2) { /* all channels of a pixel: one run */
            vec z[2];
            v_zip(v_load(sum), v_load(sum + ld), z);
            store_part(dst, 2 * n, z[0]);
            store_part(dst + PC_VLEN, 2 * n - PC_VLEN, z[1]);
            continue;
        }
        for (int i = 0; i < mr; i += 4) {
            const int m = (int)pc_min(mr - i, 4);
            vec r[4];
            PC_UNROLL for (int j = 0; j < 4; j++) r[j] = v_load(sum + pc_min(i + j, mr - 1) * ld);
            if (m == 4 && n == PC_VLEN)
                v_store_quads(dst + i, step, r);
            else
                v_store_quads_part(dst + i, step, n, m, r);
        }
    }
}
