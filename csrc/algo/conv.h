/* conv.h - a planned convolution, and what an algorithm of convolution is. */
#ifndef PC_ALGO_CONV_H
#define PC_ALGO_CONV_H

#include "../base/shape.h"
#include "../base/share.h"
#include "../kernels/kernels.h"

typedef struct pc_conv pc_conv;

/* One algorithm: it refuses, plans, packs and runs. The registry (plan/registry.c) lists them in order of preference.
 */
typedef struct pc_algo {
    const char *name;
    /* A sentence saying why the problem is beyond this algorithm, or NULL. Depends on the shape alone, never on the
     * ISA. */
    const char *(*reject)(const pc_conv *conv);
    /* A sentence saying why a later algorithm does this shape better, or NULL; not asked when this one is forced. */
    const char *(*defer)(const pc_conv *conv);
    void (*plan)(pc_conv *conv); /* set tile, threads, packed_size, workspace_size and its own part of `as` */
    void (*pack)(const pc_conv *conv, const void *wei, void *packed);
    void (*run)(const pc_conv *conv, const pc_exec_args *args);
} pc_algo;

extern const pc_algo pc_algo_separable, pc_algo_fft_lines, pc_algo_fft, pc_algo_rows, pc_algo_windows, pc_algo_panels,
    pc_algo_winograd, pc_algo_channel_lanes, pc_algo_pixel_lanes, pc_algo_reference;

/* Strides of an activation tensor, in elements. */
typedef struct pc_strides {
    int64_t n, c, d, h, w;
} pc_strides;

/* Those of a dense one. */
pc_strides pc_dense_strides(pc_layout layout, int64_t c, const int64_t size[3]);

/* Channel lanes and pixel lanes, see algo/dense.h. */
typedef struct pc_dense {
    int nv, np;                 /* channel lanes: vectors x pixels. pixel lanes: np is mr */
    int64_t blocks;             /* blocks of output channels a group */
    int64_t in_h, in_w, oh, ow; /* as seen by the tiles: a 1x1 layer is one long row */
    int64_t pad_h, pad_w;
    pc_strides s, o;
    int in_place;                           /* tiles read the image itself: 1x1 or planar, stride 1, no padding */
    int copies;                             /* ... and the first block of channels leaves a panel for the others */
    int64_t px;                             /* in place: elements from one pixel to the next */
    int64_t step;                           /* columns of a tile */
    int64_t strip;                          /* bytes of strip, at most */
    int64_t bundle;                         /* groups a strip, and so an item */
    int64_t nrows, ncols;                   /* regions down and across */
    int64_t rows, cols;                     /* outputs of the largest region */
    int64_t splits, per_split;              /* output-channel blocks are split among work items */
    int64_t deep, sum_slice;                /* slices of outputs an item; bytes of sums of one of them */
    int64_t chans;                          /* input channels a strip */
    int64_t k_chans, k_taps;                /* channels and taps a pass over k: one of them is whole */
    int64_t pitch, phase, slice, chan;      /* strip strides in elements, see kernels.h; slice: one depth tap */
    int64_t work;                           /* items of work in all */
    int64_t sum, off, panel_off, bias, row; /* byte offsets in a thread's workspace; the strip comes first */
    uint64_t row_phases, col_phases;
} pc_dense;

typedef struct pc_rows_plan {
    pc_rows_fn *kernel;
    int tile, step;        /* of the kernel; step 0: each output row has tap rows of its own */
    int between;           /* output rows from one row of a tile to the next: the dilation, where rows are shared */
    int pointers;          /* rows that a tile reads */
    int narrow;            /* vectors of half as many lanes */
    int halves;            /* the kernel reads and writes half floats */
    int direct;            /* reads the image itself */
    int64_t bands, strips; /* items down and across a plane */
    int64_t run;           /* whole planes an item, where each has one band and strip */
    int small;             /* a plane is one tile */
    int64_t pitch, phase;
    int64_t out_pitch; /* of a tile of outputs that wait to be spread, or 0 */
    int64_t taken;     /* byte offset in a thread's workspace: of half floats as elements */
    int64_t tables, args, row,
        out; /* byte offsets in a thread's workspace; the strip, or a row of zeros, comes first */
} pc_rows_plan;

