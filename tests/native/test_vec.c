/* test_vec.c - every operation of csrc/simd/vec.h against plain C, lane by lane; compiled once a target.
 *
 * It exports one function, so that nothing of it runs before test_vec_main.c has asked whether the CPU can. */
#include <math.h>
#include <string.h>

#include "simd/vec.h"

#include "guard.h"
#include "support.h"

enum { ROUNDS = 2000 };

#if defined(PC_DTYPE_F64)
static const pc_dtype dtype = PC_F64;
static elem one_fma(elem a, elem b, elem c) { return fma(a, b, c); }
static elem one_round(elem a) { return rint(a); }
static elem one_pow2(int n) { return ldexp(1.0, n); }
enum { LEAST_POWER = -1022, GREATEST_POWER = 1023, HALF_DIGITS = 26 };
#else
static const pc_dtype dtype = PC_F32;
static elem one_fma(elem a, elem b, elem c) { return fmaf(a, b, c); }
static elem one_round(elem a) { return rintf(a); }
static elem one_pow2(int n) { return ldexpf(1.0f, n); }
enum { LEAST_POWER = -126, GREATEST_POWER = 127, HALF_DIGITS = 12 };
#endif

static void expect(const char *operation, vec result, const elem want[PC_VLEN]) {
    elem got[PC_VLEN];
    v_store(got, result);
    const int64_t i = first_difference(dtype, got, want, PC_VLEN);
    CHECK(i < 0, "%s: lane %d is %a, not %a", operation, (int)i, (double)got[i], (double)want[i]);
}

/* As the vocabulary defines it: b where b > a or b is NaN, else a. */
static elem one_max_first(elem a, elem b) { return b > a || isnan(b) ? b : a; }

static void test_arithmetic(rng *r) {
    elem a[PC_VLEN], b[PC_VLEN], c[PC_VLEN], want[PC_VLEN];
    fill(dtype, a, PC_VLEN, DATA_SPECIAL, r);
    fill(dtype, b, PC_VLEN, DATA_SPECIAL, r);
    fill(dtype, c, PC_VLEN, DATA_SPECIAL, r);
    if (rng_next(r) % 4 == 0) b[rng_next(r) % PC_VLEN] = a[0], b[0] = a[0]; /* ties */
    const vec x = v_load(a), y = v_load(b), z = v_load(c);
#define EACH_LANE(name, result, formula)                                                                               \
    do {                                                                                                               \
        for (int i = 0; i < PC_VLEN; i++) want[i] = (formula);                                                         \
        expect(name, result, want);                                                                                    \
    } while (0)
    EACH_LANE("v_load", x, a[i]);
    EACH_LANE("v_add", v_add(x, y), a[i] + b[i]);
    EACH_LANE("v_sub", v_sub(x, y), a[i] - b[i]);
    EACH_LANE("v_mul", v_mul(x, y), a[i] * b[i]);
    EACH_LANE("v_div", v_div(x, y), a[i] / b[i]);
    EACH_LANE("v_fma", v_fma(x, y, z), one_fma(a[i], b[i], c[i]));
    EACH_LANE("v_fnma", v_fnma(x, y, z), one_fma(-a[i], b[i], c[i]));
    EACH_LANE("v_max_first", v_max_first(x, y), one_max_first(a[i], b[i]));
    vec at = z;
    EACH_LANE("v_winner", v_winner(x, y, x, &at), one_max_first(a[i], b[i]));
    EACH_LANE("v_winner, where", at, b[i] > a[i] || isnan(b[i]) ? a[i] : c[i]);
    EACH_LANE("v_set1", v_set1(a[0]), a[0]);
    EACH_LANE("v_zero", v_zero(), 0);

    /* Wide exponents, halves, and numbers that are integers already. */
    for (int i = 0; i < PC_VLEN; i++) {
        switch (rng_next(r) % 3) {
            case 0: a[i] = (elem)ldexp(get(dtype, a, i), (int)rng_range(r, -3, 70)); break;
            case 1: a[i] = (elem)((double)rng_range(r, -1000, 1000) + 0.5); break;
            default: break;
        }
    }
    EACH_LANE("v_round", v_round(v_load(a)), one_round(a[i]));

    int n[PC_VLEN];
    for (int i = 0; i < PC_VLEN; i++) a[i] = (elem)(n[i] = (int)rng_range(r, LEAST_POWER, GREATEST_POWER));
    a[0] = (elem)(n[0] = rng_next(r) % 2 ? LEAST_POWER : GREATEST_POWER);
    EACH_LANE("v_pow2", v_pow2(v_load(a)), one_pow2(n[i]));
}

