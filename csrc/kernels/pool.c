/* pool.c - the largest element or the sum of each window: along the columns of each of its rows, then down the rows. So
 * a row that several windows share is reduced once, and the first of equal maxima in memory order (+0 or -0) stays.
 *
 * NaN wins over every number, which takes two instructions more than the maximum itself. So maxima are taken as if
 * there were no NaN, one comparison for two loads tells whether that was so, and if not they are taken again. */
#include "pool.h"
#include "kernels.h"
#include "table.h"

PC_INLINE vnan note(const int op, vnan seen, vec a, vec b) { return op == MAX ? v_note_nan(seen, a, b) : seen; }

/* The lanes of a vector at element `off` of a row that lie in it. */
PC_INLINE vmask lanes_in(int64_t off, int64_t in_w) {
    return v_mask((int)pc_max(-off, 0), (int)pc_min(pc_max(in_w - off, 0), PC_VLEN));
}

/* Elements off .. off + PC_VLEN of a row, or what changes nothing in their place outside it. */
PC_INLINE vec load(const int op, const int masked, const elem *row, int64_t off, int64_t in_w) {
    if (!masked) return v_load(row + off);
    return v_load_mask_or(row + off, lanes_in(off, in_w), neutral(op));
}

/* ---- tiles: the common windows ----------------------------------------------------------------------------------- */

/* What is noted of NaN in a tile. GCC runs out of AVX-512's mask registers if it gathers there. */
#if defined(PC_TARGET_AVX512)
typedef int tile_nan;
PC_INLINE tile_nan no_nan_yet(void) { return 0; }
PC_INLINE void note_in_tile(const int op, tile_nan *seen, vec a, vec b) { *seen |= op == MAX && v_any_nan(a, b); }
PC_INLINE int met_nan(tile_nan seen) { return seen; }
#else
typedef vnan tile_nan;
PC_INLINE tile_nan no_nan_yet(void) { return v_no_nan(); }
PC_INLINE void note_in_tile(const int op, tile_nan *seen, vec a, vec b) { *seen = note(op, *seen, a, b); }
PC_INLINE int met_nan(tile_nan seen) { return v_met_nan(seen); }
#endif

enum { MOST_LOADS = 5 }; /* of a row */

/* The vectors of a row that `along` loads: how many, and where from the first element of the first window on. */
PC_INLINE int loads(const int k, const int s) { return s == 1 || k == 3 ? k : 2; }
PC_INLINE int64_t load_at(const int k, const int s, int i) {
    return s == 1 ? i : k - 2 + (i == 2 ? -PC_VLEN : i * PC_VLEN); /* the last two of windows come first */
}

/* One row of windows k x k at step s whose first elements stand at `row`, of each load the lanes of a mask, if masked.
 * What is noted covers all that they read. */
PC_INLINE vec along(const int op, const int k, const int s, const int masked, const elem *row, const vmask *mask,
                    tile_nan *seen) {
    vec v[MOST_LOADS];
    PC_UNROLL for (int i = 0; i < loads(k, s); i++) {
        const elem *p = row + load_at(k, s, i);
        v[i] = masked ? v_load_mask_or(p, mask[i], neutral(op)) : v_load(p);
    }
    if (s == 1) {
        vec sum = v[0];
        PC_UNROLL for (int j = 1; j < k; j++) {
            sum = combine(op, sum, v[j]);
            if (k - 1 > PC_VLEN) note_in_tile(op, seen, v[j], v[j]);
        }
        note_in_tile(op, seen, v[0], v[k - 1]);
        return sum;
    }
    const vec even = v_even(v[0], v[1]), odd = v_odd(v[0], v[1]);
    note_in_tile(op, seen, v[0], v[1]);
    if (k == 2) return combine(op, even, odd);
    const vec first = v_shift_in(v[2], odd);
    note_in_tile(op, seen, first, first);
    return combine(op, combine(op, first, even), odd);
}

