/* test_rows.c - elementwise functions, softmax, norms and resampling: the definition, or the same bits on every
 * instruction set, in place, between guard pages. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "support.h"

enum { MOST_COUNT = 200 };

static void check_relu(pc_dtype dtype, int64_t n, guard_side side, rng *r) {
    const size_t bytes = (size_t)n * dtype_size(dtype);
    guard_buffer src = guard_create(bytes, side), dst = guard_create(bytes, side);
    fill(dtype, src.data, n, DATA_SPECIAL, r);
    guard_watch("pc_relu");
    pc_status status = pc_relu(dtype, n, src.data, dst.data);
    CHECK(status == PC_OK, "relu: %s", pc_status_text(status));
    for (int64_t i = 0; i < n; i++) {
        const double x = get(dtype, src.data, i), y = get(dtype, dst.data, i);
        CHECK(isnan(x) ? isnan(y) : y == (x > 0 ? x : 0), "relu(%a) is %a", x, y);
    }
    status = pc_relu(dtype, n, src.data, src.data);
    CHECK(status == PC_OK && first_difference(dtype, src.data, dst.data, n) < 0, "relu in place, %" PRId64, n);
    CHECK(guard_intact(&src) && guard_intact(&dst), "relu wrote beside its buffers, %" PRId64, n);
    guard_destroy(&src);
    guard_destroy(&dst);
}

/* The definitions, in long double. The second of two numbers is the size of what is rounded on the way to a result. */
static long double unary(pc_unary_op op, double a, double b, long double x, long double *size) {
    const long double inner = sqrtl(8 / 3.14159265358979323846264338327950288L) * (x + 0.044715L * x * x * x);
    long double y = 0;
    switch (op) {
        case PC_UNARY_RELU: y = x > 0 ? x : 0; break;
        case PC_UNARY_CLAMP: y = x < a ? a : x > b ? b : x; break;
        case PC_UNARY_LEAKY_RELU: y = x < 0 ? a * x : x; break;
        case PC_UNARY_ELU: y = x < 0 ? a * expm1l(x) : x; break;
        case PC_UNARY_GELU: y = x * erfcl(-x * sqrtl(0.5L)) / 2; break;
        case PC_UNARY_GELU_TANH: y = x / (1 + expl(-inner)); break;
        case PC_UNARY_SILU: y = x / (1 + expl(-x)); break;
        case PC_UNARY_HARDSWISH: y = x * fminl(fmaxl(x + 3, 0), 6) / 6; break;
        case PC_UNARY_SIGMOID: y = 1 / (1 + expl(-x)); break;
        case PC_UNARY_TANH: y = tanhl(x); break;
        default: y = powl(x, a);
    }
    *size = fabsl(y);
    if (op == PC_UNARY_GELU_TANH)
        *size *= 1 + fabsl(inner); /* exp turns roundings of its argument into relative ones */
    if (op == PC_UNARY_HARDSWISH) *size += fabsl(x) * 3 / 6; /* x + 3 rounds */
    return y;
}

