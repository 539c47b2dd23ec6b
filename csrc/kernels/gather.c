/* gather.c - copy part of a bordered image into a planar, phase-split strip, or a panel of pixels (the layouts stand in
 * kernels.h).
 *
 * This is the only place that knows layouts, borders and strides of the image: padding becomes data here, a stride of s
 * becomes s x s interleaved planes of stride 1, channels last becomes planar by `transpose`. The copy costs a few per
 * cent of a dense layer, because each element is then multiplied once for every output channel and tap. */
#include "../base/shape.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

/* What the hardware does not follow as a stream is prefetched: short runs of planes, so many planes ahead; and parts of
 * pixels that lie so many elements or more apart. */
enum { AHEAD = 4, SPARSE = 128 };

void PC_FN(pc_widen)(int64_t n, const uint8_t *src, void *dst) {
    int64_t i = 0;
    for (; i + PC_VLEN <= n; i += PC_VLEN) v_store((elem *)dst + i, v_load_bytes(src + i));
    for (; i < n; i++) ((elem *)dst)[i] = src[i];
}

PC_RARE void fill_run(elem *dst, int64_t n, elem x) {
    for (int64_t i = 0; i < n; i++) dst[i] = x;
}

static void copy_run(elem *dst, const elem *src, int64_t n) {
    int64_t i = 0;
    for (; i + PC_VLEN <= n; i += PC_VLEN) v_store(dst + i, v_load(src + i));
    if (i < n) v_store_n(dst + i, (int)(n - i), v_load_n(src + i, (int)(n - i)));
}

/* dst[i] = src[2 i] */
static void copy_even(elem *dst, const elem *src, int64_t n) {
    for (int64_t i = 0; i < n; i += PC_VLEN, src += 2 * PC_VLEN) {
        const int64_t readable = 2 * (n - i) - 1;
        const vec x = v_even(v_load_part(src, readable, 0), v_load_part(src, readable, 1));
        v_store_n(dst + i, (int)pc_min(n - i, PC_VLEN), x);
    }
}

/* dst[i] = src[4 i] */
PC_RARE void copy_fourth(elem *dst, const elem *src, int64_t n) {
    for (int64_t i = 0; i < n; i += PC_VLEN, src += 4 * PC_VLEN) {
        const int64_t readable = 4 * (n - i) - 3;
        const vec a = v_even(v_load_part(src, readable, 0), v_load_part(src, readable, 1));
        const vec b = v_even(v_load_part(src, readable, 2), v_load_part(src, readable, 3));
        v_store_n(dst + i, (int)pc_min(n - i, PC_VLEN), v_even(a, b));
    }
}

/* dst[i] = src[i * step] */
static void copy_strided(elem *dst, const elem *src, int64_t n, int64_t step) {
    if (step == 1) {
        copy_run(dst, src, n);
    } else if (step == 2) {
        copy_even(dst, src, n);
    } else if (step == 4) {
        copy_fourth(dst, src, n);
    } else {
        for (int64_t i = 0; i < n; i++) dst[i] = src[i * step];
    }
}

/* dst[c * chan + i] = src[i * step + c] for i < n <= PC_VLEN and c < m, of which four at most are copied. */
PC_RARE void copy_corner(elem *dst, int64_t chan, const elem *src, int n, int64_t step, int m) {
    vec r[4];
    v_load_quads_part(src, step, n, 0, m, r);
    PC_UNROLL for (int j = 0; j < 4; j++) if (j < m) v_store_n(dst + j * chan, n, r[j]);
}

#if PC_VLEN >= 8
/* The same for PC_VLEN columns and 8 channels: a function, as GCC would copy it four times. */
PC_RARE void copy_eight(elem *dst, int64_t chan, const elem *src, int64_t step) {
    vec r[8];
    v_load_octs(src, step, r);
    PC_UNROLL for (int j = 0; j < 8; j++) v_store(dst + j * chan, r[j]);
}
#endif

