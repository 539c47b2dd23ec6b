/* kernels.h - what the kernels of one (instruction set, element type) offer to the algorithms: one table each.
 *
 * Pointers to elements are void because one table type serves float and double. Strides, offsets and counts are in
 * elements.
 * Kernels neither allocate nor know of threads, and touch nothing outside what their contract names. */
#ifndef PC_KERNELS_H
#define PC_KERNELS_H

#include <stdint.h>

#include "../include/pyconv.h"

enum {
    PC_MAX_CHANNEL_NV = 4,
    PC_MAX_NP = 14,
    PC_MAX_MR = 8,
    PC_MAX_PIXEL_NV = 8,
    PC_MAX_ROW_TILE = 14,
    PC_MAX_DEPTHWISE_TILE = 8,
    PC_MAX_SEPARABLE_TILE = 8,
    PC_MAX_WINDOW = 7,
    PC_MAX_WINDOW_HIGH = 7,
    PC_MAX_WINDOW_WIDE = 2,
    PC_MAX_VLEN = 16,
};

/* ---- gather: a bordered, phase-split, planar strip ------------------------------------------------------------
 *
 * A strip holds, for some channels, the part of the bordered image that a region of outputs reads, rearranged so that a
 * strided convolution reads it with stride 1. Bordered row t and column u (counted from the region's corner) stand at
 *
 *     channel * chan + ((t % sh) * sw + u % sw) * phase + (t / sh) * pitch + u / sw
 */
typedef struct pc_gather_args {
    const void *src; /* element (0, 0) of the first channel's plane */
    int64_t src_chan, src_row, src_col;
    int64_t in_h, in_w;
    int64_t y0, x0; /* where the region's corner lies in the image; negative inside the border */
    void *dst;
    int64_t chan, phase, pitch;
    int64_t channels, rows, cols; /* extent of the bordered region */
    int sh, sw;
    uint64_t row_phases, col_phases; /* bit p: phase p is read by some tap (phases beyond 63 always are) */
    pc_boundary boundary;
    double fill; /* beyond the border with PC_ZEROS or PC_CONSTANT: 0, minus infinity for max pooling, any number */
    int bytes;   /* src holds numbers of type uint8_t */
    void *row;   /* then: room for min(cols, in_w) pixels of the channels, a vector of them at most; of integers, for
                    cols pixels, PC_INT_BLOCK elements at most */
    pc_storage type; /* of integers; and channels of src: an element holds PC_INT_FOLD of them, zeros beyond */
    int64_t inside;
} pc_gather_args;

/* Integers that stand for elements of so many bytes: pairs of channels as int16_t, or one as int64_t. */
#define PC_INT_FOLD(size) ((size) == 4 ? 2 : 1)
enum { PC_INT_BLOCK = 64 };

typedef void pc_gather_fn(const pc_gather_args *a);

/* ---- register tiles --------------------------------------------------------------------------------------------
 *
 * out[i][v] = init[i][v] + sum over k of a(k, i) * b(k, v), one FMA chain each, k in order.
 *
 * Channel lanes: i is a pixel, v a vector of output channels; a(k, i) = src[off[k] + i * step], b(k, v) = wei[k][v].
 * Row i of init and out stands at i * ld_init (0: one bias for all pixels) and i * ld_out.
 *
 * A copying tile also writes a panel, panel[k * ld_panel + i] = a(k, i), for the next blocks of channels to read: the
 * copy hides behind the FMAs. It writes whole vectors, so that up to a vector beyond the last row must be writable. */
typedef enum pc_channel_mode {
    PC_TILE_PLAIN, /* step is 1 */
    PC_TILE_STEPPED,
    PC_TILE_COPY, /* step is 1 */
    PC_CHANNEL_MODES
} pc_channel_mode;

typedef struct pc_channel_args {
    int64_t k;
    const void *wei, *src;
    const int64_t *off;
    int64_t step;
    int64_t next;      /* from src to the src of the tile that follows */
    int64_t next_step; /* 0, or step where each of its pixels lies in a cache line of its own */
    void *panel;
    int64_t ld_panel;
    const void *init;
    int64_t ld_init;
    void *out;
    int64_t ld_out;
} pc_channel_args;