static void check_unary(pc_dtype dtype, pc_unary_op op, int64_t n, guard_side side, rng *r) {
    const size_t bytes = (size_t)n * dtype_size(dtype);
    const double u = dtype == PC_F32 ? 0x1p-24 : 0x1p-53, least = dtype == PC_F32 ? 0x1p-126 : 0x1p-1022;
    const double a = op == PC_UNARY_CLAMP ? -1.5 : op == PC_UNARY_POW ? 0.75 : 0.625, b = 2.25;
    guard_buffer src = guard_create(bytes, side), dst = guard_create(bytes, side);
    fill(dtype, src.data, n, DATA_REAL, r);
    for (int64_t i = 0; i < n; i++) {
        double x = get(dtype, src.data, i) * ldexp(1.0, (int)rng_range(r, -9, 2)); /* up to 8 */
        put(dtype, src.data, i, op == PC_UNARY_POW ? fabs(x) : x);
    }
    guard_watch("pc_unary");
    pc_status status = pc_unary(dtype, op, a, b, n, src.data, dst.data);
    CHECK(status == PC_OK, "function %d: %s", (int)op, pc_status_text(status));
    for (int64_t i = 0; i < n; i++) {
        const double x = get(dtype, src.data, i), got = get(dtype, dst.data, i);
        long double size, want = unary(op, a, b, x, &size);
        CHECK(fabsl(got - want) <= 10 * u * size + least, "function %d of %a is %a, not %La", (int)op, x, got, want);
    }
    void *scalar = poisoned(bytes);
    memcpy(scalar, dst.data, bytes);
    for (int isa = PC_ISA_SCALAR; isa < PC_ISA_COUNT; isa++) {
        if (!pc_isa_available((pc_isa)isa)) continue;
        CHECK(pc_set_isa((pc_isa)isa) == PC_OK, "set_isa");
        poison(dst.data, bytes);
        status = pc_unary(dtype, op, a, b, n, src.data, dst.data);
        CHECK(status == PC_OK && first_difference(dtype, dst.data, scalar, n) < 0, "function %d differs on %s", (int)op,
              pc_isa_name((pc_isa)isa));
    }
    CHECK(pc_set_isa(PC_ISA_AUTO) == PC_OK, "set_isa");
    status = pc_unary(dtype, op, a, b, n, src.data, src.data);
    CHECK(status == PC_OK && first_difference(dtype, src.data, scalar, n) < 0, "function %d in place", (int)op);
    fill(dtype, src.data, n, DATA_SPECIAL, r);
    pc_unary(dtype, op, a, b, n, src.data, dst.data);
    for (int64_t i = 0; i < n; i++)
        CHECK(!isnan(get(dtype, src.data, i)) || isnan(get(dtype, dst.data, i)), "function %d of NaN", (int)op);
    CHECK(guard_intact(&src) && guard_intact(&dst), "function %d wrote beside its buffers, %" PRId64, (int)op, n);
    free(scalar);
    guard_destroy(&src);
    guard_destroy(&dst);
}

/* Segments of `segment` elements, `channels` of them a row; so many groups of rows. */
static void check_norm(pc_dtype dtype, int64_t rows, int64_t channels, int64_t segment, int64_t groups, guard_side side,
                       rng *r) {
    const int64_t n = channels * segment, count = rows * n;
    const size_t size = dtype_size(dtype), bytes = (size_t)count * size, vector = (size_t)(groups * channels) * size;
    const double u = dtype == PC_F32 ? 0x1p-24 : 0x1p-53;
    guard_buffer src = guard_create(bytes, side), dst = guard_create(bytes, side);
    guard_buffer weight = guard_create(vector, side), bias = guard_create(vector, side);
    fill(dtype, src.data, count, DATA_REAL, r);
    for (int64_t i = 0; i < count; i++) put(dtype, src.data, i, get(dtype, src.data, i) + 100);
    fill(dtype, weight.data, groups * channels, DATA_REAL, r);
    fill(dtype, bias.data, groups * channels, DATA_REAL, r);
    const pc_norm_desc desc = {.n = n,
                               .segment = segment,
                               .groups = groups,
                               .eps = 1e-3,
                               .weight = weight.data,
                               .bias = rows % 2 ? bias.data : NULL};
    guard_watch("pc_normalize");
    pc_status status = pc_normalize(dtype, &desc, rows, src.data, dst.data);
    CHECK(status == PC_OK, "normalize: %s", pc_status_text(status));
    for (int64_t row = 0; row < rows; row++) {
        long double mean = 0, var = 0;
        for (int64_t i = 0; i < n; i++) mean += get(dtype, src.data, row * n + i) / (long double)n;
        for (int64_t i = 0; i < n; i++) var += powl(get(dtype, src.data, row * n + i) - mean, 2) / (long double)n;
        for (int64_t i = 0; i < n; i++) {
            const int64_t c = row % groups * channels + i / segment;
            const double w = get(dtype, weight.data, c), b = desc.bias ? get(dtype, bias.data, c) : 0;
            const long double x = get(dtype, src.data, row * n + i), want = (x - mean) / sqrtl(var + 1e-3) * w + b;
            const double got = get(dtype, dst.data, row * n + i);
            /* Deviations up to 4 / sqrt(var), and a mean whose own rounding is taken back. */
            CHECK(fabsl(got - want) <= 16 * u * (4 / sqrtl(var + 1e-3) * fabs(w) + fabs(b)),
                  "norm of %" PRId64 " x %" PRId64 ": %a, not %La", channels, segment, got, want);
        }
    }
    void *scalar = poisoned(bytes);
    memcpy(scalar, dst.data, bytes);
    for (int isa = PC_ISA_SCALAR; isa < PC_ISA_COUNT; isa++) {
        if (!pc_isa_available((pc_isa)isa)) continue;
        CHECK(pc_set_isa((pc_isa)isa) == PC_OK, "set_isa");
        poison(dst.data, bytes);
        status = pc_normalize(dtype, &desc, rows, src.data, dst.data);
        CHECK(status == PC_OK && first_difference(dtype, dst.data, scalar, count) < 0, "norm differs on %s",
              pc_isa_name((pc_isa)isa));
    }
    CHECK(pc_set_isa(PC_ISA_AUTO) == PC_OK, "set_isa");
    CHECK(guard_intact(&src) && guard_intact(&dst) && guard_intact(&weight) && guard_intact(&bias),
          "norm wrote beside");
    free(scalar);
    guard_destroy(&src);
    guard_destroy(&dst);
    guard_destroy(&weight);
    guard_destroy(&bias);
}

