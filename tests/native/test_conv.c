/* test_conv.c - every direct algorithm on every instruction set and several thread counts, against the definition, bit
 * for bit; and what runs in fast mode against itself.
 *
 *     test_conv                     the chosen problems and a few hundred random ones
 *     test_conv --count N           as many problems as that
 *     test_conv "<problem>"         one problem, as printed by a failure (see conv_problem.h)
 *     test_conv --hash              a hash of each problem's result, to compare two machines
 *
 * Destination, packed weights and workspace hold NaN before each run, so that what is read or left unwritten shows; and
 * they are aligned to one element and no better, which is all that the interface asks for. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conv_problem.h"

enum { MOST_THREADS = 3, RANDOM_PROBLEMS = 300 };

/* Plans, packs and executes `desc` into `dst`, which is poisoned first. PC_ERR_ALGO: the algorithm refuses. The name of
 * the algorithm that ran goes to `ran`. */
static pc_status run(const pc_conv_desc *desc, const conv_data *data, const void *src, void *dst, int64_t dst_count,
                     const char **ran) {
    pc_plan *plan = NULL;
    pc_status status = pc_plan_create_conv(desc, &plan);
    poison(dst, (size_t)dst_count * dtype_size(desc->dtype));
    if (status != PC_OK) return status;

    const size_t shift = dtype_size(desc->dtype);
    char *packed_block = poisoned(pc_plan_packed_size(plan) + shift);
    char *workspace_block = poisoned(pc_plan_workspace_size(plan) + shift);
    void *packed = packed_block + shift, *workspace = workspace_block + shift;
    status = pc_plan_pack(plan, data->wei, packed);
    const pc_exec_args args = {.src = src,
                               .packed = packed,
                               .bias = data->bias,
                               .residual = data->residual,
                               .dst = dst,
                               .workspace = workspace};
    if (status == PC_OK) status = pc_plan_execute(plan, &args);

    pc_plan_info info;
    if (status == PC_OK) status = pc_plan_get_info(plan, &info);
    if (status == PC_OK) {
        CHECK(strcmp(info.isa, pc_isa_name(desc->isa)) == 0, "asked for %s, ran %s", pc_isa_name(desc->isa), info.isa);
        CHECK(info.threads >= 1 && info.threads <= desc->threads, "%d threads of %d", info.threads, desc->threads);
        *ran = info.algo;
    }
    free(packed_block);
    free(workspace_block);
    pc_plan_destroy(plan);
    return status;
}

/* The result must be `want`; reports the first element that is not. */
static void expect(const conv_problem *p, const pc_conv_desc *d, const char *algo, const void *dst, const void *want,
                   int64_t count) {
    const int64_t i = first_difference(d->dtype, dst, want, count);
    CHECK(i < 0, "test_conv \"%s\": %s, %s, %d threads: element %" PRId64 " is %a, not %a", conv_problem_text(p), algo,
          pc_isa_name(d->isa), d->threads, i, get(d->dtype, dst, i), get(d->dtype, want, i));
}

/* Image n of the batch alone: the same bits as within it. */
static void check_batch_position(const conv_problem *p, const conv_data *data, const void *want) {
    const int64_t mb = p->desc.mb, src_image = p->src_count / mb, dst_image = p->dst_count / mb;
    const size_t size = dtype_size(p->desc.dtype);
    pc_conv_desc d = p->desc;
    d.mb = 1;
    void *dst = poisoned((size_t)dst_image * size);
    for (int64_t n = 0; n < mb; n++) {
        const char *ran = "";
        const void *image = (const char *)data->src + (size_t)(n * src_image) * conv_src_size(p);
        conv_data alone = *data;
        if (data->residual) alone.residual = (const char *)data->residual + (size_t)(n * dst_image) * size;
        const pc_status status = run(&d, &alone, image, dst, dst_image, &ran);
        if (!CHECK(status == PC_OK, "test_conv \"%s\": %s", conv_problem_text(p), pc_status_text(status))) break;
        expect(p, &d, ran, dst, (const char *)want + (size_t)(n * dst_image) * size, dst_image);
    }
    free(dst);
}