/* The multiply-add must be rounded once: the low half of the product survives the subtraction of the high one. */
static void test_fma_is_fused(void) {
    const elem tiny = (elem)ldexp(1.0, -HALF_DIGITS), a = 1 + tiny, high = 1 + 2 * tiny;
    elem want[PC_VLEN];
    for (int i = 0; i < PC_VLEN; i++) want[i] = tiny * tiny;
    expect("v_fma, fused", v_fma(v_set1(a), v_set1(a), v_set1(-high)), want);
}

static void test_max_first_signs(void) {
    elem want[PC_VLEN];
    for (int i = 0; i < PC_VLEN; i++) want[i] = (elem)-0.0;
    expect("v_max_first(-0, +0)", v_max_first(v_set1((elem)-0.0), v_set1(0)), want);
    for (int i = 0; i < PC_VLEN; i++) want[i] = 0;
    expect("v_max_first(+0, -0)", v_max_first(v_set1(0), v_set1((elem)-0.0)), want);
}

/* Without NaN v_max is v_max_first; with one, in any lane of either operand and at any time, it is noted. */
static void test_max_and_nan(rng *r) {
    elem a[PC_VLEN], b[PC_VLEN], want[PC_VLEN];
    fill(dtype, a, PC_VLEN, DATA_REAL, r);
    fill(dtype, b, PC_VLEN, DATA_REAL, r);
    a[rng_next(r) % PC_VLEN] = (elem)-INFINITY;
    a[rng_next(r) % PC_VLEN] = b[0] = (elem)-0.0;
    b[rng_next(r) % PC_VLEN] = 0;
    for (int i = 0; i < PC_VLEN; i++) want[i] = one_max_first(a[i], b[i]);
    expect("v_max", v_max(v_load(a), v_load(b)), want);
    const vnan none = v_note_nan(v_no_nan(), v_load(a), v_load(b));
    CHECK(!v_met_nan(v_no_nan()) && !v_met_nan(none), "a NaN was noted where there is none");
    for (int i = 0; i < PC_VLEN; i++) {
        memcpy(want, a, sizeof want);
        want[i] = (elem)NAN;
        const vnan first = v_note_nan(none, v_load(want), v_load(b)),
                   second = v_note_nan(none, v_load(b), v_load(want));
        CHECK(v_met_nan(first) && v_met_nan(second), "the NaN in lane %d was not noted", i);
        CHECK(v_any_nan(v_load(want), v_load(b)) && v_any_nan(v_load(b), v_load(want)), "NaN in lane %d", i);
        CHECK(!v_any_nan(v_load(a), v_load(b)), "no NaN");
        CHECK(v_met_nan(v_note_nan(first, v_load(a), v_load(b))), "the NaN in lane %d was forgotten", i);
    }
}

