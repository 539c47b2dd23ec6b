/* channel_lanes.c - dense convolution with output channels in vector lanes: the best direct form wherever a group has
 * many output channels. Weights are packed [block][k][vectors of channels] and read in order; pixels are broadcast. */
#include <stdio.h>

#include "../base/cpu.h"
#include "dense.h"

PC_PLANNING static const char *reject(const pc_conv *c) { return pc_dense_reject(c); }

static double filled(int64_t n) { return (double)n / (double)pc_round_up(n, PC_MAX_VLEN); }

/* Pixel lanes or channel lanes, for planes: by how full lanes of 16 are and how long a sum is beside its beginning and
 * end, which for channel lanes includes the transpose, dearer where the planes leave L2. The lengths were fitted on
 * Zen 4 to some 300 layers; the bits are the same. */
static int pixels_do_better(const pc_conv *c) {
    enum { LARGE = 4 << 20 };
    const pc_conv_desc *p = &c->desc;
    const int64_t bytes = c->ocg * c->out[0] * c->out[1] * c->out[2] * 4;
    const int flat = c->taps == 1 && c->out[1] == p->in[1] && c->out[2] == p->in[2];
    if (c->taps == 1 && !flat) return c->ocg < 12; /* a stride: pixel lanes would gather what these read in place */
    const double k = (double)(c->icg * c->taps);
    const double pixels = filled(flat ? c->out[1] * c->out[2] : c->out[2]) * k / (k + 3);
    const double channels = filled(c->ocg) * k / (k + 8) * (bytes > LARGE && c->taps > 1 ? 0.87 : 1);
    return pixels > 1.08 * channels;
}

PC_PLANNING static const char *defer(const pc_conv *c) {
    if (c->dst.w == 1 || c->dst.c != 1)
        return pixels_do_better(c) ? "pixels fill vectors better than channels, or sums are short" : 0;
    return c->ocg < 12 ? "fewer than 12 output channels a group leave lanes empty" : 0;
}

/* Nearly equal runs of at most np pixels: the first `longer` of them have one pixel more. */
typedef struct runs {
    int64_t count, length, longer, longest;
} runs;

static runs split_row(int64_t cols, int np) {
    const int64_t count = pc_ceil_div(cols, np);
    return (runs){count, cols / count, cols % count, pc_ceil_div(cols, count)};
}

static pc_block block_at(const pc_conv *c, int64_t index) {
    const int64_t vlen = c->kernels->vlen, width = c->as.dense.nv * vlen;
    pc_block b = {.first = index * width, .packed = index * width};
    b.n = pc_min(width, c->ocg - b.first);
    b.width = pc_round_up(b.n, vlen);
    return b;
}

static int64_t sum_size(const pc_conv *c, int64_t rows, int64_t cols) {
    return rows * cols * pc_min(c->as.dense.nv, pc_ceil_div(c->ocg, c->kernels->vlen)) * c->kernels->vlen;
}

/* Cost of one step of k for a tile, in FMAs: the FMAs, or the loads, or the latency that too few accumulators leave
 * exposed. The costs of a load were fitted on Zen 4, which runs one 512-bit FMA or two shorter ones a cycle: in AVX2 1
 * x 12 reaches 66 % of the peak where 2 x 6 reaches 88; in AVX-512 1 x 14 wins by 1 to 3 % on images read in place,
 * and loses by 5 on strips of wide layers, which come from L2. Where two 512-bit FMAs start each cycle, as on Intel's
 * servers, 1 x 14 on images in place takes 1.2 to 1.8 times as long as 2 x 14. */
double pc_channel_tile_cost(const pc_kernels *k, int64_t nv, int64_t np, int in_place) {
    const double load = k->isa != PC_ISA_AVX512 ? 1.4 : in_place && pc_cpu_halves_512() ? 0.55 : 1.0;
    const double fma = (double)(nv * np), loads = (double)(nv + np) * load, latency = 8;
    const double worst = fma > loads ? fma : loads;
    return (worst > latency ? worst : latency) + 0.25;
}

/* The tile that spends the fewest cycles on a row of this problem. Channels last, blocks that write less than 256 bytes
 * of each pixel cost memory some 5 cycles a vector: 1 -> 64 channels of 3x3 take 1.5 times as long in 2 blocks. */
