/* test_pool.c - pooling against its definition: values bit for bit, indices, floats and integers, on every instruction
 * set and several thread counts, with every buffer flush against a forbidden page. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "support.h"

enum { PROBLEMS = 3000, MOST_THREADS = 3, NO_INDEX = -1, SUMS = 16 };

typedef struct problem {
    pc_pool_desc desc;
    data_kind data;
    int64_t out[3], in_volume, out_volume, src_count, dst_count;
    int64_t *starts;         /* of placed windows, */
    const int64_t *place[3]; /* and those of the plane at hand */
} problem;

static size_t element_size(const problem *p) {
    return p->desc.integer_bits ? (size_t)p->desc.integer_bits / 8 : dtype_size(p->desc.dtype);
}

static double load(const problem *p, const void *data, int64_t i) {
    switch (p->desc.integer_bits + (p->desc.integer_unsigned != 0)) {
        case 8: return ((const int8_t *)data)[i];
        case 9: return ((const uint8_t *)data)[i];
        case 16: return ((const int16_t *)data)[i];
        case 17: return ((const uint16_t *)data)[i];
        case 32: return ((const int32_t *)data)[i];
        case 33: return ((const uint32_t *)data)[i];
        case 64: return (double)((const int64_t *)data)[i];
        case 65: return (double)((const uint64_t *)data)[i];
        default: return get(p->desc.dtype, data, i);
    }
}

static void save(const problem *p, void *data, int64_t i, double value) {
    switch (p->desc.integer_bits + (p->desc.integer_unsigned != 0)) {
        case 8: ((int8_t *)data)[i] = (int8_t)value; break;
        case 9: ((uint8_t *)data)[i] = (uint8_t)value; break;
        case 16: ((int16_t *)data)[i] = (int16_t)value; break;
        case 17: ((uint16_t *)data)[i] = (uint16_t)value; break;
        case 32: ((int32_t *)data)[i] = (int32_t)value; break;
        case 33: ((uint32_t *)data)[i] = (uint32_t)value; break;
        case 64: ((int64_t *)data)[i] = (int64_t)value; break;
        case 65: ((uint64_t *)data)[i] = (uint64_t)value; break;
        default: put(p->desc.dtype, data, i, value);
    }
}

/* What padding holds. */
static double lowest(const problem *p) {
    const int bits = p->desc.integer_bits;
    return !bits ? -INFINITY : p->desc.integer_unsigned ? 0 : -ldexp(1, bits - 1);
}

static const char *text(const problem *p) {
    static char line[256];
    const pc_pool_desc *d = &p->desc;
    int n = snprintf(line, sizeof line, "%s %s%s%d %s>%s %s mb%" PRId64 " c%" PRId64 "%s%s%s%s divisor%" PRId64,
                     d->kind == PC_POOL_MAX ? "max" : "average", dtype_names[d->dtype],
                     d->integer_unsigned ? " unsigned" : " integer", d->integer_bits, layout_names[d->src_layout],
                     layout_names[d->dst_layout], data_kind_names[p->data], d->mb, d->c, d->ceil_mode ? " ceil" : "",
                     d->placed ? " placed" : "", d->with_indices ? " indices" : "",
                     d->padding_excluded ? " padding_excluded" : "", d->divisor);
    const struct {
        const char *key;
        const int64_t *v;
    } triples[] = {{"in", d->in},      {"k", d->window}, {"s", d->stride},
                   {"d", d->dilation}, {"p", d->pad},    {"adaptive", d->adaptive}};
    for (size_t i = 0; i < sizeof triples / sizeof *triples; i++) {
        const int64_t *v = triples[i].v;
        n += snprintf(line + n, sizeof line - (size_t)n, " %s%" PRId64 ",%" PRId64 ",%" PRId64, triples[i].key, v[0],
                      v[1], v[2]);
    }
    return line;
}

/* The size as torch defines it; 0 where the window does not fit. */
static int64_t output_size(const pc_pool_desc *d, int a) {
    if (d->adaptive[a]) return d->adaptive[a];
    const int64_t room = d->in[a] + 2 * d->pad[a] - d->dilation[a] * (d->window[a] - 1) - 1;
    const int64_t rounded = room + (d->ceil_mode ? d->stride[a] - 1 : 0);
    if (rounded < 0) return 0;
    int64_t out = rounded / d->stride[a] + 1;
    if (d->ceil_mode && (out - 1) * d->stride[a] >= d->in[a] + d->pad[a]) out--;
    return out;
}

