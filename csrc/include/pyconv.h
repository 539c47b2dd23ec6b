/* pyconv.h - the public C interface of pyconv, convolution and pooling on CPUs.
 *
 * Life of a problem:
 *
 *     pc_conv_desc desc = PC_CONV_DESC_INIT;       describe one layer, by name
 *     desc.mb = 1; desc.ic = 3; ...
 *     pc_plan *plan;
 *     pc_plan_create_conv(&desc, &plan);           validate, choose an algorithm, book memory
 *     pc_plan_pack(plan, weights, packed);         once per set of weights
 *     pc_plan_execute(plan, &args);                as often as wanted, from any number of threads
 *     pc_plan_destroy(plan);
 *
 * What holds everywhere:
 *   - Functions return a status; nothing prints, nothing aborts, nothing throws.
 *   - pc_plan_execute allocates nothing: the caller owns packed weights and workspace.
 *   - A plan is immutable once created; any number of threads may execute it at once, each with a workspace of its own.
 *   - Sizes, strides and offsets are 64-bit. Strides count elements, sizes of buffers count bytes.
 *   - The result is the same, bit for bit, on every instruction set and for every number of threads, and an image's
 *     result does not depend on the rest of its batch. Direct convolution means exactly this, in this order:
 *         acc = bias;  for c, kw, kd, kh:  acc = fma(src[c, ...], wei[oc, c, kd, kh, kw], acc)
 *     Padding is data: a tap in zero padding multiplies a zero (so an infinite weight there gives NaN).
 */
#ifndef PYCONV_H
#define PYCONV_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PC_VERSION_MAJOR 0
#define PC_VERSION_MINOR 1
#define PC_VERSION_PATCH 0

#if defined(PC_BUILD_SHARED)
#define PC_API __attribute__((visibility("default")))
#else
#define PC_API
#endif

/* ---- status ------------------------------------------------------------------------------------------------- */

typedef enum pc_status {
    PC_OK = 0,
    PC_ERR_NULL,       /* a required pointer is NULL */
    PC_ERR_DTYPE,      /* unknown element type */
    PC_ERR_LAYOUT,     /* unknown layout */
    PC_ERR_SIZE,       /* a size is not positive (batch may be zero) */
    PC_ERR_GROUPS,     /* channels are not divisible by groups, or groups < 1 */
    PC_ERR_STRIDE,     /* stride < 1 */
    PC_ERR_DILATION,   /* dilation < 1 */
    PC_ERR_PADDING,    /* negative padding, or more than the window allows; nothing is left of a transposed result */
    PC_ERR_KERNEL,     /* the dilated kernel is larger than the padded input */
    PC_ERR_OVERFLOW,   /* an extent or a buffer does not fit in 64 bits */
    PC_ERR_BOUNDARY,   /* unknown boundary mode */
    PC_ERR_ISA,        /* unknown instruction set, or one that this CPU or this build lacks */
    PC_ERR_ALGO,       /* unknown algorithm, or the forced one refuses this problem */
    PC_ERR_THREADS,    /* thread count < 0 */
    PC_ERR_ACTIVATION, /* unknown activation, or a clamp whose bounds are not least, greatest */
    PC_ERR_PRECISION,  /* unknown precision */
    PC_ERR_POOL,       /* unknown kind of pooling, or indices, integers or placed windows of an average */
    PC_ERR_INDEX,      /* an index outside its plane */
    PC_ERR_MODE,       /* unknown way of resampling */
    PC_ERR_NOMEM,      /* plan creation ran out of memory */
    PC_STATUS_COUNT
} pc_status;

/* A short English sentence for a status; never NULL, static storage. */
PC_API const char *pc_status_text(pc_status status);

/* ---- names -------------------------------------------------------------------------------------------------- */

/* Elements of the arithmetic: of sums, weights, bias and result. Integers are exact modulo 2^32 or 2^64; the weights of
 * PC_I32 lie within int16_t or uint8_t, those of PC_I64 within int32_t. */
typedef enum pc_dtype { PC_F32 = 0, PC_F64 = 1, PC_I32 = 2, PC_I64 = 3 } pc_dtype;

/* What memory holds: elements of a problem's dtype, or other numbers; PC_F16 and PC_BF16 take half of float32's. */
typedef enum pc_storage {
    PC_ELEMENTS = 0,
    PC_U8,
    PC_S8,
    PC_S16,
    PC_S32,
    PC_S64,
    PC_F16,
    PC_BF16,
    PC_STORAGE_COUNT
} pc_storage;

