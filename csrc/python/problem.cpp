// problem.cpp - see problem.hpp.
#include "problem.hpp"

#include <algorithm>
#include <cstring>

#include "halves.hpp"

namespace pyconv {

namespace {

bool is_sequence(py::handle value) {
    return PySequence_Check(value.ptr()) && !PyUnicode_Check(value.ptr()) && !PyBytes_Check(value.ptr());
}

void require_least(const Extent &e, int64_t least, const char *function, const char *argument) {
    for (const int64_t n : e)
        if (n < least)
            throw py::value_error(std::string(function) + ": " + argument +
                                  (least == 1 ? " must be at least 1" : " must not be negative"));
}

// Numbers for both sides of each axis, or a pair for each: ((top, bottom), (left, right)).
void parse_sides(py::handle padding, Geometry &g, const char *function) {
    bool pairs = false;
    if (is_sequence(padding) && PySequence_Size(padding.ptr()) == g.rank) {
        const auto axes = py::reinterpret_borrow<py::sequence>(padding);
        for (const py::handle axis : axes) pairs |= is_sequence(axis);
        for (int i = 0; i < g.rank && pairs; i++) {
            const py::object axis = axes[static_cast<size_t>(i)];
            if (!is_sequence(axis) || PySequence_Size(axis.ptr()) != 2)
                throw py::value_error(std::string(function) +
                                      ": padding must have a pair (before, after) for each of " +
                                      std::to_string(g.rank) + " axes, not " + py::repr(padding).cast<std::string>());
            const auto pair = py::reinterpret_borrow<py::sequence>(axis);
            const py::object before = pair[0], after = pair[1];
            g.lo[static_cast<size_t>(3 - g.rank + i)] = parse_int(before, function, "padding");
            g.hi[static_cast<size_t>(3 - g.rank + i)] = parse_int(after, function, "padding");
        }
    }
    if (!pairs) g.lo = g.hi = parse_extent(padding, g.rank, 0, function, "padding");
    require_least(g.lo, 0, function, "padding");
    require_least(g.hi, 0, function, "padding");
}

} // namespace

Geometry parse_geometry(int rank, py::handle stride, py::handle padding, py::handle dilation, py::handle groups,
                        const std::string &mode, double fill, const char *function) {
    Geometry g{rank,
               parse_extent(stride, rank, 1, function, "stride"),
               parse_extent(dilation, rank, 1, function, "dilation"),
               {},
               {},
               Geometry::given,
               0,
               PC_ZEROS,
               fill,
               false};
    const std::string f = function;
    require_least(g.stride, 1, function, "stride");
    require_least(g.dilation, 1, function, "dilation");
    g.groups = parse_int(groups, function, "groups");
    if (g.groups < 1) throw py::value_error(f + ": groups must be at least 1, not " + std::to_string(g.groups));
    if (PyUnicode_Check(padding.ptr())) {
        const auto text = padding.cast<std::string>();
        if (text == "same") {
            if (g.stride != Extent{1, 1, 1}) throw py::value_error(f + ": padding='same' needs stride 1");
            g.padding = Geometry::same;
        } else if (text == "same_upper" || text == "SAME_UPPER") {
            g.padding = Geometry::same_upper;
        } else if (text == "same_lower" || text == "SAME_LOWER") {
            g.padding = Geometry::same_lower;
        } else if (text == "causal") {
            g.padding = Geometry::causal;
        } else if (text != "valid" && text != "VALID") {
            static const char *const numbers[4] = {"", "an integer", "one or two integers", "one or three integers"};
            throw py::value_error(f + ": padding must be 'same', 'valid', 'same_upper', 'same_lower', 'causal', " +
                                  numbers[rank] + " or a pair for each axis, not '" + text + "'");
        }
    } else {
        parse_sides(padding, g, function);
    }
    static const struct {
        const char *name;
        pc_boundary boundary;
        bool limited;
    } modes[] = {{"zeros", PC_ZEROS, false},      {"reflect", PC_REFLECT, true},    {"replicate", PC_REPLICATE, false},
                 {"circular", PC_CIRCULAR, true}, {"constant", PC_CONSTANT, false}, {"symmetric", PC_SYMMETRIC, false},
                 {"mirror", PC_REFLECT, false}, // SciPy's names, of borders of any width
                 {"wrap", PC_CIRCULAR, false}};
    for (const auto &m : modes)
        if (mode == m.name) {
            g.boundary = m.boundary;
            g.limited = m.limited;
            return g;
        }
    throw py::value_error(f + ": padding_mode must be 'zeros', 'reflect', 'replicate', 'circular', 'symmetric' or " +
                          "'constant', not '" + mode + "'");
}

py::array weight_array(py::handle weight, int rank, const char *function, bool halves_too) {
    static const char *const spatial[4] = {"", "k", "kh, kw", "kd, kh, kw"};
    py::array w = (halves_too ? number_array : float_array)(weight, function, "weight");
    if (w.ndim() != rank + 2)
        throw py::value_error(std::string(function) + ": weight must have shape (out_channels, in_channels / groups, " +
                              spatial[rank] + "), not " + shape_text(w));
    return w;
}

Extent kernel_of(const py::array &weight) {
    Extent k{1, 1, 1};
    for (py::ssize_t i = 2; i < weight.ndim(); i++) k[static_cast<size_t>(3 + i - weight.ndim())] = weight.shape(i);
    return k;
}

const void *bias_data(py::handle bias, int64_t channels, const py::array &like, const char *like_name, py::array &keep,
                      const char *function) {
    if (bias.is_none()) return nullptr;
    const pc_storage type = half_type(like);
    const py::array b = type ? half_array(bias, type, function, "bias") : float_array(bias, function, "bias");
    if (!type) require_dtype(b, "bias", like, like_name);
    if (b.ndim() != 1 || b.shape(0) != channels)
        throw py::value_error(std::string(function) + ": bias must have shape (" + std::to_string(channels) +
                              ",) for " + like_name + " of shape " + shape_text(like) + ", not " + shape_text(b));
    keep = dense(b);
    return keep.data();
}

void require_pixels(const Image &x, const char *function) {
    for (size_t i = 1; i < x.size.size(); i++)
        if (x.size[i] < 1)
            throw py::value_error(std::string(function) + ": input of shape " + shape_text(x.array) +
                                  " has an empty axis other than the batch");
}

namespace {

// What is wrong between an input and weights of these numbers of channels: `channels` x `groups` those of the input.
void require_channels(const Image &x, const py::array &w, int64_t channels, int64_t oc, int64_t groups,
                      const char *function) {
    const std::string f = function;
    const auto shapes = [&] { return "input of shape " + shape_text(x.array) + ", weight of shape " + shape_text(w); };
    if (w.size() == 0) throw py::value_error(f + ": weight of shape " + shape_text(w) + " has an empty axis");
    require_pixels(x, function);
    if (x.size[1] % groups || x.size[1] / groups != channels)
        throw py::value_error(f + ": input has " + std::to_string(x.size[1]) + " channels but weight expects " +
                              std::to_string(channels) + " x groups=" + std::to_string(groups) + " (" + shapes() + ")");
    if (oc % groups)
        throw py::value_error(f + ": " + std::to_string(oc) + " output channels are not divisible by groups=" +
                              std::to_string(groups) + " (" + shapes() + ")");
}

// d * (k - 1), or an exception.
int64_t reach_of(int64_t kernel, int64_t dilation, const char *function) {
    int64_t reach;
    if (__builtin_mul_overflow(kernel - 1, dilation, &reach)) fail(PC_ERR_OVERFLOW, function);
    return reach;
}

// The padding that a name stands for, on images of this size.
void resolve_padding(pc_conv_desc &d, const Geometry &g, const char *function) {
    for (int i = 3 - g.rank; i < 3; i++) {
        int64_t total = reach_of(d.kernel[i], d.dilation[i], function), lo = total / 2; // same: the extra on the right
        if (g.padding == Geometry::causal) lo = total;
        if (g.padding == Geometry::same_upper || g.padding == Geometry::same_lower) {
            const int64_t last = (d.in[i] - 1) / d.stride[i] * d.stride[i];
            if (__builtin_add_overflow(total, last + 1 - d.in[i], &total)) fail(PC_ERR_OVERFLOW, function);
            total = std::max<int64_t>(total, 0);
            lo = g.padding == Geometry::same_upper ? total / 2 : total - total / 2;
        }
        d.pad_lo[i] = lo;
        d.pad_hi[i] = total - lo;
    }
}

void require_border(const pc_conv_desc &d, const Geometry &g, const char *function) {
    for (int i = 3 - g.rank; i < 3; i++) {
        const int64_t pad = std::max(d.pad_lo[i], d.pad_hi[i]), most = d.in[i] - (d.boundary == PC_REFLECT);
        if (pad > most)
            throw py::value_error(std::string(function) + ": padding " + std::to_string(pad) +
                                  " is too large for an input of " + std::to_string(d.in[i]) + " with padding_mode '" +
                                  (d.boundary == PC_REFLECT ? "reflect" : "circular") + "'");
    }
}

} // namespace

pc_conv_desc describe(const Image &x, const py::array &w, const Geometry &g, pc_precision precision,
                      const Activation &activation, const char *algorithm, const char *function) {
    const int64_t oc = w.shape(0);
    require_channels(x, w, w.shape(1), oc, g.groups, function);
    pc_conv_desc d = describe_window(x, dtype_of(w), oc, kernel_of(w), g, activation, function);
    d.precision = precision;
    d.algo = algorithm;
    return d;
}

pc_conv_desc describe_transposed(const Image &x, const py::array &w, const Geometry &g, const Extent &output_padding,
                                 pc_precision precision, const char *algorithm, const char *function) {
    const std::string f = function;
    const auto oc = w.shape(1) * g.groups;
    if (w.shape(0) % g.groups)
        throw py::value_error(f + ": " + std::to_string(w.shape(0)) + " channels of weight of shape " + shape_text(w) +
                              " are not divisible by groups=" + std::to_string(g.groups));
    require_channels(x, w, w.shape(0) / g.groups, oc, g.groups, function);
    if (g.padding != Geometry::given) throw py::value_error(f + ": padding must be integers, not a name");
    pc_conv_desc d = describe_window(x, dtype_of(w), oc, kernel_of(w), g, {}, function);
    d.transposed = 1;
    d.precision = precision;
    d.algo = algorithm;
    for (size_t i = 0; i < 3; i++) {
        if (output_padding[i] < 0) throw py::value_error(f + ": output_padding must not be negative");
        if (output_padding[i] > 0 && output_padding[i] >= std::max(d.stride[i], d.dilation[i]))
            throw py::value_error(f + ": output_padding " + std::to_string(output_padding[i]) +
                                  " must be smaller than stride " + std::to_string(d.stride[i]) + " or dilation " +
                                  std::to_string(d.dilation[i]));
        d.pad_hi[i] -= output_padding[i];
    }
    return d;
}

pc_conv_desc describe_window(const Image &x, pc_dtype dtype, int64_t oc, const Extent &kernel, const Geometry &g,
                             const Activation &activation, const char *function) {
    pc_conv_desc d = {};
    d.dtype = dtype;
    d.src_type = holds_bytes(x.array) ? PC_U8 : half_type(x.array);
    d.src_layout = d.dst_layout = x.layout;
    d.boundary = g.boundary;
    d.fill = g.fill;
    d.mb = x.size[0];
    d.ic = x.size[1];
    d.oc = oc;
    d.groups = g.groups;
    std::copy(x.size.begin() + 2, x.size.end(), d.in);
    std::copy(kernel.begin(), kernel.end(), d.kernel);
    std::copy(g.stride.begin(), g.stride.end(), d.stride);
    std::copy(g.dilation.begin(), g.dilation.end(), d.dilation);
    std::copy(g.lo.begin(), g.lo.end(), d.pad_lo);
    std::copy(g.hi.begin(), g.hi.end(), d.pad_hi);
    if (g.padding != Geometry::given) resolve_padding(d, g, function);
    if (g.limited) require_border(d, g, function);
    d.activation = activation.kind;
    std::memcpy(d.clamp, activation.clamp, sizeof d.clamp);
    return d;
}

Like result_like(const py::array &x, const py::array &weight, const char *argument) {
    if (holds_bytes(x)) return {weight, argument};
    require_dtype(weight, argument, x, "input");
    return {x, "input"};
}

Sizes out_size(const pc_conv_desc &d, int rank, const char *function) {
    Sizes s{d.mb, d.oc, 1, 1, 1};
    for (int i = 3 - rank; i < 3; i++) {
        const int64_t reach = reach_of(d.kernel[i], d.dilation[i], function);
        int64_t bordered, spread;
        int64_t &out = s[static_cast<size_t>(i) + 2];
        if (d.transposed) {
            if (__builtin_mul_overflow(d.in[i] - 1, d.stride[i], &spread) ||
                __builtin_add_overflow(spread, reach + 1, &spread) ||
                __builtin_sub_overflow(spread, d.pad_lo[i], &spread) ||
                __builtin_sub_overflow(spread, d.pad_hi[i], &out))
                fail(PC_ERR_OVERFLOW, function);
            if (out < 1)
                throw py::value_error(std::string(function) + ": padding leaves nothing of the result, whose size " +
                                      "would be " + std::to_string(out) + " for an input of " +
                                      std::to_string(d.in[i]));
            continue;
        }
        if (__builtin_add_overflow(d.in[i], d.pad_lo[i], &bordered) ||
            __builtin_add_overflow(bordered, d.pad_hi[i], &bordered))
            fail(PC_ERR_OVERFLOW, function);
        if (bordered - reach - 1 < 0) {
            int64_t image[3];
            for (int j = 0; j < 3; j++) image[j] = d.in[j] + d.pad_lo[j] + d.pad_hi[j];
            throw py::value_error(std::string(function) + ": kernel " + shape_text(d.kernel + 3 - rank, rank) +
                                  " with dilation " + shape_text(d.dilation + 3 - rank, rank) +
                                  " is larger than the padded input " + shape_text(image + 3 - rank, rank));
        }
        out = (bordered - reach - 1) / d.stride[i] + 1;
    }
    return s;
}

py::object residual_array(py::handle residual, const Sizes &size, const Arrangement &as, const Like &like,
                          const char *function) {
    if (residual.is_none()) return {};
    return result_shaped(residual, "residual", size, as, like, function);
}

const void *residual_data(const py::object &residual, const Arrangement &as, pc_layout layout, py::object &keep) {
    if (!residual) return nullptr;
    const py::array a = dense_in(py::reinterpret_borrow<py::array>(residual), as, layout);
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
