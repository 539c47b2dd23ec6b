// module.cpp - the extension module pyconv._native: array views over the C library, nothing else.
#include "bindings.hpp"
#include "pyconv.h"

PYBIND11_MODULE(_native, m) {
    m.doc() = "Array views over the C library of pyconv.";
    m.attr("__version__") = pc_version();
    pyconv::bind_conv(m);
    pyconv::bind_linear(m);
    pyconv::bind_separable(m);
    pyconv::bind_pool(m);
    pyconv::bind_activation(m);
    pyconv::bind_resample(m);
    pyconv::bind_stored(m);
    pyconv::bind_settings(m);
}
