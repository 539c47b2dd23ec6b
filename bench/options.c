/* options.c - see options.h. */
#define _GNU_SOURCE
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: pyconv_bench [options] FILE...\n"
    "Times the C library on the problems in the files (bench/problems/*.txt; \"-\" is standard input).\n"
    "Options marked * take a list, as in --threads 1,2; every combination is measured.\n"
    "\n"
    "  --problems FILE    another problem file (may be repeated)\n"
    "  --problem LINE     one problem, written as in a file\n"
    "  --name SUBSTR      only problems whose name contains SUBSTR\n"
    "  --algo NAME      * auto (default), an algorithm's name, or all that accept the problem\n"
    "  --isa NAME       * auto (default), scalar, avx2, avx512, neon, or all that this CPU runs\n"
    "  --dtype D        * f32 (default), f64\n"
    "  --layout L       * nchw (default), nhwc\n"
    "  --threads N      * default 1\n"
    "  --batch N        * default 1\n"
    "  --precision P      fast (default), strict: no algorithm but chains of fused multiply-adds\n"
    "  --check            compare each result bit for bit with the reference, a transform's within a bound; exit code\n"
    "                     1 if any differs\n"
    "  --seconds S        time spent on each row (default 0.5; 0 with --check: no timing)\n"
    "  --reps N           turns with the measurement of the peak that those seconds are split into (default 7)\n"
    "  --page-faults      also time with a destination that is malloc'ed, or freshly mapped, at every call\n"
    "  --json FILE        write everything as JSON (\"-\" is standard output, and the table is left out)\n"
    "  --list             print the problems and stop\n"
    "  --explain          print each plan's explanation and stop\n"
    "  --peak             measure the machine's ceilings on every ISA and stop; needs no problem\n"
    "  --help             this text\n";

enum option_code {
    OPT_PROBLEMS = 256,
    OPT_PROBLEM,
    OPT_NAME,
    OPT_ALGO,
    OPT_ISA,
    OPT_DTYPE,
    OPT_LAYOUT,
    OPT_THREADS,
    OPT_BATCH,
    OPT_PRECISION,
    OPT_CHECK,
    OPT_SECONDS,
    OPT_REPS,
    OPT_PAGE_FAULTS,
    OPT_JSON,
    OPT_LIST,
    OPT_EXPLAIN,
    OPT_PEAK,
    OPT_HELP
};

static const struct option long_options[] = {
    {"problems", required_argument, NULL, OPT_PROBLEMS},
    {"problem", required_argument, NULL, OPT_PROBLEM},
    {"name", required_argument, NULL, OPT_NAME},
    {"algo", required_argument, NULL, OPT_ALGO},
    {"isa", required_argument, NULL, OPT_ISA},
    {"dtype", required_argument, NULL, OPT_DTYPE},
    {"layout", required_argument, NULL, OPT_LAYOUT},
    {"threads", required_argument, NULL, OPT_THREADS},
    {"batch", required_argument, NULL, OPT_BATCH},
    {"precision", required_argument, NULL, OPT_PRECISION},
    {"check", no_argument, NULL, OPT_CHECK},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"reps", required_argument, NULL, OPT_REPS},
    {"page-faults", no_argument, NULL, OPT_PAGE_FAULTS},
    {"json", required_argument, NULL, OPT_JSON},
    {"list", no_argument, NULL, OPT_LIST},
    {"explain", no_argument, NULL, OPT_EXPLAIN},
    {"peak", no_argument, NULL, OPT_PEAK},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static int complain(const char *what, const char *value) {
    fprintf(stderr, "pyconv_bench: %s '%s'\n", what, value);
    return -1;
}

/* Adders take one word of a comma-separated list. */
typedef int (*adder)(options *o, const char *word);

static int each_word(options *o, char *list, adder add) {
    char *state = NULL;
    for (char *word = strtok_r(list, ",", &state); word; word = strtok_r(NULL, ",", &state))
        if (add(o, word)) return -1;
    return 0;
}

static int add_algo(options *o, const char *word) {
    int every = !strcmp(word, "all"), found = 0;
    if (!strcmp(word, "auto") && o->algo_count < OPTION_LIST) {
        o->algos[o->algo_count++] = NULL;
        return 0;
    }
    for (int i = 0; pc_algo_name(i); i++) {
        if ((every || !strcmp(word, pc_algo_name(i))) && o->algo_count < OPTION_LIST) {
            o->algos[o->algo_count++] = pc_algo_name(i);
            found = 1;
        }
    }
    o->every_algo |= every;
    return found ? 0 : complain("unknown algorithm", word);
}

static int add_isa(options *o, const char *word) {
    pc_isa isa;
    if (!strcmp(word, "all")) {
        for (int i = PC_ISA_AUTO + 1; i < PC_ISA_COUNT; i++)
            if (pc_isa_available((pc_isa)i) && o->isa_count < OPTION_LIST) o->isas[o->isa_count++] = (pc_isa)i;
        return 0;
    }
    if (pc_isa_from_name(word, &isa) != PC_OK || (isa != PC_ISA_AUTO && !pc_isa_available(isa)))
        return complain("unknown or unavailable instruction set", word);
    if (o->isa_count < OPTION_LIST) o->isas[o->isa_count++] = isa;
    return 0;
}

