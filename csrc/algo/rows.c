/* rows.c - depthwise convolution and one-channel filters, channels first.
 *
 * Zero borders read the image itself: a table of row pointers, a row of zeros above and below, masks at the sides;
 * column stride 2 splits even and odd columns in registers. Everything else (other strides and borders, and pictures
 * whose rows lie a multiple of 4 KiB apart, which would all meet in the same sets of L1) gathers a band of rows and
 * columns into a strip that stays in L1, or in L2 if rows are wide, and runs the same kernels on it. Half floats are
 * converted a few planes or a band of rows at a time, which the rest takes for the image; kernels round what they
 * store. A kernel with a depth has the rows of all its slices in the table, one slice after the other, and a strip for
 * each. Weights are packed [channel][kw][kd][kh], a tap column in one piece. */
#include <stdio.h>
#include <string.h>

#include "conv.h"

enum {
    STRIP = 24 << 10,  /* bytes of strip wanted: within an L1 of 32 KB beside the output rows */
    WIDE = 160 << 10,  /* the same for wide rows, which memory delivers sooner as a whole, and L2 keeps */
    MOST = 256 << 10,  /* bytes of strip allowed, for tall filters */
    NARROW = 256,      /* outputs across a strip in L1, at most */
    TALLEST = 1024,    /* tap rows and columns that the tables hold */
    APART = 2048,      /* outputs of a row that wait to be spread, at most */
    HALVES = 16 << 10, /* bytes of half floats as elements wanted: within L1 */
    LEAST_ROWS = 14,   /* of results at once, all the same */
    SHORT = 8,         /* results a row of half floats that other algorithms are quicker for */
    WOVEN = 64,        /* taps of phases that take turns, at most: more may do better by FFT */
};

/* ---- geometry ----------------------------------------------------------------------------------------------- */

static int64_t reach(const pc_conv *c) { return (c->desc.kernel[1] - 1) * c->desc.dilation[1] + 1; }

/* Bordered columns that `cols` outputs read. */
static int64_t bordered(const pc_conv *c, int64_t cols) {
    return (cols - 1) * c->desc.stride[2] + (c->desc.kernel[2] - 1) * c->desc.dilation[2] + 1;
}

/* Wide rows in an odd number of cache lines, so that they do not meet in the same sets. */
static int64_t pitch_of(const pc_conv *c, int64_t cols) {
    const int64_t pitch =
        pc_round_up(pc_ceil_div(bordered(c, cols), c->desc.stride[2]) + PC_MAX_VLEN, 16) + 16 * (c->desc.stride[2] > 1);
    return cols > NARROW ? pc_odd_lines(pitch, c->kernels ? c->kernels->size : 8) : pitch;
}

/* Tap rows of all slices. */
static int64_t tap_rows(const pc_conv *c) { return c->desc.kernel[0] * c->desc.kernel[1]; }

/* Bytes of strip for `rows` x `cols` outputs. */
static int64_t strip_bytes(const pc_conv *c, int64_t rows, int64_t cols, int size) {
    const int64_t slice = ((rows - 1) * c->desc.stride[1] + reach(c)) * pitch_of(c, cols) * c->desc.stride[2];
    return c->desc.kernel[0] * slice * size;
}

/* Runs of outputs that a tile computes one after the other: phases of a transposed layer, or one. */
static int runs_of(const pc_conv *c) { return c->weave.n ? c->weave.n : 1; }

/* Whether this is a phase of a transposed layer: its outputs are every other pixel of a plane. */
static int outputs_apart(const pc_conv *c) { return c->parted && c->dst.w != 1 && c->dst.c != 1; }

/* Whether half floats are converted before the kernels read them. */
static int converts(const pc_conv *c) { return pc_conv_holds_halves(c) && !c->as.rows.halves; }

/* Rows of the image that `rows` rows of outputs read. */
static int64_t rows_read(const pc_conv *c, int64_t rows) {
    return pc_min(c->desc.in[1], (rows - 1) * c->desc.stride[1] + reach(c));
}

