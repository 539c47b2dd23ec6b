/* pool.h - a planned max pooling. */
#ifndef PC_ALGO_POOL_H
#define PC_ALGO_POOL_H

#include "conv.h"

typedef struct pc_pool {
    pc_pool_desc desc;
    const pc_kernels *kernels;
    int64_t out[3];
    pc_strides src, dst;
    int threads;
    size_t workspace_per_thread;
    int64_t bands;               /* items a plane */
    int64_t pitch, phase, slice; /* strip strides in elements; slice: one depth tap */
    int64_t tables;              /* byte offset in a thread's workspace */
} pc_pool;

/* How max pooling runs, chosen from the layouts and the shape. */
typedef enum pc_pool_path { PC_POOL_PLANES, PC_POOL_CHANNELS, PC_POOL_PLAIN } pc_pool_path;

pc_pool_path pc_pool_choose(const pc_pool *pool);
void pc_pool_plan(pc_pool *pool);
void pc_pool_run(const pc_pool *pool, const pc_exec_args *args);

/* Elementwise and row operations, cut among threads. */
void pc_relu_run(const pc_kernels *kernels, int64_t n, const void *src, void *dst);
void pc_softmax_run(const pc_kernels *kernels, int64_t rows, int64_t n, const void *src, void *dst);

#endif
