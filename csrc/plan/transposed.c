/* transposed.c - transposed convolution, taken apart into ordinary ones.
 *
 * Tap t of input i adds to output o = i * stride - pad_lo + t * dilation. Outputs that are alike modulo the stride form
 * a phase: they meet the same taps, every (stride / gcd)-th one of the kernel turned around, and read neighbouring
 * inputs. So each phase is a convolution of stride 1, whose outputs lie a stride apart in dst; none of its
 * multiplications is by a zero put between the inputs, and no output is written twice. 2x2 at stride 2 has four phases
 * of 1x1, 4x4 at stride 2 four of 2x2; at stride 1 there is one, the kernel turned around. (Dumoulin and Visin, "A
 * guide to convolution arithmetic for deep learning", 2016, section 4, draw it with the zeros; Shi et al., "Is the
 * deconvolution layer the same as a convolutional layer?", 2016, without.) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

/* A phase along one axis, its outputs first, first + stride, ...: which taps, and what they read. */
typedef struct axis {
    int64_t first, out;
    int64_t taps, last_tap, tap_step, dilation; /* taps last_tap, last_tap - tap_step, ... in the order of the input */
    int64_t lo, hi, begin, in;                  /* padding; the part of the input that is read */
} axis;

static axis axis_at(const pc_conv_desc *d, int64_t out, int a, int64_t first) {
    const int64_t s = d->stride[a], k = d->kernel[a], n = d->in[a], common = pc_gcd(s, d->dilation[a]);
    const int64_t at = first + d->pad_lo[a];
    axis x = {.first = first,
              .out = pc_ceil_div(out - first, s),
              .tap_step = s / common,
              .dilation = d->dilation[a] / common};
    int64_t t = 0;
    while (t < k && t < x.tap_step && (at - t * d->dilation[a]) % s) t++;
    if (t == k || t == x.tap_step) return x; /* no tap meets it */
    x.taps = (k - 1 - t) / x.tap_step + 1;
    x.last_tap = t + (x.taps - 1) * x.tap_step;
    const int64_t from = (at - x.last_tap * d->dilation[a]) / s; /* the first input read, perhaps in the border */
    const int64_t end = from + (x.taps - 1) * x.dilation + x.out;
    x.begin = pc_max(0, from);
    x.in = pc_min(n, end) - x.begin;
    x.lo = x.begin - from;
    x.hi = end - pc_min(n, end);
    if (x.in < 1) x.taps = 0; /* beyond all inputs */
    return x;
}

/* The phases along an axis. */
static int64_t phases_of(const pc_conv_desc *d, const int64_t out[3], int a) { return pc_min(d->stride[a], out[a]); }

/* A single input meets one tap for each output: a stride that no two outputs share a phase at leaves out the zeros
 * around it, of which the only phase at stride 1 would be full. As many phases as there are outputs, so for few. */
static void single_out(pc_conv *c) {
    enum { FEW = 64 };
    pc_conv_desc *d = &c->desc;
    int64_t outputs = 1;
    for (int a = 0; a < 3; a++)
        if (d->in[a] == 1) outputs = pc_mul_checked(outputs, c->out[a]);
    for (int a = 0; a < 3 && outputs > 0 && outputs <= FEW; a++) {
        const int64_t beyond = pc_mul_checked(d->dilation[a], d->kernel[a] + d->pad_lo[a] + c->out[a]);
        if (d->in[a] == 1 && beyond > 0) d->stride[a] = beyond;
    }
}

/* One phase as a convolution; 0 if no tap meets it. */
static int phase_at(const pc_conv *whole, const int64_t at[3], pc_phase *phase) {
    const pc_conv_desc *d = &whole->desc;
    const pc_strides *from = &whole->src, *to = &whole->dst;
    const int64_t src[3] = {from->d, from->h, from->w}, dst[3] = {to->d, to->h, to->w};
    int64_t step[3];
    *phase = (pc_phase){.conv = *whole};
    pc_conv *c = &phase->conv;
    c->taps = 1;
    for (int a = 0; a < 3; a++) {
        const axis x = axis_at(d, whole->out[a], a, at[a]);
        if (x.taps == 0) return 0;
        c->desc.in[a] = x.in;
        c->desc.kernel[a] = x.taps;
        c->desc.stride[a] = 1;
        c->desc.dilation[a] = x.taps == 1 ? 1 : x.dilation;
        c->desc.pad_lo[a] = x.lo;
        c->desc.pad_hi[a] = x.hi;
        c->out[a] = x.out;
        c->taps *= x.taps;
        phase->last_tap[a] = x.last_tap;
        phase->tap_step[a] = x.tap_step;
        phase->src += x.begin * src[a];
        phase->dst += x.first * dst[a];
        step[a] = phases_of(d, whole->out, a) == 1 || x.out == 1 ? 1 : d->stride[a];
        c->parted |= step[a] > 1 || x.in < d->in[a];
    }
    c->desc.transposed = 0;
    c->desc.activation = PC_NO_ACTIVATION;
    c->dst.d *= step[0];
    c->dst.h *= step[1];
    c->dst.w *= step[2];
    c->flops = pc_conv_flops(c);
    return 1;
}

