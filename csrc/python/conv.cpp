// conv.cpp - conv2d, linear, and their packed forms: arguments become a descriptor, errors become exceptions.
#include <pybind11/stl.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "arrays.hpp"
#include "bindings.hpp"
#include "memory.hpp"
#include "plan.hpp"

namespace pyconv {

namespace {

// How a window moves: the arguments of a convolution beside its arrays.
struct Geometry {
    Pair stride, dilation, lo, hi;
    int64_t groups;
    pc_boundary boundary;
};

// 'same' needs the kernel; the extra of an even window goes to the right, as in torch.
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

const void *bias_data(py::handle bias, const py::array &weight, py::array &keep, const char *function) {
    if (bias.is_none()) return nullptr;
    const py::array b = float_array(bias, function, "bias");
    require_dtype(b, "bias", weight, "weight");
    if (b.ndim() != 1 || b.shape(0) != weight.shape(0))
        throw py::value_error(std::string(function) + ": bias must have shape (" + std::to_string(weight.shape(0)) +
                              ",) for weight of shape " + shape_text(weight) + ", not " + shape_text(b));
    keep = dense(b);
    return keep.data();
}

pc_conv_desc describe(const Image &x, const py::array &w, const Geometry &g, pc_precision precision,
                      const Activation &activation, const char *algorithm, const char *function) {
    const std::string f = function;
    const int64_t oc = w.shape(0), icg = w.shape(1), kh = w.shape(2), kw = w.shape(3);
    const auto shapes = [&] { return "input of shape " + shape_text(x.array) + ", weight of shape " + shape_text(w); };
    if (oc < 1 || icg < 1 || kh < 1 || kw < 1)
        throw py::value_error(f + ": weight of shape " + shape_text(w) + " has an empty axis");
    if (x.size[1] < 1 || x.size[2] < 1 || x.size[3] < 1)
        throw py::value_error(f + ": input of shape " + shape_text(x.array) +
                              " has an empty axis other than the batch");
    if (x.size[1] % g.groups || x.size[1] / g.groups != icg)
        throw py::value_error(f + ": input has " + std::to_string(x.size[1]) + " channels but weight expects " +
                              std::to_string(icg) + " x groups=" + std::to_string(g.groups) + " (" + shapes() + ")");
    if (oc % g.groups)
        throw py::value_error(f + ": " + std::to_string(oc) + " output channels are not divisible by groups=" +
                              std::to_string(g.groups) + " (" + shapes() + ")");
    pc_conv_desc d = {};
    d.dtype = dtype_of(x.array);
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
    d.precision = precision;
    d.activation = activation.kind;
    std::memcpy(d.clamp, activation.clamp, sizeof d.clamp);
    d.algo = algorithm;
    return d;
}

// The size of the result, or an exception that says in terms of the arguments what is wrong.
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

// The residual after checking it; null if there is none.
py::object residual_array(py::handle residual, const Sizes &size, const Image &image, bool channels_last,
                          const char *function) {
    if (residual.is_none()) return {};
    return result_shaped(residual, "residual", size, image.batched, channels_last, image.array, function);
}

// Its elements in the result's memory order; `keep` holds a copy, where one was needed.
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

// One call of conv2d up to the plan.
struct Call {
    py::array weight, bias_keep;
    const void *bias;
    Image image;
    pc_conv_desc desc;
    bool channels_last;
};

Call parse_call(py::handle input, py::handle weight, py::handle bias, py::handle stride, py::handle padding,
                py::handle dilation, py::handle groups, py::handle layout, const std::string &padding_mode,
                const char *algorithm, py::handle precision, py::handle activation, bool data = true) {
    static const char *f = "conv2d";
    const py::array x = float_array(input, f, "input");
    Call c;
    c.weight = weight_array(weight, f);
    require_dtype(c.weight, "weight", x, "input");
    c.bias = bias_data(bias, c.weight, c.bias_keep, f);
    c.channels_last = parse_layout(layout, f);
    const Geometry g =
        parse_geometry(stride, padding, dilation, groups, padding_mode, c.weight.shape(2), c.weight.shape(3), f);
    c.image = view_image(x, c.channels_last, f, "input", data);
    c.desc = describe(c.image, c.weight, g, parse_precision(precision, f, "precision"),
                      parse_activation(activation, f, "activation"), algorithm, f);
    return c;
}

const char *algorithm_name(const std::optional<std::string> &name) { return name ? name->c_str() : nullptr; }

py::array conv2d(py::handle input, py::handle weight, py::handle bias, py::handle stride, py::handle padding,
                 py::handle dilation, py::handle groups, py::handle out, py::handle layout,
                 const std::string &padding_mode, const std::optional<std::string> &algorithm, py::handle precision,
                 py::handle activation, py::handle residual) {
    Call c = parse_call(input, weight, bias, stride, padding, dilation, groups, layout, padding_mode,
                        algorithm_name(algorithm), precision, activation);
    const Sizes size = out_size(c.desc, "conv2d");
    const py::object added = residual_array(residual, size, c.image, c.channels_last, "conv2d");
    Result r = make_result(out, size, c.image.batched, c.channels_last, c.image.layout, c.image.array, "conv2d");
    require_disjoint(r, out, py::reinterpret_borrow<py::array>(input), "conv2d", "input");
    require_disjoint(r, out, c.weight, "conv2d", "weight");
    if (c.bias) require_disjoint(r, out, c.bias_keep, "conv2d", "bias");
    if (added) require_disjoint(r, out, py::reinterpret_borrow<py::array>(added), "conv2d", "residual");
    c.desc.dst_layout = r.layout;
    const Plan plan = create(c.desc, "conv2d");
    const py::array w = dense(c.weight);
    pc_exec_args args = {};
    py::object keep;
    args.src = c.image.data;
    args.bias = c.bias;
    args.residual = residual_data(added, c.channels_last, r.layout, keep);
    args.dst = r.data;
    pack_and_execute(plan.get(), w.data(), args);
    r.finish();
    return r.array;
}

py::dict explain_conv2d(py::handle input, py::handle weight, py::handle bias, py::handle stride, py::handle padding,
                        py::handle dilation, py::handle groups, py::handle out, py::handle layout,
                        const std::string &padding_mode, const std::optional<std::string> &algorithm,
                        py::handle precision, py::handle activation, py::handle residual) {
    Call c = parse_call(input, weight, bias, stride, padding, dilation, groups, layout, padding_mode,
                        algorithm_name(algorithm), precision, activation, false);
    const Sizes size = out_size(c.desc, "conv2d");
    residual_array(residual, size, c.image, c.channels_last, "conv2d");
    if (!out.is_none())
        c.desc.dst_layout =
            make_result(out, size, c.image.batched, c.channels_last, c.image.layout, c.image.array, "conv2d").layout;
    return explain(create(c.desc, "conv2d").get());
}

// ---- packed weights ----

// Packed weights shared by the calls that run on them.
struct Packed {
    Block block;
    explicit Packed(size_t bytes) : block(acquire(bytes)) {}
    ~Packed() { release(block); }
    Packed(const Packed &) = delete;
    Packed &operator=(const Packed &) = delete;
};

// The last plan and the last packed weights of a layer. A call whose problem is the last one's does not plan again;
// weights are packed again only when they may have changed.
//
// Whether they may have is decided without looking at them: `owners` references to the weight array are expected, its
// layer's and ours. As long as there are no more, nobody else can write to it; who got hold of it in between says so by
// touch(). If somebody still holds it, the weights are packed at every call. version() tells the same to a layer that
// keeps something else made from its weights.
class Cache {
  public:
    explicit Cache(py::array weight) : weight_(std::move(weight)) {}

