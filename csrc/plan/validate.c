/* validate.c - every way in which a descriptor can be wrong, found before anything is computed from it. */
#include <math.h>

#include "plan.h"

static int valid_dtype(pc_dtype t) { return t == PC_F32 || t == PC_F64; }

/* Numbers that elements hold. */
static int valid_storage(pc_dtype dtype, pc_storage type) {
    const int least = dtype >= PC_I32 ? PC_U8 : PC_ELEMENTS;
    const int most = dtype == PC_I64 ? PC_S32 : dtype == PC_I32 ? PC_S16 : PC_U8;
    if (dtype == PC_F32 && (type == PC_F16 || type == PC_BF16)) return 1;
    return (unsigned)dtype <= PC_I64 && (int)type >= least && (int)type <= most;
}
static int valid_layout(pc_layout l) { return l == PC_NCHW || l == PC_NHWC; }

/* Fill in the target and the threads that the process asks for. */
static pc_status resolve(pc_isa *isa, int *threads) {
    if (*isa == PC_ISA_AUTO) {
        const pc_status status = pc_get_isa(isa);
        if (status != PC_OK) return status;
    }
    if (!pc_isa_available(*isa)) return PC_ERR_ISA;
    if (*threads < 0) return PC_ERR_THREADS;
    if (*threads == 0) *threads = pc_get_num_threads();
    return PC_OK;
}

/* Whether `n` tensors' worth of bytes fit: the product of the sizes times 8. */
static int product_fits(const int64_t *sizes, int n) {
    int64_t bytes = 8;
    for (int i = 0; i < n; i++)
        if (sizes[i]) bytes = pc_mul_checked(bytes, sizes[i]);
    return bytes >= 0;
}

/* The bordered extent of an axis minus the dilated window, or a status: the numerator of every output size. */
static pc_status room(int64_t in, int64_t lo, int64_t hi, int64_t window, int64_t dilation, int64_t *room) {
    int64_t extent;
    const int64_t reach = pc_mul_checked(window - 1, dilation);
    if (reach < 0 || __builtin_add_overflow(in, lo, &extent) || __builtin_add_overflow(extent, hi, &extent))
        return PC_ERR_OVERFLOW;
    *room = extent - reach - 1;
    return *room < 0 ? PC_ERR_KERNEL : PC_OK;
}

/* The output size of a transposed convolution along an axis. */
static pc_status transposed(pc_conv_desc *d, int i, int64_t *out) {
    const int64_t reach = pc_mul_checked(d->kernel[i] - 1, d->dilation[i]);
    const int64_t spread = pc_mul_checked(d->in[i] - 1, d->stride[i]);
    if (d->pad_hi[i] <= -pc_max(d->stride[i], d->dilation[i])) return PC_ERR_PADDING;
    if (reach < 0 || spread < 0 || reach > INT64_MAX / 4 || spread > INT64_MAX / 4) return PC_ERR_OVERFLOW;
    if (d->pad_lo[i] > INT64_MAX / 4 || d->pad_hi[i] > INT64_MAX / 4) return PC_ERR_PADDING;
    *out = spread + reach + 1 - d->pad_lo[i] - d->pad_hi[i];
    return *out < 1 ? PC_ERR_PADDING : PC_OK;
}