/* Against the textbook in long double, exp(x - max) / sum: relative to 8 roundings, and one more of the difference x -
 * max, which exp() turns from an absolute into a relative error. */
static void check_softmax_row(pc_dtype dtype, int logarithm, int64_t n, const void *src, const void *dst, int64_t at) {
    const double u = dtype == PC_F32 ? 0x1p-24 : 0x1p-53, least = dtype == PC_F32 ? 0x1p-126 : 0x1p-1022;
    double largest = -INFINITY;
    long double sum = 0;
    for (int64_t i = 0; i < n; i++) largest = fmax(largest, get(dtype, src, at + i));
    for (int64_t i = 0; i < n; i++) sum += expl((long double)get(dtype, src, at + i) - largest);
    for (int64_t i = 0; i < n; i++) {
        const long double below = (long double)get(dtype, src, at + i) - largest, want = expl(below) / sum;
        const double got = get(dtype, dst, at + i);
        if (logarithm) {
            const long double log = below - logl(sum);
            CHECK(fabsl(got - log) <= u * (8 + 3 * fabsl(below) + 3 * logl(sum)),
                  "log_softmax of %" PRId64 ": %a, not %La", n, got, log);
            continue;
        }
        CHECK(fabsl(got - want) <= u * (8 - below) * want + least, "softmax of %" PRId64 ": %a, not %La", n, got, want);
    }
}

static void check_softmax(pc_dtype dtype, int logarithm, int64_t rows, int64_t n, guard_side side, rng *r) {
    pc_status (*const softmax)(pc_dtype, int64_t, int64_t, const void *, void *) =
        logarithm ? pc_log_softmax : pc_softmax;
    const int64_t count = rows * n;
    const size_t bytes = (size_t)count * dtype_size(dtype);
    guard_buffer src = guard_create(bytes, side), dst = guard_create(bytes, side);
    fill(dtype, src.data, count, DATA_REAL, r);
    const double scale = ldexp(1.0, (int)rng_range(r, 0, 7));
    for (int64_t i = 0; i < count; i++) put(dtype, src.data, i, get(dtype, src.data, i) * scale);
    guard_watch(logarithm ? "pc_log_softmax" : "pc_softmax");
    pc_status status = softmax(dtype, rows, n, src.data, dst.data);
    CHECK(status == PC_OK, "softmax: %s", pc_status_text(status));
    for (int64_t i = 0; i < rows; i++) check_softmax_row(dtype, logarithm, n, src.data, dst.data, i * n);
    void *scalar = poisoned(bytes);
    memcpy(scalar, dst.data, bytes);
    for (int isa = PC_ISA_SCALAR; isa < PC_ISA_COUNT; isa++) {
        if (!pc_isa_available((pc_isa)isa)) continue;
        CHECK(pc_set_isa((pc_isa)isa) == PC_OK, "set_isa");
        poison(dst.data, bytes);
        status = softmax(dtype, rows, n, src.data, dst.data);
        CHECK(status == PC_OK && first_difference(dtype, dst.data, scalar, count) < 0,
              "softmax of %" PRId64 " x %" PRId64 " differs on %s", rows, n, pc_isa_name((pc_isa)isa));
    }
    CHECK(pc_set_isa(PC_ISA_AUTO) == PC_OK, "set_isa");
    status = softmax(dtype, rows, n, src.data, src.data);
    CHECK(status == PC_OK && first_difference(dtype, src.data, scalar, count) < 0, "softmax in place, %" PRId64, n);
    CHECK(guard_intact(&src) && guard_intact(&dst), "softmax wrote beside its buffers, %" PRId64, n);
    free(scalar);
    guard_destroy(&src);
    guard_destroy(&dst);
}

