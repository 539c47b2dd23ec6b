// stored.cpp - see stored.hpp: what integers and half floats pass through on their way into and out of the arithmetic.
#include <algorithm>
#include <vector>

#include "arrays.hpp"
#include "bindings.hpp"
#include "stored.hpp"

namespace pyconv {

namespace {

// Room for the numbers of `batch` arrays like `a` in the type `dtype`, in memory in the same order; of `a` alone if
// batch is 0, which else is the first axis.
py::array fresh_like(const py::array &a, const py::dtype &dtype, py::ssize_t batch) {
    std::vector<py::ssize_t> shape(a.shape(), a.shape() + a.ndim()), strides(a.strides(), a.strides() + a.ndim());
    for (auto &s : strides) s = s / a.itemsize() * dtype.itemsize();
    if (batch) {
        strides[0] = a.size() / std::max<py::ssize_t>(1, shape[0]) * dtype.itemsize();
        shape[0] = batch;
    }
    return fresh_array(dtype, shape, strides);
}

} // namespace

py::array convert(const py::array &input, const py::object &out, bool saturate) {
    py::array result = py::isinstance<py::dtype>(out) ? fresh_like(input, py::reinterpret_borrow<py::dtype>(out), 0)
                                                      : py::reinterpret_borrow<py::array>(out);
    const pc_storage from = storage_of(input), to = storage_of(result);
    const int64_t n = input.size();
    const void *src = input.data();
    void *dst = result.mutable_data();
    pc_status status;
    {
        py::gil_scoped_release release;
        status = pc_convert(from, to, saturate, n, src, dst);
    }
    if (status != PC_OK) fail(status, "convert");
    return result;
}

void bind_stored(py::module_ &m) {
    using namespace py::literals;
    m.def("convert", &convert, "input"_a, "out"_a, "saturate"_a);
    m.def("fresh_like", &fresh_like, "array"_a, "dtype"_a, "batch"_a);
}

} // namespace pyconv
