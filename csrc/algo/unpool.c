/* unpool.c - the elements of max pooling back to where they stood. A thread fills whole planes, so that of two elements
 * with one place the last wins whatever the number of threads. */
#include <string.h>

#include "../base/shape.h"
#include "../base/threads.h"

enum { SMALL = 1 << 15 }; /* elements below which waking a thread costs more than it saves */

static int scatter(int64_t n, int64_t dst_n, int size, const char *src, const int64_t *indices, char *dst) {
    memset(dst, 0, (size_t)(dst_n * size));
    for (int64_t i = 0; i < n; i++)
        if (indices[i] < 0 || indices[i] >= dst_n) return 0;
    switch (size) { /* a size that the compiler knows */
        case 1:
            for (int64_t i = 0; i < n; i++) dst[indices[i]] = src[i];
            break;
        case 2:
            for (int64_t i = 0; i < n; i++) memcpy(dst + 2 * indices[i], src + 2 * i, 2);
            break;
        case 4:
            for (int64_t i = 0; i < n; i++) memcpy(dst + 4 * indices[i], src + 4 * i, 4);
            break;
        default:
            for (int64_t i = 0; i < n; i++) memcpy(dst + 8 * indices[i], src + 8 * i, 8);
    }
    return 1;
}

pc_status pc_max_unpool(int64_t planes, int64_t n, int64_t dst_n, int size, const void *src, const int64_t *indices,
                        void *dst) {
    if (size != 1 && size != 2 && size != 4 && size != 8) return PC_ERR_DTYPE;
    if (planes < 0 || n < 0 || dst_n < 0) return PC_ERR_SIZE;
    if (pc_mul_checked(pc_mul_checked(planes, pc_max(n, dst_n)), size) < 0) return PC_ERR_OVERFLOW;
    if ((planes * n > 0 && (!src || !indices)) || (planes * dst_n > 0 && !dst)) return PC_ERR_NULL;
    const int threads = planes * dst_n < SMALL ? 1 : (int)pc_min(pc_get_num_threads(), planes);
    int good = 1;
    if (threads > 1) pc_note_team(threads);
#pragma omp parallel for schedule(static) num_threads(threads) reduction(& : good) if (threads > 1)
    for (int64_t c = 0; c < planes; c++)
        good &=
            scatter(n, dst_n, size, (const char *)src + c * n * size, indices + c * n, (char *)dst + c * dst_n * size);
    return good ? PC_OK : PC_ERR_INDEX;
}
