/* test_api.c - the public interface at its edges: every status code, NULL, names, sizes near 2^62, text that does not
 * fit, one plan in many threads. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conv_problem.h"

static pc_conv_desc valid_conv(void) {
    pc_conv_desc d = PC_CONV_DESC_INIT;
    d.ic = 4;
    d.oc = 6;
    d.in[1] = d.in[2] = 8;
    d.kernel[1] = d.kernel[2] = 3;
    return d;
}

static pc_pool_desc valid_pool(void) {
    pc_pool_desc d = PC_POOL_DESC_INIT;
    d.c = 4;
    d.in[1] = d.in[2] = 8;
    d.window[1] = d.window[2] = d.stride[1] = d.stride[2] = 2;
    return d;
}

/* One changed field must give exactly that status, and no plan. */
#define EXPECT_CONV(status, change)                                                                                    \
    do {                                                                                                               \
        pc_conv_desc d = valid_conv();                                                                                 \
        change;                                                                                                        \
        pc_plan *plan = (pc_plan *)&d;                                                                                 \
        const pc_status got = pc_plan_create_conv(&d, &plan);                                                          \
        CHECK(got == (status), #change ": %s", pc_status_text(got));                                                   \
        CHECK(plan == NULL || got == PC_OK, #change ": a plan in spite of the error");                                 \
        if (got == PC_OK) pc_plan_destroy(plan);                                                                       \
    } while (0)

#define EXPECT_POOL(status, change)                                                                                    \
    do {                                                                                                               \
        pc_pool_desc d = valid_pool();                                                                                 \
        change;                                                                                                        \
        pc_plan *plan = (pc_plan *)&d;                                                                                 \
        const pc_status got = pc_plan_create_pool(&d, &plan);                                                          \
        CHECK(got == (status), #change ": %s", pc_status_text(got));                                                   \
        CHECK(plan == NULL || got == PC_OK, #change ": a plan in spite of the error");                                 \
        if (got == PC_OK) pc_plan_destroy(plan);                                                                       \
    } while (0)

static void test_conv_descriptor(void) {
    EXPECT_CONV(PC_OK, (void)d);
    EXPECT_CONV(PC_ERR_DTYPE, d.dtype = (pc_dtype)2);
    EXPECT_CONV(PC_ERR_DTYPE, d.dtype = (pc_dtype)-1);
    EXPECT_CONV(PC_ERR_LAYOUT, d.src_layout = (pc_layout)2);
    EXPECT_CONV(PC_ERR_LAYOUT, d.dst_layout = (pc_layout)-1);
    EXPECT_CONV(PC_ERR_BOUNDARY, d.boundary = PC_BOUNDARY_COUNT);
    EXPECT_CONV(PC_ERR_BOUNDARY, d.boundary = (pc_boundary)-1);
    EXPECT_CONV(PC_ERR_SIZE, d.mb = -1);
    EXPECT_CONV(PC_OK, d.mb = 0);
    EXPECT_CONV(PC_ERR_SIZE, d.ic = 0);
    EXPECT_CONV(PC_ERR_SIZE, d.oc = 0);
    EXPECT_CONV(PC_ERR_SIZE, d.oc = -3);
    EXPECT_CONV(PC_ERR_GROUPS, d.groups = 0);
    EXPECT_CONV(PC_ERR_GROUPS, d.groups = -1);
    EXPECT_CONV(PC_ERR_GROUPS, d.groups = 3); /* divides oc only */
    EXPECT_CONV(PC_ERR_GROUPS, d.groups = 4); /* divides ic only */
    EXPECT_CONV(PC_OK, d.groups = 2);
    for (int a = 0; a < 3; a++) {
        EXPECT_CONV(PC_ERR_SIZE, d.in[a] = 0);
        EXPECT_CONV(PC_ERR_SIZE, d.in[a] = -5);
        EXPECT_CONV(PC_ERR_SIZE, d.kernel[a] = 0);
        EXPECT_CONV(PC_ERR_STRIDE, d.stride[a] = 0);
        EXPECT_CONV(PC_ERR_STRIDE, d.stride[a] = -1);
        EXPECT_CONV(PC_ERR_DILATION, d.dilation[a] = 0);
        EXPECT_CONV(PC_ERR_DILATION, d.dilation[a] = -2);
        EXPECT_CONV(PC_ERR_PADDING, d.pad_lo[a] = -1);
        EXPECT_CONV(PC_ERR_PADDING, d.pad_hi[a] = -1);
        EXPECT_CONV(PC_ERR_KERNEL, d.kernel[a] = d.in[a] + 1);
    }
    EXPECT_CONV(PC_ERR_KERNEL, d.dilation[2] = 4);
    EXPECT_CONV(PC_OK, (d.dilation[2] = 4, d.pad_lo[2] = 1));
    EXPECT_CONV(PC_OK, (d.boundary = PC_REFLECT, d.pad_lo[1] = 80));
    EXPECT_CONV(PC_OK, (d.boundary = PC_CIRCULAR, d.pad_hi[2] = 90));
    EXPECT_CONV(PC_OK, (d.transposed = 1, d.pad_hi[2] = 1 - d.stride[2]));
    EXPECT_CONV(PC_ERR_PADDING, (d.transposed = 1, d.pad_hi[2] = -d.stride[2]));
    EXPECT_CONV(PC_ERR_PADDING, (d.transposed = 1, d.pad_lo[2] = 1000));
    EXPECT_CONV(PC_ERR_BOUNDARY, (d.transposed = 1, d.boundary = PC_REFLECT));
    EXPECT_CONV(PC_OK, (d.boundary = PC_REPLICATE, d.pad_hi[2] = 90));
    EXPECT_CONV(PC_ERR_THREADS, d.threads = -1);
    EXPECT_CONV(PC_ERR_ISA, d.isa = PC_ISA_COUNT);
    EXPECT_CONV(PC_ERR_ISA, d.isa = (pc_isa)-1);
    for (int isa = PC_ISA_SCALAR; isa < PC_ISA_COUNT; isa++) {
        EXPECT_CONV(pc_isa_available((pc_isa)isa) ? PC_OK : PC_ERR_ISA, d.isa = (pc_isa)isa);
    }
    EXPECT_CONV(PC_ERR_PRECISION, d.precision = PC_PRECISION_COUNT);
    EXPECT_CONV(PC_ERR_PRECISION, d.precision = (pc_precision)-1);
    EXPECT_CONV(PC_OK, d.precision = PC_FAST);
    EXPECT_CONV(PC_OK, d.precision = PC_STRICT);
    EXPECT_CONV(PC_ERR_ALGO, d.algo = "");
    EXPECT_CONV(PC_ERR_ALGO, d.algo = "no such thing");
    EXPECT_CONV(PC_OK, d.algo = "auto");
    EXPECT_CONV(PC_OK, d.algo = "reference");
}

static void test_pool_descriptor(void) {
    EXPECT_POOL(PC_OK, (void)d);
    EXPECT_POOL(PC_ERR_DTYPE, d.dtype = (pc_dtype)2);
    EXPECT_POOL(PC_ERR_LAYOUT, d.src_layout = (pc_layout)2);
    EXPECT_POOL(PC_ERR_LAYOUT, d.dst_layout = (pc_layout)2);
    EXPECT_POOL(PC_ERR_SIZE, d.mb = -1);
    EXPECT_POOL(PC_OK, d.mb = 0);
    EXPECT_POOL(PC_ERR_SIZE, d.c = 0);
    for (int a = 0; a < 3; a++) {
        EXPECT_POOL(PC_ERR_SIZE, d.in[a] = 0);
        EXPECT_POOL(PC_ERR_SIZE, d.window[a] = 0);
        EXPECT_POOL(PC_ERR_STRIDE, d.stride[a] = 0);
        EXPECT_POOL(PC_ERR_DILATION, d.dilation[a] = 0);
        EXPECT_POOL(PC_ERR_PADDING, d.pad[a] = -1);
        EXPECT_POOL(PC_ERR_KERNEL, d.window[a] = d.in[a] + 1);
        EXPECT_POOL(PC_ERR_KERNEL, (d.window[a] = d.in[a] + 3, d.stride[a] = 3, d.ceil_mode = 1));
        EXPECT_POOL(PC_OK, (d.window[a] = d.in[a] + 2, d.stride[a] = 3, d.ceil_mode = 1));
    }
    EXPECT_POOL(PC_ERR_PADDING, d.pad[1] = 2);
    EXPECT_POOL(PC_OK, d.pad[1] = 1);
    EXPECT_POOL(PC_OK, (d.dilation[1] = 3, d.pad[1] = 2)); /* half of the dilated window */
    for (int a = 0; a < 3; a++) {
        EXPECT_POOL(PC_ERR_SIZE, d.adaptive[a] = -1);
        EXPECT_POOL(PC_ERR_SIZE, (d.adaptive[a] = 1, d.in[a] = 0));
        /* the window does not count */
        EXPECT_POOL(PC_OK, (d.adaptive[a] = 3, d.window[a] = d.stride[a] = d.dilation[a] = 0, d.pad[a] = -1));
    }
    EXPECT_POOL(PC_ERR_THREADS, d.threads = -1);
    EXPECT_POOL(PC_ERR_ISA, d.isa = PC_ISA_COUNT);
    EXPECT_POOL(PC_OK, (d.integer_bits = 64, d.dtype = (pc_dtype)9)); /* which does not count */
    EXPECT_POOL(PC_ERR_DTYPE, d.integer_bits = 24);
    EXPECT_POOL(PC_ERR_POOL, (d.kind = PC_POOL_AVERAGE, d.integer_bits = 8));
    EXPECT_POOL(PC_ERR_POOL, (d.kind = PC_POOL_AVERAGE, d.with_indices = 1));
    EXPECT_POOL(PC_ERR_POOL, (d.kind = PC_POOL_AVERAGE, d.placed = d.adaptive[0] = d.adaptive[1] = d.adaptive[2] = 1));
    EXPECT_POOL(PC_OK, (d.placed = d.adaptive[0] = d.adaptive[1] = d.adaptive[2] = 1, d.pad[1] = -1, d.stride[1] = 0));
    EXPECT_POOL(PC_ERR_SIZE, (d.placed = d.adaptive[0] = d.adaptive[1] = 1));
    EXPECT_POOL(PC_ERR_KERNEL, (d.placed = d.adaptive[0] = d.adaptive[1] = d.adaptive[2] = 1, d.window[2] = 99));
    EXPECT_POOL(PC_ERR_KERNEL,
                (d.ceil_mode = d.placed = d.adaptive[0] = d.adaptive[1] = d.adaptive[2] = 1, d.window[2] = 99));
}

static void test_unpool(void) {
    const int16_t src[] = {7, 8, 9};
    const int64_t indices[] = {3, 0, 3};
    int16_t dst[5], want[] = {8, 0, 0, 9, 0};
    CHECK(pc_max_unpool(1, 3, 5, 2, src, indices, dst) == PC_OK && !memcmp(dst, want, sizeof dst), "the last wins");
    CHECK(pc_max_unpool(1, 3, 3, 2, src, indices, dst) == PC_ERR_INDEX, "beyond the plane");
    CHECK(pc_max_unpool(1, 1, 5, 2, src, (int64_t[]){-1}, dst) == PC_ERR_INDEX, "before the plane");
    CHECK(pc_max_unpool(1, 3, 5, 3, src, indices, dst) == PC_ERR_DTYPE, "3 bytes");
    CHECK(pc_max_unpool(1, -1, 5, 2, src, indices, dst) == PC_ERR_SIZE, "size");
    CHECK(pc_max_unpool(INT64_MAX, 3, 5, 2, src, indices, dst) == PC_ERR_OVERFLOW, "overflow");
    CHECK(pc_max_unpool(1, 3, 5, 2, src, NULL, dst) == PC_ERR_NULL, "indices");
    CHECK(pc_max_unpool(0, 3, 5, 2, NULL, NULL, NULL) == PC_OK, "no planes");
}

/* Whatever does not fit in 64 bits is an error, found before anything is computed with it. */
static void test_overflow(void) {
    const int64_t huge = INT64_C(1) << 62, most = INT64_MAX;
    EXPECT_CONV(PC_ERR_OVERFLOW, (d.mb = huge));
    EXPECT_CONV(PC_ERR_OVERFLOW, (d.ic = huge));
    EXPECT_CONV(PC_ERR_OVERFLOW, (d.oc = huge));
    EXPECT_CONV(PC_ERR_OVERFLOW, (d.in[1] = huge));
    EXPECT_CONV(PC_ERR_OVERFLOW, (d.in[0] = most));
    EXPECT_CONV(PC_ERR_OVERFLOW, (d.pad_lo[2] = most, d.pad_hi[2] = most));
    EXPECT_CONV(PC_ERR_OVERFLOW, (d.pad_lo[2] = huge));
    EXPECT_CONV(PC_ERR_OVERFLOW, (d.kernel[2] = huge, d.dilation[2] = 4));
    EXPECT_CONV(PC_ERR_OVERFLOW, (d.mb = d.ic = d.in[1] = INT64_C(1) << 31));
    EXPECT_CONV(PC_ERR_KERNEL, (d.dilation[2] = huge / 2));
    EXPECT_CONV(PC_OK, (d.stride[1] = d.stride[2] = most));
    EXPECT_POOL(PC_ERR_OVERFLOW, (d.mb = huge));
    EXPECT_POOL(PC_ERR_OVERFLOW, (d.in[2] = huge));
    EXPECT_POOL(PC_ERR_OVERFLOW, (d.window[2] = huge, d.dilation[2] = 4));
    EXPECT_POOL(PC_OK, (d.stride[1] = d.stride[2] = most, d.ceil_mode = 1));
    EXPECT_POOL(PC_OK, (d.window[1] = huge, d.stride[1] = most, d.ceil_mode = 1));
    EXPECT_POOL(PC_OK, (d.window[2] = 2, d.dilation[2] = huge, d.stride[2] = most, d.ceil_mode = 1));
    EXPECT_POOL(PC_ERR_OVERFLOW, (d.adaptive[2] = huge));
    EXPECT_POOL(PC_ERR_OVERFLOW, (d.adaptive[1] = d.adaptive[2] = INT64_C(1) << 32));
}

static void test_null(void) {
    pc_conv_desc d = valid_conv();
    pc_pool_desc q = valid_pool();
    pc_plan *plan = NULL;
    pc_plan_info info;
    CHECK(pc_plan_create_conv(NULL, &plan) == PC_ERR_NULL, "desc");
    CHECK(pc_plan_create_conv(&d, NULL) == PC_ERR_NULL, "plan");
    CHECK(pc_plan_create_pool(NULL, &plan) == PC_ERR_NULL, "desc");
    CHECK(pc_plan_create_pool(&q, NULL) == PC_ERR_NULL, "plan");
    pc_plan_destroy(NULL);
    CHECK(pc_get_isa(NULL) == PC_ERR_NULL, "isa");
    CHECK(pc_plan_execute(NULL, NULL) == PC_ERR_NULL, "execute");
    CHECK(pc_plan_get_info(NULL, &info) == PC_ERR_NULL, "info");

    char data[6 * 4 * 8 * 8 * 8];
    poison(data, sizeof data);
    if (!CHECK(pc_plan_create_conv(&d, &plan) == PC_OK, "create")) return;
    void *packed = poisoned(pc_plan_packed_size(plan)), *workspace = poisoned(pc_plan_workspace_size(plan));
    CHECK(pc_plan_get_info(plan, NULL) == PC_ERR_NULL, "info");
    CHECK(pc_plan_pack(plan, NULL, packed) == PC_ERR_NULL, "wei");
    CHECK(pc_plan_packed_size(plan) == 0 || pc_plan_pack(plan, data, NULL) == PC_ERR_NULL, "packed");
    CHECK(pc_plan_pack(NULL, data, packed) == PC_ERR_NULL, "plan");
    CHECK(pc_plan_execute(plan, NULL) == PC_ERR_NULL, "args");
    const pc_exec_args good = {.src = data, .packed = packed, .dst = data + 4096, .workspace = workspace};
    pc_exec_args bad = good;
    bad.src = NULL;
    CHECK(pc_plan_execute(plan, &bad) == PC_ERR_NULL, "src");
    bad = good;
    bad.dst = NULL;
    CHECK(pc_plan_execute(plan, &bad) == PC_ERR_NULL, "dst");
    bad = good;
    bad.packed = NULL;
    CHECK(pc_plan_packed_size(plan) == 0 || pc_plan_execute(plan, &bad) == PC_ERR_NULL, "packed");
    bad = good;
    bad.workspace = NULL;
    CHECK(pc_plan_workspace_size(plan) == 0 || pc_plan_execute(plan, &bad) == PC_ERR_NULL, "workspace");
    free(packed);
    free(workspace);
    pc_plan_destroy(plan);

    q.with_indices = 1;
    if (!CHECK(pc_plan_create_pool(&q, &plan) == PC_OK, "create")) return;
    workspace = poisoned(pc_plan_workspace_size(plan));
    bad = (pc_exec_args){.src = data, .dst = data + 4096, .workspace = workspace};
    CHECK(pc_plan_execute(plan, &bad) == PC_ERR_NULL, "indices");
    free(workspace);
    pc_plan_destroy(plan);
}

static void test_empty_batch(void) {
    pc_conv_desc d = valid_conv();
    d.mb = 0;
    pc_plan *plan;
    if (!CHECK(pc_plan_create_conv(&d, &plan) == PC_OK, "create")) return;
    void *packed = poisoned(pc_plan_packed_size(plan)), *workspace = poisoned(pc_plan_workspace_size(plan));
    void *wei = poisoned(6 * 4 * 9 * sizeof(float));
    CHECK(pc_plan_pack(plan, wei, packed) == PC_OK, "pack");
    const pc_exec_args args = {.src = wei, .packed = packed, .dst = wei, .workspace = workspace};
    CHECK(pc_plan_execute(plan, &args) == PC_OK, "execute");
    const int64_t *out = pc_plan_out(plan);
    CHECK(out[0] == 1 && out[1] == 6 && out[2] == 6, "%" PRId64 " x %" PRId64, out[1], out[2]);
    free(packed);
    free(workspace);
    free(wei);
    pc_plan_destroy(plan);
}

static void test_names(void) {
    for (int i = 0; i < PC_STATUS_COUNT; i++) {
        const char *text = pc_status_text((pc_status)i);
        CHECK(text && *text, "status %d", i);
        for (int j = 0; j < i; j++) CHECK(strcmp(text, pc_status_text((pc_status)j)) != 0, "%d and %d", i, j);
    }
    CHECK(pc_status_text((pc_status)-1) && pc_status_text(PC_STATUS_COUNT), "unknown statuses have a text");

    pc_isa isa;
    for (int i = 0; i < PC_ISA_COUNT; i++) {
        const char *name = pc_isa_name((pc_isa)i);
        CHECK(name && pc_isa_from_name(name, &isa) == PC_OK && isa == (pc_isa)i, "isa %d", i);
    }
    CHECK(!pc_isa_name(PC_ISA_COUNT) && !pc_isa_name((pc_isa)-1), "unknown isa");
    CHECK(pc_isa_from_name("AVX2 ", &isa) == PC_ERR_ISA, "name");
    CHECK(pc_isa_from_name(NULL, &isa) == PC_ERR_NULL && pc_isa_from_name("auto", NULL) == PC_ERR_NULL, "NULL");
    CHECK(pc_isa_available(PC_ISA_SCALAR), "scalar always runs");
    CHECK(!pc_isa_available(PC_ISA_COUNT) && !pc_isa_available((pc_isa)-1), "unknown isa");

    int reference = 0, i = 0;
    for (; pc_algo_name(i); i++) reference += strcmp(pc_algo_name(i), "reference") == 0;
    CHECK(i > 1 && reference == 1, "%d algorithms, %d of them the reference", i, reference);
    CHECK(!pc_algo_name(-1) && !pc_algo_name(i + 1), "no such algorithm");

    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", PC_VERSION_MAJOR, PC_VERSION_MINOR, PC_VERSION_PATCH);
    CHECK(strcmp(version, pc_version()) == 0, "%s is not %s", pc_version(), version);
    CHECK(pc_compiler() && *pc_compiler(), "compiler");
}

static void test_isa_choice(void) {
    pc_isa isa;
    CHECK(pc_get_isa(&isa) == PC_OK && pc_isa_available(isa), "default");
    for (int i = PC_ISA_SCALAR; i < PC_ISA_COUNT; i++) {
        if (!pc_isa_available((pc_isa)i)) {
            CHECK(pc_set_isa((pc_isa)i) == PC_ERR_ISA, "%s", pc_isa_name((pc_isa)i));
            continue;
        }
        CHECK(pc_set_isa((pc_isa)i) == PC_OK && pc_get_isa(&isa) == PC_OK && isa == (pc_isa)i, "set");
        pc_conv_desc d = valid_conv();
        pc_plan *plan;
        pc_plan_info info;
        if (!CHECK(pc_plan_create_conv(&d, &plan) == PC_OK, "create")) continue;
        CHECK(pc_plan_get_info(plan, &info) == PC_OK && strcmp(info.isa, pc_isa_name((pc_isa)i)) == 0, "%s", info.isa);
        pc_plan_destroy(plan);
    }
    CHECK(pc_set_isa(PC_ISA_COUNT) == PC_ERR_ISA, "unknown");
    CHECK(pc_set_isa(PC_ISA_AUTO) == PC_OK, "auto");
}

static void *local_thread_count(void *result) {
    *(int *)result = pc_get_num_threads_local();
    return NULL;
}

static void test_thread_counts(void) {
    const int before = pc_get_num_threads();
    CHECK(before >= 1, "%d", before);
    CHECK(pc_set_num_threads(5) == PC_OK && pc_get_num_threads() == 5, "%d", pc_get_num_threads());
    CHECK(pc_set_num_threads_local(2) == PC_OK && pc_get_num_threads() == 2, "%d", pc_get_num_threads());
    CHECK(pc_get_num_threads_local() == 2, "%d", pc_get_num_threads_local());
    pthread_t thread;
    int elsewhere = -1;
    if (CHECK(pthread_create(&thread, NULL, local_thread_count, &elsewhere) == 0, "pthread_create")) {
        pthread_join(thread, NULL);
        CHECK(elsewhere == 0, "the override reached another thread: %d", elsewhere);
    }
    CHECK(pc_set_num_threads_local(0) == PC_OK && pc_get_num_threads() == 5, "%d", pc_get_num_threads());
    CHECK(pc_set_num_threads(-1) == PC_ERR_THREADS && pc_set_num_threads_local(-1) == PC_ERR_THREADS, "negative");
    CHECK(pc_get_num_threads() == 5, "an error changes nothing");
    CHECK(pc_set_num_threads(0) == PC_OK && pc_get_num_threads() == before, "%d", pc_get_num_threads());
}

static void test_precision(void) {
    static const char *const names[PC_PRECISION_COUNT] = {"auto", "fast", "strict"};
    for (int i = 0; i < PC_PRECISION_COUNT; i++)
        CHECK(strcmp(pc_precision_name((pc_precision)i), names[i]) == 0, "%d: %s", i, names[i]);
    CHECK(!pc_precision_name(PC_PRECISION_COUNT) && !pc_precision_name((pc_precision)-1), "unknown precision");
    CHECK(pc_get_precision() == PC_FAST, "default");
    CHECK(pc_set_precision(PC_STRICT) == PC_OK && pc_get_precision() == PC_STRICT, "set");
    CHECK(pc_set_precision(PC_PRECISION_COUNT) == PC_ERR_PRECISION, "unknown");
    CHECK(pc_set_precision((pc_precision)-1) == PC_ERR_PRECISION, "unknown");
    CHECK(pc_get_precision() == PC_STRICT, "an error changes nothing");
    CHECK(pc_set_precision(PC_PRECISION_AUTO) == PC_OK && pc_get_precision() == PC_FAST, "auto");
}

/* Which algorithm runs is the descriptor's choice, and the process's where the descriptor leaves it open. */
static const char *chosen(pc_precision process, pc_precision own) {
    conv_problem p;
    conv_problem_parse(&p, "ic128 oc128 in56 k3 lo1 hi1");
    pc_plan *plan = NULL;
    pc_plan_info info = {.algo = "none"};
    p.desc.precision = own;
    CHECK(pc_set_precision(process) == PC_OK, "set");
    if (CHECK(pc_plan_create_conv(&p.desc, &plan) == PC_OK, "create")) pc_plan_get_info(plan, &info);
    CHECK(pc_set_precision(PC_PRECISION_AUTO) == PC_OK, "auto");
    pc_plan_destroy(plan);
    return info.algo; /* static storage */
}

static void test_precision_chooses(void) {
    const char *fast = chosen(PC_STRICT, PC_FAST), *strict = chosen(PC_FAST, PC_STRICT);
    CHECK(strcmp(chosen(PC_FAST, PC_PRECISION_AUTO), fast) == 0, "fast is %s", fast);
    CHECK(strcmp(chosen(PC_STRICT, PC_PRECISION_AUTO), strict) == 0, "strict is %s", strict);
    int winograd = 0;
    for (int i = 0; pc_algo_name(i); i++) winograd |= strcmp(pc_algo_name(i), "winograd") == 0;
    CHECK((strcmp(fast, strict) != 0) == winograd, "%s in fast mode, %s in strict", fast, strict);
}

/* explain() writes what fits, ends with 0, and returns what the whole text needs. */
static void test_explain(void) {
    pc_conv_desc d = valid_conv();
    pc_plan *plan;
    pc_plan_info info;
    if (!CHECK(pc_plan_create_conv(&d, &plan) == PC_OK && pc_plan_get_info(plan, &info) == PC_OK, "create")) return;
    const size_t need = pc_plan_explain(plan, NULL, 0);
    CHECK(need > 1 && need < 10000, "%zu bytes", need);
    char *whole = poisoned(need + 1), *part = poisoned(need + 1);
    CHECK(pc_plan_explain(plan, whole, need) == need, "a stable length");
    /* The length may or may not count the closing 0. */
    CHECK(memchr(whole, 0, need) != NULL, "the text is closed");
    CHECK(strlen(whole) + 1 == need || strlen(whole) == need, "%zu characters of %zu", strlen(whole), need);
    CHECK(strstr(whole, info.algo) && strstr(whole, info.isa), "algorithm and instruction set: %s", whole);
    for (size_t n = 1; n <= need; n++) {
        poison(part, need + 1);
        pc_plan_explain(plan, part, n);
        if (!CHECK(part[n - 1] == 0 && strncmp(part, whole, n - 1) == 0, "%zu bytes", n)) break;
        if (!CHECK((unsigned char)part[n] == 0xFF, "explain wrote beyond %zu bytes", n)) break;
    }
    CHECK(info.flops == 2 * 6 * (6 * 6) * (4 * 9), "%" PRId64 " flops", info.flops);
    CHECK(info.packed_bytes == pc_plan_packed_size(plan), "packed");
    CHECK(info.workspace_bytes == pc_plan_workspace_size(plan), "workspace");
    int running = 0;
    for (int i = 0; pc_algo_name(i); i++) {
        const char *why = pc_plan_refusal(plan, i);
        CHECK(!why || *why, "an empty reason for %s", pc_algo_name(i));
        running += !why && strcmp(pc_algo_name(i), info.algo) == 0;
        CHECK(why || strcmp(pc_algo_name(i), info.algo) == 0, "%s did not run, and no reason", pc_algo_name(i));
    }
    CHECK(running == 1, "%d algorithms run", running);
    CHECK(!pc_plan_refusal(plan, -1) && !pc_plan_refusal(plan, 1000), "no such algorithm");
    free(whole);
    free(part);
    pc_plan_destroy(plan);
}

/* Plans with the same key must pack the same bytes. */
static void test_pack_key(void) {
    pc_conv_desc d = valid_conv();
    float wei[6 * 4 * 9];
    rng r = {.state = 5};
    fill(PC_F32, wei, 6 * 4 * 9, DATA_REAL, &r);
    enum { PLANS = 3 };
    pc_plan *plans[PLANS] = {NULL};
    for (int i = 0; i < PLANS; i++) {
        d.mb = i;
        d.threads = i;
        if (!CHECK(pc_plan_create_conv(&d, &plans[i]) == PC_OK, "create")) return;
    }
    const size_t bytes = pc_plan_packed_size(plans[0]);
    void *first = poisoned(bytes), *other = poisoned(bytes);
    CHECK(pc_plan_pack(plans[0], wei, first) == PC_OK, "pack");
    for (int i = 1; i < PLANS; i++) {
        CHECK(pc_plan_pack_key(plans[i]) == pc_plan_pack_key(plans[0]), "the batch and threads do not matter");
        if (!CHECK(pc_plan_packed_size(plans[i]) == bytes, "size")) continue;
        CHECK(pc_plan_pack(plans[i], wei, other) == PC_OK && memcmp(first, other, bytes) == 0, "packed bytes");
    }
    free(first);
    free(other);
    for (int i = 0; i < PLANS; i++) pc_plan_destroy(plans[i]);
}

/* And so for every algorithm, on all targets and layouts: a layer keeps its packed weights while these change. */
static void test_pack_key_of_all(void) {
    enum { LAYOUTS = 4, PLANS = LAYOUTS * PC_ISA_COUNT };
    for (int64_t index = 0; index < conv_problem_chosen(); index += LAYOUTS * 2) {
        for (int dtype = PC_F32; dtype <= PC_F64; dtype++) {
            conv_problem p;
            conv_problem_get(&p, index);
            p.desc.dtype = (pc_dtype)dtype;
            conv_data data = conv_data_create(&p);
            uint64_t keys[PLANS];
            size_t sizes[PLANS];
            void *packed[PLANS];
            int n = 0;
            for (int i = 0; i < PLANS; i++) {
                pc_plan *plan;
                p.desc.isa = (pc_isa)(i / LAYOUTS);
                p.desc.src_layout = (pc_layout)(i & 1);
                p.desc.dst_layout = (pc_layout)(i >> 1 & 1);
                if (p.desc.isa == PC_ISA_AUTO || !pc_isa_available(p.desc.isa)) continue;
                if (!CHECK(pc_plan_create_conv(&p.desc, &plan) == PC_OK, "create")) continue;
                keys[n] = pc_plan_pack_key(plan);
                sizes[n] = pc_plan_packed_size(plan);
                packed[n] = poisoned(sizes[n]);
                CHECK(pc_plan_pack(plan, data.wei, packed[n]) == PC_OK, "pack");
                for (int j = 0; j < n; j++)
                    CHECK(keys[j] != keys[n] || (sizes[j] == sizes[n] && !memcmp(packed[j], packed[n], sizes[n])),
                          "equal keys, other bytes: %s", conv_problem_text(&p));
                n++;
                pc_plan_destroy(plan);
            }
            while (n) free(packed[--n]);
            conv_data_destroy(&data);
        }
    }
}

/* ---- one plan, many threads ---- */

typedef struct worker {
    pthread_t thread;
    const pc_plan *plan;
    pc_exec_args args;
    size_t dst_bytes;
    const void *want;
    int wrong;
} worker;

static void *work(void *argument) {
    worker *w = argument;
    for (int i = 0; i < 20; i++) {
        poison(w->args.dst, w->dst_bytes);
        w->wrong += pc_plan_execute(w->plan, &w->args) != PC_OK || memcmp(w->args.dst, w->want, w->dst_bytes) != 0;
    }
    return NULL;
}

static void test_shared_plan(void) {
    enum { WORKERS = 6 };
    for (int i = 0; pc_algo_name(i); i++) {
        conv_problem p;
        conv_problem_parse(&p, "mb2 ic16 oc16 in12,13 k3 lo1 hi1 bias integer");
        p.desc.precision = PC_STRICT;
        p.desc.algo = pc_algo_name(i);
        p.desc.threads = 2;
        pc_plan *plan;
        pc_status status = pc_plan_create_conv(&p.desc, &plan);
        if (status == PC_ERR_ALGO) continue;
        if (!CHECK(status == PC_OK, "%s", pc_status_text(status))) continue;
        conv_data data = conv_data_create(&p);
        const size_t dst_bytes = (size_t)p.dst_count * sizeof(float);
        void *want = poisoned(dst_bytes), *packed = poisoned(pc_plan_packed_size(plan));
        conv_oracle(&p, &data, want, NULL);
        CHECK(pc_plan_pack(plan, data.wei, packed) == PC_OK, "pack");
        worker workers[WORKERS];
        int started = 0;
        for (; started < WORKERS; started++) {
            worker *w = &workers[started];
            *w = (worker){.plan = plan, .dst_bytes = dst_bytes, .want = want};
            w->args = (pc_exec_args){.src = data.src,
                                     .packed = packed,
                                     .bias = data.bias,
                                     .dst = poisoned(dst_bytes),
                                     .workspace = poisoned(pc_plan_workspace_size(plan))};
            if (!CHECK(pthread_create(&w->thread, NULL, work, w) == 0, "pthread_create")) break;
        }
        for (int j = 0; j < started; j++) {
            pthread_join(workers[j].thread, NULL);
            CHECK(workers[j].wrong == 0, "%s: %d wrong results", pc_algo_name(i), workers[j].wrong);
            free(workers[j].args.dst);
            free(workers[j].args.workspace);
        }
        conv_data_destroy(&data);
        free(want);
        free(packed);
        pc_plan_destroy(plan);
    }
}

int main(void) {
    test_conv_descriptor();
    test_pool_descriptor();
    test_unpool();
    test_overflow();
    test_null();
    test_empty_batch();
    test_names();
    test_isa_choice();
    test_thread_counts();
    test_precision();
    test_precision_chooses();
    test_explain();
    test_pack_key();
    test_pack_key_of_all();
    test_shared_plan();
    return test_result();
}