    void touch() { fresh_ = false; }

    // A number that stays the same for as long as nobody can have written to the weights.
    uint64_t version() {
        const bool alone = sole_owners();
        if (!fresh_ || !alone) version_++;
        fresh_ = alone;
        return version_;
    }

    const py::array &weight() const { return weight_; }

    struct Entry {
        std::shared_ptr<pc_plan> plan;
        std::shared_ptr<Packed> packed;
    };

    Entry get(const pc_conv_desc &desc, const char *function) {
        pc_isa isa;
        const pc_status status = pc_get_isa(&isa);
        if (status != PC_OK) fail(status, function);
        const int threads = pc_get_num_threads();
        const pc_precision precision = desc.precision == PC_PRECISION_AUTO ? pc_get_precision() : desc.precision;
        // Up to the precision, which is compared as resolved, and the activation. The algorithm, which no layer names,
        // is left out. No field that is compared has padding before it.
        constexpr size_t compared = offsetof(pc_conv_desc, precision);
        if (!plan_ || isa != isa_ || threads != threads_ || precision != precision_ ||
            std::memcmp(&desc, &desc_, compared) != 0 || desc.activation != desc_.activation ||
            std::memcmp(desc.clamp, desc_.clamp, sizeof desc.clamp) != 0) {
            plan_ = std::shared_ptr<pc_plan>(create(desc, function).release(), pc_plan_destroy);
            desc_ = desc;
            isa_ = isa;
            threads_ = threads;
            precision_ = precision;
            const uint64_t key = pc_plan_pack_key(plan_.get());
            if (key != key_) packed_.reset();
            key_ = key;
        }
        const uint64_t current = version();
        if (!packed_ || packed_version_ != current) {
            auto packed = std::make_shared<Packed>(pc_plan_packed_size(plan_.get()));
            const py::array w = dense(weight_);
            pc_plan_pack(plan_.get(), w.data(), packed->block.data);
            packed_ = std::move(packed);
            packed_version_ = current;
        }
        return {plan_, packed_};
    }

