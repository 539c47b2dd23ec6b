/* problem.h - the benchmark's problems: one named layer a line, read from text files.
 *
 * The grammar is in bench/README.md; bench/problem.py reads the same files for the comparison with other libraries.
 * A problem has no batch, dtype, layout or thread count: those belong to a run.
 */
#ifndef PYCONV_BENCH_PROBLEM_H
#define PYCONV_BENCH_PROBLEM_H

#include <stddef.h>

#include "pyconv.h"

typedef enum problem_op { PROBLEM_CONV, PROBLEM_CONV_TRANSPOSE, PROBLEM_MAXPOOL, PROBLEM_AVGPOOL } problem_op;

typedef struct problem_kind {
    const char *name; /* "conv2d", "conv_transpose1d", "maxpool3d", ... */
    problem_op op;
    int rank; /* 1 to 3 */
} problem_kind;

enum { PROBLEM_AXES = 3 };

/* Axes are depth, height, width; a kind has the last `rank` of them, and its others are one element under one tap. For
 * pooling ic == oc is the number of channels and groups is 1. */
typedef struct problem {
    const problem_kind *kind; /* static storage */
    char name[64];
    char file[64]; /* the problem file's name without folder and ".txt" */
    int64_t ic, oc, groups;
    int64_t in[PROBLEM_AXES], kernel[PROBLEM_AXES], stride[PROBLEM_AXES], pad[PROBLEM_AXES], dilation[PROBLEM_AXES];
    int64_t out_pad[PROBLEM_AXES]; /* of a transposed convolution: elements more at the end */
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

int problem_has_weights(const problem *p); /* a convolution, transposed or not */
void problem_out(const problem *p, int64_t out[PROBLEM_AXES]);
int64_t problem_src_elements(const problem *p); /* of one image, as the three below */
int64_t problem_dst_elements(const problem *p);
int64_t problem_wei_elements(const problem *p); /* 0 for pooling */
/* Of the direct algorithm, two a multiply-add: a transposed convolution multiplies each input by each tap. 0 for pooling. */
int64_t problem_flops(const problem *p);
/* "64x56x56 -> 64x56x56 3x3 s2 p1 d2 g8": parts that have their default value are left out; 5+7 is separable, k5 the
 * kernel of a line. */
void problem_shape(const problem *p, char *text, size_t n);
/* A line that problem_parse() reads back as the same problem. */
void problem_line(const problem *p, char *text, size_t n);

#endif
