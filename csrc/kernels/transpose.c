/* transpose.c - turn a tile of pixels x channels into channel planes, four channels of a vector of pixels at a time, on
 * the way to NCHW. Loads put a part of each pixel into its place, which leaves two permutations a vector; a square of
 * registers takes four, and 112 cycles instead of 60 for 16 x 16 (Zen 4). */
#include "../base/shape.h"
#include "../simd/vec.h"
#include "kernels.h"
#include "table.h"

/* Fewer than PC_VLEN pixels, or fewer than four channels. */
PC_RARE void part(const elem *src, int64_t ld_src, int n, int64_t m, elem *dst, int64_t ld_dst) {
    for (int64_t j = 0; j < m; j += 4) {
        const int cols = (int)pc_min(m - j, 4);
        vec v[4];
        v_load_quads_part(src + j, ld_src, n, 0, cols, v);
        PC_UNROLL for (int q = 0; q < 4; q++) if (q < cols) v_store_n(dst + (j + q) * ld_dst, n, v[q]);
    }
}

PC_INLINE void whole(const elem *src, int64_t ld_src, int64_t m, elem *dst, int64_t ld_dst) {
    for (int64_t next = 0; next < m; next += 4) {
        const int64_t j = pc_min(next, m - 4); /* the last ones step back */
        vec v[4];
        v_load_quads(src + j, ld_src, v);
        PC_UNROLL for (int q = 0; q < 4; q++) v_store(dst + (j + q) * ld_dst, v[q]);
    }
}

void PC_FN(pc_transpose)(const void *src_, int64_t ld_src, int64_t n, int64_t m, void *dst_, int64_t ld_dst) {
    const elem *src = src_;
    elem *dst = dst_;
    if (n < PC_VLEN || m < 4) {
        for (int64_t i = 0; i < n; i += PC_VLEN)
            part(src + i * ld_src, ld_src, (int)pc_min(n - i, PC_VLEN), m, dst + i, ld_dst);
        return;
    }
    for (int64_t i = 0; i < n; i += PC_VLEN) {
        const int64_t at = pc_min(i, n - PC_VLEN); /* the last ones step back */
        if (ld_src == PC_VLEN)                     /* the most common, and a quarter faster with constant addresses */
            whole(src + at * PC_VLEN, PC_VLEN, m, dst + at, ld_dst);
        else
            whole(src + at * ld_src, ld_src, m, dst + at, ld_dst);
    }
}
