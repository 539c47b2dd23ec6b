/* reference.c - the definition, as loops: one FMA chain an output, over channels, then kw, kd, kh, or two where the
 * kernel is a column and a row. It accepts every valid problem, reads the image in place and the weights as they are,
 * and needs no workspace. Every other direct algorithm gives the same bits. */
#include <math.h>
#include <string.h>

#include "conv.h"

static const char *accept(const pc_conv *conv) {
    (void)conv;
    return 0;
}

static void plan(pc_conv *conv) {
    conv->packed_size = (size_t)(conv->desc.oc * conv->inside * conv->taps) * (size_t)conv->kernels->size;
    conv->workspace_per_thread = 0;
    conv->threads = pc_conv_useful_threads(conv, 1);
    memcpy(conv->tile, "one output", sizeof "one output");
}

static void pack(const pc_conv *conv, const void *wei, void *packed) { memcpy(packed, wei, conv->packed_size); }

/* A number of an input of integers. */
static int32_t number(const pc_conv *c, const void *src, int64_t i) {
    switch (c->desc.src_type) {
        case PC_U8: return ((const uint8_t *)src)[i];
        case PC_S8: return ((const int8_t *)src)[i];
        case PC_S16: return ((const int16_t *)src)[i];
        default: return ((const int32_t *)src)[i];
    }
}