/* dst[c * chan + i] = src[i * step + c] for c < m <= PC_VLEN: channels last to planar, eight or four channels at a
 * time. Four may read into the next column, if there is one: 16 columns of 3 channels in a third of the time. */
static void copy_transposed(elem *dst, int64_t chan, const elem *src, int64_t n, int64_t step, int m) {
    for (; n > 0; n -= PC_VLEN, src += PC_VLEN * step, dst += PC_VLEN) {
        int c = 0;
        /* The end of what the next call reads of these pixels, the beginning of which is in the cache already. */
        for (int i = 0; i < PC_VLEN && step >= SPARSE; i++) v_prefetch(src, i * step + 2 * PC_VLEN - 1);
#if PC_VLEN >= 8
        for (; c + 8 <= m && n >= PC_VLEN; c += 8) copy_eight(dst + c * chan, chan, src + c, step);
#endif
        for (; c < m; c += 4) {
            elem *to = dst + c * chan;
            if (n < PC_VLEN || (m - c < 4 && n == PC_VLEN)) {
                copy_corner(to, chan, src + c, (int)pc_min(n, PC_VLEN), step, m - c);
                continue;
            }
            vec r[4];
            v_load_quads(src + c, step, r);
            PC_UNROLL for (int j = 0; j < 4; j++) if (c + j < m) v_store(to + j * chan, r[j]);
        }
    }
}

/* Of n columns x, x + step, ... those that lie inside the image: lo <= i < hi. */
static void columns_inside(int64_t x, int64_t step, int64_t n, int64_t in_w, int64_t *lo, int64_t *hi) {
    *lo = x >= 0 ? 0 : pc_min(n, pc_ceil_div(-x, step));
    *hi = x >= in_w ? *lo : pc_max(*lo, pc_min(n, pc_ceil_div(in_w - x, step)));
}

static int wanted(uint64_t phases, int p) { return p > 63 || (phases >> p & 1); }

static const void *source(const void *base, int64_t at, int bytes) {
    return bytes ? (const void *)((const uint8_t *)base + at) : (const void *)((const elem *)base + at);
}

static elem element(const void *base, int64_t at, int bytes) {
    return bytes ? (elem)((const uint8_t *)base)[at] : ((const elem *)base)[at];
}

/* Border elements [from, to) of a run: each one stands for an element inside the image, or for the fill. */
PC_RARE void gather_border(const pc_gather_args *a, const void *row, elem *dst, int m, int64_t x, int64_t from,
                           int64_t to) {
    for (int64_t i = from; i < to; i++) {
        const int64_t ix = pc_border(a->boundary, x + i * a->sw, a->in_w);
        for (int c = 0; c < m; c++)
            dst[c * a->chan + i] = ix < 0 ? (elem)a->fill : element(row, c * a->src_chan + ix * a->src_col, a->bytes);
    }
}

/* The first m elements of columns first .. end - 1 of a row of the image, whose columns are `col` apart, as elements:
 * column x stands at m * x. */
PC_RARE const elem *widened(const uint8_t *row, int64_t first, int64_t end, int64_t col, int64_t m, elem *space) {
    if (m == col)
        PC_FN(pc_widen)(pc_max(end - first, 0) * m, row + first * col, space);
    else
        for (int64_t x = first; x < end; x++) PC_FN(pc_widen)(m, row + x * col, space + (x - first) * m);
    return (const elem *)((uintptr_t)space - (uintptr_t)(first * m) * sizeof(elem));
}

/* Row iy of the image, or what may stand for one beyond it; *col: elements from column to column of it. */
static const elem *row_of(const pc_gather_args *a, const void *src, int m, int64_t iy, int64_t *col) {
    *col = a->bytes ? m : a->src_col;
    if (!a->bytes) return (const elem *)((uintptr_t)src + (uintptr_t)(pc_max(iy, 0) * a->src_row) * sizeof(elem));
    const int64_t first = pc_max(0, a->x0), end = iy < 0 ? first : pc_min(a->in_w, a->x0 + a->cols);
    return widened((const uint8_t *)src + pc_max(iy, 0) * a->src_row, first, end, a->src_col, m, a->row);
}

