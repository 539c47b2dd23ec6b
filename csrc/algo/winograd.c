/* winograd.c - convolution by Winograd's minimal filtering (Lavin and Gray 2016). 3x3 kernels as F(4,3) or F(2,3) each
 * way: 36 products for 16 outputs, or 16 for 4, where the direct algorithm takes 9 an output. 5x5 kernels as F(2,5): 36
 * for 4, directly 100. At stride 2 the even and the odd pixels of an axis are convolved by themselves, F(4,2) and a
 * product each: 81 for 16 outputs. Kernels of one row or column run as lines, F(4,3) for three taps at a time: 6
 * products for 12, and 16 for the 28 of 1x7. With a dilation of d every d-th row and column is an image of its own.
 * Kernels of 5 to 8 taps each way at stride 2 are four of half as many, for the even and odd rows and columns of the
 * image, which count as channels: F(4,3) or F(3,4), 4 * 36 products for 9 outputs of a 7x7 kernel, directly 441.
 *
 * A kernel with a depth is so many plane ones, whose slices count as channels: 3x3x3 as F(4,3) takes 108 products for
 * 16 outputs, directly 432. Slices of padding add nothing and are left out.
 *
 * The tiles of a slice are numbered row by row and cut into blocks, each of which may be several slices deep. For each
 * block:
 *
 *     transform the tiles of all input channels                    V[frequency][slice][run of np tiles][c][np]
 *     for each panel of output channels:
 *         for each frequency, slice, run of tiles: a register tile     M[slice, tile][frequency][panel]
 *         transform back, add the bias, store
 *
 * A block is small enough for V and M to stay in L2; the packed weights stream through it once a block. Where V of all
 * channels would be too large, it holds some of them at a time, and M of all panels waits. The register tile is that of
 * channel lanes, with frequencies in place of taps: one chain of FMAs over all channels (of a line, over those of its
 * first three taps, then of the next three; of a kernel with a depth, over UNIT channels of each slice, then the next
 * UNIT), from zero. So bits depend on the frequency transforms, which are elementwise, and on nothing else. */
#include <string.h>

#include "dense.h"
#include "winograd.h"

/* ---- pack ----------------------------------------------------------------------------------------------------- */

/* Nearly equal shares: the first of share i of n items among `parts`. */
static int64_t share_start(int64_t n, int64_t parts, int64_t i) { return n * i / parts; }

/* Panel p of a group: its first vector, and how many. */
typedef struct range {
    int64_t first, count;
} range;

static range panel_at(const pc_conv *c, int64_t p) {
    const int64_t vectors = pc_ceil_div(c->ocg, c->kernels->vlen), panels = c->as.winograd.panels;
    const int64_t first = share_start(vectors, panels, p);
    return (range){first, share_start(vectors, panels, p + 1) - first};
}

/* Elements of packed weights before the panel of group g that starts with vector `first`. */
static int64_t panel_start(const pc_conv *c, int64_t g, int64_t first) {
    const int64_t vlen = c->kernels->vlen, vectors = pc_ceil_div(c->ocg, vlen);
    return (g * vectors + first) * vlen * pc_winograd_weights(c, &c->as.winograd);
}

/* [group][panel][frequency][unit][segment or slice][channel][width of the panel] */
static void pack(const pc_conv *c, const void *wei, void *packed) {
    const pc_winograd *w = &c->as.winograd;
    const int64_t vlen = c->kernels->vlen, n = c->desc.groups * w->panels;
    const int size = c->kernels->size, parallel = c->threads > 1 && c->packed_size > 1 << 18;
#pragma omp parallel for schedule(static) num_threads(c->threads) if (parallel)
    for (int64_t i = 0; i < n; i++) {
        const int64_t g = i / w->panels;
        const range r = panel_at(c, i % w->panels);
        char *panel = pc_at_mut(packed, panel_start(c, g, r.first), size);
        const int64_t width = r.count * vlen, all = c->desc.kernel[0] * c->icg;
        for (int64_t v = 0; v < r.count; v++)
            for (int64_t j = 0; j < all;) { /* the channels of a unit in one slice */
                const int64_t unit = w->unit / (w->phases * w->phases), first = j / (c->desc.kernel[0] * unit) * unit;
                const int64_t channels = pc_min(unit, c->icg - first);
                const int64_t slice = (j - first * c->desc.kernel[0]) / channels;
                const int64_t oc = (r.first + v) * vlen, plane = c->taps / c->desc.kernel[0];
                const int64_t from = ((g * c->ocg + oc) * c->icg + first) * c->taps + slice * plane;
                pc_winograd_filter_args f = {
                    .kind = w->kind,
                    .wei = pc_at(wei, from, size),
                    .filters = pc_min(c->ocg - oc, vlen),
                    .channels = channels,
                    .taps = plane,
                    .size = (int)c->desc.kernel[1],
                    .phases = w->phases,
                    .src_chan = c->taps,
                    .src_filter = c->icg * c->taps,
                    .dst = pc_at_mut(panel, w->phases * w->phases * j * width + v * vlen, size),
                    .ld_chan = width,
                    .ld_freq = pc_winograd_segments(w) * pc_winograd_terms(c, w) * width,
                    .cut = w->cut};
                f.cut.ld_segment = pc_winograd_channels(c, w) * width;
                c->kernels->winograd_filter(&f);
                j += channels;
            }
    }
}

