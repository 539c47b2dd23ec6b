/* conv_problem.h - convolution problems as lines of text, their data, and an oracle for their results.
 *
 * A problem is a line such as
 *
 *     f32 nchw>nhwc reflect mb2 g1 ic3 oc8 in5,7 k3,3 s1,2 d1 lo1,0 hi1,2 bias integer seed7
 *
 * whose words may come in any order and be left out. One number means height and width, two height and width by
 * themselves, three depth as well. What a test prints on failure is such a line, and tests accept one as argument.
 */
#ifndef TEST_CONV_PROBLEM_H
#define TEST_CONV_PROBLEM_H

#include "support.h"

typedef struct conv_problem {
    pc_conv_desc desc;
    int with_bias;
    data_kind data;
    uint64_t seed;
    int64_t out[3];
    int64_t src_count, wei_count, dst_count; /* elements */
} conv_problem;

typedef struct conv_data {
    void *src, *wei, *bias; /* bias is NULL where the problem has none */
    const void *residual;   /* NULL until a test sets it, to dst_count elements of its own */
} conv_data;

enum { CONV_TEXT = 256 };

/* Returns 0 if the line cannot be understood. */
int conv_problem_parse(conv_problem *p, const char *line);
/* The whole problem as a line; the text is overwritten by the next call. */
const char *conv_problem_text(const conv_problem *p);
/* Problem `index` of the list that all tests walk: chosen edge cases in every layout and type, then random ones that
 * go on for ever. The first conv_problem_chosen() are the edge cases. */
void conv_problem_get(conv_problem *p, int64_t index);
int64_t conv_problem_chosen(void);
/* Whether this build tests problem `index`: all, or every n-th by the build's option PYCONV_TEST_EVERY. */
int conv_problem_taken(int64_t index);

/* Bytes of an element of the input. */
size_t conv_src_size(const conv_problem *p);
conv_data conv_data_create(const conv_problem *p);
void conv_data_destroy(conv_data *data);

/* Writes the result of `p`: the fused multiply-adds of the documented order, in the problem's own type. Where `exact`
 * is not NULL, also the sum in double precision, whose order does not matter for integer data. */
void conv_oracle(const conv_problem *p, const conv_data *data, void *dst, double *exact);

#endif
