/* winograd.c - the transforms on both sides of Winograd's product (Winograd 1980; for convolutional layers Lavin and
 * Gray 2016): F(4,3) on the points 0, +-5/8, +-3/2 and infinity, F(2,3) on 0, +-1 and infinity. At stride 2 a row of
 * three taps is two taps over the even pixels and one over the odd ones: F(4,2) on +-3/8, +-5/4 and infinity, and the
 * odd pixels as they are.
 *
 * An output tile of M x M pixels reads N x N of the image, N = M + 2, or 2 M + 1 at stride 2. With d those pixels of
 * one channel, g the filter and (.) the product of elements, the tile is A' ((G g G') (.) (B' d B)) A; the products
 * are summed over the channels before A is applied. Lanes are channels throughout: input channels here, output
 * channels there. Each element goes through the operations below in the order written, and so has the same bits on
 * every target.
 *
 * 5x5 filters run as F(2,5) on the points of F(4,3): the same transform of the same 6 x 6 pixels, two steps apart.
 *
 * Larger filters at stride 2 are taken apart into the taps of even and odd rows and columns, each of which meets a
 * phase of the image at stride 1: four channels for one. Up to 6 taps that is F(4,3), up to 8 F(3,4), on the same
 * points.
 *
 * A line of L taps is cut into segments of three, each F(4,3), whose products are summed before the one transform back;
 * one tap that is left over is multiplied as it is. 7 taps: 6 * 2 + 4 products for 4 outputs, directly 28.
 *
 * The points are unusual. 0, +-1, +-2 save multiplications in the transforms but have 2.3 times the rounding error; of
 * F(4,2) none of 40 pairs was better, and its error is that of the direct chain. All coefficients below are exact in
 * float. */
#include "../base/shape.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

enum { MAX_N = 9, MAX_WEIGHTS = 6, MAX_TAPS = 5, MAX_SIZE = 8 };
/* Tiles inside the image have code of their own, but for doubles, which are rarer. */
enum { WHOLE_TILES = sizeof(elem) == 4 };

PC_INLINE int pixels_of(const pc_winograd_kind kind) {
    return kind == PC_WINOGRAD_2 ? 4 : kind == PC_WINOGRAD_STRIDED ? 9 : 6;
}
PC_INLINE int outputs_of(const pc_winograd_kind kind) {
    return kind == PC_WINOGRAD_2 || kind == PC_WINOGRAD_5X5 ? 2 : kind == PC_WINOGRAD_3 ? 3 : 4;
}
PC_INLINE int taps_of(const pc_winograd_kind kind) {
    return kind == PC_WINOGRAD_5X5 ? 5 : kind == PC_WINOGRAD_3 ? 4 : 3;
}
PC_INLINE int weights_of(const pc_winograd_kind kind) { return kind == PC_WINOGRAD_2 ? 4 : 6; }

/* o = B' x: the frequencies of an axis from its pixels. At stride 2 x are the five even pixels and o frequencies 0 to
 * 4; the odd pixels are frequencies 5 to 8 as they stand. */