static void test_shuffles(rng *r) {
    elem both[2 * PC_VLEN], even[PC_VLEN], odd[PC_VLEN], shifted[PC_VLEN];
    fill(dtype, both, 2 * PC_VLEN, DATA_SPECIAL, r);
    for (int i = 0; i < PC_VLEN; i++) even[i] = both[2 * i], odd[i] = both[2 * i + 1];
    expect("v_even", v_even(v_load(both), v_load(both + PC_VLEN)), even);
    expect("v_odd", v_odd(v_load(both), v_load(both + PC_VLEN)), odd);
    expect("v_even_unordered", v_ordered(v_even_unordered(v_load(both), v_load(both + PC_VLEN))), even);
    for (int i = PC_VLEN - 1; i > 0; i--) shifted[i] = odd[i - 1];
    shifted[0] = even[PC_VLEN - 1];
    expect("v_shift_in", v_shift_in(v_load(even), v_load(odd)), shifted);
    for (int i = 0; i < PC_VLEN; i++) shifted[i] = i + 1 < PC_VLEN ? even[i + 1] : odd[0];
    expect("v_next", v_next(v_load(even), v_load(odd)), shifted);
#if defined(PC_TARGET_AVX512) && defined(PC_DTYPE_F32)
    for (int i = 0; i < PC_VLEN; i++) shifted[i] = i + 6 < PC_VLEN ? even[i + 6] : odd[i + 6 - PC_VLEN];
    expect("v_from", v_from(v_load(even), v_load(odd), 6), shifted);
#endif
    uint8_t bytes[PC_VLEN];
    for (int i = 0; i < PC_VLEN; i++) {
        bytes[i] = (uint8_t)rng_range(r, 0, 255);
        shifted[i] = bytes[i];
    }
    expect("v_load_bytes", v_load_bytes(bytes), shifted);
    vec zipped[2];
    v_zip(v_load(even), v_load(odd), zipped);
    expect("v_zip", zipped[0], both);
    expect("v_zip", zipped[1], both + PC_VLEN);
    expect("v_odd_unordered", v_ordered(v_odd_unordered(v_load(both), v_load(both + PC_VLEN))), odd);

    int32_t index[PC_VLEN];
    for (int i = 0; i < PC_VLEN; i++) {
        index[i] = (int32_t)rng_range(r, 0, 2 * PC_VLEN - 1);
        shifted[i] = both[index[i]];
    }
    expect("v_gather", v_gather(both, index), shifted);
#if defined(PC_PICKS)
    for (int i = 0; i < PC_VLEN; i++) index[i] += 1000;
    expect("v_pick", v_pick(v_load(both), v_load(both + PC_VLEN), index, 1000), shifted);
#endif

    elem square[PC_VLEN][PC_VLEN], column[PC_VLEN];
    fill(dtype, square, PC_VLEN * PC_VLEN, DATA_SPECIAL, r);
    vec rows[PC_VLEN];
    for (int i = 0; i < PC_VLEN; i++) rows[i] = v_load(square[i]);
    v_transpose(rows);
    for (int j = 0; j < PC_VLEN; j++) {
        for (int i = 0; i < PC_VLEN; i++) column[i] = square[i][j];
        expect("v_transpose", rows[j], column);
    }
}

/* Loads and stores of n elements between forbidden pages: nothing beyond is read, and nothing beside is written. */
static void test_partial(rng *r) {
    for (int n = 0; n <= PC_VLEN; n++) {
        for (int side = 0; side < 2; side++) {
            elem values[PC_VLEN], want[PC_VLEN] = {0};
            fill(dtype, values, PC_VLEN, DATA_SPECIAL, r);
            guard_buffer b = guard_create((size_t)n * sizeof(elem), side ? GUARD_BEFORE : GUARD_AFTER);
            elem *p = (elem *)b.data;
            guard_watch("v_store_n");
            v_store_n(p, n, v_load(values));
            CHECK(first_difference(dtype, p, values, n) < 0, "v_store_n of %d elements", n);
            CHECK(guard_intact(&b), "v_store_n of %d elements wrote beside them", n);
            for (int i = 0; i < n; i++) want[i] = values[i];
            guard_watch("v_load_n");
            expect("v_load_n", v_load_n(p, n), want);
            guard_destroy(&b);
        }
    }
}

#if PC_VLEN > 1
/* Two halves, the second over the end of the first and before a forbidden page. */
static void test_halves(rng *r) {
    enum { HALF = PC_VLEN / 2, GAP = (HALF + 1) / 2 };
    elem values[PC_VLEN];
    fill(dtype, values, PC_VLEN, DATA_SPECIAL, r);
    guard_buffer b = guard_create((GAP + HALF) * sizeof(elem), GUARD_AFTER);
    elem *p = (elem *)b.data;
    guard_watch("v_store_halves");
    v_store_halves(p, p + GAP, v_load(values));
    CHECK(first_difference(dtype, p, values, GAP) < 0, "v_store_halves, the first");
    CHECK(first_difference(dtype, p + GAP, values + HALF, HALF) < 0, "v_store_halves, the second");
    CHECK(guard_intact(&b), "v_store_halves wrote beside them");
    guard_destroy(&b);
}
#endif

/* PC_VLEN rows of four elements or fewer, with gaps between them that must stay as they are. */
static void test_store_quads(rng *r) {
    enum { LD = 5 };
    elem block[PC_VLEN * LD], want[PC_VLEN * LD], columns[4][PC_VLEN];
    vec v[4];
    for (int j = 0; j < 4; j++) {
        fill(dtype, columns[j], PC_VLEN, DATA_SPECIAL, r);
        v[j] = v_load(columns[j]);
    }
    for (int n = 0; n <= PC_VLEN; n++) {
        for (int m = 1; m <= 4; m++) {
            fill(dtype, block, PC_VLEN * LD, DATA_SPECIAL, r);
            memcpy(want, block, sizeof want);
            for (int i = 0; i < n; i++)
                for (int j = 0; j < m; j++) want[i * LD + j] = columns[j][i];
            v_store_quads_part(block, LD, n, m, v);
            CHECK(first_difference(dtype, block, want, PC_VLEN * LD) < 0, "v_store_quads_part of %d x %d", n, m);
        }
    }
    v_store_quads(block, LD, v);
    CHECK(first_difference(dtype, block, want, PC_VLEN * LD) < 0, "v_store_quads");
}

