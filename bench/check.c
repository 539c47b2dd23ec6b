/* check.c - is the result right, to the last bit?
 *
 * Every direct algorithm promises one FMA chain an output in one order, so "reference" must agree exactly; a maximum is
 * one of its inputs, and an average has its order too, so a plain loop must agree exactly. Winograd's algorithm rounds otherwise and is held to a
 * bound.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"

static double element(const void *data, int64_t i, pc_dtype dtype) {
    return dtype == PC_F64 ? ((const double *)data)[i] : (double)((const float *)data)[i];
}

static void put(void *data, int64_t i, pc_dtype dtype, double value) {
    if (dtype == PC_F64)
        ((double *)data)[i] = value;
    else
        ((float *)data)[i] = (float)value;
}

static int64_t offset(pc_layout layout, int64_t channels, const int64_t size[2], int64_t n, int64_t c, int64_t y,
                      int64_t x) {
    if (layout == PC_NHWC) return ((n * size[0] + y) * size[1] + x) * channels + c;
    return ((n * channels + c) * size[0] + y) * size[1] + x;
}

/* The window of one output: its first row and column, the ends of the image and of the padding in it. */
typedef struct window {
    int64_t from[2], image[2], padding[2];
} window;

static window window_of(const problem *p, int64_t oy, int64_t ox) {
    const int64_t at[2] = {oy, ox};
    window w;
    for (int a = 0; a < 2; a++) {
        const int64_t start = at[a] * p->stride[a] - p->pad[a], end = start + (p->kernel[a] - 1) * p->dilation[a] + 1;
        w.from[a] = start;
        w.image[a] = end < p->in[a] ? end : p->in[a];
        w.padding[a] = end < p->in[a] + p->pad[a] ? end : p->in[a] + p->pad[a];
    }
    return w;
}

static double pixel(const bench_case *b, int64_t n, int64_t c, int64_t y, int64_t x) {
    return element(b->src, offset(b->config.layout, b->p->ic, b->p->in, n, c, y, x), b->config.dtype);
}

static double window_max(const bench_case *b, int64_t n, int64_t c, const window *w) {
    const problem *p = b->p;
    double best = -INFINITY;
    for (int64_t y = w->from[0]; y < w->image[0]; y += p->dilation[0]) {
        for (int64_t x = w->from[1]; x < w->image[1]; x += p->dilation[1]) {
            if (y < 0 || x < 0) continue;
            const double value = pixel(b, n, c, y, x);
            best = value > best ? value : best;
        }
    }
    return best;
}

/* The sum as the element type gives it. */
static double plus(const bench_case *b, double x, double y) {
    return b->config.dtype == PC_F64 ? x + y : (double)(float)(x + y);
}

/* Rows, then their sums; an image under a single window in 16 sums. The order of pyconv.h. */
static double window_average(const bench_case *b, int64_t n, int64_t c, const window *w) {
    const problem *p = b->p;
    const int64_t top = w->from[0] > 0 ? w->from[0] : 0, left = w->from[1] > 0 ? w->from[1] : 0;
    const int64_t height = w->image[0] - top, width = w->image[1] - left;
    double sums[16] = {0}, sum = 0;
    for (int64_t y = 0; y < height; y++) {
        double row = 0;
        for (int64_t x = 0; x < width; x++) {
            const double value = pixel(b, n, c, top + y, left + x);
            double *one = &sums[(y * width + x) % 16];
            *one = plus(b, *one, value);
            row = plus(b, row, value);
        }
        sum = plus(b, sum, row);
    }
    int64_t out[2];
    problem_out(p, out);
    if (out[0] * out[1] == 1 && height == p->in[0] && width == p->in[1]) {
        for (int half = 8; half; half /= 2)
            for (int i = 0; i < half; i++) sums[i] = plus(b, sums[i], sums[i + half]);
        sum = sums[0];
    }
    const int64_t count = p->include_pad ? (w->padding[0] - w->from[0]) * (w->padding[1] - w->from[1]) : height * width;
    return sum / (double)count; /* rounded once more where it is stored, which changes nothing */
}

static pc_status expected_pool(const bench_case *b, void *expected) {
    int64_t out[2];
    problem_out(b->p, out);
    for (int64_t n = 0; n < b->config.mb; n++)
        for (int64_t c = 0; c < b->p->ic; c++)
            for (int64_t y = 0; y < out[0]; y++)
                for (int64_t x = 0; x < out[1]; x++) {
                    const window w = window_of(b->p, y, x);
                    put(expected, offset(b->config.layout, b->p->oc, out, n, c, y, x), b->config.dtype,
                        (b->p->kind == PROBLEM_MAXPOOL2D ? window_max : window_average)(b, n, c, &w));
                }
    return PC_OK;
}

