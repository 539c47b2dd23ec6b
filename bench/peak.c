/* peak.c - measured ceilings; see peak.h.
 *
 * Each FMA loop carries its own target attribute, so this file is built with the baseline flags of the rest and only
 * runs what pc_isa_available() admits.
 */
#define _GNU_SOURCE
#include "peak.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

typedef void (*chain_fn)(int64_t steps, void *sink);

typedef struct chain {
    chain_fn run;
    int flops; /* of one step: two for each lane of each chain */
} chain;

#define STORE_SCALAR(p, v) (*(p) = (v))
#define SAME(s) (s)

#if defined(__x86_64__)

#define CHAIN_NAME chain_f32_avx512
#define CHAIN_TARGET __attribute__((target("avx512f")))
#define CHAIN_VEC __m512
#define CHAIN_SCALAR float
#define CHAIN_COUNT 20
#define CHAIN_SET1 _mm512_set1_ps
#define CHAIN_FMA _mm512_fmadd_ps
#define CHAIN_STORE _mm512_storeu_ps
#define CHAIN_PIN(v) __asm__ volatile("" : "+v"(v))
#include "fma_chain.h"

#define CHAIN_NAME chain_f64_avx512
#define CHAIN_TARGET __attribute__((target("avx512f")))
#define CHAIN_VEC __m512d
#define CHAIN_SCALAR double
#define CHAIN_COUNT 20
#define CHAIN_SET1 _mm512_set1_pd
#define CHAIN_FMA _mm512_fmadd_pd
#define CHAIN_STORE _mm512_storeu_pd
#define CHAIN_PIN(v) __asm__ volatile("" : "+v"(v))
#include "fma_chain.h"

#define CHAIN_NAME chain_f32_avx2
#define CHAIN_TARGET __attribute__((target("avx2,fma")))
#define CHAIN_VEC __m256
#define CHAIN_SCALAR float
#define CHAIN_COUNT 12
#define CHAIN_SET1 _mm256_set1_ps
#define CHAIN_FMA _mm256_fmadd_ps
#define CHAIN_STORE _mm256_storeu_ps
#define CHAIN_PIN(v) __asm__ volatile("" : "+x"(v))
#include "fma_chain.h"

#define CHAIN_NAME chain_f64_avx2
#define CHAIN_TARGET __attribute__((target("avx2,fma")))
#define CHAIN_VEC __m256d
#define CHAIN_SCALAR double
#define CHAIN_COUNT 12
#define CHAIN_SET1 _mm256_set1_pd
#define CHAIN_FMA _mm256_fmadd_pd
#define CHAIN_STORE _mm256_storeu_pd
#define CHAIN_PIN(v) __asm__ volatile("" : "+x"(v))
#include "fma_chain.h"

/* Scalar code on a CPU that has the instruction: libm's fma() uses it too. */
#define CHAIN_NAME chain_f32_scalar_fma
#define CHAIN_TARGET __attribute__((target("fma")))
#define CHAIN_VEC float
#define CHAIN_SCALAR float
#define CHAIN_COUNT 12
#define CHAIN_SET1 SAME
#define CHAIN_FMA __builtin_fmaf
#define CHAIN_STORE STORE_SCALAR
#define CHAIN_PIN(v) __asm__ volatile("" : "+x"(v))
#include "fma_chain.h"

#define CHAIN_NAME chain_f64_scalar_fma
#define CHAIN_TARGET __attribute__((target("fma")))
#define CHAIN_VEC double
#define CHAIN_SCALAR double
#define CHAIN_COUNT 12
#define CHAIN_SET1 SAME
#define CHAIN_FMA __builtin_fma
#define CHAIN_STORE STORE_SCALAR
#define CHAIN_PIN(v) __asm__ volatile("" : "+x"(v))
#include "fma_chain.h"

#elif defined(__aarch64__)

#define NEON_FMA_F32(a, x, y) vfmaq_f32(y, a, x)
#define NEON_FMA_F64(a, x, y) vfmaq_f64(y, a, x)

#define CHAIN_NAME chain_f32_neon
#define CHAIN_TARGET
#define CHAIN_VEC float32x4_t
#define CHAIN_SCALAR float
#define CHAIN_COUNT 24
#define CHAIN_SET1 vdupq_n_f32
#define CHAIN_FMA NEON_FMA_F32
#define CHAIN_STORE vst1q_f32
#define CHAIN_PIN(v) __asm__ volatile("" : "+w"(v))
#include "fma_chain.h"

#define CHAIN_NAME chain_f64_neon
#define CHAIN_TARGET
#define CHAIN_VEC float64x2_t
#define CHAIN_SCALAR double
#define CHAIN_COUNT 24
#define CHAIN_SET1 vdupq_n_f64
#define CHAIN_FMA NEON_FMA_F64
#define CHAIN_STORE vst1q_f64
#define CHAIN_PIN(v) __asm__ volatile("" : "+w"(v))
#include "fma_chain.h"