/* One column phase of one bordered row, for m channels: every sw-th column from p on. `raw` is the row as it lies in
 * the image, which a border may copy from anywhere. */
static void gather_run(const pc_gather_args *a, const void *raw, const elem *row, int64_t col, elem *dst, int m,
                       int64_t iy, int p) {
    const int64_t n = pc_ceil_div(a->cols - p, a->sw), x = a->x0 + p, step = col * a->sw;
    if (iy < 0) {
        for (int c = 0; c < m; c++) fill_run(dst + c * a->chan, n, (elem)a->fill);
        return;
    }
    int64_t lo, hi;
    columns_inside(x, a->sw, n, a->in_w, &lo, &hi);
    gather_border(a, raw, dst, m, x, 0, lo);
    gather_border(a, raw, dst, m, x, hi, n);
    if (hi <= lo) return;
    row += (x + lo * a->sw) * col;
    dst += lo;
    if (PC_VLEN > 1 && a->src_chan == 1 && m > 1) {
        copy_transposed(dst, a->chan, row, hi - lo, step, m);
    } else {
        for (int c = 0; c < m; c++) copy_strided(dst + c * a->chan, row + c * a->src_chan, hi - lo, step);
    }
}

/* Elements [from, from + PC_VLEN) of a bordered row that lies in the image at row[lo .. hi - 1]; elsewhere `fill`. */
PC_INLINE vec load_bordered(const elem *row, int64_t from, int64_t lo, int64_t hi, vec fill) {
    if (lo <= from && from + PC_VLEN <= hi) return v_load(row + from);
    const int first = (int)pc_min(pc_max(lo - from, 0), PC_VLEN), end = (int)pc_min(pc_max(hi - from, 0), PC_VLEN);
    return v_load_mask_or((const elem *)((uintptr_t)row + (uintptr_t)from * sizeof(elem)), v_mask(first, end), fill);
}

PC_INLINE void store_part(elem *dst, int64_t n, vec x) {
    if (n >= PC_VLEN)
        v_store(dst, x);
    else if (n > 0)
        v_store_n(dst, (int)n, x);
}

/* The same at stride 4: four vectors split into four phases. */
PC_RARE void gather_fourths(const pc_gather_args *a, const elem *row, elem *dst, int64_t lo, int64_t hi, vec fill) {
    for (int64_t u = 0, i = 0; u < a->cols; u += 4 * PC_VLEN, i += PC_VLEN) {
        vec x[4], split[4], phase[4]; /* even columns twice, odd ones twice; phases 0, 2, 1, 3 */
        PC_UNROLL for (int j = 0; j < 4; j++) x[j] = load_bordered(row, u + j * PC_VLEN, lo, hi, fill);
        PC_UNROLL for (int j = 0; j < 2; j++) {
            split[j] = v_even(x[2 * j], x[2 * j + 1]);
            split[2 + j] = v_odd(x[2 * j], x[2 * j + 1]);
        }
        PC_UNROLL for (int j = 0; j < 2; j++) {
            phase[j] = v_even(split[2 * j], split[2 * j + 1]);
            phase[2 + j] = v_odd(split[2 * j], split[2 * j + 1]);
        }
        PC_UNROLL for (int j = 0; j < 4; j++) if (a->col_phases >> j & 1)
            store_part(dst + j * a->phase + i, (a->cols - j + 3) / 4 - i, phase[j]);
    }
}

/* One bordered row of a planar image with stride 1, 2 or 4, border of `fill`: every vector is loaded once, under a mask
 * where it meets the border, and split into its phases. */
