/* test_integers.c - convolution of integers: full-range numbers of every type, every algorithm on every instruction set
 * against loops in 64 bits, in buffers whose neighbouring pages are forbidden. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/shape.h"
#include "guard.h"
#include "support.h"

enum { PROBLEMS = 300 };

static const int sizes[] = {0, 1, 1, 2, 4}; /* bytes, by pc_storage */

static int64_t number(pc_storage type, const void *data, int64_t i) {
    switch (type) {
        case PC_U8: return ((const uint8_t *)data)[i];
        case PC_S8: return ((const int8_t *)data)[i];
        case PC_S16: return ((const int16_t *)data)[i];
        default: return ((const int32_t *)data)[i];
    }
}

typedef struct problem {
    pc_conv_desc desc;
    pc_storage wei_type; /* whose range weights have */
    int with_bias;
    int64_t out[3], src_count, wei_count, dst_count;
    char text[256];
} problem;

/* Bytes at random, half of the time only the least and the greatest number of a type: -128 * -128 and its like. */
static void random_numbers(pc_storage type, void *data, int64_t n, rng *r) {
    static const int32_t extreme[][2] = {{0, 0}, {0, 255}, {-128, 127}, {-32768, 32767}, {INT32_MIN, INT32_MAX}};
    const int corners = (int)rng_range(r, 0, 1);
    for (int64_t i = 0; i < n; i++) {
        const uint64_t bits = rng_next(r) >> 20;
        const int32_t x = corners ? extreme[type][bits & 1] : (int32_t)(uint32_t)bits;
        if (sizes[type] == 1)
            ((uint8_t *)data)[i] = (uint8_t)x;
        else if (sizes[type] == 2)
            ((int16_t *)data)[i] = (int16_t)x;
        else
            ((int32_t *)data)[i] = x;
    }
}

static problem random_problem(rng *r) {
    problem p = {.desc = PC_CONV_DESC_INIT};
    pc_conv_desc *d = &p.desc;
    d->dtype = rng_range(r, 0, 3) ? PC_I32 : PC_I64;
    const int most = d->dtype == PC_I64 ? PC_S32 : PC_S16;
    d->src_type = (pc_storage)rng_range(r, PC_U8, most);
    p.wei_type = (pc_storage)rng_range(r, PC_U8, most);
    d->src_layout = (pc_layout)rng_range(r, 0, 1);
    d->dst_layout = (pc_layout)rng_range(r, 0, 1);
    d->boundary = (pc_boundary)rng_range(r, 0, PC_BOUNDARY_COUNT - 1);
    if (d->boundary == PC_CONSTANT) d->fill = (double)rng_range(r, 0, 127);
    d->mb = rng_size(r, 3);
    d->groups = rng_range(r, 0, 2) ? 1 : rng_size(r, 5);
    d->ic = d->groups * rng_size(r, rng_range(r, 0, 3) ? 12 : 300);
    d->oc = d->groups * rng_size(r, rng_range(r, 0, 3) ? 12 : 90);
    for (int i = rng_range(r, 0, 4) ? 1 : 0; i < 3; i++) {
        d->in[i] = rng_size(r, i ? 40 : 5);
        d->kernel[i] = rng_size(r, 5);
        d->stride[i] = rng_size(r, 4);
        d->dilation[i] = rng_size(r, 3);
        d->pad_lo[i] = rng_range(r, 0, d->in[i] - 1 < 3 ? d->in[i] - 1 : 3);
        d->pad_hi[i] = rng_range(r, 0, d->in[i] - 1 < 3 ? d->in[i] - 1 : 3);
        const int64_t reach = (d->kernel[i] - 1) * d->dilation[i] + 1, room = d->in[i] + d->pad_lo[i] + d->pad_hi[i];
        if (reach > room) d->kernel[i] = d->dilation[i] = 1;
    }
    p.with_bias = (int)rng_range(r, 0, 1);
    p.src_count = d->mb * d->ic;
    p.wei_count = d->oc * (d->ic / d->groups);
    p.dst_count = d->mb * d->oc;
    for (int i = 0; i < 3; i++) {
        p.out[i] =
            (d->in[i] + d->pad_lo[i] + d->pad_hi[i] - (d->kernel[i] - 1) * d->dilation[i] - 1) / d->stride[i] + 1;
        p.src_count *= d->in[i];
        p.wei_count *= d->kernel[i];
        p.dst_count *= p.out[i];
    }
    snprintf(p.text, sizeof p.text,
             "dtype %d storage %d x %d layouts %d %d boundary %d mb%d g%d ic%d oc%d in%d,%d,%d k%d,%d,%d s%d,%d,%d "
             "d%d,%d,%d lo%d,%d,%d",
             d->dtype, d->src_type, p.wei_type, d->src_layout, d->dst_layout, d->boundary, (int)d->mb, (int)d->groups,
             (int)d->ic, (int)d->oc, (int)d->in[0], (int)d->in[1], (int)d->in[2], (int)d->kernel[0], (int)d->kernel[1],
             (int)d->kernel[2], (int)d->stride[0], (int)d->stride[1], (int)d->stride[2], (int)d->dilation[0],
             (int)d->dilation[1], (int)d->dilation[2], (int)d->pad_lo[0], (int)d->pad_lo[1], (int)d->pad_lo[2]);
    return p;
}

