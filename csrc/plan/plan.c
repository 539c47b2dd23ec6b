/* plan.c - the life of a plan: validate, choose, book memory, pack, execute, destroy. */
#include "plan.h"

#include "../base/threads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int64_t pc_conv_flops(const pc_conv *c) {
    const int64_t factors[] = {2, c->desc.mb, c->desc.oc, c->out[0], c->out[1], c->out[2], c->icg, c->taps};
    int64_t f = 1;
    for (int i = 0; i < 8; i++) f = pc_mul_checked(f, factors[i]);
    return f < 0 ? INT64_MAX : f;
}

/* A 1x1 kernel takes pixels one by one. Where those of a batch lie one after the other, channels last or a single one
 * an image, they are one row, whose weights are read once for all images. */
static void batch_as_row(pc_conv *conv) {
    pc_conv_desc *d = &conv->desc;
    int pixels = 1, all = conv->taps == 1 && d->mb > 1; /* an image is one pixel; every pixel is taken */
    for (int i = 0; i < 3; i++) {
        pixels &= d->in[i] == 1;
        all &= conv->out[i] == d->in[i] && d->pad_lo[i] == 0 && d->pad_hi[i] == 0;
    }
    if (!all || (!pixels && (d->src_layout != PC_NHWC || d->dst_layout != PC_NHWC))) return;
    d->src_layout = d->dst_layout = PC_NHWC;
    conv->out[2] = d->in[2] *= d->mb * d->in[0] * d->in[1];
    conv->out[0] = conv->out[1] = d->in[0] = d->in[1] = d->mb = 1;
}

/* A kernel of slices of one tap takes what lies behind each other: rows whose columns are the pixels of a slice. */
static void depth_as_rows(pc_conv *conv) {
    pc_conv_desc *d = &conv->desc;
    int apart = d->kernel[0] > 1;
    for (int i = 1; i < 3; i++) /* every pixel is taken: not where a stride leaves one row or column of several */
        apart &= d->kernel[i] == 1 && conv->out[i] == d->in[i] && d->pad_lo[i] == 0 && d->pad_hi[i] == 0;
    if (!apart) return;
    conv->out[2] = d->in[2] *= d->in[1];
    conv->out[1] = conv->out[0];
    int64_t *const axes[] = {d->in, d->kernel, d->stride, d->dilation, d->pad_lo, d->pad_hi};
    for (int i = 0; i < 6; i++) axes[i][1] = axes[i][0];
    conv->out[0] = d->in[0] = d->kernel[0] = d->stride[0] = d->dilation[0] = 1;
    d->pad_lo[0] = d->pad_hi[0] = 0;
}

pc_status pc_conv_choose(pc_conv *conv, const char *name) {
    for (int i = 0; (conv->algo = pc_registry_at(i)); i++) {
        if (pc_algo_refusal(conv->algo, conv)) continue;
        if (name ? !strcmp(name, conv->algo->name) : !conv->algo->defer(conv)) return PC_OK;
    }
    return PC_ERR_ALGO;
}

pc_status pc_plan_create_conv(const pc_conv_desc *desc, pc_plan **plan) {
    if (!desc || !plan) return PC_ERR_NULL;
    *plan = NULL;
    pc_conv conv = {.desc = *desc};
    pc_status status = pc_validate_conv(&conv.desc, conv.out);
    if (status != PC_OK) return status;
    conv.desc.algo = NULL; /* the caller's string need not outlive this call */
    const char *name = desc->algo && strcmp(desc->algo, "auto") ? desc->algo : NULL;
    conv.kernels = pc_kernels_find(conv.desc.isa, conv.desc.dtype);
    conv.src_size = conv.desc.src_type ? pc_storage_size(conv.desc.src_type) : conv.kernels->size;
    conv.icg = conv.inside = conv.desc.ic / conv.desc.groups;
    conv.ocg = conv.desc.oc / conv.desc.groups;
    const int64_t *k = conv.desc.kernel;
    conv.taps = conv.desc.separable ? k[1] + k[2] : k[0] * k[1] * k[2];
    int64_t out[3];
    memcpy(out, conv.out, sizeof out);
    if (!name && !conv.desc.transposed) {
        batch_as_row(&conv);
        depth_as_rows(&conv);
    }
    conv.src = pc_dense_strides(conv.desc.src_layout, conv.desc.ic, conv.desc.in);
    conv.dst = pc_dense_strides(conv.desc.dst_layout, conv.desc.oc, conv.out);
    if (conv.desc.transposed) return pc_transposed_plan(&conv, name, plan);
    conv.flops = pc_conv_flops(&conv);
    if (pc_conv_integer(&conv)) conv.icg = pc_ceil_div(conv.icg, PC_INT_FOLD(conv.kernels->size));
    status = pc_conv_choose(&conv, name);
    if (status != PC_OK) return status;
    conv.algo->plan(&conv);
    pc_plan *p = malloc(sizeof *p);
    if (!p) return PC_ERR_NOMEM;
    *p = (pc_plan){.forced = name != NULL, .as.conv = conv};
    memcpy(p->out, out, sizeof out);
    *plan = p;
    return PC_OK;
}

