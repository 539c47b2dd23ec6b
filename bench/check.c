/* check.c - is the result right, to the last bit?
 *
 * Every direct algorithm promises one FMA chain an output in one order, so "reference" must agree exactly; a maximum is
 * one of its inputs, and an average has its order too, so a plain loop must agree exactly. Winograd's algorithm rounds
 * otherwise and is held to a bound.
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

typedef struct place {
    int64_t at[PROBLEM_AXES]; /* depth, height, width */
} place;

static int64_t pixels(const int64_t size[PROBLEM_AXES]) { return size[0] * size[1] * size[2]; }

static place place_of(int64_t i, const int64_t size[PROBLEM_AXES]) {
    return (place){{i / (size[1] * size[2]), i / size[2] % size[1], i % size[2]}};
}

static int64_t offset(pc_layout layout, int64_t channels, const int64_t size[PROBLEM_AXES], int64_t n, int64_t c,
                      place x) {
    const int64_t pixel = (x.at[0] * size[1] + x.at[1]) * size[2] + x.at[2];
    return layout == PC_NHWC ? (n * pixels(size) + pixel) * channels + c : (n * channels + c) * pixels(size) + pixel;
}

/* The window of one output: where it starts, the ends of the image and of the padding in it. */
typedef struct window {
    int64_t from[PROBLEM_AXES], image[PROBLEM_AXES], padding[PROBLEM_AXES];
} window;

static window window_of(const problem *p, place out) {
    window w;
    for (int a = 0; a < PROBLEM_AXES; a++) {
        const int64_t start = out.at[a] * p->stride[a] - p->pad[a];
        const int64_t end = start + (p->kernel[a] - 1) * p->dilation[a] + 1;
        w.from[a] = start;
        w.image[a] = end < p->in[a] ? end : p->in[a];
        w.padding[a] = end < p->in[a] + p->pad[a] ? end : p->in[a] + p->pad[a];
    }
    return w;
}

static double element_at(const bench_case *b, int64_t n, int64_t c, place x) {
    return element(b->src, offset(b->config.layout, b->p->ic, b->p->in, n, c, x), b->config.dtype);
}

static double window_max(const bench_case *b, int64_t n, int64_t c, const window *w) {
    const problem *p = b->p;
    double best = -INFINITY;
    for (int64_t i = 0; i < pixels(p->kernel); i++) {
        place x = place_of(i, p->kernel);
        int inside = 1;
        for (int a = 0; a < PROBLEM_AXES; a++) {
            x.at[a] = w->from[a] + x.at[a] * p->dilation[a];
            inside &= x.at[a] >= 0 && x.at[a] < p->in[a];
        }
        if (!inside) continue;
        const double value = element_at(b, n, c, x);
        best = value > best ? value : best;
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
    place first;
    int64_t size[PROBLEM_AXES], out[PROBLEM_AXES], padded = 1;
    int whole = 1;
    problem_out(p, out);
    for (int a = 0; a < PROBLEM_AXES; a++) {
        first.at[a] = w->from[a] > 0 ? w->from[a] : 0;
        size[a] = w->image[a] - first.at[a];
        padded *= w->padding[a] - w->from[a];
        whole &= out[a] == 1 && size[a] == p->in[a];
    }
    double sums[16] = {0}, sum = 0, row = 0;
    for (int64_t i = 0; i < pixels(size); i++) {
        place x = place_of(i, size);
        for (int a = 0; a < PROBLEM_AXES; a++) x.at[a] += first.at[a];
        const double value = element_at(b, n, c, x);
        sums[i % 16] = plus(b, sums[i % 16], value);
        row = plus(b, i % size[2] ? row : 0, value);
        if (i % size[2] == size[2] - 1) sum = plus(b, sum, row);
    }
    if (whole) {
        for (int half = 8; half; half /= 2)
            for (int i = 0; i < half; i++) sums[i] = plus(b, sums[i], sums[i + half]);
        sum = sums[0];
    }
    /* Rounded once more where it is stored, which changes nothing. */
    return sum / (double)(p->include_pad ? padded : pixels(size));
}

static pc_status expected_pool(const bench_case *b, void *expected) {
    const problem *p = b->p;
    int64_t out[PROBLEM_AXES];
    problem_out(p, out);
    for (int64_t n = 0; n < b->config.mb; n++)
        for (int64_t c = 0; c < p->ic; c++)
            for (int64_t i = 0; i < pixels(out); i++) {
                const place x = place_of(i, out);
                const window w = window_of(p, x);
                put(expected, offset(b->config.layout, p->oc, out, n, c, x), b->config.dtype,
                    (p->kind->op == PROBLEM_MAXPOOL ? window_max : window_average)(b, n, c, &w));
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
    int64_t mine[PROBLEM_AXES];
    problem_out(b->p, mine);
    return !memcmp(mine, pc_plan_out(b->plan), sizeof(mine));
}

/* How far an element may be from the expected one, or -1 where every bit counts. A transform's errors scale with what
 * is in a tile rather than with the one output, hence the largest magnitude of all. On this data a chain of n terms
 * errs by about sqrt(n) / 7 eps of a typical output, 10 eps for 512 channels of 3x3, and the transform by at most twice
 * that: 64 eps of the largest output leave room for the worst of a million, and none for a wrong tap or tile. Longer
 * chains have as much more. */
static double allowance(const bench_case *b, const void *expected, int64_t count) {
    double largest = 0;
    static const char *const transforms[] = {"winograd", "fft", "fft_lines"};
    int transformed = 0;
    for (int i = 0; i < 3; i++) transformed |= strcmp(b->info.algo, transforms[i]) == 0;
    if (!transformed) return -1;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs(element(expected, i, b->config.dtype)));
    const double terms = (double)(problem_wei_elements(b->p) / b->p->oc);
    return 64 * fmax(1, sqrt(terms / (512 * 9))) * (b->config.dtype == PC_F64 ? DBL_EPSILON : FLT_EPSILON) * largest;
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
    pc_status status = problem_has_weights(b->p) ? expected_conv(b, expected) : expected_pool(b, expected);
    if (status == PC_OK) status = case_execute(b, b->dst);
    check_result result = CHECK_FAILED;
    if (status == PC_OK)
        result = compare(b, expected, detail, n);
    else
        snprintf(detail, n, "%s", pc_status_text(status));
    free(expected);
    return result;
}