typedef void pc_channel_fn(const pc_channel_args *a);
/* The panel of a tile of np pixels at any step, by itself: what a copying tile of each step would save, 0 to 4 % of 1x1
 * layers with a stride, is not worth its 50 KB. */
typedef void pc_pick_fn(const pc_channel_args *a, int np);

/* Pixel lanes: i is an output channel, v a vector of pixels anywhere in the strip; a(k, i) = wei[k][i],
 * b(k, v) = src[v][off[k] + lane]. Starts from bias[i], or from sum[i][v] when bias is NULL; ends in sum[i][v], or when
 * `last` in the first lanes[v] elements at dst[v] + i * ld_dst. */
typedef struct pc_pixel_args {
    int64_t k;
    const void *wei, *src[PC_MAX_PIXEL_NV];
    const int64_t *off;
    const void *bias;
    void *sum;
    int last;
    void *dst[PC_MAX_PIXEL_NV];
    int lanes[PC_MAX_PIXEL_NV];
    int64_t ld_dst;
} pc_pixel_args;

typedef void pc_pixel_fn(const pc_pixel_args *a);

/* ---- transpose -------------------------------------------------------------------------------------------------- */

/* dst[j * ld_dst + i] = src[i * ld_src + j] for i < n, j < m, which may be written twice. */
typedef void pc_transpose_fn(const void *src, int64_t ld_src, int64_t n, int64_t m, void *dst, int64_t ld_dst);

/* dst[v][j * step + i] = sum[i][v][j] for i < mr, v < nv and j < lanes[v]: what a tile of pixel lanes that was not
 * `last` left, to channels last. `step` is at least mr. */
typedef void pc_interleave_fn(const pc_pixel_args *a, int mr, int nv, int64_t step);

/* dst[i * step] = src[i] for i < n. Elements between the first and the last may be read and written back. */
typedef void pc_spread_fn(int64_t n, const void *src, int64_t step, void *dst);

/* dst[i * step + j] = src[j * pitch + i] for j < step, i * step + j < n; whole vectors of src are read. */
typedef void pc_weave_fn(int64_t n, int step, const void *src, int64_t pitch, void *dst);

/* ---- rows: depthwise and one-channel filters --------------------------------------------------------------------
 *
 * For output rows r < tile and columns x < ow of a variant (tile, row step, column step):
 *     dst[r * ld_dst + x] = bias + sum over tap columns s, then slices d, then tap rows q, of
 *         row[d * slice + r * row_step + q][col_off[s] + x * column step] * wei[(s * slices + d) * kr + q]
 * where a slice has the (tile - 1) * row_step + kr rows that it needs. Only variants of kr 3 and both
 * steps 1 take several slices. An element before column 0 or from in_w on is zero and is not read. */
typedef struct pc_rows_args {
    const void *const *row;
    int row_step, kr, slices;
    int64_t kw;
    const int64_t *col_off;
    int64_t least_off, most_off; /* of col_off */
    int64_t in_w;
    const void *wei;
    double bias; /* exact for both element types */
    void *dst;
    int64_t ld_dst, ow;
    pc_storage stored; /* dst holds half floats, PC_F16 or PC_BF16; or PC_ELEMENTS */
    int bfloat_unit;   /* the CPU rounds to PC_BF16 itself */
} pc_rows_args;

typedef void pc_rows_fn(const pc_rows_args *a);

/* ---- depthwise by channels ---------------------------------------------------------------------------------------
 *
 * A panel holds a region of the bordered image, some channels of each pixel. Row t, column u, lane i stand at
 *
 *     t * pitch + u * pixel + i
 *
 * and come from row y0 + t * apart_h, column x0 + u * apart_w of the image, channel (first + i) / repeat counted from
 * `src`. Whole vectors are written: a row needs a vector of room beyond its last pixel. Channels first (src_chan is not
 * 1), a pixel has a vector at most, and apart_w is 1. */
typedef struct pc_panel_args {
    const void *src;
    int64_t src_chan, src_row, src_col;
    int64_t in_h, in_w, y0, x0, apart_h, apart_w;
    int64_t rows, cols;
    int64_t first, repeat, lanes;
    void *dst;
    int64_t pitch, pixel;
    pc_boundary boundary;
    double fill;  /* PC_CONSTANT */
    int bordered; /* dst holds the zeros of a border already */
    int bytes;    /* src holds numbers of type uint8_t */
    void *row;    /* then: room for min(cols * apart_w, in_w) pixels of the channels that the lanes hold */
} pc_panel_args;

