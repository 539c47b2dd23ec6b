/* separable.c - filters that are the product of a column and a row: the column's taps down, then the row's along.
 * Channels last, also depthwise kernels that are a column or a row: one of the two passes, from image to output.
 *
 * Some rows of the first pass at a time, one tile of the second, stay in L1 between the two, which is all that sets
 * this apart from two convolutions. A row is a run of elements: the columns of one plane, or channels last all channels
 * of neighbouring pixels. The first pass reads the image in place, rows by way of pointers, so that a border above and
 * below is only another row. What lies left and right of the image, the second pass would read of the first one's
 * results: it is filled in there, with copies of other columns or with what the first pass makes of zeros.
 *
 * Weights are packed [channel][tap][lane], all lanes alike, or channels last [vector][tap][lane] until channels repeat:
 * for each the column's taps, then the row's. Last, what the column's taps make of zeros, for each channel. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "conv.h"

enum {
    L1 = 20 << 10,  /* bytes wanted for the rows between the passes */
    L2 = 512 << 10, /* bytes of rows, of the image and of results, that a tile and the next one should find */
    MOST = 1 << 20, /* bytes of workspace */
    TALLEST = 4096, /* taps of a column or a row */
};

/* The bound that all algorithms keep; two passes may take more. */
static int64_t most_of(const pc_conv *c) { return c->desc.separable ? MOST : MOST / 2; }

/* Channels of a pixel in a row, and the rows that the problem has: one of each channel, or one of all. */
static int64_t inner_of(const pc_conv *c) { return c->src.w; }
static int64_t planes_of(const pc_conv *c) { return inner_of(c) == 1 ? c->desc.ic : 1; }

/* Taps of the column and of the row; a kernel of one row or column has but one of the two. */
static int64_t column_of(const pc_conv *c) {
    return c->desc.separable || c->desc.kernel[2] == 1 ? c->desc.kernel[1] : 0;
}
static int64_t row_of(const pc_conv *c) { return c->taps - column_of(c); }

/* Columns in whole vectors. */
static int64_t unit_of(const pc_conv *c) { return c->kernels->vlen / pc_gcd(inner_of(c), c->kernels->vlen); }

/* Columns that `cols` outputs read. */
static int64_t span_of(const pc_conv *c, int64_t cols) {
    return (cols - 1) * c->desc.stride[2] + (c->desc.kernel[2] - 1) * c->desc.dilation[2] + 1;
}

static int64_t most_border(const pc_conv *c) { return pc_max(c->desc.pad_lo[2], c->desc.pad_hi[2]); }

/* Columns of a strip at least: a border other than zeros is made of columns of its own. */
static int64_t narrowest_of(const pc_conv *c) { return c->desc.boundary == PC_ZEROS ? 1 : 2 * most_border(c) + 1; }

/* Whether a border may copy columns that no tap reads otherwise, so that all are computed. */
static int copies_any(const pc_conv *c, int64_t strips) { return c->desc.boundary != PC_ZEROS && strips == 1; }

/* ---- plan --------------------------------------------------------------------------------------------------- */

/* Elements of a row between the passes, and room for the last vector. */
static int64_t pitch_of(const pc_conv *c, int64_t strips, int64_t cols) {
    int64_t columns = span_of(c, cols);
    if (copies_any(c, strips)) columns = pc_max(columns, c->desc.in[2] + c->desc.pad_lo[2]);
    return pc_odd_lines((columns + 2 * unit_of(c)) * inner_of(c) + 2 * c->kernels->vlen, c->kernels->size);
}

/* Elements of a row sorted into the phases of the column stride, and of one phase. */
static int64_t phase_of(const pc_conv *c, int64_t cols) {
    return pc_round_up(pc_ceil_div(span_of(c, cols), c->desc.stride[2]) * inner_of(c) + c->kernels->vlen, PC_MAX_VLEN);
}

/* Bytes of a column of pixels that a tile of rows reads and writes. */
static int64_t row_bytes(const pc_conv *c, int tile) {
    return (2 * tile + c->desc.kernel[1]) * inner_of(c) * c->kernels->size;
}