/* Bytes of half floats as elements for `rows` rows of outputs. */
static int64_t halves_bytes(const pc_conv *c, int64_t rows) {
    return (rows < c->out[1] ? rows_read(c, rows) : c->desc.in[1]) * c->desc.in[2] * 4;
}

PC_PLANNING static const char *reject(const pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    if (pc_conv_holds_halves(c)) {
        if (!pc_conv_is_flat(c) || c->ocg > 1) return "half floats have a depth, or several outputs";
        if (p->boundary != PC_ZEROS && p->boundary != PC_CONSTANT)
            return "half floats have a border that may lie anywhere in the image";
        if (c->out[2] <= SHORT) return "half floats of so small a map are soonest converted all at once";
        if (halves_bytes(c, pc_min(c->out[1], LEAST_ROWS)) > MOST) return "half floats do not fit the workspace";
    }
    if (c->icg != 1) return "a group has more than one input channel";
    if (c->src.w != 1 || (c->dst.w != 1 && !outputs_apart(c))) return "input or output is channels last";
    if (outputs_apart(c) && c->out[2] > APART)
        return "outputs that lie apart are too many a row to wait in the workspace";
    if (p->kernel[0] > TALLEST || p->kernel[1] > TALLEST || tap_rows(c) > TALLEST || p->kernel[2] > TALLEST)
        return "the kernel is larger than 1024";
    return strip_bytes(c, 1, pc_min(c->out[2], PC_MAX_VLEN), 8) > MOST ? "the window does not fit the workspace" : 0;
}

/* Whether the image itself, of elements of `size` bytes, is read, given the constant height of the kernel variant. */
static int is_direct(const pc_conv *c, int kr, int size) {
    const pc_conv_desc *p = &c->desc;
    const int64_t row = c->src.h * size, page = 4096, near = 128;
    if (p->boundary != PC_ZEROS || row > MOST || (p->src_type && !pc_conv_holds_halves(c))) return 0;
    if (pc_max(p->pad_lo[2], p->pad_hi[2]) > INT32_MAX / 2) return 0; /* masks are computed in 32 bits */
    if (row + near >= page && (row + near) % page <= 2 * near && p->in[1] > 8) return 0;
    return p->stride[2] == 1 ||
           (p->stride[2] == 2 && p->stride[1] == 2 && p->dilation[2] == 1 && kr && (p->kernel[0] == 1 || kr == 3));
}

PC_PLANNING static const char *defer(const pc_conv *c) {
    if (c->desc.kernel[0] > 1 && c->desc.stride[2] > 1 && !is_direct(c, (int)c->desc.kernel[1], c->kernels->size))
        return "strips of several slices, at a stride, take a tenth longer than pixel lanes";
    return c->ocg > 1 && c->desc.groups == 1 ? "several outputs share the one input channel, which lanes load once" : 0;
}

/* ---- plan --------------------------------------------------------------------------------------------------- */

int pc_rows_weaves(const pc_conv *c) {
    return !reject(c) && is_direct(c, 0, c->kernels->size) && c->desc.kernel[0] == 1 &&
           c->desc.kernel[1] * c->desc.kernel[2] <= WOVEN;
}

/* The variant that needs the fewest cycles for this height: whole tiles, the last one overlapping the one before.
 * Narrow vectors and half floats have few variants; returns 0 where none of them serves. */
