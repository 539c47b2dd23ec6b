/* measure.c - the plan and the buffers of a case; see measure.h. */
#include "measure.h"

#include <stdlib.h>
#include <string.h>

size_t dtype_size(pc_dtype dtype) { return dtype == PC_F64 ? sizeof(double) : sizeof(float); }

void *buffer_new(size_t bytes) { return aligned_alloc(64, (bytes + 127) / 64 * 64); }

/* splitmix64: tiny, seeded, and good enough for data that must merely not be special. */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Magnitudes from 1/16 to 1 and either sign: no zeros, denormals or overflow to make a kernel look better or worse. */
static void fill_random(void *data, size_t count, pc_dtype dtype, uint64_t seed) {
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = next_random(&seed);
        double magnitude = 0.0625 + 0.9375 * (double)(bits >> 11) * 0x1p-53;
        double value = bits & 1 ? -magnitude : magnitude;
        if (dtype == PC_F64)
            ((double *)data)[i] = value;
        else
            ((float *)data)[i] = (float)value;
    }
}

/* Never 0. */
static void fill_bytes(void *data, size_t count, uint64_t seed) {
    for (size_t i = 0; i < count; i++) ((uint8_t *)data)[i] = (uint8_t)(1 + next_random(&seed) % 255);
}

static pc_conv_desc conv_desc(const problem *p, const run_config *c) {
    pc_conv_desc d = PC_CONV_DESC_INIT;
    d.dtype = c->dtype;
    d.src_layout = d.dst_layout = c->layout;
    d.boundary = p->boundary;
    d.mb = c->mb;
    d.ic = p->ic;
    d.oc = p->oc;
    d.groups = p->groups;
    for (int a = 0; a < PROBLEM_AXES; a++) {
        d.in[a] = p->in[a];
        d.kernel[a] = p->kernel[a];
        d.stride[a] = p->stride[a];
        d.dilation[a] = p->dilation[a];
        d.pad_lo[a] = p->pad[a];
        d.pad_hi[a] = p->pad[a] - p->out_pad[a];
    }
    d.transposed = p->kind->op == PROBLEM_CONV_TRANSPOSE;
    d.separable = p->separable;
    d.src_type = p->bytes;
    d.isa = c->isa;
    d.threads = c->threads;
    d.precision = c->precision;
    d.algo = c->algo;
    return d;
}

static pc_pool_desc pool_desc(const problem *p, const run_config *c) {
    pc_pool_desc d = PC_POOL_DESC_INIT;
    d.kind = p->kind->op == PROBLEM_AVGPOOL ? PC_POOL_AVERAGE : PC_POOL_MAX;
    d.padding_excluded = p->kind->op == PROBLEM_AVGPOOL && !p->include_pad;
    d.dtype = c->dtype;
    d.src_layout = d.dst_layout = c->layout;
    d.mb = c->mb;
    d.c = p->ic;
    for (int a = 0; a < PROBLEM_AXES; a++) {
        d.in[a] = p->in[a];
        d.window[a] = p->kernel[a];
        d.stride[a] = p->stride[a];
        d.dilation[a] = p->dilation[a];
        d.pad[a] = p->pad[a];
    }
    d.ceil_mode = p->ceil_mode;
    d.isa = c->isa;
    d.threads = c->threads;
    return d;
}

pc_status case_describe(const problem *p, const run_config *config, pc_plan **plan) {
    if (problem_has_weights(p)) {
        pc_conv_desc d = conv_desc(p, config);
        return pc_plan_create_conv(&d, plan);
    }
    pc_pool_desc d = pool_desc(p, config);
    return pc_plan_create_pool(&d, plan);
}

static pc_status prepare_weights(bench_case *b) {
    const problem *p = b->p;
    pc_dtype dtype = b->config.dtype;
    if (!problem_has_weights(p)) return PC_OK;
    b->wei = buffer_new(b->wei_bytes);
    b->packed = buffer_new(pc_plan_packed_size(b->plan));
    b->bia = p->bias ? buffer_new((size_t)p->oc * dtype_size(dtype)) : NULL;
    if (!b->wei || !b->packed || (p->bias && !b->bia)) return PC_ERR_NOMEM;
    fill_random(b->wei, (size_t)problem_wei_elements(p), dtype, 2);
    if (b->bia) fill_random(b->bia, (size_t)p->oc, dtype, 3);
    return pc_plan_pack(b->plan, b->wei, b->packed);
}

pc_status case_open(bench_case *b, const problem *p, const run_config *config) {
    *b = (bench_case){.p = p, .config = *config};
    pc_status status = case_describe(p, config, &b->plan);
    if (status != PC_OK) return status;

    size_t element = dtype_size(config->dtype), images = (size_t)config->mb;
    b->src_bytes = images * (size_t)problem_src_elements(p) * (p->bytes ? 1 : element);
    b->dst_bytes = images * (size_t)problem_dst_elements(p) * element;
    b->wei_bytes = (size_t)problem_wei_elements(p) * element;
    b->src = buffer_new(b->src_bytes);
    b->dst = buffer_new(b->dst_bytes);
    b->workspace = buffer_new(pc_plan_workspace_size(b->plan));
    status = pc_plan_get_info(b->plan, &b->info);
    if (status == PC_OK && (!b->src || !b->dst || !b->workspace)) status = PC_ERR_NOMEM;
    if (status == PC_OK) status = pc_isa_from_name(b->info.isa, &b->isa);
    if (status == PC_OK) {
        if (p->bytes)
            fill_bytes(b->src, b->src_bytes, 1);
        else
            fill_random(b->src, b->src_bytes / element, config->dtype, 1);
        memset(b->dst, 0xff, b->dst_bytes); /* NaN in either dtype: what is not written shows */
        status = prepare_weights(b);
    }
    if (status != PC_OK) case_close(b);
    return status;
}

void case_close(bench_case *b) {
    pc_plan_destroy(b->plan);
    free(b->src);
    free(b->wei);
    free(b->bia);
    free(b->packed);
    free(b->dst);
    free(b->workspace);
    *b = (bench_case){0};
}

pc_status case_execute(const bench_case *b, void *dst) {
    pc_exec_args args = {.src = b->src, .packed = b->packed, .bias = b->bia, .dst = dst, .workspace = b->workspace};
    return pc_plan_execute(b->plan, &args);
}
