// conv.cpp - conv2d, and the layer that keeps its weights packed.
#include <pybind11/stl.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <vector>

#include "bindings.hpp"
#include "cache.hpp"
#include "problem.hpp"
#include "separable.hpp"
#include "stored.hpp"

namespace pyconv {

namespace {

const char *name_of(int rank, bool transposed) {
    static const char *const names[2][4] = {{"", "conv1d", "conv2d", "conv3d"},
                                            {"", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}};
    return names[transposed][rank];
}

// The arguments of either convolution beside its arrays, as Python has them; `output_padding` is null where there is
// none, and then it is no transposed one.
struct Options {
    py::handle stride, padding, dilation, groups, output_padding;
    const std::string &padding_mode;
    double padding_value;
};

Geometry geometry_of(int rank, const Options &o, const char *f) {
    return parse_geometry(rank, o.stride, o.padding, o.dilation, o.groups, o.padding_mode, o.padding_value, f);
}

Extent output_padding_of(int rank, const Options &o, const char *f) {
    return o.output_padding ? parse_extent(o.output_padding, rank, 0, f, "output_padding") : Extent{0, 0, 0};
}

// One call up to the plan. `given`: the weight and bias of the caller, of which those that are computed with may be
// copies.
struct Call {
    const char *name;
    py::handle given[2];
    py::array weight, bias_keep;
    const void *bias;
    Image image;
    pc_conv_desc desc;
    Arrangement as;
    Sizes size; // of the result
};

Call parse_call(int rank, py::handle input, py::handle weight, py::handle bias, const Options &options,
                py::handle layout, const char *algorithm, py::handle precision, py::handle activation, bool stored,
                bool data) {
    const bool transposed = static_cast<bool>(options.output_padding);
    const char *f = name_of(rank, transposed);
    const py::array x = stored ? stored_array(input, f, "input") : image_array(input, f, "input");
    Call c;
    c.name = f;
    c.given[0] = weight;
    c.given[1] = bias;
    c.weight = weight_array(weight, rank, f);
    if (!stored) result_like(x, c.weight, "weight");
    const bool channels_last = parse_layout(layout, rank, f);
    const Geometry g = geometry_of(rank, options, f);
    c.bias = bias_data(bias, transposed ? c.weight.shape(1) * g.groups : c.weight.shape(0), c.weight, "weight",
                       c.bias_keep, f);
    c.image = view_image(x, rank, channels_last, f, "input", data);
    c.as = {rank, c.image.batched, channels_last};
    const pc_precision p = parse_precision(precision, f, "precision");
    const Activation act = parse_activation(activation, f, "activation");
    c.desc = transposed
                 ? describe_transposed(c.image, c.weight, g, output_padding_of(rank, options, f), p, algorithm, f)
                 : describe(c.image, c.weight, g, p, act, algorithm, f);
    if (stored) c.desc.src_type = storage_of(x);
    if (stored && c.desc.src_type < PC_F16) c.desc.dtype = c.desc.dtype == PC_F32 ? PC_I32 : PC_I64;
    c.size = out_size(c.desc, rank, f);
    return c;
}

// What the result has the dtype of.
Like like_of(const Call &c) {
    if (c.desc.dtype >= PC_I32) return {c.weight, "weight"};
    if (c.desc.src_type >= PC_F16) return {c.image.array, "input"};
    return result_like(c.image.array, c.weight, "weight");
}

// Where the result goes, which is not where anything else lies.
Result result_apart(const Call &c, py::handle input, py::handle out, const py::object &residual, const Like &like) {
    Result r = make_result(out, c.size, c.as, c.image.layout, like, c.name);
    const auto apart = [&](py::handle array, const char *argument) {
        require_disjoint(r, out, py::reinterpret_borrow<py::array>(array), c.name, argument);
    };
    apart(input, "input");
    apart(c.given[0], "weight");
    if (c.bias) apart(c.given[1], "bias");
    if (residual) apart(residual, "residual");
    return r;
}

// `planned`: a plan of the call as it is, or null.
py::array run(Call &c, py::handle input, py::handle out, py::handle residual, Plan planned = {}) {
    const char *f = c.name;
    const Like like = like_of(c);
    const py::object added = residual_array(residual, c.size, c.as, like, f);
    Result r = result_apart(c, input, out, added, like);
    c.desc.dst_layout = r.layout;
    py::array w = dense(c.weight);
    if (might_be_separable(c.desc))
        if (const auto factors = exact_factors(w); factors && fits_separable(c.desc, f)) {
            w = *factors;
            c.desc.separable = 1;
        }
    const Plan plan = planned ? std::move(planned) : create(c.desc, f);
    pc_exec_args args = {};
    py::object keep;
    args.src = c.image.data;
    args.bias = c.bias;
    args.residual = residual_data(added, c.as, r.layout, keep);
    args.dst = r.data;
    pack_and_execute(plan.get(), w.data(), args);
    r.finish();
    return r.array;
}

py::dict explain_call(Call &c, py::handle out, py::handle residual, bool as_floats = false) {
    const Like like = like_of(c);
    if (as_floats) c.desc.src_type = PC_ELEMENTS;
    residual_array(residual, c.size, c.as, like, c.name);
    if (!out.is_none()) c.desc.dst_layout = make_result(out, c.size, c.as, c.image.layout, like, c.name).layout;
    c.desc.separable = might_be_separable(c.desc) && exact_factors(dense(c.weight)) && fits_separable(c.desc, c.name);
    return explain(create(c.desc, c.name).get());
}

// Whether it is an array of half floats whose memory is as NumPy makes it.
bool plain_halves(py::handle value) {
    if (!is_stored(value)) return false;
    const auto a = py::reinterpret_borrow<py::array>(value);
    constexpr int plain = py::array::c_style | py::detail::npy_api::NPY_ARRAY_ALIGNED_;
    return storage_of(a) >= PC_F16 && a.dtype().byteorder() != '>' && (a.flags() & plain) == plain;
}

// The same of it and others, of which some may be None.
bool are_halves(py::handle first, std::initializer_list<py::handle> others) {
    const auto type = [](py::handle a) { return storage_of(py::reinterpret_borrow<py::array>(a)); };
    return plain_halves(first) && std::all_of(others.begin(), others.end(), [&](py::handle a) {
               return a.is_none() || (plain_halves(a) && type(a) == type(first));
           });
}

py::object floats_of(py::handle halves) {
    if (halves.is_none()) return py::none();
    return convert(py::reinterpret_borrow<py::array>(halves), py::dtype::of<float>(), false);
}

// What lies in `halves`, where nothing is null, as floats in `room`, which is where it ends.
const float *taken(pc_storage type, int64_t n, const void *halves, int64_t at, float *room) {
    if (!halves) return nullptr;
    pc_convert(type, PC_ELEMENTS, 0, n, static_cast<const char *>(halves) + 2 * at, room);
    return room;
}

// The same of half floats by way of floats, part by part, whose numbers stay in the cache meanwhile: some images, or
// some groups of planes. `c` is the call as it is, but for weights and bias, which are floats.
py::array run_halves(Call &c, py::handle input, py::handle out, py::handle residual) {
    constexpr int64_t part = 1 << 17; // floats of image and result; not by threads, on which no bit may depend
    const char *f = c.name;
    const pc_storage type = storage_of(c.image.array);
    const Like like{c.image.array, "input"};
    const py::object added = residual_array(residual, c.size, c.as, like, f);
    Result r = result_apart(c, input, out, added, like);
    pc_conv_desc d = c.desc;
    d.src_type = PC_ELEMENTS;
    d.dst_layout = r.layout;
    py::array w = dense(c.weight);
    if (might_be_separable(d))
        if (const auto factors = exact_factors(w); factors && fits_separable(d, f)) {
            w = *factors;
            d.separable = 1;
        }
    const int64_t images = d.mb, groups = d.groups, oc = c.size[1];
    const int64_t in = d.ic * d.in[0] * d.in[1] * d.in[2], result = oc * c.size[2] * c.size[3] * c.size[4];
    const bool planes = groups > 1 && !d.separable && d.src_layout == PC_NCHW && d.dst_layout == PC_NCHW;
    const int64_t units = planes ? groups : images, each = std::max<int64_t>(1, (in + result) / (planes ? groups : 1));
    const int64_t most = std::clamp<int64_t>(part / each, 1, std::max<int64_t>(1, units));
    py::object keep;
    const void *extra = residual_data(added, c.as, r.layout, keep);
    Plan plan;
    for (int64_t first = 0, last_n = 0; first < units; first += most) {
        const int64_t n = std::min(most, units - first);
        if (n != last_n) {
            if (planes) {
                d.mb = 1;
                d.groups = n;
                d.ic = c.desc.ic / groups * n;
                d.oc = oc / groups * n;
            } else {
                d.mb = n;
            }
            plan = create(d, f);
            last_n = n;
        }
        const int64_t share = planes ? groups : 1, taps = w.size() / share * (planes ? first : 0);
        const int64_t src = planes ? in / groups : in, dst = planes ? result / groups : result;
        const size_t packed = (pc_plan_packed_size(plan.get()) + 63) / 64 * 64,
                     workspace = (pc_plan_workspace_size(plan.get()) + 63) / 64 * 64;
        Scratch scratch(packed + workspace + static_cast<size_t>(n * (src + (extra ? 2 : 1) * dst)) * sizeof(float));
        char *at = static_cast<char *>(scratch.data());
        float *x = reinterpret_cast<float *>(at + packed + workspace), *y = x + n * src;
        pc_exec_args args = {};
        args.packed = at;
        args.workspace = at + packed;
        args.src = x;
        args.dst = y;
        args.bias = c.bias ? static_cast<const float *>(c.bias) + (planes ? oc / groups * first : 0) : nullptr;
        const float *weights = static_cast<const float *>(w.data()) + taps;
        py::gil_scoped_release release;
        pc_plan_pack(plan.get(), weights, at);
        for (int64_t i = 0; i < (planes ? images : 1); i++) {
            taken(type, n * src, c.image.data, i * in + first * src, x);
            args.residual = taken(type, n * dst, extra, i * result + first * dst, y + n * dst);
            pc_plan_execute(plan.get(), &args);
            pc_convert(PC_ELEMENTS, type, 0, n * dst, y, static_cast<char *>(r.data) + 2 * (i * result + first * dst));
        }
    }
    r.finish();
    return r.array;
}

using Name = std::optional<std::string>;

const char *text_of(const Name &name) { return name ? name->c_str() : nullptr; }

// The result, or with `explains` what `explain` says of the call; None where the arrays are numbers that have to be
// converted first. With `stored` the image holds integers, and weights and bias are int32 or int64 by the name of the
// floats of that size, and so is the result.
py::object conv(int rank, py::handle input, py::handle weight, py::handle bias, py::handle stride, py::handle padding,
                py::handle dilation, py::handle groups, py::handle out, py::handle layout,
                const std::string &padding_mode, double padding_value, const Name &algorithm, py::handle precision,
                py::handle activation, py::handle residual, bool explains, bool stored) {
    const Options options{stride, padding, dilation, groups, {}, padding_mode, padding_value};
    const char *f = name_of(rank, false);
    const auto parsed = [&](py::handle x, py::handle w, py::handle b, bool as_stored) {
        return parse_call(rank, x, w, b, options, layout, text_of(algorithm), precision, activation, as_stored,
                          !explains);
    };
    if (!is_stored(weight)) {
        Call c = parsed(input, weight, bias, stored);
        return explains ? py::object(explain_call(c, out, residual)) : run(c, input, out, residual);
    }
    if (!are_halves(weight, {input, bias, out, residual})) return py::none();
    const py::object w = floats_of(weight), b = floats_of(bias);
    Call c = parsed(input, w, b, true);
    c.given[0] = weight;
    c.given[1] = bias;
    // Kernels of few taps may read and write half floats themselves.
    py::ssize_t taps = c.weight.shape(1) == 1 ? 1 : 0;
    for (py::ssize_t i = 2; i < c.weight.ndim(); i++) taps *= c.weight.shape(i);
    if (taps > 0 && taps <= 49 && residual.is_none() && activation.is_none()) {
        pc_plan *plan = nullptr;
        const pc_status status = pc_plan_create_conv(&c.desc, &plan);
        Plan owned(plan);
        if (status == PC_OK)
            return explains ? py::object(explain_call(c, out, residual))
                            : run(c, input, out, residual, std::move(owned));
        if (status != PC_ERR_ALGO) fail(status, f);
    }
    if (!explains) return run_halves(c, input, out, residual);
    return explain_call(c, out, residual, true);
}

py::object conv_transpose(int rank, py::handle input, py::handle weight, py::handle bias, py::handle stride,
                          py::handle padding, py::handle output_padding, py::handle groups, py::handle dilation,
                          py::handle out, py::handle layout, const Name &algorithm, py::handle precision,
                          bool explains) {
    const std::string zeros = "zeros";
    const Options options{stride, padding, dilation, groups, output_padding, zeros, 0};
    const auto parsed = [&](py::handle w, py::handle b, bool stored) {
        return parse_call(rank, input, w, b, options, layout, text_of(algorithm), precision, py::none(), stored,
                          !explains);
    };
    const char *f = name_of(rank, true);
    if (!explains && are_halves(weight, {input, bias, out})) {
        const py::object w = floats_of(weight), b = floats_of(bias);
        Call c = parsed(w, b, true);
        c.given[0] = weight;
        c.given[1] = bias;
        return run_halves(c, input, out, py::none());
    }
    Call c = parsed(weight, bias, false);
    if (explains) return explain_call(c, out, py::none());
    return run(c, input, out, py::none());
}

class PackedConv {
  public:
    PackedConv(py::handle weight, py::object bias, py::handle stride, py::handle padding, py::handle dilation,
               py::handle groups, const std::string &padding_mode, double padding_value, py::handle output_padding,
               py::handle layout, py::handle precision)
        : rank_(static_cast<int>(float_array(weight, "PackedConv", "weight").ndim()) - 2),
          transposed_(!output_padding.is_none()),
          name_(name_of_layer()),
          cache_(weight_array(weight, rank_, name_)),
          bias_(std::move(bias)),
          precision_(parse_precision(precision, name_, "precision")) {
        const Options options{stride,       padding,      dilation, groups, transposed_ ? output_padding : py::handle(),
                              padding_mode, padding_value};
        geometry_ = geometry_of(rank_, options, name_);
        output_padding_ = output_padding_of(rank_, options, name_);
        channels_last_ = parse_layout(layout, rank_, name_);
    }

