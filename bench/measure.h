/* measure.h - one problem under one configuration: its plan, its buffers, its correctness and its times. */
#ifndef PYCONV_BENCH_MEASURE_H
#define PYCONV_BENCH_MEASURE_H

#include "problem.h"

typedef struct run_config {
    pc_isa isa;
    const char *algo; /* NULL: the library chooses */
    pc_dtype dtype;
    pc_layout layout; /* of input and output alike */
    int threads;
    pc_precision precision; /* of convolution */
    int64_t mb;
    double seconds; /* to spend on timing, the peak not counted */
    int reps;       /* turns of the problem with the peak, or with other destinations */
} run_config;

typedef struct bench_case {
    const problem *p;
    run_config config;
    pc_plan *plan;
    pc_plan_info info;
    pc_isa isa; /* the one that runs, never PC_ISA_AUTO */
    size_t src_bytes, wei_bytes, dst_bytes;
    void *src, *wei, *bia, *packed, *dst, *workspace;
} bench_case;

/* Times are microseconds a call. */
typedef struct timing {
    double best, median;
    int samples;
    int64_t calls; /* of each sample */
    double peak;   /* GFLOP/s of FMAs, the best burst taken between the repetitions; 0 if not measured */
} timing;

typedef struct fault_cost {
    timing reused, malloced, mapped;                      /* where each call finds its destination */
    double reused_faults, malloced_faults, mapped_faults; /* minor faults a call */
} fault_cost;

typedef enum check_result { CHECK_EXACT, CHECK_WITHIN, CHECK_DIFFERS, CHECK_FAILED } check_result;

/* Plan, allocate, fill with random non-zero numbers, pack. On an error nothing is left to close. */
pc_status case_open(bench_case *b, const problem *p, const run_config *config);
void case_close(bench_case *b);
pc_status case_execute(const bench_case *b, void *dst);

/* Run once into a poisoned destination, and compare every bit with the "reference" algorithm or, for pooling, with a
 * plain loop in this program. Winograd's algorithm need only come within a bound. `detail` says what differs first. */
check_result case_check(bench_case *b, char *detail, size_t n);
/* Repetitions of the problem, each followed by a burst of the FMA peak, so that both see the same clock and the same
 * neighbours. */
timing case_time(const bench_case *b);
/* The same call into one kept destination, a malloc'ed and freed one, and a freshly mapped one, in turn. */
fault_cost case_fault_cost(const bench_case *b);

pc_status case_describe(const problem *p, const run_config *config, pc_plan **plan);
size_t dtype_size(pc_dtype dtype);
void *buffer_new(size_t bytes); /* 64-byte aligned, to be freed with free() */

#endif
