/* test_halves.c - depthwise half floats that kernels read and write themselves: on every instruction set the bits of
 * float32 rounded once, and no byte outside a buffer read or written (see test_guard.c). Random problems, some with sums
 * below the least normal number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "support.h"

enum { PROBLEMS = 1500, MOST = 1 << 17 };

static int64_t below(rng *r, int64_t n) { return rng_range(r, 0, n - 1); }

static pc_conv_desc draw(rng *state) {
    pc_conv_desc d = PC_CONV_DESC_INIT;
    static const int64_t kernels[] = {1, 2, 3, 3, 3, 5, 5, 7};
    const int rank = below(state, 8) == 0 ? 3 : below(state, 5) == 0 ? 1 : 2;
    d.src_type = below(state, 2) ? PC_F16 : PC_BF16;
    d.src_layout = d.dst_layout = below(state, 2) ? PC_NHWC : PC_NCHW;
    d.mb = 1 + below(state, 2);
    d.ic = d.oc = d.groups = 1 + below(state, 50);
    const int64_t k = kernels[below(state, 8)], s = 1 + below(state, 2), p = below(state, 4);
    for (int i = 3 - rank; i < 3; i++) {
        const int square = below(state, 4) > 0;
        d.kernel[i] = square ? k : kernels[below(state, 8)];
        d.stride[i] = square ? s : 1 + below(state, 3);
        d.pad_lo[i] = d.pad_hi[i] = square ? p : below(state, 4);
        d.dilation[i] = below(state, 4) ? 1 : 1 + below(state, 3);
        d.in[i] = 1 + below(state, rank == 3 ? 10 : below(state, 3) ? 36 : 90);
    }
    d.precision = PC_STRICT;
    return d;
}

static void fill_halves(rng *state, pc_storage type, int64_t n, float scale, uint16_t *halves) {
    float *x = malloc((size_t)n * sizeof *x + 1);
    for (int64_t i = 0; i < n; i++) x[i] = (float)(below(state, 4001) - 2000) / 500 * scale;
    CHECK(pc_convert(PC_ELEMENTS, type, 0, n, x, halves) == PC_OK, "convert");
    free(x);
}

/* The result in float32, rounded. */
static void expect(pc_conv_desc d, int64_t in, int64_t out, const uint16_t *src, const float *wei, const float *bias,
                   uint16_t *dst) {
    const pc_storage type = d.src_type;
    float *x = malloc((size_t)in * sizeof *x), *y = malloc((size_t)out * sizeof *y);
    CHECK(pc_convert(type, PC_ELEMENTS, 0, in, src, x) == PC_OK, "convert");
    d.src_type = PC_ELEMENTS;
    d.isa = PC_ISA_SCALAR;
    pc_plan *plan = NULL;
    CHECK(pc_plan_create_conv(&d, &plan) == PC_OK, "a plan of floats");
    void *packed = malloc(pc_plan_packed_size(plan) + 1), *room = malloc(pc_plan_workspace_size(plan) + 1);
    pc_plan_pack(plan, wei, packed);
    const pc_exec_args args = {.src = x, .packed = packed, .bias = bias, .dst = y, .workspace = room};
    CHECK(pc_plan_execute(plan, &args) == PC_OK, "execute");
    CHECK(pc_convert(PC_ELEMENTS, type, 0, out, y, dst) == PC_OK, "convert");
    pc_plan_destroy(plan);
    free(packed);
    free(room);
    free(x);
    free(y);
}

static void check_side(const pc_plan *plan, const char *what, int64_t in, int64_t out, int64_t oc, const uint16_t *src,
                       const float *wei, const float *bias, const uint16_t *want, guard_side side) {
    enum { SRC, BIAS, PACKED, DST, WORKSPACE, BUFFERS };
    const size_t bytes[BUFFERS] = {(size_t)in * 2, (size_t)oc * 4, pc_plan_packed_size(plan), (size_t)out * 2,
                                   pc_plan_workspace_size(plan)};
    guard_buffer b[BUFFERS];
    for (int i = 0; i < BUFFERS; i++) b[i] = guard_create(bytes[i], side);
    memcpy(b[SRC].data, src, bytes[SRC]);
    memcpy(b[BIAS].data, bias, bytes[BIAS]);
    pc_plan_pack(plan, wei, b[PACKED].data);
    for (int i = SRC; i <= PACKED; i++) guard_read_only(&b[i]);
    const pc_exec_args args = {.src = b[SRC].data,
                               .packed = b[PACKED].data,
                               .bias = b[BIAS].data,
                               .dst = b[DST].data,
                               .workspace = b[WORKSPACE].data};
    CHECK(pc_plan_execute(plan, &args) == PC_OK, "execute");
    CHECK(memcmp(b[DST].data, want, bytes[DST]) == 0, "wrong result: %s", what);
    for (int i = 0; i < BUFFERS; i++) {
        CHECK(guard_intact(&b[i]), "bytes beside a buffer were written: %s", what);
        guard_destroy(&b[i]);
    }
}