typedef void pc_panel_fn(const pc_panel_args *a);

/* For output rows r < tile and vectors v < n, lane by lane:
 *     dst[r * ld_dst + v * dst_step] = bias[v % period] + sum over tap columns s < kw, then tap rows q < kh, of
 *         src[r * row_step + q * tap_row + s * tap_col + v * step] * wei[v % period][s][q]
 * where bias and wei are vectors. `lanes` elements are stored, `last` of the last vector. A sharing tile is for tap_row
 * equal to row_step. */
typedef struct pc_depthwise_args {
    const void *src;
    int64_t row_step, tap_row, tap_col, step;
    int64_t kh, kw;
    const void *wei, *bias;
    int64_t period;
    void *dst;
    int64_t ld_dst, dst_step, n;
    int lanes, last;
} pc_depthwise_args;

typedef void pc_depthwise_fn(const pc_depthwise_args *a);

/* high x wide outputs, all channels, read in place. A tap column is `parts` parts of k tap rows; part j of the window's
 * columns, of which there are columns + wide - 1, has channel 0 of its pixel i at row[i] + off, and output (r, o)
 * reads pixels r * step + q of tap column s in parts (s + o) * parts on. There is at least a vector of channels; the
 * last vector of wei [vector][column][part][q][lane] ends with the last channel. */
typedef struct pc_window_part {
    const void *const *row;
    int64_t off;
} pc_window_part;

typedef struct pc_window_args {
    const pc_window_part *part;
    int64_t columns, parts, channels;
    const void *wei, *bias;
    void *dst;
    int64_t ld_row, ld_col;
} pc_window_args;

typedef void pc_window_fn(const pc_window_args *a);

/* ---- separable ------------------------------------------------------------------------------------------------------
 *
 * For rows r < tile and elements i < n, in vectors v = i / lanes, each lane by itself:
 *     column   dst[r * ld_dst + i] = bias[v % period] + sum over q < taps of row[r * row_step + q][i] *
 *                                    wei[v % period][q]
 *     line     dst[r * ld_dst + i] = bias[v % period] + sum over s < taps of src[r * ld_src + off[s] + i] *
 *                                    wei[v % period][s]
 * where bias and wei are vectors. Both write n elements. `column` reads as many of each row; `line` reads whole
 * vectors, and the one that follows the last tap's. A tile of `column` that shares is for row_step 1. */
typedef struct pc_column_args {
    const void *const *row;
    int row_step;
    int64_t taps;
    const void *wei, *bias;
    int64_t period;
    void *dst;
    int64_t ld_dst, n;
} pc_column_args;

typedef struct pc_line_args {
    const void *src;
    int64_t ld_src;
    const int64_t *off;
    int neighbours; /* off[s] = s, and period 1 with lanes alike */
    int near;       /* off ascends from 0 in steps of less than half a vector */
    int64_t taps;
    const void *wei, *bias;
    int64_t period;
    void *dst;
    int64_t ld_dst, n;
} pc_line_args;

typedef void pc_column_fn(const pc_column_args *a);
typedef void pc_line_fn(const pc_line_args *a);

/* ---- epilogue ---------------------------------------------------------------------------------------------------
 *
 * dst[i] = activation(dst[i] + residual[i]) for i < n; residual may be NULL. */
typedef struct pc_epilogue_args {
    pc_activation activation;
    double lo, hi;
} pc_epilogue_args;

typedef void pc_epilogue_fn(const pc_epilogue_args *a, int64_t n, const void *residual, void *dst);