pc_status pc_plan_create_pool(const pc_pool_desc *desc, pc_plan **plan) {
    if (!desc || !plan) return PC_ERR_NULL;
    *plan = NULL;
    pc_pool pool = {.desc = *desc};
    int64_t out[3];
    const pc_status status = pc_validate_pool(&pool.desc, out);
    if (status != PC_OK) return status;
    memcpy(pool.out, out, sizeof out);
    pool.kernels = pc_kernels_find(pool.desc.isa, pool.desc.dtype);
    pool.size = pool.desc.integer_bits ? pool.desc.integer_bits / 8 : pool.kernels->size;
    pool.src = pc_dense_strides(pool.desc.src_layout, pool.desc.c, pool.desc.in);
    pool.dst = pc_dense_strides(pool.desc.dst_layout, pool.desc.c, pool.out);
    const double elements =
        (double)(pool.desc.mb * pool.desc.c) * (double)(pool.desc.in[0] * pool.desc.in[1] * pool.desc.in[2]);
    enum { SHARE = 1 << 14 }; /* elements that are worth a thread: some 3 us */
    pool.threads = (int)pc_max(1, pc_min(pool.desc.threads, (int64_t)(elements / SHARE)));
    pc_pool_plan(&pool);
    pc_plan *p = malloc(sizeof *p);
    if (!p) return PC_ERR_NOMEM;
    *p = (pc_plan){.is_pool = 1, .as.pool = pool};
    memcpy(p->out, out, sizeof out);
    *plan = p;
    return PC_OK;
}

void pc_plan_destroy(pc_plan *plan) { free(plan); }

const int64_t *pc_plan_out(const pc_plan *plan) { return plan ? plan->out : NULL; }

size_t pc_plan_packed_size(const pc_plan *plan) { return !plan || plan->is_pool ? 0 : plan->as.conv.packed_size; }

size_t pc_plan_workspace_size(const pc_plan *plan) {
    if (!plan) return 0;
    const size_t each = plan->is_pool ? plan->as.pool.workspace_per_thread : plan->as.conv.workspace_per_thread;
    const int threads = plan->is_pool ? plan->as.pool.threads : plan->as.conv.threads;
    const size_t all = pc_share_size(threads, each);
    return all ? all + PC_ALIGN : 0;
}

/* FNV-1a over words. */
static uint64_t hashed(uint64_t hash, const int64_t *words, size_t n) {
    for (size_t i = 0; i < n; i++) hash = (hash ^ (uint64_t)words[i]) * UINT64_C(1099511628211);
    return hash;
}

static uint64_t add_conv(uint64_t hash, const pc_conv *c) {
    const int dense = c->algo == &pc_algo_channel_lanes || c->algo == &pc_algo_pixel_lanes;
    const int winograd = c->algo == &pc_algo_winograd, panels = c->algo == &pc_algo_panels;
    const int separable = c->algo == &pc_algo_separable, fft = c->algo == &pc_algo_fft;
    const int fft_lines = c->algo == &pc_algo_fft_lines;
    /* The order depends on the vectors. */
    const int lanes = dense || winograd || panels || separable || fft || fft_lines || c->algo == &pc_algo_windows;
    const int64_t parts[] = {(int64_t)(intptr_t)c->algo,
                             c->desc.dtype,
                             c->desc.oc,
                             c->desc.ic,
                             c->desc.groups,
                             c->desc.kernel[0],
                             c->desc.kernel[1],
                             c->desc.kernel[2],
                             lanes ? c->kernels->vlen : 0,
                             dense ? c->as.dense.nv : 0,
                             dense ? c->as.dense.blocks : 0,
                             panels ? c->as.panels.flat : 0,
                             c->desc.separable,
                             c->weave.n,
                             separable ? c->src.w : 0,
                             winograd ? c->as.winograd.kind : 0,
                             winograd ? c->as.winograd.panels : 0,
                             fft         ? c->as.fft.rows
                             : fft_lines ? c->as.fft_lines.n
                                         : 0,
                             fft ? c->as.fft.cols : 0};
    return hashed(hash, parts, sizeof parts / sizeof *parts);
}

