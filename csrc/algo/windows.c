/* windows.c - depthwise convolution, channels last, read in place.
 *
 * A tile of outputs walks over the channels, a vector at a time, so that memory is read and written in long runs. Where
 * its rows share pixels, each one that is loaded meets the taps of up to 7 neighbouring rows: those of a column, or a
 * part of them that divides their number. At stride 1 a dilated kernel is an undilated one on every d-th row and
 * column. Otherwise taps come one by one. A kernel of one row takes columns for rows.
 *
 * Tables of pointers say where a tile's rows lie, so slices of a kernel with a depth are but more parts of a column.
 * What lies beyond the border reads one pixel of zeros. Weights are packed [vector][kw][kd][kh][lane]; a last vector
 * that is not full is counted from the last channel back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conv.h"

enum { MOST = 16384 }; /* pointers of tables */

/* Axes of a tile: down its rows, and across. */
static int down(const pc_conv *c) { return c->desc.kernel[1] == 1 && c->desc.kernel[0] == 1 ? 2 : 1; }
static int across(const pc_conv *c) { return 3 - down(c); }

static int64_t along(const pc_strides *s, int axis) { return axis == 1 ? s->h : s->w; }

/* Outputs of a tile lie so far apart: at stride 1 those that share pixels. */
static int64_t apart_of(const pc_conv *c, int axis) { return c->desc.stride[axis] == 1 ? c->desc.dilation[axis] : 1; }

/* Outputs that lie `apart`, from one of them on; the fewest are those of the last. */
static int64_t outputs(const pc_conv *c, int axis, int64_t apart, int64_t from) {
    return pc_ceil_div(c->out[axis] - from, apart);
}

/* Pixels of a column that a tile's rows read in a slice. */
static int64_t rows_of(int64_t high, int k, int step, int64_t kh) {
    return k == 1 ? high * kh : (high - 1) * step + kh;
}

static int64_t columns_of(const pc_conv *c, int wide) { return c->desc.kernel[across(c)] + wide - 1; }

typedef pc_window_fn *window_finder(int high, int wide, int k, int step, int square);

/* What knows the kernels for these pixels; NULL if there are none. */
static window_finder *finder(const pc_conv *c) {
    if (!pc_conv_holds_halves(c)) return c->kernels->window;
    return c->kernels->window_halves[c->desc.src_type == PC_BF16];
}

PC_PLANNING static const char *reject(const pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    if (c->icg != 1 || c->ocg != 1) return "not depthwise: a group has several channels";
    if (c->src.c != 1 || c->dst.c != 1) return "input or output is channels first";
    if (p->src_type && !pc_conv_holds_halves(c)) return "the input holds bytes, which are not read in place";
    if (pc_conv_holds_halves(c) && !finder(c)) return "half floats, for which this target has no kernels";
    if (p->boundary == PC_CONSTANT) return "the border is not of zeros";
    if (p->oc < PC_MAX_VLEN) return "fewer than 16 channels leave lanes empty";
    if ((p->kernel[across(c)] + 4) * p->kernel[0] * p->kernel[down(c)] > MOST / PC_MAX_WINDOW_HIGH)
        return "the kernel is too large for tables of pointers";
    return 0;
}

/* Long kernels whose taps cannot be taken several at a time read each pixel as often as there are taps, which a copy in
 * L1 does sooner: 11x11 on 28x28 takes 138 us in place of 259, 13 taps of a row 113 in place of 184. Columns of 9 taps
 * take 112 us of 148 row by row. */
PC_PLANNING static const char *defer(const pc_conv *c) {
    const int64_t kh = c->desc.kernel[down(c)];
    const int divides = kh % 2 == 0 || kh % 3 == 0 || kh % 5 == 0 || kh % 7 == 0;
    if (!pc_conv_is_flat(c) || kh == 1 || c->desc.stride[down(c)] > 1) return 0;
    if (c->desc.kernel[2] == 1 && (kh > PC_MAX_WINDOW || 10 * c->desc.oc < 9 * pc_round_up(c->desc.oc, PC_MAX_VLEN)))
        return "a column, long or of channels that leave lanes empty: summed row by row";
    return divides || kh <= PC_MAX_WINDOW ? 0 : "the taps of a column cannot be taken several at a time";
}

