/* plan.h - what the files of this folder share. */
#ifndef PC_PLAN_H
#define PC_PLAN_H

#include "../algo/conv.h"
#include "../algo/pool.h"

struct pc_plan {
    int is_pool;
    int forced;     /* the caller named the algorithm */
    int64_t out[3]; /* of an image; the convolution may be planned on a batch seen as one row */
    union {
        pc_conv conv;
        pc_pool pool;
    } as;
};

/* Algorithms of convolution in order of preference; NULL past the end. */
const pc_algo *pc_registry_at(int i);

/* Why an algorithm cannot compute a problem: a sentence, or NULL. */
const char *pc_algo_refusal(const pc_algo *algo, const pc_conv *conv);

/* Check a descriptor and fill in the output size; `isa`, `threads` and `precision` come back resolved. */
pc_status pc_validate_conv(pc_conv_desc *desc, int64_t out[3]);
pc_status pc_validate_pool(pc_pool_desc *desc, int64_t out[3]);

/* Dense strides of a layout. */
pc_strides pc_dense_strides(pc_layout layout, int64_t c, const int64_t size[3]);

#endif
