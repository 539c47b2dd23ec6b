// arrays.hpp - NumPy arrays as the C library sees them: checked, laid out, copied only where they must be.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <array>
#include <string>

#include "pyconv.h"

namespace pyconv {

namespace py = pybind11;
using Sizes = std::array<int64_t, 5>;  // n, c, depth, height, width; axes that an image lacks are 1
using Extent = std::array<int64_t, 3>; // depth, height, width

// "(1, 3, 32, 32)", for messages.
std::string shape_text(const py::array &a);
std::string shape_text(const int64_t *shape, int n);

// `value` as an ndarray of float32 or float64 in native byte order; TypeError naming the argument otherwise.
py::array float_array(py::handle value, const char *function, const char *argument);
// The same, or of uint8: an image of bytes.
py::array image_array(py::handle value, const char *function, const char *argument);
bool holds_bytes(const py::array &a);
// The same of integers of up to 32 bits, whose arithmetic is in integers, or of half floats; and how they are stored.
py::array stored_array(py::handle value, const char *function, const char *argument);
pc_storage storage_of(const py::array &a);
bool is_stored(py::handle value); // an array of integers or half floats
// Which half floats an array holds that holds nothing but floats, of some size; PC_ELEMENTS, which is 0, if others.
inline pc_storage half_type(const py::array &a) { return a.itemsize() == 2 ? storage_of(a) : PC_ELEMENTS; }
// `value` as float_array() has it, or an ndarray of half floats.
py::array number_array(py::handle value, const char *function, const char *argument);
pc_dtype dtype_of(const py::array &a); // what computes it: of half floats PC_F32
// TypeError unless `a` has the dtype of `other`.
void require_dtype(const py::array &a, const char *argument, const py::array &other, const char *other_argument);

int64_t parse_int(py::handle value, const char *function, const char *argument);
// An integer, or a sequence of one or `rank` of them, for the last `rank` axes; `others` for those before.
Extent parse_extent(py::handle value, int rank, int64_t others, const char *function, const char *argument);
bool parse_layout(py::handle value, int rank, const char *function); // true: the axes are (N, spatial, C)
// 'fast', 'strict', or None, which leaves it to the process: PC_PRECISION_AUTO.
pc_precision parse_precision(py::handle value, const char *function, const char *argument);

// A name, a pair of bounds, or None.
struct Activation {
    pc_activation kind = PC_NO_ACTIVATION;
    double clamp[2] = {0, 0};
};
Activation parse_activation(py::handle value, const char *function, const char *argument);

// An image of 1 to 3 spatial axes or a batch of them: logical sizes, and data that is dense in `layout`.
struct Image {
    py::array array; // keeps the data alive; a copy where the given array was not dense
    int rank;
    bool batched;
    pc_layout layout;
    Sizes size;
    void *data;
};

// View an input of `rank` spatial axes, in place when it is dense in either order, else as a dense copy in the order it
// is closest to; without `data`, as if it had been copied.
Image view_image(const py::array &a, int rank, bool channels_last, const char *function, const char *argument,
                 bool data = true);

// How results of images are arranged.
struct Arrangement {
    int rank;
    bool batched, channels_last;
};

// An array whose dtype others must have, and what it is called.
struct Like {
    const py::array &array;
    const char *argument;
};

// `value` as an array that has the shape of a result exactly, and the dtype of `like`.
py::array result_shaped(py::handle value, const char *argument, const Sizes &size, const Arrangement &as,
                        const Like &like, const char *function);

// A result: a fresh array (with the memory order `layout`), or the caller's `out` after checking it.
struct Result {
    py::array array;  // what the caller gets
    py::array target; // what the kernels write: `array`, or a dense stand-in that finish() copies from
    pc_layout layout;
    void *data;
    void finish();
};
Result make_result(py::handle out, const Sizes &size, const Arrangement &as, pc_layout layout, const Like &like,
                   const char *function);
// ValueError if `out` shares memory with `input`.
void require_disjoint(const Result &result, py::handle out, const py::array &input, const char *function,
                      const char *argument);

// A dense array of this shape and dtype on recycled memory when it is large; see memory.hpp.
py::array fresh_array(const py::dtype &dtype, const std::vector<py::ssize_t> &shape,
                      const std::vector<py::ssize_t> &strides);
// `a` itself when it is dense, aligned and in C order, else a copy that is; dense() is the quicker where there are at
// most 5 axes.
py::array c_contiguous(const py::array &a);
py::array dense(const py::array &a);
// An array itself when its memory is dense in the order `layout`, else a copy with the axes turned so.
py::array dense_in(const py::array &a, const Arrangement &as, pc_layout layout);

[[noreturn]] void fail(pc_status status, const char *function);

} // namespace pyconv
