/* unary.c - elementwise functions of feature maps: activations and powers.
 *
 * One loop serves them all, with a switch for each vector: it predicts well and costs a cycle or two beside the twenty
 * of an exponential, and a loop of its own for each function would be six times the code in every target.
 *
 * The exact GELU, x P(x) with P the normal distribution, needs P relative to itself far down the negative tail:
 *
 *     P(-z) = exp(-z z / 2) w S(w),   w = 4 / (z + 4),   z >= 0
 *
 * where S is smooth from z = 0 (w = 1) to infinity (w = 0), and so one polynomial in u = 1 - 2 w serves all of it: the
 * way of Shepherd and Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc(x)", Math. Comp. 36, 1981. Its
 * coefficients are the interpolation at Chebyshev nodes, truncated where it ends to matter, in powers of u. */
#include "../base/shape.h"
#include "../simd/vec.h"
#include "exp.h"
#include "kernels.h"
#include "table.h"

#if defined(PC_DTYPE_F64)
static const elem tail_terms[] = {
    0.18882128260393787,   -0.15197416049297307,    0.096784350185553729,    -0.046630464489909153,
    0.015099143722729468,  -0.0018850472418465781,  -0.00086992309176199388, 0.00040770461685247715,
    3.3336077352962643e-5, -5.7773754340693031e-5,  -4.7706158787848855e-7,  8.7862779757039037e-6,
    1.7916469111547241e-7, -1.480402761457206e-6,   -1.5745918365351569e-7,  2.5619627535611486e-7,
    6.8115742658219213e-8, -3.9943490271570011e-8,  -2.1716617806708337e-8,  4.4612318703585284e-9,
    5.3569011185517978e-9, -1.4684063439917986e-10, -9.3266132275898629e-10, -2.9994462074547336e-11,
    8.5082815079958331e-11};
#else
static const elem tail_terms[] = {0.188821283f,   -0.151974158f,   0.0967843485f,    -0.04663054f,
                                  0.0150991621f,  -0.00188442929f, -0.000869988659f, 0.000405510026f,
                                  3.34133468e-5f, -5.38934441e-5f, -4.32770575e-7f,  5.29574606e-6f};
#endif
enum { TAIL = sizeof tail_terms / sizeof *tail_terms };

PC_INLINE vec negative(vec x) { return v_mul(v_set1(-1), x); }

/* 1 + exp(-x) */
PC_INLINE vec one_and_exp(vec x) {
    return v_add(v_set1(1), v_exp(v_clamp(negative(x), v_set1(lowest), v_set1(-lowest))));
}

PC_INLINE vec gelu(vec x) {
    const vec z = v_clamp(v_max_first(negative(x), x), v_zero(), v_set1(40)); /* the tail beyond 40 is 0 */
    const vec square = v_mul(z, z), rest = v_fma(z, z, negative(square)), half = v_set1((elem)-0.5);
    vec e = v_exp(v_mul(square, half));
    e = v_fma(e, v_mul(rest, half), e);
    const vec w = v_div(v_set1(4), v_add(z, v_set1(4))), u = v_fma(v_set1(-2), w, v_set1(1));
    vec s = v_set1(tail_terms[TAIL - 1]);
    for (int i = TAIL - 2; i >= 0; i--) s = v_fma(s, u, v_set1(tail_terms[i]));
    return v_fnma(z, v_mul(e, v_mul(w, s)), v_max_first(v_zero(), x));
}

PC_INLINE vec gelu_tanh(vec x) {
    /* x (1 + tanh(y)) / 2 = x / (1 + exp(-2 y)) */
    const vec cube = v_mul(v_mul(x, x), x);
    const vec y = v_mul(v_fma(v_set1((elem)0.044715), cube, x), v_set1((elem)1.5957691216057308)); /* sqrt(8 / pi) */
    return v_div(x, one_and_exp(y));
}

PC_INLINE vec applied(pc_unary_op op, vec a, vec b, vec x) {
    const vec above = v_max_first(v_zero(), x), below = v_clamp(x, v_set1(-INFINITY), v_zero());
    switch (op) {
        case PC_UNARY_CLAMP: return v_clamp(x, a, b);
        case PC_UNARY_LEAKY_RELU: return v_fma(a, below, above);
        case PC_UNARY_ELU: return v_fma(a, v_expm1(v_max_first(v_set1(-40), below)), above);
        case PC_UNARY_GELU: return gelu(x);
        case PC_UNARY_GELU_TANH: return gelu_tanh(x);
        case PC_UNARY_SILU: return v_div(x, one_and_exp(x));
        case PC_UNARY_HARDSWISH: return v_div(v_mul(x, v_clamp(v_add(x, v_set1(3)), v_zero(), v_set1(6))), v_set1(6));
        case PC_UNARY_SIGMOID: return v_div(v_set1(1), one_and_exp(x));
        default: {
            const vec t = v_expm1(v_mul(v_set1(2), v_clamp(x, v_set1(-20), v_set1(20)))); /* tanh */
            return v_div(t, v_add(t, v_set1(2)));
        }
    }
}

/* x^y as exp(y log(x)). What the product t loses, by rounding to `elem` or by itself, is carried on. */
static elem power(double x, double y) {
    if (y == 0) return 1;
    if (x != x || y != y || (x < 0 && x >= -0x1.fffffffffffffp1023 && rint(y) != y)) return NAN;
    const double log = pc_log(fabs(x)), t = y * log, most = -lowest;
    const elem hi = (elem)(t > most ? most : t < -most ? -most : t);
    elem lane[PC_VLEN];
    v_store(lane, v_exp(v_set1(hi)));
    if (lane[0] - lane[0] == 0 && fabs(t) < most) /* finite */
        lane[0] += lane[0] * (sizeof(elem) == 8 ? (elem)fma(y, log, -t) : (elem)(t - hi));
    return signbit(x) && rint(y) == y && rint(y / 2) * 2 != y ? -lane[0] : lane[0];
}

void PC_FN(pc_unary_row)(pc_unary_op op, double a, double b, int64_t n, const void *src_, void *dst_) {
    const elem *src = src_;
    elem *dst = dst_;
    if (op == PC_UNARY_RELU) {
        PC_FN(pc_relu_row)(n, src, dst);
        return;
    }
    if (op == PC_UNARY_POW) {
        for (int64_t i = 0; i < n; i++) dst[i] = power(src[i], a);
        return;
    }
    const vec va = v_set1((elem)a), vb = v_set1((elem)b);
    for (int64_t i = 0; i < n; i += PC_VLEN) {
        const int k = (int)pc_min(n - i, PC_VLEN);
        const vec y = applied(op, va, vb, k == PC_VLEN ? v_load(src + i) : v_load_n(src + i, k));
        if (k == PC_VLEN)
            v_store(dst + i, y);
        else
            v_store_n(dst + i, k, y);
    }
}