/* PC_VLEN rows of up to four elements, each between forbidden pages in turn. */
static void test_quads(rng *r) {
    enum { LD = 7 };
    elem block[PC_VLEN * LD], want[PC_VLEN];
    vec v[4];
    fill(dtype, block, PC_VLEN * LD, DATA_SPECIAL, r);
    v_load_quads(block, LD, v);
    for (int j = 0; j < 4; j++) {
        for (int i = 0; i < PC_VLEN; i++) want[i] = block[i * LD + j];
        expect("v_load_quads", v[j], want);
    }
#if PC_VLEN >= 8
    elem wide[PC_VLEN * 11];
    vec octs[8];
    fill(dtype, wide, PC_VLEN * 11, DATA_SPECIAL, r);
    v_load_octs(wide, 11, octs);
    for (int j = 0; j < 8; j++) {
        for (int i = 0; i < PC_VLEN; i++) want[i] = wide[i * 11 + j];
        expect("v_load_octs", octs[j], want);
    }
#endif
    for (int n = 0; n <= PC_VLEN; n++) {
        for (int lo = 0; lo <= 4; lo++) {
            for (int hi = lo; hi <= 4; hi++) {
                /* A single row of hi - lo elements, so that whatever is read beside them faults; the others follow
                 * from n. */
                const size_t count = n ? (size_t)(hi - lo) : 0;
                for (int side = 0; side < 2; side++) {
                    guard_buffer b = guard_create(count * sizeof(elem), side ? GUARD_BEFORE : GUARD_AFTER);
                    elem *p = (elem *)b.data;
                    memcpy(p, block, count * sizeof(elem));
                    guard_watch("v_load_quads_part");
                    v_load_quads_part((elem *)((uintptr_t)p - (uintptr_t)lo * sizeof(elem)), 0, n, lo, hi, v);
                    for (int j = 0; j < 4; j++) {
                        for (int i = 0; i < PC_VLEN; i++) want[i] = i < n && j >= lo && j < hi ? block[j - lo] : 0;
                        expect("v_load_quads_part", v[j], want);
                    }
                    guard_destroy(&b);
                }
            }
        }
    }
}

static void test_mask(rng *r) {
    static const int far[] = {-2147483647 - 1, -1000, 1000, 2147483647};
    guard_watch("v_load_mask");
    for (int lo = -3; lo <= PC_VLEN + 3; lo++) {
        for (int hi = -3; hi <= PC_VLEN + 3; hi++) {
            const int first = lo < 0 ? 0 : lo, end = hi > PC_VLEN ? PC_VLEN : hi, n = end > first ? end - first : 0;
            for (int side = 0; side < 2; side++) {
                /* Exactly the lanes of the mask exist; those to the left or right of them are forbidden. */
                guard_buffer b = guard_create((size_t)n * sizeof(elem), side ? GUARD_BEFORE : GUARD_AFTER);
                elem *p = (elem *)b.data, want[PC_VLEN] = {0};
                fill(dtype, p, n, DATA_SPECIAL, r);
                for (int i = 0; i < n; i++) want[first + i] = p[i];
                elem *lane0 = (elem *)((uintptr_t)p - (uintptr_t)first * sizeof(elem));
                expect("v_load_mask", v_load_mask(lane0, v_mask(lo, hi)), want);
                guard_destroy(&b);
            }
        }
    }
    elem all[PC_VLEN], want[PC_VLEN];
    fill(dtype, all, PC_VLEN, DATA_REAL, r);
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 4; j++) {
            for (int k = 0; k < PC_VLEN; k++) want[k] = far[i] <= k && k < far[j] ? all[k] : 0;
            expect("v_load_mask, far bounds", v_load_mask(all, v_mask(far[i], far[j])), want);
        }
    }
}

