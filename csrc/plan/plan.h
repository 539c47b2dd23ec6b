/* plan.h - what the files of this folder share. */
#ifndef PC_PLAN_H
#define PC_PLAN_H

#include "../algo/conv.h"
#include "../algo/pool.h"

enum { PC_ALIGN = 64 };

/* Outputs of a transposed convolution that are alike modulo the stride; see transposed.c. */
typedef struct pc_phase {
    pc_conv conv;
    int64_t src, dst;                 /* offsets of its first input and output, in elements */
    int64_t last_tap[3], tap_step[3]; /* its taps in the whole kernel, from the last one back */
    size_t packed;                    /* bytes before its packed weights */
} pc_phase;

struct pc_plan {
    int is_pool;
    int forced;     /* the caller named the algorithm */
    int64_t out[3]; /* of an image; the convolution may be planned on a batch seen as one row */
    union {
        pc_conv conv; /* of a transposed one: the whole, with sums and maxima over its phases */
        pc_pool pool;
    } as;
    int fills;      /* transposed: there are outputs that no tap meets */
    size_t turned;  /* bytes before the room in which pack() turns weights around */
    int64_t phases; /* 0 unless transposed */
    pc_phase phase[];
};

/* Algorithms of convolution in order of preference; NULL past the end. */
const pc_algo *pc_registry_at(int i);

/* Set `algo` to the first that neither refuses nor defers, or to the one named. */
pc_status pc_conv_choose(pc_conv *conv, const char *name);
int64_t pc_conv_flops(const pc_conv *conv);

/* A transposed convolution, all of whose fields but those that algorithms fill are set. */
pc_status pc_transposed_plan(const pc_conv *whole, const char *name, pc_plan **plan);
void pc_transposed_pack(const pc_plan *plan, const void *wei, void *packed);
void pc_transposed_run(const pc_plan *plan, const pc_exec_args *args);

/* Why an algorithm cannot compute a problem: a sentence, or NULL. */
const char *pc_algo_refusal(const pc_algo *algo, const pc_conv *conv);

/* Check a descriptor and fill in the output size; `isa`, `threads` and `precision` come back resolved. */
pc_status pc_validate_conv(pc_conv_desc *desc, int64_t out[3]);
pc_status pc_validate_pool(pc_pool_desc *desc, int64_t out[3]);

#endif