/* Strips across: as wide as L1 holds, but much wider than the columns at their sides, which the first pass computes
 * again for the neighbour; and wide enough that a border's columns are copies of columns of the strip. */
PC_PLANNING static int64_t choose_strips(const pc_conv *c, int tile) {
    const pc_conv_desc *p = &c->desc;
    const int64_t bytes = tile * inner_of(c) * c->kernels->size * p->stride[2];
    const int64_t halo = (p->kernel[2] - 1) * p->dilation[2] / p->stride[2];
    const int64_t cols = pc_max(pc_max(L1 / bytes - halo, 4 * halo), 2 * most_border(c) + 1);
    if (p->boundary == PC_CIRCULAR && most_border(c) > 0) return 1;
    if (!row_of(c)) return pc_max(1, c->out[2] / pc_max(1, L2 / row_bytes(c, tile)));
    return pc_max(1, c->out[2] / pc_max(1, cols));
}

/* Whether rows of the image lie about a multiple of 4 KiB apart, too many of them for the 8 ways of L1. On Zen 4,
 * copying them from 12 on makes 13 to 19 taps on 1024 columns up to twice as fast; from 16 or 24 on was slower, from 8
 * no better. */
static int meets(const pc_conv *c, int64_t tile) {
    enum { PAGE = 4096, NEAR = 128, FEW = 12 };
    const int64_t row = c->src.h * c->kernels->size;
    return row + NEAR >= PAGE && (row + NEAR) % PAGE <= 2 * NEAR && tile + c->desc.kernel[1] > FEW;
}

/* First column of a strip: that of a whole vector where strips are wide, since stores across two lines cost twice. */
static int64_t begin_of(const pc_conv *c, const pc_separable_plan *s, int64_t strip) {
    if (s->in_place) return s->cut[strip];
    const int64_t x = strip * c->out[2] / s->strips;
    return strip < s->strips ? x / s->unit * s->unit : x;
}

/* A lone row reads the image itself, but for the columns at both sides whose taps meet the border: three strips. Its
 * kernel reads whole vectors, and one more. */
static int reads_in_place(const pc_conv *c, pc_separable_plan *s) {
    const pc_conv_desc *p = &c->desc;
    const int64_t inner = inner_of(c), lanes = c->kernels->vlen, narrowest = narrowest_of(c);
    const int64_t reach = (p->kernel[2] - 1) * p->dilation[2];
    if (column_of(c) || p->src_type || p->stride[2] > 1 || p->pad_lo[1] || p->pad_hi[1]) return 0;
    if (p->boundary == PC_CIRCULAR && most_border(c) > 0) return 0;
    s->cut[1] = pc_round_up(pc_max(p->pad_lo[2], narrowest), unit_of(c));
    const int64_t right = pc_min(p->in[2] - pc_ceil_div(lanes, inner) - reach + p->pad_lo[2], c->out[2] - narrowest);
    s->cut[2] = right / unit_of(c) * unit_of(c);
    s->cut[3] = c->out[2];
    return s->cut[2] >= 4 * s->cut[1] && s->cut[2] >= 4 * (s->cut[3] - s->cut[2]);
}

/* Lay out the workspace for tiles of s->tile rows in s->strips strips; returns its bytes. In it: rows between the
 * passes; the same by phases; results in the input's layout; copies of rows of the image; a row of zeros; biases;
 * offsets; row pointers. */