PC_INLINE void input_transform(const pc_winograd_kind kind, const vec *x, vec *o) {
    if (kind == PC_WINOGRAD_STRIDED) {
        const vec a = v_set1((elem)0.375), minus_a = v_set1((elem)-0.375), minus_a2 = v_set1((elem)-0.140625);
        const vec b = v_set1((elem)1.25), minus_b = v_set1((elem)-1.25), minus_b2 = v_set1((elem)-1.5625);
        const vec minus_sum = v_set1((elem)-1.703125), product = v_set1((elem)0.2197265625); /* of a^2 and b^2 */
        const vec even_b = v_fma(minus_b2, x[0], x[2]), odd_b = v_fma(minus_b2, x[1], x[3]);
        const vec even_a = v_fma(minus_a2, x[0], x[2]), odd_a = v_fma(minus_a2, x[1], x[3]);
        o[0] = v_fma(a, even_b, odd_b);
        o[1] = v_fma(minus_a, even_b, odd_b);
        o[2] = v_fma(b, even_a, odd_a);
        o[3] = v_fma(minus_b, even_a, odd_a);
        o[4] = v_fma(product, x[0], v_fma(minus_sum, x[2], x[4]));
        return;
    }
    if (kind == PC_WINOGRAD_2) {
        o[0] = v_sub(x[2], x[0]);
        o[1] = v_add(x[1], x[2]);
        o[2] = v_sub(x[2], x[1]);
        o[3] = v_sub(x[3], x[1]);
        return;
    }
    const vec a = v_set1((elem)0.625), minus_a = v_set1((elem)-0.625), minus_a2 = v_set1((elem)-0.390625);
    const vec b = v_set1((elem)1.5), minus_b = v_set1((elem)-1.5), minus_b2 = v_set1((elem)-2.25);
    const vec minus_sum = v_set1((elem)-2.640625), product = v_set1((elem)0.87890625); /* of a^2 and b^2 */
    const vec even_b = v_fma(minus_b2, x[2], x[4]), odd_b = v_fma(minus_b2, x[1], x[3]);
    const vec even_a = v_fma(minus_a2, x[2], x[4]), odd_a = v_fma(minus_a2, x[1], x[3]);
    o[0] = v_fma(product, x[0], v_fma(minus_sum, x[2], x[4]));
    o[1] = v_fma(a, odd_b, even_b);
    o[2] = v_fma(minus_a, odd_b, even_b);
    o[3] = v_fma(b, odd_a, even_a);
    o[4] = v_fma(minus_b, odd_a, even_a);
    o[5] = v_fma(product, x[1], v_fma(minus_sum, x[3], x[5]));
}

/* o = A' x, an output tile's elements from its frequencies. */
PC_INLINE void output_transform(const pc_winograd_kind kind, const vec *x, vec *o) {
    if (kind == PC_WINOGRAD_STRIDED) {
        const vec a = v_set1((elem)0.375), a2 = v_set1((elem)0.140625), a3 = v_set1((elem)0.052734375);
        const vec b = v_set1((elem)1.25), b2 = v_set1((elem)1.5625), b3 = v_set1((elem)1.953125);
        const vec sum_a = v_add(x[0], x[1]), diff_a = v_sub(x[0], x[1]);
        const vec sum_b = v_add(x[2], x[3]), diff_b = v_sub(x[2], x[3]);
        o[0] = v_add(v_add(sum_a, sum_b), x[5]);
        o[1] = v_fma(b, diff_b, v_fma(a, diff_a, x[6]));
        o[2] = v_fma(b2, sum_b, v_fma(a2, sum_a, x[7]));
        o[3] = v_fma(b3, diff_b, v_fma(a3, diff_a, v_add(x[4], x[8])));
        return;
    }
    if (kind == PC_WINOGRAD_2) {
        o[0] = v_add(x[0], v_add(x[1], x[2]));
        o[1] = v_add(v_sub(x[1], x[2]), x[3]);
        return;
    }
    const vec a = v_set1((elem)0.625), a2 = v_set1((elem)0.390625), a3 = v_set1((elem)0.244140625);
    const vec b = v_set1((elem)1.5), b2 = v_set1((elem)2.25), b3 = v_set1((elem)3.375);
    const vec sum_a = v_add(x[1], x[2]), diff_a = v_sub(x[1], x[2]);
    const vec sum_b = v_add(x[3], x[4]), diff_b = v_sub(x[3], x[4]);
    o[0] = v_add(v_add(x[0], sum_a), sum_b);
    if (kind == PC_WINOGRAD_5X5) {
        o[1] = v_fma(b, diff_b, v_fma(a, diff_a, x[5]));
        return;
    }
    o[1] = v_fma(b, diff_b, v_mul(a, diff_a));
    if (kind == PC_WINOGRAD_3) {
        o[2] = v_fma(b2, sum_b, v_fma(a2, sum_a, x[5]));
        return;
    }
    o[2] = v_fma(b2, sum_b, v_mul(a2, sum_a));
    o[3] = v_fma(b3, diff_b, v_fma(a3, diff_a, x[5]));
}

