/* rows_narrow.c - rows.c once more, for AVX-512 with 256-bit vectors: for pictures whose rows would leave many lanes
 * of wide vectors empty. The bits are the same, as with any vector length. In float32 alone, and for 5x5 and 7x7 at
 * stride 1, which gain 12 to 16 % on 56 and 40 columns; 3x3 gains 0 to 6, and all variants together take 64 KB. */
#if defined(PC_TARGET_AVX512) && defined(PC_DTYPE_F32)
#define PC_NARROW 1
#include "rows.c"
#else
#include "kernels.h"
#endif
