// problem.cpp - see problem.hpp.
#include "problem.hpp"

#include <algorithm>
#include <cstring>

namespace pyconv {

Geometry parse_geometry(py::handle stride, py::handle padding, py::handle dilation, py::handle groups,
                        const std::string &mode, int64_t kh, int64_t kw, const char *function) {
    Geometry g{parse_pair(stride, function, "stride"), parse_pair(dilation, function, "dilation"), {}, {}, 0, PC_ZEROS};
    const std::string f = function;
    if (g.stride.h < 1 || g.stride.w < 1) throw py::value_error(f + ": stride must be at least 1");
    if (g.dilation.h < 1 || g.dilation.w < 1) throw py::value_error(f + ": dilation must be at least 1");
    g.groups = parse_int(groups, function, "groups");
    if (g.groups < 1) throw py::value_error(f + ": groups must be at least 1, not " + std::to_string(g.groups));
    if (PyUnicode_Check(padding.ptr())) {
        const auto text = padding.cast<std::string>();
        if (text == "same") {
            if (g.stride.h != 1 || g.stride.w != 1) throw py::value_error(f + ": padding='same' needs stride 1");
            if (kh < 1 || kw < 1) fail(PC_ERR_SIZE, function);
            const int64_t th = g.dilation.h * (kh - 1), tw = g.dilation.w * (kw - 1);
            g.lo = {th / 2, tw / 2};
            g.hi = {th - th / 2, tw - tw / 2};
        } else if (text != "valid") {
            throw py::value_error(f + ": padding must be 'same', 'valid', or one or two integers, not '" + text + "'");
        }
    } else {
        g.lo = g.hi = parse_pair(padding, function, "padding");
        if (g.lo.h < 0 || g.lo.w < 0) throw py::value_error(f + ": padding must not be negative");
    }
    if (mode == "reflect")
        g.boundary = PC_REFLECT;
    else if (mode == "replicate")
        g.boundary = PC_REPLICATE;
    else if (mode == "circular")
        g.boundary = PC_CIRCULAR;
    else if (mode != "zeros")
        throw py::value_error(f + ": padding_mode must be 'zeros', 'reflect', 'replicate' or 'circular', not '" + mode +
                              "'");
    return g;
}

py::array weight_array(py::handle weight, const char *function) {
    py::array w = float_array(weight, function, "weight");
    if (w.ndim() != 4)
        throw py::value_error(std::string(function) +
                              ": weight must have shape (out_channels, in_channels / groups, kh, kw), not " +
                              shape_text(w));
    return w;
}

const void *bias_data(py::handle bias, int64_t channels, const py::array &like, const char *like_name, py::array &keep,
                      const char *function) {
    if (bias.is_none()) return nullptr;
    const py::array b = float_array(bias, function, "bias");
    require_dtype(b, "bias", like, like_name);
    if (b.ndim() != 1 || b.shape(0) != channels)
        throw py::value_error(std::string(function) + ": bias must have shape (" + std::to_string(channels) +
                              ",) for " + like_name + " of shape " + shape_text(like) + ", not " + shape_text(b));
    keep = dense(b);
    return keep.data();
}

void require_pixels(const Image &x, const char *function) {
    if (x.size[1] < 1 || x.size[2] < 1 || x.size[3] < 1)
        throw py::value_error(std::string(function) + ": input of shape " + shape_text(x.array) +
                              " has an empty axis other than the batch");
}

pc_conv_desc describe(const Image &x, const py::array &w, const Geometry &g, pc_precision precision,
                      const Activation &activation, const char *algorithm, const char *function) {
    const std::string f = function;
    const int64_t oc = w.shape(0), icg = w.shape(1), kh = w.shape(2), kw = w.shape(3);
    const auto shapes = [&] { return "input of shape " + shape_text(x.array) + ", weight of shape " + shape_text(w); };
    if (oc < 1 || icg < 1 || kh < 1 || kw < 1)
        throw py::value_error(f + ": weight of shape " + shape_text(w) + " has an empty axis");
    require_pixels(x, function);
    if (x.size[1] % g.groups || x.size[1] / g.groups != icg)
        throw py::value_error(f + ": input has " + std::to_string(x.size[1]) + " channels but weight expects " +
                              std::to_string(icg) + " x groups=" + std::to_string(g.groups) + " (" + shapes() + ")");
    if (oc % g.groups)
        throw py::value_error(f + ": " + std::to_string(oc) + " output channels are not divisible by groups=" +
                              std::to_string(g.groups) + " (" + shapes() + ")");
    pc_conv_desc d = describe_window(x, dtype_of(w), oc, kh, kw, g, activation);
    d.precision = precision;
    d.algo = algorithm;
    return d;
}

pc_conv_desc describe_window(const Image &x, pc_dtype dtype, int64_t oc, int64_t kh, int64_t kw, const Geometry &g,
                             const Activation &activation) {
    pc_conv_desc d = {};
    d.dtype = dtype;
    d.src_bytes = holds_bytes(x.array);
    d.src_layout = d.dst_layout = x.layout;
    d.boundary = g.boundary;
    d.mb = x.size[0];
    d.ic = x.size[1];
    d.oc = oc;
    d.groups = g.groups;
    const int64_t in[3] = {1, x.size[2], x.size[3]}, kernel[3] = {1, kh, kw};
    const int64_t stride[3] = {1, g.stride.h, g.stride.w}, dilation[3] = {1, g.dilation.h, g.dilation.w};
    const int64_t lo[3] = {0, g.lo.h, g.lo.w}, hi[3] = {0, g.hi.h, g.hi.w};
    std::memcpy(d.in, in, sizeof in);
    std::memcpy(d.kernel, kernel, sizeof in);
    std::memcpy(d.stride, stride, sizeof in);
    std::memcpy(d.dilation, dilation, sizeof in);
    std::memcpy(d.pad_lo, lo, sizeof in);
    std::memcpy(d.pad_hi, hi, sizeof in);
    d.activation = activation.kind;
    std::memcpy(d.clamp, activation.clamp, sizeof d.clamp);
    return d;
}

Like result_like(const py::array &x, const py::array &weight, const char *argument) {
    if (holds_bytes(x)) return {weight, argument};
    require_dtype(weight, argument, x, "input");
    return {x, "input"};
}

Sizes out_size(const pc_conv_desc &d, const char *function) {
    Sizes s{d.mb, d.oc, 0, 0};
    for (int i = 1; i < 3; i++) {
        int64_t bordered, reach;
        if (__builtin_add_overflow(d.in[i], d.pad_lo[i], &bordered) ||
            __builtin_add_overflow(bordered, d.pad_hi[i], &bordered) ||
            __builtin_mul_overflow(d.kernel[i] - 1, d.dilation[i], &reach))
            fail(PC_ERR_OVERFLOW, function);
        if (bordered - reach - 1 < 0) {
            const int64_t kernel[2] = {d.kernel[1], d.kernel[2]}, dilation[2] = {d.dilation[1], d.dilation[2]};
            const int64_t image[2] = {d.in[1] + d.pad_lo[1] + d.pad_hi[1], d.in[2] + d.pad_lo[2] + d.pad_hi[2]};
            throw py::value_error(std::string(function) + ": kernel " + shape_text(kernel, 2) + " with dilation " +
                                  shape_text(dilation, 2) + " is larger than the padded input " + shape_text(image, 2));
        }
        s[static_cast<size_t>(i) + 1] = (bordered - reach - 1) / d.stride[i] + 1;
        const int64_t pad = std::max(d.pad_lo[i], d.pad_hi[i]);
        if ((d.boundary == PC_REFLECT && pad >= d.in[i]) || (d.boundary == PC_CIRCULAR && pad > d.in[i]))
            throw py::value_error(std::string(function) + ": padding " + std::to_string(pad) +
                                  " is too large for an input of " + std::to_string(d.in[i]) + " with padding_mode '" +
                                  (d.boundary == PC_REFLECT ? "reflect" : "circular") + "'");
    }
    return s;
}

py::object residual_array(py::handle residual, const Sizes &size, const Image &image, bool channels_last,
                          const Like &like, const char *function) {
    if (residual.is_none()) return {};
    return result_shaped(residual, "residual", size, image.batched, channels_last, like, function);
}

const void *residual_data(const py::object &residual, bool channels_last, pc_layout layout, py::object &keep) {
    if (!residual) return nullptr;
    const py::array a = dense_in(py::reinterpret_borrow<py::array>(residual), channels_last, layout);
    keep = a;
    return a.data();
}

Plan create(const pc_conv_desc &d, const char *function) {
    pc_plan *plan = nullptr;
    const pc_status status = pc_plan_create_conv(&d, &plan);
    if (status == PC_ERR_ALGO && d.algo) {
        const std::string text = std::string(function) + ": algorithm '" + d.algo + "'";
        pc_conv_desc any = d;
        any.algo = nullptr;
        const Plan chosen = create(any, function);
        for (int i = 0; pc_algo_name(i); i++)
            if (!std::strcmp(pc_algo_name(i), d.algo))
                throw py::value_error(text + " refuses this problem: " + pc_plan_refusal(chosen.get(), i));
        throw py::value_error(text + " does not exist; see pyconv.algorithms()");
    }
    if (status != PC_OK) fail(status, function);
    return Plan(plan);
}

} // namespace pyconv