static pc_window_fn *find(const pc_conv *c, int high, int wide, int k, int step) {
    return finder(c)(high, wide, k, step, c->desc.kernel[0] == 1 && k == c->desc.kernel[1] && k == c->desc.kernel[2]);
}

/* The tile and the part of a column that cost least, in FMAs and a share of the loads. */
PC_PLANNING static void choose(pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    const int y = down(c), x = across(c);
    const int64_t kh = p->kernel[y], d = p->dilation[y], kw = p->kernel[x];
    double least = 0;
    for (int k = 1; k <= PC_MAX_WINDOW; k++) {
        const int64_t apart = k > 1 ? apart_of(c, y) : 1, step = k > 1 ? p->stride[y] * apart / d : 1;
        if (kh % k || (k > 1 && p->stride[y] * apart % d)) continue;
        for (int high = 1; high <= PC_MAX_WINDOW_HIGH; high++)
            for (int wide = 1; wide <= PC_MAX_WINDOW_WIDE; wide++) {
                const int64_t beside = wide > 1 ? apart_of(c, x) : 1;
                if (wide > 1 && p->stride[x] * beside != p->dilation[x]) continue;
                if (!find(c, high, wide, k, (int)pc_min(step, PC_MAX_WINDOW))) continue;
                if (high > 1 && high > outputs(c, y, apart, apart - 1)) continue;
                if (wide > 1 && wide > outputs(c, x, beside, beside - 1)) continue;
                const int64_t many = pc_min(apart, c->out[y]) * pc_ceil_div(outputs(c, y, apart, 0), high) * beside *
                                     pc_ceil_div(outputs(c, x, beside, 0), wide);
                const int64_t loads = rows_of(high, k, (int)step, k) * (kw + wide - 1) * (kh / k);
                const double cost = (double)many * (double)(pc_max(high * wide, 4) * kh * kw + loads * 3 / 2);
                if (least > 0 && cost > least) continue;
                least = cost;
                c->as.windows = (pc_windows_plan){
                    .high = high, .wide = wide, .k = k, .step = (int)step, .apart = apart, .beside = beside};
            }
    }
}

PC_PLANNING static void plan(pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    pc_windows_plan *w = &c->as.windows;
    const int y = down(c);
    choose(c);
    c->threads = pc_conv_useful_threads(c, 35);
    w->phases = pc_min(w->apart, c->out[y]);
    w->bands = outputs(c, y, w->apart, 0) / w->high;
    const int64_t bands = p->mb * w->bands * w->phases * c->out[0];
    w->splits = c->threads == 1 ? 1 : pc_min(p->oc / c->kernels->vlen, pc_ceil_div(4 * c->threads, pc_max(1, bands)));
    w->work = bands * w->splits;
    c->threads = (int)pc_max(1, pc_min(c->threads, w->work));
    w->rows = rows_of(w->high, w->k, w->step, p->kernel[y]);
    w->parts = p->kernel[y] / w->k;
    w->tables = pc_round_up(p->oc * c->kernels->size, 64);
    const int64_t columns = columns_of(c, w->wide), kd = p->kernel[0];
    c->workspace_per_thread = (size_t)w->tables + (size_t)((columns + 3) * kd * w->rows) * sizeof(void *) +
                              (size_t)(2 * columns * kd * w->parts) * sizeof(pc_window_part);
    c->packed_size = (size_t)(pc_round_up(p->oc, c->kernels->vlen) * c->taps * c->kernels->size);
    snprintf(c->tile, sizeof c->tile, "%d channels, %d x %d pixels, %d tap rows", c->kernels->vlen, w->high, w->wide,
             w->k);
}

static void pack(const pc_conv *c, const void *wei, void *packed) {
    const int64_t *k = c->desc.kernel, lanes = c->kernels->vlen, rows = k[0] * k[1];
    const size_t size = (size_t)c->kernels->size;
    char *dst = packed;
    for (int64_t v = 0; v < c->desc.oc; v += lanes) {
        const int64_t first = pc_min(v, c->desc.oc - lanes);
        for (int64_t s = 0; s < k[2]; s++)
            for (int64_t r = 0; r < rows; r++)
                for (int64_t i = first; i < first + lanes; i++, dst += size)
                    memcpy(dst, (const char *)wei + (size_t)(i * c->taps + r * k[2] + s) * size, size);
    }
}