static int64_t lay_out(const pc_conv *c, pc_separable_plan *s, int may_copy) {
    const pc_conv_desc *p = &c->desc;
    const int64_t size = c->kernels->size, inner = inner_of(c);
    s->unit = c->out[2] / s->strips >= narrowest_of(c) + 4 * PC_MAX_VLEN ? unit_of(c) : 1;
    const int64_t cols = s->in_place     ? pc_max(s->cut[1], s->cut[3] - s->cut[2])
                         : s->strips > 1 ? pc_ceil_div(c->out[2], s->strips) + s->unit - 1
                                         : c->out[2];
    const int64_t pointers = s->shares ? s->tile - 1 + p->kernel[1] : s->tile * p->kernel[1];
    s->turns = c->src.w != c->dst.w;
    s->ring = column_of(c) > 0 && (p->src_type || (may_copy && s->shares && meets(c, s->tile))) ? pointers : 0;
    s->pitch = pitch_of(c, s->strips, cols);
    s->phase = p->stride[2] > 1 ? phase_of(c, cols) : 0;
    s->period = inner / pc_gcd(inner, c->kernels->vlen);
    s->each = s->in_place ? s->strips : s->ring ? 1 : pc_max(1, pc_min(s->strips, L2 / (cols * row_bytes(c, s->tile))));
    s->sorted = row_of(c) ? pc_round_up(s->tile * s->pitch * size, 64) : 0;
    s->turned = s->sorted + pc_round_up(s->tile * p->stride[2] * s->phase * size, 64);
    s->copies = s->turned + (s->turns ? pc_round_up(s->tile * cols * inner * size, 64) : 0);
    s->zeros = s->copies + s->ring * s->pitch * size;
    s->bias = s->zeros + s->pitch * size;
    s->off = s->bias + pc_round_up(s->period * c->kernels->vlen * size, 64);
    s->rows = s->off + p->kernel[2] * 8;
    return s->rows + pointers * 8;
}

/* One row in the narrowest strips, with lanes of 16 and every buffer that it may need, must fit. */
PC_PLANNING static const char *reject(const pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    const int64_t border = most_border(c), inner = pc_max(c->desc.src_layout == PC_NHWC ? p->ic : 1, 1);
    const int64_t outputs = pc_min(c->out[2], p->boundary == PC_ZEROS ? 1 : 2 * pc_min(border, MOST) + 1);
    static const char *const reason = "the rows that one row of outputs reads do not fit the workspace";
    if (p->boundary == PC_CONSTANT) return "the border is a number other than zero, which the column would change";
    if (!p->separable && (p->groups != p->ic || p->oc != p->ic)) return "not depthwise";
    if (!p->separable && !pc_conv_is_flat(c)) return "the problem has a depth";
    if (!p->separable && (p->kernel[1] == 1) == (p->kernel[2] == 1))
        return "the kernel is not a row, a column, or both";
    if (!p->separable && (c->src.w == 1 || c->src.w != c->dst.w)) return "input or output is channels first";
    if (!p->separable && p->kernel[2] == 1 && (p->stride[2] > 1 || c->out[2] != p->in[2] || p->pad_lo[2]))
        return "a column that takes a step or a border across";
    if (p->kernel[1] > TALLEST || p->kernel[2] > TALLEST) return "the kernel is longer than 4096";
    if (inner > MOST || p->dilation[2] > MOST || p->stride[2] > MOST) return reason;
    int64_t columns = (outputs - 1) * p->stride[2] + (p->kernel[2] - 1) * p->dilation[2] + 1;
    const int64_t whole = p->in[2] + 2 * border + columns; /* a single strip, perhaps */
    if (p->boundary == PC_CIRCULAR || outputs == c->out[2]) columns = whole;
    if (columns > MOST) return reason;
    const int64_t size = p->dtype == PC_F64 ? 8 : 4, rows = 5 + (p->src_type ? p->kernel[1] : 0);
    const int64_t row = (columns + 2 * PC_MAX_VLEN) * inner + 3 * PC_MAX_VLEN;
    return (rows * row + inner * PC_MAX_VLEN) * size + 8 * (p->kernel[1] + p->kernel[2]) > most_of(c) ? reason : 0;
}

PC_PLANNING static const char *defer(const pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    if (p->separable || column_of(c)) return 0;
    if (p->stride[2] > 1) return "columns would be sorted first";
    return p->ic > 32 && p->kernel[2] > 5 ? "a pixel fills vectors, and is read often: copied into a panel first" : 0;
}