/* How many steps it takes to see every element of a window. */
static int64_t taps(const pc_pool_desc *d, int a) { return d->adaptive[a] && !d->placed ? d->in[a] : d->window[a]; }

static int derive(problem *p) {
    pc_pool_desc *d = &p->desc;
    p->in_volume = p->out_volume = 1;
    for (int a = 0; a < 3; a++) {
        p->out[a] = output_size(d, a);
        p->in_volume *= d->in[a];
        p->out_volume *= p->out[a];
    }
    p->src_count = d->mb * d->c * p->in_volume;
    p->dst_count = d->mb * d->c * p->out_volume;
    return p->out_volume > 0;
}

/* Windows that cut an axis into parts, beside fields that must not count then. */
static void make_adaptive(pc_pool_desc *d, rng *r) {
    for (int a = rng_range(r, 0, 3) ? 1 : 0; a < 3; a++) {
        if (rng_range(r, 0, 3) == 0) continue;
        d->in[a] = rng_range(r, 1, a == 0 ? 4 : 30);
        d->adaptive[a] = rng_range(r, 1, d->in[a] + 3);
        if (rng_range(r, 0, 2) == 0) d->in[a] = d->adaptive[a] * rng_range(r, 1, 4); /* equal parts */
        d->window[a] = d->stride[a] = d->dilation[a] = 0;
        d->pad[a] = -1;
    }
}

/* A single window that covers the image, with or without padding: planes of few pixels, those of networks, large
 * ones. */
static void make_global(pc_pool_desc *d, rng *r) {
    const int64_t kind = rng_range(r, 0, 3), most = kind == 0 ? 4 : kind == 1 ? 16 : kind == 2 ? 40 : 130;
    for (int a = rng_range(r, 0, 3) ? 1 : 0; a < 3; a++) {
        d->in[a] = a == 0 ? rng_range(r, 1, 3) : rng_range(r, (most + 1) / 2, most);
        d->adaptive[a] = rng_range(r, 0, 3) == 0;
        d->pad[a] = rng_range(r, 0, 3) ? 0 : rng_range(r, 0, d->in[a]);
        d->window[a] = d->in[a] + d->pad[a] + rng_range(r, 0, d->pad[a]);
        d->stride[a] = d->window[a];
        d->dilation[a] = 1;
    }
    d->with_indices = 0;
    d->c = kind == 3 ? rng_range(r, 1, 9) : rng_range(r, 1, 150);
}

/* As many results as elements, of planes enough for the threads to share. */
static void make_same(pc_pool_desc *d, rng *r) {
    d->window[0] = d->stride[0] = d->dilation[0] = 1;
    d->pad[0] = 0;
    d->c = rng_range(r, 8, 40);
    for (int a = 1; a < 3; a++) {
        d->in[a] = rng_size(r, a == 2 ? 50 : 12);
        d->window[a] = 2 * rng_range(r, 0, rng_range(r, 0, 2) ? 2 : 6) + 1;
        d->stride[a] = 1;
        d->dilation[a] = rng_range(r, 0, 2) ? 1 : 2;
        d->pad[a] = d->dilation[a] * (d->window[a] / 2);
    }
}

/* Windows that start anywhere, in each plane elsewhere, beside fields that must not count then. */
static void make_placed(pc_pool_desc *d, rng *r) {
    d->kind = PC_POOL_MAX;
    d->padding_excluded = 0;
    d->divisor = 0;
    d->placed = 1;
    const int64_t depth = rng_range(r, 0, 3) ? 1 : 4;
    for (int a = 0; a < 3; a++) {
        d->in[a] = rng_range(r, 1, a == 0 ? depth : 20);
        d->window[a] = rng_range(r, 1, d->in[a]);
        d->stride[a] = d->dilation[a] = d->pad[a] = -1;
    }
    for (int a = 0; a < 3; a++) d->adaptive[a] = rng_range(r, 1, a == 0 ? 2 : 9);
}

