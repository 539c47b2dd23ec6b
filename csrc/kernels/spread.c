/* spread.c - a run of outputs into every step-th element: a phase of a transposed convolution, channels first.
 *
 * At a stride of 2, the usual one, what lies between is loaded and stored again: a store of each element by itself takes
 * as long as 16 multiply-adds of it. Nobody else may write there meanwhile, nor does: phases run one after the other. */
#include "../base/shape.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

void PC_FN(pc_spread)(int64_t n, const void *src_, int64_t step, void *dst_) {
    const elem *src = src_;
    elem *dst = dst_;
    int64_t i = 0;
    if (step == 2) /* the last element's successor is not ours to touch */
        for (; i + PC_VLEN < n; i += PC_VLEN) {
            elem *to = dst + 2 * i;
            vec v[2];
            v_zip(v_load(src + i), v_odd(v_load(to), v_load(to + PC_VLEN)), v);
            v_store(to, v[0]);
            v_store(to + PC_VLEN, v[1]);
        }
    for (; i < n; i++) dst[i * step] = src[i];
}