static pc_status expected_conv(const bench_case *b, void *expected) {
    run_config config = b->config;
    config.algo = "reference";
    config.precision = PC_STRICT;
    config.isa = PC_ISA_AUTO;
    pc_plan *plan;
    pc_status status = case_describe(b->p, &config, &plan);
    if (status != PC_OK) return status;
    void *packed = buffer_new(pc_plan_packed_size(plan)), *workspace = buffer_new(pc_plan_workspace_size(plan));
    status = packed && workspace ? pc_plan_pack(plan, b->wei, packed) : PC_ERR_NOMEM;
    if (status == PC_OK) {
        pc_exec_args args = {.src = b->src, .packed = packed, .bias = b->bia, .dst = expected, .workspace = workspace};
        status = pc_plan_execute(plan, &args);
    }
    free(packed);
    free(workspace);
    pc_plan_destroy(plan);
    return status;
}

/* The figures are per problem: a plan for another shape would make every one of them wrong. */
static int shape_agrees(const bench_case *b) {
    int64_t mine[2];
    problem_out(b->p, mine);
    const int64_t *out = pc_plan_out(b->plan);
    return out[0] == 1 && out[1] == mine[0] && out[2] == mine[1];
}

/* How far an element may be from the expected one, or -1 where every bit counts. A transform's errors scale with what
 * is in a tile rather than with the one output, hence the largest magnitude of all. On this data a chain of n terms
 * errs by about sqrt(n) / 7 eps of a typical output, 10 eps for 512 channels of 3x3, and the transform by at most twice
 * that: 64 eps of the largest output leave room for the worst of a million, and none for a wrong tap or tile. */
static double allowance(const bench_case *b, const void *expected, int64_t count) {
    double largest = 0;
    static const char *const transforms[] = {"winograd", "fft", "fft_lines"};
    int transformed = 0;
    for (int i = 0; i < 3; i++) transformed |= strcmp(b->info.algo, transforms[i]) == 0;
    if (!transformed) return -1;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs(element(expected, i, b->config.dtype)));
    return 64 * (b->config.dtype == PC_F64 ? DBL_EPSILON : FLT_EPSILON) * largest;
}

static check_result compare(const bench_case *b, const void *expected, char *detail, size_t n) {
    size_t size = dtype_size(b->config.dtype);
    int64_t count = (int64_t)(b->dst_bytes / size), wrong = 0, first = -1;
    const double bound = allowance(b, expected, count);
    double worst = 0;
    for (int64_t i = 0; i < count; i++) {
        if (!memcmp((const char *)b->dst + (size_t)i * size, (const char *)expected + (size_t)i * size, size)) continue;
        double difference = fabs(element(b->dst, i, b->config.dtype) - element(expected, i, b->config.dtype));
        if (difference <= bound) continue;
        worst = difference <= worst ? worst : difference; /* a NaN difference is kept */
        first = wrong++ ? first : i;
    }
    if (!wrong) return bound < 0 ? CHECK_EXACT : CHECK_WITHIN;
    snprintf(detail, n, "%lld of %lld elements differ, by %.3g at most; the first at %lld: %.9g, expected %.9g",
             (long long)wrong, (long long)count, worst, (long long)first, element(b->dst, first, b->config.dtype),
             element(expected, first, b->config.dtype));
    return CHECK_DIFFERS;
}

check_result case_check(bench_case *b, char *detail, size_t n) {
    detail[0] = '\0';
    if (!shape_agrees(b)) {
        snprintf(detail, n, "the plan's output size is not the problem's");
        return CHECK_DIFFERS;
    }
    void *expected = buffer_new(b->dst_bytes);
    if (!expected) {
        snprintf(detail, n, "out of memory");
        return CHECK_FAILED;
    }
    /* Two poisons, so that an element that neither side writes differs. */
    memset(expected, 0xaa, b->dst_bytes);
    memset(b->dst, 0xff, b->dst_bytes);
    pc_status status = b->p->kind == PROBLEM_CONV2D ? expected_conv(b, expected) : expected_pool(b, expected);
    if (status == PC_OK) status = case_execute(b, b->dst);
    check_result result = CHECK_FAILED;
    if (status == PC_OK)
        result = compare(b, expected, detail, n);
    else
        snprintf(detail, n, "%s", pc_status_text(status));
    free(expected);
    return result;
}