PC_PLANNING static int choose_tile(pc_conv *c, int narrow, int halves) {
    const pc_kernels *k = c->kernels;
    pc_rows_fn *(*find)(int, int, int, int) = halves   ? k->rows_halves[c->desc.src_type == PC_BF16]
                                              : narrow ? k->rows_narrow
                                                       : k->rows;
    if (!find) return 0;
    const pc_conv_desc *p = &c->desc;
    pc_rows_plan *r = &c->as.rows;
    const int64_t kh = p->kernel[1], slices = p->kernel[0];
    double best = 0;
    for (int variant = 0; variant < 3; variant++) { /* constant height, any height, any height and step */
        const int kr = variant == 0 ? (int)kh : 0, step = variant < 2 ? (int)p->stride[1] : 0;
        /* Rows of a tile share input rows at stride 1, when they lie a dilation apart, and at stride 2. */
        const int64_t between = step == 1 ? p->dilation[1] : 1;
        if ((variant == 0 && kh > 9) || step > 2 || (step == 2 && p->dilation[1] > 1)) continue;
        const int direct = is_direct(c, kr, halves ? c->src_size : k->size), col_step = direct ? (int)p->stride[2] : 1;
        /* Shared rows of several slices: 3x3x3 alone. */
        if (slices > 1 && step && (kr != 3 || step != col_step)) continue;
        for (int tile = 1; tile <= PC_MAX_ROW_TILE && tile * between <= c->out[1]; tile++) {
            pc_rows_fn *kernel = find(tile, kr, step, col_step);
            if (!kernel || (halves && !direct) || (kr == 1 && c->out[2] < 9 * k->vlen))
                continue; /* one row, and too short for it */
            /* A band holds fewer than two tiles if need be; that much has to fit, at the width of one vector. */
            const int64_t band = 2 * tile * between - 1, least = pc_min(c->out[2], PC_MAX_VLEN);
            if (!direct && band > 1 && strip_bytes(c, band, least, k->size) > MOST) continue;
            const double fma = (double)(tile * kh);
            const double loads = step ? (double)((tile - 1) * step + kh) * 1.5 * col_step : fma * 1.5;
            double cost = fma + loads / 4 > loads ? fma + loads / 4 : loads;
            if (cost < (double)kh * 4) cost = (double)kh * 4; /* latency of the chain */
            cost = (cost + 3) * (double)p->kernel[2] + 2 * tile + 8;
            if (kr == 1) cost = 1.5 * (double)p->kernel[2] + 4; /* many vectors of a row: the loads alone */
            cost *= (double)(pc_ceil_div(pc_ceil_div(c->out[1], between), tile) * between);
            if (!direct) cost *= 2; /* the strip has to be gathered */
            if (best == 0 || cost < best) {
                best = cost;
                *r = (pc_rows_plan){.tile = tile,
                                    .between = (int)between,
                                    .step = step,
                                    .kernel = kernel,
                                    .direct = direct,
                                    .narrow = narrow,
                                    .halves = halves};
                r->pointers = (int)slices * (step ? (tile - 1) * step + (int)kh : tile * (int)kh);
            }
        }
    }
    return best > 0;
}

/* Strips that are items of their own. */
static int64_t strips_apart(const pc_conv *c) { return converts(c) ? 1 : c->as.rows.strips; }

static int64_t items(const pc_conv *c) {
    const pc_rows_plan *r = &c->as.rows;
    const int64_t pieces = r->bands * strips_apart(c), planes = c->desc.mb * c->desc.oc * c->out[0];
    return pieces > 1 ? planes * pieces : pc_ceil_div(planes, r->run);
}

/* Half as many lanes cost a little over half a whole vector (Zen 4): 5x5 on 40 columns, 5 of the one against 3 of the
 * other, takes 0.86 of the time; on 28 columns, where no lane is saved, 1.05. */
static int narrow_pays(const pc_conv *c) {
    const pc_kernels *k = c->kernels;
    const int64_t whole = pc_ceil_div(c->out[2], k->vlen), half = pc_ceil_div(2 * c->out[2], k->vlen);
    return (double)half * 0.55 < (double)whole;
}

