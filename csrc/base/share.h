/* share.h - items of work among the threads of a team.
 *
 * Each thread starts on a run of items of its own, in order, and helps the others when it is done. So the same thread
 * meets the same items call after call, whose inputs, weights and outputs its cache may still hold, and one thread that
 * the system interrupts holds up nobody. The counters stand at the front of the workspace, a cache line each; then what
 * each thread has to itself, after a line that nobody writes. Kernels may read a row of zeros that a thread has at its
 * front from a column left of it, with those lanes masked off. Were another thread's tables or counters there, each
 * such load would wait for them: two threads on planes of 7x7 took longer than one. */
#ifndef PC_BASE_SHARE_H
#define PC_BASE_SHARE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { PC_SHARE_LINE = 64 };

typedef struct pc_share {
    char *workspace;
    size_t per_thread;
    int threads;
    int64_t items;
} pc_share;

/* Bytes from what one thread has to itself to what the next one has: whole lines, and the one that nobody writes. */
static inline size_t pc_share_stride(size_t per_thread) {
    return (per_thread + PC_SHARE_LINE - 1) / PC_SHARE_LINE * PC_SHARE_LINE + PC_SHARE_LINE;
}

/* Bytes of workspace that `threads` threads need. */
static inline size_t pc_share_size(int threads, size_t per_thread) {
    return threads > 1 ? (size_t)threads * (PC_SHARE_LINE + pc_share_stride(per_thread)) : per_thread;
}

static inline _Atomic int64_t *pc_share_counter(const pc_share *s, int run) {
    return (_Atomic int64_t *)(s->workspace + (size_t)run * PC_SHARE_LINE);
}

/* Call before the team starts; `threads` is more than one. */
static inline pc_share pc_share_start(void *workspace, size_t per_thread, int threads, int64_t items) {
    const pc_share s = {workspace, per_thread, threads, items};
    for (int run = 0; run < threads; run++) atomic_init(pc_share_counter(&s, run), items * run / threads);
    return s;
}

static inline char *pc_share_workspace(const pc_share *s, int thread) {
    return s->workspace + (size_t)(s->threads + 1) * PC_SHARE_LINE + (size_t)thread * pc_share_stride(s->per_thread);
}

/* The next item for `thread`, or -1; *helped is 0 at first. */
static inline int64_t pc_share_next(const pc_share *s, int thread, int *helped) {
    for (; *helped < s->threads; ++*helped) {
        const int run = (thread + *helped) % s->threads;
        const int64_t end = s->items * (run + 1) / s->threads;
        if (atomic_load_explicit(pc_share_counter(s, run), memory_order_relaxed) >= end) continue;
        const int64_t item = atomic_fetch_add_explicit(pc_share_counter(s, run), 1, memory_order_relaxed);
        if (item < end) return item;
    }
    return -1;
}

#endif