/* Pointers to the rows of a window, and bytes from column to column of these; the rows of each column where some lie
 * beyond the border; a column of zeros; and, as kernels take them, the parts of columns: of any tile, and of those that
 * have no border. */
typedef struct tables {
    const void **row, **column, **zeros;
    int64_t *step;
    pc_window_part *part, *inner;
} tables;

static tables tables_at(const pc_conv *c, char *workspace) {
    const pc_windows_plan *w = &c->as.windows;
    const int64_t rows = c->desc.kernel[0] * w->rows, columns = columns_of(c, w->wide);
    tables t = {.row = (const void **)(workspace + w->tables)};
    t.column = t.row + rows;
    t.zeros = t.column + columns * rows;
    t.step = (int64_t *)(t.zeros + rows);
    t.part = (pc_window_part *)(t.step + rows);
    t.inner = t.part + columns * c->desc.kernel[0] * w->parts;
    return t;
}

/* Rows that a tile of output slice z, from row y on, reads. Returns whether all of them are in the image, but for
 * slices that are not. */
static int find_rows(const pc_conv *c, const void *src, int64_t z, int64_t y, const tables *t) {
    const pc_conv_desc *p = &c->desc;
    const pc_windows_plan *w = &c->as.windows;
    const int v = down(c), single = w->k == 1;
    const int64_t taps = single ? p->kernel[v] : w->rows, outs = single ? w->high : 1;
    int inside = 1;
    for (int64_t d = 0, i = 0; d < p->kernel[0]; d++) {
        const int64_t iz = pc_conv_depth(c, z, d);
        for (int64_t q = 0; q < taps; q++)
            for (int64_t r = 0; r < outs; r++, i++) {
                const int64_t at = (y + r) * p->stride[v] + q * p->dilation[v] - p->pad_lo[v];
                const int64_t iy = iz < 0 ? -1 : pc_border(p->boundary, at, p->in[v]);
                t->row[i] = iy < 0 ? t->zeros[0] : pc_at(src, iz * c->src.d + iy * along(&c->src, v), c->src_size);
                t->step[i] = iy < 0 ? 0 : along(&c->src, across(c)) * c->src_size;
                inside &= iz < 0 || iy >= 0;
            }
    }
    return inside;
}

/* The parts of one column, whose rows stand one slice after the other; `off` is for those that are not of zeros. */
static pc_window_part *add_parts(const pc_conv *c, const void **row, const void *zero, int64_t off,
                                 pc_window_part *part) {
    const pc_windows_plan *w = &c->as.windows;
    for (int64_t d = 0; d < c->desc.kernel[0]; d++, row += w->rows)
        for (int64_t q = 0; q < w->parts; q++)
            *part++ = (pc_window_part){.row = row + q * (w->k > 1 ? w->k : w->high), .off = *row == zero ? 0 : off};
    return part;
}