/* Several slices, and small windows that are alike on two axes or three, or do not touch one. */
static void make_deep(pc_pool_desc *d, rng *r) {
    const int blocks = rng_range(r, 0, 2) == 0, padded = !blocks && rng_range(r, 0, 1);
    const int64_t window = blocks ? 2 : rng_range(r, 1, 3), stride = blocks ? 2 : rng_range(r, 1, 2);
    const int64_t other = rng_range(r, 0, blocks ? 0 : 3);
    d->c = rng_size(r, 40);
    for (int a = 0; a < 3; a++) {
        d->in[a] = rng_range(r, 2, a == 0 ? 6 : a == 1 ? 12 : 40);
        d->window[a] = a == other ? rng_range(r, 1, 2) : window;
        d->stride[a] = a == other ? rng_range(r, 1, 2) : stride;
        d->dilation[a] = 1;
        d->pad[a] = padded ? d->window[a] / 2 : 0;
    }
}

static void make_integer(pc_pool_desc *d, rng *r) {
    d->integer_bits = 8 << rng_range(r, 0, 3);
    d->integer_unsigned = (int)rng_range(r, 0, 1);
    d->with_indices = (int)rng_range(r, 0, 1);
}

/* Every third problem has a window that is common or large, and rows long enough to be cut. */
static void random_problem(problem *p, rng *r) {
    const int special = rng_range(r, 0, 2) == 0, large = special && rng_range(r, 0, 1);
    do {
        *p = (problem){.desc = PC_POOL_DESC_INIT, .data = (data_kind)rng_range(r, 0, 2)};
        pc_pool_desc *d = &p->desc;
        d->kind = (pc_pool_kind)rng_range(r, 0, PC_POOL_KIND_COUNT - 1);
        if (d->kind == PC_POOL_AVERAGE) {
            d->padding_excluded = (int)rng_range(r, 0, 1);
            d->divisor = rng_range(r, 0, 3) ? 0 : rng_range(r, 1, 9) - 10 * rng_range(r, 0, 1);
        }
        d->dtype = (pc_dtype)rng_range(r, 0, 1);
        d->src_layout = (pc_layout)rng_range(r, 0, 1);
        d->dst_layout = (pc_layout)rng_range(r, 0, 1);
        d->mb = rng_range(r, 0, 19) ? rng_size(r, 3) : 0;
        d->c = rng_size(r, 40);
        d->ceil_mode = (int)rng_range(r, 0, 1);
        d->with_indices = d->kind == PC_POOL_MAX && rng_range(r, 0, 3) == 0;
        for (int a = rng_range(r, 0, 3) ? 1 : 0; a < 3; a++) {
            d->in[a] = rng_size(r, a == 2 ? 70 : 20);
            d->window[a] = rng_range(r, 0, 2) ? rng_range(r, 2, 3) : rng_size(r, 7);
            d->stride[a] = rng_range(r, 0, 1) ? 2 : rng_size(r, 4);
            d->dilation[a] = rng_range(r, 0, 2) ? 1 : rng_size(r, 3);
            d->pad[a] = rng_range(r, 0, (d->dilation[a] * (d->window[a] - 1) + 1) / 2);
        }
        if (special) {
            const int64_t window = large ? rng_range(r, 8, 40) : rng_range(r, 2, 3), stride = rng_range(r, 1, 2);
            for (int a = 1; a < 3; a++) {
                d->in[a] = large ? rng_range(r, 1, 60) : rng_range(r, 1, 30);
                d->window[a] = large ? rng_range(r, 1, window) : window;
                d->stride[a] = large ? rng_range(r, 1, 5) : stride;
                d->dilation[a] = large ? rng_range(r, 1, 2) : 1;
                d->pad[a] = rng_range(r, 0, (d->dilation[a] * (d->window[a] - 1) + 1) / 2);
            }
            if (rng_range(r, 0, 3) == 0) d->in[2] += rng_range(r, 500, 1200);
            d->c = rng_size(r, 5);
        }
        if (rng_range(r, 0, 5) == 0)
            make_adaptive(d, r);
        else if (rng_range(r, 0, 3) == 0)
            make_global(d, r);
        else if (rng_range(r, 0, 2) == 0)
            make_deep(d, r);
        else if (rng_range(r, 0, 3) == 0)
            make_same(d, r);
        if (rng_range(r, 0, 15) == 0) make_placed(d, r);
        if (d->kind == PC_POOL_MAX && rng_range(r, 0, 2) == 0) make_integer(d, r);
    } while (!derive(p) || p->dst_count * taps(&p->desc, 0) * taps(&p->desc, 1) * taps(&p->desc, 2) > 300000);
}