/* Order of the axes in memory: channels first or channels last. */
typedef enum pc_layout { PC_NCHW = 0, PC_NHWC = 1 } pc_layout;

/* What lies beyond the image, however far. REFLECT does not repeat the edge pixel (np.pad "reflect"), SYMMETRIC does
 * (np.pad "symmetric"), CONSTANT is desc.fill. */
typedef enum pc_boundary {
    PC_ZEROS = 0,
    PC_REFLECT,
    PC_REPLICATE,
    PC_CIRCULAR,
    PC_SYMMETRIC,
    PC_CONSTANT,
    PC_BOUNDARY_COUNT
} pc_boundary;

typedef enum pc_isa { PC_ISA_AUTO = 0, PC_ISA_SCALAR, PC_ISA_AVX2, PC_ISA_AVX512, PC_ISA_NEON, PC_ISA_COUNT } pc_isa;

PC_API const char *pc_isa_name(pc_isa isa); /* "auto", "scalar", "avx2", ...; NULL if unknown */
PC_API int pc_isa_available(pc_isa isa);    /* built in, and this CPU and OS run it */
/* The process-wide target: PYCONV_ISA if set, else the best one. PC_ERR_ISA if PYCONV_ISA names none that runs. */
PC_API pc_status pc_get_isa(pc_isa *isa);
PC_API pc_status pc_set_isa(pc_isa isa); /* PC_ISA_AUTO returns to the default */
PC_API pc_status pc_isa_from_name(const char *name, pc_isa *isa);

/* Threads: OMP_NUM_THREADS or the CPUs in this process's affinity mask, until set. The thread-local override, when
 * not 0, wins over the process-wide number. */
PC_API int pc_get_num_threads(void);
PC_API pc_status pc_set_num_threads(int n);       /* 0 returns to the default */
PC_API pc_status pc_set_num_threads_local(int n); /* this thread only; 0 removes the override */
PC_API int pc_get_num_threads_local(void);

/* How results may be computed. FAST may take a transform that saves multiplications and rounds differently: Winograd's,
 * to an rms error of at most twice that of STRICT on data of both signs, and up to 2.4 times after a ReLU with 24 to 64
 * channels; for large kernels an FFT of tiles of at most 256 x 128 pixels or 2048 in a line, to at most twice too, on
 * numbers of like size, since an error there is small against the largest numbers of a tile. STRICT is one chain of
 * fused multiply-adds an output, written down at the top of this file. Either gives the same bits on every target and
 * for any number of threads. */
typedef enum pc_precision { PC_PRECISION_AUTO = 0, PC_FAST, PC_STRICT, PC_PRECISION_COUNT } pc_precision;

PC_API const char *pc_precision_name(pc_precision precision); /* "auto", "fast", "strict"; NULL if unknown */
PC_API pc_precision pc_get_precision(void);                   /* the process-wide choice: PC_FAST until set */
PC_API pc_status pc_set_precision(pc_precision precision);    /* PC_PRECISION_AUTO returns to the default */

PC_API const char *pc_version(void);  /* "0.1.0" */
PC_API const char *pc_compiler(void); /* the compiler that built the library */

/* ---- convolution -------------------------------------------------------------------------------------------- */

/* Algorithms of convolution, in order of registration. pc_algo_name(i) for i = 0, 1, ... until NULL. */
PC_API const char *pc_algo_name(int i);

/* What is done to a finished output, while it is still in the cache. CLAMP takes desc.clamp; NaN stays NaN. */
typedef enum pc_activation {
    PC_NO_ACTIVATION = 0,
    PC_RELU,      /* max(x, 0) */
    PC_CLAMP,     /* min(max(x, clamp[0]), clamp[1]); ReLU6 is 0, 6 */
    PC_SILU,      /* x / (1 + exp(-x)) */
    PC_HARDSWISH, /* x * min(max(x + 3, 0), 6) / 6 */
    PC_ACTIVATION_COUNT
} pc_activation;

/* One convolution (cross-correlation) layer. Spatial arrays are depth, height, width; a 2-D problem has depth 1
 * (in[0] = kernel[0] = stride[0] = dilation[0] = 1, no padding there). Weights are (oc, ic/groups, kd, kh, kw), dense.
 */
