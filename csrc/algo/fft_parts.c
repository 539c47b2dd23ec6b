/* fft_parts.c - see fft.h. */
#include "fft.h"

#include <math.h>

/* exp(-2 pi i k / n): by series about the nearest eighth of a turn, since the last bits of cos() and sin() differ from
 * system to system. */
static void root(int64_t k, int64_t n, double *re, double *im) {
    static const double over[] = {-1. / 2,  -1. / 6,  -1. / 12, -1. / 20,  -1. / 30,  -1. / 42,
                                  -1. / 56, -1. / 72, -1. / 90, -1. / 110, -1. / 132, -1. / 156};
    const int64_t eighth = (8 * (k % n) + n / 2) / n;
    const double half = 0.70710678118654752440, cosines[8] = {1, half, 0, -half, -1, -half, 0, half};
    const double x = 6.28318530717958647693 * (double)(8 * (k % n) - eighth * n) / (double)(8 * n);
    double cosine = 1, sine = x, c = 1, s = x;
    for (int i = 0; i < 12; i += 2) {
        cosine += c *= x * x * over[i];
        sine += s *= x * x * over[i + 1];
    }
    const double ce = cosines[eighth % 8], se = cosines[(eighth + 6) % 8];
    *re = cosine * ce - sine * se;
    *im = -(sine * ce + cosine * se);
}

int64_t pc_fft_roots(int64_t n) {
    int64_t elements = 0;
    for (; n > 1; n /= pc_fft_radix(n)) elements += 2 * (pc_fft_radix(n) - 1) * (n / pc_fft_radix(n));
    return elements;
}

static void put(int size, void *to, int64_t i, double x) {
    if (size == 4)
        ((float *)to)[i] = (float)x;
    else
        ((double *)to)[i] = x;
}

void pc_fft_fill_roots(int size, int64_t n, void *to) {
    int64_t at = 0;
    for (int64_t m; n > 1; n = m) {
        const int radix = pc_fft_radix(n);
        m = n / radix;
        for (int64_t j = 0; j < m; j++)
            for (int p = 1; p < radix; p++, at += 2) {
                double re, im;
                root(j * p, n, &re, &im);
                put(size, to, at, re);
                put(size, to, at + 1, im);
            }
    }
}

void pc_fft_fill_twist(int size, int64_t n, void *to) {
    for (int64_t y = 0; y < n / 2; y++) {
        double re, im;
        root(y, 2 * n, &re, &im);
        put(size, to, 2 * y, re);
        put(size, to, 2 * y + 1, -im);
    }
}

double pc_fft_number(const void *p, int64_t i, int size) {
    return !p ? 0 : size == 4 ? ((const float *)p)[i] : ((const double *)p)[i];
}

int pc_fft_extreme(const void *wei, int64_t taps, double scale, int size) {
    const double most = size == 4 ? 0x1p40 : 0x1p480, least = size == 4 ? 0x1p-90 : 0x1p-950;
    double largest = 0;
    for (int64_t i = 0; i < taps; i++) {
        const double w = fabs(pc_fft_number(wei, i, size));
        if (!(w * scale < most)) return 1; /* a NaN too */
        if (w > largest) largest = w;
    }
    return largest > 0 && largest < least;
}

void pc_fft_chains(const pc_conv *c, const void *tile, int64_t ld_tile, int64_t high, int64_t wide, const void *taps,
                   double bias, int64_t rows, int64_t cols, void *dst, int64_t ld_dst, void *table) {
    const int64_t kh = c->desc.kernel[1], kw = c->desc.kernel[2];
    const void **row = table;
    int64_t *col_off = (int64_t *)(row + kh);
    for (int64_t s = 0; s < kw; s++) col_off[s] = s;
    pc_rows_args args = {.row = row,
                         .row_step = (int)kh,
                         .kr = (int)kh,
                         .kw = kw,
                         .col_off = col_off,
                         .most_off = kw - 1,
                         .in_w = pc_min(cols + kw - 1, wide),
                         .wei = taps,
                         .bias = bias,
                         .ld_dst = ld_dst,
                         .ow = cols};
    for (int64_t y = 0; y < rows; y++) {
        for (int64_t q = 0; q < kh; q++) row[q] = pc_at(tile, (y + q) % high * ld_tile, c->kernels->size);
        args.dst = pc_at_mut(dst, y * ld_dst, c->kernels->size);
        c->kernels->rows(1, 0, 0, 1)(&args);
    }
}
