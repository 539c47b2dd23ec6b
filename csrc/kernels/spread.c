/* spread.c - a run of outputs into every step-th element, or `step` runs that take turns: phases of a transposed
 * convolution, channels first.
 *
 * At a stride of 2, the usual one, what lies between is loaded and stored again: a store of each element by itself
 * takes as long as 16 multiply-adds of it. Nobody else may write there meanwhile, nor does: phases run one after the
 * other. */
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

void PC_FN(pc_weave)(int64_t n, int step, const void *src_, int64_t pitch, void *dst_) {
    const elem *src = src_;
    elem *dst = dst_;
    int64_t i = 0; /* of each run */
    if (step == 2)
        for (; 2 * (i + PC_VLEN) <= n; i += PC_VLEN) {
            vec v[2];
            v_zip(v_load(src + i), v_load(src + pitch + i), v);
            PC_UNROLL for (int j = 0; j < 2; j++) v_store(dst + 2 * i + j * PC_VLEN, v[j]);
        }
    if (step == 4)
        for (; 4 * (i + PC_VLEN) <= n; i += PC_VLEN) {
            vec even[2], odd[2], v[4];
            v_zip(v_load(src + i), v_load(src + 2 * pitch + i), even);
            v_zip(v_load(src + pitch + i), v_load(src + 3 * pitch + i), odd);
            PC_UNROLL for (int j = 0; j < 2; j++) v_zip(even[j], odd[j], v + 2 * j);
            PC_UNROLL for (int j = 0; j < 4; j++) v_store(dst + 4 * i + j * PC_VLEN, v[j]);
        }
    for (int j = 0; j < step; j++)
        for (int64_t k = i; k * step + j < n; k++) dst[k * step + j] = src[j * pitch + k];
}