typedef struct pc_panels_plan {
    int shares, tile;
    int flat;                  /* a vector runs over all channels of neighbouring pixels, else over channels of one */
    int across;                /* a tile runs along a row, not down: kernels of one row */
    int64_t pixel;             /* elements of a pixel in the panel */
    int64_t blocks, period;    /* vectors of channels, one when flat; vectors until weights repeat */
    int64_t apart[2];          /* outputs of a region, and pixels of a panel: the dilation at stride 1 */
    int64_t size[2], count[2]; /* outputs of a region, and regions, down and across */
    int whole;                 /* a region is a plane */
    int64_t run, runs;         /* blocks of an item, and items of a region */
    int64_t work;              /* items in all */
    int64_t pitch, bias;       /* of the panel, and behind it in the workspace */
    int64_t out, row; /* outputs that wait to be turned into planes; a row of bytes, or planes of half floats */
} pc_panels_plan;

typedef struct pc_windows_plan {
    int high, wide;        /* outputs of a tile */
    int k, step;           /* tap rows that share pixels; the rows of outputs are `step` tap rows apart */
    int64_t apart, beside; /* outputs of a tile lie so far apart, down and across */
    int64_t phases, bands; /* the rows of a slice: those that lie `apart`, and bands of these */
    int64_t splits, work;  /* parts of the channels; items in all */
    int64_t rows, parts;   /* pixels of a column that a tile reads in a slice, and parts of these */
    int64_t tables;        /* byte offset in a thread's workspace; a pixel of zeros comes first */
} pc_windows_plan;

typedef struct pc_separable_plan {
    int tile, shares;            /* rows between the passes; whether they share rows of the image */
    int64_t bands, strips, work; /* items down a plane, parts across, and items in all */
    int64_t each;                /* strips of an item */
    int64_t unit;                /* strips begin with a multiple of so many columns */
    int in_place;                /* the middle one of three strips reads the image itself */
    int64_t cut[4];              /* then where they begin, and the end */
    int64_t period;              /* vectors until weights repeat */
    int64_t pitch, phase;        /* elements of a row between the passes, and sorted by a column stride */
    int64_t ring;                /* rows of the image that are kept as copies */
    int turns;                   /* input and output differ in layout */
    int64_t sorted, turned, copies, zeros, bias, off, rows; /* byte offsets in a thread's workspace */
} pc_separable_plan;

typedef struct pc_fft_plan {
    int64_t rows, cols;   /* of a tile */
    int64_t down, across; /* tiles of a plane */
    int64_t work;         /* items in all */
    int64_t held, kept;   /* tiles of input gathered at once, and of results that wait to be turned together */
    int64_t ld_tile;
    int64_t points, spectrum, product, turned, row, table; /* byte offsets in a thread's workspace; tiles come first */
} pc_fft_plan;

typedef struct pc_fft_lines_plan {
    int64_t n;                               /* numbers of a segment */
    int64_t segments;                        /* of a row, or of a column */
    int64_t vectors;                         /* of segments of a plane */
    int64_t work;                            /* items in all */
    int64_t points, lines, seen, row, table; /* byte offsets in a thread's workspace; a tile comes first */
} pc_fft_lines_plan;

typedef struct pc_winograd {
    pc_winograd_kind kind;
    /* Of each axis, down and across: output pixels of a tile, pixels it reads, pixels from tile to tile. */
    int m[2], n[2], step[2];
    int phases; /* along an axis, whose pixels these are: 2 where a stride takes the image apart, else 1 */
    int64_t dilation[2];
    int axis[2], own[2];      /* frequencies, and those with weights of their own: the first ones and the last */
    pc_winograd_cut cut;      /* of a line */
    int nv, np;               /* register tile: vectors of output channels x tiles */
    int gathers;              /* the input is copied first, with its border */
    int64_t tiles_h, tiles_w; /* of an image */
    int64_t blocks;           /* runs of the tiles of an image */
    int64_t deep;             /* slices of outputs of a block */
    int64_t chans, unit;      /* input channels transformed at once; products' channels in a piece of the chain */
    int64_t panels, splits;   /* panels of nv vectors of output channels; the items that they are shared among */
    int64_t held;             /* panels whose products wait: all of an item where the channels come part by part */
    int64_t work;             /* items in all */
    /* Elements from run to run of tiles, from slice to slice and from frequency to frequency of the transformed input,
     * from tile to tile of the products. */
    int64_t run, ld_slice, ld_in, ld_tile;
    /* Byte offsets in a thread's workspace; the transformed input comes first. */
    int64_t sums, strip, copy, row, off, place, bias;
} pc_winograd;

enum { PC_MAX_WEAVE = 8 };

/* Phases of a transposed layer that are alike but for their columns, which take turns: column i of phase j is column
 * i * n + j of dst, and reads the columns from i + from on, `dilation` apart, of the whole image. dst is `wide`. */