  private:
    bool sole_owners() const {
#if defined(Py_GIL_DISABLED)
        return false;
#else
        constexpr Py_ssize_t owners = 2;
        PyObject **weak = PyObject_GET_WEAKREFS_LISTPTR(weight_.ptr()); // a weak reference can become a real one unseen
        return Py_REFCNT(weight_.ptr()) <= owners && !weight_.base() && !(weak && *weak);
#endif
    }

    py::array weight_;
    std::shared_ptr<pc_plan> plan_;
    std::shared_ptr<Packed> packed_;
    pc_conv_desc desc_ = {};
    pc_isa isa_ = PC_ISA_AUTO;
    int threads_ = 0;
    pc_precision precision_ = PC_PRECISION_AUTO;
    uint64_t key_ = 0, version_ = 0, packed_version_ = 0;
    bool fresh_ = false; // since version() was last asked for, nobody has touched the weights
};

void execute(const Cache::Entry &e, const void *src, const void *bias, const void *residual, void *dst) {
    pc_exec_args args = {};
    args.src = src;
    args.packed = e.packed->block.data;
    args.bias = bias;
    args.residual = residual;
    args.dst = dst;
    pack_and_execute(e.plan.get(), nullptr, args);
}

class PackedConv2d {
  public:
    PackedConv2d(py::handle weight, py::object bias, py::handle stride, py::handle padding, py::handle dilation,
                 py::handle groups, const std::string &padding_mode, py::handle layout, py::handle precision)
        : cache_(weight_array(weight, name)),
          bias_(std::move(bias)),
          precision_(parse_precision(precision, name, "precision")) {
        const auto &w = cache_.weight();
        geometry_ = parse_geometry(stride, padding, dilation, groups, padding_mode, w.shape(2), w.shape(3), name);
        channels_last_ = parse_layout(layout, name);
    }

    py::array call(py::handle input, py::handle activation, py::handle residual) {
        const py::array x = float_array(input, name, "input");
        const py::array &w = cache_.weight();
        require_dtype(w, "weight", x, "input");
        py::array keep;
        const void *bias = bias_data(bias_, w, keep, name);
        const Image image = view_image(x, channels_last_, name, "input");
        const pc_conv_desc desc =
            describe(image, w, geometry_, precision_, parse_activation(activation, name, "activation"), nullptr, name);
        const Sizes size = out_size(desc, name);
        const py::object added = residual_array(residual, size, image, channels_last_, name);
        const Result r = make_result(py::none(), size, image.batched, channels_last_, image.layout, image.array, name);
        py::object residual_keep;
        execute(cache_.get(desc, name), image.data, bias, residual_data(added, channels_last_, r.layout, residual_keep),
                r.data);
        return r.array;
    }

    py::dict explain_call(py::handle input) {
        const py::array x = float_array(input, name, "input");
        require_dtype(cache_.weight(), "weight", x, "input");
        const Image image = view_image(x, channels_last_, name, "input", false);
        const pc_conv_desc desc = describe(image, cache_.weight(), geometry_, precision_, {}, nullptr, name);
        out_size(desc, name);
        return explain(create(desc, name).get());
    }

    void touch() { cache_.touch(); }