PC_PLANNING static void plan(pc_conv *c) {
    const pc_conv_desc *p = &c->desc;
    pc_separable_plan *s = &c->as.separable;
    const int circular = p->boundary == PC_CIRCULAR && most_border(c) > 0;
    const int64_t narrowest = narrowest_of(c);
    *s = (pc_separable_plan){.shares = p->stride[1] == p->dilation[1]};
    pc_separable_plan found = *s;
    for (int tile = PC_MAX_SEPARABLE_TILE; tile > 0 && !found.tile; tile--) {
        if (tile > c->out[1] || !c->kernels->column[s->shares][tile] || !c->kernels->line[tile]) continue;
        s->tile = tile;
        s->in_place = reads_in_place(c, s);
        if (s->in_place) {
            s->strips = 3;
            if (lay_out(c, s, 0) <= most_of(c)) found = *s;
            s->in_place = 0;
            if (found.tile) break;
        }
        for (s->strips = choose_strips(c, tile);; s->strips *= 2) {
            const int64_t cols = c->out[2] / s->strips;
            const int narrow = s->strips > 1 && cols < pc_max(narrowest, tile > 1 ? 4 * PC_MAX_VLEN : 1);
            if (narrow) break;
            if (lay_out(c, s, 1) <= most_of(c) || lay_out(c, s, 0) <= most_of(c)) {
                found = *s;
                break;
            }
            if (circular || cols < 2) break;
        }
    }
    if (!found.tile) { /* a single row in the narrowest strips, which fits */
        found = *s;
        found.tile = 1;
        found.strips = circular ? 1 : pc_max(1, c->out[2] / narrowest);
        lay_out(c, &found, 0);
    }
    *s = found;
    const int64_t pointers = s->shares ? s->tile - 1 + p->kernel[1] : s->tile * p->kernel[1];
    c->workspace_per_thread = (size_t)(s->rows + pointers * 8);
    c->threads = pc_conv_useful_threads(c, 35);
    const int64_t planes = p->mb * planes_of(c) * pc_ceil_div(s->strips, s->each);
    s->bands = c->threads == 1 ? 1 : pc_ceil_div(4 * c->threads, pc_max(1, planes));
    s->bands = pc_max(1, pc_min(s->bands, c->out[1] / s->tile));
    s->work = planes * s->bands;
    c->threads = (int)pc_max(1, pc_min(c->threads, s->work));
    c->packed_size = (size_t)((planes_of(c) * s->period * c->taps * c->kernels->vlen + p->oc) * c->kernels->size);
    snprintf(c->tile, sizeof c->tile, "%d rows x %d columns", s->tile, c->kernels->vlen);
}

/* ---- pack --------------------------------------------------------------------------------------------------- */

#define DEFINE_PACK(T, FMA)                                                                                            \
    static void pack_##T(const pc_conv *c, const T *wei, T *packed) {                                                  \
        const int64_t lanes = c->kernels->vlen, vectors = planes_of(c) * c->as.separable.period;                       \
        const int64_t down = column_of(c), inner = inner_of(c);                                                        \
        for (int half = 0; half < 2; half++) {                                                                         \
            const int64_t first = half ? down : 0, end = half ? c->taps : down;                                        \
            T *to = packed + vectors * first * lanes;                                                                  \
            for (int64_t v = 0; v < vectors; v++)                                                                      \
                for (int64_t t = first; t < end; t++)                                                                  \
                    for (int64_t i = 0; i < lanes; i++) {                                                              \
                        const int64_t channel = inner == 1 ? v : (v * lanes + i) % inner;                              \
                        *to++ = wei[channel * c->taps + t];                                                            \
                    }                                                                                                  \
        }                                                                                                              \
        packed += vectors * c->taps * lanes;                                                                           \
        for (int64_t channel = 0; channel < c->desc.oc; channel++) {                                                   \
            T sum = 0;                                                                                                 \
            for (int64_t t = 0; t < down; t++) sum = FMA(0, wei[channel * c->taps + t], sum);                          \
            packed[channel] = sum;                                                                                     \
        }                                                                                                              \
    }

DEFINE_PACK(float, fmaf)
DEFINE_PACK(double, fma)

static void pack(const pc_conv *c, const void *wei, void *packed) {
    if (c->kernels->size == 4)
        pack_float(c, wei, packed);
    else
        pack_double(c, wei, packed);
}

/* ---- run ---------------------------------------------------------------------------------------------------- */

