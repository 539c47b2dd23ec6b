/* tiles.h - the register tiles of each instruction set.
 *
 * A channel-lane tile is nv vectors of output channels x np pixels: nv * np accumulators, nv weight vectors and one
 * broadcast pixel. A pixel-lane tile is mr output channels x nv vectors of pixels: mr * nv accumulators, nv pixel
 * vectors and one broadcast weight. PC_UPTO_n(X, a) lists (a, 1) .. (a, n): every size up to the largest is compiled,
 * so that a row of any length splits into nearly equal tiles without waste.
 *
 * Why these: about 8 accumulators hide the latency of an FMA (4 cycles; two 256-bit or one 512-bit FMA a cycle on Zen
 * 4), more of them save loads. One core of Zen 4, peak 112 GFLOP/s: AVX-512 2x14 reaches 105, 4x7 108, 3x8 87; AVX2 2x6
 * 106. */
#ifndef PC_SIMD_TILES_H
#define PC_SIMD_TILES_H

#define PC_UPTO_1(X, a) X(a, 1)
#define PC_UPTO_2(X, a) PC_UPTO_1(X, a) X(a, 2)
#define PC_UPTO_3(X, a) PC_UPTO_2(X, a) X(a, 3)
#define PC_UPTO_4(X, a) PC_UPTO_3(X, a) X(a, 4)
#define PC_UPTO_5(X, a) PC_UPTO_4(X, a) X(a, 5)
#define PC_UPTO_6(X, a) PC_UPTO_5(X, a) X(a, 6)
#define PC_UPTO_7(X, a) PC_UPTO_6(X, a) X(a, 7)
#define PC_UPTO_8(X, a) PC_UPTO_7(X, a) X(a, 8)
#define PC_UPTO_9(X, a) PC_UPTO_8(X, a) X(a, 9)
#define PC_UPTO_12(X, a) PC_UPTO_9(X, a) X(a, 10) X(a, 11) X(a, 12)
#define PC_UPTO_14(X, a) PC_UPTO_12(X, a) X(a, 13) X(a, 14)

/* PC_CHANNEL_TILES(X): X(nv, np).  PC_PIXEL_TILES(X): X(mr, nv).  PC_ROW_TILES: output rows of a rows tile. */
#if defined(PC_TARGET_AVX512)
#define PC_REGISTERS 32
#if defined(PC_DTYPE_F64) /* rarer, and every tile takes room in the wheel */
#define PC_CHANNEL_TILES(X) PC_UPTO_7(X, 1) PC_UPTO_12(X, 2)
#else
#define PC_CHANNEL_TILES(X) PC_UPTO_14(X, 1) PC_UPTO_14(X, 2) PC_UPTO_9(X, 3) PC_UPTO_7(X, 4)
#endif
#if defined(PC_DTYPE_F64)
#define PC_PIXEL_TILES(X)                                                                                              \
    PC_UPTO_8(X, 1)                                                                                                    \
    PC_UPTO_5(X, 2) PC_UPTO_4(X, 3) PC_UPTO_3(X, 4) PC_UPTO_2(X, 5) PC_UPTO_2(X, 6) PC_UPTO_2(X, 7) PC_UPTO_2(X, 8)
#else
#define PC_PIXEL_TILES(X)                                                                                              \
    PC_UPTO_8(X, 1)                                                                                                    \
    PC_UPTO_8(X, 2) PC_UPTO_6(X, 3) PC_UPTO_6(X, 4) PC_UPTO_5(X, 5) PC_UPTO_4(X, 6) PC_UPTO_3(X, 7) PC_UPTO_3(X, 8)
#endif
#elif defined(PC_TARGET_AVX2)
#define PC_REGISTERS 16
#if defined(PC_DTYPE_F64)
#define PC_CHANNEL_TILES(X) PC_UPTO_6(X, 1) PC_UPTO_6(X, 2) PC_UPTO_4(X, 3)
#else
#define PC_CHANNEL_TILES(X) PC_UPTO_12(X, 1) PC_UPTO_6(X, 2) PC_UPTO_4(X, 3)
#endif
#define PC_PIXEL_TILES(X)                                                                                              \
    PC_UPTO_7(X, 1) PC_UPTO_5(X, 2) PC_UPTO_3(X, 3) PC_UPTO_3(X, 4) PC_UPTO_2(X, 5) PC_UPTO_2(X, 6)
#elif defined(PC_TARGET_NEON)
#define PC_REGISTERS 32
#define PC_CHANNEL_TILES(X) PC_UPTO_14(X, 1) PC_UPTO_12(X, 2) PC_UPTO_8(X, 3) PC_UPTO_6(X, 4)
#define PC_PIXEL_TILES(X)                                                                                              \
    PC_UPTO_8(X, 1)                                                                                                    \
    PC_UPTO_8(X, 2) PC_UPTO_6(X, 3) PC_UPTO_6(X, 4) PC_UPTO_5(X, 5) PC_UPTO_4(X, 6) PC_UPTO_3(X, 7) PC_UPTO_3(X, 8)
#else
#define PC_REGISTERS 16
#define PC_CHANNEL_TILES(X) PC_UPTO_4(X, 1) PC_UPTO_4(X, 2) PC_UPTO_3(X, 4)
#define PC_PIXEL_TILES(X) PC_UPTO_4(X, 1) PC_UPTO_4(X, 2) PC_UPTO_3(X, 3) PC_UPTO_3(X, 4)
#endif

/* Accumulators and the vectors they are multiplied with; the broadcast operand may come straight from memory. */
#define PC_TILE_FITS(a, b, vectors) _Static_assert((a) * (b) + (vectors) <= PC_REGISTERS, "register tile too large");

#endif
