/* registry.c - the algorithms of convolution, in order of preference: a plan takes the first that neither refuses nor
 * defers. One row here is all that a new algorithm needs to be chosen, explained, tested and benchmarked. */
#include "plan.h"

static const pc_algo *const registry[] = {
    &pc_algo_fft_lines, &pc_algo_fft,      &pc_algo_windows,       &pc_algo_separable,   &pc_algo_panels,
    &pc_algo_rows,      &pc_algo_winograd, &pc_algo_channel_lanes, &pc_algo_pixel_lanes, &pc_algo_reference,
};

const pc_algo *pc_registry_at(int i) {
    return i >= 0 && i < (int)(sizeof registry / sizeof *registry) ? registry[i] : 0;
}

const char *pc_algo_refusal(const pc_algo *algo, const pc_conv *conv) {
    if (algo != &pc_algo_separable && algo != &pc_algo_reference && conv->desc.separable)
        return "the kernel is given as a column and a row";
    const int dense = algo == &pc_algo_channel_lanes || algo == &pc_algo_pixel_lanes || algo == &pc_algo_reference;
    if (pc_conv_holds_halves(conv) && algo != &pc_algo_rows && algo != &pc_algo_panels && algo != &pc_algo_windows)
        return "memory holds half floats";
    if (pc_conv_integer(conv) && !dense) return "the elements are integers";
    const int apart = conv->dst.c == 1 ? algo == &pc_algo_windows || algo == &pc_algo_panels : algo == &pc_algo_rows;
    if (conv->parted && !dense && !apart) return "input or output is a part of an image whose pixels lie apart";
    return algo->reject(conv);
}

const char *pc_algo_name(int i) {
    const pc_algo *algo = pc_registry_at(i);
    return algo ? algo->name : 0;
}
