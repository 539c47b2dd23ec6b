/* pyconv_bench.c - time, check and explain the C library's plans on problems from text files.
 *
 * It links the static library and uses nothing but pyconv.h. Weights are packed beforehand, buffers are reused and data
 * is random; between the repetitions of a problem the FMA peak of the same instruction set and thread count is
 * measured, so that "fraction of the peak" compares two figures of the same moment. bench/README.md explains the
 * columns.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "output.h"
#include "peak.h"

static const char *refusal(const problem *p, run_config config) {
    static char text[256];
    const char *wanted = config.algo, *why = NULL;
    pc_plan *plan;
    config.algo = NULL;
    if (case_describe(p, &config, &plan) != PC_OK) return pc_status_text(PC_ERR_ALGO);
    for (int i = 0; wanted && pc_algo_name(i); i++)
        if (!strcmp(pc_algo_name(i), wanted)) why = pc_plan_refusal(plan, i);
    /* The text belongs to the plan. */
    snprintf(text, sizeof(text), "%s", why ? why : pc_status_text(PC_ERR_ALGO));
    pc_plan_destroy(plan);
    return text;
}

/* A mismatch prints the command that shows it again. */
static void print_repro(const bench_case *b, const char *detail) {
    char line[512];
    problem_line(b->p, line, sizeof(line));
    fprintf(stderr,
            "pyconv_bench: %s: %s\n  again: pyconv_bench --check --seconds 0 --algo %s --isa %s --dtype %s --layout %s "
            "--threads %d --precision %s --batch %lld --problem '%s'\n",
            b->p->name, detail, b->info.algo, b->info.isa, b->config.dtype == PC_F64 ? "f64" : "f32",
            b->config.layout == PC_NHWC ? "nhwc" : "nchw", b->config.threads, pc_precision_name(b->config.precision),
            (long long)b->config.mb, line);
}

static int explain(const problem *p, const bench_case *b) {
    size_t length = pc_plan_explain(b->plan, NULL, 0) + 1;
    char *text = malloc(length);
    if (!text) return 1;
    pc_plan_explain(b->plan, text, length);
    printf("%s\n%s\n", p->name, text);
    free(text);
    return 0;
}

static int measure(output *out, bench_case *b) {
    static const char *const words[] = {
        [CHECK_EXACT] = "exact", [CHECK_WITHIN] = "within", [CHECK_DIFFERS] = "DIFFERS", [CHECK_FAILED] = "FAILED"};
    const options *o = out->o;
    row r = {.b = b};
    timing time;
    fault_cost faults;
    char detail[256];
    int failed = 0;
    if (o->check) {
        check_result result = case_check(b, detail, sizeof(detail));
        r.check = words[result];
        failed = result == CHECK_DIFFERS || result == CHECK_FAILED;
        if (failed) print_repro(b, detail);
    }
    if (o->seconds > 0) {
        time = case_time(b);
        r.time = &time;
        if (o->page_faults) {
            faults = case_fault_cost(b);
            r.faults = &faults;
        }
    }
    output_row(out, &r);
    return failed;
}

static int run_one(output *out, const problem *p, const run_config *config) {
    bench_case b;
    pc_status status = case_open(&b, p, config);
    if (status == PC_ERR_ALGO && out->o->every_algo) return 0;
    if (status != PC_OK) {
        int refused = status == PC_ERR_ALGO && config->algo;
        output_note(out, p, refused ? config->algo : "cannot run",
                    refused ? refusal(p, *config) : pc_status_text(status));
        return !refused;
    }
    int failed = out->o->explain ? explain(p, &b) : measure(out, &b);
    case_close(&b);
    return failed;
}

/* Pooling has no choice of algorithm: it runs once, whatever list was given. */
static int run_algorithms(output *out, const problem *p, run_config config) {
    const options *o = out->o;
    int failed = 0, count = problem_has_weights(p) ? o->algo_count : 1;
    for (int a = 0; a < count; a++) {
        config.algo = problem_has_weights(p) ? o->algos[a] : NULL;
        failed |= run_one(out, p, &config);
    }
    return failed;
}

static int run_problem(output *out, const problem *p) {
    const options *o = out->o;
    int failed = 0;
    for (int d = 0; d < o->dtype_count; d++)
        for (int l = 0; l < o->layout_count; l++)
            for (int n = 0; n < o->batch_count; n++)
                for (int t = 0; t < o->thread_count; t++)
                    for (int i = 0; i < o->isa_count; i++)
                        failed |= run_algorithms(out, p,
                                                 (run_config){.isa = o->isas[i],
                                                              .dtype = o->dtypes[d],
                                                              .layout = o->layouts[l],
                                                              .threads = o->threads[t],
                                                              .precision = o->precision,
                                                              .mb = o->batches[n],
                                                              .seconds = o->seconds,
                                                              .reps = o->reps});
    return failed;
}

static void list_problem(const problem *p) {
    char shape[160];
    problem_shape(p, shape, sizeof(shape));
    printf("%-14s %-22s %-9s %-40s %10.2f MFLOP %10.2f MB of weights\n", p->file, p->name, p->kind->name, shape,
           1e-6 * (double)problem_flops(p), 4e-6 * (double)problem_wei_elements(p));
}

static void measure_peaks(output *out) {
    enum { BURSTS = 100 };
    const options *o = out->o;
    for (int isa = PC_ISA_AUTO + 1; isa < PC_ISA_COUNT; isa++)
        for (int dtype = PC_F32; dtype <= PC_F64; dtype++)
            for (int t = 0; t < o->thread_count; t++)
                for (int burst = 0; burst < BURSTS; burst++)
                    output_peak(out, (pc_isa)isa, (pc_dtype)dtype, o->threads[t],
                                peak_fma((pc_isa)isa, (pc_dtype)dtype, o->threads[t], 1e-3));
}

static int selected(const options *o, const problem *p) { return !o->name || strstr(p->name, o->name); }

static int run_all(const options *o) {
    output out = {.o = o, .table = stdout};
    int failed = 0, chosen = 0;
    if (!o->explain && output_begin(&out, o)) return 2;
    if (o->peaks) measure_peaks(&out);
    for (size_t i = 0; i < o->problems.count && !o->peaks; i++) {
        if (!selected(o, &o->problems.items[i])) continue;
        chosen++;
        failed |= run_problem(&out, &o->problems.items[i]);
    }
    if (!o->peaks && !chosen) {
        fprintf(stderr, "pyconv_bench: no problem's name contains '%s'\n", o->name ? o->name : "");
        failed = 2;
    }
    if (!o->explain && output_end(&out)) return 2;
    return failed;
}

static int list_all(const options *o) {
    for (size_t i = 0; i < o->problems.count; i++)
        if (selected(o, &o->problems.items[i])) list_problem(&o->problems.items[i]);
    return 0;
}

/* Every large buffer comes fresh from the system: glibc otherwise hands later problems what earlier ones left on its
 * heap, and 64 channels of 56x56 take 10 % longer on two threads there. */
static void fresh_buffers(void) {
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 128 << 10);
#endif
}

int main(int argc, char **argv) {
    fresh_buffers();
    options o;
    int parsed = options_parse(&o, argc, argv);
    int code = parsed ? (parsed > 0 ? 0 : 2) : o.list ? list_all(&o) : run_all(&o);
    problem_list_free(&o.problems);
    return code;
}
