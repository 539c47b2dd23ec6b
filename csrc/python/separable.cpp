// separable.cpp - filter2d_separable, and the recognition of separable kernels.
#include "separable.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include "bindings.hpp"
#include "problem.hpp"

namespace pyconv {

namespace {

// x as an odd integer times a power of two; 0 for 0.
template <typename T>
int64_t odd_part(T x) {
    int exponent;
    int64_t m = static_cast<int64_t>(std::ldexp(std::frexp(x, &exponent), std::numeric_limits<T>::digits));
    while (m && m % 2 == 0) m /= 2;
    return m;
}

// The factors of one kernel. The row is that of its largest element without the odd factor that all of its elements
// share, which belongs to the column: what is left divides every row of an exact product. The column is scaled to a sum
// of magnitudes of at most 1, so that no sum down the columns overflows where the kernel's own would not.
template <typename T>
bool factor(const T *w, int64_t kh, int64_t kw, T *column, T *row) {
    int64_t at = 0, shared = 0;
    for (int64_t i = 0; i < kh * kw; i++) {
        if (!std::isfinite(w[i])) return false;
        if (std::fabs(w[i]) > std::fabs(w[at])) at = i;
    }
    if (w[at] == 0) return false;
    const int64_t top = at / kw, left = at % kw;
    for (int64_t j = 0; j < kw; j++) shared = std::gcd(shared, odd_part(w[top * kw + j]));
    T sum = 0;
    for (int64_t j = 0; j < kw; j++) row[j] = w[top * kw + j] / static_cast<T>(shared);
    for (int64_t i = 0; i < kh; i++) sum += std::fabs(column[i] = w[i * kw + left] / row[left]);
    const int power = std::ilogb(sum) + 1;
    for (int64_t j = 0; j < kw; j++) row[j] = std::ldexp(row[j], power);
    for (int64_t i = 0; i < kh; i++) {
        column[i] = std::ldexp(column[i], -power);
        for (int64_t j = 0; j < kw; j++)
            if (!(std::fma(column[i], row[j], -w[i * kw + j]) == 0) ||
                (w[i * kw + j] == 0) != (column[i] == 0 || row[j] == 0)) /* underflow is no zero */
                return false;
    }
    return true;
}

template <typename T>
bool factor_all(const py::array &weight, py::array &factors) {
    const int64_t kh = weight.shape(weight.ndim() - 2), kw = weight.shape(weight.ndim() - 1);
    const T *w = static_cast<const T *>(weight.data());
    T *f = static_cast<T *>(factors.mutable_data());
    for (py::ssize_t o = 0; o < weight.shape(0); o++, w += kh * kw, f += kh + kw)
        if (!factor(w, kh, kw, f, f + kh)) return false;
    return true;
}

// The taps of one axis, of shape (K,) or (C, K).
py::array taps_array(py::handle kernel, int64_t channels, const py::array &input, const char *argument) {
    static const std::string f = "filter2d_separable";
    const py::array k = float_array(kernel, f.c_str(), argument);
    result_like(input, k, argument);
    if (k.ndim() < 1 || k.ndim() > 2 || k.shape(k.ndim() - 1) < 1)
        throw py::value_error(f + ": " + argument + " must have shape (taps,) or (channels, taps), not " +
                              shape_text(k));
    if (k.ndim() == 2 && k.shape(0) != channels)
        throw py::value_error(f + ": " + argument + " of shape " + shape_text(k) + " is for " +
                              std::to_string(k.shape(0)) + " channels, but input has " + std::to_string(channels) +
                              " (input of shape " + shape_text(input) + ")");
    return dense(k);
}

// Copy taps into columns `first` and on of `weight`, (C, KH + KW).
void place(const py::array &taps, py::array &weight, int64_t first) {
    const size_t count = static_cast<size_t>(taps.shape(taps.ndim() - 1)), size = static_cast<size_t>(taps.itemsize());
    const char *from = static_cast<const char *>(taps.data());
    for (py::ssize_t c = 0; c < weight.shape(0); c++)
        std::memcpy(static_cast<char *>(weight.mutable_data(c, first)),
                    taps.ndim() == 2 ? from + c * count * size : from, count * size);
}

// One call up to the plan.
struct Call {
    Image image;
    py::array weight, bias_keep;
    const void *bias;
    pc_conv_desc desc;
    bool channels_last;
    Arrangement as() const { return {2, image.batched, channels_last}; }
};

Call parse_call(py::handle input, py::handle kernel_x, py::handle kernel_y, py::handle bias, py::handle stride,
                py::handle padding, py::handle dilation, py::handle layout, const std::string &padding_mode,
                py::handle activation, bool data) {
    static const char *f = "filter2d_separable";
    const py::array x = image_array(input, f, "input");
    Call c;
    c.channels_last = parse_layout(layout, 2, f);
    c.image = view_image(x, 2, c.channels_last, f, "input", data);
    require_pixels(c.image, f);
    const int64_t channels = c.image.size[1];
    const py::array across = taps_array(kernel_x, channels, x, "kernel_x");
    const py::array down = taps_array(kernel_y, channels, x, "kernel_y");
    require_dtype(down, "kernel_y", across, "kernel_x");
    const int64_t kw = across.shape(across.ndim() - 1), kh = down.shape(down.ndim() - 1);
    c.weight = py::array(across.dtype(), std::vector<py::ssize_t>{channels, kh + kw});
    place(down, c.weight, 0);
    place(across, c.weight, kh);
    const Like like = result_like(x, across, "kernel_x");
    c.bias = bias_data(bias, channels, like.array, like.argument, c.bias_keep, f);
    const Geometry g = parse_geometry(2, stride, padding, dilation, py::int_(channels), padding_mode, 0, f);
    if (g.boundary == PC_CONSTANT)
        throw py::value_error(std::string(f) + ": padding_mode must not be 'constant'; 'zeros' pads with zeros");
    c.desc = describe_window(c.image, dtype_of(across), channels, {1, kh, kw}, g,
                             parse_activation(activation, f, "activation"), f);
    c.desc.separable = 1;
    return c;
}

// Whether the rows of an image of bytes, which are held as elements, take more memory than two passes may have.
bool is_too_large(const Call &c) { return c.desc.src_type && !fits_separable(c.desc, "filter2d_separable"); }

py::object as_floats(py::handle input, const Call &c) { return input.attr("astype")(c.weight.dtype()); }

py::array filter2d_separable(py::handle input, py::handle kernel_x, py::handle kernel_y, py::handle bias,
                             py::handle stride, py::handle padding, py::handle dilation, py::handle out,
                             py::handle layout, const std::string &padding_mode, py::handle activation,
                             py::handle residual) {
    static const char *f = "filter2d_separable";
    Call c =
        parse_call(input, kernel_x, kernel_y, bias, stride, padding, dilation, layout, padding_mode, activation, true);
    const Sizes size = out_size(c.desc, 2, f);
    if (is_too_large(c)) // a copy, rather than a slow way
        return filter2d_separable(as_floats(input, c), kernel_x, kernel_y, bias, stride, padding, dilation, out, layout,
                                  padding_mode, activation, residual);
    const Like like = result_like(c.image.array, c.weight, "kernel_x");
    const py::object added = residual_array(residual, size, c.as(), like, f);
    Result r = make_result(out, size, c.as(), c.image.layout, like, f);
    require_disjoint(r, out, py::reinterpret_borrow<py::array>(input), f, "input");
    if (c.bias) require_disjoint(r, out, c.bias_keep, f, "bias");
    if (added) require_disjoint(r, out, py::reinterpret_borrow<py::array>(added), f, "residual");
    c.desc.dst_layout = r.layout;
    const Plan plan = create(c.desc, f);
    pc_exec_args args = {};
    py::object keep;
    args.src = c.image.data;
    args.bias = c.bias;
    args.residual = residual_data(added, c.as(), r.layout, keep);
    args.dst = r.data;
    pack_and_execute(plan.get(), c.weight.data(), args);
    r.finish();
    return r.array;
}

py::dict explain_filter2d_separable(py::handle input, py::handle kernel_x, py::handle kernel_y, py::handle bias,
                                    py::handle stride, py::handle padding, py::handle dilation, py::handle out,
                                    py::handle layout, const std::string &padding_mode, py::handle activation,
                                    py::handle residual) {
    static const char *f = "filter2d_separable";
    Call c =
        parse_call(input, kernel_x, kernel_y, bias, stride, padding, dilation, layout, padding_mode, activation, false);
    const Sizes size = out_size(c.desc, 2, f);
    if (is_too_large(c))
        return explain_filter2d_separable(as_floats(input, c), kernel_x, kernel_y, bias, stride, padding, dilation, out,
                                          layout, padding_mode, activation, residual);
    const Like like = result_like(c.image.array, c.weight, "kernel_x");
    residual_array(residual, size, c.as(), like, f);
    if (!out.is_none()) c.desc.dst_layout = make_result(out, size, c.as(), c.image.layout, like, f).layout;
    return explain(create(c.desc, f).get());
}

} // namespace

// Two passes load and store more than one, and with a stride the first computes columns that a direct one skips. Where
// they pay was measured on Zen 4 for 4x4 to 9x9, on 64 maps of 32x32 to 112x112 and on images.
bool might_be_separable(const pc_conv_desc &d) {
    if (d.dtype >= PC_I32 || d.src_type >= PC_F16) return false;
    constexpr int64_t small = 1 << 10, large = 1 << 16;
    const pc_precision precision = d.precision == PC_PRECISION_AUTO ? pc_get_precision() : d.precision;
    if (d.algo || precision != PC_FAST || d.groups != d.ic || d.oc != d.ic) return false;
    if (d.in[0] != 1 || d.kernel[0] != 1 || d.pad_lo[0] || d.pad_hi[0] || d.transposed || d.boundary == PC_CONSTANT)
        return false;
    const auto larger = [&](int64_t pixels) { return d.in[1] >= (pixels - 1) / d.in[2] + 1; };
    const bool steps = d.stride[1] > 1 || d.stride[2] > 1;
    const int64_t kh = d.kernel[1], kw = d.kernel[2], times = steps ? 5 : larger(large) ? 2 : 3;
    // kh * kw >= times * (kh + kw), for kernels of any size
    return larger(small) && kh > times && kw > times && (kh > 1000 || kw > 1000 || kh * kw >= times * (kh + kw));
}

bool fits_separable(pc_conv_desc d, const char *function) {
    d.separable = 1;
    pc_plan_info info;
    pc_plan_get_info(create(d, function).get(), &info);
    return !std::strcmp(info.algo, "separable");
}

std::optional<py::array> exact_factors(const py::array &weight) {
    const auto kh = weight.shape(weight.ndim() - 2), kw = weight.shape(weight.ndim() - 1);
    py::array factors(weight.dtype(), std::vector<py::ssize_t>{weight.shape(0), kh + kw});
    const bool all =
        dtype_of(weight) == PC_F32 ? factor_all<float>(weight, factors) : factor_all<double>(weight, factors);
    return all ? std::optional<py::array>(factors) : std::nullopt;
}

void bind_separable(py::module_ &m) {
    using namespace py::literals;
    const auto bind = [&](const char *name, auto function) {
        m.def(name, function, "input"_a, "kernel_x"_a, "kernel_y"_a, "bias"_a = py::none(), "stride"_a = 1,
              "padding"_a = 0, "dilation"_a = 1, "out"_a = py::none(), "layout"_a = "NCHW", "padding_mode"_a = "zeros",
              "activation"_a = py::none(), "residual"_a = py::none());
    };
    bind("filter2d_separable", &filter2d_separable);
    bind("explain_filter2d_separable", &explain_filter2d_separable);
}

} // namespace pyconv