/* Sizes on both sides of a vector, a strip and a block of slices; the definition is checked from Python. */
static void check_resample(pc_dtype dtype, pc_resample_mode mode, guard_side side, rng *r) {
    const int rank = (int)rng_range(r, 1, mode == PC_RESAMPLE_CUBIC ? 2 : 3);
    pc_resample_desc d = {.dtype = dtype, .mode = mode, .rank = rank, .planes = rng_range(r, 1, 3)};
    d.corners = mode >= PC_RESAMPLE_LINEAR && rng_range(r, 0, 1);
    d.size = mode < PC_RESAMPLE_LINEAR ? (int)rng_range(r, 1, 9) : (int)dtype_size(dtype);
    d.inner = rng_range(r, 0, 1) ? 1 : rng_range(r, 1, 70);
    size_t in = (size_t)(d.planes * d.inner * d.size), out = in;
    for (int i = 0; i < 3; i++) {
        const int absent = i < 3 - rank;
        d.in[i] = absent ? 1 : rng_range(r, 1, i == 2 ? 60 : 9);
        d.out[i] = absent ? 1 : rng_range(r, 1, i == 2 ? 90 : 12);
        d.step[i] = (float)d.in[i] / (float)d.out[i];
        in *= (size_t)d.in[i];
        out *= (size_t)d.out[i];
    }
    const size_t bytes = pc_resample_workspace(&d);
    guard_buffer src = guard_create(in, side), dst = guard_create(out, side), work = guard_create(bytes, side);
    if (mode < PC_RESAMPLE_LINEAR) /* copied, whatever they are */
        for (size_t i = 0; i < in; i++) ((uint8_t *)src.data)[i] = (uint8_t)rng_next(r);
    else
        fill(dtype, src.data, (int64_t)(in / dtype_size(dtype)), DATA_REAL, r);
    void *scalar = poisoned(out);
    guard_watch("pc_resample");
    for (int isa = PC_ISA_SCALAR; isa < PC_ISA_COUNT; isa++) {
        if (!pc_isa_available((pc_isa)isa)) continue;
        CHECK(pc_set_isa((pc_isa)isa) == PC_OK, "set_isa");
        poison(dst.data, out);
        const pc_status status = pc_resample(&d, src.data, dst.data, work.data, bytes);
        CHECK(status == PC_OK, "resample: %s", pc_status_text(status));
        if (isa == PC_ISA_SCALAR) memcpy(scalar, dst.data, out);
        CHECK(!memcmp(scalar, dst.data, out), "resample, mode %d, rank %d, inner %" PRId64 ", differs on %s", (int)mode,
              rank, d.inner, pc_isa_name((pc_isa)isa));
    }
    CHECK(pc_set_isa(PC_ISA_AUTO) == PC_OK, "set_isa");
    CHECK(guard_intact(&src) && guard_intact(&dst) && guard_intact(&work), "resample wrote beside its buffers");
    CHECK(pc_resample(&d, src.data, dst.data, work.data, 0) == PC_ERR_SIZE, "no workspace");
    CHECK(pc_resample(&d, NULL, dst.data, work.data, bytes) == PC_ERR_NULL, "no image");
    free(scalar);
    guard_destroy(&src);
    guard_destroy(&dst);
    guard_destroy(&work);
}