PC_PLANNING static void choose_tile(pc_conv *c) {
    const pc_kernels *k = c->kernels;
    pc_dense *d = &c->as.dense;
    const int64_t vectors = pc_ceil_div(c->ocg, k->vlen);
    double best = 0;
    for (int nv = 1; nv <= PC_MAX_CHANNEL_NV; nv++) {
        int np = PC_MAX_NP;
        while (np && !k->channel_tile[PC_TILE_PLAIN][nv][np]) np--;
        if (!np) continue;
        const runs r = split_row(d->ow, np);
        const int64_t whole = vectors / nv, rest = vectors % nv;
        if (rest && !k->channel_tile[PC_TILE_PLAIN][rest][r.longest]) continue;
        double cost = 0;
        for (int part = 0; part < 2; part++) { /* runs of length + 1, then runs of length */
            const int64_t n = part ? r.count - r.longer : r.longer, pixels = r.length + !part;
            if (!n) continue;
            cost += (double)(n * whole) * pc_channel_tile_cost(k, nv, pixels, d->in_place) +
                    (rest ? (double)n * pc_channel_tile_cost(k, rest, pixels, d->in_place) : 0);
        }
        if (d->o.w > 1 && nv < vectors && nv * k->vlen * k->size < 256)
            cost += 5.0 * (double)(vectors * d->ow) / (double)(c->icg * c->taps);
        if (best == 0 || cost < best * 0.99) {
            best = cost;
            d->nv = nv;
            d->np = np;
        }
    }
    d->np = (int)split_row(d->ow, d->np).longest;
    d->blocks = pc_ceil_div(vectors, d->nv);
}

/* Finished sums of n pixels to every other pixel of planes: turned first, some of them at a time. */
static void spread(const pc_panel *p, const void *sum, char *dst, int64_t n) {
    enum { PIXELS = 32, CHANNELS = 64 };
    const pc_kernels *k = p->conv->kernels;
    const pc_strides *o = &p->conv->as.dense.o;
    const int size = k->size;
    double turned[PIXELS * CHANNELS];
    for (int64_t first = 0; first < p->block.n; first += CHANNELS)
        for (int64_t i = 0; i < n; i += PIXELS) {
            const int64_t pixels = pc_min(n - i, PIXELS), channels = pc_min(p->block.n - first, CHANNELS);
            k->transpose(pc_at(sum, i * p->block.width + first, size), p->block.width, pixels, channels, turned,
                         PIXELS);
            for (int64_t j = 0; j < channels; j++)
                k->spread(pixels, pc_at(turned, j * PIXELS, size), o->w,
                          pc_at_mut(dst, (first + j) * o->c + i * o->w, size));
        }
}

/* Send the finished sums of n pixels on to dst: through a transpose to NCHW, or element by element of a last, partial
 * vector, or of every other pixel of a plane. */
static void finish(const pc_panel *p, const void *sum, void *dst, int64_t n) {
    const pc_conv *c = p->conv;
    const pc_strides *o = &c->as.dense.o;
    const int size = c->kernels->size;
    if (o->w == 1) {
        c->kernels->transpose(sum, p->block.width, n, p->block.n, dst, o->c);
        return;
    }
    if (o->c != 1) {
        spread(p, sum, dst, n);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        const char *from = pc_at(sum, i * p->block.width, size);
        char *to = pc_at_mut(dst, i * o->w, size);
        for (int64_t b = 0; b < p->block.n * size; b += 4) __builtin_memcpy(to + b, from + b, 4);
    }
}