PC_PLANNING static void plan(pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    const int size = c->kernels->size;
    /* A kernel that reads half floats converts each for every tap of a row, at step 2 once. Where a row is a vector, and
     * planes stay in L1 as elements, one conversion takes less. */
    const int short_rows = c->out[2] <= PC_MAX_VLEN && p->stride[2] == 1;
    const int reads_halves = pc_conv_holds_halves(c) && !short_rows && choose_tile(c, 0, 1);
    if (!reads_halves && !(narrow_pays(c) && choose_tile(c, 1, 0))) choose_tile(c, 0, 0);
    pc_rows_plan *r = &c->as.rows;
    c->threads = pc_conv_useful_threads(c, 35);
    const int64_t planes = p->mb * p->oc * c->out[0],
                  most = pc_max(1, c->out[1] / (r->tile * r->between)); /* bands that hold a tile */
    r->strips = 1;
    /* Bands of whole planes, cut where the strip would leave L1 or where planes are too few to share among the threads.
     */
    r->bands = c->threads == 1 ? 1 : pc_ceil_div(4 * c->threads, pc_max(1, planes));
    if (!r->direct) {
        const int64_t unit = r->tile * r->between;
        int64_t rows = unit;
        for (;;) {
            const int64_t cols = pc_ceil_div(c->out[2], r->strips);
            if (strip_bytes(c, 2 * unit - 1, cols, size) <= MOST || cols <= PC_MAX_VLEN) break;
            r->strips++;
        }
        const int64_t cols = pc_ceil_div(c->out[2], r->strips);
        const int64_t wanted = cols > NARROW ? WIDE : STRIP;
        while (rows < c->out[1] && strip_bytes(c, rows + unit, cols, size) <= wanted) rows += unit;
        r->bands = pc_max(r->bands, pc_ceil_div(c->out[1], rows));
    }
    if (converts(c))
        for (int64_t rows = c->out[1]; rows > LEAST_ROWS && halves_bytes(c, rows) > HALVES; r->bands++)
            rows = pc_ceil_div(c->out[1], r->bands + 1);
    r->bands = pc_min(r->bands, most);
    const int64_t rows = pc_ceil_div(c->out[1], r->bands), cols = pc_ceil_div(c->out[2], r->strips);
    r->pitch = pitch_of(c, cols);
    r->phase = ((rows - 1) * p->stride[1] + reach(c)) * r->pitch;
    r->tables = pc_round_up(r->direct ? (p->in[2] + PC_MAX_VLEN) * size : strip_bytes(c, rows, cols, size), 64);
    /* Small planes go a few at a time: to hand out one would take as long as to compute it. */
    enum { SMALL = 4000 }; /* FMAs of a vector */
    const int64_t fmas = c->out[1] * pc_ceil_div(c->out[2], c->kernels->vlen) * c->taps;
    r->run = pc_max(1, pc_min(SMALL / fmas, planes / (8 * c->threads)));
    if (pc_conv_holds_halves(c)) r->run = pc_max(1, pc_min(r->run, HALVES / halves_bytes(c, c->out[1])));
    r->small = r->direct && r->step && r->bands == 1 && r->tile == c->out[1] && c->ocg == 1 && pc_conv_is_flat(c);
    r->small &= !outputs_apart(c);
    const int runs = runs_of(c);
    c->threads = (int)pc_max(1, pc_min(c->threads, items(c)));
    r->args = r->tables + pc_round_up((r->pointers + runs * p->kernel[2]) * 8, 64);
    r->row = r->args + pc_round_up(runs * (int64_t)sizeof(pc_rows_args), 64);
    r->out = r->row + pc_round_up(pc_conv_row_bytes(c, pc_min(bordered(c, cols), p->in[2])), 64);
    r->out_pitch = outputs_apart(c) ? pc_round_up(cols, PC_MAX_VLEN) : 0;
    r->taken = r->out + runs * r->tile * r->out_pitch * size;
    c->workspace_per_thread = (size_t)r->taken;
    if (converts(c)) c->workspace_per_thread += (size_t)(r->run * halves_bytes(c, rows));
    c->packed_size = (size_t)(p->oc * c->taps * size);
    snprintf(c->tile, sizeof c->tile, "%d rows x %d columns", r->tile, c->kernels->vlen >> r->narrow);
}

/* ---- pack --------------------------------------------------------------------------------------------------- */