/* ---- run ------------------------------------------------------------------------------------------------------ */

/* Input channels, as the image has them, whose phases fill a vector of channels. */
static int64_t channels_at_once(const pc_conv *c, const pc_winograd *w) {
    return pc_max(1, c->kernels->vlen / (w->phases * w->phases));
}

/* Segments of the chain of weight i: all, but for the tap that is left over. */
static int64_t segments_of(const pc_winograd *w, int64_t i) {
    return w->cut.rest && i == 6 ? 1 : pc_winograd_segments(w);
}

/* Tile i along an axis: its first pixel, were the steps from tile to tile so long. */
static int64_t pixel_of(const pc_winograd *w, int axis, int64_t i, int64_t step) {
    return i + pc_quotient(i, w->dilation[axis]) * w->dilation[axis] * (step - 1);
}

/* The first tile of block i; blocks are whole groups. */
static int64_t block_start(const pc_winograd *w, int64_t i) {
    return share_start(pc_quotient(w->tiles_h * w->tiles_w, w->dilation[1]), w->blocks, i) * w->dilation[1];
}

typedef struct item {
    int64_t n, g, z, slices, tile, tiles, panel, panels;
} item;

static item item_at(const pc_conv *c, int64_t i) {
    const pc_winograd *w = &c->as.winograd;
    const int64_t block = i % w->blocks;
    item it = {.tile = block_start(w, block)};
    it.tiles = block_start(w, block + 1) - it.tile;
    i /= w->blocks;
    const int64_t depths = pc_ceil_div(c->out[0], w->deep);
    it.z = i % depths * w->deep;
    it.slices = pc_min(w->deep, c->out[0] - it.z);
    i /= depths;
    it.panel = share_start(w->panels, w->splits, i % w->splits);
    it.panels = share_start(w->panels, w->splits, i % w->splits + 1) - it.panel;
    i /= w->splits;
    it.g = i % c->desc.groups;
    it.n = i / c->desc.groups;
    return it;
}

/* Neighbours in one row among the tiles from `tile` on: at most `most`, before `end`. */
static int64_t in_row(const pc_winograd *w, int64_t tile, int64_t end, int64_t most) {
    return pc_min(pc_min(w->tiles_w - tile % w->tiles_w, end - tile), most);
}

/* Of a chain over a unit of `channels`: its segments, or its slices. */
static void fill_offsets(const pc_conv *c, int64_t channels, int64_t *off) {
    const pc_winograd *w = &c->as.winograd;
    const int64_t vlen = c->kernels->vlen, parts = pc_winograd_segments(w) * c->desc.kernel[0];
    const int64_t apart = c->desc.kernel[0] > 1 ? w->ld_slice : w->cut.ld_segment;
    for (int64_t s = 0; s < parts; s++)
        for (int64_t ic = 0; ic < channels; ic++) *off++ = s * apart + ic / vlen * w->np * vlen + ic % vlen;
}

/* Whether slice z of the image is one of zeros, which no tap needs to meet. */
static int is_nothing(const pc_conv *c, int64_t z) {
    return z < 0 && (c->desc.boundary == PC_ZEROS || c->desc.fill == 0);
}

/* Copy what the tiles read into rows of their own, borders included, no dilation between them and each phase a channel,
 * and read that instead. */