/* ---- filters --------------------------------------------------------------------------------------------------- */

/* A vector of filters as doubles, whatever the element type: weights are rounded once. */
typedef struct lanes {
    _Alignas(PC_VLEN < 8 ? 8 * PC_VLEN : 64) double at[PC_VLEN];
} lanes;

#define EACH_LANE for (int l = 0; l < PC_VLEN; l++)

/* o = G g, the taps g being `every` apart. A row of G is (1, p, p^2, ...) / product of the distances of point p from
 * the others; points p and -p share their even and odd parts. */
PC_RARE void filter_transform(const pc_winograd_kind kind, const lanes *g, const int every, lanes *restrict o) {
    const int taps = taps_of(kind);
    const lanes *g0 = g, *g1 = g + every, *g2 = g + 2 * every, *last = g + (taps - 1) * every;
    const lanes *g3 = taps > 3 ? g + 3 * every : 0, *g4 = taps > 4 ? last : 0;
    if (kind == PC_WINOGRAD_STRIDED) { /* taps 0 and 2 on the even pixels, 1 on the odd ones */
        const double a = 0.375, b = 1.25;
        const double scale_a = 1 / (2 * a * (a * a - b * b)), scale_b = 1 / (2 * b * (b * b - a * a));
        EACH_LANE {
            o[0].at[l] = scale_a * (g0->at[l] + a * g2->at[l]);
            o[1].at[l] = -scale_a * (g0->at[l] - a * g2->at[l]);
            o[2].at[l] = scale_b * (g0->at[l] + b * g2->at[l]);
            o[3].at[l] = -scale_b * (g0->at[l] - b * g2->at[l]);
            o[4].at[l] = g2->at[l];
            o[5].at[l] = g1->at[l];
        }
        return;
    }
    if (kind == PC_WINOGRAD_2) {
        EACH_LANE {
            const double even = 0.5 * (g0->at[l] + g2->at[l]), odd = 0.5 * g1->at[l];
            o[0].at[l] = -g0->at[l];
            o[1].at[l] = even + odd;
            o[2].at[l] = even - odd;
            o[3].at[l] = g2->at[l];
        }
        return;
    }
    const double a = 0.625, b = 1.5, a2 = a * a, b2 = b * b;
    const double scale = 1 / (a2 * b2), scale_a = 1 / (2 * a2 * (a2 - b2)), scale_b = 1 / (2 * b2 * (b2 - a2));
    EACH_LANE {
        const double even = g4 ? g4->at[l] : 0, odd = g3 ? g3->at[l] : 0;
        const double even_a = scale_a * (g0->at[l] + a2 * (g2->at[l] + a2 * even));
        const double even_b = scale_b * (g0->at[l] + b2 * (g2->at[l] + b2 * even));
        const double odd_a = scale_a * a * (g1->at[l] + a2 * odd), odd_b = scale_b * b * (g1->at[l] + b2 * odd);
        o[0].at[l] = scale * g0->at[l];
        o[1].at[l] = even_a + odd_a;
        o[2].at[l] = even_a - odd_a;
        o[3].at[l] = even_b + odd_b;
        o[4].at[l] = even_b - odd_b;
        o[5].at[l] = last->at[l];
    }
}

/* Taps `first` to `first` + 3 of the weights of one channel, of which there are `taps`: zeros beyond. */
PC_INLINE void take(const pc_winograd_filter_args *a, const elem *wei, int64_t first, int64_t taps, lanes *g) {
    const int64_t ld = a->src_filter;
    vec d[4];
    if (a->filters >= PC_VLEN && first + 4 <= taps)
        v_load_quads(wei + first, ld, d);
    else
        v_load_quads_part(wei + first, ld, (int)pc_min(a->filters, PC_VLEN), 0, (int)pc_min(taps - first, 4), d);
    for (int t = 0; t < 4; t++) {
        elem x[PC_VLEN];
        v_store(x, d[t]);
        EACH_LANE g[t].at[l] = x[l];
    }
}