/* ---- Winograd's transforms -------------------------------------------------------------------------------------
 *
 * m = 2 or 4 output pixels each way from n = m + 2 of the image, or 4 from 9 at stride 2; a frequency is one of the
 * n * n elements of a transformed tile. At stride 2 only 6 x 6 have weights of their own: those of frequencies 5 to 8
 * of an axis are equal, and packed once. For 5x5 filters m = 2 and n = 6.
 *
 * Filters of 5 to 8 taps each way at stride 2 are four filters of half as many, for the phases of the image: its even
 * or odd rows and columns. Those are channels here, 4 c + 2 (odd row) + (odd column), with m = 4 or, from 7 taps on, 3.
 *
 * A line is a tile of 4 neighbours in a row or a column, for kernels of one row or column. Its taps are cut into
 * segments of three, the last filled up with a zero; where one tap is left over (`rest`) it stays by itself. A tile
 * reads n = 3 + 3 segments + rest pixels. Frequencies 0 to 5 hold all segments, ld_segment apart; 6 to 9 the pixels
 * of the rest, which share their weight.
 *
 * A dilated kernel convolves every d-th row and column by itself. d tiles lie interleaved across, the first of them
 * over columns 0, d, 2 d, ...: a group; then the next d. Tiles are whole groups.
 *
 * Input: neighbouring tiles of one row of tiles and one vector of channels. Frequency f of tile t goes to
 * dst[place[t] + f * ld_freq + lane]; lanes from `channels` on hold zeros. Beyond the image it reads nothing and takes
 * zeros. `strip` holds a vector for each pixel of the rows and columns that the tiles read, rounded up to four columns.
 */
typedef enum pc_winograd_kind {
    PC_WINOGRAD_2,
    PC_WINOGRAD_3,
    PC_WINOGRAD_4,
    PC_WINOGRAD_STRIDED,
    PC_WINOGRAD_5X5,
    PC_WINOGRAD_LINE,
    PC_WINOGRAD_KINDS
} pc_winograd_kind;

/* How a line's taps are cut. */
typedef struct pc_winograd_cut {
    int vertical, segments, rest;
    int64_t ld_segment; /* of input, of filters */
} pc_winograd_cut;

typedef struct pc_winograd_in_args {
    const void *src; /* pixel (0, 0) of the first channel */
    int64_t src_chan, src_row, src_col;
    int64_t in_h, in_w;
    int64_t y, x;        /* where the first tile begins in the image */
    int64_t tiles, step; /* pixels from tile to tile, if there were no dilation */
    int64_t dilation[2]; /* rows and columns from tap to tap */
    int channels;        /* at most a vector */
    void *strip, *dst;
    const int64_t *place;
    int64_t ld_freq;
    pc_winograd_cut cut;
} pc_winograd_in_args;

typedef void pc_winograd_in_fn(const pc_winograd_in_args *a);

/* Filters: weights of a vector of output channels, wei[filter][channel][taps], to frequencies
 * dst[f * ld_freq + channel * ld_chan + filter], zeros from `filters` on; with phases = 2, four channels for each. Each
 * channel has src_chan elements, of which `taps` are read, and each filter src_filter. */
typedef struct pc_winograd_filter_args {
    pc_winograd_kind kind;
    const void *wei;
    int64_t filters, channels, taps;
    int size, phases; /* of a square: taps along an axis; phases along an axis, 1 or 2 */
    int64_t src_chan, src_filter;
    void *dst;
    int64_t ld_freq, ld_chan;
    pc_winograd_cut cut;
} pc_winograd_filter_args;

typedef void pc_winograd_filter_fn(const pc_winograd_filter_args *a);

/* Output: neighbouring tiles and some vectors of channels. Frequency f of tile t and channel c stands at
 * src[t * ld_tile + f * ld_freq + c]; bias and src are readable up to a whole vector. Writes rows x cols pixels,
 * channels last, and no more than one row of tiles. */
typedef struct pc_winograd_out_args {
    const void *src, *bias;
    int64_t ld_tile, ld_freq;
    void *dst; /* first pixel of the first tile and channel */
    int64_t dst_row, dst_col;
    int64_t tiles, rows, cols, channels;
    int64_t dilation; /* columns from pixel to pixel of a tile */
    pc_winograd_cut cut;
} pc_winograd_out_args;

typedef void pc_winograd_out_fn(const pc_winograd_out_args *a);

