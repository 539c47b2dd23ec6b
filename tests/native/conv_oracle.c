/* conv_oracle.c - convolution as csrc/include/pyconv.h defines it, one output at a time. */
#include <math.h>

#include "conv_problem.h"

/* The image coordinate that stands at `i`, which may lie outside; -1 for a zero. */
static int64_t resolve(pc_boundary boundary, int64_t i, int64_t n) {
    if (i >= 0 && i < n) return i;
    switch (boundary) {
        case PC_REPLICATE: return i < 0 ? 0 : n - 1;
        case PC_CIRCULAR: return resolve(boundary, i < 0 ? i + n : i - n, n);
        case PC_SYMMETRIC: return resolve(boundary, i < 0 ? -1 - i : 2 * n - 1 - i, n);
        case PC_REFLECT: return n == 1 ? 0 : resolve(boundary, i < 0 ? -i : 2 * (n - 1) - i, n);
        default: return -1;
    }
}

static double fused(pc_dtype dtype, double x, double w, double acc) {
    return dtype == PC_F32 ? (double)fmaf((float)x, (float)w, (float)acc) : fma(x, w, acc);
}

/* The element that tap `tap` of the output at `at` multiplies. */
static double element(const conv_problem *p, const conv_data *data, int64_t n, int64_t c, const int64_t at[3],
                      const int64_t tap[3]) {
    const pc_conv_desc *d = &p->desc;
    int64_t z = 0;
    int inside = 1;
    for (int a = 0; a < 3; a++) {
        const int64_t i = at[a] * d->stride[a] - d->pad_lo[a] + tap[a] * d->dilation[a];
        const int64_t from = resolve(d->boundary, i, d->in[a]);
        inside &= from >= 0;
        z = z * d->in[a] + from;
    }
    if (!inside) return d->boundary == PC_CONSTANT ? d->fill : 0.0;
    const int64_t volume = d->in[0] * d->in[1] * d->in[2], from = element_offset(d->src_layout, d->ic, volume, n, c, z);
    return d->src_type ? ((const uint8_t *)data->src)[from] : get(d->dtype, data->src, from);
}

static void one_output(const conv_problem *p, const conv_data *data, int64_t n, int64_t oc, const int64_t at[3],
                       double *chain, double *exact) {
    const pc_conv_desc *d = &p->desc;
    const int64_t icg = d->ic / d->groups, first = oc / (d->oc / d->groups) * icg;
    const int64_t *k = d->kernel;
    const double bias = data->bias ? get(d->dtype, data->bias, oc) : 0.0;
    double acc = bias, sum = bias;
    for (int64_t c = 0; c < icg; c++) {
        for (int64_t kw = 0; kw < k[2]; kw++) {
            for (int64_t kd = 0; kd < k[0]; kd++) {
                for (int64_t kh = 0; kh < k[1]; kh++) {
                    const int64_t tap[3] = {kd, kh, kw};
                    const double x = element(p, data, n, first + c, at, tap);
                    const double w = get(d->dtype, data->wei, (((oc * icg + c) * k[0] + kd) * k[1] + kh) * k[2] + kw);
                    acc = fused(d->dtype, x, w, acc);
                    sum += x * w;
                }
            }
        }
    }
    *chain = acc;
    *exact = sum;
}

/* The same for a kernel given as a column and a row. */
static void one_separable(const conv_problem *p, const conv_data *data, int64_t n, int64_t c, const int64_t at[3],
                          double *chain, double *exact) {
    const pc_conv_desc *d = &p->desc;
    const int64_t high = d->kernel[1], wide = d->kernel[2], column = c * (high + wide), row = column + high;
    const double bias = data->bias ? get(d->dtype, data->bias, c) : 0.0;
    double acc = bias, sum = bias;
    for (int64_t kw = 0; kw < wide; kw++) {
        double t = 0.0, exact_t = 0.0;
        for (int64_t kh = 0; kh < high; kh++) {
            const int64_t tap[3] = {0, kh, kw};
            const double x = element(p, data, n, c, at, tap), w = get(d->dtype, data->wei, column + kh);
            t = fused(d->dtype, x, w, t);
            exact_t += x * w;
        }
        const double w = get(d->dtype, data->wei, row + kw);
        acc = fused(d->dtype, t, w, acc);
        sum += exact_t * w;
    }
    *chain = acc;
    *exact = sum;
}