/* A band of tiles of output slice z of image n, from row y on, channels first .. end - 1. */
static void run_tiles(const pc_conv *c, const pc_exec_args *a, int64_t n, int64_t z, int64_t y, int64_t first,
                      int64_t end, char *workspace) {
    const pc_conv_desc *p = &c->desc;
    const pc_windows_plan *w = &c->as.windows;
    const int size = c->kernels->size, pixel_size = c->src_size, v = down(c), u = across(c);
    const int64_t rows = p->kernel[0] * w->rows, columns = columns_of(c, w->wide), pixel = along(&c->src, u);
    const int64_t reach = (columns - 1) * p->dilation[u];
    const tables t = tables_at(c, workspace);
    const int inside = find_rows(c, pc_at(a->src, n * c->src.n + first, pixel_size), z, y, &t);
    pc_window_part *part = t.inner;
    for (int64_t s = 0; inside && s < columns; s++)
        part = add_parts(c, t.row, workspace, s * p->dilation[u] * pixel, part);
    pc_window_args args = {.columns = p->kernel[u],
                           .parts = p->kernel[0] * w->parts,
                           .channels = end - first,
                           .wei = pc_at(a->packed, first * c->taps, size),
                           .bias = a->bias ? pc_at(a->bias, first, size) : 0,
                           .ld_row = along(&c->dst, v) * w->apart,
                           .ld_col = along(&c->dst, u) * w->beside};
    pc_window_fn *kernel = find(c, w->high, w->wide, w->k, w->step);
    const pc_strides o = {.c = 1, .h = args.ld_row, .w = args.ld_col};
    int64_t at = 0; /* of the inner parts */
    char *dst = pc_at_mut(a->dst, n * c->dst.n + z * c->dst.d + y * along(&c->dst, v) + first, pixel_size);
    for (int64_t phase = 0; phase < pc_min(w->beside, c->out[u]); phase++) {
        const int64_t all = outputs(c, u, w->beside, phase);
        for (int64_t j = 0; j < all; j += w->wide) {
            const int64_t x = phase + pc_min(j, all - w->wide) * w->beside, begin = x * p->stride[u] - p->pad_lo[u];
            args.part = t.inner;
            if (!inside || begin < 0 || begin + reach >= p->in[u]) {
                args.part = part = t.part;
                const void **column = t.column;
                for (int64_t s = 0; s < columns; s++, column += rows) {
                    const int64_t ix = pc_border(p->boundary, begin + s * p->dilation[u], p->in[u]);
                    for (int64_t r = 0; ix >= 0 && !inside && r < rows; r++)
                        column[r] = (const char *)t.row[r] + ix * t.step[r];
                    part = ix < 0   ? add_parts(c, t.zeros, workspace, 0, part)
                           : inside ? add_parts(c, t.row, workspace, ix * pixel, part)
                                    : add_parts(c, column, workspace, 0, part);
                }
            } else {
                for (part = t.inner; part < t.inner + columns * args.parts; part++)
                    part->off += *part->row == workspace ? 0 : begin * pixel - at;
                at = begin * pixel;
            }
            args.dst = dst + x * along(&c->dst, u) * pixel_size;
            kernel(&args);
            pc_conv_finish(c, a, &o, args.dst, end - first, w->high, w->wide);
        }
    }
}

/* A band of rows of one slice, and a part of its channels; slices that follow each other share what they read. Bands
 * are a tile high, but for the last, which has what rows are left over too: a tile that steps back stays within it,
 * since another thread must not find outputs that are finished already. */
static void run_item(const pc_conv *c, const pc_exec_args *a, int64_t i, char *workspace) {
    const pc_windows_plan *w = &c->as.windows;
    const int64_t vlen = c->kernels->vlen, vectors = c->desc.oc / vlen;
    const int64_t split = i % w->splits, first = vectors * split / w->splits * vlen;
    const int64_t end = split + 1 == w->splits ? c->desc.oc : vectors * (split + 1) / w->splits * vlen;
    i /= w->splits;
    const int64_t z = i % c->out[0], phase = i / c->out[0] % w->phases;
    i /= c->out[0] * w->phases;
    const int64_t all = outputs(c, down(c), w->apart, phase), bands = all / w->high;
    const int64_t from = i % w->bands * w->high, to = i % w->bands + 1 == bands ? all : from + w->high;
    for (int64_t y = from; y < to && to <= all; y += w->high)
        run_tiles(c, a, i / w->bands, z, phase + pc_min(y, to - w->high) * w->apart, first, end, workspace);
}

static void prepare(const pc_conv *c, char *workspace) {
    const tables t = tables_at(c, workspace);
    memset(workspace, 0, (size_t)c->as.windows.tables);
    for (const void **zero = t.zeros; zero < (const void **)t.step; zero++) *zero = workspace;
}

static void run(const pc_conv *c, const pc_exec_args *a) {
    pc_conv_run_items(c, a, c->as.windows.work, prepare, run_item);
}

const pc_algo pc_algo_windows = {
    .name = "windows", .reject = reject, .defer = defer, .plan = plan, .pack = pack, .run = run};
