/* output.h - what a run prints and what it writes as JSON. Either may be off. */
#ifndef PYCONV_BENCH_OUTPUT_H
#define PYCONV_BENCH_OUTPUT_H

#include "json.h"
#include "measure.h"
#include "options.h"

enum { PEAK_SLOTS = 64 };

/* The best FMA peak seen in the whole run for one ISA, dtype and thread count. */
typedef struct peak_slot {
    pc_isa isa;
    pc_dtype dtype;
    int threads;
    double gflops;
} peak_slot;

typedef struct output {
    FILE *table; /* NULL when JSON goes to standard output */
    json j;      /* j.file is NULL without --json */
    const options *o;
    peak_slot peaks[PEAK_SLOTS];
    int peak_count, rows;
    double log_fractions;
    int fractions;
} output;

/* One measured row. `check` is NULL when nothing was compared, `time` and `faults` when they were not measured. */
typedef struct row {
    const bench_case *b;
    const timing *time;
    const fault_cost *faults;
    const char *check;
} row;

int output_begin(output *out, const options *o); /* opens the files, writes machine and ceilings of memory */
void output_row(output *out, const row *r);
void output_note(output *out, const problem *p, const char *what, const char *why); /* a row that could not run */
void output_peak(output *out, pc_isa isa, pc_dtype dtype, int threads, double gflops);
int output_end(output *out); /* 0, or -1 when the JSON could not be written */

#endif