static void gather_row(const pc_gather_args *a, const elem *row, elem *dst, int64_t iy) {
    const vec fill = v_set1((elem)a->fill);
    const int64_t cols = a->cols, lo = iy < 0 ? cols : pc_max(0, -a->x0),
                  hi = iy < 0 ? cols : pc_min(cols, a->in_w - a->x0);
    row = (const elem *)((uintptr_t)row + (uintptr_t)a->x0 * sizeof(elem));
    if (a->sw == 1) {
        for (int64_t u = 0; u < cols; u += PC_VLEN) {
            v_prefetch(row + u, AHEAD * a->src_chan);
            store_part(dst + u, cols - u, load_bordered(row, u, lo, hi, fill));
        }
        return;
    }
    if (a->sw == 4) {
        gather_fourths(a, row, dst, lo, hi, fill);
        return;
    }
    const int64_t evens = (cols + 1) / 2, odds = cols / 2;
    for (int64_t u = 0, i = 0; u < cols; u += 2 * PC_VLEN, i += PC_VLEN) {
        const vec x = load_bordered(row, u, lo, hi, fill), y = load_bordered(row, u + PC_VLEN, lo, hi, fill);
        if (a->col_phases & 1) store_part(dst + i, evens - i, v_even(x, y));
        if (a->col_phases & 2) store_part(dst + a->phase + i, odds - i, v_odd(x, y));
    }
}

/* One bordered row of a planar image of bytes with stride 1, border of `fill`. */
PC_RARE void widen_row(const pc_gather_args *a, const uint8_t *row, elem *dst) {
    const int64_t lo = pc_min(pc_max(0, -a->x0), a->cols), hi = pc_max(lo, pc_min(a->cols, a->in_w - a->x0));
    fill_run(dst, lo, (elem)a->fill);
    if (hi > lo) PC_FN(pc_widen)(hi - lo, row + a->x0 + lo, dst + lo);
    fill_run(dst + hi, a->cols - hi, (elem)a->fill);
}

/* Planes at stride 1, border of `fill`, in rows of nv vectors: masks and offsets are the same for all of them. */
PC_INLINE void gather_planes(const pc_gather_args *a, const int nv) {
    const int64_t cols = a->cols, lo = pc_max(0, -a->x0), hi = pc_min(cols, a->in_w - a->x0);
    const int64_t top = pc_min(pc_max(0, -a->y0), a->rows), bottom = pc_max(top, pc_min(a->rows, a->in_h - a->y0));
    const vec fill = v_set1((elem)a->fill);
    vmask inside[2];
    PC_UNROLL for (int v = 0; v < nv; v++) inside[v] =
        v_mask((int)pc_min(lo, cols) - v * PC_VLEN, (int)pc_max(hi, 0) - v * PC_VLEN);
    const int last = (int)cols - (nv - 1) * PC_VLEN;
    for (int64_t c = 0; c < a->channels; c++) {
        elem *dst = (elem *)a->dst + c * a->chan;
        const uintptr_t src =
            (uintptr_t)a->src + (uintptr_t)(c * a->src_chan + a->y0 * a->src_row + a->x0) * sizeof(elem);
        for (int64_t t = 0; t < a->rows; t++, dst += a->pitch) {
            const elem *row = (const elem *)(src + (uintptr_t)(t * a->src_row) * sizeof(elem));
            v_prefetch(row, AHEAD * a->src_chan);
            PC_UNROLL for (int v = 0; v < nv; v++) {
                const elem *from = (const elem *)((uintptr_t)row + v * PC_VLEN * sizeof(elem));
                const vec x = t < top || t >= bottom ? fill : v_load_mask_or(from, inside[v], fill);
                if (v < nv - 1)
                    v_store(dst + v * PC_VLEN, x);
                else
                    v_store_n(dst + v * PC_VLEN, last, x);
            }
        }
    }
}

