/* int_gather.c - the strip of gather.c for integers: what int_lanes.c multiplies, made of numbers of 8 to 32 bits.
 *
 * Of floats' size, an element is a pair: two neighbouring channels of a pixel as int16_t, the second zero beyond the
 * last channel. Of doubles' size it is one channel's number in 64 bits. A bordered row is made of whole elements first,
 * in the strip itself where it may stay there; steps between columns and channels last are then moves of elements. */
#include "../base/shape.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

enum { FOLD = PC_INT_FOLD(sizeof(elem)) }; /* channels an element */
#if defined(PC_DTYPE_F64)
typedef int64_t number;
#else
typedef int16_t number;
#endif

PC_INLINE number number_at(pc_storage type, const void *src, int64_t i) {
    switch (type) {
        case PC_U8: return ((const uint8_t *)src)[i];
        case PC_S8: return ((const int8_t *)src)[i];
        case PC_S16: return ((const int16_t *)src)[i];
        default: return (number)((const int32_t *)src)[i];
    }
}

/* n numbers from src on, `step` apart, to every `apart`-th of dst. */
PC_RARE void copy(pc_storage type, const void *src, int64_t n, int64_t step, int64_t apart, number *dst) {
    for (int64_t i = 0; i < n; i++) dst[i * apart] = number_at(type, src, i * step);
}

static void fill(number *dst, int64_t n, number x) {
    for (int64_t i = 0; i < n; i++) dst[i] = x;
}

#if defined(PC_DTYPE_F32)
/* Bytes, whose sign is in the bit `sign`, or which have none: it is 0. These two loops become vectors. */
static void copy_bytes(const uint8_t *src, int64_t n, int sign, number *dst) {
    for (int64_t i = 0; i < n; i++) dst[i] = (number)((src[i] ^ sign) - sign);
}

/* The same of two planes, in turn. */
static void copy_planes(const uint8_t *a, const uint8_t *b, int64_t n, int sign, number *dst) {
    for (int64_t i = 0; i < n; i++) {
        dst[2 * i] = (number)((a[i] ^ sign) - sign);
        dst[2 * i + 1] = (number)((b[i] ^ sign) - sign);
    }
}
#endif

/* Columns [from, from + n) of a row of the image, `inside` channels of each from src on, to pixels of m elements. */
static void copy_columns(const pc_gather_args *a, const char *src, int64_t from, int64_t n, int64_t inside, int m,
                         number *dst) {
    const int64_t all = (int64_t)m * FOLD, size = pc_storage_size(a->type), col = a->src_col, chan = a->src_chan;
    src += from * col * size;
#if defined(PC_DTYPE_F32)
    const int sign = a->type == PC_S8 ? 0x80 : 0;
    if (size == 1 && chan == 1 && inside == all) {
        if (all == col) copy_bytes((const uint8_t *)src, n * all, sign, dst); /* pixels touch */
        for (int64_t x = 0; all != col && x < n; x++)
            copy_bytes((const uint8_t *)src + x * col, all, sign, dst + x * all);
        return;
    }
    if (size == 1 && col == 1 && inside == 2 && all == 2) {
        copy_planes((const uint8_t *)src, (const uint8_t *)src + chan, n, sign, dst);
        return;
    }
#endif
    for (int64_t c = 0; c < inside; c++) copy(a->type, src + c * chan * size, n, col, all, dst + c);
    for (int64_t c = inside; c < all; c++)
        for (int64_t x = 0; x < n; x++) dst[x * all + c] = 0;
}

/* Elements [from, to) of a bordered row, outside the image: each stands for a column inside, or for the fill. */
static void make_border(const pc_gather_args *a, const char *src, int64_t from, int64_t to, int64_t inside, int m,
                        number *dst) {
    const int64_t all = (int64_t)m * FOLD;
    for (int64_t u = from; u < to; u++) {
        const int64_t ix = pc_border(a->boundary, a->x0 + u, a->in_w);
        if (ix < 0)
            fill(dst + u * all, all, (number)a->fill);
        else
            copy_columns(a, src, ix, 1, inside, m, dst + u * all);
    }
}

/* Row iy of the bordered image, pixels of m elements. */
static void make_row(const pc_gather_args *a, const char *src, int64_t iy, int64_t inside, int m, number *dst) {
    if (iy < 0) {
        fill(dst, a->cols * m * FOLD, (number)a->fill);
        return;
    }
    src += iy * a->src_row * pc_storage_size(a->type);
    const int64_t lo = pc_min(pc_max(0, -a->x0), a->cols), hi = pc_max(lo, pc_min(a->cols, a->in_w - a->x0));
    make_border(a, src, 0, lo, inside, m, dst);
    if (hi > lo) copy_columns(a, src, a->x0 + lo, hi - lo, inside, m, dst + lo * m * FOLD);
    make_border(a, src, hi, a->cols, inside, m, dst);
}

void PC_FN(pc_int_gather)(const pc_gather_args *a) {
    const int block = a->src_chan == 1 ? PC_INT_BLOCK : 1;
    const int64_t size = pc_storage_size(a->type);
    for (int64_t c = 0; c < a->channels; c += block) {
        const char *src = (const char *)a->src + c * FOLD * a->src_chan * size;
        const int m = (int)pc_min(block, a->channels - c);
        const int64_t inside = pc_min((int64_t)m * FOLD, a->inside - c * FOLD);
        elem *dst = (elem *)a->dst + c * a->chan;
        for (int rp = 0; rp < a->sh && rp < a->rows; rp++) {
            if (rp < 64 && !(a->row_phases >> rp & 1)) continue;
            elem *row = dst + (int64_t)rp * a->sw * a->phase;
            for (int64_t t = rp; t < a->rows; t += a->sh, row += a->pitch) {
                const int64_t iy = pc_border(a->boundary, a->y0 + t, a->in_h);
                const int stays = m == 1 && a->sw == 1;
                elem *made = stays ? row : a->row;
                make_row(a, src, iy, inside, m, (number *)(void *)made);
                for (int cp = 0; !stays && cp < a->sw && cp < a->cols; cp++) {
                    if (cp < 64 && !(a->col_phases >> cp & 1)) continue;
                    const int64_t n = pc_ceil_div(a->cols - cp, a->sw);
                    PC_FN(pc_transpose)(made + cp * m, (int64_t)a->sw * m, n, m, row + cp * a->phase, a->chan);
                }
            }
        }
    }
}
