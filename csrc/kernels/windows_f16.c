/* windows_f16.c - windows.c once more, for images of float16: converted as they are loaded and stored, which takes
 * ports that the FMAs leave free. On AVX-512 alone, whose masks suit any number of lanes. */
#if defined(PC_TARGET_AVX512) && defined(PC_DTYPE_F32)
#include "f16.h"
#define PC_HALVES PC_FN(pc_window_find_f16)
#include "windows.c"
#else
#include "kernels.h"
#endif
