/* rows.c - depthwise and one-channel filters, channels first: vectors run along output columns, several output rows at once.
 *
 * The tap column s is the outer loop, with its kr weights in registers; each input row is loaded once for it and multiplied
 * into every output row that it touches. Rows come through a table of pointers, so the border above and below is a row of
 * zeros (or another row) and costs nothing; left and right borders are masks, computed only for the vectors that meet them. */
#include "../base/shape.h"
#include "../simd/tiles.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

enum { MAX_KR = 9 };

/* kr and step are constants of the variant, or kr is 0 for any height: then each output row loads rows of its own. */
PC_INLINE void column(const int tile, const int kr, const int step, const int masked, const pc_rows_args *a, int64_t x) {
    vec acc[PC_MAX_ROW_TILE];
    const elem *wei = a->wei;
    const vec bias = v_set1((elem)a->bias);
    PC_UNROLL for (int r = 0; r < tile; r++) acc[r] = bias;
    for (int64_t s = 0; s < a->kw; s++) {
        const int64_t off = a->col_off[s] + x;
        const vmask m = masked ? v_mask((int)pc_max(a->lo[s] - x, 0), (int)pc_min(a->hi[s] - x, PC_VLEN)) : v_mask(0, PC_VLEN);
        if (kr) {
            vec w[MAX_KR];
            PC_UNROLL for (int q = 0; q < kr; q++) w[q] = v_set1(wei[q]);
            PC_UNROLL for (int i = 0; i < (tile - 1) * step + kr; i++) {
                const elem *p = (const elem *)a->row[i] + off;
                const vec v = masked ? v_load_mask(p, m) : v_load(p);
                PC_UNROLL for (int r = 0; r < tile; r++)
                    if (i >= r * step && i < r * step + kr) acc[r] = v_fma(v, w[i - r * step], acc[r]);
            }
            wei += kr;
        } else {
            const void *const *row = a->row;
            for (int q = 0; q < a->kr; q++, row++) {
                const vec w = v_set1(*wei++);
                PC_UNROLL for (int r = 0; r < tile; r++) {
                    const elem *p = (const elem *)row[r * a->row_step] + off;
                    acc[r] = v_fma(masked ? v_load_mask(p, m) : v_load(p), w, acc[r]);
                }
            }
        }
    }
    elem *dst = (elem *)a->dst + x;
    const int n = (int)pc_min(a->ow - x, PC_VLEN);
    if (n == PC_VLEN) {
        PC_UNROLL for (int r = 0; r < tile; r++) v_store(dst + r * a->ld_dst, acc[r]);
    } else {
        PC_UNROLL for (int r = 0; r < tile; r++) v_store_n(dst + r * a->ld_dst, n, acc[r]);
    }
}

PC_INLINE void rows(const int tile, const int kr, const int step, const pc_rows_args *a) {
    for (int64_t x = 0; x < a->ow; x += PC_VLEN) {
        if (x >= a->inner_lo && x + PC_VLEN <= a->inner_hi)
            column(tile, kr, step, 0, a, x);
        else
            column(tile, kr, step, 1, a, x);
    }
}

/* X(tile, kr, step) */
#define ANY(X, tile) X(tile, 0, 0)
#define SMALL(X, tile) X(tile, 3, 1) X(tile, 5, 1) X(tile, 7, 1) X(tile, 3, 2) X(tile, 5, 2) X(tile, 7, 2)
#define WITH_9(X, tile) SMALL(X, tile) X(tile, 9, 1)
#if PC_REGISTERS >= 32
#define VARIANTS(X)                                                                                                   \
    ANY(X, 1) ANY(X, 4) ANY(X, 8) SMALL(X, 1) SMALL(X, 2) SMALL(X, 4) SMALL(X, 7) WITH_9(X, 8) WITH_9(X, 14)
#elif defined(PC_TARGET_AVX2)
#define VARIANTS(X) ANY(X, 1) ANY(X, 4) ANY(X, 8) SMALL(X, 1) SMALL(X, 2) WITH_9(X, 4) SMALL(X, 7) SMALL(X, 8)
#else
#define VARIANTS(X) ANY(X, 1) ANY(X, 4) SMALL(X, 2)
#endif

#define DEFINE(tile, kr, step)                                                                                        \
    static void rows_##tile##_##kr##_##step(const pc_rows_args *a) { rows(tile, kr, step, a); }
VARIANTS(DEFINE)

pc_rows_fn *PC_FN(pc_rows_find)(int tile, int kr, int row_step) {
#define FIND(t, k, s)                                                                                                 \
    if (tile == t && kr == k && row_step == s) return rows_##t##_##k##_##s;
    VARIANTS(FIND)
    return 0;
}