/* The phase `at` together with those that differ in their columns alone, where `rows` computes them in turn: depthwise,
 * channels first. */
static int weave(const pc_conv *whole, const int64_t at[3], pc_phase *phase) {
    const pc_conv_desc *d = &whole->desc;
    pc_conv c = phase->conv;
    const int64_t n = phases_of(d, whole->out, 2);
    if (at[2] > 0 || n < 2 || n > PC_MAX_WEAVE || n != d->stride[2] || whole->dst.w != 1) return 0;
    if (c.algo != &pc_algo_rows && c.algo != &pc_algo_panels) return 0;
    c.weave.n = (int)n;
    int64_t taps = 0;
    c.desc.kernel[2] = 0;
    for (int64_t i = 0; i < n; i++) {
        const axis x = axis_at(d, whole->out[2], 2, i);
        if (x.taps == 0) return 0;
        c.weave.taps[i] = x.taps;
        c.weave.last_tap[i] = x.last_tap;
        c.weave.from[i] = x.begin - x.lo;
        c.weave.out[i] = x.out;
        c.weave.dilation = x.dilation;
        taps += x.taps;
        c.desc.kernel[2] = pc_max(c.desc.kernel[2], x.taps);
    }
    c.desc.in[2] = d->in[2];
    c.desc.pad_lo[2] = c.desc.pad_hi[2] = 0;
    c.weave.wide = whole->out[2];
    c.dst.w = n;
    if (!pc_rows_weaves(&c)) return 0;
    c.taps = c.desc.kernel[1] * taps;
    c.flops = pc_conv_flops(&c);
    c.algo = &pc_algo_rows;
    phase->conv = c;
    phase->src -= axis_at(d, whole->out[2], 2, 0).begin * whole->src.w; /* the whole image, from its first column */
    return 1;
}

pc_status pc_transposed_plan(const pc_conv *given, const char *name, pc_plan **plan) {
    pc_conv singled = *given;
    const pc_conv *whole = &singled;
    single_out(&singled);
    int64_t count[3], all = 1, bytes = sizeof(pc_phase);
    for (int a = 0; a < 3; a++) {
        all = pc_mul_checked(all, count[a] = phases_of(&whole->desc, whole->out, a));
        bytes = pc_mul_checked(bytes, pc_min(count[a], whole->desc.kernel[a])); /* no more than that meet taps */
    }
    pc_plan *p = all < 0 || bytes < 0 || bytes > INT64_MAX / 2 ? NULL : malloc(sizeof *p + (size_t)bytes);
    if (!p) return PC_ERR_NOMEM;
    *p = (pc_plan){.forced = name != NULL, .as.conv = *given};
    pc_conv *sum = &p->as.conv;
    sum->threads = 1;
    sum->flops = 0;
    memcpy(p->out, whole->out, sizeof p->out);
    int64_t largest = 0; /* weights of a phase */
    for (int64_t i = 0; i < all; i++) {
        const int64_t at[3] = {i / (count[2] * count[1]), i / count[2] % count[1], i % count[2]};
        pc_phase found;
        if (!phase_at(whole, at, &found)) {
            p->fills = 1;
            continue;
        }
        pc_phase *phase = &p->phase[p->phases];
        *phase = found;
        pc_conv *c = &phase->conv;
        const pc_status status = pc_conv_choose(c, name);
        if (status != PC_OK) {
            free(p);
            return status;
        }
        if (weave(whole, at, phase)) i += count[2] - 1;
        c->algo->plan(c);
        if (p->phases++ == 0) sum->algo = c->algo;
        phase->packed = sum->packed_size;
        sum->packed_size += (c->packed_size + PC_ALIGN - 1) / PC_ALIGN * PC_ALIGN;
        sum->workspace_per_thread =
            c->workspace_per_thread > sum->workspace_per_thread ? c->workspace_per_thread : sum->workspace_per_thread;
        sum->threads = c->threads > sum->threads ? c->threads : sum->threads;
        sum->flops = c->flops > INT64_MAX - sum->flops ? INT64_MAX : sum->flops + c->flops;
        largest = pc_max(largest, c->taps);
    }
    p->turned = sum->packed_size;
    sum->packed_size += (size_t)(largest * whole->icg * whole->desc.oc * whole->kernels->size);
    if (all == 1 && p->phases)
        memcpy(sum->tile, p->phase[0].conv.tile, sizeof sum->tile);
    else
        snprintf(sum->tile, sizeof sum->tile, "%lld phases of %.32s", (long long)all,
                 p->phases ? p->phase[0].conv.tile : "no taps");
    for (int i = 0; !sum->algo && pc_registry_at(i); i++) /* nothing to compute: any, the last unless one is named */
        if (name ? !strcmp(name, pc_registry_at(i)->name) : !pc_registry_at(i + 1)) sum->algo = pc_registry_at(i);
    if (!sum->algo) {
        free(p);
        return PC_ERR_ALGO;
    }
    *plan = p;
    return PC_OK;
}

