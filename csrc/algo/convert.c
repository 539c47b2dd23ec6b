/* convert.c - conversions of whole arrays, cut among threads: small ones run on the caller's. */
#include "../base/threads.h"
#include "pool.h"

enum { SMALL = 1 << 16 }; /* elements below which waking a thread costs more than it saves */

/* Sums of 64 bits, which are rare. */
static void from_wide(pc_storage to, int saturate, int64_t n, const int64_t *src, void *dst) {
    int64_t lo = INT64_MIN, hi = INT64_MAX;
    if (saturate) pc_storage_range(to, &lo, &hi);
    for (int64_t i = 0; i < n; i++) {
        const int64_t x = pc_min(pc_max(src[i], lo), hi);
        if (to == PC_S32)
            ((uint32_t *)dst)[i] = (uint32_t)(uint64_t)x;
        else if (to == PC_S16)
            ((uint16_t *)dst)[i] = (uint16_t)(uint64_t)x;
        else
            ((uint8_t *)dst)[i] = (uint8_t)(uint64_t)x;
    }
}

/* Elements first to end - 1, counted through all rows. */
static void convert_part(const pc_kernels *k, pc_storage from, pc_storage to, int saturate, int64_t first, int64_t end,
                         int64_t n, const void *src, int64_t ld_src, void *dst, int64_t ld_dst) {
    for (int64_t at = first, count; at < end; at += count) {
        const int64_t row = at / n, col = at % n;
        count = pc_min(end - at, n - col);
        const void *s = pc_at(src, row * ld_src + col, pc_storage_size(from));
        void *d = pc_at_mut(dst, row * ld_dst + col, pc_storage_size(to));
        if (from == PC_S64)
            from_wide(to, saturate, count, s, d);
        else
            k->convert(from, to, saturate, count, s, d);
    }
}

void pc_convert_run(const pc_kernels *k, pc_storage from, pc_storage to, int saturate, int64_t rows, int64_t n,
                    const void *src, int64_t ld_src, void *dst, int64_t ld_dst) {
    const int64_t all = rows * n;
    const int threads = all < SMALL ? 1 : pc_get_num_threads();
    if (threads == 1) {
        convert_part(k, from, to, saturate, 0, all, n, src, ld_src, dst, ld_dst);
        return;
    }
    const int64_t part = pc_round_up(pc_ceil_div(all, threads), 1024);
    pc_note_team(threads);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int i = 0; i < threads; i++)
        convert_part(k, from, to, saturate, pc_min(all, i * part), pc_min(all, (i + 1) * part), n, src, ld_src, dst,
                     ld_dst);
}
