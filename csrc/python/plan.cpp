// plan.cpp - see plan.hpp.
#include "plan.hpp"

#include "memory.hpp"

namespace pyconv {

namespace py = pybind11;

py::dict explain(const pc_plan *plan) {
    pc_plan_info info;
    pc_plan_get_info(plan, &info);
    py::dict refused, d;
    for (int i = 0; pc_algo_name(i); i++)
        if (const char *reason = pc_plan_refusal(plan, i)) refused[pc_algo_name(i)] = reason;
    d["algorithm"] = info.algo;
    d["tile"] = info.tile;
    d["isa"] = info.isa;
    d["threads"] = info.threads;
    d["workspace_bytes"] = info.workspace_bytes;
    d["workspace_bytes_per_thread"] = info.workspace_bytes_per_thread;
    d["packed_bytes"] = info.packed_bytes;
    d["flops"] = info.flops;
    d["refused"] = refused;
    return d;
}

void pack_and_execute(const pc_plan *plan, const void *wei, pc_exec_args args) {
    const size_t packed = wei ? (pc_plan_packed_size(plan) + 63) / 64 * 64 : 0;
    Scratch scratch(packed + pc_plan_workspace_size(plan));
    py::gil_scoped_release release;
    if (wei) {
        pc_plan_pack(plan, wei, scratch.data());
        args.packed = scratch.data();
    }
    args.workspace = static_cast<char *>(scratch.data()) + packed;
    pc_plan_execute(plan, &args);
}

} // namespace pyconv
