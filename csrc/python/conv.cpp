// conv.cpp - conv2d, and the layer that keeps its weights packed.
#include <pybind11/stl.h>

#include <optional>

#include "bindings.hpp"
#include "cache.hpp"
#include "problem.hpp"
#include "separable.hpp"

namespace pyconv {

namespace {

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
    const py::array x = image_array(input, f, "input");
    Call c;
    c.weight = weight_array(weight, f);
    result_like(x, c.weight, "weight");
    c.bias = bias_data(bias, c.weight.shape(0), c.weight, "weight", c.bias_keep, f);
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
    const Like like = result_like(c.image.array, c.weight, "weight");
    const py::object added = residual_array(residual, size, c.image, c.channels_last, like, "conv2d");
    Result r = make_result(out, size, c.image.batched, c.channels_last, c.image.layout, like, "conv2d");
    require_disjoint(r, out, py::reinterpret_borrow<py::array>(input), "conv2d", "input");
    require_disjoint(r, out, c.weight, "conv2d", "weight");
    if (c.bias) require_disjoint(r, out, c.bias_keep, "conv2d", "bias");
    if (added) require_disjoint(r, out, py::reinterpret_borrow<py::array>(added), "conv2d", "residual");
    c.desc.dst_layout = r.layout;
    py::array w = dense(c.weight);
    if (might_be_separable(c.desc))
        if (const auto factors = exact_factors(w); factors && fits_separable(c.desc, "conv2d")) {
            w = *factors;
            c.desc.separable = 1;
        }
    const Plan plan = create(c.desc, "conv2d");
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
    const Like like = result_like(c.image.array, c.weight, "weight");
    residual_array(residual, size, c.image, c.channels_last, like, "conv2d");
    if (!out.is_none())
        c.desc.dst_layout =
            make_result(out, size, c.image.batched, c.channels_last, c.image.layout, like, "conv2d").layout;
    c.desc.separable = might_be_separable(c.desc) && exact_factors(dense(c.weight)) && fits_separable(c.desc, "conv2d");
    return explain(create(c.desc, "conv2d").get());
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
        const py::array x = image_array(input, name, "input");
        const py::array &w = cache_.weight();
        const Like like = result_like(x, w, "weight");
        py::array keep;
        const void *bias = bias_data(bias_, w.shape(0), w, "weight", keep, name);
        const Image image = view_image(x, channels_last_, name, "input");
        const pc_conv_desc desc =
            describe(image, w, geometry_, precision_, parse_activation(activation, name, "activation"), nullptr, name);
        const Sizes size = out_size(desc, name);
        const py::object added = residual_array(residual, size, image, channels_last_, like, name);
        const Result r = make_result(py::none(), size, image.batched, channels_last_, image.layout, like, name);
        py::object residual_keep;
        execute(cache_.get(desc, name), image.data, bias, residual_data(added, channels_last_, r.layout, residual_keep),
                r.data);
        return r.array;
    }

    py::dict explain_call(py::handle input) {
        const py::array x = image_array(input, name, "input");
        result_like(x, cache_.weight(), "weight");
        const Image image = view_image(x, channels_last_, name, "input", false);
        pc_conv_desc desc = describe(image, cache_.weight(), geometry_, precision_, {}, nullptr, name);
        out_size(desc, name);
        desc.separable =
            might_be_separable(desc) && exact_factors(dense(cache_.weight())) && fits_separable(desc, name);
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
}

} // namespace pyconv
