/* rowwise.c - elementwise functions, softmax and the norms of rows, cut among threads: small inputs run on the
 * caller's.
 */
#include "../base/threads.h"
#include "pool.h"

enum { SMALL = 1 << 16 }; /* elements below which waking a thread costs more than it saves */

void pc_unary_run(const pc_kernels *k, pc_unary_op op, double a, double b, int64_t n, const void *src, void *dst) {
    /* A ReLU is as fast as memory; the others compute. */
    const int threads = n < (op == PC_UNARY_RELU ? SMALL : SMALL / 8) ? 1 : pc_get_num_threads();
    if (threads == 1) {
        k->unary(op, a, b, n, src, dst);
        return;
    }
    pc_note_team(threads);
    const int64_t part = pc_round_up(pc_ceil_div(n, threads), 1024);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int i = 0; i < threads; i++) {
        const int64_t from = pc_min(n, i * part), to = pc_min(n, from + part);
        if (to > from) k->unary(op, a, b, to - from, pc_at(src, from, k->size), pc_at_mut(dst, from, k->size));
    }
}

static int row_threads(int64_t rows, int64_t n) {
    const int threads = rows * n < SMALL / 8 ? 1 : (int)pc_min(pc_get_num_threads(), rows);
    if (threads > 1) pc_note_team(threads);
    return threads;
}

void pc_softmax_run(const pc_kernels *k, int logarithm, int64_t rows, int64_t n, const void *src, void *dst) {
    const int threads = row_threads(rows, n);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
    for (int i = 0; i < threads; i++) {
        const int64_t from = i * rows / threads, to = (i + 1) * rows / threads;
        k->softmax(logarithm, to - from, n, pc_at(src, from * n, k->size), pc_at_mut(dst, from * n, k->size));
    }
}

void pc_norm_run(const pc_kernels *k, const pc_norm_desc *desc, int64_t rows, const void *src, void *dst) {
    const int threads = row_threads(rows, desc->n);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
    for (int i = 0; i < threads; i++) k->norm(desc, i * rows / threads, (i + 1) * rows / threads, src, dst);
}