/* The input with its channels first and its border, and the sums modulo 2^64, in the order of dst. */
static uint64_t *oracle(const problem *p, const void *src, const int32_t *wei, const int64_t *bias) {
    const pc_conv_desc *d = &p->desc;
    int64_t high[3], volume = 1, pixels = d->in[0] * d->in[1] * d->in[2];
    for (int i = 0; i < 3; i++) volume *= high[i] = d->in[i] + d->pad_lo[i] + d->pad_hi[i];
    int64_t *plain = malloc((size_t)(d->mb * d->ic * volume) * sizeof *plain);
    for (int64_t i = 0; i < d->mb * d->ic * volume; i++) {
        const int64_t at[3] = {i / (high[1] * high[2]) % high[0], i / high[2] % high[1], i % high[2]};
        int64_t from = 0;
        int inside = 1;
        for (int j = 0; j < 3; j++) {
            const int64_t x = pc_border(d->boundary, at[j] - d->pad_lo[j], d->in[j]);
            inside &= x >= 0;
            from = from * d->in[j] + x;
        }
        const int64_t plane = i / volume;
        plain[i] = inside ? number(d->src_type, src,
                                   element_offset(d->src_layout, d->ic, pixels, plane / d->ic, plane % d->ic, from))
                          : (int64_t)d->fill;
    }
    const int64_t icg = d->ic / d->groups, ocg = d->oc / d->groups, outs = p->out[0] * p->out[1] * p->out[2];
    uint64_t *dst = malloc((size_t)p->dst_count * sizeof *dst);
    for (int64_t i = 0; i < p->dst_count; i++) {
        const int64_t n = i / outs / d->oc, oc = i / outs % d->oc, x = i % p->out[2], y = i / p->out[2] % p->out[1],
                      z = i / (p->out[2] * p->out[1]) % p->out[0];
        uint64_t sum = bias ? (uint64_t)bias[oc] : 0;
        const int32_t *w = wei + oc * icg * d->kernel[0] * d->kernel[1] * d->kernel[2];
        for (int64_t c = 0; c < icg; c++) {
            const int64_t *plane = plain + (n * d->ic + oc / ocg * icg + c) * volume;
            for (int64_t q = 0; q < d->kernel[0]; q++)
                for (int64_t r = 0; r < d->kernel[1]; r++)
                    for (int64_t s = 0; s < d->kernel[2]; s++)
                        sum += (uint64_t)(*w++ * plane[((z * d->stride[0] + q * d->dilation[0]) * high[1] +
                                                        y * d->stride[1] + r * d->dilation[1]) *
                                                           high[2] +
                                                       x * d->stride[2] + s * d->dilation[2]]);
        }
        dst[element_offset(d->dst_layout, d->oc, outs, n, oc, i % outs)] = sum;
    }
    free(plain);
    return dst;
}

static void run_guarded(const problem *p, const pc_plan *plan, const void *src, const void *wei, const void *bias,
                        const uint64_t *want, guard_side side) {
    enum { SRC, WEI, BIAS, PACKED, DST, WORKSPACE, BUFFERS };
    const size_t size = p->desc.dtype == PC_I64 ? 8 : 4;
    const size_t bytes[BUFFERS] = {(size_t)p->src_count * (size_t)sizes[p->desc.src_type],
                                   (size_t)p->wei_count * size,
                                   bias ? (size_t)p->desc.oc * size : 0,
                                   pc_plan_packed_size(plan),
                                   (size_t)p->dst_count * size,
                                   pc_plan_workspace_size(plan)};
    const void *const given[BUFFERS] = {src, wei, bias};
    guard_buffer b[BUFFERS];
    for (int i = 0; i < BUFFERS; i++) {
        b[i] = guard_create(bytes[i], side);
        if (i > BIAS || !bytes[i]) continue;
        memcpy(b[i].data, given[i], bytes[i]);
        guard_read_only(&b[i]);
    }
    CHECK(pc_plan_pack(plan, b[WEI].data, b[PACKED].data) == PC_OK, "pack: %s", p->text);
    guard_read_only(&b[PACKED]);
    const pc_exec_args args = {.src = b[SRC].data,
                               .packed = b[PACKED].data,
                               .bias = bias ? b[BIAS].data : NULL,
                               .dst = b[DST].data,
                               .workspace = b[WORKSPACE].data};
    CHECK(pc_plan_execute(plan, &args) == PC_OK, "execute: %s", p->text);
    int64_t wrong = 0;
    for (int64_t i = 0; i < p->dst_count; i++)
        wrong += size == 8 ? ((const uint64_t *)(void *)b[DST].data)[i] != want[i]
                           : ((const uint32_t *)(void *)b[DST].data)[i] != (uint32_t)want[i];
    CHECK(!wrong, "%d of %d differ: %s", (int)wrong, (int)p->dst_count, p->text);
    for (int i = 0; i < BUFFERS; i++) {
        CHECK(guard_intact(&b[i]), "bytes beside buffer %d were written: %s", i, p->text);
        guard_destroy(&b[i]);
    }
}