    // `output_padding` of this call, if it is not None.
    py::array call(py::handle input, py::handle activation, py::handle residual, py::handle output_padding) {
        const py::array x = image_array(input, name_, "input");
        const py::array &w = cache_.weight();
        const Like like = result_like(x, w, "weight");
        py::array keep;
        const void *bias =
            bias_data(bias_, transposed_ ? w.shape(1) * geometry_.groups : w.shape(0), w, "weight", keep, name_);
        const Image image = view_image(x, rank_, channels_last_, name_, "input");
        const Arrangement as{rank_, image.batched, channels_last_};
        const pc_conv_desc desc = described(image, activation, output_padding);
        const Sizes size = out_size(desc, rank_, name_);
        const py::object added = residual_array(residual, size, as, like, name_);
        const Result r = make_result(py::none(), size, as, image.layout, like, name_);
        py::object residual_keep;
        execute(cache_.get(desc, name_), image.data, bias, residual_data(added, as, r.layout, residual_keep), r.data);
        return r.array;
    }

    py::dict explain_call(py::handle input, py::handle output_padding) {
        const py::array x = image_array(input, name_, "input");
        result_like(x, cache_.weight(), "weight");
        const Image image = view_image(x, rank_, channels_last_, name_, "input", false);
        pc_conv_desc desc = described(image, py::none(), output_padding);
        out_size(desc, rank_, name_);
        desc.separable =
            might_be_separable(desc) && exact_factors(dense(cache_.weight())) && fits_separable(desc, name_);
        return explain(create(desc, name_).get());
    }