typedef struct pc_conv_desc {
    pc_dtype dtype;
    pc_layout src_layout, dst_layout;
    pc_boundary boundary;
    int64_t mb, ic, oc, groups;
    int64_t in[3], kernel[3], stride[3], dilation[3], pad_lo[3], pad_hi[3];
    double fill;         /* PC_CONSTANT: the number, rounded to dtype */
    pc_storage src_type; /* floats: PC_ELEMENTS or PC_U8; PC_I32: PC_U8 to PC_S16; PC_I64: to PC_S32; PC_F32 also PC_F16
                          * and PC_BF16, as which then dst is stored: depthwise and without a residual */
    int separable;       /* each channel's kernel is a column times a row, see below */
    int transposed;      /* the adjoint of a convolution, see below */
    pc_isa isa;          /* PC_ISA_AUTO: the process-wide target */
    int threads;         /* 0: the process-wide number; small problems use fewer */
    pc_precision precision;   /* PC_PRECISION_AUTO: the process-wide choice */
    pc_activation activation; /* of the sum, bias and residual included */
    double clamp[2];          /* PC_CLAMP: least and greatest */
    const char *algo;         /* NULL or "auto": chosen from the shape of one image; else a name, which may refuse */
} pc_conv_desc;

/* A separable problem filters each channel by itself (groups = ic = oc, no depth) with a kernel that is the product of
 * a column of kernel[1] taps and a row of kernel[2]. Weights are (oc, kernel[1] + kernel[2]): the column, then the row.
 * The column comes first, and its results are rounded to the element type:
 *     t = 0;       for kh:  t = fma(src[c, ...], column[c, kh], t)     on every row of the image and column of it or of
 *     acc = bias;  for kw:  acc = fma(t[c, ...], row[c, kw], acc)      its border */

/* A transposed problem adds src[i] * wei[t] to dst[i * stride - pad_lo + t * dilation], along each axis; padding cuts
 * the result, of (in - 1) * stride - pad_lo - pad_hi + dilation * (kernel - 1) + 1 elements, and a negative pad_hi,
 * less than stride or dilation, adds to it. Weights are (ic, oc/groups, kd, kh, kw). Its chain is that of a convolution
 * with what taps an output meets, in the order of the inputs: c, then kw, kd, kh, each from the last to the first.
 * Inputs before the first and after the last are zeros that take part, as far as taps of other outputs reach. */

/* clang-format off */
#define PC_CONV_DESC_INIT                                                                                             \
    {                                                                                                                 \
        .dtype = PC_F32, .mb = 1, .ic = 1, .oc = 1, .groups = 1, .in = {1, 1, 1}, .kernel = {1, 1, 1},                \
        .stride = {1, 1, 1}, .dilation = {1, 1, 1}                                                                    \
    }
/* clang-format on */

/* ---- pooling ------------------------------------------------------------------------------------------------- */

typedef enum pc_pool_kind { PC_POOL_MAX, PC_POOL_AVERAGE, PC_POOL_KIND_COUNT } pc_pool_kind;

/* Pooling over every channel by itself. A window covers window[i] elements, dilation[i] apart; padding is at most half
 * the dilated window.
 *
 * The maximum: padding holds minus infinity. The first of equal values wins; NaN wins over numbers, the last NaN's
 * index. A dilated window that misses the image has the index -1.
 *
 * The average: elements of a row are added from left to right, then the sums of rows from top to bottom, and the sum is
 * divided, once, by the number of elements of the window: those in the image or in the padding, or in the image alone.
 * (Where a size rounded up moves a window out of the padding, what lies beyond does not count.)
 *
 * The average of a whole image, where a single window covers all of it, has 16 sums: element i, counted through rows
 * and planes, is added to sum i mod 16, then sums 8 to 15 to sums 0 to 7, 4 to 7 to 0 to 3, 2 and 3 to 0 and 1, 1 to 0.
 *
 * Adaptive windows cut an axis into n parts: window o runs from floor(o * in / n) to ceil((o + 1) * in / n). Placed
 * ones start anywhere in the image, in each plane elsewhere; stride, dilation and pad count for nothing then, and no
 * window may leave the image.
 *
 * Of integers padding holds the lowest. */
typedef struct pc_pool_desc {
    pc_pool_kind kind;
    pc_dtype dtype;
    pc_layout src_layout, dst_layout;
    int64_t mb, c;
    int64_t in[3], window[3], stride[3], dilation[3], pad[3];
    int ceil_mode;        /* round the output size up, a single window may be larger than the padded image then; a last
                           * one that starts in the right padding is dropped */
    int with_indices;     /* also write the flat index of each maximum within one unpadded (D, H, W) volume */
    int padding_excluded; /* average: divide by the number of elements in the image */
    int64_t divisor;      /* average: divide by this, if it is not 0 */
    int64_t adaptive[3];  /* not 0: cut the axis into so many parts, whatever window, stride, dilation and pad say */
    int placed;           /* maxima: the windows start where pc_exec_args says, adaptive[i] of them on each axis */
    int integer_bits;     /* maxima of integers of 8, 16, 32 or 64 bits, whatever dtype says; 0: floats */
    int integer_unsigned;
    pc_isa isa;
    int threads;
} pc_pool_desc;