/* ---- transforms of convolution by FFT -------------------------------------------------------------------------------
 *
 * Complex numbers of a vector of transforms lie as points: PC_VLEN real parts, then as many imaginary ones. A transform
 * of n points takes steps of radix pc_fft_radix(n), then that of n divided by the radix, and so on, forward in place
 * from X(k) to an order of frequencies of its own, backward the other way round and n times too large. `roots` holds
 * for each step, with m = n / radix: for j < m, for 0 < p < radix: exp(-2 pi i j p / n), real part, imaginary part.
 *
 * A tile of real numbers, `rows` x `cols`, is transformed down its columns as complex numbers of half as many rows:
 *     z[y] = (tile[y] + i tile[y + rows / 2]) twist[y],    twist[y] = exp(pi i y / rows)
 * whose product with another tile's transform belongs to their convolution with signs changed where it wraps around.
 * Then along its rows. Its transform is a `spectrum`: frequencies down in vectors, cols points of each. rows / 2 and
 * cols are multiples of PC_MAX_VLEN.
 *
 * `in` does the columns of a tile, and returns whether there was a NaN, an infinity, or a number so large (2^40, of
 * doubles 2^480) that sums might be one; `out` the columns backward, and stores bias + the result in the first rows and
 * columns of dst. Both turn the spectrum's rows into columns on the way. `points` is room for rows / 2 of them. */
typedef struct pc_fft_args {
    int64_t rows, cols;
    const void *tile;
    int64_t ld_tile;
    const void *twist, *row_roots;
    void *points, *spectrum;
} pc_fft_args;

/* Transforms of n real numbers, tile[n][lane]: fold, transform, multiply with wei, which holds n / 2 frequencies in the
 * order of the transform, transform back, unfold and add the bias. Result y < n / 2 is the real part of point y, result
 * y + n / 2 its imaginary part. `seen` gets a NaN in the lanes where `in` would find something, zeros in others. */
typedef struct pc_fft_line_args {
    int64_t n;
    const void *twist, *roots, *wei;
    double bias;
    const void *tile;
    void *points, *seen;
} pc_fft_line_args;

typedef void pc_fft_line_fn(const pc_fft_line_args *a);

typedef int pc_fft_in_fn(const pc_fft_args *a);
typedef void pc_fft_out_fn(const pc_fft_args *a, double bias, int64_t rows, int64_t cols, void *dst, int64_t ld_dst);

/* ---- pooling -------------------------------------------------------------------------------------------------------
 *
 * The largest element or the sum of windows, first along the columns of each row, then down the rows. Of maxima the
 * first of equals in that order, and NaN wins; sums are divided at the end, by way of the reciprocal if that is exact.
 * Before element 0 of a row and from in_w on stand minus infinities or zeros, and nothing is read.
 *
 * A tile: `tile` rows of n results of windows of k x k in each of `depth` slices, at step s, the first of them at
 * column `off`; row[i] is the row of the first slice, or of a border, at i rows below the first window's top, and those
 * of the other slices follow. Row r goes to dst + to[r]: in order, so that of two that go to one place the later one
 * stays. And the same for more planes, whose rows are row_step[i] apart and whose results ld_plane; `moved` has space
 * for as many pointers as `row`. Where windows differ, `cols` says what each column adds to its divisor, and rows[r]
 * row r of the results. Tiles of PC_MAX_POOL_TILE rows are for a depth of 1. */
enum { PC_MAX_POOL_TILE = 7 };

typedef struct pc_pool_tile_args {
    const void *const *row;
    int64_t off, in_w, n, depth;
    void *dst;
    int64_t to[PC_MAX_POOL_TILE];
    int64_t planes, ld_plane;
    const int64_t *row_step;
    const void **moved;
    double by; /* what sums are divided by; or multiplied, an exact reciprocal, */
    int times; /* where this is set */
    const void *cols;
    double rows[PC_MAX_POOL_TILE];
} pc_pool_tile_args;

typedef void pc_pool_tile_fn(const pc_pool_tile_args *a);

/* Blocks: dst[r * n + x] = the largest, or the sum divided, of the 2x2 elements at column 2 x and row 2 r of rows in_w
 * apart, and of those in more slices, for x < n and r < rows. in_w is 2 n or more. After `high` rows come those of the
 * next plane. */
typedef struct pc_pool_blocks_args {
    pc_pool_kind kind;
    const void *src;
    int64_t in_w, n, rows, high, ld_plane;
    int64_t depth, ld_slice;
    void *dst;
    double by;
    int times;
} pc_pool_blocks_args;

typedef void pc_pool_blocks_fn(const pc_pool_blocks_args *a);

/* Planes as one row: dst[i] = the largest, or the sum, of src[i + off[j]] over j < taps in the lanes of mask j, for i <
 * n; the middle tap has all lanes. masks: of tap j from element j * ld_masks on, made in place of n elements, of which
 * each is 1 or 0, and more zeros up to PC_MAX_VLEN. */
