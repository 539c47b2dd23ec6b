/* table.c - the kernels of this target and element type, as the one table that the dispatcher sees. AVX-512 has another
 * for CPUs that round to bfloat16 themselves. */
#include "table.h"
#include "../simd/vec.h"
#include "kernels.h"

const pc_kernels PC_FN(pc_kernels) = {
#include "entries.h"
#if defined(PC_TARGET_AVX512) && defined(PC_DTYPE_F32)
    .rows_halves = {PC_FN(pc_rows_find_f16)},
    .window_halves = {PC_FN(pc_window_find_f16)},
#endif
#if defined(PC_DTYPE_F32)
    .convert = PC_FN(pc_convert),
#endif
};

#if defined(PC_TARGET_AVX512) && defined(PC_DTYPE_F32)
const pc_kernels PC_FN(pc_bfloat_kernels) = {
#include "entries.h"
    .rows_halves = {PC_FN(pc_rows_find_f16), PC_FN(pc_rows_find_bf16)},
    .window_halves = {PC_FN(pc_window_find_f16), PC_FN(pc_window_find_bf16)},
    .convert = PC_FN(pc_convert_bfloats),
};
#endif