/* clang-format off */
#define PC_POOL_DESC_INIT                                                                                             \
    {                                                                                                                 \
        .dtype = PC_F32, .mb = 1, .c = 1, .in = {1, 1, 1}, .window = {1, 1, 1}, .stride = {1, 1, 1},                  \
        .dilation = {1, 1, 1}                                                                                         \
    }
/* clang-format on */

/* ---- plans -------------------------------------------------------------------------------------------------- */

typedef struct pc_plan pc_plan;

PC_API pc_status pc_plan_create_conv(const pc_conv_desc *desc, pc_plan **plan);
PC_API pc_status pc_plan_create_pool(const pc_pool_desc *desc, pc_plan **plan);
PC_API void pc_plan_destroy(pc_plan *plan);

/* The other way: every element of src, n of each of so many planes, to the place in its plane of dst that `indices`
 * names, and 0 elsewhere; of those with the same place the last counts. Elements of 1, 2, 4 or 8 bytes. PC_ERR_INDEX,
 * and dst is undefined, if a place is not in 0 <= place < dst_n. */
PC_API pc_status pc_max_unpool(int64_t planes, int64_t n, int64_t dst_n, int size, const void *src,
                               const int64_t *indices, void *dst);

PC_API const int64_t *pc_plan_out(const pc_plan *plan);    /* output depth, height, width */
PC_API size_t pc_plan_packed_size(const pc_plan *plan);    /* bytes; 0 where nothing is packed */
PC_API size_t pc_plan_workspace_size(const pc_plan *plan); /* bytes for all threads together */
/* Two plans with equal keys can share packed weights. */
PC_API uint64_t pc_plan_pack_key(const pc_plan *plan);

/* Every buffer below needs the alignment of its elements only; 64-byte alignment is faster. */
PC_API pc_status pc_plan_pack(const pc_plan *plan, const void *wei, void *packed);

typedef struct pc_exec_args {
    const void *src;
    const void *packed;    /* from pc_plan_pack, for convolution */
    const void *bias;      /* oc elements, or NULL */
    const void *residual;  /* convolution: added to the output before its activation, laid out as dst; or NULL */
    void *dst;             /* must not overlap any input */
    int64_t *indices;      /* pooling with indices only, same layout as dst */
    const int64_t *starts; /* placed windows: of each plane of the batch the starts of depth, height and width */
    void *workspace;       /* pc_plan_workspace_size bytes, or NULL where that is 0 */
} pc_exec_args;

PC_API pc_status pc_plan_execute(const pc_plan *plan, const pc_exec_args *args);

typedef struct pc_plan_info {
    const char *algo; /* "channel_lanes", "pixel_lanes", "rows", ... */
    const char *isa;
    char tile[96]; /* the register tile, in words */
    int threads;
    int64_t flops; /* of the direct algorithm: 2 * outputs * taps */
    size_t packed_bytes, workspace_bytes;
    size_t workspace_bytes_per_thread;
} pc_plan_info;

PC_API pc_status pc_plan_get_info(const pc_plan *plan, pc_plan_info *info);
/* Why algorithm `i` (see pc_algo_name) did not run: a sentence, or NULL for the one that does and for no such
 * algorithm. */
PC_API const char *pc_plan_refusal(const pc_plan *plan, int i);
/* Write all of the above as text, at most n bytes with the closing 0; returns the length that the whole text needs. */
PC_API size_t pc_plan_explain(const pc_plan *plan, char *text, size_t n);

/* ---- elementwise and rows, no plan needed ------------------------------------------------------------------- */

/* Functions of one element x. NaN stays NaN, but for a power of 0. */
typedef enum pc_unary_op {
    PC_UNARY_RELU = 0,   /* max(x, 0) */
    PC_UNARY_CLAMP,      /* min(max(x, a), b) */
    PC_UNARY_LEAKY_RELU, /* x, or a x where x < 0 */
    PC_UNARY_ELU,        /* x, or a (exp(x) - 1) where x < 0 */
    PC_UNARY_GELU,       /* x times the normal distribution of x */
    PC_UNARY_GELU_TANH,  /* its approximation x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 */
    PC_UNARY_SILU,       /* x / (1 + exp(-x)) */
    PC_UNARY_HARDSWISH,  /* x min(max(x + 3, 0), 6) / 6 */
    PC_UNARY_SIGMOID,    /* 1 / (1 + exp(-x)) */
    PC_UNARY_TANH,
    PC_UNARY_POW, /* x^a */
    PC_UNARY_COUNT
} pc_unary_op;

