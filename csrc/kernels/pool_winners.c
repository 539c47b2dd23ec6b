/* pool_winners.c - the largest of several rows and which of them it is of: maxima with indices where channels come
 * last.
 *
 * The number of a row travels in the lanes of a vector beside the largest element, as an element: exact, up to 2^24. */
#include "kernels.h"
#include "pool.h"
#include "table.h"

enum {
    CHANNELS = 1024, /* at a time, whose numbers of rows wait between */
    TAPS = 16,       /* rows at a time: caches foresee that many runs, and not the columns of large windows */
};

/* nv vectors at i, or the first elements of one: what rows from .. to of line l change in best and tap. */
PC_INLINE void winners(const int nv, const int part, const pc_pool_winners_args *a, int64_t l, int64_t i, int64_t from,
                       int64_t to, elem *best, elem *tap) {
    const int64_t left = pc_min(a->n - i, PC_VLEN);
    const vmask there = v_mask(0, (int)left);
    vec value[WIDE], at[WIDE], t = v_set1((elem)from);
    PC_UNROLL for (int v = 0; v < nv; v++) {
        value[v] = from ? part ? v_load_mask(best, there) : v_load(best + v * PC_VLEN) : neutral(MAX);
        at[v] = from ? v_load(tap + v * PC_VLEN) : v_zero();
    }
    for (int64_t k = from; k < to; k++, t = v_add(t, v_set1(1))) {
        const elem *row = (const elem *)a->row[k] + l * a->ld_src + i;
        PC_UNROLL for (int v = 0; v < nv; v++) {
            const vec e = part ? v_load_mask(row, there) : v_load(row + v * PC_VLEN);
            value[v] = v_winner(value[v], e, t, &at[v]);
        }
    }
    PC_UNROLL for (int v = 0; v < nv; v++) {
        v_store(tap + v * PC_VLEN, at[v]);
        store(best + v * PC_VLEN, part ? left : PC_VLEN, value[v]);
    }
}

void PC_FN(pc_pool_winners)(const pc_pool_winners_args *a) {
    for (int64_t l = 0; l < a->lines; l++) {
        elem *dst = (elem *)a->dst + l * a->ld_dst;
        int64_t *at = a->at + l * a->ld_at;
        for (int64_t first = 0; first < a->n; first += CHANNELS) {
            elem tap[CHANNELS];
            const int64_t end = pc_min(a->n, first + CHANNELS);
            for (int64_t from = 0; from == 0 || from < a->taps; from += TAPS) {
                const int64_t to = pc_min(a->taps, from + TAPS);
                int64_t i = first;
                for (; i + WIDE * PC_VLEN <= end; i += WIDE * PC_VLEN)
                    winners(WIDE, 0, a, l, i, from, to, dst + i, tap + i - first);
                for (; i < end; i += PC_VLEN) winners(1, 1, a, l, i, from, to, dst + i, tap + i - first);
            }
            for (int64_t i = first; i < end; i++, at += a->at_step)
                *at = a->index[(int)tap[i - first]] + l * a->ld_index;
        }
    }
}
