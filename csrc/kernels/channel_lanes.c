/* channel_lanes.c - the register tile whose vectors run along output channels.
 *
 * out[pixel][nv vectors of channels]: each step of k loads nv weight vectors, in order from packed memory, and
 * broadcasts np pixels from the strip. Nothing depends on stride, dilation or padding: they live in the offsets `off`.
 * With 2 x 14 the loop issues 16 loads for 28 FMAs, within what two load ports sustain beside two FMA ports. */
#include "../simd/tiles.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

PC_INLINE void tile(const int nv, const int np, const pc_channel_args *a) {
    vec acc[PC_MAX_NP][PC_MAX_CHANNEL_NV];
    const elem *init = a->init, *wei = a->wei, *src = a->src;
    elem *out = a->out;
    PC_UNROLL for (int i = 0; i < np; i++) {
        PC_UNROLL for (int v = 0; v < nv; v++) acc[i][v] = v_load(init + i * a->ld_init + v * PC_VLEN);
    }
    const int64_t *off = a->off;
    for (int64_t k = 0; k < a->k; k++, wei += nv * PC_VLEN) {
        const elem *p = src + off[k];
        vec w[PC_MAX_CHANNEL_NV];
        PC_UNROLL for (int v = 0; v < nv; v++) w[v] = v_load(wei + v * PC_VLEN);
        PC_UNROLL for (int i = 0; i < np; i++) {
            vec x = v_set1(p[i]);
            PC_UNROLL for (int v = 0; v < nv; v++) acc[i][v] = v_fma(x, w[v], acc[i][v]);
        }
    }
    PC_UNROLL for (int i = 0; i < np; i++) {
        PC_UNROLL for (int v = 0; v < nv; v++) v_store(out + i * a->ld_out + v * PC_VLEN, acc[i][v]);
    }
}

#define DEFINE(nv, np)                                                                                                 \
    PC_TILE_FITS(nv, np, nv)                                                                                           \
    static void tile_##nv##x##np(const pc_channel_args *a) { tile(nv, np, a); }
PC_CHANNEL_TILES(DEFINE)

#define ROW(nv, np) [nv][np] = tile_##nv##x##np,
pc_channel_fn *const PC_FN(pc_channel_tiles)[PC_MAX_CHANNEL_NV + 1][PC_MAX_NP + 1] = {PC_CHANNEL_TILES(ROW)};
