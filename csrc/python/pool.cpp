// pool.cpp - pooling in one to three dimensions, told apart by the operator's name, and max pooling undone.
#include <algorithm>

#include "arrays.hpp"
#include "bindings.hpp"
#include "plan.hpp"

namespace pyconv {

namespace {

// An operator: max_pool2d, avg_pool1d, adaptive_max_pool3d, fractional_max_pool2d, ...
struct Operator {
    const char *name;
    int rank;
    bool adaptive, placed;
    pc_pool_kind kind;
};

struct Call {
    Operator op;
    Image image;
    pc_pool_desc desc;
    bool channels_last;
    Sizes size; // of the result
    Plan plan;
};

// What follows the input in a call.
struct Arguments {
    py::handle size, stride, padding, dilation;
    bool ceil_mode, return_indices, count_include_pad;
    py::handle divisor_override, layout, starts;
};

Operator parse_operator(py::handle name) {
    const char *text = PyUnicode_AsUTF8(name.ptr());
    if (!text) throw py::error_already_set();
    const std::string s = text;
    const auto starts_with = [&](const char *with) { return s.rfind(with, 0) == 0; };
    const bool average = s.find("avg") != std::string::npos;
    return {text, s[s.size() - 2] - '0', starts_with("adaptive"), starts_with("fractional"),
            average ? PC_POOL_AVERAGE : PC_POOL_MAX};
}

// Maxima of integers too.
py::array input_array(py::handle value, const Operator &op) {
    if (op.kind == PC_POOL_MAX && !op.placed && py::isinstance<py::array>(value)) {
        const auto a = py::reinterpret_borrow<py::array>(value);
        const char kind = a.dtype().kind(), order = a.dtype().byteorder();
        if ((kind == 'i' || kind == 'u') && (order == '=' || order == '|')) return a;
    }
    return float_array(value, op.name, "input");
}

Plan create(const Call &c) {
    pc_plan *plan = nullptr;
    const pc_status status = pc_plan_create_pool(&c.desc, &plan);
    if (status != PC_OK) fail(status, c.op.name);
    return Plan(plan);
}

// An input and the descriptor of its pooling, all but the windows.
Call begin(const Operator &op, const py::array &x, py::handle layout, bool data) {
    const bool channels_last = parse_layout(layout, op.rank, op.name);
    Call c{op,     view_image(x, op.rank, channels_last, op.name, "input", data), PC_POOL_DESC_INIT, channels_last, {},
           nullptr};
    const Sizes &n = c.image.size;
    if (n[1] < 1 || n[2] < 1 || n[3] < 1 || n[4] < 1)
        throw py::value_error(std::string(op.name) + ": input of shape " + shape_text(x) +
                              " has an empty axis other than the batch");
    pc_pool_desc &q = c.desc;
    q.kind = op.kind;
    const char kind = x.dtype().kind();
    if (kind == 'f') {
        q.dtype = dtype_of(x);
    } else {
        q.integer_bits = static_cast<int>(8 * x.itemsize());
        q.integer_unsigned = kind == 'u';
    }
    q.src_layout = q.dst_layout = c.image.layout;
    q.mb = n[0];
    q.c = n[1];
    for (size_t i = 0; i < 3; i++) q.in[i] = n[2 + i];
    return c;
}

void finish(Call &c) {
    c.plan = create(c);
    const int64_t *out = pc_plan_out(c.plan.get());
    c.size = {c.image.size[0], c.image.size[1], out[0], out[1], out[2]};
}

int64_t least_of(const Extent &e) { return std::min({e[0], e[1], e[2]}); }

std::string window_text(const Extent &reach, int rank) {
    std::string s;
    for (int i = 3 - rank; i < 3; i++) s += (s.empty() ? "" : " x ") + std::to_string(reach[static_cast<size_t>(i)]);
    return s;
}

// Windows at a regular step.
void set_windows(Call &c, const Arguments &a, const py::array &x) {
    const char *name = c.op.name;
    const std::string f = name;
    const int rank = c.op.rank;
    const Extent k = parse_extent(a.size, rank, 1, name, "kernel_size");
    bool as_kernel = a.stride.is_none();
    if (!as_kernel && PySequence_Check(a.stride.ptr()) && !PyUnicode_Check(a.stride.ptr())) {
        const auto length = PySequence_Size(a.stride.ptr());
        if (length < 0) PyErr_Clear();
        as_kernel = length == 0; // torch takes an empty stride for none
    }
    const Extent s = as_kernel ? k : parse_extent(a.stride, rank, 1, name, "stride");
    const Extent p = parse_extent(a.padding, rank, 0, name, "padding");
    const Extent d = parse_extent(a.dilation, rank, 1, name, "dilation");
    if (least_of(k) < 1) throw py::value_error(f + ": kernel_size must be at least 1");
    if (least_of(s) < 1) throw py::value_error(f + ": stride must be at least 1");
    if (least_of(d) < 1) throw py::value_error(f + ": dilation must be at least 1");
    if (least_of(p) < 0) throw py::value_error(f + ": padding must not be negative");
    const bool is_dilated = d[0] > 1 || d[1] > 1 || d[2] > 1;
    const std::string dilated = is_dilated ? "dilated " : "";
    // torch's avg_pool3d alone looks at the image without its padding
    const bool bare = rank == 3 && c.op.kind == PC_POOL_AVERAGE;
    Extent reach;
    bool half = true, fits = true;
    for (size_t i = 0; i < 3; i++) {
        if (__builtin_mul_overflow(k[i] - 1, d[i], &reach[i]) || __builtin_add_overflow(reach[i], 1, &reach[i]))
            fail(PC_ERR_OVERFLOW, name);
        half = half && p[i] <= reach[i] / 2;
        const int64_t spare = a.ceil_mode && !bare ? s[i] - 1 : 0; // by which the size is rounded up
        fits = fits && half && c.image.size[2 + i] + (bare ? 0 : 2 * p[i]) >= reach[i] - spare;
        c.desc.window[i] = k[i];
        c.desc.stride[i] = s[i];
        c.desc.dilation[i] = d[i];
        c.desc.pad[i] = p[i];
    }
    if (!half) throw py::value_error(f + ": padding must be at most half the " + dilated + "kernel_size");
    if (!fits)
        throw py::value_error(f + ": the " + dilated + "window " + window_text(reach, rank) + " is larger than the " +
                              (bare ? "" : "padded ") + "input of shape " + shape_text(x));
    c.desc.ceil_mode = a.ceil_mode;
    c.desc.padding_excluded = !a.count_include_pad;
    if (!a.divisor_override.is_none()) {
        c.desc.divisor = parse_int(a.divisor_override, name, "divisor_override");
        if (c.desc.divisor == 0) throw py::value_error(f + ": divisor_override must not be 0");
    }
    finish(c);
}

// An integer, or `rank` integers and None, which stands for a size of the input.
Extent parse_output_size(py::handle value, const Call &c) {
    constexpr const char *argument = "output_size";
    const int rank = c.op.rank;
    Extent out{1, 1, 1};
    if (PySequence_Check(value.ptr()) && !PyUnicode_Check(value.ptr()) && !PyBytes_Check(value.ptr())) {
        const auto sizes = py::reinterpret_borrow<py::sequence>(value);
        if (sizes.size() != static_cast<size_t>(rank))
            throw py::value_error(std::string(c.op.name) + ": " + argument + " must be an integer or " +
                                  std::to_string(rank) + ", each of which may be None, not " +
                                  std::to_string(sizes.size()));
        for (size_t i = 0; i < sizes.size(); i++) {
            const py::object n = sizes[i];
            const size_t axis = static_cast<size_t>(3 - rank) + i;
            out[axis] = n.is_none() ? c.image.size[2 + axis] : parse_int(n, c.op.name, argument);
        }
    } else {
        const int64_t n = parse_int(value, c.op.name, argument);
        for (size_t axis = static_cast<size_t>(3 - rank); axis < 3; axis++) out[axis] = n;
    }
    if (least_of(out) < 0) throw py::value_error(std::string(c.op.name) + ": " + argument + " must not be negative");
    return out;
}

void set_parts(Call &c, const Arguments &a) {
    const Extent out = parse_output_size(a.size, c);
    for (size_t i = 0; i < 3; i++) c.desc.adaptive[i] = std::max<int64_t>(1, out[i]);
    if (least_of(out) == 0) c.desc.mb = 0; // a result without elements is no work
    finish(c);
    for (size_t i = 0; i < 3; i++) c.size[2 + i] = out[i];
}

// Windows whose starts were drawn, (planes, sum of sizes); the caller has checked that they fit.
void set_placed(Call &c, const Arguments &a) {
    const Extent k = parse_extent(a.size, c.op.rank, 1, c.op.name, "kernel_size");
    const Extent out = parse_extent(a.stride, c.op.rank, 1, c.op.name, "output_size");
    for (size_t i = 0; i < 3; i++) {
        c.desc.window[i] = k[i];
        c.desc.adaptive[i] = out[i];
    }
    c.desc.placed = 1;
    finish(c);
}

Call parse(py::handle name, py::handle input, const Arguments &a, bool data) {
    const Operator op = parse_operator(name);
    const py::array x = input_array(input, op);
    Call c = begin(op, x, a.layout, data);
    c.desc.with_indices = a.return_indices;
    if (op.placed)
        set_placed(c, a);
    else if (op.adaptive)
        set_parts(c, a);
    else
        set_windows(c, a, x);
    return c;
}

py::object execute(Call &c, py::handle input, py::handle out, const Arguments &a) {
    const Arrangement as{c.op.rank, c.image.batched, c.channels_last};
    Result r = make_result(out, c.size, as, c.image.layout, {c.image.array, "input"}, c.op.name);
    require_disjoint(r, out, py::reinterpret_borrow<py::array>(input), c.op.name, "input");
    if (r.layout != c.desc.dst_layout) {
        c.desc.dst_layout = r.layout;
        c.plan = create(c);
    }
    pc_exec_args args = {};
    args.src = c.image.data;
    args.dst = r.data;
    py::array indices;
    if (a.return_indices) {
        const py::array like = py::array_t<int64_t>(0);
        Result i = make_result(py::none(), c.size, as, r.layout, {like, "input"}, c.op.name);
        indices = i.array;
        args.indices = static_cast<int64_t *>(i.data);
    }
    py::array starts;
    if (c.desc.placed) {
        starts = py::reinterpret_borrow<py::array>(a.starts);
        args.starts = static_cast<const int64_t *>(starts.data());
    }
    pack_and_execute(c.plan.get(), nullptr, args);
    r.finish();
    if (a.return_indices) return py::make_tuple(r.array, indices);
    return r.array;
}

// The size of windows, or of the result for adaptive_*; fractional_* have the size of the result in place of a stride.
py::object pool(py::handle name, py::handle input, py::handle size, py::handle stride, py::handle padding,
                py::handle dilation, bool ceil_mode, bool return_indices, bool count_include_pad,
                py::handle divisor_override, py::handle out, py::handle layout, py::handle starts, bool explained) {
    const Arguments a{size,   stride, padding, dilation, ceil_mode, return_indices, count_include_pad, divisor_override,
                      layout, starts};
    Call c = parse(name, input, a, !explained);
    if (explained) return explain(c.plan.get());
    return execute(c, input, out, a);
}

// Dense arrays, channels first, of `rank` axes a plane. False if an index lies outside its plane.
bool max_unpool(const py::array &input, const py::array_t<int64_t> &indices, py::array out, int rank) {
    const auto volume = [&](const py::array &a) {
        int64_t n = 1;
        for (auto i = a.ndim() - rank; i < a.ndim(); i++) n *= a.shape(i);
        return n;
    };
    const int64_t n = volume(input), dst_n = volume(out), planes = n ? input.size() / n : 0;
    const void *src = input.data();
    void *dst = out.mutable_data();
    const int size = static_cast<int>(input.itemsize());
    py::gil_scoped_release release;
    return pc_max_unpool(planes, n, dst_n, size, src, indices.data(), dst) == PC_OK;
}

} // namespace

void bind_pool(py::module_ &m) {
    using namespace py::literals;
    m.def("pool", &pool, "name"_a, "input"_a, "size"_a, "stride"_a, "padding"_a, "dilation"_a, "ceil_mode"_a,
          "return_indices"_a, "count_include_pad"_a, "divisor_override"_a, "out"_a, "layout"_a, "starts"_a = py::none(),
          "explain"_a = false);
    m.def("max_unpool", &max_unpool, "input"_a, "indices"_a, "out"_a, "rank"_a);
}

} // namespace pyconv
