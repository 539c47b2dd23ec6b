/* options.h - the command line of pyconv_bench. Each list is one axis of what is run: every combination is a row. */
#ifndef PYCONV_BENCH_OPTIONS_H
#define PYCONV_BENCH_OPTIONS_H

#include "problem.h"

enum { OPTION_LIST = 16 };

typedef struct options {
    problem_list problems;
    const char *name;               /* keep problems whose name contains it */
    const char *algos[OPTION_LIST]; /* NULL: the library chooses */
    pc_isa isas[OPTION_LIST];
    pc_dtype dtypes[OPTION_LIST];
    pc_layout layouts[OPTION_LIST];
    int threads[OPTION_LIST];
    int batches[OPTION_LIST];
    int algo_count, isa_count, dtype_count, layout_count, thread_count, batch_count;
    int every_algo; /* "all" was asked: refusals are not worth a row */
    pc_precision precision;
    int check, explain, list, page_faults, peaks, reps;
    double seconds;
    const char *json;
} options;

/* Returns 0 to go on, 1 when --help was answered, -1 after a message on stderr. */
int options_parse(options *o, int argc, char **argv);

#endif