/* Of bordered rows, columns first .. end - 1 are read by the second pass. Those of the image are computed: from .. to -
 * 1, which may begin earlier. */
typedef struct columns {
    int64_t first, end, from, to;
} columns;

static columns columns_of(const pc_conv *c, int64_t x, int64_t cols) {
    const pc_conv_desc *p = &c->desc;
    columns u = {.first = x * p->stride[2] - p->pad_lo[2]};
    u.end = u.first + span_of(c, cols);
    const int64_t unit = row_of(c) ? unit_of(c) : 1; /* between the passes: loads of whole lines, if rows are */
    u.from = pc_min(pc_max(u.first, 0), p->in[2]) / unit * unit;
    u.to = pc_max(pc_min(u.end, p->in[2]), u.from);
    if (copies_any(c, c->as.separable.strips)) {
        u.from = 0;
        u.to = p->in[2];
    }
    return u;
}

/* A pixel: mostly too few bytes for a call of memcpy. */
static void copy(char *dst, const char *src, int64_t bytes) {
    enum { MANY = 64 };
    if (bytes >= MANY)
        memcpy(dst, src, (size_t)bytes);
    else
        for (int64_t b = 0; b < bytes; b += 4) memcpy(dst + b, src + b, 4);
}

/* What lies left and right of the image; `image` is where its first column is, or would be. */
static void fill_sides(const pc_conv *c, const columns *u, char *image, const char *edge) {
    const int64_t pixel = inner_of(c) * c->kernels->size;
    for (int64_t x = u->first; x < u->end; x++) {
        if (x >= u->from && x < u->to) x = u->to;
        if (x >= u->end) return;
        const int64_t from = pc_border(c->desc.boundary, x, c->desc.in[2]);
        const char *copied = from < 0 ? edge : image + from * pixel;
        copy(image + x * pixel, copied, pixel);
    }
}

/* Sort columns into the phases of their stride. */
static void sort_columns(const pc_conv *c, const void *src, int64_t cols, char *dst) {
    const pc_separable_plan *s = &c->as.separable;
    const int64_t step = c->desc.stride[2], inner = inner_of(c), size = c->kernels->size;
    if (inner == 1) {
        const pc_gather_args g = {.src = src,
                                  .src_row = s->pitch,
                                  .src_col = 1,
                                  .in_h = s->tile,
                                  .in_w = cols,
                                  .dst = dst,
                                  .phase = s->tile * s->phase,
                                  .pitch = s->phase,
                                  .channels = 1,
                                  .rows = s->tile,
                                  .cols = cols,
                                  .sh = 1,
                                  .sw = (int)step,
                                  .row_phases = 1,
                                  .col_phases = ~UINT64_C(0)};
        c->kernels->gather(&g);
        return;
    }
    for (int64_t r = 0; r < s->tile; r++)
        for (int64_t x = 0; x < cols; x++)
            copy(dst + ((x % step * s->tile + r) * s->phase + x / step * inner) * size,
                 pc_at(src, r * s->pitch + x * inner, (int)size), inner * size);
}

/* Point the table at the rows that `tile` outputs from row y on read, at column `from`. Where rows of the image would
 * meet in the same sets of L1, or hold bytes, each is copied once, into a ring; *next is the first that has not been.
 */
static void fill_rows(const pc_conv *c, const char *plane, int64_t y, const columns *u, char *workspace,
                      int64_t *next) {
    const pc_conv_desc *p = &c->desc;
    const pc_separable_plan *s = &c->as.separable;
    const int size = c->kernels->size;
    const void **rows = (const void **)(workspace + s->rows);
    const int64_t taps = p->kernel[1], n = s->shares ? s->tile - 1 + taps : s->tile * taps;
    for (int64_t i = 0; i < n; i++) {
        const int64_t t = s->shares ? i * p->dilation[1] : i / taps * p->stride[1] + i % taps * p->dilation[1];
        const int64_t iy = pc_border(p->boundary, y * p->stride[1] + t - p->pad_lo[1], p->in[1]);
        rows[i] = iy < 0 ? workspace + s->zeros : pc_at(plane, iy * c->src.h + u->from * inner_of(c), c->src_size);
        if (!s->ring || iy < 0) continue;
        const int64_t elements = (u->to - u->from) * inner_of(c), slot = s->shares ? (y + i) % s->ring : i;
        char *copied = pc_at_mut(workspace + s->copies, slot * s->pitch, size);
        if (!s->shares || y + i >= *next) {
            if (p->src_type)
                c->kernels->widen(elements, rows[i], copied);
            else
                memcpy(copied, rows[i], (size_t)(elements * size));
        }
        rows[i] = copied;
    }
    *next = y + n;
}