void PC_FN(pc_gather)(const pc_gather_args *a) {
    const int filled = a->boundary == PC_ZEROS || a->boundary == PC_CONSTANT;
    const int whole_rows = a->src_col == 1 && (a->sw <= 2 || a->sw == 4) && filled;
    if (whole_rows && !a->bytes && a->sw == 1 && a->sh == 1 && a->cols <= 2 * PC_VLEN) {
        if (a->cols <= PC_VLEN)
            gather_planes(a, 1);
        else
            gather_planes(a, 2);
        return;
    }
    const int block = a->src_chan == 1 && !whole_rows ? PC_VLEN : 1; /* channels last: a vector of channels at a time */
    for (int64_t c = 0; c < a->channels; c += block) {
        const void *src = source(a->src, c * a->src_chan, a->bytes);
        elem *dst = (elem *)a->dst + c * a->chan;
        const int m = (int)pc_min(block, a->channels - c);
        for (int rp = 0; rp < a->sh && rp < a->rows; rp++) {
            if (!wanted(a->row_phases, rp)) continue;
            elem *row = dst + (int64_t)rp * a->sw * a->phase;
            for (int64_t t = rp; t < a->rows; t += a->sh, row += a->pitch) {
                const int64_t iy = pc_border(a->boundary, a->y0 + t, a->in_h);
                if (whole_rows && a->bytes && a->sw == 1 && iy >= 0) {
                    widen_row(a, (const uint8_t *)src + iy * a->src_row, row);
                    continue;
                }
                int64_t col;
                const elem *from = row_of(a, src, m, iy, &col);
                if (whole_rows) {
                    gather_row(a, from, row, iy);
                    continue;
                }
                const void *raw = iy < 0 ? src : source(src, iy * a->src_row, a->bytes);
                for (int cp = 0; cp < a->sw && cp < a->cols; cp++)
                    if (wanted(a->col_phases, cp)) gather_run(a, raw, from, col, row + cp * a->phase, m, iy, cp);
            }
        }
    }
}

/* ---- panels ------------------------------------------------------------------------------------------------------ */

static void fill_vectors(elem *dst, int64_t n, double fill) {
    for (int64_t i = 0; i < n; i += PC_VLEN) v_store(dst + i, v_set1((elem)fill));
}

/* One pixel, channels last. Whole vectors are written: what lies behind the pixel is its successor, which comes later,
 * or slack. */
PC_INLINE void copy_pixel(const pc_panel_args *a, const elem *src, elem *dst) {
    if (a->repeat == 1) {
        for (int64_t i = 0; i < a->lanes; i += PC_VLEN)
            v_store(dst + i, v_load_n(src + i, (int)pc_min(a->lanes - i, PC_VLEN)));
        return;
    }
    for (int64_t i = 0, left = a->repeat - a->first; i < a->lanes; i++, left--) {
        if (left == 0) {
            src++;
            left = a->repeat;
        }
        dst[i] = *src;
    }
}

/* One pixel, whatever the layout, the multiplier and the type. */
PC_RARE void any_pixel(const pc_panel_args *a, const void *row, int64_t ix, elem *dst) {
    for (int64_t i = 0; i < a->lanes; i++)
        dst[i] = element(row, pc_quotient(a->first + i, a->repeat) * a->src_chan + ix * a->src_col, a->bytes);
}

PC_RARE void copy_panel_border(const pc_panel_args *a, const void *row, elem *dst, int64_t from, int64_t to) {
    for (int64_t u = from; u < to; u++) {
        const int64_t ix = pc_border(a->boundary, a->x0 + u * a->apart_w, a->in_w);
        if (ix < 0) {
            fill_vectors(dst + u * a->pixel, a->lanes, a->fill);
        } else if (a->bytes || a->src_chan != 1) {
            any_pixel(a, row, ix, dst + u * a->pixel);
        } else {
            copy_pixel(a, (const elem *)row + ix * a->src_col, dst + u * a->pixel);
        }
    }
}

/* Up to four columns of up to a vector of planes. */
PC_RARE void turn_part(const pc_panel_args *a, const elem *src, elem *dst, int cols) {
    vec v[4];
    v_load_quads_part(src, a->src_chan, (int)a->lanes, 0, cols, v);
    for (int j = 0; j < cols; j++) v_store(dst + j * PC_VLEN, v[j]);
}