/* dst may be src. */
PC_API pc_status pc_unary(pc_dtype dtype, pc_unary_op op, double a, double b, int64_t n, const void *src, void *dst);
PC_API pc_status pc_relu(pc_dtype dtype, int64_t n, const void *src, void *dst);
/* Softmax, or its logarithm, along each of `rows` contiguous rows of n elements; dst may be src. */
PC_API pc_status pc_softmax(pc_dtype dtype, int64_t rows, int64_t n, const void *src, void *dst);
PC_API pc_status pc_log_softmax(pc_dtype dtype, int64_t rows, int64_t n, const void *src, void *dst);

/* Rows of n elements, each normalised by its own mean and (biased) variance: (x - mean) / sqrt(var + eps) * w + b. A
 * row consists of segments with a weight and a bias each; row r has those from (r % groups) * (n / segment) on. A layer
 * norm has segments of 1 and one group; a group norm has groups of channels, and the pixels of a channel for segments.
 */
typedef struct pc_norm_desc {
    int64_t n, segment, groups;
    double eps;
    const void *weight, *bias; /* groups * n / segment elements, or NULL: 1 and 0 */
} pc_norm_desc;

PC_API pc_status pc_normalize(pc_dtype dtype, const pc_norm_desc *desc, int64_t rows, const void *src, void *dst);

/* Images resampled to another size, one axis after the other, the last one first. Element i of an axis comes from place
 *
 *     p = (i + 1/2) * step - 1/2,   not below 0 if linear;   p = i * step with `corners`;
 *     p = floor((i + 1/2) * step)   if nearest exact,        p = floor(i * step) if nearest
 *
 * and is the sum, one FMA chain in order, of the two or four elements at floor(p) (cubic: at floor(p) - 1) and after
 * it, those beyond the ends replaced by the last one; their weights are 1 - t and t, or Keys' with a = -3/4, of t = p -
 * floor(p). Places and weights are computed in dtype; that of the nearest ends as float32. */
typedef enum pc_resample_mode {
    PC_RESAMPLE_NEAREST = 0,
    PC_RESAMPLE_EXACT,
    PC_RESAMPLE_LINEAR,
    PC_RESAMPLE_CUBIC,
    PC_RESAMPLE_COUNT
} pc_resample_mode;

typedef struct pc_resample_desc {
    pc_dtype dtype;
    pc_resample_mode mode;
    int corners;
    int size;              /* nearest, of any elements: their bytes; else that of dtype */
    int rank;              /* the last axes, which are resampled; the others are 1 */
    int64_t planes, inner; /* (planes, *in, inner): images by channels, or images with channels last */
    int64_t in[3], out[3]; /* depth, height, width; less than 2^31 */
    double step[3];        /* finite, not negative */
} pc_resample_desc;

/* Bytes of workspace for all threads to run with; 0 for a descriptor that is none. Less will do for fewer threads. */
PC_API size_t pc_resample_workspace(const pc_resample_desc *desc);
PC_API pc_status pc_resample(const pc_resample_desc *desc, const void *src, void *dst, void *workspace, size_t bytes);

/* Numbers of one type as those of another, PC_ELEMENTS being float32. To float32 from any but PC_S64, and PC_S16 and
 * PC_S32 only as it is; from float32 to PC_F16 and PC_BF16, rounded to nearest even, where a NaN is quiet and keeps the
 * first bits of its payload, and to PC_S32, of integers within its range; from PC_S32 and PC_S64 to shorter integers,
 * modulo their range or, with `saturate`, the nearest number within it. dst may be src where both are equally long. */
PC_API pc_status pc_convert(pc_storage from, pc_storage to, int saturate, int64_t n, const void *src, void *dst);
/* The same of `rows` times n numbers, ld_src and ld_dst of them from one row to the next. */
PC_API pc_status pc_convert_rows(pc_storage from, pc_storage to, int saturate, int64_t rows, int64_t n, const void *src,
                                 int64_t ld_src, void *dst, int64_t ld_dst);

#ifdef __cplusplus
}
#endif
#endif