/* Rows of the image as they are, for want of a column. */
static void copy_rows(const pc_conv *c, const columns *u, char *workspace, char *image) {
    const pc_separable_plan *s = &c->as.separable;
    const void *const *rows = (const void *const *)(workspace + s->rows);
    const int64_t size = c->kernels->size, elements = (u->to - u->from) * inner_of(c);
    for (int64_t r = 0; r < s->tile; r++) {
        char *dst = image + (r * s->pitch + u->from * inner_of(c)) * size;
        if (c->desc.src_type && rows[r] != workspace + s->zeros)
            c->kernels->widen(elements, rows[r], dst);
        else
            memcpy(dst, rows[r], (size_t)(elements * size));
    }
}

/* Results go to another layout: rows of `cols` pixels, one after the other. */
static void turn(const pc_conv *c, const char *src, int64_t cols, char *dst) {
    const int64_t size = c->kernels->size, inner = inner_of(c);
    for (int64_t r = 0; r < c->as.separable.tile; r++)
        for (int64_t x = 0; x < cols; x++)
            for (int64_t channel = 0; channel < inner; channel++, src += size)
                memcpy(dst + (r * c->dst.h + x * c->dst.w + channel * c->dst.c) * size, src, (size_t)size);
}

/* The biases of a plane's vectors. */
static void fill_bias(const pc_conv *c, const pc_exec_args *a, int64_t channel, char *bias) {
    const int64_t size = c->kernels->size, lanes = c->as.separable.period * c->kernels->vlen, inner = inner_of(c);
    for (int64_t i = 0; i < lanes; i++)
        memcpy(bias + i * size, (const char *)a->bias + (channel + i % inner) * size, (size_t)size);
}

/* Where an item is: a band of some strips of a plane, channels last of an image. */
typedef struct place {
    const char *src, *wei_column, *wei_row, *edge; /* the plane; weights; what the column makes of zeros */
    char *dst;
} place;

/* A tile of rows of one strip. */
static void run_tile(const pc_conv *c, const pc_exec_args *a, const place *at, int64_t strip, int64_t y,
                     char *workspace, int64_t *next) {
    const pc_conv_desc *p = &c->desc;
    const pc_separable_plan *s = &c->as.separable;
    const int size = c->kernels->size, in_place = s->in_place && strip == 1;
    const int64_t inner = inner_of(c), lanes = c->kernels->vlen, row = row_of(c);
    const int64_t x0 = begin_of(c, s, strip), x1 = begin_of(c, s, strip + 1);
    const columns u = columns_of(c, x0, x1 - x0);
    /* Column 0 of the image, between the passes: a whole number of vectors from the workspace's beginning. */
    const int64_t unit = unit_of(c), left = pc_min(u.first, u.from);
    char *image = pc_at_mut(workspace, (left < 0 ? pc_round_up(-left, unit) : -(left / unit * unit)) * inner, size);
    char *dst = pc_at_mut(at->dst, y * c->dst.h + x0 * c->dst.w, size);
    if (!in_place) fill_rows(c, at->src, y, &u, workspace, next);
    if (column_of(c)) {
        const pc_column_args down = {.row = (const void *const *)(workspace + s->rows),
                                     .row_step = s->shares ? 1 : (int)p->kernel[1],
                                     .taps = p->kernel[1],
                                     .wei = at->wei_column,
                                     .bias = workspace + (row ? s->zeros : s->bias),
                                     .period = s->period,
                                     .dst = row ? pc_at_mut(image, u.from * inner, size) : dst,
                                     .ld_dst = row ? s->pitch : c->dst.h,
                                     .n = (u.to - u.from) * inner};
        c->kernels->column[s->shares][s->tile](&down);
    } else if (!in_place) {
        copy_rows(c, &u, workspace, image);
    }
    if (row) {
        pc_line_args along = {.src = pc_at(image, u.first * inner, size),
                              .ld_src = s->pitch,
                              .off = (const int64_t *)(workspace + s->off),
                              .neighbours = inner == 1 && p->stride[2] == 1 && p->dilation[2] == 1,
                              .near = p->stride[2] == 1 && 2 * inner * p->dilation[2] < lanes,
                              .taps = row,
                              .wei = at->wei_row,
                              .bias = workspace + s->bias,
                              .period = s->period,
                              .dst = s->turns ? workspace + s->turned : dst,
                              .ld_dst = s->turns ? (x1 - x0) * inner : c->dst.h,
                              .n = (x1 - x0) * inner};
        if (in_place) {
            along.src = pc_at(at->src, y * p->stride[1] * c->src.h + u.first * inner, size);
            along.ld_src = p->stride[1] * c->src.h;
        } else {
            for (int64_t r = 0; r < s->tile; r++) fill_sides(c, &u, pc_at_mut(image, r * s->pitch, size), at->edge);
        }
        if (s->phase) {
            sort_columns(c, along.src, u.end - u.first, workspace + s->sorted);
            along.src = workspace + s->sorted;
            along.ld_src = s->phase;
        }
        c->kernels->line[s->tile](&along);
        if (s->turns) turn(c, workspace + s->turned, x1 - x0, dst);
    }
    pc_conv_finish(c, a, &c->dst, dst, inner, s->tile, x1 - x0);
}