uint64_t pc_plan_pack_key(const pc_plan *plan) {
    if (!plan || plan->is_pool) return 0;
    uint64_t hash = UINT64_C(14695981039346656037);
    for (int64_t i = 0; i < plan->phases; i++) {
        hash = add_conv(hashed(hash, plan->phase[i].last_tap, 3), &plan->phase[i].conv);
        hash = hashed(hash, plan->phase[i].tap_step, 3);
    }
    return hashed(add_conv(hash, &plan->as.conv), plan->as.conv.desc.kernel, 3);
}

pc_status pc_plan_pack(const pc_plan *plan, const void *wei, void *packed) {
    if (!plan || plan->is_pool || !wei || !packed) return PC_ERR_NULL;
    if (plan->as.conv.desc.transposed)
        pc_transposed_pack(plan, wei, packed);
    else
        plan->as.conv.algo->pack(&plan->as.conv, wei, packed);
    return PC_OK;
}

pc_status pc_plan_execute(const pc_plan *plan, const pc_exec_args *args) {
    if (!plan || !args) return PC_ERR_NULL;
    const int64_t batch = plan->is_pool ? plan->as.pool.desc.mb : plan->as.conv.desc.mb;
    if (batch == 0) return PC_OK;
    if (!args->src || !args->dst || (pc_plan_workspace_size(plan) && !args->workspace)) return PC_ERR_NULL;
    if (plan->is_pool) {
        const pc_pool_desc *d = &plan->as.pool.desc;
        if ((d->with_indices && !args->indices) || (d->placed && !args->starts)) return PC_ERR_NULL;
    } else if (!args->packed) {
        return PC_ERR_NULL;
    }
    pc_note_team(plan->is_pool ? plan->as.pool.threads : plan->as.conv.threads);
    pc_exec_args a = *args;
    if (a.workspace) a.workspace = (void *)(((uintptr_t)a.workspace + PC_ALIGN - 1) / PC_ALIGN * PC_ALIGN);
    if (plan->is_pool)
        pc_pool_run(&plan->as.pool, &a);
    else if (plan->as.conv.desc.transposed)
        pc_transposed_run(plan, &a);
    else
        plan->as.conv.algo->run(&plan->as.conv, &a);
    return PC_OK;
}

static pc_status find_kernels(pc_dtype dtype, const pc_kernels **k) {
    pc_isa isa;
    const pc_status status = pc_get_isa(&isa);
    if (status != PC_OK) return status;
    *k = pc_kernels_find(isa, dtype);
    return *k && (*k)->unary ? PC_OK : PC_ERR_DTYPE; /* those of integers have less */
}

pc_status pc_unary(pc_dtype dtype, pc_unary_op op, double a, double b, int64_t n, const void *src, void *dst) {
    const pc_kernels *k;
    const pc_status status = find_kernels(dtype, &k);
    if (status != PC_OK) return status;
    if (n < 0) return PC_ERR_SIZE;
    if ((int)op < 0 || op >= PC_UNARY_COUNT) return PC_ERR_ACTIVATION;
    if (n && (!src || !dst)) return PC_ERR_NULL;
    pc_unary_run(k, op, a, b, n, src, dst);
    return PC_OK;
}

pc_status pc_relu(pc_dtype dtype, int64_t n, const void *src, void *dst) {
    return pc_unary(dtype, PC_UNARY_RELU, 0, 0, n, src, dst);
}

/* Whether there is anything to do with so many rows, or what is wrong with them. */
static pc_status check_rows(int64_t rows, int64_t n, const void *src, const void *dst) {
    if (rows < 0 || n < 0) return PC_ERR_SIZE;
    if (pc_mul_checked(pc_mul_checked(rows, n), 8) < 0) return PC_ERR_OVERFLOW;
    return rows * n > 0 && (!src || !dst) ? PC_ERR_NULL : PC_OK;
}

static pc_status softmax(pc_dtype dtype, int logarithm, int64_t rows, int64_t n, const void *src, void *dst) {
    const pc_kernels *k;
    pc_status status = find_kernels(dtype, &k);
    if (status == PC_OK) status = check_rows(rows, n, src, dst);
    if (status == PC_OK && rows * n > 0) pc_softmax_run(k, logarithm, rows, n, src, dst);
    return status;
}

pc_status pc_softmax(pc_dtype dtype, int64_t rows, int64_t n, const void *src, void *dst) {
    return softmax(dtype, 0, rows, n, src, dst);
}

