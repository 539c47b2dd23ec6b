// resample.cpp - images resampled to another size.
#include <string>

#include "arrays.hpp"
#include "bindings.hpp"
#include "memory.hpp"

namespace pyconv {

namespace {

// (N, C, *spatial), which the caller has checked, with one size and one step for each spatial axis.
py::array resample(const py::array &input, const std::string &mode, bool corners, const py::list &size,
                   const py::list &step) {
    constexpr const char *function = "interpolate";
    static const char *const modes[PC_RESAMPLE_COUNT] = {"nearest", "nearest-exact", "linear", "bicubic"};
    const int rank = static_cast<int>(size.size());
    const Image image = view_image(input, rank, false, function, "input");
    pc_resample_desc d = {};
    d.dtype = input.dtype().kind() == 'f' && input.itemsize() == 8 ? PC_F64 : PC_F32;
    while (d.mode < PC_RESAMPLE_COUNT - 1 && mode != modes[d.mode]) d.mode = static_cast<pc_resample_mode>(d.mode + 1);
    d.corners = corners;
    d.size = static_cast<int>(input.itemsize());
    d.rank = rank;
    const bool last = image.layout == PC_NHWC;
    d.planes = image.size[0] * (last ? 1 : image.size[1]);
    d.inner = last ? image.size[1] : 1;
    Sizes out = image.size;
    for (size_t i = 0; i < 3; i++) {
        const bool resampled = i + size.size() >= 3;
        if (resampled) out[2 + i] = size[i + size.size() - 3].cast<int64_t>();
        d.in[i] = image.size[2 + i];
        d.out[i] = out[2 + i];
        d.step[i] = resampled ? step[i + size.size() - 3].cast<double>() : 0;
    }
    const Result r = make_result(py::none(), out, {rank, true, false}, image.layout, {image.array, "input"}, function);
    pc_status status;
    {
        py::gil_scoped_release release;
        const size_t bytes = pc_resample_workspace(&d);
        Scratch scratch(bytes);
        status = pc_resample(&d, image.data, r.data, scratch.data(), bytes);
    }
    if (status != PC_OK) fail(status, function);
    return r.array;
}

} // namespace

void bind_resample(py::module_ &m) {
    using namespace py::literals;
    m.def("resample", &resample, "input"_a, "mode"_a, "corners"_a, "size"_a, "step"_a);
}

} // namespace pyconv
