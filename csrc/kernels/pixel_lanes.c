/* pixel_lanes.c - the register tile whose vectors run along output pixels.
 *
 * out[mr channels][nv vectors of pixels]: each step of k loads nv pixel vectors, at any alignment, and broadcasts mr
 * weights, in order from packed memory. The vectors of one tile may lie in different rows of the picture, so narrow
 * pictures fill a tile too. NCHW output is stored as it stands, without a transpose. */
#include "../simd/tiles.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

/* Whole vectors have stores of their own: under a mask they cost AVX-512 some 4 % where sums have 9 steps. For doubles,
 * which are rarer, a quarter of the code is worth more. */
enum { WHOLE_STORES = PC_VLEN * sizeof(elem) < 64 || sizeof(elem) == 4 };

PC_INLINE void tile(const int mr, const int nv, const pc_pixel_args *a) {
    vec acc[PC_MAX_MR][PC_MAX_PIXEL_NV];
    const elem *bias = a->bias, *wei = a->wei, *src[PC_MAX_PIXEL_NV];
    PC_UNROLL for (int v = 0; v < nv; v++) src[v] = a->src[v];
    elem *sum = a->sum;
    if (bias) {
        PC_UNROLL for (int i = 0; i < mr; i++) {
            const vec b = v_set1(bias[i]);
            PC_UNROLL for (int v = 0; v < nv; v++) acc[i][v] = b;
        }
    } else {
        PC_UNROLL for (int i = 0; i < mr; i++) {
            PC_UNROLL for (int v = 0; v < nv; v++) acc[i][v] = v_load(sum + (i * nv + v) * PC_VLEN);
        }
    }
    const int64_t *off = a->off;
    for (int64_t k = 0; k < a->k; k++, wei += mr) {
        const int64_t o = off[k];
        vec x[PC_MAX_PIXEL_NV];
        PC_UNROLL for (int v = 0; v < nv; v++) x[v] = v_load(src[v] + o);
        PC_UNROLL for (int i = 0; i < mr; i++) {
            const vec w = v_set1(wei[i]);
            PC_UNROLL for (int v = 0; v < nv; v++) acc[i][v] = v_fma(w, x[v], acc[i][v]);
        }
    }
    if (!a->last) {
        PC_UNROLL for (int i = 0; i < mr; i++) {
            PC_UNROLL for (int v = 0; v < nv; v++) v_store(sum + (i * nv + v) * PC_VLEN, acc[i][v]);
        }
        return;
    }
    PC_UNROLL for (int v = 0; v < nv; v++) {
        elem *dst = a->dst[v];
        const int n = a->lanes[v];
        if (WHOLE_STORES && n == PC_VLEN) {
            PC_UNROLL for (int i = 0; i < mr; i++) v_store(dst + i * a->ld_dst, acc[i][v]);
        } else {
            PC_UNROLL for (int i = 0; i < mr; i++) v_store_n(dst + i * a->ld_dst, n, acc[i][v]);
        }
    }
}

#define DEFINE(mr, nv)                                                                                                 \
    PC_TILE_FITS(mr, nv, 1)                                                                                            \
    static void tile_##mr##x##nv(const pc_pixel_args *a) { tile(mr, nv, a); }
PC_PIXEL_TILES(DEFINE)

#define ROW(mr, nv) [mr][nv] = tile_##mr##x##nv,
pc_pixel_fn *const PC_FN(pc_pixel_tiles)[PC_MAX_MR + 1][PC_MAX_PIXEL_NV + 1] = {PC_PIXEL_TILES(ROW)};
