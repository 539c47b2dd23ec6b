/* test_rows.c - relu and softmax: the definition, the same bits on every instruction set, in place, between guard
 * pages. */
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

/* Against the textbook in long double, exp(x - max) / sum: relative to 8 roundings, and one more of the difference x -
 * max, which exp() turns from an absolute into a relative error. */
static void check_softmax_row(pc_dtype dtype, int64_t n, const void *src, const void *dst, int64_t at) {
    const double u = dtype == PC_F32 ? 0x1p-24 : 0x1p-53, least = dtype == PC_F32 ? 0x1p-126 : 0x1p-1022;
    double largest = -INFINITY;
    long double sum = 0;
    for (int64_t i = 0; i < n; i++) largest = fmax(largest, get(dtype, src, at + i));
    for (int64_t i = 0; i < n; i++) sum += expl((long double)get(dtype, src, at + i) - largest);
    for (int64_t i = 0; i < n; i++) {
        const long double below = (long double)get(dtype, src, at + i) - largest, want = expl(below) / sum;
        const double got = get(dtype, dst, at + i);
        CHECK(fabsl(got - want) <= u * (8 - below) * want + least, "softmax of %" PRId64 ": %a, not %La", n, got, want);
    }
}

static void check_softmax(pc_dtype dtype, int64_t rows, int64_t n, guard_side side, rng *r) {
    const int64_t count = rows * n;
    const size_t bytes = (size_t)count * dtype_size(dtype);
    guard_buffer src = guard_create(bytes, side), dst = guard_create(bytes, side);
    fill(dtype, src.data, count, DATA_REAL, r);
    const double scale = ldexp(1.0, (int)rng_range(r, 0, 7));
    for (int64_t i = 0; i < count; i++) put(dtype, src.data, i, get(dtype, src.data, i) * scale);
    guard_watch("pc_softmax");
    pc_status status = pc_softmax(dtype, rows, n, src.data, dst.data);
    CHECK(status == PC_OK, "softmax: %s", pc_status_text(status));
    for (int64_t i = 0; i < rows; i++) check_softmax_row(dtype, n, src.data, dst.data, i * n);
    void *scalar = poisoned(bytes);
    memcpy(scalar, dst.data, bytes);
    for (int isa = PC_ISA_SCALAR; isa < PC_ISA_COUNT; isa++) {
        if (!pc_isa_available((pc_isa)isa)) continue;
        CHECK(pc_set_isa((pc_isa)isa) == PC_OK, "set_isa");
        poison(dst.data, bytes);
        status = pc_softmax(dtype, rows, n, src.data, dst.data);
        CHECK(status == PC_OK && first_difference(dtype, dst.data, scalar, count) < 0,
              "softmax of %" PRId64 " x %" PRId64 " differs on %s", rows, n, pc_isa_name((pc_isa)isa));
    }
    CHECK(pc_set_isa(PC_ISA_AUTO) == PC_OK, "set_isa");
    status = pc_softmax(dtype, rows, n, src.data, src.data);
    CHECK(status == PC_OK && first_difference(dtype, src.data, scalar, count) < 0, "softmax in place, %" PRId64, n);
    CHECK(guard_intact(&src) && guard_intact(&dst), "softmax wrote beside its buffers, %" PRId64, n);
    free(scalar);
    guard_destroy(&src);
    guard_destroy(&dst);
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
            if (n) check_softmax((pc_dtype)dtype, rng_range(&r, 0, 4), n, n % 2 ? GUARD_AFTER : GUARD_BEFORE, &r);
        }
        double one = 1.0;
        CHECK(pc_relu((pc_dtype)dtype, 1, NULL, &one) == PC_ERR_NULL, "relu");
        CHECK(pc_relu((pc_dtype)dtype, 1, &one, NULL) == PC_ERR_NULL, "relu");
        CHECK(pc_relu((pc_dtype)dtype, -1, &one, &one) == PC_ERR_SIZE, "relu");
        CHECK(pc_softmax((pc_dtype)dtype, 1, 1, NULL, &one) == PC_ERR_NULL, "softmax");
        CHECK(pc_softmax((pc_dtype)dtype, -1, 1, &one, &one) == PC_ERR_SIZE, "softmax");
    }
    double one = 1.0;
    CHECK(pc_relu((pc_dtype)7, 1, &one, &one) == PC_ERR_DTYPE, "relu");
    CHECK(pc_softmax((pc_dtype)7, 1, 1, &one, &one) == PC_ERR_DTYPE, "softmax");
    return test_result();
}
