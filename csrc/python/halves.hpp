// halves.hpp - convolutions of half floats: by kernels that read them, or by way of floats, part by part.
#pragma once

#include <memory>
#include <vector>

#include "arrays.hpp"
#include "memory.hpp"
#include "plan.hpp"

namespace pyconv {

// The same array in native byte order, if it holds half floats of that type; TypeError naming the argument otherwise.
py::array half_array(py::handle value, pc_storage type, const char *function, const char *argument);

// Half floats in any memory as float32 in C order; None as it is.
py::object floats_of(py::handle halves);

// Packed weights shared by the calls that run on them.
struct Packed {
    Block block;
    explicit Packed(size_t bytes) : block(acquire(bytes)) {}
    ~Packed() { release(block); }
    Packed(const Packed &) = delete;
    Packed &operator=(const Packed &) = delete;
};

// A plan whose kernels read the half floats of this problem themselves, where there is no residual; null if none does.
Plan reading_halves(const pc_conv_desc &d, const char *function);

// How one problem of half floats is computed, with its weights packed. Where no kernel reads half floats themselves, the
// image is cut into parts: some images, some groups of planes, or bands along its first axis. Each is converted,
// computed in float32 and rounded, and small enough that what is between stays in L2.
class Halves {
  public:
    // `d` is that of the call, src_type included, and `out` its result; `weights` are floats in C order. `extra`: there
    // will be a residual.
    Halves(const pc_conv_desc &d, const Sizes &out, const py::array &weights, bool extra, const char *function);

    // Without the GIL. All of them hold half floats.
    void run(const void *src, const void *bias, const void *residual, void *dst) const;

  private:
    // Elements along the axis that is cut: of the image and of the result.
    struct Part {
        int64_t from, count, to, results;
        std::shared_ptr<pc_plan> plan;
        std::shared_ptr<Packed> packed;
    };
    // Pieces of memory that make up a part of an image or a result: `n` elements each, `apart` from one to the next.
    struct Runs {
        int64_t at, count, n, apart;
    };

    void add(Part p, const pc_conv_desc &d, const void *weights, const char *function);
    void choose_cut(int64_t weights, bool extra);
    void add_part(int64_t first, int64_t n, const py::array &weights, const char *function);
    Runs runs(bool result, int64_t image, const Part &p) const;
    void run_part(const Part &p, int64_t image, const void *src, const float *bias, const void *residual, void *dst,
                  char *room) const;

    enum Cut { images, groups, bands } cut_ = images;
    pc_conv_desc d_, planned_ = {}; // of the call; of the last part
    Sizes out_;
    pc_storage type_;
    Plan direct_; // reads half floats; else null, and there are parts
    std::shared_ptr<Packed> packed_;
    int axis_ = 0;            // of bands
    int64_t in_, result_;     // elements of an image and its result
    int64_t units_, most_;    // of the cut, and in a part at most
    std::vector<Part> parts_; // of images: one of as many as there may be, then the rest
};

} // namespace pyconv
