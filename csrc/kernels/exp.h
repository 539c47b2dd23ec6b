/* exp.h - elementary functions of our own, with the same bits on every instruction set.
 *
 * exp: argument reduction to |r| <= ln(2)/2 in two steps (Cody and Waite, Software Manual for the Elementary Functions,
 * 1980), then a Taylor polynomial in Horner form, long enough for the truncation to stay below half a unit in the last
 * place. log: in double whatever the element, of one number at a time. */
#ifndef PC_KERNELS_EXP_H
#define PC_KERNELS_EXP_H

#include "../simd/vec.h"

#if defined(PC_DTYPE_F64)
enum { TERMS = 14 };
static const elem coefficient[TERMS] = {
    1.0,        1.0,         1.0 / 2,      1.0 / 6,       1.0 / 24,       1.0 / 120,       1.0 / 720,
    1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0};
static const elem log2_e = 1.4426950408889634, ln2_hi = 6.93147180369123816490e-01, ln2_lo = 1.90821492927058770002e-10;
static const elem lowest = -746; /* exp of this and anything below is 0; of its negative, infinity */
#else
enum { TERMS = 8 };
static const elem coefficient[TERMS] = {1.0f, 1.0f, 1.0f / 2, 1.0f / 6, 1.0f / 24, 1.0f / 120, 1.0f / 720, 1.0f / 5040};
static const elem log2_e = 1.44269504f, ln2_hi = 0.693145752f, ln2_lo = 1.42860677e-6f;
static const elem lowest = -104;
#endif

/* exp(x) for x <= -lowest or NaN. The power of two is applied in halves, each of them a normal number, so that tiny
 * results round once. */
PC_INLINE vec v_exp(vec x) {
    x = v_max_first(v_set1(lowest), x);
    const vec n = v_round(v_mul(x, v_set1(log2_e)));
    vec r = v_fma(n, v_set1(-ln2_hi), x);
    r = v_fma(n, v_set1(-ln2_lo), r);
    vec p = v_set1(coefficient[TERMS - 1]);
    PC_UNROLL for (int i = TERMS - 2; i >= 0; i--) p = v_fma(p, r, v_set1(coefficient[i]));
    const vec half = v_round(v_mul(n, v_set1((elem)0.5)));
    return v_mul(v_mul(p, v_pow2(half)), v_pow2(v_sub(n, half)));
}

PC_INLINE vec v_clamp(vec x, vec lo, vec hi) {
    const vec minus = v_set1(-1);
    x = v_max_first(lo, x);
    return v_mul(minus, v_max_first(v_mul(minus, hi), v_mul(minus, x)));
}

/* exp(x) - 1 for -40 <= x <= 40 or NaN, with the same relative error around 0: 2^n (q + 1) - 1, where 2^n - 1 is exact
 * or its rounding of no account. */
PC_INLINE vec v_expm1(vec x) {
    const vec n = v_round(v_mul(x, v_set1(log2_e)));
    vec r = v_fma(n, v_set1(-ln2_hi), x);
    r = v_fma(n, v_set1(-ln2_lo), r);
    vec p = v_set1(coefficient[TERMS - 1]);
    PC_UNROLL for (int i = TERMS - 2; i >= 2; i--) p = v_fma(p, r, v_set1(coefficient[i]));
    const vec two_n = v_pow2(n);
    return v_fma(two_n, v_fma(v_mul(r, r), p, r), v_sub(two_n, v_set1(1)));
}

/* The natural logarithm: x = 2^k m with m between sqrt(1/2) and sqrt(2), then log(m) = 2 atanh(s) by its series in
 * s = (m - 1) / (m + 1). */
PC_RARE double pc_log(double x) {
    if (!(x > 0)) return x == 0 ? -INFINITY : NAN;
    if (x > 0x1.fffffffffffffp1023) return x;
    int64_t k = 0, bits;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        k = -54;
    }
    memcpy(&bits, &x, sizeof bits);
    const int64_t half = 0x3fe6a09e667f3bcd; /* the bits of sqrt(1/2) */
    const int64_t up = (bits - half) >> 52;
    k += up;
    bits -= (int64_t)((uint64_t)up << 52);
    double m;
    memcpy(&m, &bits, sizeof m);
    const double s = (m - 1) / (m + 1), z = s * s;
    double p = 0;
    for (int i = 23; i >= 3; i -= 2) p = p * z + 2.0 / i;
    const double n = (double)k;
    return n * 6.93147180369123816490e-01 + (2 * s + (s * z * p + n * 1.90821492927058770002e-10));
}

#endif
