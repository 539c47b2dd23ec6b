/* support.h - what the native tests share: checks, reproducible numbers, buffers that betray unwritten elements.
 *
 * A test prints one line for each failure and goes on; main ends with `return test_result();`.
 */
#ifndef TEST_SUPPORT_H
#define TEST_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

#include "pyconv.h"

enum { TEST_SKIPPED = 77 }; /* ctest's SKIP_RETURN_CODE */

/* ---- checks ---- */

/* If `condition` is false, report it with a printf-style message, whose arguments are looked at only then. Returns the
 * condition. */
#define CHECK(condition, ...) ((condition) ? test_passed() : test_failed(__FILE__, __LINE__, #condition, __VA_ARGS__))
int test_passed(void); /* returns 1 */
int test_failed(const char *file, int line, const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5))); /* returns 0 */
int test_result(void);                     /* prints a summary; the exit code for main */

/* ---- reproducible numbers ---- */

typedef struct rng {
    uint64_t state;
} rng;

uint64_t rng_next(rng *r);
int64_t rng_range(rng *r, int64_t low, int64_t high); /* uniform, both ends included */
int64_t rng_size(rng *r, int64_t high);               /* 1..high, small values far more often */

typedef enum data_kind {
    DATA_INTEGER, /* -4..4: every sum in these tests is exact in float32 */
    DATA_REAL,    /* uniform in (-2, 2), the same value on every machine */
    DATA_SPECIAL  /* as REAL, with infinities, NaN, -0, subnormals and the largest numbers mixed in */
} data_kind;

extern const char *const data_kind_names[3];
extern const char *const dtype_names[2];
extern const char *const layout_names[2];
extern const char *const boundary_names[PC_BOUNDARY_COUNT];

/* ---- typed memory ---- */

size_t dtype_size(pc_dtype dtype);
double get(pc_dtype dtype, const void *data, int64_t i);
void put(pc_dtype dtype, void *data, int64_t i, double value);
void fill(pc_dtype dtype, void *data, int64_t n, data_kind kind, rng *r);
/* Index of the first element whose bits differ (any two NaN are equal), or -1. */
int64_t first_difference(pc_dtype dtype, const void *a, const void *b, int64_t n);
uint64_t hash_bytes(const void *data, size_t n, uint64_t seed);                   /* FNV-1a */
uint64_t hash_values(pc_dtype dtype, const void *data, int64_t n, uint64_t seed); /* any two NaN hash alike */

/* n bytes of 0xFF, which is a NaN in either type and -1 as an index; never NULL. */
void *poisoned(size_t n);
void *poison(void *data, size_t n);

/* Element (n, c, z) of a dense (mb, channels, volume) array in either layout, z counting over depth, height, width. */
int64_t element_offset(pc_layout layout, int64_t channels, int64_t volume, int64_t n, int64_t c, int64_t z);

#endif