#define DEFINE_PACK(T)                                                                                                 \
    static void pack_##T(const pc_conv *c, const T *wei, T *packed) {                                                  \
        const int64_t *k = c->desc.kernel;                                                                             \
        for (int64_t i = 0; i < c->desc.oc * runs_of(c); i++) {                                                        \
            const int64_t wide = c->weave.n ? c->weave.taps[i % c->weave.n] : k[2];                                    \
            for (int64_t s = 0; s < wide; s++)                                                                         \
                for (int64_t r = 0; r < k[0] * k[1]; r++) *packed++ = wei[r * wide + s];                               \
            wei += k[0] * k[1] * wide;                                                                                 \
        }                                                                                                              \
    }

DEFINE_PACK(float)
DEFINE_PACK(double)

static void pack(const pc_conv *c, const void *wei, void *packed) {
    if (c->kernels->size == 4)
        pack_float(c, wei, packed);
    else
        pack_double(c, wei, packed);
}

/* ---- run ---------------------------------------------------------------------------------------------------- */

static int64_t *col_off_in(const pc_conv *c, char *workspace) { return (int64_t *)(workspace + c->as.rows.tables); }

static pc_rows_args *args_in(const pc_conv *c, char *workspace) {
    return (pc_rows_args *)(workspace + c->as.rows.args);
}

static const void **rows_in(const pc_conv *c, char *workspace) {
    return (const void **)(col_off_in(c, workspace) + runs_of(c) * c->desc.kernel[2]);
}

/* Bytes of an element of what is read as the image, and of the result. */
static int size_of(const pc_conv *c) { return converts(c) ? c->kernels->size : c->src_size; }
static int dst_size_of(const pc_conv *c) { return pc_conv_holds_halves(c) ? c->src_size : c->kernels->size; }

/* Bands of the slices that outputs of depth z read, one after the other; `image` is a channel's. */
static void gather_strip(const pc_conv *c, const void *image, int64_t z, int64_t y, int64_t rows, int64_t x,
                         int64_t cols, void *strip) {
    const pc_conv_desc *p = &c->desc;
    const pc_rows_plan *r = &c->as.rows;
    pc_gather_args g = {
        .src_row = c->src.h,
        .src_col = 1,
        .in_w = p->in[2],
        .y0 = y * p->stride[1] - p->pad_lo[1],
        .x0 = x * p->stride[2] - p->pad_lo[2],
        .phase = r->phase,
        .pitch = r->pitch,
        .channels = 1,
        .rows = (rows - 1) * p->stride[1] + reach(c),
        .cols = bordered(c, cols),
        .sh = 1,
        .sw = (int)p->stride[2],
        .row_phases = 1,
        .col_phases = ~UINT64_C(0),
        .fill = p->fill,
        .bytes = p->src_type == PC_U8,
        .row = (char *)strip + r->row,
    };
    for (int64_t q = 0; q < p->kernel[0]; q++) {
        const int64_t slice = pc_conv_depth(c, z, q);
        g.in_h = slice < 0 ? 0 : p->in[1]; /* a slice of padding: every row is beyond the border */
        g.boundary = slice < 0 ? PC_ZEROS : p->boundary;
        g.src = pc_at(image, pc_max(slice, 0) * c->src.d, size_of(c));
        g.dst = pc_at_mut(strip, q * r->phase * p->stride[2], c->kernels->size);
        c->kernels->gather(&g);
    }
}

/* Point the table at the rows that output rows y, y + between, ... of depth z read. `top`: the bordered row that the
 * strip starts with. */