static void panel(const pc_panel *p) {
    const pc_conv *c = p->conv;
    const pc_dense *d = &c->as.dense;
    const pc_kernels *k = c->kernels;
    const int size = k->size;
    const int64_t width = p->block.width;
    const int last = p->last && d->o.c == 1; /* channels last */
    /* Whole vectors go to dst at once. So does a partial one where what it writes beyond its pixel is the next pixel's,
     * which comes later: in all tiles of a row but the last. */
    const int whole = last && p->block.n == width, over = last && p->block.n == d->o.w && width < 2 * d->o.w;
    const int one_pass = p->first && p->last; /* then the sums of one row are enough */
    const runs r = split_row(p->cols, d->np);
    const int stepped = d->px > 1;
    const int picks = p->copy && stepped;
    const pc_channel_mode mode = stepped && !d->copies ? PC_TILE_STEPPED
                                 : p->copy && !picks   ? PC_TILE_COPY
                                                       : PC_TILE_PLAIN;
    pc_channel_fn *const *tile = k->channel_tile[mode][width / k->vlen];
    const int reads_panel = d->copies && !p->copy;
    pc_channel_args a = {.k = p->k,
                         .wei = p->wei,
                         .off = reads_panel ? p->panel_off : p->off,
                         .step = d->px,
                         .next_step = d->in_place && d->s.w > 1 ? d->px : 0,
                         .panel = p->panel,
                         .ld_panel = d->step};
    for (int64_t y = 0; y < p->rows; y++) {
        const int64_t base = one_pass ? 0 : y * p->cols;
        char *dst = pc_at_mut(p->dst, y * d->o.h, size);
        for (int64_t i = 0, x = 0; i < r.count; i++) {
            const int64_t np = r.length + (i < r.longer);
            char *sum = pc_at_mut(p->sum, (base + x) * width, size);
            a.src = reads_panel ? a.panel : pc_at(p->src, y * d->pitch + x * d->px, size);
            a.next = reads_panel ? p->k * d->step : i + 1 < r.count ? np * d->px : d->pitch - x * d->px;
            if (picks) {
                a.off = p->off;
                k->pick(&a, (int)np);
                a.off = p->panel_off;
                a.src = a.panel;
                a.next = 0;
            }
            a.init = p->first ? p->bias : sum;
            a.ld_init = p->first ? 0 : width;
            const int direct = whole || (over && i + 1 < r.count);
            char *to = dst + x * d->o.w * size;
            a.out = direct ? to : sum;
            a.ld_out = direct ? d->o.w : width;
            tile[np](&a);
            if (over && !direct) finish(p, sum, to, np);
            x += np;
            if (d->copies) a.panel = pc_at_mut(a.panel, p->k * d->step, size);
        }
        if (p->last && !whole && !over) finish(p, pc_at(p->sum, base * width, size), dst, p->cols);
    }
}

static const pc_dense_family family = {.block = block_at, .sum_size = sum_size, .panel = panel};

/* In place, a tile of a 1x1 layer reads a short run from each channel's plane. Where planes lie a multiple of a large
 * power of two apart the runs meet in few sets of a cache or of the TLB; then the first block of output channels leaves
 * a panel for the others. It does so with a stride too, whose columns are then picked once. Short vectors use so little
 * of each line that they read it several times, and need it earlier. The limits were fitted on Zen 4. */
static int copies(const pc_conv *c) {
    const pc_dense *d = &c->as.dense;
    if (!d->in_place || c->taps > 1 || d->blocks == 1) return 0;
    if (d->px > 1) return d->s.w == 1;
    const int64_t apart = d->s.c * c->kernels->size, power = pc_dense_power(apart);
    if (c->kernels->vlen * c->kernels->size < 64) return power >= 8 || (apart >= 32 << 10 && d->blocks >= 8);
    return c->icg * power > 64 * 2048; /* sets of L2, and what was measured */
}

PC_PLANNING static void plan(pc_conv *c) {
    pc_dense_view(c);
    choose_tile(c);
    c->as.dense.copies = copies(c);
    pc_dense_plan(c, &family, c->as.dense.np);
    snprintf(c->tile, sizeof c->tile, "%d x %d channels, %d pixels", c->as.dense.nv, c->kernels->vlen, c->as.dense.np);
}

static void pack(const pc_conv *c, const void *wei, void *packed) { pc_dense_pack(c, &family, wei, packed); }
static void item(const pc_conv *c, const pc_exec_args *a, int64_t i, char *workspace) {
    pc_dense_item(c, &family, a, i, workspace);
}
static void run(const pc_conv *c, const pc_exec_args *a) {
    pc_conv_run_items(c, a, c->as.dense.work, pc_dense_prepare, item);
}

const pc_algo pc_algo_channel_lanes = {
    .name = "channel_lanes", .reject = reject, .defer = defer, .plan = plan, .pack = pack, .run = run};
