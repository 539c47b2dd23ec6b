/* panels.c - depthwise convolution and filters of one channel: each lane has its own channel.
 *
 * A region of the bordered image, a vector of channels at a time, is copied into a panel that stays in L1: each element
 * is then read from there once for every tap, where the image itself has its pixels far apart, often in few sets of
 * the cache. Planes of channels first are turned on the way, and the outputs turned back: that fills all lanes however
 * narrow the planes are. Where channels last would leave most lanes empty, a vector runs over all channels of
 * neighbouring pixels, whose weights repeat. At stride 1 a dilated kernel is an undilated one on every d-th row and,
 * channels last, column.
 *
 * Weights are packed [vector][kw][kh][lane]. */
#include <stdio.h>
#include <string.h>

#include "conv.h"

enum {
    L1 = 24 << 10,     /* bytes of panel wanted */
    HALVES = 48 << 10, /* bytes of panel and planes of elements, where memory holds half floats: one region */
    MOST = 256 << 10,  /* bytes of panel, or of weights for one region when flat, allowed */
};

/* ---- geometry ---------------------------------------------------------------------------------------------------- */

/* Whether input or output has pixels that are not in one piece. */
static int is_planar(const pc_conv *c) { return c->src.c != 1 || c->dst.c != 1; }

/* Outputs of a region lie so far apart, of axis 0 (down) or 1 (across). Planes are turned in runs of columns. */
static int64_t apart_of(const pc_conv *c, int a) {
    return c->desc.stride[1 + a] == 1 && !(a && is_planar(c)) ? c->desc.dilation[1 + a] : 1;
}

/* Panel pixels from tap to tap. */
static int64_t tap_of(const pc_conv *c, int a) { return c->desc.dilation[1 + a] / apart_of(c, a); }

/* Panel pixels that n outputs of a region read. */
static int64_t reach(const pc_conv *c, int a, int64_t n) {
    return (n - 1) * c->desc.stride[1 + a] + (c->desc.kernel[1 + a] - 1) * tap_of(c, a) + 1;
}

/* Outputs of a dilation's first phase: no other has more. */
static int64_t outputs(const pc_conv *c, int a) { return pc_ceil_div(c->out[1 + a], apart_of(c, a)); }

/* Whether the outputs of a row, and what a tap of them reads, are in one piece. */
static int in_one_piece(const pc_conv *c) {
    return c->desc.stride[2] == 1 && c->desc.dilation[2] == 1 && c->dst.w == c->desc.oc && !is_planar(c);
}

/* Whether lanes hold all channels of neighbouring pixels. */
static int is_flat(const pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    const int64_t lanes = c->kernels->vlen, period = p->oc / pc_gcd(p->oc, lanes);
    if (!in_one_piece(c) || p->oc > 2 * lanes) return 0;
    return 10 * p->oc < 7 * pc_round_up(p->oc, lanes) && period * c->taps * lanes * c->kernels->size <= MOST;
}

static int64_t pixel_of(const pc_conv *c) { return is_flat(c) ? c->desc.oc : c->kernels->vlen; }

/* Bytes of outputs that wait to be turned into planes. */
static int64_t turned_bytes(const pc_conv *c, int64_t rows, int64_t cols) {
    return c->dst.c == 1 ? 0 : rows * cols * c->kernels->vlen * c->kernels->size;
}

/* Bytes of a panel and its outputs. */
static int64_t region_bytes(const pc_conv *c, int64_t rows, int64_t cols) {
    const int64_t pitch = reach(c, 1, cols) * pixel_of(c) + c->kernels->vlen;
    return (reach(c, 0, rows) * pitch + c->kernels->vlen) * c->kernels->size + turned_bytes(c, rows, cols);
}

/* Bytes of a vector of planes as elements: of the image before they are turned, of the result after. */
static int64_t taken_bytes(const pc_conv *c, int64_t lanes) {
    const int64_t *in = c->desc.in, *out = c->out;
    return !pc_conv_holds_halves(c) ? 0 : lanes * pc_max(in[1] * in[2], out[1] * out[2]) * 4;
}