static void fill_rows(const pc_conv *c, const void **table, const void *image, const void *strip, int64_t top,
                      int64_t z, int64_t y) {
    const pc_conv_desc *p = &c->desc;
    const pc_rows_plan *r = &c->as.rows;
    const int size = size_of(c);
    const int kh = (int)p->kernel[1], slices = (int)p->kernel[0];
    /* The common case, worth a loop of its own: a small map has few FMAs a row. */
    if (r->direct && r->step && slices == 1) {
        const int64_t ahead = p->dilation[1] * c->src.h * size, slice = pc_conv_depth(c, z, 0);
        const int64_t rows = slice < 0 ? 0 : p->in[1];
        int64_t iy = y * p->stride[1] - p->pad_lo[1];
        uintptr_t row = (uintptr_t)image + (uintptr_t)((slice * c->src.d + iy * c->src.h) * size);
        for (int i = 0; i < r->pointers; i++, iy += p->dilation[1], row += (uintptr_t)ahead)
            table[i] = (uint64_t)iy < (uint64_t)rows ? (const void *)row : strip; /* zeros */
        return;
    }
    /* Tap rows of slice q: a table shared by the tile's rows, or kh rows of each slice for each of them. */
    const int each = r->step ? r->pointers / slices : kh, outputs = r->step ? 1 : r->tile;
    for (int q = 0; q < slices; q++) {
        const int64_t slice = pc_conv_depth(c, z, q);
        for (int j = 0; j < outputs; j++)
            for (int i = 0; i < each; i++) {
                const int64_t at = (y + j) * p->stride[1] + i * p->dilation[1]; /* in bordered rows */
                const int64_t iy = at - p->pad_lo[1];
                const void *row = strip; /* zeros */
                if (!r->direct)
                    row = pc_at(strip, q * r->phase * p->stride[2] + (at - top) * r->pitch, c->kernels->size);
                else if (slice >= 0 && iy >= 0 && iy < p->in[1])
                    row = pc_at(image, slice * c->src.d + iy * c->src.h, size);
                table[(j * slices + q) * each + i] = row;
            }
    }
}

static double bias_of(const pc_conv *c, const pc_exec_args *a, int64_t oc) {
    return !a->bias ? 0 : c->kernels->size == 4 ? ((const float *)a->bias)[oc] : ((const double *)a->bias)[oc];
}

/* Output rows y0 .. y1 - 1 and columns x0 .. x1 - 1 of depth z of one channel. */
static void run_piece(const pc_conv *c, const pc_exec_args *a, int64_t n, int64_t oc, int64_t z, int64_t y0, int64_t y1,
                      int64_t x0, int64_t x1, char *workspace) {
    const pc_rows_plan *r = &c->as.rows;
    pc_rows_args *args = args_in(c, workspace);
    const int size = c->kernels->size, dst_size = dst_size_of(c);
    const void *image = pc_at(a->src, n * c->src.n + pc_quotient(oc, c->ocg) * c->src.c, size_of(c));
    void *dst = pc_at_mut(a->dst, n * c->dst.n + oc * c->dst.c + z * c->dst.d + x0 * c->dst.w, dst_size);
    char *out = r->out_pitch ? workspace + r->out : 0; /* a tile of outputs that will lie apart */
    const void **table = rows_in(c, workspace);
    const int64_t top = y0 * c->desc.stride[1];
    if (!r->direct) gather_strip(c, image, z, y0, y1 - y0, x0, x1 - x0, workspace);
    const int runs = runs_of(c);
    const char *wei = pc_at(a->packed, oc * c->taps, size);
    for (int i = 0; i < runs; i++) {
        args[i].ow = c->weave.n ? c->weave.out[i] : x1 - x0;
        args[i].wei = wei;
        args[i].bias = bias_of(c, a, oc);
        wei = pc_at(wei, tap_rows(c) * args[i].kw, size);
    }
    for (int64_t phase = 0; phase < r->between; phase++) {
        const int64_t rows = pc_quotient(y1 - y0 - phase + r->between - 1, r->between);
        for (int64_t j = 0; j < rows; j += r->tile) {
            const int64_t y = y0 + phase + pc_min(j, rows - r->tile) * r->between; /* a last tile steps back */
            fill_rows(c, table, image, workspace, top, z, y);
            for (int i = 0; i < runs; i++) {
                args[i].dst =
                    out ? pc_at_mut(out, i * r->tile * r->out_pitch, size) : pc_at_mut(dst, y * c->dst.h, dst_size);
                r->kernel(args + i);
            }
            for (int i = 0; out && i < r->tile; i++) {
                const void *from = pc_at(out, i * r->out_pitch, size);
                void *to = pc_at_mut(dst, (y + i * r->between) * c->dst.h, size);
                if (c->weave.n)
                    c->kernels->weave(c->weave.wide, runs, from, r->tile * r->out_pitch, to);
                else
                    c->kernels->spread(x1 - x0, from, c->dst.w, to);
            }
        }
    }
    pc_conv_finish(c, a, &c->dst, pc_at_mut(dst, y0 * c->dst.h, dst_size), 1, y1 - y0, x1 - x0);
}