/* Calls `algo` (NULL: the library's choice) on every instruction set and thread count. Returns how many runs it made.
 */
static int check_algorithm(conv_problem *p, const conv_data *data, const char *algo, void *dst, const void *want) {
    const char *choice = NULL;
    int runs = 0, refusals = 0;
    for (int isa = PC_ISA_SCALAR; isa < PC_ISA_COUNT; isa++) {
        if (!pc_isa_available((pc_isa)isa)) continue;
        for (int threads = 1; threads <= MOST_THREADS; threads++) {
            pc_conv_desc *d = &p->desc;
            d->isa = (pc_isa)isa;
            d->threads = threads;
            d->algo = algo;
            const char *ran = "";
            const pc_status status = run(d, data, data->src, dst, p->dst_count, &ran);
            /* Whether an algorithm accepts depends on the shape of one image only, never on the target. */
            if (status == PC_ERR_ALGO && algo) {
                refusals++;
                continue;
            }
            if (!CHECK(status == PC_OK, "test_conv \"%s\": %s, %s, %d threads: %s", conv_problem_text(p),
                       algo ? algo : "auto", pc_isa_name(d->isa), threads, pc_status_text(status))) {
                continue;
            }
            runs++;
            if (!choice) choice = ran;
            CHECK(strcmp(ran, algo ? algo : choice) == 0, "test_conv \"%s\": ran %s, not %s", conv_problem_text(p), ran,
                  algo ? algo : choice);
            expect(p, d, ran, dst, want, p->dst_count);
            if (!algo && threads == 1 && p->desc.mb > 1) check_batch_position(p, data, want);
        }
    }
    CHECK(runs == 0 || refusals == 0, "test_conv \"%s\": %s refuses on some targets", conv_problem_text(p), algo);
    return runs;
}

/* `algo` (NULL: the library's choice) in fast mode: the same bits on every target, for any number of threads and in any
 * batch, even where it is not the chain. Bounds of its error are tests/test_precision.py's affair. */
static void check_fast(conv_problem *p, const conv_data *data, const char *algo, void *dst) {
    void *want = poisoned((size_t)p->dst_count * dtype_size(p->desc.dtype));
    const char *ran = "";
    p->desc.precision = PC_FAST;
    p->desc.isa = PC_ISA_SCALAR;
    p->desc.threads = 1;
    p->desc.algo = algo;
    const pc_status status = run(&p->desc, data, data->src, want, p->dst_count, &ran);
    const int refused = status == PC_ERR_ALGO && algo;
    CHECK(refused || status == PC_OK, "test_conv \"%s\": %s", conv_problem_text(p), pc_status_text(status));
    if (status == PC_OK) check_algorithm(p, data, algo, dst, want);
    free(want);
}

/* A residual and an activation, which each algorithm applies to what it has just stored: all agree, so none forgets an
 * output or takes one twice. tests/test_epilogue.py checks the values. */
static void check_epilogue(conv_problem *p, conv_data *data, void *dst, const void *plain) {
    const size_t bytes = (size_t)p->dst_count * dtype_size(p->desc.dtype);
    void *want = poisoned(bytes), *residual = poisoned(bytes);
    memcpy(residual, plain, bytes);
    p->desc.activation = (pc_activation)(PC_RELU + (int)(p->seed % (PC_ACTIVATION_COUNT - PC_RELU)));
    p->desc.clamp[0] = -1;
    p->desc.clamp[1] = 2.5;
    data->residual = p->seed % 3 ? residual : NULL;
    p->desc.isa = PC_ISA_SCALAR;
    p->desc.threads = 1;
    p->desc.algo = "reference";
    p->desc.precision = PC_STRICT;
    const char *ran = "";
    const pc_status status = run(&p->desc, data, data->src, want, p->dst_count, &ran);
    CHECK(status == PC_OK, "test_conv \"%s\": %s", conv_problem_text(p), pc_status_text(status));
    check_algorithm(p, data, NULL, dst, want);
    for (int i = 0; pc_algo_name(i); i++) check_algorithm(p, data, pc_algo_name(i), dst, want);
    check_fast(p, data, "winograd", dst);
    check_fast(p, data, NULL, dst);
    p->desc.activation = PC_NO_ACTIVATION;
    data->residual = NULL;
    free(want);
    free(residual);
}

