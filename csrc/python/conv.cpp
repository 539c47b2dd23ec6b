// conv.cpp - conv2d, and the layer that keeps its weights packed.
#include <pybind11/stl.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <vector>

#include "bindings.hpp"
#include "cache.hpp"
#include "halves.hpp"
#include "problem.hpp"
#include "separable.hpp"

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

py::array run(Call &c, py::handle input, py::handle out, py::handle residual) {
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
    const Plan plan = create(c.desc, f);
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

// The type of half floats that all of these are, of which some may be None; PC_ELEMENTS if there is none.
pc_storage type_of_halves(py::handle first, std::initializer_list<py::handle> others) {
    const auto type = [](py::handle a) {
        return is_stored(a) ? storage_of(py::reinterpret_borrow<py::array>(a)) : PC_ELEMENTS;
    };
    const pc_storage t = type(first);
    const auto alike = [&](py::handle a) { return a.is_none() || type(a) == t; };
    return t >= PC_F16 && std::all_of(others.begin(), others.end(), alike) ? t : PC_ELEMENTS;
}

// The result of half floats; `c` is the call without its bias, and its weights are floats.
py::array run_halves(Call &c, py::handle input, py::handle weight, py::handle bias, py::handle out,
                     py::handle residual) {
    const Like like{c.image.array, "input"};
    c.given[0] = weight;
    c.given[1] = bias;
    c.bias = bias_data(bias, c.desc.oc, py::reinterpret_borrow<py::array>(weight), "weight", c.bias_keep, c.name);
    const py::object added = residual_array(residual, c.size, c.as, like, c.name);
    Result r = result_apart(c, input, out, added, like);
    c.desc.dst_layout = r.layout;
    py::object keep;
    const void *extra = residual_data(added, c.as, r.layout, keep);
    const Halves halves(c.desc, c.size, dense(c.weight), extra, c.name);
    {
        py::gil_scoped_release release;
        halves.run(c.image.data, c.bias, extra, r.data);
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
    const pc_storage type = type_of_halves(weight, {input, bias});
    if (type == PC_ELEMENTS) return py::none();
    Call c = parsed(half_array(input, type, f, "input"), floats_of(weight), py::none(), true);
    if (!explains) return run_halves(c, input, weight, bias, out, residual);
    return explain_call(c, out, residual, !residual.is_none() || !reading_halves(c.desc, f));
}

py::object conv_transpose(int rank, py::handle input, py::handle weight, py::handle bias, py::handle stride,
                          py::handle padding, py::handle output_padding, py::handle groups, py::handle dilation,
                          py::handle out, py::handle layout, const Name &algorithm, py::handle precision,
                          bool explains) {
    const std::string zeros = "zeros";
    const Options options{stride, padding, dilation, groups, output_padding, zeros, 0};
    const auto parsed = [&](py::handle x, py::handle w, py::handle b, bool stored) {
        return parse_call(rank, x, w, b, options, layout, text_of(algorithm), precision, py::none(), stored, !explains);
    };
    const char *f = name_of(rank, true);
    const pc_storage type = type_of_halves(weight, {input, bias});
    if (!explains && type != PC_ELEMENTS) {
        Call c = parsed(half_array(input, type, f, "input"), floats_of(weight), py::none(), true);
        return run_halves(c, input, weight, bias, out, py::none());
    }
    Call c = parsed(input, weight, bias, false);
    if (explains) return explain_call(c, out, py::none());
    return run(c, input, out, py::none());
}

class PackedConv {
  public:
    PackedConv(py::handle weight, py::object bias, py::handle stride, py::handle padding, py::handle dilation,
               py::handle groups, const std::string &padding_mode, double padding_value, py::handle output_padding,
               py::handle layout, py::handle precision)
        : rank_(static_cast<int>(number_array(weight, "PackedConv", "weight").ndim()) - 2),
          transposed_(!output_padding.is_none()),
          name_(name_of_layer()),
          cache_(weight_array(weight, rank_, name_, true)),
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
        const py::array &w = cache_.weight();
        const pc_storage type = half_type(w);
        const py::array x = type ? half_array(input, type, name_, "input") : image_array(input, name_, "input");
        const Like like = type ? Like{x, "input"} : result_like(x, w, "weight");
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
        const void *extra = residual_data(added, as, r.layout, residual_keep);
        if (!type) {
            execute(cache_.get(desc, name_), image.data, bias, extra, r.data);
            return r.array;
        }
        const auto halves = cache_.halves(desc, size, extra, name_);
        {
            py::gil_scoped_release release;
            halves->run(image.data, bias, extra, r.data);
        }
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
