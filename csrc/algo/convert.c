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

void pc_convert_run(const pc_kernels *k, pc_storage from, pc_storage to, int saturate, int64_t n, const void *src,
                    void *dst) {
    const int threads = n < SMALL ? 1 : pc_get_num_threads();
    const int64_t part = pc_round_up(pc_ceil_div(n, threads), 1024);
    if (threads > 1) pc_note_team(threads);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
    for (int i = 0; i < threads; i++) {
        const int64_t first = pc_min(n, i * part), count = pc_min(n, first + part) - first;
        const void *s = pc_at(src, first, pc_storage_size(from));
        void *d = pc_at_mut(dst, first, pc_storage_size(to));
        if (count == 0) continue;
        if (from == PC_S64)
            from_wide(to, saturate, count, s, d);
        else
            k->convert(from, to, saturate, count, s, d);
    }
}
