/* problem.h - the benchmark's problems: one named layer a line, read from text files.
 *
 * The grammar is in bench/README.md; bench/problem.py reads the same files for the comparison with other libraries.
 * A problem has no batch, dtype, layout or thread count: those belong to a run.
 */
#ifndef PYCONV_BENCH_PROBLEM_H
#define PYCONV_BENCH_PROBLEM_H

#include <stddef.h>

#include "pyconv.h"

typedef enum problem_kind { PROBLEM_CONV2D = 0, PROBLEM_MAXPOOL2D, PROBLEM_AVGPOOL2D } problem_kind;

/* Axis 0 is the height, axis 1 the width. For pooling ic == oc is the number of channels and groups is 1. */
typedef struct problem {
    problem_kind kind;
    char name[64];
    char file[64]; /* the problem file's name without folder and ".txt" */
    int64_t ic, oc, groups;
    int64_t in[2], kernel[2], stride[2], pad[2], dilation[2];
    pc_boundary boundary;
    int bias, ceil_mode;
    int bytes;       /* the input holds numbers of type uint8_t */
    int separable;   /* the kernel is a column times a row */
    int include_pad; /* of an average: padding counts */
} problem;

typedef struct problem_list {
    problem *items;
    size_t count, capacity;
} problem_list;

/* Parse one line. Returns 1 for a problem, 0 for a blank line or a comment, -1 for a mistake described in `why`. */
int problem_parse(const char *line, problem *out, char *why, size_t why_size);
/* Append a file's problems ("-" reads standard input). Returns 0, or -1 with "file:line: what" in `why`. */
int problem_load(const char *path, problem_list *list, char *why, size_t why_size);
int problem_append(problem_list *list, const problem *item);
void problem_list_free(problem_list *list);

const char *problem_kind_name(problem_kind kind); /* "conv2d", "maxpool2d", "avgpool2d" */
void problem_out(const problem *p, int64_t out[2]);
int64_t problem_src_elements(const problem *p); /* of one image, as the three below */
int64_t problem_dst_elements(const problem *p);
int64_t problem_wei_elements(const problem *p); /* 0 for pooling */
int64_t problem_flops(const problem *p);        /* direct convolution, two a multiply-add; 0 for pooling */
/* "64x56x56 -> 64x56x56 3x3 s2 p1 d2 g8": parts that have their default value are left out; 5+7 is separable. */
void problem_shape(const problem *p, char *text, size_t n);
/* A line that problem_parse() reads back as the same problem. */
void problem_line(const problem *p, char *text, size_t n);

#endif
