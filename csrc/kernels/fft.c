/* fft.c - the transforms of convolution by FFT: see kernels.h for the layouts, algo/fft.c for the algorithm.
 *
 * A lane is a transform of its own, so all of them do the same operations in the same order, however many there are to
 * a vector. Forward transforms decimate in frequency and leave their results in the order that comes of it, backward
 * ones decimate in time and start from that order: nothing is sorted. */
#include "../base/shape.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

enum { POINT = 2 * PC_VLEN }; /* elements of a point: real parts, then imaginary ones */

/* x * w, or when `back` x times the conjugate of w. */
PC_INLINE void turn(const int back, const elem *w, vec *re, vec *im) {
    const vec wr = v_set1(w[0]), wi = v_set1(w[1]), r = *re, i = *im;
    *re = back ? v_fma(i, wi, v_mul(r, wr)) : v_fnma(i, wi, v_mul(r, wr));
    *im = back ? v_fnma(r, wi, v_mul(i, wr)) : v_fma(r, wi, v_mul(i, wr));
}

PC_INLINE void load(const elem *p, vec *re, vec *im) {
    *re = v_load(p);
    *im = v_load(p + PC_VLEN);
}

PC_INLINE void store(elem *p, vec re, vec im) {
    v_store(p, re);
    v_store(p + PC_VLEN, im);
}

/* The transform of `radix` points, `step` elements apart; w are the factors of its results but the first, or of its
 * inputs when `back`, and NULL for factors of 1. */
PC_INLINE void butterfly(const int radix, const int back, const int turned, const elem *w, int64_t step, elem *p) {
    vec re[4], im[4];
    PC_UNROLL for (int i = 0; i < radix; i++) load(p + i * step, &re[i], &im[i]);
    if (back && turned) {
        PC_UNROLL for (int i = 1; i < radix; i++) turn(1, w + 2 * (i - 1), &re[i], &im[i]);
    }
    if (radix == 2) {
        const vec r = re[1], i = im[1];
        re[1] = v_sub(re[0], r);
        im[1] = v_sub(im[0], i);
        re[0] = v_add(re[0], r);
        im[0] = v_add(im[0], i);
    } else if (radix == 3) {
        const vec half = v_set1((elem)-0.5), root = v_set1((elem)0.86602540378443864676);
        const vec r = v_add(re[1], re[2]), i = v_add(im[1], im[2]);
        const vec u = v_fma(r, half, re[0]), v = v_fma(i, half, im[0]);
        const vec dr = v_mul(v_sub(re[1], re[2]), root), di = v_mul(v_sub(im[1], im[2]), root);
        re[0] = v_add(re[0], r);
        im[0] = v_add(im[0], i);
        re[1] = back ? v_sub(u, di) : v_add(u, di);
        im[1] = back ? v_add(v, dr) : v_sub(v, dr);
        re[2] = back ? v_add(u, di) : v_sub(u, di);
        im[2] = back ? v_sub(v, dr) : v_add(v, dr);
    } else {
        const vec ar = v_add(re[0], re[2]), ai = v_add(im[0], im[2]), br = v_sub(re[0], re[2]),
                  bi = v_sub(im[0], im[2]);
        const vec cr = v_add(re[1], re[3]), ci = v_add(im[1], im[3]), dr = v_sub(re[1], re[3]),
                  di = v_sub(im[1], im[3]);
        re[0] = v_add(ar, cr);
        im[0] = v_add(ai, ci);
        re[2] = v_sub(ar, cr);
        im[2] = v_sub(ai, ci);
        re[1] = back ? v_sub(br, di) : v_add(br, di);
        im[1] = back ? v_add(bi, dr) : v_sub(bi, dr);
        re[3] = back ? v_add(br, di) : v_sub(br, di);
        im[3] = back ? v_sub(bi, dr) : v_add(bi, dr);
    }
    if (!back && turned) {
        PC_UNROLL for (int i = 1; i < radix; i++) turn(0, w + 2 * (i - 1), &re[i], &im[i]);
    }
    PC_UNROLL for (int i = 0; i < radix; i++) store(p + i * step, re[i], im[i]);
}

/* All transforms of `radix` points that one step of transforms of n points takes, of which `all` / n lie in a row. */
PC_INLINE void pass(const int radix, const int back, int64_t n, int64_t all, const elem *w, elem *data) {
    const int64_t step = n / radix * POINT;
    const int plain = radix == 4; /* the other steps come once a transform, and do as well with factors of 1 */
    for (int64_t b = 0; b < all && plain; b += n) butterfly(radix, back, 0, 0, step, data + b * POINT);
    for (int64_t j = plain; j < n / radix; j++)
        for (int64_t b = 0; b < all; b += n)
            butterfly(radix, back, 1, w + 2 * (radix - 1) * j, step, data + (b + j) * POINT);
}

/* One step of either direction; returns its radix. */
static int64_t one_pass(int back, int64_t n, int64_t all, const elem *w, elem *data) {
    const int radix = pc_fft_radix(n);
    if (back) {
        if (radix == 4)
            pass(4, 1, n, all, w, data);
        else if (radix == 3)
            pass(3, 1, n, all, w, data);
        else
            pass(2, 1, n, all, w, data);
    } else {
        if (radix == 4)
            pass(4, 0, n, all, w, data);
        else if (radix == 3)
            pass(3, 0, n, all, w, data);
        else
            pass(2, 0, n, all, w, data);
    }
    return radix;
}

/* The steps backward are those forward from the last to the first. */
static void backward(int64_t n, int64_t all, const elem *w, elem *data) {
    const int radix = pc_fft_radix(n);
    if (n > radix) backward(n / radix, all, w + 2 * (radix - 1) * (n / radix), data);
    one_pass(1, n, all, w, data);
}