/* Half floats are taken as elements a plane at a time, so a region is a plane. The bytes are those of lanes of 16. */
PC_PLANNING static const char *refuse_halves(const pc_conv *c) {
    const int64_t lanes = PC_MAX_VLEN, rows = c->out[1], cols = c->out[2];
    if (c->src.c == 1 || c->dst.c == 1) return "half floats lie channels last";
    if (c->ocg > 1) return "half floats have several outputs a channel";
    if (apart_of(c, 0) > 1) return "half floats have a dilated kernel";
    const int64_t panel = (reach(c, 0, rows) * reach(c, 1, cols) + rows * cols) * lanes * 4;
    return panel + taken_bytes(c, lanes) > HALVES ? "planes of half floats are too large to be turned at once" : 0;
}

PC_PLANNING static const char *reject(const pc_conv *c) {
    if (c->icg != 1) return "a group has more than one input channel";
    if (!pc_conv_is_flat(c)) return "the problem has a depth";
    if (pc_conv_holds_halves(c)) return refuse_halves(c);
    /* A pixel of 16 floats or 8 doubles, also where vectors are shorter: refusals are alike on all targets. */
    return (reach(c, 0, 1) + 1) * (reach(c, 1, 1) + 1) > MOST / 64 ? "the window does not fit the workspace" : 0;
}

/* Channels first, what `rows` does better, where lanes are columns. To turn planes costs about a dozen taps, so it pays
 * where `rows` would leave many lanes of 16 empty: from 1x1 to 7x7 and with stride 2, up to 12 columns and 17 to 20
 * take 0.2 to 0.95 of its time; 14 columns 1.0 to 1.25, 28 columns 1.2 to 2, 5x5 and 7x7 on 19 and 20 columns 1.0
 * to 1.1. */
static const char *left_to_rows(const pc_conv *c) {
    const int64_t lanes = PC_MAX_VLEN, columns = c->out[2], most = lanes + (c->taps > 9 ? 2 : 4);
    if (c->src.c != 1 && c->ocg > 1) return "channels first, and several outputs a channel";
    if (c->src.c != 1 && c->desc.src_type && !pc_conv_holds_halves(c))
        return "bytes with the channels first, which are not turned at once";
    if (10 * c->desc.oc < 7 * pc_round_up(c->desc.oc, lanes)) return "channels first, and too few to fill lanes";
    if (c->src.w != 1 || c->dst.w != 1) return 0;
    return columns <= 12 || (columns > lanes && columns <= most) ? 0 : "channels first: columns fill lanes";
}

PC_PLANNING static const char *defer(const pc_conv *c) {
    const char *reason = is_planar(c) ? left_to_rows(c) : 0;
    if (reason) return reason;
    if (c->ocg > 1 && c->desc.groups == 1) return "several outputs share the one input channel, which others broadcast";
    return c->desc.oc < 4 && !in_one_piece(c) ? "fewer than 4 channels leave lanes empty" : 0;
}

/* ---- plan -------------------------------------------------------------------------------------------------------- */

/* Cycles for an output of regions of that size, roughly: a vector of the panel costs a load and a store, one of outputs
 * its FMAs and a store for each tile, each row of either some set-up. */
PC_PLANNING static double cost_of(const pc_conv *c, const pc_panels_plan *d, int64_t rows, int64_t cols) {
    enum { SETUP = 25 };
    const int64_t lanes = c->kernels->vlen, high = reach(c, 0, rows), wide = reach(c, 1, cols);
    const double gather = (double)high * (3 * (double)pc_ceil_div(wide * d->pixel, lanes) + SETUP);
    const int64_t along = d->across ? cols : rows, over = d->across ? rows : cols;
    const int64_t vectors = d->flat ? pc_ceil_div(over * d->pixel, lanes) : over;
    const double tiles = (double)pc_ceil_div(along, d->tile);
    const double compute = tiles * ((double)vectors * (double)(d->tile * (c->taps + 2)) + SETUP);
    return (gather + compute) / (double)(rows * cols);
}

