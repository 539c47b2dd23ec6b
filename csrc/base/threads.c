/* threads.c - how many threads a call may use: this thread's override, else the process's number, else OMP_NUM_THREADS,
 * else the CPUs in the affinity mask. It reads the environment itself, because base knows nothing of OpenMP. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "../include/pyconv.h"
#include "threads.h"

enum { MAX_THREADS = 1024 };

static _Atomic int default_threads; /* 0: not looked for yet */
static _Atomic int process_threads; /* 0: the default */
static _Thread_local int local_threads;
static int lost_team; /* this process was forked from one that had a team */

static void in_child(void) { lost_team = 1; }

static void watch_forks(void) { pthread_atfork(NULL, NULL, in_child); }

void pc_note_team(int threads) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (threads > 1) pthread_once(&once, watch_forks);
}

static int find_default(void) {
    const char *env = getenv("OMP_NUM_THREADS"); /* may be a list, one number a nesting level: the first counts */
    long n = env ? strtol(env, NULL, 10) : 0;
    if (n < 1) {
        n = sysconf(_SC_NPROCESSORS_ONLN);
#if defined(__linux__)
        cpu_set_t set;
        if (sched_getaffinity(0, sizeof set, &set) == 0) n = CPU_COUNT(&set);
#endif
    }
    return n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : (int)n;
}

int pc_get_num_threads(void) {
    if (lost_team) return 1;
    if (local_threads) return local_threads;
    int n = atomic_load_explicit(&process_threads, memory_order_relaxed);
    if (n) return n;
    n = atomic_load_explicit(&default_threads, memory_order_relaxed);
    if (!n) {
        n = find_default();
        atomic_store_explicit(&default_threads, n, memory_order_relaxed);
    }
    return n;
}

pc_status pc_set_num_threads(int n) {
    if (n < 0) return PC_ERR_THREADS;
    atomic_store_explicit(&process_threads, n > MAX_THREADS ? MAX_THREADS : n, memory_order_relaxed);
    return PC_OK;
}

pc_status pc_set_num_threads_local(int n) {
    if (n < 0) return PC_ERR_THREADS;
    local_threads = n > MAX_THREADS ? MAX_THREADS : n;
    return PC_OK;
}

int pc_get_num_threads_local(void) { return local_threads; }
