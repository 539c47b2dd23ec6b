/* pick.c - the pixels of a tile of channel lanes, out of the planes of the image and side by side. */
#include "../base/shape.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

PC_INLINE void pick(const int step, const pc_channel_args *a, int np) {
    const elem *src = a->src;
    elem *panel = a->panel;
    const int64_t *off = a->off;
    for (int64_t k = 0; k < a->k; k++, panel += a->ld_panel) {
        const elem *p = src + off[k];
        v_prefetch(p, a->next + (np - 1) * step);
        for (int j = 0; j * PC_VLEN < np; j++) {
            if (step == 1)
                v_store(panel + j * PC_VLEN, v_load_part(p, np, j));
            else
                v_store(panel + j * PC_VLEN,
                        v_even(v_load_part(p, 2 * np - 1, 2 * j), v_load_part(p, 2 * np - 1, 2 * j + 1)));
        }
    }
}

void PC_FN(pc_pick)(const pc_channel_args *a, int np) {
    if (a->step == 1) {
        pick(1, a, np);
        return;
    }
    if (a->step == 2) {
        pick(2, a, np);
        return;
    }
    const elem *src = a->src;
    elem *panel = a->panel;
    for (int64_t k = 0; k < a->k; k++, panel += a->ld_panel)
        for (int i = 0; i < np; i++) panel[i] = src[a->off[k] + i * a->step];
}
