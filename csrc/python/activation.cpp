// activation.cpp - elementwise functions, and softmax and norms along the last axes.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "arrays.hpp"
#include "bindings.hpp"

namespace pyconv {

namespace {

py::array fresh_like(const py::array &a) {
    const std::vector<py::ssize_t> shape(a.shape(), a.shape() + a.ndim()), strides(a.strides(), a.strides() + a.ndim());
    return fresh_array(a.dtype(), shape, strides);
}

// Elementwise, so any dense order of axes will do, that of channels-last views among them: the result keeps it.
bool is_dense_in_some_order(const py::array &a) {
    if (!(a.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_)) return false;
    std::vector<py::ssize_t> axes(static_cast<size_t>(a.ndim()));
    std::iota(axes.begin(), axes.end(), 0);
    std::sort(axes.begin(), axes.end(), [&](auto i, auto j) { return a.strides(i) < a.strides(j); });
    py::ssize_t expected = a.itemsize();
    for (const auto axis : axes) {
        if (a.shape(axis) == 1) continue;
        if (a.strides(axis) != expected) return false;
        expected *= a.shape(axis);
    }
    return true;
}

struct Unary {
    const char *name, *function;
    pc_unary_op op;
};
constexpr Unary functions[] = {
    {"relu", "relu", PC_UNARY_RELU},
    {"relu6", "relu6", PC_UNARY_CLAMP},
    {"hardtanh", "hardtanh", PC_UNARY_CLAMP},
    {"leaky_relu", "leaky_relu", PC_UNARY_LEAKY_RELU},
    {"elu", "elu", PC_UNARY_ELU},
    {"gelu", "gelu", PC_UNARY_GELU},
    {"gelu tanh", "gelu", PC_UNARY_GELU_TANH},
    {"silu", "silu", PC_UNARY_SILU},
    {"hardswish", "hardswish", PC_UNARY_HARDSWISH},
    {"sigmoid", "sigmoid", PC_UNARY_SIGMOID},
    {"tanh", "tanh", PC_UNARY_TANH},
    {"pow", "pow", PC_UNARY_POW},
};

py::array unary(const char *name, py::handle input, double a, double b, bool inplace) {
    const auto *f = std::find_if(std::begin(functions), std::end(functions),
                                 [&](const Unary &u) { return std::strcmp(u.name, name) == 0; });
    if (f == std::end(functions)) throw py::value_error(std::string("unary: there is no function '") + name + "'");
    const py::array x = float_array(input, f->function, "input");
    if (inplace && !x.writeable())
        throw py::value_error(std::string(f->function) + ": input is not writeable, so inplace=True cannot change it");
    const py::array src = is_dense_in_some_order(x) ? x : c_contiguous(x);
    const bool direct = inplace && src.is(x);
    py::array out = direct ? x : fresh_like(src);
    const void *from = src.data();
    void *to = out.mutable_data();
    pc_status status;
    {
        py::gil_scoped_release release;
        status = pc_unary(dtype_of(src), f->op, a, b, src.size(), from, to);
    }
    if (status != PC_OK) fail(status, f->function);
    if (!inplace || direct) return out;
    py::array target = x;
    target[py::ellipsis()] = out;
    return target;
}

py::array softmax(py::handle input, bool logarithm) {
    const char *function = logarithm ? "log_softmax" : "softmax";
    const py::array x = float_array(input, function, "input");
    if (x.ndim() < 1) throw py::value_error(std::string(function) + ": input must have at least one axis");
    const py::array src = c_contiguous(x);
    py::array out = fresh_like(src);
    const int64_t n = src.shape(src.ndim() - 1), rows = n ? src.size() / n : 0;
    const pc_dtype dtype = dtype_of(src);
    const void *from = src.data();
    void *to = out.mutable_data();
    pc_status status;
    {
        py::gil_scoped_release release;
        status = (logarithm ? pc_log_softmax : pc_softmax)(dtype, rows, n, from, to);
    }
    if (status != PC_OK) fail(status, function);
    return out;
}

// The caller has checked shapes; here everything that is dense, and of one dtype, is seen to.
py::array normalize(const char *function, py::handle input, int64_t row, int64_t segment, int64_t groups,
                    py::handle weight, py::handle bias, double eps) {
    const py::array src = c_contiguous(float_array(input, function, "input"));
    py::array vectors[2];
    const py::handle given[2] = {weight, bias};
    const void *data[2] = {nullptr, nullptr};
    for (size_t i = 0; i < 2; i++) {
        if (given[i].is_none()) continue;
        const char *argument = i ? "bias" : "weight";
        vectors[i] = c_contiguous(float_array(given[i], function, argument));
        require_dtype(vectors[i], argument, src, "input");
        if (vectors[i].size() * segment != row * groups)
            throw py::value_error(std::string(function) + ": " + argument + " has shape " + shape_text(vectors[i]));
        data[i] = vectors[i].data();
    }
    py::array out = fresh_like(src);
    pc_norm_desc desc{};
    desc.n = row;
    desc.segment = segment;
    desc.groups = groups;
    desc.eps = eps;
    desc.weight = data[0];
    desc.bias = data[1];
    const int64_t rows = row ? src.size() / row : 0;
    const void *from = src.data();
    void *to = out.mutable_data();
    pc_status status;
    {
        py::gil_scoped_release release;
        status = pc_normalize(dtype_of(src), &desc, rows, from, to);
    }
    if (status != PC_OK) fail(status, function);
    return out;
}

} // namespace

void bind_activation(py::module_ &m) {
    using namespace py::literals;
    m.def("unary", &unary, "function"_a, "input"_a, "a"_a = 0.0, "b"_a = 0.0, "inplace"_a = false);
    m.def("softmax", &softmax, "input"_a, "logarithm"_a = false);
    m.def("normalize", &normalize, "function"_a, "input"_a, "row"_a, "segment"_a, "groups"_a, "weight"_a, "bias"_a,
          "eps"_a);
}

} // namespace pyconv
