// bindings.hpp - the parts of the extension module.
#pragma once

#include <pybind11/pybind11.h>

namespace pyconv {

void bind_conv(pybind11::module_ &m);
void bind_linear(pybind11::module_ &m);
void bind_separable(pybind11::module_ &m);
void bind_pool(pybind11::module_ &m);
void bind_activation(pybind11::module_ &m);
void bind_resample(pybind11::module_ &m);
void bind_stored(pybind11::module_ &m);
void bind_settings(pybind11::module_ &m);

} // namespace pyconv