/* Both ways; taps of a row side by side, rows of them `ld` apart. */
static void filter_square(const pc_winograd_filter_args *a, const lanes *g, int ld, elem *dst) {
    const int n = weights_of(a->kind), taps = taps_of(a->kind);
    lanes columns[MAX_TAPS][MAX_WEIGHTS], o[MAX_WEIGHTS];
    for (int k = 0; k < taps; k++) filter_transform(a->kind, &g[k], ld, columns[k]);
    for (int r = 0; r < n; r++) {
        filter_transform(a->kind, &columns[0][r], MAX_WEIGHTS, o);
        for (int q = 0; q < n; q++, dst += a->ld_freq) EACH_LANE dst[l] = (elem)o[q].at[l];
    }
}

/* Channel c of the result is, where `phases` is 2, phase (y, x) of channel c / 4: every other tap of every other row.
 */
static void filter(const pc_winograd_filter_args *a) {
    const int size = a->size, all = size * size, phases = a->phases, taps = taps_of(a->kind);
    elem *dst = a->dst;
    for (int64_t c = 0; c < a->channels; c++) {
        const elem *wei = (const elem *)a->wei + c * a->src_chan;
        lanes g[MAX_SIZE * MAX_SIZE];
        for (int t = 0; t < all; t += 4) take(a, wei, pc_min(t, all - 4), all, g + pc_min(t, all - 4));
        for (int p = 0; p < phases * phases; p++, dst += a->ld_chan) {
            if (phases == 1) {
                filter_square(a, g, size, dst);
                continue;
            }
            lanes part[MAX_TAPS * MAX_TAPS];
            for (int i = 0; i < taps * taps; i++) {
                const int r = i / taps * 2 + p / 2, s = i % taps * 2 + p % 2, inside = r < size && s < size;
                EACH_LANE part[i].at[l] = inside ? g[r * size + s].at[l] : 0;
            }
            filter_square(a, part, taps, dst);
        }
    }
}

/* A row or a column of taps in segments, the last one filled up. */
static void filter_line(const pc_winograd_filter_args *a) {
    const elem *wei = a->wei;
    for (int64_t c = 0; c < a->channels; c++, wei += a->src_chan) {
        elem *dst = (elem *)a->dst + c * a->ld_chan;
        for (int s = 0; s < a->cut.segments + a->cut.rest; s++, dst += a->cut.ld_segment) {
            lanes g[4], o[6];
            take(a, wei, 3 * s, a->taps, g);
            if (s == a->cut.segments) {
                elem *rest = (elem *)a->dst + c * a->ld_chan + 6 * a->ld_freq;
                EACH_LANE rest[l] = (elem)g[0].at[l];
                break;
            }
            filter_transform(PC_WINOGRAD_4, g, 1, o);
            for (int q = 0; q < 6; q++) EACH_LANE dst[q * a->ld_freq + l] = (elem)o[q].at[l];
        }
    }
}

void PC_FN(pc_winograd_filter)(const pc_winograd_filter_args *a) {
    if (a->kind == PC_WINOGRAD_LINE)
        filter_line(a);
    else
        filter(a);
}

/* ---- input ---------------------------------------------------------------------------------------------------- */

/* How four columns from x on are loaded: from planes or from pixels, where they and n rows from r on, a dilation apart,
 * lie inside and all lanes are channels, or part by part. */
enum { PART, PLANAR, PIXELS };
PC_INLINE int where_at(const pc_winograd_in_args *a, int64_t r, int64_t n, int64_t x) {
    const int64_t y = a->y + r * a->dilation[0];
    const int rows = y >= 0 && y + (n - 1) * a->dilation[0] < a->in_h;
    if (!rows || a->channels != PC_VLEN || x < 0 || x + 4 > a->in_w) return PART;
    return a->src_col == 1 ? PLANAR : a->src_chan == 1 ? PIXELS : PART;
}

/* Four columns of one row where some of them, of the rows or of the channels lie outside. Borders are few, and their
 * code would be half of this file if each of them had its own. */