static void run_item(const pc_conv *c, const pc_exec_args *a, int64_t i, char *workspace) {
    const pc_separable_plan *s = &c->as.separable;
    const int size = c->kernels->size;
    const int64_t planes = planes_of(c), lanes = c->kernels->vlen, groups = pc_ceil_div(s->strips, s->each);
    const int64_t first = i % groups * s->each, end = pc_min(s->strips, first + s->each);
    const int64_t band = i / groups % s->bands, plane = i / groups / s->bands;
    const int64_t n = plane / planes, channel = plane % planes;
    const int64_t y0 = band * c->out[1] / s->bands, y1 = (band + 1) * c->out[1] / s->bands;
    const int64_t vectors = channel * s->period * lanes, all = planes * s->period * lanes;
    const place at = {.src = pc_at(a->src, n * c->src.n + channel * c->src.c, c->src_size),
                      .dst = pc_at_mut(a->dst, n * c->dst.n + channel * c->dst.c, size),
                      .wei_column = pc_at(a->packed, vectors * column_of(c), size),
                      .wei_row = pc_at(a->packed, all * column_of(c) + vectors * row_of(c), size),
                      .edge = pc_at(a->packed, all * c->taps + channel, size)};
    if (a->bias) fill_bias(c, a, channel, workspace + s->bias);
    int64_t next = 0;
    for (int64_t j = y0; j < y1; j += s->tile)
        for (int64_t strip = first; strip < end; strip++) /* a last tile steps back */
            run_tile(c, a, &at, strip, pc_min(j, y1 - s->tile), workspace, &next);
}

static void prepare(const pc_conv *c, char *workspace) {
    const pc_separable_plan *s = &c->as.separable;
    const int64_t step = c->desc.stride[2];
    int64_t *off = (int64_t *)(workspace + s->off);
    memset(workspace + s->zeros, 0, (size_t)(s->off - s->zeros)); /* and the biases, for want of any */
    for (int64_t t = 0; t < c->desc.kernel[2]; t++) {
        const int64_t u = t * c->desc.dilation[2];
        off[t] = u % step * s->tile * s->phase + u / step * inner_of(c);
    }
}

static void run(const pc_conv *c, const pc_exec_args *a) {
    pc_conv_run_items(c, a, c->as.separable.work, prepare, run_item);
}

const pc_algo pc_algo_separable = {
    .name = "separable", .reject = reject, .defer = defer, .plan = plan, .pack = pack, .run = run};