typedef struct pc_pool_flat_args {
    pc_pool_kind kind;
    const void *src;
    int64_t n, taps;
    const int64_t *off;
    const void *masks;
    int64_t ld_masks;
    void *dst;
} pc_pool_flat_args;

typedef void pc_pool_flat_fn(const pc_pool_flat_args *a);

/* Rows: dst[x] = the largest, or the sum divided, of row[col_off[j] + x * col_step] over j < cols, for x < n, and the
 * same for more lines, ld_src and ld_dst apart. col_step is 1 or 2. */
typedef struct pc_pool_row_args {
    pc_pool_kind kind;
    int col_step;
    const void *row;
    int64_t in_w, n, cols;
    const int64_t *col_off;
    int64_t least_off, most_off; /* of col_off */
    void *dst;
    int64_t lines, ld_src, ld_dst;
    double by;
    int times;
} pc_pool_row_args;

typedef void pc_pool_row_fn(const pc_pool_row_args *a);

/* Rows down: dst[i] = the largest, or the sum divided, of row[q * cols + j][i] over j < cols, then q < rows, for i < n;
 * minus infinity or zero without rows. And the same for more lines, ld_src and ld_dst apart. Sums of one line may be
 * divided by `divisors` instead, each by its own; they are readable up to a whole vector. */
typedef struct pc_pool_down_args {
    pc_pool_kind kind;
    const void *const *row;
    int64_t rows, cols, n; /* cols is at least 1 */
    void *dst;
    double by;
    int times;
    const void *divisors; /* or NULL */
    int64_t lines, ld_src, ld_dst;
} pc_pool_down_args;

typedef void pc_pool_down_fn(const pc_pool_down_args *a);

/* Winners down: dst[i] = the largest of row[t][i] over t < taps, for i < n, and at[i * at_step] = index[t] of the one
 * it is: of equals the first, of NaN the last; minus infinity and index[0] without taps. And the same for more lines,
 * whose indices are ld_index more. */
typedef struct pc_pool_winners_args {
    const void *const *row;
    const int64_t *index;
    int64_t taps, n;
    void *dst;
    int64_t *at;
    int64_t lines, ld_src, ld_dst, ld_index, ld_at, at_step;
} pc_pool_winners_args;

typedef void pc_pool_winners_fn(const pc_pool_winners_args *a);

/* Whole planes: dst[c] = the largest, or the sum divided, of src[c * src_channel + i * src_pixel] over i < pixels, for
 * c < channels. src_pixel is 1, or src_channel is, but not for maxima. The sum in the order that pyconv.h states. */
typedef struct pc_pool_global_args {
    pc_pool_kind kind;
    const void *src;
    int64_t pixels, channels, src_pixel, src_channel;
    void *dst;
    double divisor;
} pc_pool_global_args;

typedef void pc_pool_global_fn(const pc_pool_global_args *a);

/* ---- resampling ----------------------------------------------------------------------------------------------------
 *
 * In a table, sum i takes in tap t the element index[t * ld + i] with weight[t * ld + i]; along i and along t indices
 * ascend.
 * row: dst[i] = sum over t < taps of src[index[t * ld + i]] * weight[t * ld + i] for i < n, by a table that goes on for
 *     a vector more; src has in_n elements. One tap: a copy, without weights.
 * pixels: the same n elements from element c of the first pixel on, whose channels share an entry of the table and are
 *     `inner`; and with two taps perhaps those of two rows, src[0] and src[1], blended by down[0] and down[1].
 * blend: dst[i] = sum over t < taps of row[t][i] * weight[t] for i < n. */
enum { PC_MAX_RESAMPLE_TAPS = 4 };

typedef struct pc_resample_table {
    const int32_t *index;
    const void *weight;
    int64_t ld;
} pc_resample_table;

typedef void pc_resample_row_fn(int taps, int64_t n, const pc_resample_table *table, const void *src, int64_t in_n,
                                void *dst);
typedef void pc_resample_pixels_fn(int taps, int high, int64_t n, int64_t c, int64_t inner,
                                   const pc_resample_table *table, const void *const *src, const void *down, void *dst);
