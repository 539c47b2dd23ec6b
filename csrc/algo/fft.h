/* fft.h - what the algorithms by fast Fourier transform share: fft.c on tiles, fft_lines.c along one axis. */
#ifndef PC_ALGO_FFT_H
#define PC_ALGO_FFT_H

#include "conv.h"

/* Elements of the roots of unity that a transform of n points takes, see kernels.h; fill them in, and the twist of n
 * real numbers. `size`: bytes of an element. */
int64_t pc_fft_roots(int64_t n);
void pc_fft_fill_roots(int size, int64_t n, void *to);
void pc_fft_fill_twist(int size, int64_t n, void *to);

/* rows x cols outputs as chains, of taps [kw][kh] and a tile of high x wide bordered pixels: below it stand its first
 * rows again, to its right zeros. `table` has room for kh + kw pointers. */
void pc_fft_chains(const pc_conv *conv, const void *tile, int64_t ld_tile, int64_t high, int64_t wide, const void *taps,
                   double bias, int64_t rows, int64_t cols, void *dst, int64_t ld_dst, void *table);

/* Whether a channel's weights are such that transforms would overflow or lose them to underflow, where a chain does
 * not. `scale`: what the transform multiplies them with. */
int pc_fft_extreme(const void *wei, int64_t taps, double scale, int size);

/* Element i of p, or 0 without p. */
double pc_fft_number(const void *p, int64_t i, int size);

#endif
