/* pool_blocks.c - the largest element or the sum of blocks of 2x2, which share nothing and meet no border.
 *
 * Rows of results that follow each other in memory need no masks: what a vector stores beyond the end of its row, the
 * next row stores anew, and what it loads there is image, too. Where half a vector holds a row, two rows share one:
 *
 *     rows of the image, two for    a b c d . .   top        even and odd of top and top': a c | a' c', b d | b' d'
 *     each row of results           e f g h . .
 *                                   a'b'c'd'. .   top'       result: two of row 0 | two of row 1
 *                                   e'f'g'h'. .
 *
 * Halves stay in the target's own order until both rows are combined: one shuffle in their place instead of four.
 * Blocks of several slices go on with the next slice before they are stored. Scalar code takes tiles. */
#include "kernels.h"

#if !defined(PC_TARGET_SCALAR)
#include "pool.h"
#include "table.h"

/* PC_VLEN results in that order: of the elements at `top`, those `apart` from them, and the two rows below these, slice
 * after slice, if deep. Of either row only the first `left` elements exist, if masked. */
PC_INLINE vec blocks(const int op, const int deep, const int masked, const pc_pool_blocks_args *a, const elem *top,
                     int64_t apart, int64_t left, vnan *seen) {
    vec out = neutral(op);
    for (int64_t q = 0; q < (deep ? a->depth : 1); q++, top += a->ld_slice) {
        vec e[4];
        PC_UNROLL for (int i = 0; i < 4; i++) {
            const elem *p = top + (i & 1 ? apart : 0) + (i & 2 ? a->in_w : 0);
            e[i] = masked ? v_load_part(p, left - (i & 1 ? apart : 0), 0) : v_load(p);
        }
        if (op == MAX) *seen = v_note_nan(v_note_nan(*seen, e[0], e[1]), e[2], e[3]);
        const vec row = combine(op, v_even_unordered(e[0], e[1]), v_odd_unordered(e[0], e[1]));
        out = deep ? combine(op, out, row) : row;
        out = combine(op, out, combine(op, v_even_unordered(e[2], e[3]), v_odd_unordered(e[2], e[3])));
    }
    return out;
}

PC_INLINE vec finish(const int op, const pc_pool_blocks_args *a, vec v) {
    return op == SUM ? divided(v_ordered(v), a->by, a->times) : v_ordered(v);
}

/* How many of the rows may be stored by `lanes` each, and end before the last row does. */
PC_INLINE int64_t storable(const pc_pool_blocks_args *a, int64_t lanes) {
    return a->rows - pc_ceil_div(lanes, a->n) + 1;
}

/* Where a row of results is taken from, and goes. */
typedef struct place {
    const elem *src;
    elem *dst;
    int64_t row, high; /* of the results, and of its plane's */
} place;

/* That of the next row, in the same plane or at the top of the next. */
PC_INLINE place next(const pc_pool_blocks_args *a, place at) {
    const int top = at.high + 1 == a->high;
    at.src += top ? a->ld_plane - 2 * at.high * a->in_w : 2 * a->in_w;
    at.dst += a->n;
    at.row++;
    at.high = top ? 0 : at.high + 1;
    return at;
}

/* The last rows, and all of them where there is a NaN. */
PC_RARE void careful(const pc_pool_blocks_args *a, place at) {
    const int op = a->kind == PC_POOL_AVERAGE ? SUM : CAREFUL;
    for (; at.row < a->rows; at = next(a, at))
        for (int64_t x = 0; x < a->n; x += PC_VLEN)
            store(at.dst + x, a->n - x, finish(op, a, blocks(op, 1, 1, a, at.src + 2 * x, PC_VLEN, 2 * (a->n - x), 0)));
}

PC_INLINE void all_blocks(const int op, const int deep, const pc_pool_blocks_args *a) {
    const int64_t n = a->n, pairs = 2 * n <= PC_VLEN ? storable(a, PC_VLEN / 2) : 0, whole = storable(a, PC_VLEN);
    const place first = {a->src, a->dst, 0, 0};
    vnan seen = v_no_nan();
    place at = first;
    while (at.row + 1 < pairs) {
        const place second = next(a, at);
        v_store_halves(at.dst, second.dst,
                       finish(op, a, blocks(op, deep, 0, a, at.src, second.src - at.src, 0, &seen)));
        at = next(a, second);
    }
    for (; at.row < whole; at = next(a, at)) {
        for (int64_t i = 0; i < n; i += PC_VLEN) { /* the last vector of a long row steps back */
            const int64_t x = pc_max(0, pc_min(i, n - PC_VLEN));
            v_store(at.dst + x, finish(op, a, blocks(op, deep, 0, a, at.src + 2 * x, PC_VLEN, 0, &seen)));
        }
    }
    careful(a, op == MAX && v_met_nan(seen) ? first : at);
}

void PC_FN(pc_pool_blocks)(const pc_pool_blocks_args *a) {
    if (a->kind == PC_POOL_AVERAGE)
        a->depth > 1 ? all_blocks(SUM, 1, a) : all_blocks(SUM, 0, a);
    else
        a->depth > 1 ? all_blocks(MAX, 1, a) : all_blocks(MAX, 0, a);
}
#endif
