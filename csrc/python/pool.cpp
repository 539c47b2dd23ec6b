// pool.cpp - max_pool2d.
#include "arrays.hpp"
#include "bindings.hpp"
#include "plan.hpp"

namespace pyconv {

namespace {

constexpr const char *name = "max_pool2d";

struct Call {
    Image image;
    pc_pool_desc desc;
    bool channels_last;
    Sizes size; // of the result
    Plan plan;
};

Plan create(const pc_pool_desc &d) {
    pc_plan *plan = nullptr;
    const pc_status status = pc_plan_create_pool(&d, &plan);
    if (status != PC_OK) fail(status, name);
    return Plan(plan);
}

Call parse(py::handle input, py::handle kernel_size, py::handle stride, py::handle padding, py::handle dilation,
           bool ceil_mode, bool return_indices, py::handle layout, bool data = true) {
    const py::array x = float_array(input, name, "input");
    const bool channels_last = parse_layout(layout, name);
    const Pair k = parse_pair(kernel_size, name, "kernel_size");
    bool as_kernel = stride.is_none();
    if (!as_kernel && PySequence_Check(stride.ptr()) && !PyUnicode_Check(stride.ptr())) {
        const auto length = PySequence_Size(stride.ptr());
        if (length < 0) PyErr_Clear();
        as_kernel = length == 0; // torch takes an empty stride for none
    }
    const Pair s = as_kernel ? k : parse_pair(stride, name, "stride");
    const Pair p = parse_pair(padding, name, "padding"), d = parse_pair(dilation, name, "dilation");
    const std::string f = name;
    if (k.h < 1 || k.w < 1) throw py::value_error(f + ": kernel_size must be at least 1");
    if (s.h < 1 || s.w < 1) throw py::value_error(f + ": stride must be at least 1");
    if (d.h < 1 || d.w < 1) throw py::value_error(f + ": dilation must be at least 1");
    if (p.h < 0 || p.w < 0) throw py::value_error(f + ": padding must not be negative");
    Call c{view_image(x, channels_last, name, "input", data), {}, channels_last, {}, nullptr};
    const Sizes &n = c.image.size;
    if (n[1] < 1 || n[2] < 1 || n[3] < 1)
        throw py::value_error(f + ": input of shape " + shape_text(x) + " has an empty axis other than the batch");
    const auto reach = [&](int64_t window, int64_t step) {
        int64_t r;
        if (__builtin_mul_overflow(window - 1, step, &r) || __builtin_add_overflow(r, 1, &r))
            fail(PC_ERR_OVERFLOW, name);
        return r;
    };
    const int64_t rh = reach(k.h, d.h), rw = reach(k.w, d.w);
    if (p.h > rh / 2 || p.w > rw / 2)
        throw py::value_error(f + ": padding must be at most half the dilated kernel_size");
    if (n[2] + 2 * p.h < rh || n[3] + 2 * p.w < rw)
        throw py::value_error(f + ": the dilated window " + std::to_string(rh) + " x " + std::to_string(rw) +
                              " is larger than the padded input of shape " + shape_text(x));
    pc_pool_desc &q = c.desc;
    q.dtype = dtype_of(x);
    q.src_layout = q.dst_layout = c.image.layout;
    q.mb = n[0];
    q.c = n[1];
    const int64_t rows[5][2] = {{n[2], n[3]}, {k.h, k.w}, {s.h, s.w}, {d.h, d.w}, {p.h, p.w}};
    int64_t *to[5] = {q.in, q.window, q.stride, q.dilation, q.pad};
    for (int i = 0; i < 5; i++) {
        to[i][0] = i == 4 ? 0 : 1;
        to[i][1] = rows[i][0];
        to[i][2] = rows[i][1];
    }
    q.ceil_mode = ceil_mode;
    q.with_indices = return_indices;
    c.plan = create(q);
    const int64_t *out = pc_plan_out(c.plan.get());
    c.size = {n[0], n[1], out[1], out[2]};
    return c;
}

py::object max_pool2d(py::handle input, py::handle kernel_size, py::handle stride, py::handle padding,
                      py::handle dilation, bool ceil_mode, bool return_indices, py::handle out, py::handle layout) {
    Call c = parse(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, layout);
    Result r = make_result(out, c.size, c.image.batched, c.channels_last, c.image.layout, c.image.array, name);
    require_disjoint(r, out, py::reinterpret_borrow<py::array>(input), name, "input");
    if (r.layout != c.desc.dst_layout) {
        c.desc.dst_layout = r.layout;
        c.plan = create(c.desc);
    }
    pc_exec_args args = {};
    args.src = c.image.data;
    args.dst = r.data;
    py::array indices;
    if (return_indices) {
        const py::array like = py::array_t<int64_t>(0);
        Result i = make_result(py::none(), c.size, c.image.batched, c.channels_last, r.layout, like, name);
        indices = i.array;
        args.indices = static_cast<int64_t *>(i.data);
    }
    pack_and_execute(c.plan.get(), nullptr, args);
    r.finish();
    if (return_indices) return py::make_tuple(r.array, indices);
    return r.array;
}

py::dict explain_max_pool2d(py::handle input, py::handle kernel_size, py::handle stride, py::handle padding,
                            py::handle dilation, bool ceil_mode, bool return_indices, py::handle layout) {
    return explain(
        parse(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, layout, false).plan.get());
}

} // namespace

void bind_pool(py::module_ &m) {
    using namespace py::literals;
    m.def("max_pool2d", &max_pool2d, "input"_a, "kernel_size"_a, "stride"_a = py::none(), "padding"_a = 0,
          "dilation"_a = 1, "ceil_mode"_a = false, "return_indices"_a = false, py::kw_only(), "out"_a = py::none(),
          "layout"_a = "NCHW");
    m.def("explain_max_pool2d", &explain_max_pool2d, "input"_a, "kernel_size"_a, "stride"_a = py::none(),
          "padding"_a = 0, "dilation"_a = 1, "ceil_mode"_a = false, "return_indices"_a = false, py::kw_only(),
          "layout"_a = "NCHW");
}

} // namespace pyconv
