// settings.cpp - instruction set, threads, precision, memory kept for reuse, and what the build is.
#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "bindings.hpp"
#include "memory.hpp"

namespace pyconv {

namespace {

std::vector<std::string> available_isas() {
    std::vector<std::string> names;
    for (int i = PC_ISA_SCALAR; i < PC_ISA_COUNT; i++)
        if (pc_isa_available(static_cast<pc_isa>(i))) names.emplace_back(pc_isa_name(static_cast<pc_isa>(i)));
    return names;
}

std::string choices() {
    std::string text;
    for (const auto &name : available_isas()) text += (text.empty() ? "" : ", ") + name;
    return text;
}

std::string get_isa() {
    pc_isa isa;
    if (pc_get_isa(&isa) != PC_OK) {
        const char *forced = std::getenv("PYCONV_ISA");
        throw py::value_error(std::string("PYCONV_ISA='") + (forced ? forced : "") + "' is not one of " + choices());
    }
    return pc_isa_name(isa);
}

void set_isa(const std::optional<std::string> &name) {
    pc_isa isa = PC_ISA_AUTO;
    if (name && (pc_isa_from_name(name->c_str(), &isa) != PC_OK || pc_set_isa(isa) != PC_OK))
        throw py::value_error("set_isa: '" + *name + "' is not one of " + choices());
    pc_set_isa(isa);
}

std::vector<std::string> algorithms() {
    std::vector<std::string> names;
    for (int i = 0; pc_algo_name(i); i++) names.emplace_back(pc_algo_name(i));
    return names;
}

void set_num_threads(int n) {
    if (n < 1) throw py::value_error("set_num_threads: n must be at least 1, not " + std::to_string(n));
    pc_set_num_threads(n);
}

void set_num_threads_local(int n) {
    if (n < 0) throw py::value_error("set_num_threads_local: n must not be negative, not " + std::to_string(n));
    pc_set_num_threads_local(n);
}

void set_precision(py::handle name) { pc_set_precision(parse_precision(name, "set_precision", "name")); }

} // namespace

void bind_settings(py::module_ &m) {
    using namespace py::literals;
    m.def("get_isa", &get_isa);
    m.def("set_isa", &set_isa, "name"_a.none(true));
    m.def("available_isas", &available_isas);
    m.def("algorithms", &algorithms);
    m.def("get_num_threads", &pc_get_num_threads);
    m.def("set_num_threads", &set_num_threads, "n"_a);
    m.def("get_num_threads_local", &pc_get_num_threads_local);
    m.def("set_num_threads_local", &set_num_threads_local, "n"_a);
    m.def("get_precision", [] { return pc_precision_name(pc_get_precision()); });
    m.def("set_precision", &set_precision, "name"_a);
    m.def("cached_bytes", &cached_bytes);
    m.def("get_cache_limit", &cache_limit);
    m.def("set_cache_limit", &set_cache_limit, "n"_a);
    m.def("compiler", &pc_compiler);
}

} // namespace pyconv