void PC_FN(pc_fft_points)(int back, int64_t n, const void *roots, void *data) {
    const elem *w = roots;
    if (back) {
        backward(n, n, w, data);
        return;
    }
    for (int64_t m = n; m > 1;) {
        const int64_t radix = one_pass(0, m, n, w, data);
        m /= radix;
        w += 2 * (radix - 1) * m;
    }
}

void PC_FN(pc_fft_product)(int64_t n, const void *a_, const void *b_, void *dst_) {
    const elem *a = a_, *b = b_;
    elem *dst = dst_;
    for (int64_t i = 0; i < n * POINT; i += POINT) {
        vec ar, ai, br, bi;
        load(a + i, &ar, &ai);
        load(b + i, &br, &bi);
        store(dst + i, v_fnma(ai, bi, v_mul(ar, br)), v_fma(ai, br, v_mul(ar, bi)));
    }
}

/* PC_VLEN points of PC_VLEN transforms, real or imaginary parts, lanes for points: points lie src_step apart, their
 * counterparts in dst dst_step. */
PC_INLINE void square(const elem *src, int64_t src_step, elem *dst, int64_t dst_step) {
    vec r[PC_VLEN];
    PC_UNROLL for (int i = 0; i < PC_VLEN; i++) r[i] = v_load(src + i * src_step);
    v_transpose(r);
    PC_UNROLL for (int i = 0; i < PC_VLEN; i++) v_store(dst + i * dst_step, r[i]);
}

/* Numbers from 2^40 on (of doubles from 2^480) could overflow in a product of transforms, or in its sums. This makes
 * infinities of them. */
#if defined(PC_DTYPE_F64)
#define TO_OVERFLOW 0x1p544
#else
#define TO_OVERFLOW 0x1p88f
#endif

/* Fold two numbers into one. Returns a NaN where either is none, an infinity, or too large, else zeros. */
PC_INLINE vec fold(vec re, vec im, const elem *twist, elem *point) {
    const vec by = v_set1(TO_OVERFLOW), a = v_mul(re, by), b = v_mul(im, by);
    turn(0, twist, &re, &im);
    store(point, re, im);
    return v_add(v_sub(a, a), v_sub(b, b));
}

int PC_FN(pc_fft_in)(const pc_fft_args *a) {
    const int64_t half = a->rows / 2;
    const elem *src = a->tile, *twist = a->twist;
    elem *points = a->points, *dst = a->spectrum;
    vec seen = v_zero();
    for (int64_t x = 0; x < a->cols; x += PC_VLEN) {
        for (int64_t y = 0; y < half; y++) {
            const elem *p = src + y * a->ld_tile + x;
            const vec bad = fold(v_load(p), v_load(p + half * a->ld_tile), twist + 2 * y, points + y * POINT);
            seen = v_add(seen, bad);
        }
        PC_FN(pc_fft_points)(0, half, a->row_roots, points);
        for (int64_t k = 0; k < half; k += PC_VLEN)
            for (int part = 0; part < POINT; part += PC_VLEN)
                square(points + k * POINT + part, POINT, dst + (k * a->cols + x * PC_VLEN) * 2 + part, POINT);
    }
    return v_any_nan(seen, seen);
}

void PC_FN(pc_fft_out)(const pc_fft_args *a, double bias, int64_t rows, int64_t cols, void *dst_, int64_t ld_dst) {
    const int64_t half = a->rows / 2;
    const elem *src = a->spectrum, *twist = a->twist;
    elem *points = a->points, *dst = dst_;
    const vec start = v_set1((elem)bias);
    for (int64_t x = 0; x < cols; x += PC_VLEN) {
        const int n = (int)pc_min(cols - x, PC_VLEN);
        for (int64_t k = 0; k < half; k += PC_VLEN)
            for (int part = 0; part < POINT; part += PC_VLEN)
                square(src + (k * a->cols + x * PC_VLEN) * 2 + part, POINT, points + k * POINT + part, POINT);
        PC_FN(pc_fft_points)(1, half, a->row_roots, points);
        for (int64_t y = 0; y < half && y < rows; y++) {
            vec re, im;
            load(points + y * POINT, &re, &im);
            turn(1, twist + 2 * y, &re, &im);
            elem *p = dst + y * ld_dst + x;
            v_store_n(p, n, v_add(re, start));
            if (y + half < rows) v_store_n(p + half * ld_dst, n, v_add(im, start));
        }
    }
}

void PC_FN(pc_fft_line)(const pc_fft_line_args *a) {
    const int64_t half = a->n / 2;
    const elem *twist = a->twist, *wei = a->wei, *tile = a->tile;
    elem *points = a->points;
    const vec start = v_set1((elem)a->bias);
    vec seen = v_zero();
    for (int64_t y = 0; y < half; y++) {
        const elem *p = tile + y * PC_VLEN;
        seen = v_add(seen, fold(v_load(p), v_load(p + half * PC_VLEN), twist + 2 * y, points + y * POINT));
    }
    v_store(a->seen, seen);
    PC_FN(pc_fft_points)(0, half, a->roots, points);
    for (int64_t k = 0; k < half; k++) {
        vec re, im;
        load(points + k * POINT, &re, &im);
        turn(0, wei + 2 * k, &re, &im);
        store(points + k * POINT, re, im);
    }
    PC_FN(pc_fft_points)(1, half, a->roots, points);
    for (int64_t y = 0; y < half; y++) {
        vec re, im;
        load(points + y * POINT, &re, &im);
        turn(1, twist + 2 * y, &re, &im);
        store(points + y * POINT, v_add(re, start), v_add(im, start));
    }
}
