/* int_lanes.c - the register tiles of channel_lanes.c and pixel_lanes.c for integers.
 *
 * An element is a pair of int16_t, two channels of a tap, whose two products go to a sum of 32 bits (float32's
 * compile), or an int32_t in 64 bits whose product goes to a sum of as many. Strips, packed weights and sums are bits
 * to every other kernel, so that all of the drivers for floats serve integers too. Pairs do twice as many
 * multiplications an instruction as floats; vpdpwssd (AVX512-VNNI) adds in the same one, and gains over vpmaddwd and
 * vpaddd on the CPUs that run both of those in the place of FMAs. AVX-512 without VNNI takes AVX2's tiles: 12 KB are
 * worth more. */
#include "../simd/tiles.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

#if defined(PC_TARGET_AVX512) && defined(PC_DTYPE_F32)
#define VNNI __attribute__((target("avx512vnni")))
PC_INLINE VNNI vec dot(vec a, vec b, vec c) {
    return _mm512_castsi512_ps(
        _mm512_dpwssd_epi32(_mm512_castps_si512(c), _mm512_castps_si512(a), _mm512_castps_si512(b)));
}
#else
#define VNNI
#define dot v_dot
#endif

/* Fewer tiles than floats have, for size: the sums of 64 bits are rarely asked for. */
#if defined(PC_TARGET_SCALAR)
#define CHANNEL_TILES(X) PC_UPTO_4(X, 1)
#define PIXEL_TILES(X) X(1, 1)
#elif defined(PC_DTYPE_F64)
#define CHANNEL_TILES(X) PC_UPTO_6(X, 1)
#define PIXEL_TILES(X) PC_UPTO_4(X, 1)
#elif defined(PC_TARGET_AVX2)
#define CHANNEL_TILES(X) PC_UPTO_6(X, 1) PC_UPTO_6(X, 2)
#define PIXEL_TILES(X) PC_UPTO_4(X, 1) PC_UPTO_4(X, 2)
#else
#define CHANNEL_TILES(X) PC_UPTO_7(X, 1) PC_UPTO_12(X, 2)
#define PIXEL_TILES(X) PC_UPTO_4(X, 1) PC_UPTO_4(X, 2)
#endif

PC_INLINE VNNI void channels(const int nv, const int np, const pc_channel_args *a) {
    vec acc[PC_MAX_NP][PC_MAX_CHANNEL_NV];
    const elem *init = a->init, *wei = a->wei, *src = a->src;
    elem *out = a->out;
    PC_UNROLL for (int i = 0; i < np; i++) {
        PC_UNROLL for (int v = 0; v < nv; v++) acc[i][v] = v_load(init + i * a->ld_init + v * PC_VLEN);
    }
    const int64_t *off = a->off, steps = a->k;
    for (int64_t k = 0; k < steps; k++, wei += nv * PC_VLEN) {
        const elem *p = src + off[k];
        vec w[PC_MAX_CHANNEL_NV];
        PC_UNROLL for (int v = 0; v < nv; v++) w[v] = v_load(wei + v * PC_VLEN);
        PC_UNROLL for (int i = 0; i < np; i++) {
            const vec x = v_set1(p[i]);
            PC_UNROLL for (int v = 0; v < nv; v++) acc[i][v] = dot(x, w[v], acc[i][v]);
        }
    }
    PC_UNROLL for (int i = 0; i < np; i++) {
        PC_UNROLL for (int v = 0; v < nv; v++) v_store(out + i * a->ld_out + v * PC_VLEN, acc[i][v]);
    }
}

/* By way of memory: one copy of the partial stores for all tiles. */
PC_RARE void store(int mr, int nv, const pc_pixel_args *a) {
    const elem *sum = a->sum;
    for (int i = 0; i < mr; i++)
        for (int v = 0; v < nv; v++, sum += PC_VLEN)
            v_store_n((elem *)a->dst[v] + i * a->ld_dst, a->lanes[v], v_load(sum));
}

PC_INLINE VNNI void pixels(const int mr, const int nv, const pc_pixel_args *a) {
    vec acc[PC_MAX_MR][PC_MAX_PIXEL_NV];
    const elem *bias = a->bias, *wei = a->wei, *src[PC_MAX_PIXEL_NV];
    PC_UNROLL for (int v = 0; v < nv; v++) src[v] = a->src[v];
    elem *sum = a->sum;
    PC_UNROLL for (int i = 0; i < mr; i++) {
        PC_UNROLL for (int v = 0; v < nv; v++) acc[i][v] =
            bias ? v_set1(bias[i]) : v_load(sum + (i * nv + v) * PC_VLEN);
    }
    const int64_t *off = a->off;
    for (int64_t k = 0; k < a->k; k++, wei += mr) {
        const int64_t o = off[k];
        vec x[PC_MAX_PIXEL_NV];
        PC_UNROLL for (int v = 0; v < nv; v++) x[v] = v_load(src[v] + o);
        PC_UNROLL for (int i = 0; i < mr; i++) {
            const vec w = v_set1(wei[i]);
            PC_UNROLL for (int v = 0; v < nv; v++) acc[i][v] = dot(w, x[v], acc[i][v]);
        }
    }
    PC_UNROLL for (int i = 0; i < mr; i++) {
        PC_UNROLL for (int v = 0; v < nv; v++) v_store(sum + (i * nv + v) * PC_VLEN, acc[i][v]);
    }
    if (a->last) store(mr, nv, a);
}

#define DEFINE_CHANNELS(nv, np)                                                                                        \
    PC_TILE_FITS(nv, np, nv)                                                                                           \
    static VNNI void channels_##nv##x##np(const pc_channel_args *a) { channels(nv, np, a); }
#define DEFINE_PIXELS(mr, nv)                                                                                          \
    PC_TILE_FITS(mr, nv, 1)                                                                                            \
    static VNNI void pixels_##mr##x##nv(const pc_pixel_args *a) { pixels(mr, nv, a); }
CHANNEL_TILES(DEFINE_CHANNELS)
PIXEL_TILES(DEFINE_PIXELS)

#define CHANNELS(nv, np) [PC_TILE_PLAIN][nv][np] = channels_##nv##x##np,
#define PIXELS(mr, nv) [mr][nv] = pixels_##mr##x##nv,
static pc_channel_fn *const channel_tiles[1][PC_MAX_CHANNEL_NV + 1][PC_MAX_NP + 1] = {CHANNEL_TILES(CHANNELS)};
static pc_pixel_fn *const pixel_tiles[PC_MAX_MR + 1][PC_MAX_PIXEL_NV + 1] = {PIXEL_TILES(PIXELS)};

const pc_kernels PC_FN(pc_int_kernels) = {
    .isa = PC_TARGET_ISA,
    .vlen = PC_VLEN,
    .size = sizeof(elem),
    .gather = PC_FN(pc_int_gather),
    .channel_tile = channel_tiles,
    .pixel_tile = pixel_tiles,
    .transpose = PC_FN(pc_transpose),
    .interleave = PC_FN(pc_interleave),
    .spread = PC_FN(pc_spread),
};
