// activation.cpp - relu, and softmax along the last axis.
#include "arrays.hpp"
#include "bindings.hpp"

namespace pyconv {

namespace {

py::array fresh_like(const py::array &a) {
    const std::vector<py::ssize_t> shape(a.shape(), a.shape() + a.ndim()), strides(a.strides(), a.strides() + a.ndim());
    return fresh_array(a.dtype(), shape, strides);
}

// Elementwise, so any dense order of axes will do: the result keeps the input's.
bool is_dense_in_some_order(const py::array &a) {
    constexpr int flags = py::array::c_style | py::array::f_style;
    return (a.flags() & flags) && (a.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_);
}

void run_relu(const py::array &src, void *dst) {
    const pc_dtype dtype = dtype_of(src);
    const int64_t n = src.size();
    const void *data = src.data();
    pc_status status;
    {
        py::gil_scoped_release release;
        status = pc_relu(dtype, n, data, dst);
    }
    if (status != PC_OK) fail(status, "relu");
}

py::array relu(py::handle input, bool inplace) {
    py::array x = float_array(input, "relu", "input");
    if (inplace) {
        if (!x.writeable()) throw py::value_error("relu: input is not writeable, so inplace=True cannot change it");
        if (is_dense_in_some_order(x)) {
            run_relu(x, x.mutable_data());
        } else {
            py::array copy = c_contiguous(x), out = fresh_like(copy);
            run_relu(copy, out.mutable_data());
            x[py::ellipsis()] = out;
        }
        return x;
    }
    // Channels-last pictures come as transposed views: undo the transpose, so that the result has their memory order.
    if (!is_dense_in_some_order(x) && x.ndim() == 4) {
        const py::array turned = x.attr("transpose")(0, 2, 3, 1);
        if (is_dense_in_some_order(turned)) return relu(turned, false).attr("transpose")(0, 3, 1, 2);
    }
    const py::array src = is_dense_in_some_order(x) ? x : c_contiguous(x);
    py::array out = fresh_like(src);
    run_relu(src, out.mutable_data());
    return out;
}

py::array softmax(py::handle input) {
    const py::array x = float_array(input, "softmax", "input");
    if (x.ndim() < 1) throw py::value_error("softmax: input must have at least one axis");
    const py::array src = c_contiguous(x);
    py::array out = fresh_like(src);
    const int64_t n = src.shape(src.ndim() - 1), rows = n ? src.size() / n : 0;
    const pc_dtype dtype = dtype_of(src);
    const void *from = src.data();
    void *to = out.mutable_data();
    pc_status status;
    {
        py::gil_scoped_release release;
        status = pc_softmax(dtype, rows, n, from, to);
    }
    if (status != PC_OK) fail(status, "softmax");
    return out;
}

} // namespace

void bind_activation(py::module_ &m) {
    using namespace py::literals;
    m.def("relu", &relu, "input"_a, py::kw_only(), "inplace"_a = false);
    m.def("softmax", &softmax, "input"_a);
}

} // namespace pyconv