/* Rows and columns of a region: the cheapest of those whose panels stay in L1, or the smallest. */
PC_PLANNING static void choose_region(const pc_conv *c, pc_panels_plan *d) {
    const int64_t height = outputs(c, 0), width = outputs(c, 1), unit = d->across ? 1 : d->tile,
                  most = pc_conv_holds_halves(c) ? INT64_MAX : L1;
    double least = 0;
    for (int64_t rows = pc_conv_holds_halves(c) ? height : unit;; rows += unit) {
        int64_t cols = width;
        while (cols > 1 && region_bytes(c, rows, cols) > most) cols = (cols + 1) / 2;
        while (cols < width && region_bytes(c, rows, cols + 1) <= most) cols++;
        cols = pc_ceil_div(width, pc_ceil_div(width, cols)); /* equal strips */
        const double cost = cost_of(c, d, rows, cols);
        const int fits = region_bytes(c, rows, cols) <= most;
        if (least == 0 || (fits && cost < least)) {
            least = cost;
            d->size[0] = pc_min(rows, height);
            d->size[1] = cols;
        }
        if (rows >= height || !fits) break;
    }
    for (int a = 0; a < 2; a++) d->count[a] = pc_ceil_div(outputs(c, a), d->size[a]);
    d->whole = d->count[0] * d->count[1] * d->apart[0] * d->apart[1] == 1;
}

PC_PLANNING static void plan(pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    pc_panels_plan *d = &c->as.panels;
    const int64_t lanes = c->kernels->vlen, size = c->kernels->size;
    *d = (pc_panels_plan){.flat = is_flat(c), .apart = {apart_of(c, 0), apart_of(c, 1)}, .pixel = pixel_of(c)};
    d->across = p->kernel[1] == 1 && p->kernel[2] > 1 && !d->flat;
    d->shares = p->stride[1 + d->across] == 1 && tap_of(c, d->across) == 1;
    d->blocks = d->flat ? 1 : pc_ceil_div(p->oc, lanes);
    d->period = d->flat ? p->oc / pc_gcd(p->oc, lanes) : 1;
    const int64_t along = outputs(c, d->across);
    double least = 0;
    for (int tile = 1; tile <= PC_MAX_DEPTHWISE_TILE && tile <= along; tile++) {
        if (!c->kernels->depthwise[d->shares][tile] || (tile > 1 && region_bytes(c, tile, 1) > MOST)) continue;
        const double cost = (double)pc_ceil_div(along, tile) * (double)(pc_max(tile, 4) + 1); /* 4: a chain's latency */
        if (least == 0 || cost < least) {
            least = cost;
            d->tile = tile;
        }
    }
    choose_region(c, d);
    c->threads = pc_conv_useful_threads(c, 35);
    /* Small panels go a few at a time: to hand out one would take as long as to compute it. */
    enum { SMALL = 8000 }; /* FMAs of a vector */
    const int64_t regions = p->mb * d->count[0] * d->apart[0] * d->count[1] * d->apart[1];
    const int64_t fmas = d->size[0] * d->size[1] * c->taps,
                  enough = c->threads == 1 ? 1 : pc_ceil_div(8 * c->threads, pc_max(1, regions));
    d->run = pc_max(1, pc_min(pc_ceil_div(SMALL, fmas), d->blocks / enough));
    d->runs = pc_ceil_div(d->blocks, d->run);
    d->work = regions * d->runs;
    c->threads = (int)pc_max(1, pc_min(c->threads, d->work));
    d->pitch = reach(c, 1, d->size[1]) * d->pixel + lanes;
    d->bias = pc_round_up((reach(c, 0, d->size[0]) * d->pitch + lanes) * size, 64);
    d->out = pc_round_up(d->bias + d->period * lanes * size, 64);
    d->row = pc_round_up(d->out + turned_bytes(c, d->size[0], d->size[1]), 64);
    c->workspace_per_thread = (size_t)(d->row + taken_bytes(c, lanes) +
                                       pc_conv_row_bytes(c, pc_min(reach(c, 1, d->size[1]) * d->apart[1], p->in[2])));
    c->packed_size = (size_t)(d->blocks * d->period * c->taps * lanes * size);
    snprintf(c->tile, sizeof c->tile, "%d channels, %d %s", c->kernels->vlen, d->tile, d->across ? "columns" : "rows");
}

/* ---- pack -------------------------------------------------------------------------------------------------------- */

