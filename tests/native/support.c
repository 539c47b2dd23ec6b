#include "support.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t checks, failures;

int test_passed(void) {
    checks++;
    return 1;
}

int test_failed(const char *file, int line, const char *condition, const char *format, ...) {
    checks++;
    if (++failures > 20) return 0; /* twenty lines tell enough */
    const char *name = strrchr(file, '/');
    printf("FAILED %s:%d: %s: ", name ? name + 1 : file, line, condition);
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
    return 0;
}

int test_result(void) {
    printf("%" PRId64 " checks, %" PRId64 " failed\n", checks, failures);
    return failures == 0 && checks > 0 ? 0 : 1;
}

/* splitmix64: integer arithmetic only, so the same numbers everywhere. */
uint64_t rng_next(rng *r) {
    uint64_t z = (r->state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

int64_t rng_range(rng *r, int64_t low, int64_t high) {
    return low + (int64_t)(rng_next(r) % (uint64_t)(high - low + 1));
}

int64_t rng_size(rng *r, int64_t high) {
    int64_t bound = rng_range(r, 1, high);
    return rng_range(r, 1, rng_range(r, 1, bound));
}

const char *const data_kind_names[3] = {"integer", "real", "special"};
const char *const dtype_names[2] = {"f32", "f64"};
const char *const layout_names[2] = {"nchw", "nhwc"};
const char *const boundary_names[PC_BOUNDARY_COUNT] = {"zeros",    "reflect",   "replicate",
                                                       "circular", "symmetric", "constant"};

size_t dtype_size(pc_dtype dtype) { return dtype == PC_F32 ? sizeof(float) : sizeof(double); }

double get(pc_dtype dtype, const void *data, int64_t i) {
    return dtype == PC_F32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

void put(pc_dtype dtype, void *data, int64_t i, double value) {
    if (dtype == PC_F32) {
        ((float *)data)[i] = (float)value;
    } else {
        ((double *)data)[i] = value;
    }
}

static double special_value(pc_dtype dtype, rng *r) {
    const int f32 = dtype == PC_F32;
    switch (rng_next(r) % 8) {
        case 0: return INFINITY;
        case 1: return -INFINITY;
        case 2: return NAN;
        case 3: return -0.0;
        case 4: return 0.0;
        case 5: return f32 ? 0x1p-149 : 0x1p-1074;
        case 6: return f32 ? -0x1.8p-127 : -0x1.8p-1023;
        default: return f32 ? 0x1.fffffep127 : 0x1.fffffffffffffp1023;
    }
}

void fill(pc_dtype dtype, void *data, int64_t n, data_kind kind, rng *r) {
    for (int64_t i = 0; i < n; i++) {
        double value;
        if (kind == DATA_INTEGER) {
            value = (double)rng_range(r, -4, 4);
        } else if (kind == DATA_SPECIAL && rng_next(r) % 32 == 0) {
            value = special_value(dtype, r);
        } else {
            value = (double)rng_range(r, -0xFFFFFF, 0xFFFFFF) * 0x1p-23;
        }
        put(dtype, data, i, value);
    }
}

int64_t first_difference(pc_dtype dtype, const void *a, const void *b, int64_t n) {
    const size_t size = dtype_size(dtype);
    if (n == 0 || memcmp(a, b, (size_t)n * size) == 0) return -1;
    for (int64_t i = 0; i < n; i++) {
        const size_t at = (size_t)i * size;
        if (memcmp((const char *)a + at, (const char *)b + at, size) == 0) continue;
        if (isnan(get(dtype, a, i)) && isnan(get(dtype, b, i))) continue;
        return i;
    }
    return -1;
}

uint64_t hash_bytes(const void *data, size_t n, uint64_t seed) {
    uint64_t hash = seed ^ UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < n; i++) hash = (hash ^ ((const unsigned char *)data)[i]) * UINT64_C(0x100000001B3);
    return hash;
}

uint64_t hash_values(pc_dtype dtype, const void *data, int64_t n, uint64_t seed) {
    uint64_t hash = seed;
    for (int64_t i = 0; i < n; i++) {
        const double value = get(dtype, data, i);
        hash = isnan(value) ? hash_bytes("nan", 3, hash) : hash_bytes(&value, sizeof value, hash);
    }
    return hash;
}

void *poison(void *data, size_t n) { return memset(data, 0xFF, n); }

void *poisoned(size_t n) {
    void *data = malloc(n ? n : 1);
    if (!data) {
        printf("out of memory: %zu bytes\n", n);
        exit(2);
    }
    return poison(data, n);
}

int64_t element_offset(pc_layout layout, int64_t channels, int64_t volume, int64_t n, int64_t c, int64_t z) {
    return layout == PC_NCHW ? (n * channels + c) * volume + z : (n * volume + z) * channels + c;
}
