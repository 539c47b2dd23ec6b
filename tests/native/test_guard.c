/* test_guard.c - no byte outside a buffer is read or written.
 *
 * Source, weights, packed weights, bias, destination and workspace stand flush against forbidden pages, first with the
 * page behind them, then with it in front; inputs are read-only while the plan runs. An over-read is a crash, which
 * prints the problem; a write that stays within a page shows in the bytes beside the buffer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conv_problem.h"
#include "guard.h"

enum { RANDOM_PROBLEMS = 250 };

static void check_plan(const conv_problem *p, const conv_data *data, const pc_plan *plan, const void *want,
                       guard_side side) {
    const pc_conv_desc *d = &p->desc;
    const size_t size = dtype_size(d->dtype);
    enum { SRC, WEI, BIAS, PACKED, DST, WORKSPACE, BUFFERS };
    static const char *const names[BUFFERS] = {"src", "weights", "bias", "packed", "dst", "workspace"};
    const size_t bytes[BUFFERS] = {(size_t)p->src_count * conv_src_size(p),
                                   (size_t)p->wei_count * size,
                                   p->with_bias ? (size_t)d->oc * size : 0,
                                   pc_plan_packed_size(plan),
                                   (size_t)p->dst_count * size,
                                   pc_plan_workspace_size(plan)};
    CHECK(bytes[PACKED] % size == 0 && bytes[WORKSPACE] % size == 0, "buffers of whole elements");
    guard_buffer b[BUFFERS];
    for (int i = 0; i < BUFFERS; i++) b[i] = guard_create(bytes[i], side);
    memcpy(b[SRC].data, data->src, bytes[SRC]);
    memcpy(b[WEI].data, data->wei, bytes[WEI]);
    if (p->with_bias) memcpy(b[BIAS].data, data->bias, bytes[BIAS]);

    guard_read_only(&b[WEI]);
    pc_status status = pc_plan_pack(plan, b[WEI].data, b[PACKED].data);
    CHECK(status == PC_OK, "pack: %s", pc_status_text(status));
    guard_read_only(&b[SRC]);
    guard_read_only(&b[BIAS]);
    guard_read_only(&b[PACKED]);
    const pc_exec_args args = {.src = b[SRC].data,
                               .packed = b[PACKED].data,
                               .bias = p->with_bias ? b[BIAS].data : NULL,
                               .dst = b[DST].data,
                               .workspace = b[WORKSPACE].data};
    status = pc_plan_execute(plan, &args);
    CHECK(status == PC_OK, "execute: %s", pc_status_text(status));
    CHECK(d->precision == PC_FAST || first_difference(d->dtype, b[DST].data, want, p->dst_count) < 0,
          "wrong result: %s, %s: %s", d->algo, pc_isa_name(d->isa), conv_problem_text(p));
    for (int i = 0; i < BUFFERS; i++) {
        CHECK(guard_intact(&b[i]), "bytes beside %s were written: %s, %s: %s", names[i], d->algo, pc_isa_name(d->isa),
              conv_problem_text(p));
        guard_destroy(&b[i]);
    }
}

static void check_problem(conv_problem *p) {
    conv_data data = conv_data_create(p);
    void *want = poisoned((size_t)p->dst_count * dtype_size(p->desc.dtype));
    conv_oracle(p, &data, want, NULL);
    for (int isa = PC_ISA_SCALAR; isa < PC_ISA_COUNT; isa++) {
        if (!pc_isa_available((pc_isa)isa)) continue;
        for (int i = 0; pc_algo_name(i); i++) {
            p->desc.isa = (pc_isa)isa;
            p->desc.algo = pc_algo_name(i);
            p->desc.threads = 1 + i % 2;
            pc_plan *plan = NULL;
            pc_status status = PC_ERR_ALGO;
            /* Only what refuses in strict mode runs in fast mode, and is not compared with the chain. */
            for (int mode = PC_STRICT; mode >= PC_FAST && status == PC_ERR_ALGO; mode--) {
                p->desc.precision = (pc_precision)mode;
                status = pc_plan_create_conv(&p->desc, &plan);
            }
            if (status == PC_ERR_ALGO) continue;
            if (!CHECK(status == PC_OK, "%s: %s", pc_status_text(status), conv_problem_text(p))) continue;
            char what[CONV_TEXT + 64];
            snprintf(what, sizeof what, "%s, %s: %s", p->desc.algo, pc_isa_name(p->desc.isa), conv_problem_text(p));
            guard_watch(what);
            check_plan(p, &data, plan, want, GUARD_AFTER);
            check_plan(p, &data, plan, want, GUARD_BEFORE);
            guard_watch("outside the plan");
            pc_plan_destroy(plan);
        }
    }
    conv_data_destroy(&data);
    free(want);
}

int main(int argc, char **argv) {
    conv_problem p;
    if (argc == 2) {
        if (!conv_problem_parse(&p, argv[1])) return printf("no such problem: %s\n", argv[1]), 2;
        check_problem(&p);
        return test_result();
    }
    for (int64_t i = 0; i < conv_problem_chosen() + RANDOM_PROBLEMS; i++) {
        if (!conv_problem_taken(i)) continue;
        conv_problem_get(&p, i);
        check_problem(&p);
    }
    return test_result();
}