/* An element of the input; one output of either element type. */
#define DEFINE_OUTPUT(T, FMA)                                                                                          \
    static T at_##T(const pc_conv *c, const void *src, int64_t i) {                                                    \
        return c->desc.src_type ? (T)((const uint8_t *)src)[i] : ((const T *)src)[i];                                  \
    }                                                                                                                  \
    static void output_##T(const pc_conv *c, const void *src, int64_t n, const T *wei, const T *bias, int64_t oc,      \
                           int64_t z, int64_t y, int64_t x, T *dst) {                                                  \
        const pc_conv_desc *d = &c->desc;                                                                              \
        const int64_t *k = d->kernel;                                                                                  \
        T acc = bias ? bias[oc] : 0;                                                                                   \
        int64_t from = n * c->src.n + oc / c->ocg * c->icg * c->src.c;                                                 \
        wei += oc * c->icg * c->taps;                                                                                  \
        for (int64_t ic = 0; ic < c->icg; ic++, from += c->src.c, wei += c->taps)                                      \
            for (int64_t s = 0; s < k[2]; s++) {                                                                       \
                const int64_t ix =                                                                                     \
                    pc_border(d->boundary, x * d->stride[2] + s * d->dilation[2] - d->pad_lo[2], d->in[2]);            \
                for (int64_t q = 0; q < k[0]; q++) {                                                                   \
                    const int64_t iz = pc_conv_depth(c, z, q);                                                         \
                    for (int64_t r = 0; r < k[1]; r++) {                                                               \
                        const int64_t iy =                                                                             \
                            pc_border(d->boundary, y * d->stride[1] + r * d->dilation[1] - d->pad_lo[1], d->in[1]);    \
                        const int inside = ix >= 0 && iy >= 0 && iz >= 0;                                              \
                        const int64_t at = from + iz * c->src.d + iy * c->src.h + ix * c->src.w;                       \
                        const T v = inside ? at_##T(c, src, at) : (T)d->fill;                                          \
                        acc = FMA(v, wei[(q * k[1] + r) * k[2] + s], acc);                                             \
                    }                                                                                                  \
                }                                                                                                      \
            }                                                                                                          \
        *dst = acc;                                                                                                    \
    }                                                                                                                  \
    /* Of a column and a row. */                                                                                       \
    static void separable_##T(const pc_conv *c, const void *src, int64_t n, const T *wei, const T *bias, int64_t oc,   \
                              int64_t z, int64_t y, int64_t x, T *dst) {                                               \
        const pc_conv_desc *d = &c->desc;                                                                              \
        const int64_t *k = d->kernel;                                                                                  \
        (void)z;                                                                                                       \
        T acc = bias ? bias[oc] : 0;                                                                                   \
        const int64_t from = n * c->src.n + oc * c->src.c;                                                             \
        wei += oc * c->taps;                                                                                           \
        for (int64_t s = 0; s < k[2]; s++) {                                                                           \
            const int64_t ix = pc_border(d->boundary, x * d->stride[2] + s * d->dilation[2] - d->pad_lo[2], d->in[2]); \
            T t = 0;                                                                                                   \
            for (int64_t r = 0; r < k[1]; r++) {                                                                       \
                const int64_t iy =                                                                                     \
                    pc_border(d->boundary, y * d->stride[1] + r * d->dilation[1] - d->pad_lo[1], d->in[1]);            \
                const int64_t at = from + iy * c->src.h + ix * c->src.w;                                               \
                t = FMA(ix >= 0 && iy >= 0 ? at_##T(c, src, at) : (T)d->fill, wei[r], t);                              \
            }                                                                                                          \
            acc = FMA(t, wei[k[1] + s], acc);                                                                          \
        }                                                                                                              \
        *dst = acc;                                                                                                    \
    }

DEFINE_OUTPUT(float, fmaf)
DEFINE_OUTPUT(double, fma)

/* Of integers, modulo 2^64; the low half is the sum modulo 2^32. */
static int64_t integer(const pc_conv *c, const pc_exec_args *a, int64_t n, int64_t oc, int64_t z, int64_t y,
                       int64_t x) {
    const pc_conv_desc *d = &c->desc;
    const int64_t *k = d->kernel;
    const int narrow = d->dtype == PC_I32;
    uint64_t acc = 0;
    if (a->bias) acc = (uint64_t)(narrow ? ((const int32_t *)a->bias)[oc] : ((const int64_t *)a->bias)[oc]);
    for (int64_t ic = 0; ic < c->inside; ic++)
        for (int64_t t = 0; t < c->taps; t++) {
            const int64_t s = t % k[2], r = t / k[2] % k[1];
            const int64_t iz = pc_conv_depth(c, z, t / (k[2] * k[1]));
            const int64_t iy = pc_border(d->boundary, y * d->stride[1] + r * d->dilation[1] - d->pad_lo[1], d->in[1]);
            const int64_t ix = pc_border(d->boundary, x * d->stride[2] + s * d->dilation[2] - d->pad_lo[2], d->in[2]);
            const int64_t at = n * c->src.n + (oc / c->ocg * c->inside + ic) * c->src.c + iz * c->src.d +
                               iy * c->src.h + ix * c->src.w;
            const int64_t v = ix >= 0 && iy >= 0 && iz >= 0 ? number(c, a->src, at) : (int64_t)d->fill,
                          w = (oc * c->inside + ic) * c->taps + t;
            acc += (uint64_t)(v * (narrow ? ((const int32_t *)a->packed)[w] : ((const int64_t *)a->packed)[w]));
        }
    return (int64_t)acc;
}

static void run_integers(const pc_conv *c, const pc_exec_args *a, int64_t n, int64_t oc, int64_t z, int64_t y,
                         int64_t at) {
    for (int64_t x = 0; x < c->out[2]; x++) {
        const int64_t sum = integer(c, a, n, oc, z, y, x);
        if (c->desc.dtype == PC_I32)
            ((int32_t *)a->dst)[at + x * c->dst.w] = (int32_t)(uint32_t)(uint64_t)sum;
        else
            ((int64_t *)a->dst)[at + x * c->dst.w] = sum;
    }
}

static void run(const pc_conv *c, const pc_exec_args *a) {
    const int64_t *o = c->out, rows = c->desc.mb * c->desc.oc * o[0] * o[1];
#pragma omp parallel for schedule(dynamic, 1) num_threads(c->threads) if (c->threads > 1)
    for (int64_t i = 0; i < rows; i++) {
        const int64_t y = i % o[1], z = i / o[1] % o[0], oc = i / (o[1] * o[0]) % c->desc.oc,
                      n = i / (o[1] * o[0] * c->desc.oc);
        const int64_t at = n * c->dst.n + oc * c->dst.c + z * c->dst.d + y * c->dst.h;
        if (pc_conv_integer(c)) {
            run_integers(c, a, n, oc, z, y, at);
            continue;
        }
        for (int64_t x = 0; x < o[2]; x++) {
            if (c->desc.dtype == PC_F32)
                (c->desc.separable ? separable_float : output_float)(c, a->src, n, a->packed, a->bias, oc, z, y, x,
                                                                     (float *)a->dst + at + x * c->dst.w);
            else
                (c->desc.separable ? separable_double : output_double)(c, a->src, n, a->packed, a->bias, oc, z, y, x,
                                                                       (double *)a->dst + at + x * c->dst.w);
        }
        pc_conv_finish(c, a, &c->dst, pc_at_mut(a->dst, at, c->kernels->size), 1, 1, o[2]);
    }
}

const pc_algo pc_algo_reference = {
    .name = "reference", .reject = accept, .defer = accept, .plan = plan, .pack = pack, .run = run};
