/* windows_bf16.c - windows.c once more, for images of bfloat16: converted as they are loaded and stored, which takes
 * ports that the FMAs leave free. On AVX-512 alone, whose masks suit any number of lanes,
 * and where the CPU rounds to bfloat16. */
#if defined(PC_TARGET_AVX512) && defined(PC_DTYPE_F32)
#include "bf16.h"
#define PC_HALVES PC_FN(pc_window_find_bf16)
#include "windows.c"
#else
#include "kernels.h"
#endif