static void check_resample_errors(void) {
    const pc_resample_desc good = {.mode = PC_RESAMPLE_LINEAR,
                                   .size = 4,
                                   .rank = 1,
                                   .inner = 1,
                                   .in = {1, 1, 2},
                                   .out = {1, 1, 3},
                                   .step = {0, 0, 1}};
    pc_resample_desc d = good;
    double one[4];
    CHECK(pc_resample(&d, one, one, one, sizeof one) == PC_OK, "no planes");
    CHECK(pc_resample(NULL, one, one, one, sizeof one) == PC_ERR_NULL && !pc_resample_workspace(NULL), "no descriptor");
#define WRONG(change, status)                                                                                          \
    do {                                                                                                               \
        d = good;                                                                                                      \
        d.change;                                                                                                      \
        CHECK(pc_resample(&d, one, one, one, sizeof one) == (status), #change);                                        \
        CHECK(!pc_resample_workspace(&d), #change);                                                                    \
    } while (0)
    WRONG(dtype = (pc_dtype)7, PC_ERR_DTYPE);
    WRONG(mode = PC_RESAMPLE_COUNT, PC_ERR_MODE);
    WRONG(size = 2, PC_ERR_DTYPE);
    WRONG(rank = 4, PC_ERR_SIZE);
    WRONG(inner = 0, PC_ERR_SIZE);
    WRONG(planes = -1, PC_ERR_SIZE);
    WRONG(in[1] = 2, PC_ERR_SIZE);
    WRONG(out[2] = 0, PC_ERR_SIZE);
    WRONG(step[2] = NAN, PC_ERR_SIZE);
    WRONG(step[2] = -1, PC_ERR_SIZE);
    WRONG(in[2] = INT64_C(1) << 31, PC_ERR_OVERFLOW);
    WRONG(planes = INT64_MAX / 4, PC_ERR_OVERFLOW);
}

int main(void) {
    for (int dtype = PC_F32; dtype <= PC_F64; dtype++) {
        for (int64_t n = 0; n <= MOST_COUNT; n++) {
            for (int isa = PC_ISA_SCALAR; isa < PC_ISA_COUNT; isa++) {
                if (!pc_isa_available((pc_isa)isa)) continue;
                CHECK(pc_set_isa((pc_isa)isa) == PC_OK, "set_isa");
                rng r = {.state = (uint64_t)n}; /* the same numbers on every instruction set */
                check_relu((pc_dtype)dtype, n, n % 2 ? GUARD_AFTER : GUARD_BEFORE, &r);
            }
            CHECK(pc_set_isa(PC_ISA_AUTO) == PC_OK, "set_isa");
            rng r = {.state = (uint64_t)n};
            const guard_side side = n % 2 ? GUARD_AFTER : GUARD_BEFORE;
            for (int logarithm = 0; n && logarithm < 2; logarithm++)
                check_softmax((pc_dtype)dtype, logarithm, rng_range(&r, 0, 4), n, side, &r);
            for (int op = 0; op < PC_UNARY_COUNT; op++) check_unary((pc_dtype)dtype, (pc_unary_op)op, n, side, &r);
            if (n) check_norm((pc_dtype)dtype, rng_range(&r, 0, 4), n, 1, 1, side, &r);
            if (n) check_norm((pc_dtype)dtype, rng_range(&r, 0, 4), rng_range(&r, 1, 3), n, 2, side, &r);
        }
        double one = 1.0;
        CHECK(pc_relu((pc_dtype)dtype, 1, NULL, &one) == PC_ERR_NULL, "relu");
        CHECK(pc_relu((pc_dtype)dtype, 1, &one, NULL) == PC_ERR_NULL, "relu");
        CHECK(pc_relu((pc_dtype)dtype, -1, &one, &one) == PC_ERR_SIZE, "relu");
        CHECK(pc_softmax((pc_dtype)dtype, 1, 1, NULL, &one) == PC_ERR_NULL, "softmax");
        CHECK(pc_softmax((pc_dtype)dtype, -1, 1, &one, &one) == PC_ERR_SIZE, "softmax");
        CHECK(pc_log_softmax((pc_dtype)dtype, 1, -1, &one, &one) == PC_ERR_SIZE, "log_softmax");
        CHECK(pc_unary((pc_dtype)dtype, PC_UNARY_COUNT, 0, 0, 1, &one, &one) == PC_ERR_ACTIVATION, "unary");
        pc_norm_desc desc = {.n = 3, .segment = 2, .groups = 1};
        CHECK(pc_normalize((pc_dtype)dtype, &desc, 1, &one, &one) == PC_ERR_SIZE, "segments that do not divide");
        desc.segment = 1;
        CHECK(pc_normalize((pc_dtype)dtype, &desc, 1, NULL, &one) == PC_ERR_NULL, "normalize");
        CHECK(pc_normalize((pc_dtype)dtype, NULL, 1, &one, &one) == PC_ERR_NULL, "normalize");
        CHECK(pc_normalize((pc_dtype)dtype, &desc, 0, NULL, NULL) == PC_OK, "no rows");
    }
    check_resample_errors();
    for (int i = 0; i < 1600; i++) {
        rng r = {.state = (uint64_t)i};
        check_resample(i & 4 ? PC_F64 : PC_F32, (pc_resample_mode)(i & 3), i & 8 ? GUARD_AFTER : GUARD_BEFORE, &r);
    }
    double one = 1.0;
    CHECK(pc_relu((pc_dtype)7, 1, &one, &one) == PC_ERR_DTYPE, "relu");
    CHECK(pc_softmax((pc_dtype)7, 1, 1, &one, &one) == PC_ERR_DTYPE, "softmax");
    return test_result();
}