/* Where a tap of the window of output o stands. */
typedef enum place { NOWHERE, IN_PADDING, IN_IMAGE } place;

static place tap_on_axis(const problem *p, int a, int64_t o, int64_t tap, int64_t *i) {
    const pc_pool_desc *d = &p->desc;
    const int64_t n = d->in[a], parts = d->adaptive[a];
    if (d->placed) {
        *i = p->place[a][o] + tap;
        return IN_IMAGE;
    }
    if (parts) {
        *i = o * n / parts + tap;
        return *i * parts < (o + 1) * n ? IN_IMAGE : NOWHERE;
    }
    *i = o * d->stride[a] - d->pad[a] + tap * d->dilation[a];
    return *i >= 0 && *i < n ? IN_IMAGE : *i < n + d->pad[a] ? IN_PADDING : NOWHERE;
}

/* The same on all axes; z becomes the element's number within its volume. */
static place tap_at(const problem *p, const int64_t at[3], const int64_t tap[3], int64_t *z) {
    place least = IN_IMAGE;
    *z = 0;
    for (int a = 0; a < 3; a++) {
        int64_t i;
        const place here = tap_on_axis(p, a, at[a], tap[a], &i);
        least = here < least ? here : least;
        *z = *z * p->desc.in[a] + i;
    }
    return least;
}

static double element(const problem *p, const void *src, int64_t n, int64_t c, int64_t z) {
    return load(p, src, element_offset(p->desc.src_layout, p->desc.c, p->in_volume, n, c, z));
}

static void one_output(const problem *p, const void *src, int64_t n, int64_t c, const int64_t at[3], double *value,
                       int64_t *index) {
    const pc_pool_desc *d = &p->desc;
    *value = lowest(p);
    *index = NO_INDEX; /* of a dilated window that misses the image altogether */
    for (int64_t kd = 0; kd < taps(d, 0); kd++) {
        for (int64_t kh = 0; kh < taps(d, 1); kh++) {
            for (int64_t kw = 0; kw < taps(d, 2); kw++) {
                int64_t z;
                if (tap_at(p, at, (int64_t[3]){kd, kh, kw}, &z) != IN_IMAGE) continue;
                if (*index == NO_INDEX) *index = z;
                const double x = element(p, src, n, c, z);
                if (x > *value || isnan(x)) {
                    *value = x;
                    *index = z;
                }
            }
        }
    }
}

/* Rounded to the element type after every operation, in the order that pyconv.h states. */
static double rounded(pc_dtype dtype, double x) { return dtype == PC_F32 ? (double)(float)x : x; }

/* Whether a single window covers the image: its average has an order of its own. */
static int is_global(const problem *p) {
    if (p->desc.kind == PC_POOL_MAX && p->desc.placed) return 0;
    for (int a = 0; a < 3; a++) {
        int64_t i, covered = 0;
        for (int64_t tap = 0; tap < taps(&p->desc, a); tap++) covered += tap_on_axis(p, a, 0, tap, &i) == IN_IMAGE;
        if (p->out[a] != 1 || covered != p->desc.in[a]) return 0;
    }
    return 1;
}

static double sum_of_plane(const problem *p, const void *src, int64_t n, int64_t c) {
    double sum[SUMS] = {0};
    for (int64_t i = 0; i < p->in_volume; i++)
        sum[i % SUMS] = rounded(p->desc.dtype, sum[i % SUMS] + element(p, src, n, c, i));
    for (int half = SUMS / 2; half; half /= 2)
        for (int i = 0; i < half; i++) sum[i] = rounded(p->desc.dtype, sum[i] + sum[i + half]);
    return sum[0];
}