/* Planes oc .. last - 1 of one image, depthwise, each covered by a single tile. All set-up is done once,
 * since a 7x7 map has but 160 FMAs: the row table of the next plane is that of the last one, moved on. */
static void run_small(const pc_conv *c, const pc_exec_args *a, int64_t n, int64_t oc, int64_t last, char *workspace) {
    const pc_conv_desc *p = &c->desc;
    pc_rows_args *args = args_in(c, workspace);
    const int size = c->kernels->size;
    const int dst_size = dst_size_of(c);
    const int64_t plane = c->src.c * size_of(c), taps = c->taps * size, out = c->dst.c * dst_size;
    const char **table = (const char **)rows_in(c, workspace);
    const char *wei = pc_at(a->packed, oc * c->taps, size);
    char *dst = pc_at_mut(a->dst, n * c->dst.n + oc * c->dst.c, dst_size);
    fill_rows(c, (const void **)table, pc_at(a->src, n * c->src.n + oc * c->src.c, size_of(c)), workspace, 0, 0, 0);
    const int64_t first = pc_min(pc_ceil_div(p->pad_lo[1], p->dilation[1]), c->as.rows.pointers),
                  end = pc_min(pc_ceil_div(p->pad_lo[1] + p->in[1], p->dilation[1]), c->as.rows.pointers);
    args->ow = c->out[2];
    for (;; wei += taps, dst += out) {
        args->wei = wei;
        args->bias = bias_of(c, a, oc);
        args->dst = dst;
        c->as.rows.kernel(args);
        pc_conv_finish(c, a, &c->dst, dst, 1, c->out[1], c->out[2]);
        if (++oc == last) return;
        for (int64_t i = first; i < end; i++) table[i] += plane;
    }
}

/* Planes first .. last - 1 of all images, or a band and strip of one. */
static void run_planes(const pc_conv *c, const pc_exec_args *a, int64_t first, int64_t last, int64_t y0, int64_t y1,
                       int64_t x0, int64_t x1, char *workspace) {
    const pc_rows_plan *r = &c->as.rows;
    const int64_t each = c->desc.oc, depth = c->out[0];
    const int64_t channel = pc_quotient(first, depth);
    int64_t n = channel / each, oc = channel - n * each, z = first - channel * depth;
    last = pc_min(last, c->desc.mb * each * depth);
    if (r->small && oc + last - first <= each) {
        run_small(c, a, n, oc, oc + last - first, workspace);
        return;
    }
    for (; first < last; first++) {
        run_piece(c, a, n, oc, z, y0, y1, x0, x1, workspace);
        if (++z < depth) continue;
        z = 0;
        if (++oc == each) {
            oc = 0;
            n++;
        }
    }
}