#endif

/* Scalar code elsewhere: the compiler's fma(), an instruction on arm64, a library call on an x86 that lacks FMA. */
#if defined(__x86_64__)
#define PIN_SCALAR(v) __asm__ volatile("" : "+x"(v))
#elif defined(__aarch64__)
#define PIN_SCALAR(v) __asm__ volatile("" : "+w"(v))
#else
#define PIN_SCALAR(v) __asm__ volatile("" : "+m"(v))
#endif

#define CHAIN_NAME chain_f32_scalar
#define CHAIN_TARGET
#define CHAIN_VEC float
#define CHAIN_SCALAR float
#define CHAIN_COUNT 12
#define CHAIN_SET1 SAME
#define CHAIN_FMA fmaf
#define CHAIN_STORE STORE_SCALAR
#define CHAIN_PIN PIN_SCALAR
#include "fma_chain.h"

#define CHAIN_NAME chain_f64_scalar
#define CHAIN_TARGET
#define CHAIN_VEC double
#define CHAIN_SCALAR double
#define CHAIN_COUNT 12
#define CHAIN_SET1 SAME
#define CHAIN_FMA fma
#define CHAIN_STORE STORE_SCALAR
#define CHAIN_PIN PIN_SCALAR
#include "fma_chain.h"

static chain find_chain(pc_isa isa, pc_dtype dtype) {
    int f64 = dtype == PC_F64;
    if (!pc_isa_available(isa)) return (chain){NULL, 0};
    switch (isa) {
#if defined(__x86_64__)
        case PC_ISA_AVX512: return f64 ? (chain){chain_f64_avx512, 2 * 20 * 8} : (chain){chain_f32_avx512, 2 * 20 * 16};
        case PC_ISA_AVX2: return f64 ? (chain){chain_f64_avx2, 2 * 12 * 4} : (chain){chain_f32_avx2, 2 * 12 * 8};
        case PC_ISA_SCALAR:
            if (__builtin_cpu_supports("fma"))
                return f64 ? (chain){chain_f64_scalar_fma, 2 * 12} : (chain){chain_f32_scalar_fma, 2 * 12};
            return f64 ? (chain){chain_f64_scalar, 2 * 12} : (chain){chain_f32_scalar, 2 * 12};
#elif defined(__aarch64__)
        case PC_ISA_NEON: return f64 ? (chain){chain_f64_neon, 2 * 24 * 2} : (chain){chain_f32_neon, 2 * 24 * 4};
        case PC_ISA_SCALAR: return f64 ? (chain){chain_f64_scalar, 2 * 12} : (chain){chain_f32_scalar, 2 * 12};
#else
        case PC_ISA_SCALAR: return f64 ? (chain){chain_f64_scalar, 2 * 12} : (chain){chain_f32_scalar, 2 * 12};
#endif
        default: return (chain){NULL, 0};
    }
}

double peak_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Wall time from the first thread's start to the last one's end; waking the team up is not part of it. */
static double time_chains(chain_fn run, int64_t steps, int threads) {
    double first = INFINITY, last = 0;
#pragma omp parallel num_threads(threads) reduction(min : first) reduction(max : last)
    {
        _Alignas(64) unsigned char sink[64];
        run(1, sink);
#pragma omp barrier
        first = peak_now();
        run(steps, sink);
        last = peak_now();
    }
#ifndef _OPENMP
    (void)threads;
#endif
    return last - first;
}

double peak_fma(pc_isa isa, pc_dtype dtype, int threads, double seconds) {
    chain c = find_chain(isa, dtype);
    if (!c.run) return 0;
#ifndef _OPENMP
    threads = 1;
#endif
    const int64_t trial = 2000;
    double step = time_chains(c.run, trial, 1) / (double)trial;
    int64_t steps = (int64_t)(seconds / step) + 1;
    return 1e-9 * (double)threads * (double)steps * c.flops / time_chains(c.run, steps, threads);
}

double peak_copy(int threads) {
    enum { ROUNDS = 8 };
    /* Each chunk is timed by itself, for the reason that timing.c gives; a round of them is larger than the caches. */
    const size_t chunk = (size_t)8 << 20, total = 12 * chunk, slice = chunk / (size_t)threads;
    unsigned char *from = aligned_alloc(64, total), *to = aligned_alloc(64, total);
    double best = INFINITY;
    if (!from || !to) {
        free(from);
        free(to);
        return 0;
    }
    memset(from, 1, total);
    memset(to, 2, total);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t at = 0; at < total; at += chunk) {
            double start = peak_now();
#pragma omp parallel for num_threads(threads) schedule(static)
            for (int i = 0; i < threads; i++) {
                size_t begin = at + (size_t)i * slice;
                memcpy(to + begin, from + begin, slice);
            }
            double elapsed = peak_now() - start;
            best = elapsed < best ? elapsed : best;
        }
    }
    free(from);
    free(to);
    return 2e-9 * (double)slice * threads / best;
}