/* Vector x of a plane's tile. Tiles of few rows take several slices of depth, where masked. */
PC_INLINE int tile_at(const int op, const int tile, const int k, const int s, const int masked,
                      const pc_pool_tile_args *a, const vmask *mask, const void *const *row, int64_t x, elem *dst) {
    const int rows = (tile - 1) * s + k, deep = masked && tile < PC_MAX_POOL_TILE;
    vec out[PC_MAX_POOL_TILE];
    PC_UNROLL for (int r = 0; r < tile; r++) out[r] = neutral(op);
    tile_nan seen = no_nan_yet();
    for (int64_t q = 0; q < (deep ? a->depth : 1); q++, row += rows) {
        PC_UNROLL for (int i = 0; i < rows; i++) {
            const vec m = along(op, k, s, masked, (const elem *)row[i] + a->off + x * s, mask, &seen);
            PC_UNROLL for (int r = 0; r < tile; r++) if (i >= r * s && i < r * s + k) out[r] =
                i == r * s && !deep ? m : combine(op, out[r], m);
        }
    }
    int met = op == MAX && met_nan(seen);
    if (op == MAX) __asm__ volatile("" : "+r"(met)); /* now, because GCC would do it after the stores, and spill */
    dst += x;
    if (op == SUM && masked && a->cols) {
        const vec cols = v_load((const elem *)a->cols + x);
        PC_UNROLL for (int r = 0; r < tile; r++) out[r] = quotient(out[r], v_mul(v_set1((elem)a->rows[r]), cols));
    } else if (op == SUM && deep) { /* a sum that began with a zero is no -0 */
        const vec by = v_set1((elem)a->by);
        PC_UNROLL for (int r = 0; r < tile; r++) out[r] = a->times ? v_mul(out[r], by) : v_div(out[r], by);
    } else if (op == SUM) {
        PC_UNROLL for (int r = 0; r < tile; r++) out[r] = divided(out[r], a->by, a->times);
    }
    if (x + PC_VLEN <= a->n) {
        PC_UNROLL for (int r = 0; r < tile; r++) v_store(dst + a->to[r], out[r]);
    } else {
        PC_UNROLL for (int r = 0; r < tile; r++) v_store_n(dst + a->to[r], (int)(a->n - x), out[r]);
    }
    return met;
}

/* Where there is a NaN, which is rare. */
PC_COLD void careful_tile(int tile, int k, int s, const pc_pool_tile_args *a, const void *const *rows, int64_t x,
                          elem *dst) {
    for (int r = 0; r < tile; r++) {
        vec best = neutral(CAREFUL);
        for (int64_t q = 0; q < a->depth; q++) {
            for (int i = 0; i < k * k; i++) {
                const elem *row = rows[(q * (tile - 1) + r) * s + q * k + i / k];
                const int64_t at = a->off + x * s + i % k;
                vec v = load(CAREFUL, 1, row, at, a->in_w);
                if (s == 2) v = v_even(v, load(CAREFUL, 1, row, at + PC_VLEN, a->in_w));
                best = v_max_first(best, v);
            }
        }
        store(dst + a->to[r] + x, a->n - x, best);
    }
}

/* Where the vector of results at `at` starts: the last of a long row steps back, so that it is a whole one. */
PC_INLINE int64_t vector_at(const pc_pool_tile_args *a, int64_t at) {
    return at + PC_VLEN > a->n && a->n >= PC_VLEN ? a->n - PC_VLEN : at;
}