static int add_dtype(options *o, const char *word) {
    if (strcmp(word, "f32") && strcmp(word, "f64")) return complain("unknown dtype", word);
    if (o->dtype_count < OPTION_LIST) o->dtypes[o->dtype_count++] = strcmp(word, "f64") ? PC_F32 : PC_F64;
    return 0;
}

static int add_layout(options *o, const char *word) {
    if (strcmp(word, "nchw") && strcmp(word, "nhwc")) return complain("unknown layout", word);
    if (o->layout_count < OPTION_LIST) o->layouts[o->layout_count++] = strcmp(word, "nhwc") ? PC_NCHW : PC_NHWC;
    return 0;
}

static int positive(const char *word, int *value) {
    char *end;
    long number = strtol(word, &end, 10);
    if (end == word || *end || number < 1 || number > 1000000) return complain("not a positive number", word);
    *value = (int)number;
    return 0;
}

static int add_threads(options *o, const char *word) {
    return o->thread_count < OPTION_LIST ? positive(word, &o->threads[o->thread_count++]) : 0;
}

static int add_batch(options *o, const char *word) {
    return o->batch_count < OPTION_LIST ? positive(word, &o->batches[o->batch_count++]) : 0;
}

static int load(options *o, const char *path) {
    char why[512];
    return problem_load(path, &o->problems, why, sizeof(why)) ? complain("cannot read problems:", why) : 0;
}

static int add_line(options *o, const char *line) {
    char why[256];
    problem p;
    int parsed = problem_parse(line, &p, why, sizeof(why));
    if (parsed < 0) return complain("cannot read the problem:", why);
    return parsed && problem_append(&o->problems, &p) ? complain("out of memory at", line) : 0;
}

static int set_seconds(options *o, const char *text) {
    char *end;
    o->seconds = strtod(text, &end);
    return end == text || *end || !(o->seconds >= 0) ? complain("not a time in seconds", text) : 0;
}

static int set_precision(options *o, const char *word) {
    for (int i = PC_FAST; i < PC_PRECISION_COUNT; i++) {
        if (!strcmp(word, pc_precision_name((pc_precision)i))) {
            o->precision = (pc_precision)i;
            return 0;
        }
    }
    return complain("unknown precision", word);
}

static int apply(options *o, int code, char *value) {
    switch (code) {
        case OPT_PROBLEMS: return load(o, value);
        case OPT_PROBLEM: return add_line(o, value);
        case OPT_NAME: o->name = value; return 0;
        case OPT_ALGO: return each_word(o, value, add_algo);
        case OPT_ISA: return each_word(o, value, add_isa);
        case OPT_DTYPE: return each_word(o, value, add_dtype);
        case OPT_LAYOUT: return each_word(o, value, add_layout);
        case OPT_THREADS: return each_word(o, value, add_threads);
        case OPT_BATCH: return each_word(o, value, add_batch);
        case OPT_PRECISION: return set_precision(o, value);
        case OPT_CHECK: o->check = 1; return 0;
        case OPT_SECONDS: return set_seconds(o, value);
        case OPT_REPS: return positive(value, &o->reps);
        case OPT_PAGE_FAULTS: o->page_faults = 1; return 0;
        case OPT_JSON: o->json = value; return 0;
        case OPT_LIST: o->list = 1; return 0;
        case OPT_EXPLAIN: o->explain = 1; return 0;
        case OPT_PEAK: o->peaks = 1; return 0;
        case OPT_HELP: fputs(usage, stdout); return 1;
        default: fputs("try --help\n", stderr); return -1;
    }
}

static void fill_defaults(options *o) {
    if (!o->algo_count) o->algos[o->algo_count++] = NULL;
    if (!o->isa_count) o->isas[o->isa_count++] = PC_ISA_AUTO;
    if (!o->dtype_count) o->dtypes[o->dtype_count++] = PC_F32;
    if (!o->layout_count) o->layouts[o->layout_count++] = PC_NCHW;
    if (!o->thread_count) o->threads[o->thread_count++] = 1;
    if (!o->batch_count) o->batches[o->batch_count++] = 1;
}

int options_parse(options *o, int argc, char **argv) {
    *o = (options){.precision = PC_FAST, .seconds = 0.5, .reps = 7};
    int code, done = 0;
    while (!done && (code = getopt_long(argc, argv, "", long_options, NULL)) != -1) done = apply(o, code, optarg);
    for (; !done && optind < argc; optind++) done = load(o, argv[optind]);
    if (!done && !o->problems.count && !o->peaks) {
        fputs("pyconv_bench: no problems given; try --help\n", stderr);
        done = -1;
    }
    fill_defaults(o);
    return done;
}
