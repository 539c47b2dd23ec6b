/* rows_bf16.c - rows.c once more, for images of bfloat16: converted as they are loaded and stored, which takes ports
 * that the FMAs leave free. On AVX-512 alone, whose masks suit any number of lanes. */
#if defined(PC_TARGET_AVX512) && defined(PC_DTYPE_F32)
#define PC_HALVES PC_BF16
#define HALVES_NAME PC_FN(pc_rows_find_bf16)
#include "rows.c"
#else
#include "kernels.h"
#endif
