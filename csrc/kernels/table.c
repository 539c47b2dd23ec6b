/* table.c - the kernels of this target and element type, as the one table that the dispatcher sees. */
#include "table.h"
#include "../simd/vec.h"
#include "kernels.h"

const pc_kernels PC_FN(pc_kernels) = {
    .isa = PC_TARGET_ISA,
    .vlen = PC_VLEN,
    .size = sizeof(elem),
    .gather = PC_FN(pc_gather),
    .widen = PC_FN(pc_widen),
    .channel_tile = PC_FN(pc_channel_tiles),
    .pixel_tile = PC_FN(pc_pixel_tiles),
    .transpose = PC_FN(pc_transpose),
    .interleave = PC_FN(pc_interleave),
    .spread = PC_FN(pc_spread),
    .weave = PC_FN(pc_weave),
    .rows = PC_FN(pc_rows_find),
#if defined(PC_TARGET_AVX512) && defined(PC_DTYPE_F32)
    .rows_narrow = PC_FN(pc_rows_find_narrow),
    .rows_halves = {PC_FN(pc_rows_find_f16), PC_FN(pc_rows_find_bf16)},
#endif
    .panel = PC_FN(pc_panel),
    .window = PC_FN(pc_window_find),
    .depthwise = PC_FN(pc_depthwise_tiles),
    .column = PC_FN(pc_column_tiles),
    .line = PC_FN(pc_line_tiles),
    .winograd_input = {PC_FN(pc_winograd_input_2), PC_FN(pc_winograd_input_4), PC_FN(pc_winograd_input_4),
                       PC_FN(pc_winograd_input_strided), PC_FN(pc_winograd_input_4), PC_FN(pc_winograd_input_line)},
    .winograd_output = {PC_FN(pc_winograd_output_2), PC_FN(pc_winograd_output_3), PC_FN(pc_winograd_output_4),
                        PC_FN(pc_winograd_output_strided), PC_FN(pc_winograd_output_5x5),
                        PC_FN(pc_winograd_output_line)},
    .winograd_filter = PC_FN(pc_winograd_filter),
    .fft_in = PC_FN(pc_fft_in),
    .fft_out = PC_FN(pc_fft_out),
    .fft_line = PC_FN(pc_fft_line),
    .fft_points = PC_FN(pc_fft_points),
    .fft_product = PC_FN(pc_fft_product),
    .pool_tile = PC_FN(pc_pool_tile),
#if !defined(PC_TARGET_SCALAR)
    .pool_blocks = PC_FN(pc_pool_blocks),
#endif
#if !defined(PC_TARGET_SCALAR) && !defined(PC_TARGET_NEON) && defined(PC_DTYPE_F32)
    .pool_flat = PC_FN(pc_pool_flat),
    .pool_flat_masks = PC_FN(pc_pool_flat_masks),
#endif
    .pool_row = PC_FN(pc_pool_row),
    .pool_down = PC_FN(pc_pool_down),
    .pool_winners = PC_FN(pc_pool_winners),
    .pool_global = PC_FN(pc_pool_global),
    .pool_pairs = PC_FN(pc_pool_pairs),
    .pool_divide = PC_FN(pc_pool_divide),
    .epilogue = PC_FN(pc_epilogue),
#if defined(PC_DTYPE_F32)
    .convert = PC_FN(pc_convert),
#endif
    .unary = PC_FN(pc_unary_row),
    .softmax = PC_FN(pc_softmax_rows),
    .norm = PC_FN(pc_norm_rows),
    .resample_row = PC_FN(pc_resample_row),
    .resample_pixels = PC_FN(pc_resample_pixels),
    .resample_blend = PC_FN(pc_resample_blend),
};