/* Whether, of up to 64 outputs along axes of a single input, each meets no tap but the one that the input stands for. */
static int lone_inputs(const conv_problem *p) {
    int64_t outputs = 1;
    for (int a = 0; a < 3; a++) outputs *= p->desc.in[a] == 1 && outputs <= 64 ? p->out[a] : 1;
    return outputs <= 64;
}

/* The same for a transposed problem: of all taps, from the last on, those that an input can stand for, in the image or
 * in a border as wide as the kernel of this phase. */
static void one_transposed(const conv_problem *p, const conv_data *data, int64_t n, int64_t oc, const int64_t at[3],
                           double *chain, double *exact) {
    const pc_conv_desc *d = &p->desc;
    const int64_t icg = d->ic / d->groups, ocg = d->oc / d->groups, first = oc / ocg * icg;
    const int64_t *k = d->kernel;
    const double bias = data->bias ? get(d->dtype, data->bias, oc) : 0.0;
    const int64_t volume = d->in[0] * d->in[1] * d->in[2];
    double acc = bias, sum = bias;
    const int alone = lone_inputs(p);
    int met[3] = {0, 0, 0}; /* whether any input meets this output, along each axis */
    for (int a = 0; a < 3; a++) {
        for (int64_t t = 0; t < k[a]; t++) {
            const int64_t i = at[a] + d->pad_lo[a] - t * d->dilation[a];
            /* some output of the phase reads an input by this tap */
            for (int64_t o = at[a] % d->stride[a]; o < p->out[a] && i % d->stride[a] == 0; o += d->stride[a]) {
                const int64_t from = (o + d->pad_lo[a] - t * d->dilation[a]) / d->stride[a];
                met[a] |= from >= 0 && from < d->in[a];
            }
        }
    }
    for (int64_t c = 0; c < icg && met[0] && met[1] && met[2]; c++) {
        for (int64_t kw = k[2] - 1; kw >= 0; kw--) {
            for (int64_t kd = k[0] - 1; kd >= 0; kd--) {
                for (int64_t kh = k[1] - 1; kh >= 0; kh--) {
                    const int64_t tap[3] = {kd, kh, kw};
                    int meets = 1, inside = 1;
                    int64_t z = 0;
                    for (int a = 0; a < 3; a++) {
                        const int64_t i = at[a] + d->pad_lo[a] - tap[a] * d->dilation[a];
                        meets &= i % d->stride[a] == 0;
                        const int here = i >= 0 && i / d->stride[a] < d->in[a];
                        inside &= here;
                        meets &= here || !(alone && d->in[a] == 1);
                        z = z * d->in[a] + i / d->stride[a];
                    }
                    if (!meets) continue;
                    const int64_t from = inside ? element_offset(d->src_layout, d->ic, volume, n, first + c, z) : 0;
                    const double x = !inside       ? 0.0
                                     : d->src_type ? ((const uint8_t *)data->src)[from]
                                                   : get(d->dtype, data->src, from);
                    const int64_t tap_index = (kd * k[1] + kh) * k[2] + kw;
                    const double w =
                        get(d->dtype, data->wei, ((first + c) * ocg + oc % ocg) * k[0] * k[1] * k[2] + tap_index);
                    acc = fused(d->dtype, x, w, acc);
                    sum += x * w;
                }
            }
        }
    }
    *chain = acc;
    *exact = sum;
}

void conv_oracle(const conv_problem *p, const conv_data *data, void *dst, double *exact) {
    const pc_conv_desc *d = &p->desc;
    const int64_t volume = p->out[0] * p->out[1] * p->out[2];
    for (int64_t n = 0; n < d->mb; n++) {
        for (int64_t oc = 0; oc < d->oc; oc++) {
            for (int64_t z = 0; z < volume; z++) {
                const int64_t at[3] = {z / (p->out[1] * p->out[2]), z / p->out[2] % p->out[1], z % p->out[2]};
                const int64_t to = element_offset(d->dst_layout, d->oc, volume, n, oc, z);
                double chain, sum;
                (d->separable    ? one_separable
                 : d->transposed ? one_transposed
                                 : one_output)(p, data, n, oc, at, &chain, &sum);
                put(d->dtype, dst, to, chain);
                if (exact) exact[to] = sum;
            }
        }
    }
}