pc_status pc_validate_conv(pc_conv_desc *d, int64_t out[3]) {
    if (!valid_storage(d->dtype, d->src_type)) return PC_ERR_DTYPE;
    if (!valid_layout(d->src_layout) || !valid_layout(d->dst_layout)) return PC_ERR_LAYOUT;
    if ((int)d->boundary < 0 || d->boundary >= PC_BOUNDARY_COUNT) return PC_ERR_BOUNDARY;
    if (!pc_precision_name(d->precision)) return PC_ERR_PRECISION;
    if ((int)d->activation < 0 || d->activation >= PC_ACTIVATION_COUNT) return PC_ERR_ACTIVATION;
    if (d->activation == PC_CLAMP && !(d->clamp[0] <= d->clamp[1])) return PC_ERR_ACTIVATION;
    if (d->dtype >= PC_I32 && d->activation != PC_NO_ACTIVATION) return PC_ERR_ACTIVATION;
    if (d->mb < 0 || d->ic < 1 || d->oc < 1) return PC_ERR_SIZE;
    if (d->groups < 1 || d->ic % d->groups || d->oc % d->groups) return PC_ERR_GROUPS;
    if (d->boundary != PC_CONSTANT) d->fill = 0;
    if (d->boundary == PC_CONSTANT && d->fill == 0 && !signbit(d->fill)) d->boundary = PC_ZEROS;
    d->separable = d->separable != 0;
    d->transposed = d->transposed != 0;
    if (d->transposed && d->boundary != PC_ZEROS) return PC_ERR_BOUNDARY;
    if (d->transposed && d->separable) return PC_ERR_GROUPS;
    if (d->src_type >= PC_F16 && d->activation != PC_NO_ACTIVATION) return PC_ERR_ACTIVATION;
    if (d->src_type >= PC_F16 && (d->transposed || d->separable)) return PC_ERR_DTYPE;
    if ((d->separable || d->transposed) && d->dtype >= PC_I32) return PC_ERR_DTYPE;
    if (d->separable && (d->groups != d->ic || d->oc != d->ic)) return PC_ERR_GROUPS;
    for (int i = 0; i < 3; i++) {
        if (d->in[i] < 1 || d->kernel[i] < 1) return PC_ERR_SIZE;
        if (d->stride[i] < 1) return PC_ERR_STRIDE;
        if (d->dilation[i] < 1) return PC_ERR_DILATION;
        if (d->pad_lo[i] < 0 || (d->pad_hi[i] < 0 && !d->transposed)) return PC_ERR_PADDING;
        if (d->transposed) {
            const pc_status status = transposed(d, i, &out[i]);
            if (status != PC_OK) return status;
            if (d->kernel[i] == 1) d->dilation[i] = 1;
            if (d->stride[i] > INT32_MAX) return PC_ERR_OVERFLOW;
            continue;
        }
        int64_t left;
        const pc_status status = room(d->in[i], d->pad_lo[i], d->pad_hi[i], d->kernel[i], d->dilation[i], &left);
        if (status != PC_OK) return status;
        out[i] = left / d->stride[i] + 1;
        if (out[i] == 1) d->stride[i] = 1; /* the step to a second output is never taken */
        if (d->kernel[i] == 1) d->dilation[i] = 1;
        if (d->stride[i] > INT32_MAX) return PC_ERR_OVERFLOW;
    }
    if (d->separable && (d->in[0] != 1 || d->kernel[0] != 1 || out[0] != 1 || d->pad_lo[0] != 0)) return PC_ERR_SIZE;
    const int64_t src[] = {pc_max(d->mb, 1), d->ic, d->in[0], d->in[1], d->in[2]};
    const int64_t dst[] = {pc_max(d->mb, 1), d->oc, out[0], out[1], out[2]};
    const int64_t wei[] = {pc_round_up(pc_min(d->oc, INT64_C(1) << 62), 16), d->ic, d->kernel[0], d->kernel[1],
                           d->kernel[2]};
    int64_t bordered[3]; /* a bordered channel in float64 must be countable too */
    for (int i = 0; i < 3; i++) bordered[i] = d->transposed ? out[i] : d->in[i] + d->pad_lo[i] + d->pad_hi[i];
    if (!product_fits(src, 5) || !product_fits(dst, 5) || !product_fits(wei, 5) || !product_fits(bordered, 3))
        return PC_ERR_OVERFLOW;
    if (d->precision == PC_PRECISION_AUTO) d->precision = pc_get_precision();
    return resolve(&d->isa, &d->threads);
}