/* Lane by lane, in the order of the weights: a call of memcpy for each of them took longer than layers of 7x7. */
#define DEFINE_PACK(T)                                                                                                 \
    static void pack_##T(const pc_conv *c, const T *wei, T *packed) {                                                  \
        const pc_panels_plan *d = &c->as.panels;                                                                       \
        const int64_t *k = c->desc.kernel, oc = c->desc.oc, lanes = c->kernels->vlen;                                  \
        memset(packed, 0, c->packed_size);                                                                             \
        for (int64_t v = 0; v < d->blocks * d->period; v++, packed += c->taps * lanes)                                 \
            for (int64_t i = 0; i < lanes; i++) {                                                                      \
                const int64_t channel = d->flat ? (v * lanes + i) % oc : v * lanes + i;                                \
                if (channel >= oc) break;                                                                              \
                const T *w = wei + channel * c->taps;                                                                  \
                for (int64_t r = 0; r < k[1]; r++)                                                                     \
                    for (int64_t s = 0; s < k[2]; s++) packed[(s * k[1] + r) * lanes + i] = *w++;                      \
            }                                                                                                          \
    }

DEFINE_PACK(float)
DEFINE_PACK(double)

static void pack(const pc_conv *c, const void *wei, void *packed) {
    if (c->kernels->size == 4)
        pack_float(c, wei, packed);
    else
        pack_double(c, wei, packed);
}

/* ---- run --------------------------------------------------------------------------------------------------------- */

/* Biases of the vectors that begin with channel `first`. */
static void fill_bias(const pc_conv *c, const pc_exec_args *a, int64_t first, char *bias) {
    const pc_panels_plan *d = &c->as.panels;
    const size_t size = (size_t)c->kernels->size;
    const int64_t lanes = d->period * c->kernels->vlen, n = d->flat ? lanes : pc_min(lanes, c->desc.oc - first);
    memset(bias, 0, (size_t)lanes * size);
    for (int64_t i = 0; a->bias && i < n; i += c->desc.oc)
        memcpy(bias + (size_t)i * size, (const char *)a->bias + (size_t)first * size,
               (size_t)pc_min(n - i, c->desc.oc) * size);
}

/* Turn n[0] x n[1] outputs of a vector of channels, which stand in the workspace, into planes. An epilogue that needs
 * no residual comes before, while they are in one piece. */
static void turn(const pc_conv *c, const pc_exec_args *a, const pc_strides *o, const int64_t *n, int64_t lanes,
                 char *out, char *dst) {
    const int64_t vlen = c->kernels->vlen, whole = o->h == n[1];
    const pc_strides s = {.c = 1, .w = vlen, .h = n[1] * vlen};
    if (!a->residual) pc_conv_finish(c, a, &s, out, vlen, n[0], n[1]);
    const int64_t rows = whole ? 1 : n[0], cols = whole ? n[0] * n[1] : n[1];
    for (int64_t y = 0; y < rows; y++)
        c->kernels->transpose(pc_at(out, y * s.h, c->kernels->size), vlen, cols, lanes,
                              pc_at_mut(dst, y * o->h, c->kernels->size), o->c);
    if (a->residual) pc_conv_finish(c, a, o, dst, lanes, n[0], n[1]);
}