typedef void pc_resample_blend_fn(int taps, int64_t n, const void *const *row, const void *weight, void *dst);

typedef struct pc_kernels {
    pc_isa isa;
    int vlen, size; /* elements a vector, bytes an element */
    pc_gather_fn *gather;
    void (*widen)(int64_t n, const uint8_t *src, void *dst); /* dst[i] = src[i] */
    /* [mode][nv][np], NULL where not compiled */
    pc_channel_fn *const (*channel_tile)[PC_MAX_CHANNEL_NV + 1][PC_MAX_NP + 1];
    pc_pixel_fn *const (*pixel_tile)[PC_MAX_PIXEL_NV + 1]; /* [mr][nv] */
    pc_pick_fn *pick;
    pc_transpose_fn *transpose;
    pc_interleave_fn *interleave;
    pc_spread_fn *spread;
    pc_weave_fn *weave;
    /* `tile` output rows at once; kr = 0: any filter height, row_step = 0: any; NULL where not compiled */
    pc_rows_fn *(*rows)(int tile, int kr, int row_step, int col_step);
    pc_rows_fn *(*rows_narrow)(int tile, int kr, int row_step, int col_step);    /* half as many lanes; or NULL */
    pc_rows_fn *(*rows_halves[2])(int tile, int kr, int row_step, int col_step); /* of PC_F16, PC_BF16; or NULL */
    pc_panel_fn *panel;
    pc_depthwise_fn *const (*depthwise)[PC_MAX_DEPTHWISE_TILE + 1]; /* [shares][tile], NULL where not compiled */
    pc_window_fn *(*window)(int high, int wide, int k, int step, int square);           /* NULL where not compiled */
    pc_window_fn *(*window_halves[2])(int high, int wide, int k, int step, int square); /* as rows_halves */
    pc_column_fn *const (*column)[PC_MAX_SEPARABLE_TILE + 1]; /* [shares][tile], NULL where not compiled */
    pc_line_fn *const *line;                                  /* [tile], NULL where not compiled */
    pc_winograd_in_fn *winograd_input[PC_WINOGRAD_KINDS];
    pc_winograd_out_fn *winograd_output[PC_WINOGRAD_KINDS];
    pc_winograd_filter_fn *winograd_filter;
    pc_fft_in_fn *fft_in;
    pc_fft_out_fn *fft_out;
    pc_fft_line_fn *fft_line;
    void (*fft_points)(int back, int64_t n, const void *roots, void *data);
    void (*fft_product)(int64_t n, const void *a, const void *b, void *dst);  /* points; dst may be a */
    pc_pool_tile_fn *(*pool_tile)(pc_pool_kind kind, int tile, int k, int s); /* tile 0: any; NULL where not compiled */
    pc_pool_blocks_fn *pool_blocks;                                           /* or NULL */
    pc_pool_flat_fn *pool_flat;                                               /* or NULL */
    void (*pool_flat_masks)(int64_t n, void *flags);
    pc_pool_row_fn *pool_row;
    pc_pool_down_fn *pool_down;
    pc_pool_winners_fn *pool_winners;
    pc_pool_global_fn *pool_global;
    /* data[i] = the larger of it and data[i + distance], from i = 0 on, for i < n */
    void (*pool_pairs)(int64_t n, int64_t distance, void *data);
    /* data[i] /= rows * cols[i], or rows without cols, which are readable up to a whole vector */
    void (*pool_divide)(int64_t n, double rows, const void *cols, void *data);
    pc_epilogue_fn *epilogue;
    void (*convert)(pc_storage from, pc_storage to, int saturate, int64_t n, const void *src, void *dst); /* or NULL */
    void (*unary)(pc_unary_op op, double a, double b, int64_t n, const void *src, void *dst);
    void (*softmax)(int logarithm, int64_t rows, int64_t n, const void *src, void *dst);
    void (*norm)(const pc_norm_desc *desc, int64_t from, int64_t to, const void *src, void *dst); /* rows, of all */
    pc_resample_row_fn *resample_row;
    pc_resample_pixels_fn *resample_pixels;
    pc_resample_blend_fn *resample_blend;
} pc_kernels;

/* NULL for a target that this build lacks. Integers have the kernels of the dense algorithms alone. */
const pc_kernels *pc_kernels_find(pc_isa isa, pc_dtype dtype);

#endif