/* Windows that cut an axis into so many parts. Equal parts are windows like any others; where they differ, `window`
 * becomes an upper bound. */
static pc_status adapt(pc_pool_desc *d, int axis) {
    const int64_t n = d->in[axis], parts = d->adaptive[axis];
    if (parts < 0) return PC_ERR_SIZE;
    if (parts == 0 || d->placed) return PC_OK;
    if (pc_mul_checked(n, parts) < 0) return PC_ERR_OVERFLOW;
    const int equal = n % parts == 0;
    d->window[axis] = equal ? n / parts : pc_min(n, pc_ceil_div(n, parts) + 1);
    d->stride[axis] = equal ? n / parts : 1;
    d->dilation[axis] = 1;
    d->pad[axis] = 0;
    if (equal) d->adaptive[axis] = 0;
    return PC_OK;
}

pc_status pc_validate_pool(pc_pool_desc *d, int64_t out[3]) {
    if ((unsigned)d->kind >= PC_POOL_KIND_COUNT) return PC_ERR_POOL;
    if (d->kind != PC_POOL_MAX && (d->with_indices || d->placed || d->integer_bits)) return PC_ERR_POOL;
    const int bits = d->integer_bits;
    if (bits ? bits != 8 && bits != 16 && bits != 32 && bits != 64 : !valid_dtype(d->dtype)) return PC_ERR_DTYPE;
    if (bits) d->dtype = PC_F32;
    if (!valid_layout(d->src_layout) || !valid_layout(d->dst_layout)) return PC_ERR_LAYOUT;
    if (d->mb < 0 || d->c < 1) return PC_ERR_SIZE;
    for (int i = 0; i < 3; i++) {
        if (d->in[i] < 1) return PC_ERR_SIZE;
        if (d->placed) {
            if (d->adaptive[i] < 1) return PC_ERR_SIZE;
            d->stride[i] = d->dilation[i] = 1;
            d->pad[i] = 0;
        }
        pc_status status = adapt(d, i);
        if (status != PC_OK) return status;
        if (d->window[i] < 1) return PC_ERR_SIZE;
        if (d->stride[i] < 1) return PC_ERR_STRIDE;
        if (d->dilation[i] < 1) return PC_ERR_DILATION;
        int64_t left;
        status = room(d->in[i], pc_max(d->pad[i], 0), pc_max(d->pad[i], 0), d->window[i], d->dilation[i], &left);
        if (status == PC_ERR_OVERFLOW) return status;
        if (d->pad[i] < 0 || d->pad[i] > ((d->window[i] - 1) * d->dilation[i] + 1) / 2) return PC_ERR_PADDING;
        if (status == PC_ERR_KERNEL && d->ceil_mode && left > -d->stride[i]) {
            /* Rounded up, there is one window. What it has beyond the padding counts for nothing. */
            d->window[i] = (d->in[i] + 2 * d->pad[i] - 1) / d->dilation[i] + 1;
            left = 0;
        } else if (status != PC_OK) {
            return status;
        }
        out[i] = left / d->stride[i] + 1;
        if (d->ceil_mode && left % d->stride[i] && (d->in[i] + d->pad[i] - 1) / d->stride[i] >= out[i]) out[i]++;
        if (d->adaptive[i]) out[i] = d->adaptive[i];
        if (out[i] == 1) d->stride[i] = 1; /* the step to a second output is never taken */
        if (d->stride[i] > INT32_MAX) return PC_ERR_OVERFLOW;
    }
    const int64_t src[] = {pc_max(d->mb, 1), d->c, d->in[0] + 2 * d->pad[0], d->in[1] + 2 * d->pad[1],
                           d->in[2] + 2 * d->pad[2]};
    const int64_t dst[] = {pc_max(d->mb, 1), d->c, out[0], out[1], out[2]};
    if (!product_fits(src, 5) || !product_fits(dst, 5)) return PC_ERR_OVERFLOW;
    return resolve(&d->isa, &d->threads);
}