/* A run of blocks of channels of one region of one image. */
static void run_item(const pc_conv *c, const pc_exec_args *a, int64_t i, char *workspace) {
    const pc_conv_desc *p = &c->desc;
    const pc_panels_plan *d = &c->as.panels;
    const int size = c->kernels->size;
    const int64_t vlen = c->kernels->vlen;
    const int halves = pc_conv_holds_halves(c), dst_size = halves ? c->src_size : size;
    int64_t block = i % d->runs * d->run;
    const int64_t end = pc_min(d->blocks, block + d->run);
    i /= d->runs;
    int64_t y0[2], n[2]; /* the first output of a region, and how many: down and across */
    for (int axis = 1; axis >= 0; axis--) {
        const int64_t part = i % d->count[axis], phase = i / d->count[axis] % d->apart[axis];
        i /= d->count[axis] * d->apart[axis];
        const int64_t all = pc_ceil_div(c->out[1 + axis] - phase, d->apart[axis]);
        y0[axis] = phase + part * d->size[axis] * d->apart[axis];
        n[axis] = pc_min(d->size[axis], all - part * d->size[axis]);
        if (n[axis] <= 0) return;
    }
    const int along = d->across, over = 1 - along;
    int tile = (int)pc_min(d->tile, n[along]);
    while (!c->kernels->depthwise[d->shares][tile]) tile--;
    pc_depthwise_fn *kernel = c->kernels->depthwise[d->shares][tile];
    const int turns = c->dst.c != 1;
    const pc_strides o = {.n = c->dst.n, .c = c->dst.c, .h = c->dst.h * d->apart[0], .w = c->dst.w * d->apart[1]};
    const int64_t panel[2] = {d->pitch, d->pixel}, step[2] = {turns ? n[1] * vlen : o.h, turns ? vlen : o.w};
    pc_panel_args g = {.src_chan = c->src.c,
                       .src_row = c->src.h,
                       .src_col = c->src.w,
                       .in_h = p->in[1],
                       .in_w = p->in[2],
                       .y0 = y0[0] * p->stride[1] - p->pad_lo[1],
                       .x0 = y0[1] * p->stride[2] - p->pad_lo[2],
                       .apart_h = d->apart[0],
                       .apart_w = d->apart[1],
                       .rows = reach(c, 0, n[0]),
                       .cols = reach(c, 1, n[1]),
                       .repeat = c->ocg,
                       .dst = workspace,
                       .pitch = d->pitch,
                       .pixel = d->pixel,
                       .boundary = p->boundary,
                       .fill = p->fill,
                       .bordered = d->whole,
                       .bytes = p->src_type != PC_ELEMENTS && !halves,
                       .row = workspace + d->row};
    pc_depthwise_args k = {.row_step = panel[along] * p->stride[1 + along],
                           .tap_row = panel[along] * tap_of(c, along),
                           .tap_col = panel[over] * tap_of(c, over),
                           .step = d->flat ? vlen : panel[over] * p->stride[1 + over],
                           .kh = p->kernel[1 + along],
                           .kw = p->kernel[1 + over],
                           .bias = workspace + d->bias,
                           .period = d->period,
                           .ld_dst = step[along],
                           .dst_step = d->flat ? vlen : step[over],
                           .n = d->flat ? pc_ceil_div(n[1] * p->oc, vlen) : n[over]};
    const int64_t origin = i * c->dst.n + y0[0] * c->dst.h + y0[1] * c->dst.w;
    for (; block < end; block++) {
        const int64_t first = block * vlen, lanes = d->flat ? p->oc : pc_min(vlen, p->oc - first);
        char *dst = pc_at_mut(a->dst, origin + first * o.c, dst_size), *out = turns ? workspace + d->out : dst;
        g.src = pc_at(a->src, i * c->src.n + first / c->ocg * c->src.c, c->src_size);
        g.first = first % c->ocg;
        g.lanes = lanes;
        if (halves) {
            c->kernels->convert(p->src_type, PC_ELEMENTS, 0, lanes * c->src.c, g.src, workspace + d->row);
            g.src = workspace + d->row;
        }
        c->kernels->panel(&g);
        g.bordered = 1;
        fill_bias(c, a, first, workspace + d->bias);
        k.wei = pc_at(a->packed, block * c->taps * vlen, size);
        k.lanes = (int)(d->flat || turns ? vlen : lanes);
        k.last = (int)(d->flat ? n[1] * p->oc - (k.n - 1) * vlen : k.lanes);
        for (int64_t j = 0; j < n[along]; j += tile) {
            const int64_t at = pc_min(j, n[along] - tile); /* a last tile steps back */
            k.src = pc_at(workspace, at * k.row_step, size);
            k.dst = pc_at_mut(out, at * step[along], size);
            kernel(&k);
        }
        if (halves) {
            turn(c, a, &o, n, lanes, out, workspace + d->row);
            c->kernels->convert(PC_ELEMENTS, p->src_type, 0, lanes * o.c, workspace + d->row, dst);
        } else if (turns)
            turn(c, a, &o, n, lanes, out, dst);
        else
            pc_conv_finish(c, a, &o, dst, lanes, n[0], n[1]);
    }
}

/* Where a region is a plane, the zeros of its border stay in their place. */
static void prepare(const pc_conv *c, char *workspace) {
    if (c->as.panels.whole) memset(workspace, 0, (size_t)c->as.panels.bias);
}

static void run(const pc_conv *c, const pc_exec_args *a) {
    pc_conv_run_items(c, a, c->as.panels.work, prepare, run_item);
}

const pc_algo pc_algo_panels = {
    .name = "panels", .reject = reject, .defer = defer, .plan = plan, .pack = pack, .run = run};