static void check_problem(problem *p, rng *r) {
    pc_conv_desc *d = &p->desc;
    void *src = malloc((size_t)p->src_count * 4);
    int32_t *wei = malloc((size_t)p->wei_count * 4), *bias = malloc((size_t)d->oc * 4);
    int64_t *wide_bias = malloc((size_t)d->oc * 8), *wide_wei = malloc((size_t)p->wei_count * 8);
    random_numbers(d->src_type, src, p->src_count, r);
    random_numbers(p->wei_type, wei, p->wei_count, r);
    for (int64_t i = p->wei_count; i-- > 0;) wei[i] = (int32_t)number(p->wei_type, wei, i);
    for (int64_t i = 0; i < p->wei_count; i++) wide_wei[i] = wei[i];
    random_numbers(PC_S32, bias, d->oc, r);
    for (int64_t i = 0; i < d->oc; i++) wide_bias[i] = bias[i];
    uint64_t *want = oracle(p, src, wei, p->with_bias ? wide_bias : NULL);
    const void *weights = d->dtype == PC_I64 ? (const void *)wide_wei : wei;
    const void *given = !p->with_bias ? NULL : d->dtype == PC_I64 ? (const void *)wide_bias : bias;
    for (int isa = PC_ISA_SCALAR; isa < PC_ISA_COUNT; isa++) {
        if (!pc_isa_available((pc_isa)isa)) continue;
        int runs = 0;
        for (int i = 0; pc_algo_name(i); i++) {
            d->isa = (pc_isa)isa;
            d->algo = pc_algo_name(i);
            d->threads = 1 + i % 2;
            pc_plan *plan = NULL;
            const pc_status status = pc_plan_create_conv(d, &plan);
            if (status == PC_ERR_ALGO) continue;
            if (!CHECK(status == PC_OK, "%s: %s", pc_status_text(status), p->text)) continue;
            runs++;
            char what[320];
            snprintf(what, sizeof what, "%s, %s: %s", d->algo, pc_isa_name(d->isa), p->text);
            guard_watch(what);
            pc_plan_info info;
            CHECK(pc_plan_get_info(plan, &info) == PC_OK && info.workspace_bytes_per_thread <= 768 << 10,
                  "%zu bytes: %s", info.workspace_bytes_per_thread, what);
            run_guarded(p, plan, src, weights, given, want, GUARD_AFTER);
            run_guarded(p, plan, src, weights, given, want, GUARD_BEFORE);
            guard_watch("outside the plan");
            pc_plan_destroy(plan);
        }
        CHECK(runs == 3, "%d algorithms ran: %s", runs, p->text);
    }
    free(src), free(wei), free(bias), free(wide_bias), free(wide_wei), free(want);
}