#if (defined(PC_TARGET_AVX512) || defined(PC_TARGET_AVX2)) && defined(PC_DTYPE_F32)
static void test_any_mask(rng *r) {
    elem all[PC_VLEN], flags[PC_VLEN], want[PC_VLEN];
    for (int round = 0; round < ROUNDS; round++) {
        fill(dtype, all, PC_VLEN, DATA_REAL, r);
        for (int i = 0; i < PC_VLEN; i++) flags[i] = (elem)rng_range(r, 0, 1);
        for (int i = 0; i < PC_VLEN; i++) want[i] = flags[i] != 0 ? all[i] : -1;
        expect("v_mask_where", v_load_mask_or(all, v_mask_where(v_load(flags)), v_set1(-1)), want);
    }
}
#endif

/* Integers in the bits of elements: extremes as often as anything. */
static void test_dot(rng *r) {
    elem a[PC_VLEN], b[PC_VLEN], c[PC_VLEN], want[PC_VLEN];
    for (int i = 0; i < PC_VLEN; i++) {
        int64_t x[2], y[2];
        uint64_t z = rng_next(r);
        for (int j = 0; j < 2; j++) {
            const int64_t least = sizeof(elem) == 4 ? INT16_MIN : INT32_MIN, most = -1 - least;
            x[j] = rng_range(r, 0, 2) ? rng_range(r, least, most) : least;
            y[j] = rng_range(r, 0, 2) ? rng_range(r, least, most) : least;
        }
#if defined(PC_DTYPE_F64)
        memcpy(&a[i], &x[0], sizeof(elem));
        memcpy(&b[i], &y[0], sizeof(elem));
        memcpy(&c[i], &z, sizeof(elem));
        z += (uint64_t)(x[0] * y[0]);
#else
        const int16_t p[2] = {(int16_t)x[0], (int16_t)x[1]}, q[2] = {(int16_t)y[0], (int16_t)y[1]};
        const uint32_t low = (uint32_t)z;
        memcpy(&a[i], p, sizeof(elem));
        memcpy(&b[i], q, sizeof(elem));
        memcpy(&c[i], &low, sizeof(elem));
        z = (uint32_t)(z + (uint64_t)(x[0] * y[0] + x[1] * y[1]));
        const uint32_t sum = (uint32_t)z;
        memcpy(&want[i], &sum, sizeof(elem));
        continue;
#endif
        memcpy(&want[i], &z, sizeof(elem));
    }
    elem got[PC_VLEN];
    v_store(got, v_dot(v_load(a), v_load(b), v_load(c)));
    CHECK(!memcmp(got, want, sizeof got), "v_dot");
}

#if defined(PC_DTYPE_F32)
/* The number that 16 bits mean. */
static double half_value(uint16_t h) {
    const int exponent = h >> 10 & 31, m = h & 0x3ff;
    const double sign = h & 0x8000 ? -1 : 1;
    if (exponent == 31) return m ? (double)NAN : sign * (double)INFINITY;
    return sign * ldexp(exponent ? m + 1024 : m, exponent ? exponent - 25 : -24);
}

static uint16_t nearest_half(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    if (isnan(x)) return (uint16_t)(sign | 0x7e00 | (bits >> 13 & 0x3ff));
    if (isinf(x)) return (uint16_t)(sign | 0x7c00);
    int exponent = x == 0 ? -24 : ilogbf(fabsf(x)) - 10;
    if (exponent < -24) exponent = -24;
    const double units = nearbyint(ldexp(fabs((double)x), -exponent)); /* to even */
    if (ldexp(units, exponent) >= 65536) return (uint16_t)(sign | 0x7c00);
    return (uint16_t)(sign | ((exponent + 24) * 1024 + (int)units));
}