PC_RARE void load_part(const pc_winograd_in_args *a, int64_t r, int64_t x, elem out[4][PC_VLEN]) {
    const int lo = (int)pc_max(-x, 0), hi = (int)pc_max(pc_min(a->in_w - x, 4), 0);
    const elem *row = (const elem *)a->src + (a->y + r) * a->src_row + x * a->src_col;
    vec d[4];
    if (a->y + r < 0 || a->y + r >= a->in_h || lo >= hi) {
        PC_UNROLL for (int j = 0; j < 4; j++) d[j] = v_zero();
    } else if (a->src_col == 1) {
        v_load_quads_part(row, a->src_chan, a->channels, lo, hi, d);
    } else {
        PC_UNROLL for (int j = 0; j < 4; j++) d[j] =
            j >= lo && j < hi ? v_load_n(row + j * a->src_col, a->channels) : v_zero();
    }
    PC_UNROLL for (int j = 0; j < 4; j++) v_store(out[j], d[j]);
}

/* Four columns of n rows, `every` apart from `first` on, a vector of channels each. */
PC_INLINE void load_columns(const int n, const int64_t first, const int every, const int where,
                            const pc_winograd_in_args *a, int64_t x, vec d[][4]) {
    const elem *src = (const elem *)a->src + a->y * a->src_row + x * a->src_col;
    elem part[6][4][PC_VLEN];
    for (int i = 0; where == PART && i < n; i++) load_part(a, (first + i * every) * a->dilation[0], x, part[i]);
    PC_UNROLL for (int i = 0; i < n; i++) {
        const elem *row = src + (first + i * every) * a->dilation[0] * a->src_row;
        if (where == PLANAR) {
            v_load_quads(row, a->src_chan, d[i]);
        } else {
            PC_UNROLL for (int j = 0; j < 4; j++) d[i][j] = v_load(where == PART ? part[i][j] : row + j * a->src_col);
        }
    }
}

/* The vertical transform of four columns: strip[column][n]. */
PC_INLINE void columns(const pc_winograd_kind kind, const int where, const pc_winograd_in_args *a, int64_t x,
                       elem *strip) {
    const int strided = kind == PC_WINOGRAD_STRIDED, n = pixels_of(kind), count = strided ? 5 : n;
    vec d[6][4];
    load_columns(count, 0, strided ? 2 : 1, where, a, x, d);
    PC_UNROLL for (int j = 0; j < 4; j++) {
        vec in[6], out[6];
        PC_UNROLL for (int r = 0; r < count; r++) in[r] = d[r][j];
        input_transform(kind, in, out);
        PC_UNROLL for (int r = 0; r < count; r++) v_store(strip + (j * n + r) * PC_VLEN, out[r]);
    }
    if (!strided) return;
    load_columns(4, 1, 2, where, a, x, d);
    PC_UNROLL for (int j = 0; j < 4; j++) {
        PC_UNROLL for (int r = 0; r < 4; r++) v_store(strip + (j * n + 5 + r) * PC_VLEN, d[r][j]);
    }
}

PC_INLINE void input(const pc_winograd_kind kind, const pc_winograd_in_args *a) {
    const int strided = kind == PC_WINOGRAD_STRIDED, n = pixels_of(kind);
    const int64_t d = a->dilation[1], next = d * n * PC_VLEN;
    elem *strip = a->strip;
    const int64_t cols = d * (a->step * (pc_quotient(a->tiles, d) - 1) + n);
    for (int64_t g = 0; g < cols; g += 4) {
        const int64_t x = a->x + g;
        const int where = where_at(a, 0, n, x);
        if (where == PLANAR)
            columns(kind, PLANAR, a, x, strip + g * n * PC_VLEN);
        else if (where == PIXELS)
            columns(kind, PIXELS, a, x, strip + g * n * PC_VLEN);
        else
            columns(kind, PART, a, x, strip + g * n * PC_VLEN);
    }
    for (int64_t t = 0; t < a->tiles; t++) {
        elem *dst = (elem *)a->dst + a->place[t];
        const int64_t group = pc_quotient(t, d);
        const elem *from = strip + (t + group * d * (a->step - 1)) * n * PC_VLEN;
        for (int r = 0; r < n; r++, from += PC_VLEN, dst += n * a->ld_freq) {
            const int count = strided ? 5 : n, every = strided ? 2 : 1;
            vec in[6], out[6];
            PC_UNROLL for (int q = 0; q < count; q++) in[q] = v_load(from + q * every * next);
            input_transform(kind, in, out);
            PC_UNROLL for (int q = 0; q < count; q++) v_store(dst + q * a->ld_freq, out[q]);
            if (!strided) continue;
            PC_UNROLL for (int q = 0; q < 4; q++)
                v_store(dst + (5 + q) * a->ld_freq, v_load(from + (2 * q + 1) * next));
        }
    }
}

