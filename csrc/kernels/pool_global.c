/* pool_global.c - the largest element or the average of a whole plane.
 *
 * One chain of additions would wait for each of them, and lanes that are results would be one of sixteen. So a plane
 * has 16 running sums, however long the vectors: pixel i is added to sum i mod 16, and at the end sum i + 8 to sum i,
 * then i + 4, i + 2 and i + 1 to i. Maxima of channels first take the same way.
 *
 *     channels first: lanes are neighbouring sums            channels last: lanes are channels
 *         channel 0   s0 s1 s2 s3 | s4 s5 ...                    s0   | c0 c1 c2 c3 | c4 ...
 *         channel 1   s0 s1 s2 s3 | s4 s5 ...                    s1   | c0 c1 c2 c3 | c4 ...
 *
 * Channels first, vectors are added as soon as the tree allows, to one for each channel; then a square of these is
 * turned, so that the rest of the tree and the division serve a vector of channels at a time. */
#include "kernels.h"
#include "pool.h"
#include "table.h"

enum {
    SUMS = 16,
    NV = SUMS / PC_VLEN,                /* vectors of sums of a plane */
    PLANES = NV < WIDE ? WIDE / NV : 1, /* at once: independent chains */
    /* Vectors of channels at once, channels last: 512 bytes of a pixel, or 256 where vectors are short, and in float64
     * for size. With 128, AVX2 took twice as long for 2048 channels of 8x8, and AVX-512 with 256 half as long again. */
    BLOCK = sizeof(vec) == 64 && sizeof(elem) == 8 ? 4 : 8,
    CHUNK = 4 * SUMS, /* pixels between loads and stores of sums, channels last */
};

PC_INLINE void halve(const int op, const int n, vec *v) {
    PC_UNROLL for (int i = 0; i < n; i++) v[i] = combine(op, v[i], v[i + n]);
}

/* v[0] becomes the sum of n vectors, a power of two. */
PC_INLINE void tree(const int op, const int n, vec *v) {
    if (n > 8) halve(op, 8, v);
    if (n > 4) halve(op, 4, v);
    if (n > 2) halve(op, 2, v);
    if (n > 1) halve(op, 1, v);
}

/* ---- channels first ---------------------------------------------------------------------------------------------- */

/* Sums of `planes` channels from src on, a vector of each. */
PC_INLINE void sum_planes(const int op, const int planes, const pc_pool_global_args *a, const elem *src, vec *sums) {
    vec s[PLANES][NV];
    PC_UNROLL for (int c = 0; c < planes; c++) { PC_UNROLL for (int v = 0; v < NV; v++) s[c][v] = neutral(op); }
    int64_t i = 0;
    for (; i + SUMS <= a->pixels; i += SUMS) {
        PC_UNROLL for (int c = 0; c < planes; c++) {
            PC_UNROLL for (int v = 0; v < NV; v++) s[c][v] =
                combine(op, s[c][v], v_load(src + c * a->src_channel + i + v * PC_VLEN));
        }
    }
    if (i < a->pixels) {
        PC_UNROLL for (int v = 0; v < NV; v++) {
            const vmask m = v_mask(0, (int)(a->pixels - i) - v * PC_VLEN);
            PC_UNROLL for (int c = 0; c < planes; c++) s[c][v] =
                combine(op, s[c][v], v_load_mask_or(src + c * a->src_channel + i + v * PC_VLEN, m, neutral(op)));
        }
    }
    PC_UNROLL for (int c = 0; c < planes; c++) {
        tree(op, NV, s[c]);
        sums[c] = s[c][0];
    }
}

PC_INLINE void planes(const int op, const pc_pool_global_args *a) {
    for (int64_t c = 0; c < a->channels; c += PC_VLEN) {
        const elem *src = (const elem *)a->src + c * a->src_channel;
        const int n = (int)pc_min(a->channels - c, PC_VLEN);
        vec sums[PC_VLEN];
        int k = 0;
        for (; k + PLANES <= n; k += PLANES) sum_planes(op, PLANES, a, src + k * a->src_channel, sums + k);
        for (; k < n; k++) sum_planes(op, 1, a, src + k * a->src_channel, sums + k);
        for (; k < PC_VLEN; k++) sums[k] = v_zero();
        v_transpose(sums);
        tree(op, PC_VLEN, sums);
        store((elem *)a->dst + c, n, op == SUM ? divided(sums[0], a->divisor, 0) : sums[0]);
    }
}

/* ---- channels last ----------------------------------------------------------------------------------------------- */

/* nv vectors of channels from c on, or one of which only the first channels exist. Chunk by chunk, so that the image is
 * read in the order in which it lies. */
PC_INLINE void pixels_at(const int nv, const int part, const pc_pool_global_args *a, int64_t c) {
    const elem *src = (const elem *)a->src + c;
    const int left = (int)pc_min(a->channels - c, PC_VLEN);
    const vmask there = v_mask(0, left);
    vec sums[BLOCK][SUMS];
    for (int64_t chunk = 0; chunk < a->pixels; chunk += CHUNK) {
        const int64_t end = pc_min(chunk + CHUNK, a->pixels);
        for (int q = 0; q < SUMS; q++) {
            vec s[BLOCK];
            PC_UNROLL for (int v = 0; v < nv; v++) s[v] = chunk ? sums[v][q] : v_zero();
            for (int64_t i = chunk + q; i < end; i += SUMS) {
                const elem *p = src + i * a->src_pixel;
                PC_UNROLL for (int v = 0; v < nv; v++) s[v] =
                    v_add(s[v], part ? v_load_mask(p, there) : v_load(p + v * PC_VLEN));
            }
            PC_UNROLL for (int v = 0; v < nv; v++) sums[v][q] = s[v];
        }
    }
    PC_UNROLL for (int v = 0; v < nv; v++) {
        tree(SUM, SUMS, sums[v]);
        store((elem *)a->dst + c + v * PC_VLEN, part ? left : PC_VLEN, divided(sums[v][0], a->divisor, 0));
    }
}

static void pixels(const pc_pool_global_args *a) {
    int64_t c = 0;
    for (; c + BLOCK * PC_VLEN <= a->channels; c += BLOCK * PC_VLEN) pixels_at(BLOCK, 0, a, c);
    for (; BLOCK * sizeof(vec) > 256 && c + BLOCK / 2 * PC_VLEN <= a->channels; c += BLOCK / 2 * PC_VLEN)
        pixels_at(BLOCK / 2, 0, a, c);
    for (; c + PC_VLEN <= a->channels; c += PC_VLEN) pixels_at(1, 0, a, c);
    if (c < a->channels) pixels_at(1, 1, a, c);
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

/* The first of equal maxima in memory order stays: only zeros show which one that is. */
static void find_first_zeros(const pc_pool_global_args *a) {
    elem *dst = a->dst;
    for (int64_t c = 0; c < a->channels; c++) {
        if (dst[c] != 0) continue;
        const elem *p = (const elem *)a->src + c * a->src_channel;
        while (*p != 0) p++;
        dst[c] = *p;
    }
}

void PC_FN(pc_pool_global)(const pc_pool_global_args *a) {
    if (a->src_pixel != 1) {
        pixels(a);
    } else if (a->kind == PC_POOL_AVERAGE) {
        planes(SUM, a);
    } else {
        planes(CAREFUL, a);
        find_first_zeros(a);
    }
}