static void test_half(rng *r) {
    uint16_t h[PC_VLEN], got[PC_VLEN];
    elem x[PC_VLEN], back[PC_VLEN];
    for (int64_t i = 0; i < 65536; i += PC_VLEN) {
        for (int j = 0; j < PC_VLEN; j++) h[j] = (uint16_t)(i + j);
        v_store(back, v_load_half(h));
        for (int j = 0; j < PC_VLEN; j++) {
            const double want = half_value(h[j]);
            uint32_t bits;
            memcpy(&bits, &back[j], sizeof bits);
            const uint32_t quiet = (uint32_t)(h[j] & 0x8000) << 16 | 0x7fc00000 | (uint32_t)(h[j] & 0x3ff) << 13;
            CHECK(isnan(want) ? bits == quiet : (double)back[j] == want && !signbit(back[j]) == !signbit(want),
                  "v_load_half(%x)", h[j]);
        }
    }
    for (int round = 0; round < 5 * ROUNDS; round++) {
        for (int j = 0; j < PC_VLEN; j++) {
            /* Any bits; halves, and numbers near the middle between two of them. */
            uint32_t bits = (uint32_t)rng_next(r);
            if (rng_range(r, 0, 3)) {
                const float near = (float)half_value((uint16_t)(bits & 0xfbff));
                memcpy(&bits, &near, sizeof bits);
                bits += (uint32_t)(rng_range(r, -1, 1) * 0x1000 + rng_range(r, -1, 1));
            }
            memcpy(&x[j], &bits, sizeof bits);
        }
        v_store_half(got, v_load(x));
        for (int j = 0; j < PC_VLEN; j++)
            CHECK(got[j] == nearest_half(x[j]), "v_store_half(%a): %x, not %x", (double)x[j], got[j],
                  nearest_half(x[j]));
        const int n = (int)rng_range(r, 0, PC_VLEN);
        uint16_t part[PC_VLEN];
        for (int j = 0; j < PC_VLEN; j++) part[j] = (uint16_t)(0x1230 + j);
        v_store_half_n(part, n, v_load(x));
        for (int j = 0; j < PC_VLEN; j++) CHECK(part[j] == (j < n ? got[j] : 0x1230 + j), "v_store_half_n %d", n);
    }
}

/* bfloat16 are the first halves of floats. */
static uint16_t nearest_bfloat(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (isnan(x)) return (uint16_t)(bits >> 16 | 0x40);
    const uint32_t low = bits & 0xffff, odd = bits >> 16 & 1;
    return (uint16_t)((bits >> 16) + (low > 0x8000 || (low == 0x8000 && odd)));
}

static void test_bfloat(rng *r) {
    uint16_t h[PC_VLEN], got[PC_VLEN];
    uint32_t bits[PC_VLEN];
    elem x[PC_VLEN];
    for (int64_t i = 0; i < 65536; i += PC_VLEN) {
        for (int j = 0; j < PC_VLEN; j++) h[j] = (uint16_t)(i + j);
        v_store(x, v_load_bfloat(h));
        memcpy(bits, x, sizeof bits);
        for (int j = 0; j < PC_VLEN; j++) CHECK(bits[j] == (uint32_t)h[j] << 16, "v_load_bfloat(%x)", h[j]);
    }
    for (int round = 0; round < 5 * ROUNDS; round++) {
        for (int j = 0; j < PC_VLEN; j++) {
            bits[j] = (uint32_t)rng_next(r);
            if (rng_range(r, 0, 2)) bits[j] = (bits[j] & 0xffff0000) + 0x7fff + (uint32_t)rng_range(r, 0, 2);
            if (!rng_range(r, 0, 3)) bits[j] |= 0x7f800000; /* infinite, or not a number */
        }
        memcpy(x, bits, sizeof x);
        v_store_bfloat(got, v_load(x));
        for (int j = 0; j < PC_VLEN; j++)
            CHECK(got[j] == nearest_bfloat(x[j]), "v_store_bfloat(%a): %x, not %x", (double)x[j], got[j],
                  nearest_bfloat(x[j]));
        const int n = (int)rng_range(r, 0, PC_VLEN);
        uint16_t part[PC_VLEN];
        for (int j = 0; j < PC_VLEN; j++) part[j] = (uint16_t)(0x1230 + j);
        v_store_bfloat_n(part, n, v_load(x));
        for (int j = 0; j < PC_VLEN; j++) CHECK(part[j] == (j < n ? got[j] : 0x1230 + j), "v_store_bfloat_n %d", n);
    }
}
#endif

void PC_FN(test_vec)(void);
void PC_FN(test_vec)(void) {
    rng r = {.state = 1};
    test_fma_is_fused();
    test_max_first_signs();
    test_partial(&r);
    test_mask(&r);
#if PC_VLEN > 1
    test_halves(&r);
#endif
#if (defined(PC_TARGET_AVX512) || defined(PC_TARGET_AVX2)) && defined(PC_DTYPE_F32)
    test_any_mask(&r);
#endif
#if defined(PC_DTYPE_F32)
    test_half(&r);
    test_bfloat(&r);
#endif
    test_quads(&r);
    test_store_quads(&r);
    for (int i = 0; i < ROUNDS; i++) {
        test_arithmetic(&r);
        test_max_and_nan(&r);
        test_shuffles(&r);
        test_dot(&r);
    }
}
