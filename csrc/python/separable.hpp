// separable.hpp - kernels that are the product of a column and a row.
#pragma once

#include <optional>

#include "arrays.hpp"

namespace pyconv {

// Whether two passes would pay for this problem, if its kernels were products, and its precision permits them.
bool might_be_separable(const pc_conv_desc &d);

// Whether the two passes would run, were the kernels products: they need more memory than other ways.
bool fits_separable(pc_conv_desc d, const char *function);

// Weights (O, 1, KH, KW) or (O, 1, 1, KH, KW), in C order, as (O, KH + KW): for each channel a column, then a row,
// whose products are the kernel to the last bit. None if there is a kernel that is no such product, or whose factors
// would have to be rounded.
std::optional<py::array> exact_factors(const py::array &weight);

} // namespace pyconv
