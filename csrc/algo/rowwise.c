/* rowwise.c - ReLU and softmax, cut among threads: small inputs run on the caller's. */
#include "../base/threads.h"
#include "pool.h"

enum { SMALL = 1 << 16 }; /* elements below which waking a thread costs more than it saves */

void pc_relu_run(const pc_kernels *k, int64_t n, const void *src, void *dst) {
    const int threads = n < SMALL ? 1 : pc_get_num_threads();
    if (threads == 1) {
        k->relu(n, src, dst);
        return;
    }
    pc_note_team(threads);
    const int64_t part = pc_round_up(pc_ceil_div(n, threads), 1024);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int i = 0; i < threads; i++) {
        const int64_t from = pc_min(n, i * part), to = pc_min(n, from + part);
        if (to > from) k->relu(to - from, pc_at(src, from, k->size), pc_at_mut(dst, from, k->size));
    }
}

void pc_softmax_run(const pc_kernels *k, int64_t rows, int64_t n, const void *src, void *dst) {
    const int threads = rows * n < SMALL / 8 ? 1 : (int)pc_min(pc_get_num_threads(), rows);
    if (threads <= 1) {
        k->softmax(rows, n, src, dst);
        return;
    }
    pc_note_team(threads);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int i = 0; i < threads; i++) {
        const int64_t from = i * rows / threads, to = (i + 1) * rows / threads;
        k->softmax(to - from, n, pc_at(src, from * n, k->size), pc_at_mut(dst, from * n, k->size));
    }
}
