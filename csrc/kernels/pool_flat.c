/* pool_flat.c - rows of windows at step 1 whose results are as many as the elements: a plane as one long row.
 *
 * Vectors run on over the ends of rows, so that narrow planes fill them: 17 columns are one vector and a lane, 17 x 17
 * elements are 18 vectors and a lane. What lies beside its own row does not count, by a mask for each vector and tap,
 * the same for all planes:
 *
 *     plane, 3 columns      a b c d e f g h i
 *     one to the left       . a b . d e . g h      '.' masked
 *     one to the right      b c . e f . h i .
 *
 * In float32 for the targets whose masks hold any lanes; others take the path of rows, with the same bits. */
#include "kernels.h"

#if (defined(PC_TARGET_AVX512) || defined(PC_TARGET_AVX2)) && defined(PC_DTYPE_F32)
#include "pool.h"
#include "table.h"

void PC_FN(pc_pool_flat_masks)(int64_t n, void *flags) {
    const elem *f = flags;
    vmask *masks = flags;
    for (int64_t v = 0; v * PC_VLEN < n; v++) masks[v] = v_mask_where(v_load(f + v * PC_VLEN));
}

/* nv vectors from vector v on. Of elements a NaN shows where they are the middle of their window. */
PC_INLINE int flat_at(const int op, const int nv, const pc_pool_flat_args *a, int64_t v) {
    const int64_t i = v * PC_VLEN;
    const elem *src = (const elem *)a->src + i;
    vnan seen = v_no_nan();
    vec out[WIDE];
    PC_UNROLL for (int u = 0; u < nv; u++) out[u] = neutral(op);
    for (int64_t j = 0; j < a->taps; j++) {
        const vmask *masks = (const vmask *)((const elem *)a->masks + j * a->ld_masks) + v;
        PC_UNROLL for (int u = 0; u < nv; u++) {
            const vec e = v_load_mask_or(src + a->off[j] + u * PC_VLEN, masks[u], neutral(op));
            if (op == MAX && 2 * j + 1 == a->taps) seen = v_note_nan(seen, e, e);
            out[u] = j ? combine(op, out[u], e) : e;
        }
    }
    elem *dst = (elem *)a->dst + i;
    if (nv == 1) store(dst, a->n - i, out[0]);
    PC_UNROLL for (int u = 0; u < nv && nv > 1; u++) v_store(dst + u * PC_VLEN, out[u]);
    return op == MAX && v_met_nan(seen);
}

PC_INLINE int all_flat(const int op, const pc_pool_flat_args *a) {
    const int64_t vectors = pc_ceil_div(a->n, PC_VLEN);
    int64_t v = 0;
    int met = 0;
    for (; op != CAREFUL && (v + WIDE) * PC_VLEN <= a->n; v += WIDE) met |= flat_at(op, WIDE, a, v);
    for (; v < vectors; v++) met |= flat_at(op, 1, a, v);
    return met;
}

void PC_FN(pc_pool_flat)(const pc_pool_flat_args *a) {
    if (a->kind == PC_POOL_AVERAGE)
        all_flat(SUM, a);
    else if (all_flat(MAX, a))
        all_flat(CAREFUL, a);
}
#endif