static void check_problem(conv_problem *p) {
    const size_t bytes = (size_t)p->dst_count * dtype_size(p->desc.dtype);
    conv_data data = conv_data_create(p);
    void *want = poisoned(bytes), *dst = poisoned(bytes);
    double *exact = poisoned((size_t)p->dst_count * sizeof *exact);
    conv_oracle(p, &data, want, exact);
    if (p->data == DATA_INTEGER) {
        for (int64_t i = 0; i < p->dst_count; i++) {
            const double value = get(p->desc.dtype, want, i);
            if (!CHECK(value == exact[i], "test_conv \"%s\": the oracle", conv_problem_text(p))) break;
        }
    }
    p->desc.precision = PC_STRICT;
    const int automatic = check_algorithm(p, &data, NULL, dst, want);
    CHECK(check_algorithm(p, &data, "reference", dst, want) == automatic, "test_conv \"%s\": reference refuses",
          conv_problem_text(p));
    for (int i = 0; pc_algo_name(i); i++) {
        if (strcmp(pc_algo_name(i), "reference") == 0) continue;
        /* Tiles far larger than most of these images, in scalar code: on every third, and where the library chooses. */
        if (strncmp(pc_algo_name(i), "fft", 3) == 0 && p->seed % 3) continue;
        p->desc.precision = PC_STRICT;
        if (check_algorithm(p, &data, pc_algo_name(i), dst, want) == 0) check_fast(p, &data, pc_algo_name(i), dst);
    }
    check_fast(p, &data, NULL, dst);
    check_epilogue(p, &data, dst, want);
    conv_data_destroy(&data);
    free(want);
    free(dst);
    free(exact);
}

/* One line for each problem: what the best instruction set of this machine makes of it, in fast mode. */
static void print_hash(conv_problem *p) {
    conv_data data = conv_data_create(p);
    void *dst = poisoned((size_t)p->dst_count * dtype_size(p->desc.dtype));
    const char *ran = "";
    pc_conv_desc d = p->desc;
    pc_status status = pc_get_isa(&d.isa);
    d.threads = 2;
    if (status == PC_OK) status = run(&d, &data, data.src, dst, p->dst_count, &ran);
    CHECK(status == PC_OK, "test_conv \"%s\": %s", conv_problem_text(p), pc_status_text(status));
    printf("%016" PRIx64 " %s %s\n", hash_values(d.dtype, dst, p->dst_count, 0), ran, conv_problem_text(p));
    conv_data_destroy(&data);
    free(dst);
}

int main(int argc, char **argv) {
    conv_problem p;
    int64_t count = conv_problem_chosen() + RANDOM_PROBLEMS;
    int64_t part = 0, parts = 1, taken = 0;
    if (argc == 3 && strcmp(argv[1], "--count") == 0) {
        count = strtoll(argv[2], NULL, 10);
    } else if (argc == 4 && strcmp(argv[1], "--part") == 0) { /* number, and of how many: for several processes */
        part = strtoll(argv[2], NULL, 10);
        parts = strtoll(argv[3], NULL, 10);
        if (parts < 1 || part < 0 || part >= parts) return printf("no such part: %s of %s\n", argv[2], argv[3]), 2;
    } else if (argc == 2 && strcmp(argv[1], "--hash") == 0) {
        for (int64_t i = 0; i < count; i++) {
            conv_problem_get(&p, i);
            print_hash(&p);
        }
        return test_result();
    } else if (argc == 2) {
        if (!conv_problem_parse(&p, argv[1])) return printf("no such problem: %s\n", argv[1]), 2;
        check_problem(&p);
        return test_result();
    }
    for (int64_t i = 0; i < count; i++) {
        if (!conv_problem_taken(i) || taken++ % parts != part) continue;
        conv_problem_get(&p, i);
        check_problem(&p);
    }
    return test_result();
}
