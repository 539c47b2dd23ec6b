/* timing.c - the clock of a case: samples of calls, in turns with the FMA peak or with other destinations; see
 * measure.h.
 *
 * On a shared machine a core is taken away for milliseconds at a time. So samples and bursts are short, about a
 * millisecond, and many: the best ones of both fall between the interruptions, and of the same minutes.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "measure.h"
#include "peak.h"

enum { MAX_SAMPLES = 4096, BURSTS = 4 };
static const double SAMPLE = 1e-3;     /* seconds at the least, or one call: long against the clock's 50 ns */
static const double PEAK_BURST = 1e-3; /* seconds of each of the BURSTS after a turn */
static const double WARM_UP = 20e-3;   /* seconds: caches, page tables, the thread team, the core's clock */

/* One way of providing the destination; returns the seconds of `calls` calls. */
typedef double (*timed_fn)(const bench_case *b, int64_t calls);

typedef struct series {
    timed_fn run;
    int64_t calls; /* of a sample */
    int count;
    double us[MAX_SAMPLES];
} series;

static double timed_reused(const bench_case *b, int64_t calls) {
    double start = peak_now();
    for (int64_t i = 0; i < calls; i++) case_execute(b, b->dst);
    return peak_now() - start;
}

static double timed_malloced(const bench_case *b, int64_t calls) {
    double start = peak_now();
    for (int64_t i = 0; i < calls; i++) {
        void *dst = malloc(b->dst_bytes);
        if (dst) case_execute(b, dst);
        free(dst);
    }
    return peak_now() - start;
}

static double timed_mapped(const bench_case *b, int64_t calls) {
    double start = peak_now();
    for (int64_t i = 0; i < calls; i++) {
        void *dst = mmap(NULL, b->dst_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (dst == MAP_FAILED) continue;
        case_execute(b, dst);
        munmap(dst, b->dst_bytes);
    }
    return peak_now() - start;
}

/* Warm up, and find how many calls make a sample: as many as fill it, but so few that all samples fit the array. */
static void series_begin(series *s, const bench_case *b, timed_fn run, double seconds) {
    double start = peak_now(), elapsed, least = seconds / MAX_SAMPLES;
    s->run = run;
    s->count = 0;
    s->calls = 1;
    for (;;) {
        double sample = run(b, s->calls);
        elapsed = peak_now() - start;
        if (sample < SAMPLE || sample < least)
            s->calls *= 2;
        else if (elapsed > WARM_UP || elapsed > seconds)
            break;
    }
}

static void series_continue(series *s, const bench_case *b, double seconds) {
    double start = peak_now();
    do {
        if (s->count == MAX_SAMPLES) return;
        s->us[s->count++] = 1e6 * s->run(b, s->calls) / (double)s->calls;
    } while (peak_now() - start < seconds);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static timing series_end(series *s, double peak) {
    int n = s->count;
    qsort(s->us, (size_t)n, sizeof(s->us[0]), by_value);
    double median = n % 2 ? s->us[n / 2] : 0.5 * (s->us[n / 2 - 1] + s->us[n / 2]);
    return (timing){.best = s->us[0], .median = median, .calls = s->calls, .samples = n, .peak = peak};
}

static double best_burst(const bench_case *b, double best) {
    for (int i = 0; i < BURSTS; i++) {
        double burst = peak_fma(b->isa, b->config.dtype, b->info.threads, PEAK_BURST);
        best = burst > best ? burst : best;
    }
    return best;
}

timing case_time(const bench_case *b) {
    static series s; /* large for a stack */
    double peak = 0;
    int pooling = !problem_has_weights(b->p);
    series_begin(&s, b, timed_reused, b->config.seconds);
    for (int turn = 0; turn < b->config.reps; turn++) {
        series_continue(&s, b, b->config.seconds / b->config.reps);
        peak = pooling ? 0 : best_burst(b, peak);
    }
    return series_end(&s, peak);
}

static int64_t minor_faults(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

/* The array of samples is touched beforehand, or its own page faults would be counted. */
fault_cost case_fault_cost(const bench_case *b) {
    enum { WAYS = 3 };
    static const timed_fn ways[WAYS] = {timed_reused, timed_malloced, timed_mapped};
    static series s[WAYS];
    double faults[WAYS] = {0}, share = b->config.seconds / WAYS;
    for (int w = 0; w < WAYS; w++) {
        for (int i = 0; i < MAX_SAMPLES; i++) s[w].us[i] = -1;
        series_begin(&s[w], b, ways[w], share);
    }
    for (int turn = 0; turn < b->config.reps; turn++) {
        for (int w = 0; w < WAYS; w++) {
            int64_t before = minor_faults();
            series_continue(&s[w], b, share / b->config.reps);
            faults[w] += (double)(minor_faults() - before);
        }
    }
    for (int w = 0; w < WAYS; w++) faults[w] /= (double)s[w].count * (double)s[w].calls;
    return (fault_cost){
        .reused = series_end(&s[0], 0),
        .malloced = series_end(&s[1], 0),
        .mapped = series_end(&s[2], 0),
        .reused_faults = faults[0],
        .malloced_faults = faults[1],
        .mapped_faults = faults[2],
    };
}