/* Vector x of each plane. Some of its rows and columns may lie outside, and divisors may differ. */
PC_INLINE void planes(const int op, const int tile, const int k, const int s, const pc_pool_tile_args *a, int64_t x) {
    vmask mask[MOST_LOADS];
    PC_UNROLL for (int i = 0; i < loads(k, s); i++) mask[i] = lanes_in(a->off + x * s + load_at(k, s, i), a->in_w);
    const int rows = (tile - 1) * s + k;
    const int64_t depth = tile < PC_MAX_POOL_TILE ? a->depth : 1;
    const void *const *row = a->row;
    elem *dst = a->dst;
    const void **const moved = a->moved;
    const int64_t *const step = a->row_step;
    for (int64_t p = 0;; row = moved, dst += a->ld_plane) {
        if (tile_at(op, tile, k, s, 1, a, mask, row, x, dst)) careful_tile(tile, k, s, a, row, x, dst);
        if (++p == a->planes) return;
        for (int64_t at = 0; at < depth * rows; at += rows) {
            PC_UNROLL for (int i = 0; i < rows; i++) moved[at + i] = (const elem *)row[at + i] + step[at + i];
        }
    }
}

PC_INLINE void tiles(const int op, const int tile, const int k, const int s, const pc_pool_tile_args *a,
                     void border(const pc_pool_tile_args *a, int64_t x)) {
    const int64_t before = s == 2 && k == 3 ? PC_VLEN - 1 : 0; /* what along() loads and does not use */
    const int plain = a->planes == 1 && !a->cols && a->depth == 1;
    for (int64_t at = 0; at < a->n; at += PC_VLEN) {
        const int64_t x = vector_at(a, at), off = a->off + x * s;
        if (!plain || off < before || off + PC_VLEN * s + k - s > a->in_w)
            border(a, x);
        else if (tile_at(op, tile, k, s, 0, a, 0, a->row, x, a->dst))
            careful_tile(tile, k, s, a, a->row, x, a->dst);
    }
}

/* X(op, tile, k, s): a variant takes 1 to 7 KB, so rarer ones have fewer tiles. */
#define MANY(X, op, k, s) X(op, 4, k, s) X(op, 7, k, s)
#define AVERAGES(X) X(SUM, 4, 3, 1) X(SUM, 4, 3, 2)
/* clang-format off */
#if defined(PC_TARGET_SCALAR)
#define VARIANTS(X) X(MAX, 1, 2, 2) X(MAX, 1, 3, 1) X(MAX, 1, 3, 2) X(SUM, 1, 2, 2) X(SUM, 1, 3, 1) X(SUM, 1, 3, 2)
#elif defined(PC_DTYPE_F64)
#define VARIANTS(X) X(MAX, 2, 2, 2) X(MAX, 4, 3, 1) X(MAX, 4, 3, 2) X(SUM, 2, 2, 2) AVERAGES(X)
#else
#define VARIANTS(X) X(MAX, 4, 2, 2) MANY(X, MAX, 3, 1) MANY(X, MAX, 3, 2) X(MAX, 7, 5, 1) X(SUM, 4, 2, 2) AVERAGES(X)
#endif
/* clang-format on */

#define DEFINE(op, tile, k, s)                                                                                         \
    PC_RARE void planes_##op##_##tile##_##k##_##s(const pc_pool_tile_args *a, int64_t x) {                             \
        planes(op, tile, k, s, a, x);                                                                                  \
    }                                                                                                                  \
    static void tiles_##op##_##tile##_##k##_##s(const pc_pool_tile_args *a) {                                          \
        tiles(op, tile, k, s, a, planes_##op##_##tile##_##k##_##s);                                                    \
    }
VARIANTS(DEFINE)

pc_pool_tile_fn *PC_FN(pc_pool_tile)(pc_pool_kind kind, int tile, int k, int s) {
    const int op = kind == PC_POOL_AVERAGE ? SUM : MAX;
#define FIND(o, t, w, step)                                                                                            \
    if (op == o && (!tile || tile == t) && k == w && s == step) return tiles_##o##_##t##_##w##_##step;
    VARIANTS(FIND)
    return 0;
}

/* ---- any window: one row, and rows down ------------------------------------------------------------------------- */