    void touch() { cache_.touch(); }

    uint64_t version() { return cache_.version(); }

    py::object derived = py::none(); // what the layer computed from the weights; it goes when this object goes

  private:
    const char *name_of_layer() const {
        static const char *const names[2][4] = {{"", "Conv1d", "Conv2d", "Conv3d"},
                                                {"", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"}};
        if (rank_ < 1 || rank_ > 3) throw py::value_error("PackedConv: weight must have 3 to 5 axes");
        return names[transposed_][rank_];
    }

    pc_conv_desc described(const Image &image, py::handle activation, py::handle output_padding) const {
        const py::array &w = cache_.weight();
        if (!transposed_)
            return describe(image, w, geometry_, precision_, parse_activation(activation, name_, "activation"), nullptr,
                            name_);
        const Extent more = output_padding.is_none() ? output_padding_
                                                     : parse_extent(output_padding, rank_, 0, name_, "output_padding");
        return describe_transposed(image, w, geometry_, more, precision_, nullptr, name_);
    }

    int rank_;
    bool transposed_;
    const char *name_;
    Cache cache_;
    py::object bias_;
    pc_precision precision_;
    Geometry geometry_{};
    Extent output_padding_{};
    bool channels_last_ = false;
};

} // namespace

void bind_conv(py::module_ &m) {
    using namespace py::literals;
    // Not by keyword alone, as a keyword costs some 0.1 us more than a position.
    m.def("conv", &conv, "rank"_a, "input"_a, "weight"_a, "bias"_a = py::none(), "stride"_a = 1, "padding"_a = 0,
          "dilation"_a = 1, "groups"_a = 1, "out"_a = py::none(), "layout"_a = "NCHW", "padding_mode"_a = "zeros",
          "padding_value"_a = 0.0, "algorithm"_a = py::none(), "precision"_a = py::none(), "activation"_a = py::none(),
          "residual"_a = py::none(), "explains"_a = false, "stored"_a = false);
    m.def("conv_transpose", &conv_transpose, "rank"_a, "input"_a, "weight"_a, "bias"_a = py::none(), "stride"_a = 1,
          "padding"_a = 0, "output_padding"_a = 0, "groups"_a = 1, "dilation"_a = 1, "out"_a = py::none(),
          "layout"_a = "NCHW", "algorithm"_a = py::none(), "precision"_a = py::none(), "explains"_a = false);
    py::class_<PackedConv>(m, "PackedConv")
        .def(py::init<py::handle, py::object, py::handle, py::handle, py::handle, py::handle, const std::string &,
                      double, py::handle, py::handle, py::handle>(),
             "weight"_a, "bias"_a = py::none(), "stride"_a = 1, "padding"_a = 0, "dilation"_a = 1, "groups"_a = 1,
             py::kw_only(), "padding_mode"_a = "zeros", "padding_value"_a = 0.0, "output_padding"_a = py::none(),
             "layout"_a = "NCHW", "precision"_a = py::none())
        .def("__call__", &PackedConv::call, "input"_a, "activation"_a = py::none(), "residual"_a = py::none(),
             "output_padding"_a = py::none())
        .def("touch", &PackedConv::touch)
        .def("version", &PackedConv::version)
        .def_readwrite("derived", &PackedConv::derived)
        .def("explain", &PackedConv::explain_call, "input"_a, "output_padding"_a = py::none());
}

} // namespace pyconv