pc_status pc_log_softmax(pc_dtype dtype, int64_t rows, int64_t n, const void *src, void *dst) {
    return softmax(dtype, 1, rows, n, src, dst);
}

pc_status pc_normalize(pc_dtype dtype, const pc_norm_desc *desc, int64_t rows, const void *src, void *dst) {
    const pc_kernels *k;
    pc_status status = find_kernels(dtype, &k);
    if (status != PC_OK) return status;
    if (!desc) return PC_ERR_NULL;
    status = check_rows(rows, desc->n, src, dst);
    if (status != PC_OK || rows * desc->n == 0) return status;
    if (desc->segment < 1 || desc->n % desc->segment || desc->groups < 1) return PC_ERR_SIZE;
    pc_norm_run(k, desc, rows, src, dst);
    return PC_OK;
}

static pc_status check_resample(const pc_resample_desc *d, const pc_kernels **k) {
    if (!d) return PC_ERR_NULL;
    const pc_status status = find_kernels(d->dtype, k);
    if (status != PC_OK) return status;
    if ((int)d->mode < 0 || d->mode >= PC_RESAMPLE_COUNT) return PC_ERR_MODE;
    if (d->size < 1 || (d->mode >= PC_RESAMPLE_LINEAR && d->size != (*k)->size)) return PC_ERR_DTYPE;
    if (d->planes < 0 || d->inner < 1 || d->rank < 1 || d->rank > 3) return PC_ERR_SIZE;
    int64_t in = pc_mul_checked(d->inner, d->size), out = in;
    for (int i = 0; i < 3; i++) {
        if (d->in[i] < 1 || d->out[i] < 1 || !(d->step[i] >= 0 && d->step[i] < INFINITY)) return PC_ERR_SIZE;
        if (i < 3 - d->rank && (d->in[i] != 1 || d->out[i] != 1)) return PC_ERR_SIZE;
        if (d->in[i] > INT32_MAX || d->out[i] > INT32_MAX) return PC_ERR_OVERFLOW;
        in = pc_mul_checked(in, d->in[i]);
        out = pc_mul_checked(out, d->out[i]);
    }
    return pc_mul_checked(d->planes, in) < 0 || pc_mul_checked(d->planes, out) < 0 ? PC_ERR_OVERFLOW : PC_OK;
}

size_t pc_resample_workspace(const pc_resample_desc *desc) {
    const pc_kernels *k;
    return check_resample(desc, &k) == PC_OK ? pc_resample_size(k, desc, pc_get_num_threads()) : 0;
}

pc_status pc_resample(const pc_resample_desc *desc, const void *src, void *dst, void *workspace, size_t bytes) {
    const pc_kernels *k;
    const pc_status status = check_resample(desc, &k);
    if (status != PC_OK || desc->planes == 0) return status;
    if (!src || !dst || !workspace) return PC_ERR_NULL;
    if (bytes < pc_resample_size(k, desc, 1)) return PC_ERR_SIZE;
    pc_resample_run(k, desc, src, dst, workspace, bytes);
    return PC_OK;
}

/* Whether pc_convert has a loop for these. */
static int converts(pc_storage from, pc_storage to) {
    if (to == PC_ELEMENTS) return from == PC_U8 || from == PC_S8 || from == PC_F16 || from == PC_BF16;
    if (from == PC_ELEMENTS) return to == PC_S32 || to == PC_F16 || to == PC_BF16;
    return (from == PC_S32 && to >= PC_U8 && to <= PC_S16) || (from == PC_S64 && to >= PC_U8 && to <= PC_S32);
}

pc_status pc_convert(pc_storage from, pc_storage to, int saturate, int64_t n, const void *src, void *dst) {
    return pc_convert_rows(from, to, saturate, 1, n, src, n, dst, n);
}

pc_status pc_convert_rows(pc_storage from, pc_storage to, int saturate, int64_t rows, int64_t n, const void *src,
                          int64_t ld_src, void *dst, int64_t ld_dst) {
    pc_isa isa;
    const pc_status status = pc_get_isa(&isa);
    if (status != PC_OK) return status;
    if (!converts(from, to)) return PC_ERR_DTYPE;
    if (n < 0 || rows < 0) return PC_ERR_SIZE;
    if (n == 0 || rows == 0) return PC_OK;
    if (!src || !dst) return PC_ERR_NULL;
    pc_convert_run(pc_kernels_find(isa, PC_F32), from, to, saturate, rows, n, src, ld_src, dst, ld_dst);
    return PC_OK;
}