/* Rows or columns of pixels, strip[column][row], and from each what its segments and its rest read. */
void PC_FN(pc_winograd_input_line)(const pc_winograd_in_args *a) {
    const int64_t n = 3 + 3 * a->cut.segments + a->cut.rest;
    const int64_t rows = a->cut.vertical ? n : 1, cols = a->cut.vertical ? a->tiles : 4 * (a->tiles - 1) + n;
    const int64_t step = a->cut.vertical ? n : 4;
    elem *strip = a->strip;
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t g = 0; g < cols; g += 4) {
            const int64_t x = a->x + g;
            const int where = where_at(a, r, 1, x);
            vec d[1][4];
            if (where == PLANAR)
                load_columns(1, r, 1, PLANAR, a, x, d);
            else if (where == PIXELS)
                load_columns(1, r, 1, PIXELS, a, x, d);
            else
                load_columns(1, r, 1, PART, a, x, d);
            PC_UNROLL for (int j = 0; j < 4; j++) v_store(strip + ((g + j) * rows + r) * PC_VLEN, d[0][j]);
        }
    }
    for (int64_t t = 0; t < a->tiles; t++) {
        elem *dst = (elem *)a->dst + a->place[t];
        const elem *from = strip + t * step * PC_VLEN;
        for (int s = 0; s < a->cut.segments; s++, from += 3 * PC_VLEN) {
            elem *segment = dst + s * a->cut.ld_segment;
            vec in[6], out[6];
            PC_UNROLL for (int q = 0; q < 6; q++) in[q] = v_load(from + q * PC_VLEN);
            input_transform(PC_WINOGRAD_4, in, out);
            PC_UNROLL for (int q = 0; q < 6; q++) v_store(segment + q * a->ld_freq, out[q]);
        }
        if (!a->cut.rest) continue;
        PC_UNROLL for (int q = 0; q < 4; q++) v_store(dst + (6 + q) * a->ld_freq, v_load(from + q * PC_VLEN));
    }
}

/* ---- output --------------------------------------------------------------------------------------------------- */

/* One tile and vector of channels; `whole`: the tile lies inside the image and the vector is full. */
PC_INLINE void output_tile(const pc_winograd_kind kind, const int whole, const pc_winograd_out_args *a, const elem *src,
                           vec bias, elem *dst, int rows, int cols, int channels) {
    const int m = outputs_of(kind), n = pixels_of(kind);
    const int64_t step = a->dilation * a->dst_col;
    vec t[4][MAX_N];
    PC_UNROLL for (int q = 0; q < n; q++) {
        vec in[MAX_N], out[4];
        PC_UNROLL for (int r = 0; r < n; r++) in[r] = v_load(src + (r * n + q) * a->ld_freq);
        output_transform(kind, in, out);
        PC_UNROLL for (int r = 0; r < m; r++) t[r][q] = out[r];
    }
    PC_UNROLL for (int r = 0; r < m; r++) {
        if (!whole && r >= rows) break;
        vec o[4];
        output_transform(kind, t[r], o);
        PC_UNROLL for (int q = 0; q < m; q++) o[q] = v_add(o[q], bias);
        PC_UNROLL for (int q = 0; q < m; q++) {
            if (whole)
                v_store(dst + r * a->dst_row + q * step, o[q]);
            else if (q < cols)
                v_store_n(dst + r * a->dst_row + q * step, channels, o[q]);
        }
    }
}