static void gather(const pc_conv *c, pc_winograd_in_args *in, void *copy, void *row) {
    const pc_winograd *w = &c->as.winograd;
    const int64_t rows = w->n[0], cols = pc_winograd_columns_read(w, in->tiles), pitch = pc_winograd_copy_pitch(c, w),
                  phases = w->phases;
    const int64_t apart = w->dilation[0], calls = apart > 1 ? rows : 1;
    pc_gather_args g = {.src = in->src,
                        .src_chan = c->src.c,
                        .src_row = c->src.h,
                        .src_col = c->src.w,
                        .in_h = in->in_h,
                        .in_w = c->desc.in[2],
                        .y0 = in->y,
                        .x0 = in->x,
                        .dst = copy,
                        .chan = phases * phases * rows * pitch,
                        .phase = rows * pitch,
                        .pitch = pitch,
                        .channels = in->channels,
                        .rows = phases * rows / calls,
                        .cols = phases * cols,
                        .sh = (int)phases,
                        .sw = (int)phases,
                        .row_phases = (UINT64_C(1) << phases) - 1,
                        .col_phases = (UINT64_C(1) << phases) - 1,
                        .boundary = c->desc.boundary,
                        .fill = c->desc.fill,
                        .bytes = c->desc.src_type != PC_ELEMENTS,
                        .row = row};
    for (int64_t i = 0; i < calls; i++, g.y0 += apart, g.dst = pc_at_mut(g.dst, pitch, c->kernels->size))
        c->kernels->gather(&g);
    in->dilation[0] = 1;
    in->src = copy;
    in->src_chan = rows * pitch;
    in->src_row = pitch;
    in->src_col = 1;
    in->in_h = rows;
    in->in_w = pitch;
    in->y = in->x = 0;
}

/* Channels c0 to c0 + chans of the slice z of the image, or of a border, which the block reads as its `slice`th. */
static void transform_slice(const pc_conv *c, const pc_exec_args *a, const item *it, int64_t c0, int64_t chans,
                            int64_t z, int64_t slice, char *workspace) {
    const pc_winograd *w = &c->as.winograd;
    const pc_conv_desc *p = &c->desc;
    const int64_t vlen = c->kernels->vlen, end = it->tile + it->tiles;
    const int size = c->kernels->size;
    const int64_t *place = (const int64_t *)(workspace + w->place);
    pc_winograd_in_args in = {.src_chan = c->src.c,
                              .src_row = c->src.h,
                              .src_col = c->src.w,
                              .in_w = p->in[2],
                              .step = w->step[1],
                              .dilation = {w->dilation[0], w->dilation[1]},
                              .strip = workspace + w->strip,
                              .ld_freq = w->ld_in,
                              .cut = w->cut};
    const int64_t from = it->n * c->src.n + pc_max(z, 0) * c->src.d + (it->g * c->icg + c0) * c->src.c;
    const char *image = pc_at(a->src, from, c->src_size);
    const int64_t phases = w->phases * w->phases, at_once = channels_at_once(c, w);
    for (int64_t ic = 0; ic < chans; ic += at_once) {
        for (int64_t t = it->tile; t < end; t += in.tiles) {
            in.tiles = in_row(w, t, end, pc_winograd_segment(w));
            in.y = w->phases * pixel_of(w, 0, t / w->tiles_w, w->step[0]) - p->pad_lo[1];
            in.x = w->phases * pixel_of(w, 1, t % w->tiles_w, w->step[1]) - p->pad_lo[2];
            in.place = place + (t - it->tile);
            in.in_h = z < 0 ? 0 : p->in[1]; /* every row of a border is beyond the image */
            in.src = pc_at(image, ic * c->src.c, c->src_size);
            in.channels = (int)pc_min(chans - ic, at_once);
            if (w->gathers) gather(c, &in, workspace + w->copy, workspace + w->row);
            if (phases > 1) in.channels = (int)vlen; /* of which the last may belong to nobody */
            for (int64_t v = 0; v < phases * pc_min(chans - ic, at_once); v += vlen) {
                in.dst = pc_at_mut(workspace, slice * w->ld_slice + (phases * ic + v) * w->np, size);
                c->kernels->winograd_input[w->kind](&in);
                in.src = pc_at(in.src, vlen * in.src_chan, size);
            }
        }
    }
}

static void transform_input(const pc_conv *c, const pc_exec_args *a, const item *it, int64_t c0, int64_t chans,
                            char *workspace) {
    const pc_winograd *w = &c->as.winograd;
    const int64_t runs = pc_ceil_div(it->tiles, w->np);
    int64_t *place = (int64_t *)(workspace + w->place);
    for (int64_t r = 0, t = 0; r < runs; r++)
        for (const int64_t first = t, next = share_start(it->tiles, runs, r + 1); t < next; t++)
            place[t] = r * w->run + (t - first) * c->kernels->vlen;
    for (int64_t s = 0; s < c->desc.kernel[0] + it->slices - 1; s++) { /* steps of 1 where slices are shared */
        const int64_t z = pc_conv_depth(c, it->z, s);
        if (!is_nothing(c, z)) transform_slice(c, a, it, c0, chans, z, s, workspace);
    }
}

