/* conv.c - what the algorithms of convolution share. */
#include "conv.h"

int pc_conv_useful_threads(const pc_conv *c, int gflops) {
    /* Nanoseconds on one core at that speed and 20 GB/s, whichever binds; a thread must earn its waking. */
    enum { SERIAL = 20000, SHARE = 10000 };
    const pc_conv_desc *p = &c->desc;
    const double size = c->kernels->size, compute = (double)c->flops * size / (4 * gflops);
    const double in = (double)(p->mb * p->ic) * (double)(p->in[0] * p->in[1] * p->in[2]);
    const double out = (double)(p->mb * p->oc) * (double)(c->out[0] * c->out[1] * c->out[2]);
    const double memory = (in + out) * size / 20, time = compute > memory ? compute : memory;
    if (time < SERIAL || p->threads <= 1) return 1;
    return time / SHARE > p->threads ? p->threads : (int)(time / SHARE);
}