static double one_average(const problem *p, const void *src, int64_t n, int64_t c, const int64_t at[3]) {
    const pc_pool_desc *d = &p->desc;
    double sum = 0;
    int64_t in_image = 0, in_padding = 0;
    for (int64_t kd = 0; kd < taps(d, 0); kd++) {
        for (int64_t kh = 0; kh < taps(d, 1); kh++) {
            double row = 0;
            for (int64_t kw = 0; kw < taps(d, 2); kw++) {
                int64_t z;
                const place here = tap_at(p, at, (int64_t[3]){kd, kh, kw}, &z);
                in_image += here == IN_IMAGE;
                in_padding += here != NOWHERE;
                if (here == IN_IMAGE) row = rounded(d->dtype, row + element(p, src, n, c, z));
            }
            sum = rounded(d->dtype, sum + row);
        }
    }
    if (is_global(p)) sum = sum_of_plane(p, src, n, c);
    const int64_t divisor = d->divisor ? d->divisor : d->padding_excluded ? in_image : in_padding;
    return rounded(d->dtype, sum / (double)divisor);
}

static void oracle(problem *p, const void *src, void *dst, int64_t *indices) {
    const pc_pool_desc *d = &p->desc;
    for (int64_t n = 0; n < d->mb; n++) {
        for (int64_t c = 0; c < d->c; c++) {
            if (d->placed) {
                p->place[0] = p->starts + (n * d->c + c) * (p->out[0] + p->out[1] + p->out[2]);
                p->place[1] = p->place[0] + p->out[0];
                p->place[2] = p->place[1] + p->out[1];
            }
            for (int64_t z = 0; z < p->out_volume; z++) {
                const int64_t at[3] = {z / (p->out[1] * p->out[2]), z / p->out[2] % p->out[1], z % p->out[2]};
                const int64_t to = element_offset(d->dst_layout, d->c, p->out_volume, n, c, z);
                double value;
                if (d->kind == PC_POOL_MAX)
                    one_output(p, src, n, c, at, &value, &indices[to]);
                else
                    value = one_average(p, src, n, c, at);
                save(p, dst, to, value);
            }
        }
    }
}

/* As first_difference, of any elements. */
static int64_t difference(const problem *p, const void *a, const void *b) {
    if (!p->desc.integer_bits) return first_difference(p->desc.dtype, a, b, p->dst_count);
    for (int64_t i = 0; i < p->dst_count; i++)
        if (load(p, a, i) != load(p, b, i)) return i;
    return -1;
}

static void check_plan(const problem *p, const pc_plan *plan, const void *src, const void *want,
                       const int64_t *want_indices, guard_side side) {
    const pc_pool_desc *d = &p->desc;
    const size_t size = element_size(p);
    enum { SRC, DST, INDICES, WORKSPACE, BUFFERS };
    static const char *const names[BUFFERS] = {"src", "dst", "indices", "workspace"};
    const size_t bytes[BUFFERS] = {(size_t)p->src_count * size, (size_t)p->dst_count * size,
                                   d->with_indices ? (size_t)p->dst_count * sizeof(int64_t) : 0,
                                   pc_plan_workspace_size(plan)};
    guard_buffer b[BUFFERS];
    for (int i = 0; i < BUFFERS; i++) b[i] = guard_create(bytes[i], side);
    memcpy(b[SRC].data, src, bytes[SRC]);
    guard_read_only(&b[SRC]);
    const pc_exec_args args = {.src = b[SRC].data,
                               .dst = b[DST].data,
                               .starts = p->starts,
                               .indices = d->with_indices ? (int64_t *)b[INDICES].data : NULL,
                               .workspace = b[WORKSPACE].data};
    const pc_status status = pc_plan_execute(plan, &args);
    CHECK(status == PC_OK, "%s: %s", pc_status_text(status), text(p));
    int64_t i = difference(p, b[DST].data, want);
    CHECK(i < 0, "%s, %d threads: element %" PRId64 " is %a, not %a: %s", pc_isa_name(d->isa), d->threads, i,
          load(p, b[DST].data, i), load(p, want, i), text(p));
    for (i = 0; d->with_indices && i < p->dst_count; i++) {
        const int64_t got = args.indices[i];
        if (!CHECK(got == want_indices[i], "%s, %d threads: index %" PRId64 " is %" PRId64 ", not %" PRId64 ": %s",
                   pc_isa_name(d->isa), d->threads, i, got, want_indices[i], text(p))) {
            break;
        }
    }
    for (i = 0; i < BUFFERS; i++) {
        CHECK(guard_intact(&b[i]), "bytes beside %s were written: %s: %s", names[i], pc_isa_name(d->isa), text(p));
        guard_destroy(&b[i]);
    }
}

