/* conv.c - what the algorithms of convolution share. */
#include "conv.h"

#include <omp.h>

pc_strides pc_dense_strides(pc_layout layout, int64_t c, const int64_t size[3]) {
    const int64_t w = layout == PC_NHWC ? c : 1;
    pc_strides s = {.w = w, .h = size[2] * w, .d = size[1] * size[2] * w, .n = c * size[0] * size[1] * size[2]};
    s.c = layout == PC_NHWC ? 1 : size[0] * size[1] * size[2];
    /* With one channel or one pixel the layouts agree in memory: say so, and more paths apply. */
    if (c == 1) {
        s.w = 1;
        s.c = s.n;
    } else if (size[0] * size[1] * size[2] == 1 && layout == PC_NCHW) {
        s.w = s.h = s.d = c;
    }
    return s;
}

int pc_conv_useful_threads(const pc_conv *c, int gflops) {
    /* Nanoseconds on one core at that speed and 20 GB/s, whichever binds; a thread must earn its waking. */
    enum { SERIAL = 8000, SHARE = 4000 };
    const pc_conv_desc *p = &c->desc;
    const double size = c->kernels->size, compute = (double)c->flops * size / (4 * gflops);
    const double in = (double)(p->mb * p->ic) * (double)(p->in[0] * p->in[1] * p->in[2]);
    const double out = (double)(p->mb * p->oc) * (double)(c->out[0] * c->out[1] * c->out[2]);
    const double memory = (in + out) * size / 20, time = compute > memory ? compute : memory;
    if (time < SERIAL || p->threads <= 1) return 1;
    return time / SHARE > p->threads ? p->threads : (int)(time / SHARE);
}

void pc_conv_run_items(const pc_conv *c, const pc_exec_args *a, int64_t items, pc_conv_prepare_fn *prepare,
                       pc_conv_item_fn *item) {
    if (c->threads == 1) { /* entering a parallel region of one thread would cost more than a small layer */
        if (prepare) prepare(c, a->workspace);
        for (int64_t i = 0; i < items; i++) item(c, a, i, a->workspace);
        return;
    }
    const pc_share share = pc_share_start(a->workspace, c->workspace_per_thread, c->threads, items);
#pragma omp parallel num_threads(c->threads)
    {
        const int me = omp_get_thread_num();
        char *workspace = pc_share_workspace(&share, me);
        if (prepare) prepare(c, workspace);
        int helped = 0;
        for (int64_t i; (i = pc_share_next(&share, me, &helped)) >= 0;) item(c, a, i, workspace);
    }
}

void pc_conv_finish(const pc_conv *c, const pc_exec_args *a, const pc_strides *o, void *dst, int64_t channels,
                    int64_t rows, int64_t cols) {
    if (c->desc.activation == PC_NO_ACTIVATION && !a->residual) return;
    const pc_epilogue_args e = {c->desc.activation, c->desc.clamp[0], c->desc.clamp[1]};
    const int size = c->kernels->size, planar = o->w == 1;
    /* The longest contiguous runs: rows of a plane, or all of them; channels of a pixel, or a row of pixels. */
    int64_t n = planar ? cols : channels, inner = planar ? rows : cols, outer = planar ? channels : rows;
    const int64_t step = planar ? o->h : o->w, next = planar ? o->c : o->h;
    if (step == n) {
        n *= inner;
        inner = 1;
    }
    const int64_t residual = a->residual ? (const char *)a->residual - (const char *)a->dst : 0;
    for (int64_t i = 0; i < outer; i++)
        for (int64_t j = 0; j < inner; j++) {
            char *run = pc_at_mut(dst, i * next + j * step, size);
            c->kernels->epilogue(&e, n, a->residual ? run + residual : 0, run);
        }
}
