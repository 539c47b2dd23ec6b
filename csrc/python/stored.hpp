// stored.hpp - numbers of one type as those of another.
#pragma once

#include <pybind11/numpy.h>

namespace pyconv {

// `input`, dense in some order of its axes, as numbers of another type: that of `out`, whose memory has the same order,
// or `out` itself, of which the result is then fresh.
pybind11::array convert(const pybind11::array &input, const pybind11::object &out, bool saturate);

} // namespace pyconv
