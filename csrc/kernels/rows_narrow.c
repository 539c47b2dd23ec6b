/* rows_narrow.c - rows.c once more, for AVX-512 with 256-bit vectors: narrow pictures would leave wide ones half empty. The
 * bits are the same, as with any vector length. */
#if defined(PC_TARGET_AVX512)
#define PC_NARROW 1
#include "rows.c"
#else
#include "kernels.h"
#endif