    uint64_t version() { return cache_.version(); }

    py::object derived = py::none(); // what the layer computed from the weights; it goes when this object goes

  private:
    static constexpr const char *name = "Conv2d";
    Cache cache_;
    py::object bias_;
    pc_precision precision_;
    Geometry geometry_{};
    bool channels_last_ = false;
};

// ---- linear: a 1x1 convolution of a row of pixels, channels last ----

struct Rows {
    py::array array;
    int64_t count, features;
    std::vector<py::ssize_t> shape; // of the result
};

Rows view_rows(py::handle input, const py::array &weight, const char *function) {
    const py::array x = float_array(input, function, "input");
    const std::string f = function;
    if (weight.ndim() != 2)
        throw py::value_error(f + ": weight must have shape (out_features, in_features), not " + shape_text(weight));
    require_dtype(weight, "weight", x, "input");
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

py::array linear(py::handle input, py::handle weight, py::handle bias) {
    const py::array given = float_array(weight, "linear", "weight");
    const Rows rows = view_rows(input, given, "linear");
    py::array keep;
    const void *b = bias_data(bias, given, keep, "linear");
    const py::array w = dense(given);
    const Plan plan = create(describe_rows(rows, w), "linear");
    py::array out = fresh_array(w.dtype(), rows.shape, c_strides(rows.shape, w.itemsize()));
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
        : cache_(float_array(weight, name, "weight")), bias_(std::move(bias)) {}

    py::array call(py::handle input) {
        const py::array &w = cache_.weight();
        const Rows rows = view_rows(input, w, name);
        py::array keep;
        const void *b = bias_data(bias_, w, keep, name);
        py::array out = fresh_array(w.dtype(), rows.shape, c_strides(rows.shape, w.itemsize()));
        execute(cache_.get(describe_rows(rows, w), name), rows.array.data(), b, nullptr, out.mutable_data());
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

void bind_conv(py::module_ &m) {
    using namespace py::literals;
    // Not by keyword alone, as a keyword costs some 0.1 us more than a position.
    m.def("conv2d", &conv2d, "input"_a, "weight"_a, "bias"_a = py::none(), "stride"_a = 1, "padding"_a = 0,
          "dilation"_a = 1, "groups"_a = 1, "out"_a = py::none(), "layout"_a = "NCHW", "padding_mode"_a = "zeros",
          "algorithm"_a = py::none(), "precision"_a = py::none(), "activation"_a = py::none(),
          "residual"_a = py::none());
    m.def("explain_conv2d", &explain_conv2d, "input"_a, "weight"_a, "bias"_a = py::none(), "stride"_a = 1,
          "padding"_a = 0, "dilation"_a = 1, "groups"_a = 1, py::kw_only(), "out"_a = py::none(), "layout"_a = "NCHW",
          "padding_mode"_a = "zeros", "algorithm"_a = py::none(), "precision"_a = py::none(),
          "activation"_a = py::none(), "residual"_a = py::none());
    py::class_<PackedConv2d>(m, "PackedConv2d")
        .def(py::init<py::handle, py::object, py::handle, py::handle, py::handle, py::handle, const std::string &,
                      py::handle, py::handle>(),
             "weight"_a, "bias"_a = py::none(), "stride"_a = 1, "padding"_a = 0, "dilation"_a = 1, "groups"_a = 1,
             py::kw_only(), "padding_mode"_a = "zeros", "layout"_a = "NCHW", "precision"_a = py::none())
        .def("__call__", &PackedConv2d::call, "input"_a, "activation"_a = py::none(), "residual"_a = py::none())
        .def("touch", &PackedConv2d::touch)
        .def("version", &PackedConv2d::version)
        .def_readwrite("derived", &PackedConv2d::derived)
        .def("explain", &PackedConv2d::explain_call, "input"_a);
    m.def("linear", &linear, "input"_a, "weight"_a, "bias"_a = py::none());
    m.def("explain_linear", &explain_linear, "input"_a, "weight"_a);
    py::class_<PackedLinear>(m, "PackedLinear")
        .def(py::init<py::handle, py::object>(), "weight"_a, "bias"_a = py::none())
        .def("__call__", &PackedLinear::call, "input"_a)
        .def("touch", &PackedLinear::touch)
        .def("explain", &PackedLinear::explain_call, "input"_a);
}

} // namespace pyconv
