/* pool.h - a planned pooling. */
#ifndef PC_ALGO_POOL_H
#define PC_ALGO_POOL_H

#include "conv.h"
#include "pool_elements.h"

/* How pooling runs, chosen from the layouts and the shape. */
typedef enum pc_pool_path {
    PC_POOL_BLOCKS,    /* channels first: 2x2 at step 2 inside the image */
    PC_POOL_FLAT,      /* channels first: as many results as elements, narrow planes */
    PC_POOL_TILES,     /* channels first: common windows, a few rows of results at once, straight from the image */
    PC_POOL_ROWS,      /* channels first: each row of the image once, then rows down */
    PC_POOL_PIXELS,    /* channels last: each window by itself */
    PC_POOL_LAST_ROWS, /* channels last: each row of the image once, then rows down */
    PC_POOL_GLOBAL,    /* one result of a whole plane: 16 running sums */
    PC_POOL_MAXIMA,    /* indices of windows that overlap, integers: as rows, in either layout */
    PC_POOL_PLAIN,     /* a loop: windows that nothing above holds */
} pc_pool_path;

typedef struct pc_pool {
    pc_pool_desc desc;
    const pc_kernels *kernels;
    const pc_pool_elements *elements;
    int size; /* bytes an element */
    int64_t out[3];
    pc_strides src, dst;
    int threads;
    size_t workspace_per_thread;
    pc_pool_path path;
    pc_pool_tile_fn *tile;
    int tile_rows;
    int64_t run;               /* planes of an item */
    int64_t bands, strips;     /* items down a plane, and across its columns or channels */
    int64_t power_h, power_w;  /* maxima of so many neighbours are taken by doubling; 1: of each by itself */
    int64_t pitch, slice;      /* elements from row to row, from depth tap to depth tap of reduced rows */
    int copies;                /* rows of the image are copied with their border, or for doubling */
    int64_t lines, line_pitch; /* copied or gathered at a time (0: neither), and the elements from one to the next */
    int64_t work;              /* items in all */
    int64_t turned;            /* channels of an image that is taken a few at a time, turned to channels last, or 0; */
    pc_strides whole_src, whole_dst; /* and where they lie, of which but for indices the plan knows nothing */
    int64_t turned_src, turned_dst;  /* byte offsets in the workspace */
    int64_t boxes[2];                /* into which depth, and bands, are cut then */
    int uniform;                     /* averages: all windows have `divisor` elements */
    int64_t divisor;
    double by; /* what kernels divide sums by, 1 where windows differ; or multiply by, an exact reciprocal, */
    int times; /* where this is set */
    /* Byte offsets in a thread's workspace: a row of the border or reduced rows come first. */
    int64_t line, phases, table, cols;
} pc_pool;

void pc_pool_plan(pc_pool *pool);
/* Item i of paths that have a file of their own. */
void pc_pool_run_rows(const pc_pool *pool, const pc_exec_args *args, int64_t i, char *workspace);
int pc_pool_plan_maxima(pc_pool *pool); /* 0: not so */
size_t pc_pool_maxima_workspace(const pc_pool *pool);
void pc_pool_run_maxima(const pc_pool *pool, const pc_exec_args *args, int64_t i, char *workspace);
void pc_pool_run_plain(const pc_pool *pool, const pc_exec_args *args, int64_t i);
void pc_pool_run(const pc_pool *pool, const pc_exec_args *args);

/* Elementwise and row operations, cut among threads. */
void pc_unary_run(const pc_kernels *kernels, pc_unary_op op, double a, double b, int64_t n, const void *src, void *dst);
void pc_convert_run(const pc_kernels *kernels, pc_storage from, pc_storage to, int saturate, int64_t rows, int64_t n,
                    const void *src, int64_t ld_src, void *dst, int64_t ld_dst);
void pc_softmax_run(const pc_kernels *kernels, int logarithm, int64_t rows, int64_t n, const void *src, void *dst);
void pc_norm_run(const pc_kernels *kernels, const pc_norm_desc *desc, int64_t rows, const void *src, void *dst);

/* Bytes with which so many threads may run, and as many as there is room for. */
size_t pc_resample_size(const pc_kernels *kernels, const pc_resample_desc *desc, int threads);
void pc_resample_run(const pc_kernels *kernels, const pc_resample_desc *desc, const void *src, void *dst,
                     void *workspace, size_t bytes);

#endif
