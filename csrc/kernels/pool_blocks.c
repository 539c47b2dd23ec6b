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
 * Scalar code takes tiles. */
#include "kernels.h"

#if !defined(PC_TARGET_SCALAR)
#include "pool.h"
#include "table.h"

/* PC_VLEN results in that order: of the elements at `top`, those `apart` from them, and the two rows `below` these. Of
 * either row only the first `left` elements exist, if masked. */
PC_INLINE vec blocks(const int op, const int masked, const elem *top, int64_t below, int64_t apart, int64_t left,
                     vnan *seen) {
    vec e[4];
    PC_UNROLL for (int i = 0; i < 4; i++) {
        const elem *p = top + (i & 1 ? apart : 0) + (i & 2 ? below : 0);
        e[i] = masked ? v_load_part(p, left - (i & 1 ? apart : 0), 0) : v_load(p);
    }
    if (op == MAX) *seen = v_note_nan(v_note_nan(*seen, e[0], e[1]), e[2], e[3]);
    return combine(op, combine(op, v_even_unordered(e[0], e[1]), v_odd_unordered(e[0], e[1])),
                   combine(op, v_even_unordered(e[2], e[3]), v_odd_unordered(e[2], e[3])));
}

PC_INLINE vec finish(const int op, const pc_pool_blocks_args *a, vec v) {
    return op == SUM ? divided(v_ordered(v), a->by, a->times) : v_ordered(v);
}

/* How many of the rows may be stored by `lanes` each, and end before the last row does. */
PC_INLINE int64_t storable(const pc_pool_blocks_args *a, int64_t lanes) {
    return a->rows - pc_ceil_div(lanes, a->n) + 1;
}

PC_INLINE int all_blocks(const int op, const pc_pool_blocks_args *a) {
    const int64_t n = a->n, ld = 2 * a->in_w, below = a->in_w;
    const elem *src = a->src;
    elem *dst = a->dst;
    vnan seen = v_no_nan();
    int64_t r = 0;
    if (op != CAREFUL && n >= PC_VLEN) {
        for (; r < a->rows; r++, src += ld, dst += n) {
            for (int64_t at = 0; at < n; at += PC_VLEN) { /* the last vector of a row steps back */
                const int64_t x = pc_min(at, n - PC_VLEN);
                v_store(dst + x, finish(op, a, blocks(op, 0, src + 2 * x, below, PC_VLEN, 0, &seen)));
            }
        }
    } else if (op != CAREFUL) {
        const int64_t pairs = 2 * n <= PC_VLEN ? storable(a, PC_VLEN / 2) : 0, whole = storable(a, PC_VLEN);
        for (; r + 1 < pairs; r += 2, src += 2 * ld, dst += 2 * n)
            v_store_halves(dst, dst + n, finish(op, a, blocks(op, 0, src, below, ld, 0, &seen)));
        for (; r < whole; r++, src += ld, dst += n)
            v_store(dst, finish(op, a, blocks(op, 0, src, below, PC_VLEN, 0, &seen)));
    }
    for (; r < a->rows; r++, src += ld, dst += n) {
        for (int64_t x = 0; x < n; x += PC_VLEN)
            store(dst + x, n - x, finish(op, a, blocks(op, 1, src + 2 * x, below, PC_VLEN, 2 * (n - x), &seen)));
    }
    return op == MAX && v_met_nan(seen);
}

void PC_FN(pc_pool_blocks)(const pc_pool_blocks_args *a) {
    if (a->kind == PC_POOL_AVERAGE)
        all_blocks(SUM, a);
    else if (all_blocks(MAX, a))
        all_blocks(CAREFUL, a);
}
#endif
