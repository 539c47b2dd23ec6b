/* table.h - the names that this target's kernel files give to table.c. */
#ifndef PC_KERNELS_TABLE_H
#define PC_KERNELS_TABLE_H

#include "../simd/vec.h"
#include "kernels.h"

#if defined(PC_TARGET_AVX512)
#define PC_TARGET_ISA PC_ISA_AVX512
#elif defined(PC_TARGET_AVX2)
#define PC_TARGET_ISA PC_ISA_AVX2
#elif defined(PC_TARGET_NEON)
#define PC_TARGET_ISA PC_ISA_NEON
#else
#define PC_TARGET_ISA PC_ISA_SCALAR
#endif

extern const pc_kernels PC_FN(pc_int_kernels);
extern pc_channel_fn *const PC_FN(pc_channel_tiles)[PC_CHANNEL_MODES][PC_MAX_CHANNEL_NV + 1][PC_MAX_NP + 1];
extern pc_pixel_fn *const PC_FN(pc_pixel_tiles)[PC_MAX_MR + 1][PC_MAX_PIXEL_NV + 1];
extern pc_depthwise_fn *const PC_FN(pc_depthwise_tiles)[2][PC_MAX_DEPTHWISE_TILE + 1];
extern pc_column_fn *const PC_FN(pc_column_tiles)[2][PC_MAX_SEPARABLE_TILE + 1];
extern pc_line_fn *const PC_FN(pc_line_tiles)[PC_MAX_SEPARABLE_TILE + 1];
pc_panel_fn PC_FN(pc_panel);
pc_window_fn *PC_FN(pc_window_find)(int high, int wide, int k, int step, int square);
pc_gather_fn PC_FN(pc_gather), PC_FN(pc_int_gather);
void PC_FN(pc_widen)(int64_t n, const uint8_t *src, void *dst);
pc_transpose_fn PC_FN(pc_transpose);
pc_interleave_fn PC_FN(pc_interleave);
pc_pick_fn PC_FN(pc_pick);
pc_spread_fn PC_FN(pc_spread);
pc_weave_fn PC_FN(pc_weave);
pc_rows_fn *PC_FN(pc_rows_find)(int tile, int kr, int row_step, int col_step);
pc_rows_fn *PC_FN(pc_rows_find_narrow)(int tile, int kr, int row_step, int col_step);
pc_window_fn *PC_FN(pc_window_find_f16)(int high, int wide, int k, int step, int square);
pc_window_fn *PC_FN(pc_window_find_bf16)(int high, int wide, int k, int step, int square);
pc_rows_fn *PC_FN(pc_rows_find_f16)(int tile, int kr, int row_step, int col_step);
pc_rows_fn *PC_FN(pc_rows_find_bf16)(int tile, int kr, int row_step, int col_step);
pc_winograd_in_fn PC_FN(pc_winograd_input_2), PC_FN(pc_winograd_input_4), PC_FN(pc_winograd_input_strided),
    PC_FN(pc_winograd_input_line);
pc_winograd_filter_fn PC_FN(pc_winograd_filter);
pc_winograd_out_fn PC_FN(pc_winograd_output_2), PC_FN(pc_winograd_output_3), PC_FN(pc_winograd_output_4),
    PC_FN(pc_winograd_output_strided), PC_FN(pc_winograd_output_5x5), PC_FN(pc_winograd_output_line);
pc_fft_in_fn PC_FN(pc_fft_in);
pc_fft_out_fn PC_FN(pc_fft_out);
pc_fft_line_fn PC_FN(pc_fft_line);
void PC_FN(pc_fft_points)(int back, int64_t n, const void *roots, void *data);
void PC_FN(pc_fft_product)(int64_t n, const void *a, const void *b, void *dst);
pc_pool_tile_fn *PC_FN(pc_pool_tile)(pc_pool_kind kind, int tile, int k, int s);
pc_pool_blocks_fn PC_FN(pc_pool_blocks);
pc_pool_flat_fn PC_FN(pc_pool_flat);
void PC_FN(pc_pool_flat_masks)(int64_t n, void *flags);
pc_pool_row_fn PC_FN(pc_pool_row);
pc_pool_down_fn PC_FN(pc_pool_down);
pc_pool_winners_fn PC_FN(pc_pool_winners);
pc_pool_global_fn PC_FN(pc_pool_global);
void PC_FN(pc_pool_pairs)(int64_t n, int64_t distance, void *data);
void PC_FN(pc_pool_divide)(int64_t n, double rows, const void *cols, void *data);
pc_epilogue_fn PC_FN(pc_epilogue);
void PC_FN(pc_convert)(pc_storage from, pc_storage to, int saturate, int64_t n, const void *src, void *dst);
void PC_FN(pc_convert_bfloats)(pc_storage from, pc_storage to, int saturate, int64_t n, const void *src, void *dst);
void PC_FN(pc_relu_row)(int64_t n, const void *src, void *dst);
void PC_FN(pc_unary_row)(pc_unary_op op, double a, double b, int64_t n, const void *src, void *dst);
void PC_FN(pc_softmax_rows)(int logarithm, int64_t rows, int64_t n, const void *src, void *dst);
void PC_FN(pc_norm_rows)(const pc_norm_desc *desc, int64_t from, int64_t to, const void *src, void *dst);
pc_resample_row_fn PC_FN(pc_resample_row);
pc_resample_pixels_fn PC_FN(pc_resample_pixels);
pc_resample_blend_fn PC_FN(pc_resample_blend);

#endif