PC_INLINE void output(const pc_winograd_kind kind, const pc_winograd_out_args *a) {
    const int m = outputs_of(kind);
    for (int64_t c = 0; c < a->channels; c += PC_VLEN) {
        const int channels = (int)pc_min(a->channels - c, PC_VLEN);
        const vec bias = v_load((const elem *)a->bias + c);
        for (int64_t t = 0; t < a->tiles; t++) {
            const elem *src = (const elem *)a->src + t * a->ld_tile + c;
            const int64_t first = t + pc_quotient(t, a->dilation) * a->dilation * (m - 1);
            const int64_t cols = pc_quotient(a->cols - first + a->dilation - 1, a->dilation);
            elem *dst = (elem *)a->dst + c + first * a->dst_col;
            if (WHOLE_TILES && a->rows >= m && cols >= m && channels == PC_VLEN)
                output_tile(kind, 1, a, src, bias, dst, m, m, PC_VLEN);
            else
                output_tile(kind, 0, a, src, bias, dst, (int)pc_min(a->rows, m), (int)pc_min(cols, m), channels);
        }
    }
}

/* One line of 4 pixels, `step` apart, of which `count` lie inside the image. */
PC_INLINE void output_line_tile(const int whole, const pc_winograd_out_args *a, const elem *src, vec bias, elem *dst,
                                int64_t step, int64_t count, int channels) {
    vec in[6], o[4];
    PC_UNROLL for (int q = 0; q < 6; q++) in[q] = v_load(src + q * a->ld_freq);
    output_transform(PC_WINOGRAD_4, in, o);
    if (a->cut.rest) {
        PC_UNROLL for (int q = 0; q < 4; q++) o[q] = v_add(o[q], v_load(src + (6 + q) * a->ld_freq));
    }
    PC_UNROLL for (int q = 0; q < 4; q++) {
        o[q] = v_add(o[q], bias);
        if (whole)
            v_store(dst + q * step, o[q]);
        else if (q < count)
            v_store_n(dst + q * step, channels, o[q]);
    }
}

void PC_FN(pc_winograd_output_line)(const pc_winograd_out_args *a) {
    const int64_t step = a->cut.vertical ? a->dst_row : a->dst_col;
    const int64_t next = a->cut.vertical ? a->dst_col : 4 * a->dst_col;
    for (int64_t c = 0; c < a->channels; c += PC_VLEN) {
        const int channels = (int)pc_min(a->channels - c, PC_VLEN);
        const vec bias = v_load((const elem *)a->bias + c);
        for (int64_t t = 0; t < a->tiles; t++) {
            const elem *src = (const elem *)a->src + t * a->ld_tile + c;
            elem *dst = (elem *)a->dst + c + t * next;
            const int64_t count = a->cut.vertical ? a->rows : a->cols - 4 * t;
            if (count >= 4 && channels == PC_VLEN)
                output_line_tile(1, a, src, bias, dst, step, 4, PC_VLEN);
            else
                output_line_tile(0, a, src, bias, dst, step, count, channels);
        }
    }
}

void PC_FN(pc_winograd_input_2)(const pc_winograd_in_args *a) { input(PC_WINOGRAD_2, a); }
void PC_FN(pc_winograd_input_4)(const pc_winograd_in_args *a) { input(PC_WINOGRAD_4, a); }
void PC_FN(pc_winograd_input_strided)(const pc_winograd_in_args *a) { input(PC_WINOGRAD_STRIDED, a); }

void PC_FN(pc_winograd_output_2)(const pc_winograd_out_args *a) { output(PC_WINOGRAD_2, a); }
void PC_FN(pc_winograd_output_3)(const pc_winograd_out_args *a) { output(PC_WINOGRAD_3, a); }
void PC_FN(pc_winograd_output_4)(const pc_winograd_out_args *a) { output(PC_WINOGRAD_4, a); }
void PC_FN(pc_winograd_output_strided)(const pc_winograd_out_args *a) { output(PC_WINOGRAD_STRIDED, a); }
void PC_FN(pc_winograd_output_5x5)(const pc_winograd_out_args *a) { output(PC_WINOGRAD_5X5, a); }
