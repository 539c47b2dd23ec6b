/* channel_lanes.c - the register tile whose vectors run along output channels.
 *
 * out[pixel][nv vectors of channels]: each step of k loads nv weight vectors, in order from packed memory, and
 * broadcasts np pixels from the strip. Nothing depends on stride, dilation or padding: they live in the offsets `off`.
 * The next tile's pixels are prefetched; that gains 2 to 20 % on images read in place, which come from L3.
 * With 2 x 14 the loop issues 16 loads for 28 FMAs, within what two load ports sustain beside two FMA ports. */
#include "../simd/tiles.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

PC_INLINE void tile(const pc_channel_mode mode, const int nv, const int np, const pc_channel_args *a) {
    vec acc[PC_MAX_NP][PC_MAX_CHANNEL_NV];
    const elem *init = a->init, *wei = a->wei, *src = a->src;
    elem *out = a->out;
    PC_UNROLL for (int i = 0; i < np; i++) {
        PC_UNROLL for (int v = 0; v < nv; v++) acc[i][v] = v_load(init + i * a->ld_init + v * PC_VLEN);
    }
    const int wide = (np + PC_VLEN - 1) / PC_VLEN; /* vectors of a row of the panel */
    const int64_t *off = a->off, steps = a->k, step = mode == PC_TILE_STEPPED ? a->step : 1;
    const int64_t next = a->next, next_step = a->next_step, ld_panel = a->ld_panel;
    elem *panel = a->panel;
    for (int64_t k = 0; k < steps; k++, wei += nv * PC_VLEN) {
        const elem *p = src + off[k];
        v_prefetch(p, next + (np - 1) * step);
        if (mode != PC_TILE_PLAIN) v_prefetch(p, next + (k & 15) * next_step);
        vec w[PC_MAX_CHANNEL_NV];
        PC_UNROLL for (int v = 0; v < nv; v++) w[v] = v_load(wei + v * PC_VLEN);
        PC_UNROLL for (int i = 0; i < np; i++) {
            vec x = v_set1(p[i * step]);
            PC_UNROLL for (int v = 0; v < nv; v++) acc[i][v] = v_fma(x, w[v], acc[i][v]);
        }
        if (mode == PC_TILE_COPY) {
            PC_UNROLL for (int j = 0; j < wide; j++) { v_store(panel + j * PC_VLEN, v_load_part(p, np, j)); }
            panel += ld_panel;
        }
    }
    PC_UNROLL for (int i = 0; i < np; i++) {
        PC_UNROLL for (int v = 0; v < nv; v++) v_store(out + i * a->ld_out + v * PC_VLEN, acc[i][v]);
    }
}

#define DEFINE(nv, np)                                                                                                 \
    PC_TILE_FITS(nv, np, nv)                                                                                           \
    static void plain_##nv##x##np(const pc_channel_args *a) { tile(PC_TILE_PLAIN, nv, np, a); }                        \
    static void stepped_##nv##x##np(const pc_channel_args *a) { tile(PC_TILE_STEPPED, nv, np, a); }                    \
    static void copy_##nv##x##np(const pc_channel_args *a) { tile(PC_TILE_COPY, nv, np, a); }
PC_CHANNEL_TILES(DEFINE)

#define PLAIN(nv, np) [PC_TILE_PLAIN][nv][np] = plain_##nv##x##np,
#define STEPPED(nv, np) [PC_TILE_STEPPED][nv][np] = stepped_##nv##x##np,
#define COPY(nv, np) [PC_TILE_COPY][nv][np] = copy_##nv##x##np,
pc_channel_fn *const PC_FN(pc_channel_tiles)[PC_CHANNEL_MODES][PC_MAX_CHANNEL_NV + 1][PC_MAX_NP + 1] = {
    PC_CHANNEL_TILES(PLAIN) PC_CHANNEL_TILES(STEPPED) PC_CHANNEL_TILES(COPY)};
