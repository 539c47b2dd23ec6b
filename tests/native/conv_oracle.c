/* conv_oracle.c - convolution as csrc/include/pyconv.h defines it, one output at a time. */
#include <math.h>

#include "conv_problem.h"

/* The image coordinate that stands at `i`, which may lie outside; -1 for a zero. */
static int64_t resolve(pc_boundary boundary, int64_t i, int64_t n) {
    if (i >= 0 && i < n) return i;
    switch (boundary) {
        case PC_REFLECT: return i < 0 ? -i : 2 * (n - 1) - i;
        case PC_REPLICATE: return i < 0 ? 0 : n - 1;
        case PC_CIRCULAR: return i < 0 ? i + n : i - n;
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
    if (!inside) return 0.0;
    const int64_t volume = d->in[0] * d->in[1] * d->in[2], from = element_offset(d->src_layout, d->ic, volume, n, c, z);
    return d->src_bytes ? ((const uint8_t *)data->src)[from] : get(d->dtype, data->src, from);
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

void conv_oracle(const conv_problem *p, const conv_data *data, void *dst, double *exact) {
    const pc_conv_desc *d = &p->desc;
    const int64_t volume = p->out[0] * p->out[1] * p->out[2];
    for (int64_t n = 0; n < d->mb; n++) {
        for (int64_t oc = 0; oc < d->oc; oc++) {
            for (int64_t z = 0; z < volume; z++) {
                const int64_t at[3] = {z / (p->out[1] * p->out[2]), z / p->out[2] % p->out[1], z % p->out[2]};
                const int64_t to = element_offset(d->dst_layout, d->oc, volume, n, oc, z);
                double chain, sum;
                (d->separable ? one_separable : one_output)(p, data, n, oc, at, &chain, &sum);
                put(d->dtype, dst, to, chain);
                if (exact) exact[to] = sum;
            }
        }
    }
}