/* A piece of the chain: channels u to u + channels of the products, of which V begins with channel `from`. */
typedef struct piece {
    int64_t u, channels, from;
} piece;

static void multiply(const pc_conv *c, const item *it, piece at, const void *wei, int64_t nv, void *sums,
                     char *workspace) {
    const pc_winograd *w = &c->as.winograd;
    const int64_t vlen = c->kernels->vlen, width = nv * vlen, runs = pc_ceil_div(it->tiles, w->np);
    const int64_t taps = c->desc.kernel[0];
    const int size = c->kernels->size;
    const char *zeros = workspace + w->bias + w->nv * vlen * size, *weights = wei;
    pc_channel_fn *const *tile = c->kernels->channel_tile[PC_TILE_STEPPED][nv];
    const int64_t *off = (const int64_t *)(workspace + w->off);
    if (at.channels < w->unit) off += w->unit * taps * pc_winograd_segments(w);
    pc_channel_args a = {.step = vlen, .next_step = vlen, .ld_init = at.u ? w->ld_tile : 0, .ld_out = w->ld_tile};
    for (int64_t i = 0; i < w->own[0] * w->own[1];
         weights = pc_at(weights, segments_of(w, i) * pc_winograd_terms(c, w) * width, size), i++) {
        /* Frequencies y .. y + high by x .. x + wide have these weights: one, but for the last of an axis. */
        const int64_t y = i / w->own[1], x = i % w->own[1];
        const int64_t high = y + 1 < w->own[0] ? 1 : w->axis[0] - y, wide = x + 1 < w->own[1] ? 1 : w->axis[1] - x;
        for (int64_t j = 0; j < high * wide * it->slices; j++) {
            const int64_t z = j % it->slices, part = j / it->slices;
            const int64_t f = (y + part / wide) * w->axis[1] + x + part % wide;
            int64_t q0 = 0, q1 = taps; /* the slices that are not nothing */
            while (q0 < q1 && is_nothing(c, pc_conv_depth(c, it->z + z, q0))) q0++;
            while (q0 < q1 && is_nothing(c, pc_conv_depth(c, it->z + z, q1 - 1))) q1--;
            a.k = (q1 - q0) * segments_of(w, i) * at.channels;
            a.off = off + q0 * at.channels;
            a.wei = pc_at(weights, (taps * at.u + q0 * at.channels) * width, size);
            for (int64_t r = 0; r < runs; r++) {
                const int64_t first = share_start(it->tiles, runs, r), np = share_start(it->tiles, runs, r + 1) - first;
                const int64_t run = f * w->ld_in + z * w->ld_slice + r * w->run;
                a.src = pc_at(workspace, run + (at.u - at.from) * w->np, size);
                a.next = r + 1 < runs ? w->run : z + 1 < it->slices ? w->ld_slice - r * w->run : w->ld_in;
                a.out = pc_at_mut(sums, (z * it->tiles + first) * w->ld_tile + f * width, size);
                a.init = at.u ? a.out : zeros;
                tile[np](&a);
            }
        }
    }
}