/* The weights of a phase, (oc, icg, taps), from those of the layer, (ic, ocg, taps). */
static void turn(const pc_conv *whole, const pc_phase *phase, const char *wei, char *turned) {
    const pc_conv *c = &phase->conv;
    const int64_t *k = c->desc.kernel, *all = whole->desc.kernel, *last = phase->last_tap, *step = phase->tap_step;
    const size_t size = (size_t)c->kernels->size;
    const int64_t runs = pc_max(1, c->weave.n);
    for (int64_t i = 0; i < c->desc.oc * c->icg * runs; i++) {
        const int64_t run = i % runs, ic = i / runs % c->icg, oc = i / runs / c->icg;
        const int64_t pair = (oc / c->ocg * c->icg + ic) * c->ocg + oc % c->ocg;
        const int64_t wide = c->weave.n ? c->weave.taps[run] : k[2],
                      end = c->weave.n ? c->weave.last_tap[run] : last[2];
        for (int64_t d = 0; d < k[0]; d++)
            for (int64_t h = 0; h < k[1]; h++)
                for (int64_t w = 0; w < wide; w++, turned += size) {
                    const int64_t plane = pair * all[0] + last[0] - d * step[0];
                    const int64_t row = plane * all[1] + last[1] - h * step[1];
                    memcpy(turned, wei + (size_t)(row * all[2] + end - w * step[2]) * size, size);
                }
    }
}

void pc_transposed_pack(const pc_plan *plan, const void *wei, void *packed) {
    char *turned = (char *)packed + plan->turned;
    for (int64_t i = 0; i < plan->phases; i++) {
        const pc_phase *phase = &plan->phase[i];
        turn(&plan->as.conv, phase, wei, turned);
        phase->conv.algo->pack(&phase->conv, turned, (char *)packed + phase->packed);
    }
}

/* Outputs that no tap meets are the bias; the others come later. */
static void fill(const pc_conv *c, const pc_exec_args *a) {
    const int64_t pixels = c->out[0] * c->out[1] * c->out[2], outputs = c->desc.mb * c->desc.oc * pixels;
    const size_t size = (size_t)c->kernels->size;
    if (!a->bias) {
        memset(a->dst, 0, (size_t)outputs * size);
        return;
    }
    char *dst = a->dst;
    for (int64_t i = 0; i < outputs; i++, dst += size)
        memcpy(dst, (const char *)a->bias + (size_t)(i / c->dst.c % c->desc.oc) * size, size);
}

void pc_transposed_run(const pc_plan *plan, const pc_exec_args *args) {
    const pc_conv *c = &plan->as.conv;
    if (plan->fills) fill(c, args);
    for (int64_t i = 0; i < plan->phases; i++) {
        const pc_phase *phase = &plan->phase[i];
        pc_exec_args a = *args;
        a.src = pc_at(args->src, phase->src, c->src_size);
        a.dst = pc_at_mut(args->dst, phase->dst, c->kernels->size);
        a.packed = (const char *)args->packed + phase->packed;
        a.residual = NULL;
        phase->conv.algo->run(&phase->conv, &a);
    }
    if (c->desc.activation == PC_NO_ACTIVATION && !args->residual) return;
    const pc_epilogue_args e = {c->desc.activation, c->desc.clamp[0], c->desc.clamp[1]};
    c->kernels->epilogue(&e, c->desc.mb * c->desc.oc * c->out[0] * c->out[1] * c->out[2], args->residual, args->dst);
}
