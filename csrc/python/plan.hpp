// plan.hpp - a plan owned by C++, its execution without the GIL, and what it says of itself.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>

#include "pyconv.h"

namespace pyconv {

struct PlanDeleter {
    void operator()(pc_plan *p) const { pc_plan_destroy(p); }
};
using Plan = std::unique_ptr<pc_plan, PlanDeleter>;

// The attributes of pyconv.Explanation, as a dict.
pybind11::dict explain(const pc_plan *plan);

// Pack if `wei` is given, then execute, both without the GIL; packed weights and workspace come from recycled memory.
void pack_and_execute(const pc_plan *plan, const void *wei, pc_exec_args args);

} // namespace pyconv
