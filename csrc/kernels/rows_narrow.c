/* rows_narrow.c - rows.c once more, for AVX-512 with 256-bit vectors: for pictures whose rows would leave many lanes
 * of wide vectors empty. The bits are the same, as with any vector length. In float32 alone: it is 90 KB of code. */
#if defined(PC_TARGET_AVX512) && defined(PC_DTYPE_F32)
#define PC_NARROW 1
#include "rows.c"
#else
#include "kernels.h"
#endif
