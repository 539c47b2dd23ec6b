/* winograd.c - the transforms on both sides of Winograd's product (Winograd 1980; for convolutional layers Lavin and
 * Gray 2016): F(4,3) on the points 0, +-5/8, +-3/2 and infinity, F(2,3) on 0, +-1 and infinity.
 *
 * An output tile of M x M pixels reads N x N = (M + 2) x (M + 2) of the image. With d those pixels of one channel, g
 * the filter and (.) the product of elements, the tile is A' ((G g G') (.) (B' d B)) A; the products are summed over
 * the channels before A is applied. Lanes are channels throughout: input channels here, output channels there. Each
 * element goes through the operations below in the order written, and so has the same bits on every target.
 *
 * The points are unusual. 0, +-1, +-2 save multiplications in the transforms but have 2.3 times the rounding error; all
 * coefficients below are exact in float. */
#include "../base/shape.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

enum { MAX_N = 6 };

/* o = B' x, x and o of m + 2 elements. */
PC_INLINE void input_transform(const int m, const vec *x, vec *o) {
    if (m == 2) {
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

/* o = A' x, m elements from m + 2. */
PC_INLINE void output_transform(const int m, const vec *x, vec *o) {
    if (m == 2) {
        o[0] = v_add(x[0], v_add(x[1], x[2]));
        o[1] = v_add(v_sub(x[1], x[2]), x[3]);
        return;
    }
    const vec a = v_set1((elem)0.625), a2 = v_set1((elem)0.390625), a3 = v_set1((elem)0.244140625);
    const vec b = v_set1((elem)1.5), b2 = v_set1((elem)2.25), b3 = v_set1((elem)3.375);
    const vec sum_a = v_add(x[1], x[2]), diff_a = v_sub(x[1], x[2]);
    const vec sum_b = v_add(x[3], x[4]), diff_b = v_sub(x[3], x[4]);
    o[0] = v_add(v_add(x[0], sum_a), sum_b);
    o[1] = v_fma(b, diff_b, v_mul(a, diff_a));
    o[2] = v_fma(b2, sum_b, v_mul(a2, sum_a));
    o[3] = v_fma(b3, diff_b, v_fma(a3, diff_a, x[5]));
}

/* ---- filters --------------------------------------------------------------------------------------------------- */

/* A vector of filters as doubles, whatever the element type: weights are rounded once. */
typedef struct lanes {
    double at[PC_VLEN];
} lanes;

#define EACH_LANE for (int l = 0; l < PC_VLEN; l++)

/* o = G g. A row of G is (1, p, p^2) / product of the distances of point p from the others; points p and -p share their
 * even and odd parts. */
PC_INLINE void filter_transform(const int m, const lanes *g0, const lanes *g1, const lanes *g2, lanes *o) {
    if (m == 2) {
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
        const double even_a = scale_a * (g0->at[l] + a2 * g2->at[l]), odd_a = scale_a * a * g1->at[l];
        const double even_b = scale_b * (g0->at[l] + b2 * g2->at[l]), odd_b = scale_b * b * g1->at[l];
        o[0].at[l] = scale * g0->at[l];
        o[1].at[l] = even_a + odd_a;
        o[2].at[l] = even_a - odd_a;
        o[3].at[l] = even_b + odd_b;
        o[4].at[l] = even_b - odd_b;
        o[5].at[l] = g2->at[l];
    }
}

PC_INLINE void filter(const int m, const pc_winograd_filter_args *a) {
    const int n = m + 2;
    for (int64_t c = 0; c < a->channels; c++) {
        const elem *wei = (const elem *)a->wei + c * 9;
        elem *dst = (elem *)a->dst + c * a->ld_chan;
        lanes g[9] = {0}, columns[3][MAX_N], o[MAX_N];
        for (int l = 0; l < a->filters; l++, wei += a->channels * 9) {
            PC_UNROLL for (int t = 0; t < 9; t++) g[t].at[l] = wei[t];
        }
        for (int k = 0; k < 3; k++) filter_transform(m, &g[k], &g[3 + k], &g[6 + k], columns[k]);
        for (int r = 0; r < n; r++) {
            filter_transform(m, &columns[0][r], &columns[1][r], &columns[2][r], o);
            for (int q = 0; q < n; q++, dst += a->ld_freq) EACH_LANE dst[l] = (elem)o[q].at[l];
        }
    }
}

/* ---- input ---------------------------------------------------------------------------------------------------- */

/* Where four columns from x on lie: all of them and all rows and lanes inside, or not. */
enum { PART, PLANAR, PIXELS };

/* Four columns of n rows, a vector of channels each. */
PC_INLINE void load_columns(const int n, const int where, const pc_winograd_in_args *a, int64_t x, vec d[MAX_N][4]) {
    const elem *src = (const elem *)a->src + a->y * a->src_row + x * a->src_col;
    const int first = (int)pc_max(-x, 0), end = (int)pc_max(pc_min(a->in_w - x, 4), 0);
    PC_UNROLL for (int r = 0; r < n; r++) {
        const elem *row = src + r * a->src_row;
        if (where == PLANAR) {
            v_load_quads(row, a->src_chan, d[r]);
        } else if (where == PIXELS) {
            PC_UNROLL for (int j = 0; j < 4; j++) d[r][j] = v_load(row + j * a->src_col);
        } else if (a->y + r < 0 || a->y + r >= a->in_h || first >= end) {
            PC_UNROLL for (int j = 0; j < 4; j++) d[r][j] = v_zero();
        } else if (a->src_col == 1) {
            v_load_quads_part(row, a->src_chan, a->channels, first, end, d[r]);
        } else {
            PC_UNROLL for (int j = 0; j < 4; j++) d[r][j] =
                j >= first && j < end ? v_load_n(row + j * a->src_col, a->channels) : v_zero();
        }
    }
}

/* The vertical transform of four columns: strip[column][n]. */
PC_INLINE void columns(const int m, const int where, const pc_winograd_in_args *a, int64_t x, elem *strip) {
    const int n = m + 2;
    vec d[MAX_N][4];
    load_columns(n, where, a, x, d);
    PC_UNROLL for (int j = 0; j < 4; j++) {
        vec in[MAX_N], out[MAX_N];
        PC_UNROLL for (int r = 0; r < n; r++) in[r] = d[r][j];
        input_transform(m, in, out);
        PC_UNROLL for (int r = 0; r < n; r++) v_store(strip + (j * n + r) * PC_VLEN, out[r]);
    }
}

PC_INLINE void input(const int m, const pc_winograd_in_args *a) {
    const int n = m + 2;
    elem *strip = a->strip;
    const int64_t cols = m * a->tiles + 2;
    const int whole = a->y >= 0 && a->y + n <= a->in_h && a->channels == PC_VLEN;
    for (int64_t g = 0; g < cols; g += 4) {
        const int64_t x = a->x + g;
        const int inside = whole && x >= 0 && x + 4 <= a->in_w;
        if (inside && a->src_col == 1)
            columns(m, PLANAR, a, x, strip + g * n * PC_VLEN);
        else if (inside && a->src_chan == 1)
            columns(m, PIXELS, a, x, strip + g * n * PC_VLEN);
        else
            columns(m, PART, a, x, strip + g * n * PC_VLEN);
    }
    for (int64_t t = 0; t < a->tiles; t++) {
        elem *dst = (elem *)a->dst + a->place[t];
        const elem *from = strip + t * m * n * PC_VLEN;
        for (int r = 0; r < n; r++, from += PC_VLEN, dst += n * a->ld_freq) {
            vec in[MAX_N], out[MAX_N];
            PC_UNROLL for (int q = 0; q < n; q++) in[q] = v_load(from + q * n * PC_VLEN);
            input_transform(m, in, out);
            PC_UNROLL for (int q = 0; q < n; q++) v_store(dst + q * a->ld_freq, out[q]);
        }
    }
}

/* ---- output --------------------------------------------------------------------------------------------------- */

/* One tile and vector of channels; `whole`: the tile lies inside the image and the vector is full. */
PC_INLINE void output_tile(const int m, const int whole, const pc_winograd_out_args *a, const elem *src, vec bias,
                           elem *dst, int rows, int cols, int channels) {
    const int n = m + 2;
    vec t[4][MAX_N];
    PC_UNROLL for (int q = 0; q < n; q++) {
        vec in[MAX_N], out[4];
        PC_UNROLL for (int r = 0; r < n; r++) in[r] = v_load(src + (r * n + q) * a->ld_freq);
        output_transform(m, in, out);
        PC_UNROLL for (int r = 0; r < m; r++) t[r][q] = out[r];
    }
    PC_UNROLL for (int r = 0; r < m; r++) {
        if (!whole && r >= rows) break;
        vec o[4];
        output_transform(m, t[r], o);
        PC_UNROLL for (int q = 0; q < m; q++) o[q] = v_add(o[q], bias);
        PC_UNROLL for (int q = 0; q < m; q++) {
            if (whole)
                v_store(dst + r * a->dst_row + q * a->dst_col, o[q]);
            else if (q < cols)
                v_store_n(dst + r * a->dst_row + q * a->dst_col, channels, o[q]);
        }
    }
}

PC_INLINE void output(const int m, const pc_winograd_out_args *a) {
    for (int64_t c = 0; c < a->channels; c += PC_VLEN) {
        const int channels = (int)pc_min(a->channels - c, PC_VLEN);
        const vec bias = v_load((const elem *)a->bias + c);
        for (int64_t t = 0; t < a->tiles; t++) {
            const elem *src = (const elem *)a->src + t * a->ld_tile + c;
            elem *dst = (elem *)a->dst + c + t * m * a->dst_col;
            const int64_t cols = a->cols - t * m;
            if (a->rows >= m && cols >= m && channels == PC_VLEN)
                output_tile(m, 1, a, src, bias, dst, m, m, PC_VLEN);
            else
                output_tile(m, 0, a, src, bias, dst, (int)pc_min(a->rows, m), (int)pc_min(cols, m), channels);
        }
    }
}

void PC_FN(pc_winograd_filter_2)(const pc_winograd_filter_args *a) { filter(2, a); }
void PC_FN(pc_winograd_filter_4)(const pc_winograd_filter_args *a) { filter(4, a); }
void PC_FN(pc_winograd_input_2)(const pc_winograd_in_args *a) { input(2, a); }
void PC_FN(pc_winograd_input_4)(const pc_winograd_in_args *a) { input(4, a); }
void PC_FN(pc_winograd_output_2)(const pc_winograd_out_args *a) { output(2, a); }
void PC_FN(pc_winograd_output_4)(const pc_winograd_out_args *a) { output(4, a); }