static void check_refusals(void) {
    static const struct {
        pc_dtype dtype;
        pc_storage src_type;
        pc_activation activation;
        pc_status want;
    } cases[] = {
        {PC_I32, PC_S16, PC_NO_ACTIVATION, PC_OK},
        {PC_I32, PC_S32, PC_NO_ACTIVATION, PC_ERR_DTYPE},
        {PC_I32, PC_ELEMENTS, PC_NO_ACTIVATION, PC_ERR_DTYPE},
        {PC_I64, PC_S32, PC_NO_ACTIVATION, PC_OK},
        {PC_I64, PC_F16, PC_NO_ACTIVATION, PC_ERR_DTYPE},
        {PC_F32, PC_S8, PC_NO_ACTIVATION, PC_ERR_DTYPE},
        {PC_F32, PC_S16, PC_NO_ACTIVATION, PC_ERR_DTYPE},
        {PC_F64, PC_U8, PC_RELU, PC_OK},
        {PC_I32, PC_U8, PC_RELU, PC_ERR_ACTIVATION},
        {PC_I64, PC_S64, PC_NO_ACTIVATION, PC_ERR_DTYPE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pc_conv_desc d = PC_CONV_DESC_INIT;
        d.dtype = cases[i].dtype;
        d.src_type = cases[i].src_type;
        d.activation = cases[i].activation;
        pc_plan *plan = NULL;
        CHECK(pc_plan_create_conv(&d, &plan) == cases[i].want, "case %d", (int)i);
        pc_plan_destroy(plan);
    }
}

/* pc_convert to and from integers, at every length near a vector's, against one number at a time. */
static void check_conversions(rng *r) {
    static const pc_storage pairs[][2] = {
        {PC_S32, PC_U8},  {PC_S32, PC_S8},  {PC_S32, PC_S16},     {PC_S64, PC_U8},      {PC_S64, PC_S8},
        {PC_S64, PC_S16}, {PC_S64, PC_S32}, {PC_U8, PC_ELEMENTS}, {PC_S8, PC_ELEMENTS}, {PC_ELEMENTS, PC_S32}};
    for (int isa = PC_ISA_SCALAR; isa < PC_ISA_COUNT; isa++) {
        if (pc_set_isa((pc_isa)isa) != PC_OK) continue;
        for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
            for (int64_t n = 0; n < 70; n++)
                for (int saturate = 0; saturate < 2; saturate++) {
                    const pc_storage from = pairs[i][0], to = pairs[i][1];
                    const int wide = from == PC_S64, in = pc_storage_size(from), out = pc_storage_size(to);
                    guard_buffer a = guard_create((size_t)(n * in), n % 2 ? GUARD_AFTER : GUARD_BEFORE);
                    guard_buffer b = guard_create((size_t)(n * out), n % 2 ? GUARD_AFTER : GUARD_BEFORE);
                    int64_t want[70];
                    for (int64_t j = 0; j < n; j++) {
                        const int bits = (int)rng_range(r, 1, wide ? 63 : from == PC_ELEMENTS ? 24 : 31);
                        want[j] = (int64_t)(rng_next(r) >> (64 - bits)) * (rng_range(r, 0, 1) ? 1 : -1);
                        if (in == 1) want[j] = from == PC_U8 ? (uint8_t)want[j] : (int8_t)want[j];
                        const int32_t narrow = (int32_t)want[j];
                        const float real = (float)want[j];
                        const int8_t byte = (int8_t)want[j];
                        const void *value = wide                  ? (const void *)&want[j]
                                            : from == PC_ELEMENTS ? (const void *)&real
                                            : in == 1             ? (const void *)&byte
                                                                  : (const void *)&narrow;
                        memcpy(a.data + j * in, value, (size_t)in);
                        int64_t lo, hi;
                        pc_storage_range(to == PC_ELEMENTS ? PC_S32 : to, &lo, &hi);
                        if (saturate) want[j] = want[j] < lo ? lo : want[j] > hi ? hi : want[j];
                        want[j] = lo + (int64_t)((uint64_t)(want[j] - lo) & (uint64_t)(hi - lo));
                    }
                    guard_read_only(&a);
                    CHECK(pc_convert(from, to, saturate, n, a.data, b.data) == PC_OK, "convert");
                    for (int64_t j = 0; j < n; j++) {
                        float real = 0;
                        if (to == PC_ELEMENTS) memcpy(&real, b.data + j * out, sizeof real);
                        const int64_t got = to == PC_ELEMENTS ? (int64_t)real : number(to, b.data, j);
                        CHECK(got == want[j], "%d to %d: %lld, not %lld", from, to, (long long)got, (long long)want[j]);
                    }
                    CHECK(guard_intact(&b), "bytes beside the result were written");
                    guard_destroy(&a);
                    guard_destroy(&b);
                }
    }
    pc_set_isa(PC_ISA_AUTO);
    CHECK(pc_convert(PC_S16, PC_S8, 0, 1, r, r) == PC_ERR_DTYPE, "no such conversion");
    CHECK(pc_convert(PC_S32, PC_S8, 0, 1, NULL, r) == PC_ERR_NULL, "no source");
    CHECK(pc_convert(PC_S32, PC_S8, 0, -1, r, r) == PC_ERR_SIZE, "a negative length");
}

int main(void) {
    rng r = {.state = 7};
    check_refusals();
    check_conversions(&r);
    for (int i = 0; i < PROBLEMS; i++) {
        problem p = random_problem(&r);
        check_problem(&p, &r);
    }
    return test_result();
}