/* Returns the plans that there were. */
static int check_problem(const pc_conv_desc *given, rng *state) {
    pc_conv_desc d = *given;
    int64_t in = d.mb * d.ic, out = d.mb * d.oc, taps = 1;
    for (int i = 0; i < 3; i++) {
        const int64_t span = d.in[i] + 2 * d.pad_lo[i] - d.dilation[i] * (d.kernel[i] - 1) - 1;
        if (span < 0) return 0;
        in *= d.in[i];
        out *= span / d.stride[i] + 1;
        taps *= d.kernel[i];
    }
    if (in > MOST || out > MOST) return 0;
    const float scale = below(state, 4) || d.src_type == PC_F16 ? 1 : 0x1p-63f;
    uint16_t *src = malloc((size_t)in * 2), *want = malloc((size_t)out * 2);
    float *wei = malloc((size_t)(d.oc * taps) * 4), *bias = malloc((size_t)d.oc * 4);
    fill_halves(state, d.src_type, in, scale, src);
    for (int64_t i = 0; i < d.oc * taps; i++) wei[i] = (float)(below(state, 2001) - 1000) / 700 * scale;
    for (int64_t i = 0; i < d.oc; i++) bias[i] = (float)(below(state, 200) - 100) / 50 * scale * scale;
    expect(d, in, out, src, wei, bias, want);
    int plans = 0;
    for (int isa = PC_ISA_SCALAR; isa < PC_ISA_COUNT; isa++) {
        if (!pc_isa_available((pc_isa)isa)) continue;
        for (int i = 0; pc_algo_name(i); i++) {
            d.isa = (pc_isa)isa;
            d.algo = pc_algo_name(i);
            d.threads = 1 + i % 2;
            pc_plan *plan = NULL;
            const pc_status status = pc_plan_create_conv(&d, &plan);
            if (status == PC_ERR_ALGO) continue;
            if (!CHECK(status == PC_OK, "%s", pc_status_text(status))) continue;
            char what[256];
            snprintf(
                what, sizeof what,
                "%s, %s, type %d, layout %d: %d channels of %dx%dx%d, kernel %dx%dx%d, stride %d %d %d, pad %d %d %d, "
                "dilation %d %d %d",
                d.algo, pc_isa_name(d.isa), (int)d.src_type, (int)d.src_layout, (int)d.oc, (int)d.in[0], (int)d.in[1],
                (int)d.in[2], (int)d.kernel[0], (int)d.kernel[1], (int)d.kernel[2], (int)d.stride[0], (int)d.stride[1],
                (int)d.stride[2], (int)d.pad_lo[0], (int)d.pad_lo[1], (int)d.pad_lo[2], (int)d.dilation[0],
                (int)d.dilation[1], (int)d.dilation[2]);
            guard_watch(what);
            check_side(plan, what, in, out, d.oc, src, wei, bias, want, GUARD_AFTER);
            check_side(plan, what, in, out, d.oc, src, wei, bias, want, GUARD_BEFORE);
            guard_watch("outside the plan");
            pc_plan_destroy(plan);
            plans++;
        }
    }
    free(src);
    free(want);
    free(wei);
    free(bias);
    return plans;
}

int main(void) {
    rng state = {20261201};
    int plans = 0;
    for (int i = 0; i < PROBLEMS / TEST_EVERY; i++) {
        const pc_conv_desc d = draw(&state);
        plans += check_problem(&d, &state);
    }
    CHECK(plans > PROBLEMS / TEST_EVERY / 4, "only %d plans read half floats", plans);
    return test_result();
}
