/* peak.h - what the machine can do at best: fused multiply-adds a second and bytes copied a second. */
#ifndef PYCONV_BENCH_PEAK_H
#define PYCONV_BENCH_PEAK_H

#include "pyconv.h"

double peak_now(void); /* seconds on a monotonic clock */

/* GFLOP/s of independent FMA chains in registers of this ISA, on `threads` threads together, over about `seconds`.
 * 0 where the ISA has no such loop here. */
double peak_fma(pc_isa isa, pc_dtype dtype, int threads, double seconds);

/* GB/s of copying a buffer larger than the caches, bytes read plus bytes written; 0 when memory is short. */
double peak_copy(int threads);

#endif