/* n columns of some rows of up to a vector of planes, four at a time. Not a row a call: 16 addresses would be computed
 * anew for each. */
static void turn_rows(const pc_panel_args *a, const elem *src, elem *dst, int64_t rows, int64_t n) {
    const int whole = a->lanes == PC_VLEN && n >= 4;
    const int64_t chan = a->src_chan, step = a->apart_h * a->src_row, pitch = a->pitch;
    for (; rows > 0; rows--, src += step, dst += pitch)
        for (int64_t u = 0; u < n; u += 4) {
            const int64_t at = whole ? pc_min(u, n - 4) : u; /* the last ones step back */
            if (!whole) {
                turn_part(a, src + at, dst + at * PC_VLEN, (int)pc_min(4, n - at));
                continue;
            }
            vec v[4];
            v_load_quads(src + at, chan, v);
            PC_UNROLL for (int j = 0; j < 4; j++) v_store(dst + (at + j) * PC_VLEN, v[j]);
        }
}

/* Columns lo .. hi - 1 of a row, channels last. */
static void copy_pixels(const pc_panel_args *a, const void *raw, elem *dst, int64_t lo, int64_t hi) {
    const elem *row = raw;
    int64_t col = a->src_col;
    if (a->bytes) {
        const int64_t first = a->x0 + lo * a->apart_w, end = a->x0 + (hi - 1) * a->apart_w + 1;
        col = (a->first + a->lanes - 1) / a->repeat + 1;
        row = widened(raw, first, end, a->src_col, col, a->row);
    }
    if (a->repeat == 1 && a->lanes == a->pixel && a->src_col == a->pixel && a->apart_w == 1) { /* pixels touch */
        copy_run(dst + lo * a->pixel, row + (a->x0 + lo) * a->pixel, (hi - lo) * a->pixel);
    } else {
        for (int64_t u = lo; u < hi; u++) copy_pixel(a, row + (a->x0 + u * a->apart_w) * col, dst + u * a->pixel);
    }
}

void PC_FN(pc_panel)(const pc_panel_args *a) {
    const int bordered = a->bordered && a->boundary == PC_ZEROS,
              turns = a->src_chan != 1 && !a->bytes && a->repeat == 1;
    int64_t lo, hi, top = 0, bottom = 0; /* what lies inside the image; rows of planes that are turned together */
    columns_inside(a->x0, a->apart_w, a->cols, a->in_w, &lo, &hi);
    if (turns) {
        columns_inside(a->y0, a->apart_h, a->rows, a->in_h, &top, &bottom);
        if (hi > lo && bottom > top)
            turn_rows(a, (const elem *)a->src + (a->y0 + top * a->apart_h) * a->src_row + a->x0 + lo,
                      (elem *)a->dst + top * a->pitch + lo * PC_VLEN, bottom - top, hi - lo);
        if (bordered) return;
    }
    for (int64_t t = 0; t < a->rows; t++) {
        elem *dst = (elem *)a->dst + t * a->pitch;
        const int64_t iy = pc_border(a->boundary, a->y0 + t * a->apart_h, a->in_h);
        if (iy < 0) {
            if (!bordered) fill_vectors(dst, a->cols * a->pixel, a->fill);
            continue;
        }
        const void *row = source(a->src, iy * a->src_row, a->bytes);
        if (!bordered) copy_panel_border(a, row, dst, 0, lo);
        if (a->src_chan == 1 && hi > lo)
            copy_pixels(a, row, dst, lo, hi);
        else if (!turns)
            for (int64_t u = lo; u < hi; u++) any_pixel(a, row, a->x0 + u, dst + u * a->pixel);
        else if (t < top || t >= bottom)
            turn_rows(a, (const elem *)row + a->x0 + lo, dst + lo * PC_VLEN, 1, hi - lo);
        if (!bordered) copy_panel_border(a, row, dst, hi, a->cols); /* a last pixel may have written into it */
    }
}