/* In a third of all problems nothing but signed zeros and -1, so that many windows have equal maxima; in another third
 * one NaN, which no other hides. */
static void sparsify(const problem *p, void *src, rng *r) {
    static const double values[] = {-1.0, -0.0, 0.0};
    const int64_t kind = rng_range(r, 0, 2);
    for (int64_t i = 0; kind == 0 && i < p->src_count; i++) put(p->desc.dtype, src, i, values[rng_range(r, 0, 2)]);
    if (kind != 1 || !p->src_count) return;
    fill(p->desc.dtype, src, p->src_count, DATA_REAL, r);
    put(p->desc.dtype, src, rng_range(r, 0, p->src_count - 1), NAN);
}

/* Integers of a small range, with many ties, or of the whole one; 53 bits of it, which a double holds. */
static void fill_integers(const problem *p, void *src, rng *r) {
    const int bits = p->desc.integer_bits < 53 ? p->desc.integer_bits : 53;
    const int64_t least = p->desc.integer_unsigned ? 0 : -(INT64_C(1) << (bits - 1));
    const int64_t span = p->data == DATA_INTEGER ? 3 : (INT64_C(1) << bits) - 1;
    for (int64_t i = 0; i < p->src_count; i++) save(p, src, i, (double)(least + rng_range(r, 0, span)));
}

static void place_windows(problem *p, rng *r) {
    const int64_t each = p->out[0] + p->out[1] + p->out[2];
    p->starts = poisoned((size_t)(p->desc.mb * p->desc.c * each) * sizeof *p->starts);
    int64_t *to = p->starts;
    for (int64_t plane = 0; plane < p->desc.mb * p->desc.c; plane++)
        for (int a = 0; a < 3; a++)
            for (int64_t o = 0; o < p->out[a]; o++) *to++ = rng_range(r, 0, p->desc.in[a] - p->desc.window[a]);
}

static void check_problem(problem *p, rng *r) {
    const size_t size = element_size(p);
    void *src = poisoned((size_t)p->src_count * size), *want = poisoned((size_t)p->dst_count * size);
    int64_t *indices = poisoned((size_t)p->dst_count * sizeof *indices);
    if (p->desc.integer_bits) {
        fill_integers(p, src, r);
    } else {
        fill(p->desc.dtype, src, p->src_count, p->data, r);
        sparsify(p, src, r);
    }
    if (p->desc.placed) place_windows(p, r);
    oracle(p, src, want, indices);
    for (int isa = PC_ISA_SCALAR; isa < PC_ISA_COUNT; isa++) {
        if (!pc_isa_available((pc_isa)isa)) continue;
        for (int threads = 1; threads <= MOST_THREADS; threads++) {
            p->desc.isa = (pc_isa)isa;
            p->desc.threads = threads;
            pc_plan *plan = NULL;
            const pc_status status = pc_plan_create_pool(&p->desc, &plan);
            if (!CHECK(status == PC_OK, "%s: %s", pc_status_text(status), text(p))) continue;
            CHECK(memcmp(pc_plan_out(plan), p->out, sizeof p->out) == 0, "output size: %s", text(p));
            guard_watch(text(p));
            check_plan(p, plan, src, want, indices, threads % 2 ? GUARD_AFTER : GUARD_BEFORE);
            guard_watch("outside the plan");
            pc_plan_destroy(plan);
        }
    }
    free(p->starts);
    free(src);
    free(want);
    free(indices);
}

int main(void) {
    rng r = {.state = 7};
    int globals[PC_POOL_KIND_COUNT] = {0};
    for (int i = 0; i < PROBLEMS; i++) {
        problem p;
        random_problem(&p, &r);
        globals[p.desc.kind] += is_global(&p) && p.desc.mb > 0 && !p.desc.with_indices && !p.desc.integer_bits;
        check_problem(&p, &r);
    }
    for (int kind = 0; kind < PC_POOL_KIND_COUNT; kind++)
        CHECK(globals[kind] > PROBLEMS / 20, "only %d of whole planes", globals[kind]);
    return test_result();
}
