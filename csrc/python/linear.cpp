// linear.cpp - linear: a 1x1 convolution of a row of pixels, channels last.
#include <vector>

#include "bindings.hpp"
#include "cache.hpp"
#include "halves.hpp"
#include "problem.hpp"

namespace pyconv {

namespace {

struct Rows {
    py::array array;
    int64_t count, features;
    std::vector<py::ssize_t> shape; // of the result
};

Rows view_rows(py::handle input, const py::array &weight, const char *function) {
    const pc_storage type = half_type(weight);
    const py::array x = type ? half_array(input, type, function, "input") : float_array(input, function, "input");
    const std::string f = function;
    if (weight.ndim() != 2)
        throw py::value_error(f + ": weight must have shape (out_features, in_features), not " + shape_text(weight));
    if (!type) require_dtype(weight, "weight", x, "input");
    if (weight.shape(0) < 1 || weight.shape(1) < 1)
        throw py::value_error(f + ": weight of shape " + shape_text(weight) + " has an empty axis");
    if (x.ndim() < 1 || x.shape(x.ndim() - 1) != weight.shape(1))
        throw py::value_error(f + ": input of shape " + shape_text(x) + " does not end in the " +
                              std::to_string(weight.shape(1)) + " features of weight " + shape_text(weight));
    Rows r{x.ndim() <= 4 ? dense(x) : c_contiguous(x), 1, weight.shape(1), {}};
    for (py::ssize_t i = 0; i + 1 < x.ndim(); i++) {
        r.count *= x.shape(i);
        r.shape.push_back(x.shape(i));
    }
    r.shape.push_back(weight.shape(0));
    return r;
}

pc_conv_desc describe_rows(const Rows &rows, const py::array &weight) {
    pc_conv_desc d = {};
    d.src_type = half_type(weight);
    d.dtype = dtype_of(weight);
    d.src_layout = d.dst_layout = PC_NHWC;
    d.mb = rows.count ? 1 : 0;
    d.ic = rows.features;
    d.oc = weight.shape(0);
    d.groups = 1;
    for (int i = 0; i < 3; i++) d.in[i] = d.kernel[i] = d.stride[i] = d.dilation[i] = 1;
    d.in[2] = rows.count ? rows.count : 1;
    return d;
}

std::vector<py::ssize_t> c_strides(const std::vector<py::ssize_t> &shape, py::ssize_t itemsize) {
    std::vector<py::ssize_t> strides(shape.size());
    for (size_t i = shape.size(); i-- > 0; itemsize *= shape[i]) strides[i] = itemsize;
    return strides;
}

Sizes size_of(const Rows &rows, const py::array &weight) {
    return {rows.count ? 1 : 0, weight.shape(0), 1, 1, rows.count};
}

py::array fresh_result(const Rows &rows) {
    const py::dtype type = rows.array.dtype();
    return fresh_array(type, rows.shape, c_strides(rows.shape, type.itemsize()));
}

void run_halves(const Halves &halves, const Rows &rows, const void *bias, py::array &out) {
    const void *src = rows.array.data();
    void *dst = out.mutable_data();
    py::gil_scoped_release release;
    halves.run(src, bias, nullptr, dst);
}

py::array linear(py::handle input, py::handle weight, py::handle bias) {
    const char *f = "linear";
    const py::array given = number_array(weight, f, "weight");
    const Rows rows = view_rows(input, given, f);
    py::array keep;
    const void *b = bias_data(bias, given.shape(0), given, "weight", keep, f);
    py::array out = fresh_result(rows);
    const pc_conv_desc d = describe_rows(rows, given);
    if (d.src_type) {
        run_halves(Halves(d, size_of(rows, given), floats_of(given), false, f), rows, b, out);
        return out;
    }
    const py::array w = dense(given);
    const Plan plan = create(d, f);
    pc_exec_args args = {};
    args.src = rows.array.data();
    args.bias = b;
    args.dst = out.mutable_data();
    pack_and_execute(plan.get(), w.data(), args);
    return out;
}

class PackedLinear {
  public:
    PackedLinear(py::handle weight, py::object bias)
        : cache_(number_array(weight, name, "weight")), bias_(std::move(bias)) {}

    py::array call(py::handle input) {
        const py::array &w = cache_.weight();
        const Rows rows = view_rows(input, w, name);
        py::array keep;
        const void *b = bias_data(bias_, w.shape(0), w, "weight", keep, name);
        py::array out = fresh_result(rows);
        const pc_conv_desc d = describe_rows(rows, w);
        if (d.src_type)
            run_halves(*cache_.halves(d, size_of(rows, w), false, name), rows, b, out);
        else
            execute(cache_.get(d, name), rows.array.data(), b, nullptr, out.mutable_data());
        return out;
    }

    py::dict explain_call(py::handle input) {
        const Rows rows = view_rows(input, cache_.weight(), name);
        return explain(create(describe_rows(rows, cache_.weight()), name).get());
    }

    void touch() { cache_.touch(); }

  private:
    static constexpr const char *name = "Linear";
    Cache cache_;
    py::object bias_;
};

py::dict explain_linear(py::handle input, py::handle weight) {
    const py::array w = float_array(weight, "linear", "weight");
    return explain(create(describe_rows(view_rows(input, w, "linear"), w), "linear").get());
}

} // namespace

void bind_linear(py::module_ &m) {
    using namespace py::literals;
    m.def("linear", &linear, "input"_a, "weight"_a, "bias"_a = py::none());
    m.def("explain_linear", &explain_linear, "input"_a, "weight"_a);
    py::class_<PackedLinear>(m, "PackedLinear")
        .def(py::init<py::handle, py::object>(), "weight"_a, "bias"_a = py::none())
        .def("__call__", &PackedLinear::call, "input"_a)
        .def("touch", &PackedLinear::touch)
        .def("explain", &PackedLinear::explain_call, "input"_a);
}

} // namespace pyconv
