// problem.hpp - the arguments of a convolution as a descriptor; what is wrong with them as exceptions.
#pragma once

#include <string>

#include "arrays.hpp"
#include "plan.hpp"

namespace pyconv {

// How a window moves: the arguments of a convolution beside its arrays.
struct Geometry {
    int rank;
    Extent stride, dilation, lo, hi; // lo, hi: zeros where the padding follows from the image
    enum Padding { given, same, same_upper, same_lower, causal } padding;
    int64_t groups;
    pc_boundary boundary;
    double fill;
    bool limited; // a border may not be wider than torch permits
};

Geometry parse_geometry(int rank, py::handle stride, py::handle padding, py::handle dilation, py::handle groups,
                        const std::string &mode, double fill, const char *function);

// Of `rank` + 2 axes; half floats only if they may be.
py::array weight_array(py::handle weight, int rank, const char *function, bool halves_too = false);
// Its last axes.
Extent kernel_of(const py::array &weight);
// The elements of a bias, or null for None; `keep` holds them. Their dtype is that of `like`.
const void *bias_data(py::handle bias, int64_t channels, const py::array &like, const char *like_name, py::array &keep,
                      const char *function);
// ValueError if an axis other than the batch is empty.
void require_pixels(const Image &x, const char *function);

pc_conv_desc describe(const Image &x, const py::array &w, const Geometry &g, pc_precision precision,
                      const Activation &activation, const char *algorithm, const char *function);
// The same for weights of (ic, oc / groups, *kernel) and a result that `output_padding` makes longer.
pc_conv_desc describe_transposed(const Image &x, const py::array &w, const Geometry &g, const Extent &output_padding,
                                 pc_precision precision, const char *algorithm, const char *function);
// All that does not depend on the weights: an image of `x` to `oc` channels of windows.
pc_conv_desc describe_window(const Image &x, pc_dtype dtype, int64_t oc, const Extent &kernel, const Geometry &g,
                             const Activation &activation, const char *function);
// What the result's dtype is: the weight's, which is the input's unless that holds bytes. TypeError if they differ.
Like result_like(const py::array &x, const py::array &weight, const char *argument);

// The size of the result, or an exception that says in terms of the arguments what is wrong.
Sizes out_size(const pc_conv_desc &d, int rank, const char *function);

// The residual after checking it; null if there is none.
py::object residual_array(py::handle residual, const Sizes &size, const Arrangement &as, const Like &like,
                          const char *function);
// Its elements in the result's memory order; `keep` holds a copy, where one was needed.
const void *residual_data(const py::object &residual, const Arrangement &as, pc_layout layout, py::object &keep);

Plan create(const pc_conv_desc &d, const char *function);

} // namespace pyconv