/* Where channels come first, pixels wait in L1 until a few tiles fill whole lines of the planes. */
static void transform_output(const pc_conv *c, const pc_exec_args *a, const item *it, int64_t z, int64_t oc,
                             int64_t width, const char *sums, char *workspace) {
    const pc_winograd *w = &c->as.winograd;
    const int64_t vlen = c->kernels->vlen, end = it->tile + it->tiles, pitch = w->m[1] * pc_winograd_segment(w) * vlen;
    const int size = c->kernels->size, planar = c->dst.w == 1;
    void *image = pc_at_mut(a->dst, it->n * c->dst.n + z * c->dst.d + (it->g * c->ocg + oc) * c->dst.c, size);
    const int64_t step = planar ? vlen : width, channels = pc_min(c->ocg - oc, width);
    const pc_strides waiting = {.c = 1, .h = pitch, .w = vlen};
    const int early = planar && !a->residual; /* pixels that wait lie in longer runs */
    pc_strides placed = c->dst;               /* rows of a tile */
    placed.h *= w->dilation[0];
    for (int64_t first = 0; first < channels; first += step) {
        pc_winograd_out_args out = {.bias = pc_at(workspace + w->bias, first, size),
                                    .ld_tile = w->ld_tile,
                                    .ld_freq = width,
                                    .dst_row = planar ? pitch : placed.h,
                                    .dst_col = planar ? vlen : c->dst.w,
                                    .channels = pc_min(channels - first, step),
                                    .dilation = w->dilation[1],
                                    .cut = w->cut};
        for (int64_t t = it->tile; t < end; t += out.tiles) {
            const int64_t y = pixel_of(w, 0, t / w->tiles_w, w->m[0]), x = pixel_of(w, 1, t % w->tiles_w, w->m[1]);
            char *dst = pc_at_mut(image, first * c->dst.c + y * c->dst.h + x * c->dst.w, size);
            out.tiles = in_row(w, t, end, planar ? pc_winograd_segment(w) : end);
            out.src = pc_at(sums, (t - it->tile) * w->ld_tile + first, size);
            out.dst = planar ? workspace + w->strip : dst;
            out.rows = pc_min(pc_ceil_div(c->out[1] - y, w->dilation[0]), w->m[0]);
            out.cols = pc_min(c->out[2] - x, w->m[1] * out.tiles);
            if (out.rows <= 0) continue; /* fewer rows than the dilation */
            c->kernels->winograd_output[w->kind](&out);
            if (early) pc_conv_finish(c, a, &waiting, out.dst, vlen, out.rows, out.cols);
            for (int64_t r = 0; planar && r < out.rows; r++)
                c->kernels->transpose(pc_at(out.dst, r * pitch, size), vlen, out.cols, out.channels,
                                      pc_at_mut(dst, r * placed.h, size), c->dst.c);
            if (!early) pc_conv_finish(c, a, &placed, dst, out.channels, out.rows, out.cols);
        }
    }
}

static void run_item(const pc_conv *c, const pc_exec_args *a, int64_t i, char *workspace) {
    const pc_winograd *w = &c->as.winograd;
    const item at = item_at(c, i), *it = &at;
    const int64_t vlen = c->kernels->vlen, phases = w->phases * w->phases, all = pc_winograd_channels(c, w);
    const int64_t slice = it->tiles * w->ld_tile;
    const int size = c->kernels->size;
    for (int64_t c0 = 0; c0 < c->icg; c0 += w->chans) {
        const int64_t chans = pc_min(w->chans, c->icg - c0);
        transform_input(c, a, it, c0, chans, workspace);
        for (int64_t p = it->panel; p < it->panel + it->panels; p++) {
            const range r = panel_at(c, p);
            const int64_t oc = r.first * vlen, width = r.count * vlen, from = phases * c0;
            char *sums = pc_at_mut(workspace + w->sums, w->held > 1 ? (p - it->panel) * it->slices * slice : 0, size);
            for (int64_t u = from; u < from + phases * chans; u += w->unit)
                multiply(c, it, (piece){u, pc_min(w->unit, all - u), from},
                         pc_at(a->packed, panel_start(c, it->g, r.first), size), r.count, sums, workspace);
            if (c0 + chans < c->icg) continue;
            memset(workspace + w->bias, 0, (size_t)(width * size));
            if (a->bias)
                memcpy(workspace + w->bias, pc_at(a->bias, it->g * c->ocg + oc, size),
                       (size_t)(pc_min(c->ocg - oc, width) * size));
            for (int64_t z = 0; z < it->slices; z++)
                transform_output(c, a, it, it->z + z, oc, width, pc_at(sums, z * slice, size), workspace);
        }
    }
}

static void prepare(const pc_conv *c, char *workspace) {
    const pc_winograd *w = &c->as.winograd;
    const size_t panel = (size_t)(w->nv * c->kernels->vlen * c->kernels->size);
    memset(workspace + w->bias + panel, 0, panel); /* where the sums start from */
    if (w->phases > 1)
        memset(workspace + w->copy, 0, (size_t)pc_winograd_copy_bytes(c, w)); /* lanes that belong to nobody */
    int64_t *off = (int64_t *)(workspace + w->off);
    const int64_t rest = pc_winograd_channels(c, w) % w->unit;
    fill_offsets(c, w->unit, off);
    if (rest) fill_offsets(c, rest, off + w->unit * c->desc.kernel[0] * pc_winograd_segments(w));
}

static void run(const pc_conv *c, const pc_exec_args *a) {
    pc_conv_run_items(c, a, c->as.winograd.work, prepare, run_item);
}

const pc_algo pc_algo_winograd = {.name = "winograd",
                                  .reject = pc_winograd_reject,
                                  .defer = pc_winograd_defer,
                                  .plan = pc_winograd_plan,
                                  .pack = pack,
                                  .run = run};