/* nv vectors of results at x, for each line. A constant number of taps, 3, doubles the speed. */
PC_INLINE int row_at(const int op, const int step, const int three, const int masked, const int nv,
                     const pc_pool_row_args *a, int64_t x) {
    const int64_t cols = three ? 3 : a->cols, left = a->n - x;
    vnan seen = v_no_nan();
    for (int64_t l = 0; l < a->lines; l++) {
        const elem *row = (const elem *)a->row + l * a->ld_src;
        elem *dst = (elem *)a->dst + l * a->ld_dst + x;
        vec out[WIDE], e[WIDE], hi[WIDE];
        PC_UNROLL for (int v = 0; v < nv; v++) out[v] = e[v] = hi[v] = neutral(op);
        for (int64_t j = 0; j < cols; j++) {
            const int64_t off = a->col_off[j] + x * step;
            if (step == 2 && j % 2 && a->col_off[j] == a->col_off[j - 1] + 1) { /* the other half of two vectors */
                PC_UNROLL for (int v = 0; v < nv; v++) out[v] = combine(op, out[v], v_odd(e[v], hi[v]));
                continue;
            }
            PC_UNROLL for (int v = 0; v < nv; v++) {
                const vec lo = load(op, masked, row, off + v * step * PC_VLEN, a->in_w);
                if (step == 2) {
                    hi[v] = load(op, masked, row, off + (2 * v + 1) * PC_VLEN, a->in_w);
                    seen = note(op, seen, lo, hi[v]);
                } else if (j % 2 || j + 1 == cols) {
                    seen = note(op, seen, lo, e[v]);
                }
                e[v] = lo;
                const vec m = step == 2 ? v_even(lo, hi[v]) : lo;
                out[v] = j ? combine(op, out[v], m) : m;
            }
        }
        PC_UNROLL for (int v = 0; v < nv; v++) {
            if (op == SUM) out[v] = divided(out[v], a->by, a->times);
            if (masked)
                store(dst, left, out[v]);
            else
                v_store(dst + v * PC_VLEN, out[v]);
        }
    }
    return op == MAX && v_met_nan(seen);
}

PC_INLINE int rows_at(const int op, const int step, const int masked, const int nv, const pc_pool_row_args *a,
                      int64_t x) {
    if (op == MAX && step == 1 && a->cols == 3) return row_at(op, step, 1, masked, nv, a, x);
    return row_at(op, step, 0, masked, nv, a, x);
}

/* Whether n results from x on read nothing outside the row. */
PC_INLINE int inside(const pc_pool_row_args *a, const int step, int64_t x, int64_t n) {
    return x * step + a->least_off >= 0 && (x + n) * step + a->most_off <= a->in_w;
}

PC_INLINE int whole_row(const int op, const int step, const pc_pool_row_args *a) {
    int met = 0;
    for (int64_t x = 0; x < a->n;) {
        const int wide = op != CAREFUL && x + WIDE * PC_VLEN <= a->n && inside(a, step, x, WIDE * PC_VLEN);
        if (wide)
            met |= rows_at(op, step, 0, WIDE, a, x);
        else if (op != CAREFUL && x + PC_VLEN <= a->n && inside(a, step, x, PC_VLEN))
            met |= rows_at(op, step, 0, 1, a, x);
        else
            met |= rows_at(op, step, 1, 1, a, x);
        x += wide ? WIDE * PC_VLEN : PC_VLEN;
    }
    return met;
}

/* The rarer ones share their code, whatever the step. */
void PC_FN(pc_pool_row)(const pc_pool_row_args *a) {
    const int step = a->col_step;
    if (a->kind == PC_POOL_AVERAGE)
        whole_row(SUM, step, a);
    else if (step == 1 ? whole_row(MAX, 1, a) : whole_row(MAX, 2, a))
        whole_row(CAREFUL, step, a);
}