/* The same of half floats, strip by strip: as elements, whose place in the workspace stands for the whole image. */
static void run_halves(const pc_conv *c, const pc_exec_args *a, int64_t first, int64_t last, int64_t y0, int64_t y1,
                       char *workspace) {
    const pc_conv_desc *p = &c->desc;
    const pc_rows_plan *r = &c->as.rows;
    const int size = c->kernels->size, half = c->src_size;
    int64_t lo = 0, hi = p->in[1];
    if (r->bands > 1) {
        lo = pc_max(0, y0 * p->stride[1] - p->pad_lo[1]);
        hi = pc_max(lo, pc_min(hi, (y1 - 1) * p->stride[1] - p->pad_lo[1] + reach(c)));
    }
    last = pc_min(last, p->mb * p->oc);
    const int64_t from = first * p->in[1] * p->in[2] + lo * p->in[2];
    pc_exec_args b = *a;
    b.src = (const void *)((uintptr_t)(workspace + r->taken) - (uintptr_t)(from * size));
    c->kernels->convert(p->src_type, PC_ELEMENTS, 0, (last - first) * (hi - lo) * p->in[2], pc_at(a->src, from, half),
                        workspace + r->taken);
    for (int64_t strip = 0; strip < r->strips; strip++)
        run_planes(c, &b, first, last, y0, y1, strip * c->out[2] / r->strips, (strip + 1) * c->out[2] / r->strips,
                   workspace);
}

/* An item is a band and strip of one plane, or a run of whole planes. */
static void run_item(const pc_conv *c, const pc_exec_args *a, int64_t i, char *workspace) {
    const pc_rows_plan *r = &c->as.rows;
    const int64_t strips = strips_apart(c), pieces = r->bands * strips, height = c->out[1], width = c->out[2];
    int64_t y0 = 0, y1 = height, x0 = 0, x1 = width, first = i * r->run, last = first + r->run;
    if (pieces > 1) {
        first = i / pieces;
        last = first + 1;
        const int64_t piece = i - first * pieces, band = piece / strips, strip = piece - band * strips;
        y0 = band * height / r->bands;
        y1 = (band + 1) * height / r->bands;
        x0 = strip * width / strips;
        x1 = (strip + 1) * width / strips;
    }
    (converts(c) ? run_halves(c, a, first, last, y0, y1, workspace)
                 : run_planes(c, a, first, last, y0, y1, x0, x1, workspace));
}

static void prepare(const pc_conv *c, char *workspace) {
    const pc_conv_desc *p = &c->desc;
    pc_rows_args *args = args_in(c, workspace);
    const pc_rows_plan *r = &c->as.rows;
    int64_t *col_off = col_off_in(c, workspace);
    for (int i = 0; i < runs_of(c); i++, args++, col_off += p->kernel[2]) {
        const pc_weave *w = c->weave.n ? &c->weave : 0;
        *args = (pc_rows_args){.row = rows_in(c, workspace),
                               .row_step = (int)tap_rows(c),
                               .kr = (int)(r->step ? p->kernel[1] : tap_rows(c)),
                               .slices = (int)p->kernel[0],
                               .kw = w ? w->taps[i] : p->kernel[2],
                               .col_off = col_off,
                               .least_off = INT64_MAX,
                               .most_off = INT64_MIN,
                               .in_w = r->direct ? p->in[2] : INT64_MAX,
                               .ld_dst = r->out_pitch ? r->out_pitch : c->dst.h * r->between,
                               .stored = pc_conv_holds_halves(c) ? p->src_type : PC_ELEMENTS,
                               .bfloat_unit = c->kernels->rows_halves[1] != 0};
        for (int64_t s = 0; s < args->kw; s++) {
            const int64_t u = s * (w ? w->dilation : p->dilation[2]), from = w ? w->from[i] : -p->pad_lo[2];
            col_off[s] = r->direct ? u + from : u % p->stride[2] * r->phase + u / p->stride[2];
            args->least_off = pc_min(args->least_off, col_off[s]);
            args->most_off = pc_max(args->most_off, col_off[s]);
        }
    }
    if (r->direct) memset(workspace, 0, (size_t)r->tables);
}

static void run(const pc_conv *c, const pc_exec_args *a) { pc_conv_run_items(c, a, items(c), prepare, run_item); }

const pc_algo pc_algo_rows = {.name = "rows", .reject = reject, .defer = defer, .plan = plan, .pack = pack, .run = run};