typedef struct pc_weave {
    int n; /* 0: there is but one */
    int64_t taps[PC_MAX_WEAVE], last_tap[PC_MAX_WEAVE], from[PC_MAX_WEAVE], out[PC_MAX_WEAVE], dilation, wide;
} pc_weave;

struct pc_conv {
    pc_conv_desc desc;
    const pc_algo *algo;
    const pc_kernels *kernels;
    int64_t out[3];
    int64_t icg, ocg; /* channels a group; of integers, elements that the channels make */
    int64_t inside;   /* input channels a group */
    int64_t taps;     /* weights of an output and input channel */
    pc_strides src, dst;
    pc_weave weave;
    int parted;   /* src or dst is a part of an image: rows or pixels do not touch */
    int src_size; /* bytes of an element of the input */
    int threads;  /* what execute uses */
    size_t packed_size, workspace_per_thread;
    int64_t flops;
    char tile[96];
    union {
        pc_dense dense;
        pc_rows_plan rows;
        pc_panels_plan panels;
        pc_windows_plan windows;
        pc_separable_plan separable;
        pc_winograd winograd;
        pc_fft_plan fft;
        pc_fft_lines_plan fft_lines;
    } as;
};

/* Whether `rows` computes all phases of c->weave at once. */
int pc_rows_weaves(const pc_conv *conv);

/* Threads worth waking at about `gflops` a core in float32: below 8 us of work on one core, none. */
int pc_conv_useful_threads(const pc_conv *conv, int gflops);

/* Run items 0 .. items - 1 on the plan's threads, each with a workspace of its own, which `prepare`, if there is one,
 * has filled before with what stays the same from item to item. */
typedef void pc_conv_prepare_fn(const pc_conv *conv, char *workspace);
typedef void pc_conv_item_fn(const pc_conv *conv, const pc_exec_args *args, int64_t item, char *workspace);
void pc_conv_run_items(const pc_conv *conv, const pc_exec_args *args, int64_t items, pc_conv_prepare_fn *prepare,
                       pc_conv_item_fn *item);

static inline int pc_conv_integer(const pc_conv *c) { return c->desc.dtype >= PC_I32; }

/* Bytes of workspace for `cols` columns of a row of the image as elements, if the image holds numbers: channels last as
 * many channels of each as are gathered at once, which are two vectors at most. */
static inline int64_t pc_conv_row_bytes(const pc_conv *c, int64_t cols) {
    const int64_t pixel = pc_conv_integer(c) ? pc_min(c->icg, PC_INT_BLOCK) : pc_min(c->src.w, 2 * c->kernels->vlen);
    return c->desc.src_type ? pc_round_up(cols * pixel * c->kernels->size, 64) : 0;
}

/* Apply residual and activation to finished outputs: rows x cols of some channels from `dst` on, with strides `o`. The
 * sooner, the closer they are. */
void pc_conv_finish(const pc_conv *conv, const pc_exec_args *args, const pc_strides *o, void *dst, int64_t channels,
                    int64_t rows, int64_t cols);

/* Elements in an odd number of cache lines, at least so many: rows or channels so far apart spread over all sets of a
 * cache. */
static inline int64_t pc_odd_lines(int64_t elements, int size) {
    const int64_t line = 64 / size;
    return (pc_ceil_div(elements, line) | 1) * line;
}

static inline int64_t pc_gcd(int64_t a, int64_t b) {
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static inline const char *pc_at(const void *base, int64_t elements, int size) {
    return (const char *)base + elements * size;
}
static inline char *pc_at_mut(void *base, int64_t elements, int size) { return (char *)base + elements * size; }

static inline int pc_conv_holds_halves(const pc_conv *c) { return c->desc.src_type >= PC_F16; }

/* Whether image, kernel and result have one slice, and it is the image's that the result sees, not its border. */
static inline int pc_conv_is_flat(const pc_conv *c) {
    return c->desc.in[0] == 1 && c->desc.kernel[0] == 1 && c->out[0] == 1 && c->desc.pad_lo[0] == 0;
}

/* Depth taps of output slice z: where tap d reads, or -1 for a slice of zeros. */
static inline int64_t pc_conv_depth(const pc_conv *c, int64_t z, int64_t d) {
    return pc_border(c->desc.boundary, z * c->desc.stride[0] + d * c->desc.dilation[0] - c->desc.pad_lo[0],
                     c->desc.in[0]);
}

#endif