/* nv vectors at i, or one of which only the first elements exist, for each line. `three`: 3 rows of so many columns. */
PC_INLINE int down_at(const int op, const int three, const int nv, const int part, const pc_pool_down_args *a,
                      int64_t i) {
    const int64_t rows = three ? 3 : a->rows, cols = three ? three : a->cols;
    const int left = (int)pc_min(a->n - i, PC_VLEN);
    const vmask there = v_mask(0, left);
    vnan seen = v_no_nan();
    for (int64_t l = 0; l < a->lines; l++) {
        const int64_t at = l * a->ld_src + i;
        elem *dst = (elem *)a->dst + l * a->ld_dst + i;
        vec out[WIDE], group[WIDE], last[WIDE];
        PC_UNROLL for (int v = 0; v < nv; v++) out[v] = group[v] = last[v] = neutral(op);
        for (int64_t q = 0, tap = 0; q < rows; q++) {
            for (int64_t j = 0; j < cols; j++, tap++) {
                const elem *row = (const elem *)a->row[tap] + at;
                PC_UNROLL for (int v = 0; v < nv; v++) {
                    const vec e = part ? v_load_mask(row, there) : v_load(row + v * PC_VLEN);
                    if (tap % 2 || tap + 1 == rows * cols) seen = note(op, seen, last[v], e);
                    last[v] = e;
                    group[v] = j ? combine(op, group[v], e) : e;
                }
            }
            PC_UNROLL for (int v = 0; v < nv; v++) out[v] = q ? combine(op, out[v], group[v]) : group[v];
        }
        PC_UNROLL for (int v = 0; v < nv; v++) {
            if (op == SUM && a->divisors)
                out[v] = quotient(out[v], v_load((const elem *)a->divisors + i + v * PC_VLEN));
            else if (op == SUM)
                out[v] = divided(out[v], a->by, a->times);
            if (part)
                v_store_n(dst, left, out[v]);
            else
                v_store(dst + v * PC_VLEN, out[v]);
        }
    }
    return op == MAX && v_met_nan(seen);
}

PC_INLINE int all_down(const int op, const int three, const pc_pool_down_args *a) {
    int met = 0;
    int64_t i = 0;
    for (; op != CAREFUL && i + WIDE * PC_VLEN <= a->n; i += WIDE * PC_VLEN) met |= down_at(op, three, WIDE, 0, a, i);
    for (; i + PC_VLEN <= a->n; i += PC_VLEN) met |= down_at(op, three, 1, 0, a, i);
    if (i < a->n) met |= down_at(op, three, 1, 1, a, i);
    return met;
}

void PC_FN(pc_pool_down)(const pc_pool_down_args *a) {
    const int three = a->rows == 3 && (a->cols == 1 || a->cols == 3) ? (int)a->cols : 0;
    if (a->kind == PC_POOL_AVERAGE) {
        all_down(SUM, 0, a);
    } else if (three == 1 ? all_down(MAX, 1, a) : three == 3 ? all_down(MAX, 3, a) : all_down(MAX, 0, a)) {
        all_down(CAREFUL, 0, a);
    }
}

void PC_FN(pc_pool_pairs)(int64_t n, int64_t distance, void *data) {
    elem *p = data;
    for (int64_t i = 0; i < n; i += PC_VLEN) {
        const vec a = v_load_part(p + i, n - i, 0), b = v_load_part(p + i + distance, n - i, 0);
        store(p + i, n - i, v_any_nan(a, b) ? v_max_first(a, b) : v_max(a, b));
    }
}

void PC_FN(pc_pool_divide)(int64_t n, double rows, const void *cols_, void *data) {
    const elem *cols = cols_;
    elem *p = data;
    const vec one = v_set1((elem)rows); /* counts up to 2^24 are exact, and their product is rounded as the count is */
    for (int64_t i = 0; i < n; i += PC_VLEN)
        store(p + i, n - i, v_div(v_load_part(p + i, n - i, 0), cols ? v_mul(one, v_load(cols + i)) : one));
}
