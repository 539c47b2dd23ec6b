// pool.cpp - max_pool2d, avg_pool2d, adaptive_avg_pool2d.
#include "arrays.hpp"
#include "bindings.hpp"
#include "plan.hpp"

namespace pyconv {

namespace {

struct Pair {
    int64_t h, w;
};

Pair parse_pair(py::handle value, const char *function, const char *argument) {
    const Extent e = parse_extent(value, 2, 1, function, argument);
    return {e[1], e[2]};
}

struct Call {
    const char *name;
    Image image;
    pc_pool_desc desc;
    bool channels_last;
    Sizes size; // of the result
    Plan plan;
};

Plan create(const Call &c) {
    pc_plan *plan = nullptr;
    const pc_status status = pc_plan_create_pool(&c.desc, &plan);
    if (status != PC_OK) fail(status, c.name);
    return Plan(plan);
}

// An input and the descriptor of its pooling, all but the windows.
Call begin(const char *name, pc_pool_kind kind, const py::array &x, bool channels_last, bool data) {
    Call c{name, view_image(x, 2, channels_last, name, "input", data), PC_POOL_DESC_INIT, channels_last, {}, nullptr};
    const Sizes &n = c.image.size;
    if (n[1] < 1 || n[3] < 1 || n[4] < 1)
        throw py::value_error(std::string(name) + ": input of shape " + shape_text(x) +
                              " has an empty axis other than the batch");
    pc_pool_desc &q = c.desc;
    q.kind = kind;
    q.dtype = dtype_of(x);
    q.src_layout = q.dst_layout = c.image.layout;
    q.mb = n[0];
    q.c = n[1];
    q.in[1] = n[3];
    q.in[2] = n[4];
    return c;
}

void finish(Call &c) {
    c.plan = create(c);
    const int64_t *out = pc_plan_out(c.plan.get());
    c.size = {c.image.size[0], c.image.size[1], 1, out[1], out[2]};
}

struct Windows {
    Pair kernel, stride, padding, dilation;
    bool ceil_mode;
};

Windows parse_windows(const char *name, py::handle kernel_size, py::handle stride, py::handle padding,
                      py::handle dilation, bool ceil_mode) {
    const Pair k = parse_pair(kernel_size, name, "kernel_size");
    bool as_kernel = stride.is_none();
    if (!as_kernel && PySequence_Check(stride.ptr()) && !PyUnicode_Check(stride.ptr())) {
        const auto length = PySequence_Size(stride.ptr());
        if (length < 0) PyErr_Clear();
        as_kernel = length == 0; // torch takes an empty stride for none
    }
    const Pair s = as_kernel ? k : parse_pair(stride, name, "stride"), p = parse_pair(padding, name, "padding");
    const Pair d = dilation ? parse_pair(dilation, name, "dilation") : Pair{1, 1};
    const std::string f = name;
    if (k.h < 1 || k.w < 1) throw py::value_error(f + ": kernel_size must be at least 1");
    if (s.h < 1 || s.w < 1) throw py::value_error(f + ": stride must be at least 1");
    if (d.h < 1 || d.w < 1) throw py::value_error(f + ": dilation must be at least 1");
    if (p.h < 0 || p.w < 0) throw py::value_error(f + ": padding must not be negative");
    return {k, s, p, d, ceil_mode};
}

void set_windows(Call &c, const Windows &w, const py::array &x) {
    const std::string f = c.name, dilated = w.dilation.h > 1 || w.dilation.w > 1 ? "dilated " : "";
    const auto reach = [&](int64_t window, int64_t step) {
        int64_t r;
        if (__builtin_mul_overflow(window - 1, step, &r) || __builtin_add_overflow(r, 1, &r))
            fail(PC_ERR_OVERFLOW, c.name);
        return r;
    };
    const int64_t rh = reach(w.kernel.h, w.dilation.h), rw = reach(w.kernel.w, w.dilation.w);
    if (w.padding.h > rh / 2 || w.padding.w > rw / 2)
        throw py::value_error(f + ": padding must be at most half the " + dilated + "kernel_size");
    const Sizes &n = c.image.size;
    if (n[3] + 2 * w.padding.h < rh || n[4] + 2 * w.padding.w < rw)
        throw py::value_error(f + ": the " + dilated + "window " + std::to_string(rh) + " x " + std::to_string(rw) +
                              " is larger than the padded input of shape " + shape_text(x));
    const auto set = [](int64_t to[3], Pair pair) {
        to[1] = pair.h;
        to[2] = pair.w;
    };
    set(c.desc.window, w.kernel);
    set(c.desc.stride, w.stride);
    set(c.desc.dilation, w.dilation);
    set(c.desc.pad, w.padding);
    c.desc.ceil_mode = w.ceil_mode;
}

Call parse_max(py::handle input, py::handle kernel_size, py::handle stride, py::handle padding, py::handle dilation,
               bool ceil_mode, bool return_indices, py::handle layout, bool data = true) {
    constexpr const char *name = "max_pool2d";
    const py::array x = float_array(input, name, "input");
    const bool channels_last = parse_layout(layout, 2, name);
    const Windows w = parse_windows(name, kernel_size, stride, padding, dilation, ceil_mode);
    Call c = begin(name, PC_POOL_MAX, x, channels_last, data);
    set_windows(c, w, x);
    c.desc.with_indices = return_indices;
    finish(c);
    return c;
}

Call parse_avg(py::handle input, py::handle kernel_size, py::handle stride, py::handle padding, bool ceil_mode,
               bool count_include_pad, py::handle divisor_override, py::handle layout, bool data = true) {
    constexpr const char *name = "avg_pool2d";
    const py::array x = float_array(input, name, "input");
    const bool channels_last = parse_layout(layout, 2, name);
    const Windows w = parse_windows(name, kernel_size, stride, padding, py::handle(), ceil_mode);
    const int64_t divisor = divisor_override.is_none() ? 0 : parse_int(divisor_override, name, "divisor_override");
    if (divisor == 0 && !divisor_override.is_none())
        throw py::value_error(std::string(name) + ": divisor_override must not be 0");
    Call c = begin(name, PC_POOL_AVERAGE, x, channels_last, data);
    set_windows(c, w, x);
    c.desc.padding_excluded = !count_include_pad;
    c.desc.divisor = divisor;
    finish(c);
    return c;
}

// An integer, or a pair of integers and None, which stands for a size of the input.
Pair parse_output_size(py::handle value, const char *name, Pair size) {
    constexpr const char *argument = "output_size";
    Pair out;
    if (PySequence_Check(value.ptr()) && !PyUnicode_Check(value.ptr()) && !PyBytes_Check(value.ptr())) {
        const auto pair = py::reinterpret_borrow<py::sequence>(value);
        if (pair.size() != 2)
            throw py::value_error(std::string(name) + ": " + argument +
                                  " must be an integer or two, each of which may be None, not " +
                                  std::to_string(pair.size()));
        const py::object h = pair[0], w = pair[1];
        out = {h.is_none() ? size.h : parse_int(h, name, argument),
               w.is_none() ? size.w : parse_int(w, name, argument)};
    } else {
        out.h = out.w = parse_int(value, name, argument);
    }
    if (out.h < 0 || out.w < 0) throw py::value_error(std::string(name) + ": " + argument + " must not be negative");
    return out;
}

Call parse_adaptive(py::handle input, py::handle output_size, py::handle layout, bool data = true) {
    constexpr const char *name = "adaptive_avg_pool2d";
    const py::array x = float_array(input, name, "input");
    Call c = begin(name, PC_POOL_AVERAGE, x, parse_layout(layout, 2, name), data);
    const Pair out = parse_output_size(output_size, name, {c.image.size[3], c.image.size[4]});
    c.desc.adaptive[1] = out.h ? out.h : 1;
    c.desc.adaptive[2] = out.w ? out.w : 1;
    if (out.h == 0 || out.w == 0) c.desc.mb = 0; // a result without elements is no work
    finish(c);
    c.size[3] = out.h;
    c.size[4] = out.w;
    return c;
}

// The result, and with `indices` the places of the maxima.
py::array execute(Call &c, py::handle input, py::handle out, py::array *indices = nullptr) {
    const Arrangement as{2, c.image.batched, c.channels_last};
    Result r = make_result(out, c.size, as, c.image.layout, {c.image.array, "input"}, c.name);
    require_disjoint(r, out, py::reinterpret_borrow<py::array>(input), c.name, "input");
    if (r.layout != c.desc.dst_layout) {
        c.desc.dst_layout = r.layout;
        c.plan = create(c);
    }
    pc_exec_args args = {};
    args.src = c.image.data;
    args.dst = r.data;
    if (indices) {
        const py::array like = py::array_t<int64_t>(0);
        Result i = make_result(py::none(), c.size, as, r.layout, {like, "input"}, c.name);
        *indices = i.array;
        args.indices = static_cast<int64_t *>(i.data);
    }
    pack_and_execute(c.plan.get(), nullptr, args);
    r.finish();
    return r.array;
}

py::object max_pool2d(py::handle input, py::handle kernel_size, py::handle stride, py::handle padding,
                      py::handle dilation, bool ceil_mode, bool return_indices, py::handle out, py::handle layout) {
    Call c = parse_max(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, layout);
    if (!return_indices) return execute(c, input, out);
    py::array indices;
    const py::array maxima = execute(c, input, out, &indices);
    return py::make_tuple(maxima, indices);
}

py::array avg_pool2d(py::handle input, py::handle kernel_size, py::handle stride, py::handle padding, bool ceil_mode,
                     bool count_include_pad, py::handle divisor_override, py::handle out, py::handle layout) {
    Call c = parse_avg(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, layout);
    return execute(c, input, out);
}

py::array adaptive_avg_pool2d(py::handle input, py::handle output_size, py::handle out, py::handle layout) {
    Call c = parse_adaptive(input, output_size, layout);
    return execute(c, input, out);
}

py::dict explain_max_pool2d(py::handle input, py::handle kernel_size, py::handle stride, py::handle padding,
                            py::handle dilation, bool ceil_mode, bool return_indices, py::handle layout) {
    return explain(
        parse_max(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, layout, false).plan.get());
}

py::dict explain_avg_pool2d(py::handle input, py::handle kernel_size, py::handle stride, py::handle padding,
                            bool ceil_mode, bool count_include_pad, py::handle divisor_override, py::handle layout) {
    return explain(
        parse_avg(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, layout, false)
            .plan.get());
}

py::dict explain_adaptive_avg_pool2d(py::handle input, py::handle output_size, py::handle layout) {
    return explain(parse_adaptive(input, output_size, layout, false).plan.get());
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
    m.def("avg_pool2d", &avg_pool2d, "input"_a, "kernel_size"_a, "stride"_a = py::none(), "padding"_a = 0,
          "ceil_mode"_a = false, "count_include_pad"_a = true, "divisor_override"_a = py::none(), py::kw_only(),
          "out"_a = py::none(), "layout"_a = "NCHW");
    m.def("explain_avg_pool2d", &explain_avg_pool2d, "input"_a, "kernel_size"_a, "stride"_a = py::none(),
          "padding"_a = 0, "ceil_mode"_a = false, "count_include_pad"_a = true, "divisor_override"_a = py::none(),
          py::kw_only(), "layout"_a = "NCHW");
    m.def("adaptive_avg_pool2d", &adaptive_avg_pool2d, "input"_a, "output_size"_a, py::kw_only(), "out"_a = py::none(),
          "layout"_a = "NCHW");
    m.def("explain_adaptive_avg_pool2d", &explain_adaptive_avg_pool2d, "input"_a, "output_size"_a, py::kw_only(),
          "layout"_a = "NCHW");
}

} // namespace pyconv
