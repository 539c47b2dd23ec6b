// arrays.cpp - checks and views of NumPy arrays; see arrays.hpp.
#include "arrays.hpp"

#include <cmath>
#include <cstdlib>
#include <vector>

#include "memory.hpp"

namespace pyconv {

namespace {

constexpr size_t recycled =
    128 << 10; // bytes from which a result lives on recycled memory; below, malloc keeps its own

using Flags = py::detail::npy_api;

bool has_flag(const py::array &a, int flag) { return (a.flags() & flag) != 0; }

bool is_aligned(const py::array &a) { return has_flag(a, Flags::NPY_ARRAY_ALIGNED_); }

// Whether strides are those of a dense array with its axes in the order `order`, the last varying fastest.
bool is_dense(const py::array &a, const int *order) {
    py::ssize_t expected = a.itemsize();
    for (auto i = a.ndim() - 1; i >= 0; i--) {
        const int axis = order[i];
        if (a.shape(axis) != 1 && a.strides(axis) != expected) return a.size() == 0;
        expected *= a.shape(axis);
    }
    return true;
}

constexpr int most_axes = 5;
constexpr int in_order[most_axes] = {0, 1, 2, 3, 4};

// The axes of an image in the order of the other layout: (N, C, H, W) as 0 2 3 1, (N, H, W, C) as 0 3 1 2.
struct OtherOrder {
    int axis[most_axes];
    OtherOrder(py::ssize_t ndim, int rank, bool channels_last) {
        const int n = static_cast<int>(ndim), batch = n - rank - 1;
        int at = 0;
        if (batch) axis[at++] = 0;
        if (channels_last) axis[at++] = n - 1;
        for (int i = 0; i < rank; i++) axis[at++] = batch + !channels_last + i;
        if (!channels_last) axis[at] = batch;
    }
};

py::array transposed(const py::array &a, const int *order) {
    py::tuple axes(static_cast<size_t>(a.ndim()));
    for (py::ssize_t i = 0; i < a.ndim(); i++) axes[static_cast<size_t>(i)] = order[i];
    return a.attr("transpose")(axes);
}

std::string kind_of(py::handle value) { return Py_TYPE(value.ptr())->tp_name; }

} // namespace

std::string shape_text(const int64_t *shape, int n) {
    std::string s = "(";
    for (int i = 0; i < n; i++) s += (i ? ", " : "") + std::to_string(shape[i]);
    return s + (n == 1 ? ",)" : ")");
}

std::string shape_text(const py::array &a) {
    std::vector<int64_t> shape(a.shape(), a.shape() + a.ndim());
    return shape_text(shape.data(), static_cast<int>(a.ndim()));
}

namespace {

py::array typed_array(py::handle value, bool bytes_too, const char *function, const char *argument) {
    if (!py::isinstance<py::array>(value))
        throw py::type_error(std::string(function) + ": " + argument + " must be a numpy.ndarray, not " +
                             kind_of(value));
    auto a = py::reinterpret_borrow<py::array>(value);
    const py::dtype type = a.dtype();
    const int num = type.num();
    const char order = type.byteorder();
    if (bytes_too && num == Flags::NPY_UBYTE_) return a;
    if ((num != Flags::NPY_FLOAT_ && num != Flags::NPY_DOUBLE_) || (order != '=' && order != '|'))
        throw py::type_error(
            std::string(function) + ": " + argument + " must be float32 or float64 in native byte order" +
            (bytes_too ? ", or uint8, not " : ", not ") + py::str(py::handle(type)).cast<std::string>());
    return a;
}

} // namespace

py::array float_array(py::handle value, const char *function, const char *argument) {
    return typed_array(value, false, function, argument);
}

py::array image_array(py::handle value, const char *function, const char *argument) {
    return typed_array(value, true, function, argument);
}

pc_storage storage_of(const py::array &a) {
    static constexpr struct {
        char kind;
        int size;
        pc_storage storage;
    } types[] = {{'u', 1, PC_U8},  {'i', 1, PC_S8},  {'i', 2, PC_S16}, {'i', 4, PC_S32},
                 {'i', 8, PC_S64}, {'f', 2, PC_F16}, {'V', 2, PC_BF16}}; // what ml_dtypes calls bfloat16 is of kind V
    for (const auto &t : types)
        if (a.dtype().kind() == t.kind && a.itemsize() == t.size) return t.storage;
    return PC_ELEMENTS;
}

py::array stored_array(py::handle value, const char *function, const char *argument) {
    const auto a = py::reinterpret_borrow<py::array>(value);
    const pc_storage s = storage_of(a);
    if (s == PC_ELEMENTS || s == PC_S64)
        throw py::type_error(std::string(function) + ": " + argument + " must hold integers or half floats");
    return a;
}

bool is_stored(py::handle value) {
    return py::isinstance<py::array>(value) && storage_of(py::reinterpret_borrow<py::array>(value)) != PC_ELEMENTS;
}

py::array number_array(py::handle value, const char *function, const char *argument) {
    if (is_stored(value) && storage_of(py::reinterpret_borrow<py::array>(value)) >= PC_F16)
        return py::reinterpret_borrow<py::array>(value);
    return float_array(value, function, argument);
}

bool holds_bytes(const py::array &a) { return a.dtype().num() == Flags::NPY_UBYTE_; }

pc_dtype dtype_of(const py::array &a) { return a.itemsize() == 8 ? PC_F64 : PC_F32; }

void require_dtype(const py::array &a, const char *argument, const py::array &other, const char *other_argument) {
    if (a.itemsize() == other.itemsize()) return;
    const auto name = [](const py::array &x) {
        return x.itemsize() == 4 ? std::string("float32") : std::string("float64");
    };
    throw py::type_error(std::string(argument) + " is " + name(a) + " but " + other_argument + " is " + name(other) +
                         "; they must have the same dtype");
}

int64_t parse_int(py::handle value, const char *function, const char *argument) {
    PyObject *index = PyLong_CheckExact(value.ptr()) ? value.inc_ref().ptr() : PyNumber_Index(value.ptr());
    if (!index) {
        PyErr_Clear();
        throw py::type_error(std::string(function) + ": " + argument + " must be an integer, not " + kind_of(value));
    }
    const long long n = PyLong_AsLongLong(index);
    Py_DECREF(index);
    if (n == -1 && PyErr_Occurred()) {
        PyErr_Clear();
        throw py::value_error(std::string(function) + ": " + argument + " does not fit in 64 bits");
    }
    return n;
}

Extent parse_extent(py::handle value, int rank, int64_t others, const char *function, const char *argument) {
    Extent extent{others, others, others};
    const auto set = [&](int i, int64_t n) { extent[static_cast<size_t>(3 - rank + i)] = n; };
    if (!PyLong_CheckExact(value.ptr()) && PySequence_Check(value.ptr()) && !PyUnicode_Check(value.ptr()) &&
        !PyBytes_Check(value.ptr())) {
        const auto seq = py::reinterpret_borrow<py::sequence>(value);
        const auto n = PySequence_Size(value.ptr());
        if (n < 0) PyErr_Clear();
        if (n == 1 || n == rank) {
            for (int i = 0; i < rank; i++) {
                const py::object item = seq[static_cast<size_t>(n == 1 ? 0 : i)];
                set(i, parse_int(item, function, argument));
            }
            return extent;
        }
        static const char *const also[4] = {"", "", " or two", " or three"};
        if (n >= 0)
            throw py::value_error(std::string(function) + ": " + argument + " must be one integer" + also[rank] +
                                  ", not " + std::to_string(n));
    }
    const int64_t n = parse_int(value, function, argument);
    for (int i = 0; i < rank; i++) set(i, n);
    return extent;
}

bool parse_layout(py::handle value, int rank, const char *function) {
    static const char *const own[4][2] = {{}, {"NCL", "NLC"}, {"NCHW", "NHWC"}, {"NCDHW", "NDHWC"}};
    if (PyUnicode_Check(value.ptr()))
        for (const int r : {2, rank})
            for (const bool last : {false, true})
                if (PyUnicode_CompareWithASCIIString(value.ptr(), own[r][last]) == 0) return last;
    std::string wanted = std::string(function) + ": layout must be 'NCHW' or 'NHWC'";
    if (rank != 2) wanted += std::string(" (or '") + own[rank][0] + "' or '" + own[rank][1] + "')";
    if (PyUnicode_Check(value.ptr())) throw py::value_error(wanted + ", not '" + value.cast<std::string>() + "'");
    throw py::type_error(wanted + ", not " + kind_of(value));
}

pc_precision parse_precision(py::handle value, const char *function, const char *argument) {
    if (value.is_none()) return PC_PRECISION_AUTO;
    const bool text = PyUnicode_Check(value.ptr());
    for (const pc_precision precision : {PC_FAST, PC_STRICT})
        if (text && PyUnicode_CompareWithASCIIString(value.ptr(), pc_precision_name(precision)) == 0) return precision;
    const std::string wanted = std::string(function) + ": " + argument + " must be 'fast', 'strict' or None, not ";
    if (text) throw py::value_error(wanted + "'" + value.cast<std::string>() + "'");
    throw py::type_error(wanted + kind_of(value));
}

Activation parse_activation(py::handle value, const char *function, const char *argument) {
    if (value.is_none()) return {};
    struct Named {
        const char *name;
        Activation activation;
    };
    static const Named known[] = {{"relu", {PC_RELU, {0, 0}}},
                                  {"relu6", {PC_CLAMP, {0, 6}}},
                                  {"silu", {PC_SILU, {0, 0}}},
                                  {"hardswish", {PC_HARDSWISH, {0, 0}}}};
    const std::string name = std::string(function) + ": " + argument;
    const auto wanted = [&](const std::string &got) {
        return name +
               " must be 'relu', 'relu6', 'silu', 'hardswish', a pair (least, greatest) of numbers, or None, not " +
               got;
    };
    if (PyUnicode_Check(value.ptr())) {
        for (const Named &n : known)
            if (PyUnicode_CompareWithASCIIString(value.ptr(), n.name) == 0) return n.activation;
        throw py::value_error(wanted("'" + value.cast<std::string>() + "'"));
    }
    if (!PySequence_Check(value.ptr()) || PyBytes_Check(value.ptr())) throw py::type_error(wanted(kind_of(value)));
    const auto seq = py::reinterpret_borrow<py::sequence>(value);
    const auto n = PySequence_Size(value.ptr());
    if (n < 0) {
        PyErr_Clear();
        throw py::type_error(wanted(kind_of(value)));
    }
    if (n != 2) throw py::value_error(wanted("a sequence of " + std::to_string(n)));
    Activation a{PC_CLAMP, {0, 0}};
    for (size_t i = 0; i < 2; i++) {
        const py::object bound = seq[i];
        a.clamp[i] = PyFloat_AsDouble(bound.ptr());
        if (a.clamp[i] == -1 && PyErr_Occurred()) {
            const bool large = PyErr_ExceptionMatches(PyExc_OverflowError);
            PyErr_Clear();
            if (large) throw py::value_error(name + " has a bound that does not fit in a float64");
            throw py::type_error(wanted("a pair with " + kind_of(bound)));
        }
    }
    const auto repr = [&] { return py::repr(value).cast<std::string>(); };
    if (std::isnan(a.clamp[0]) || std::isnan(a.clamp[1]))
        throw py::value_error(name + " has a bound that is NaN: " + repr());
    if (a.clamp[0] > a.clamp[1]) throw py::value_error(name + " has its least above its greatest: " + repr());
    return a;
}

py::array c_contiguous(const py::array &a) {
    // Not py::array::ensure, which would swallow NumPy's MemoryError.
    const int flags = Flags::NPY_ARRAY_ENSUREARRAY_ | Flags::NPY_ARRAY_C_CONTIGUOUS_ | Flags::NPY_ARRAY_ALIGNED_;
    PyObject *copy = Flags::get().PyArray_FromAny_(a.ptr(), nullptr, 0, 0, flags, nullptr);
    if (!copy) throw py::error_already_set();
    return py::reinterpret_steal<py::array>(copy);
}

py::array dense(const py::array &a) {
    if (is_aligned(a) && a.ndim() <= most_axes && is_dense(a, in_order)) return a;
    return c_contiguous(a);
}

py::array dense_in(const py::array &a, const Arrangement &as, pc_layout layout) {
    if ((layout == PC_NHWC) == as.channels_last) return dense(a);
    const OtherOrder other(a.ndim(), as.rank, as.channels_last);
    return is_aligned(a) && is_dense(a, other.axis) ? a : c_contiguous(transposed(a, other.axis));
}

Image view_image(const py::array &a, int rank, bool channels_last, const char *function, const char *argument,
                 bool data) {
    const auto ndim = a.ndim();
    if (ndim != rank + 1 && ndim != rank + 2) {
        static const char *const spatial[4] = {"", "L", "H, W", "D, H, W"};
        const std::string axes =
            channels_last ? std::string(spatial[rank]) + ", C" : std::string("C, ") + spatial[rank];
        throw py::value_error(std::string(function) + ": " + argument + " must have shape (" + axes + ") or (N, " +
                              axes + "), not " + shape_text(a));
    }
    const bool batched = ndim == rank + 2;
    Image image{a, rank, batched, channels_last ? PC_NHWC : PC_NCHW, {1, 1, 1, 1, 1}, nullptr};
    const int c = batched + (channels_last ? rank : 0), first = batched + !channels_last, last = first + rank - 1;
    if (batched) image.size[0] = a.shape(0);
    image.size[1] = a.shape(c);
    for (int i = 0; i < rank; i++) image.size[static_cast<size_t>(5 - rank + i)] = a.shape(first + i);
    const OtherOrder other(ndim, rank, channels_last);
    const pc_layout turned = channels_last ? PC_NCHW : PC_NHWC;
    if (is_aligned(a) && is_dense(a, in_order)) {
    } else if (is_aligned(a) && is_dense(a, other.axis)) {
        image.layout = turned;
    } else {
        // A view that is not dense is copied, in the order that its own strides suggest.
        const auto step = [&](int axis) { return std::abs(a.strides(axis)); };
        const bool last_fastest = a.shape(c) > 1 && step(c) < step(last) && (rank == 1 || step(last) <= step(last - 1));
        image.layout = last_fastest ? PC_NHWC : PC_NCHW;
        if (data) image.array = dense(image.layout == turned ? transposed(a, other.axis) : a);
    }
    if (data) image.data = const_cast<void *>(image.array.data());
    return image;
}

py::array fresh_array(const py::dtype &dtype, const std::vector<py::ssize_t> &shape,
                      const std::vector<py::ssize_t> &strides) {
    size_t bytes = static_cast<size_t>(dtype.itemsize());
    for (const auto n : shape) bytes *= static_cast<size_t>(n);
    if (bytes < recycled) return py::array(dtype, shape, strides);
    const Block block = acquire(bytes);
    auto *held = new Block(block);
    const py::capsule owner(held, [](void *p) {
        release(*static_cast<Block *>(p));
        delete static_cast<Block *>(p);
    });
    return py::array(dtype, shape, strides, block.data, owner);
}

namespace {

// Of the numbers n, c, depth, height, width those that an array has axes for, in the order of its axes.
std::vector<py::ssize_t> arranged(const Sizes &s, const Arrangement &as) {
    std::vector<py::ssize_t> axes;
    axes.reserve(most_axes);
    if (as.batched) axes.push_back(s[0]);
    if (!as.channels_last) axes.push_back(s[1]);
    axes.insert(axes.end(), s.end() - as.rank, s.end());
    if (as.channels_last) axes.push_back(s[1]);
    return axes;
}

std::vector<py::ssize_t> result_strides(const Sizes &s, const Arrangement &as, pc_layout layout, py::ssize_t size) {
    const py::ssize_t pixels = s[2] * s[3] * s[4], pixel = layout == PC_NHWC ? s[1] : 1;
    const py::ssize_t w = size * pixel, h = w * s[4], d = h * s[3];
    return arranged({size * s[1] * pixels, layout == PC_NHWC ? size : size * pixels, d, h, w}, as);
}

py::array shaped(py::handle value, const char *argument, const std::vector<py::ssize_t> &shape, const Like &like,
                 const char *function) {
    const py::dtype wanted_type = like.array.dtype();
    const bool is_array = py::isinstance<py::array>(value);
    const bool same = is_array && py::reinterpret_borrow<py::array>(value).dtype().equal(wanted_type);
    if (is_array && !same && half_type(like.array))
        throw py::type_error(std::string(function) + ": " + argument + " is " +
                             py::str(value.attr("dtype")).cast<std::string>() + " but the result is " +
                             py::str(wanted_type).cast<std::string>());
    const py::array a = same ? py::reinterpret_borrow<py::array>(value) : float_array(value, function, argument);
    if (!same && wanted_type.kind() != 'f')
        throw py::type_error(std::string(argument) + " is " + py::str(a.dtype()).cast<std::string>() + " but " +
                             like.argument + " is " + py::str(wanted_type).cast<std::string>() +
                             "; they must have the same dtype");
    if (!same) require_dtype(a, argument, like.array, like.argument);
    if (static_cast<size_t>(a.ndim()) != shape.size() || !std::equal(shape.begin(), shape.end(), a.shape())) {
        const std::vector<int64_t> wanted(shape.begin(), shape.end());
        throw py::value_error(std::string(function) + ": " + argument + " has shape " + shape_text(a) +
                              " but the result has shape " +
                              shape_text(wanted.data(), static_cast<int>(wanted.size())));
    }
    return a;
}

} // namespace

py::array result_shaped(py::handle value, const char *argument, const Sizes &size, const Arrangement &as,
                        const Like &like, const char *function) {
    return shaped(value, argument, arranged(size, as), like, function);
}

Result make_result(py::handle out, const Sizes &size, const Arrangement &as, pc_layout layout, const Like &like,
                   const char *function) {
    const auto shape = arranged(size, as);
    const auto fresh = [&] {
        const py::array &a = like.array;
        return fresh_array(a.dtype(), shape, result_strides(size, as, layout, a.itemsize()));
    };
    if (out.is_none()) {
        py::array a = fresh();
        void *data = const_cast<void *>(a.data());
        return {a, a, layout, data};
    }
    const py::array a = shaped(out, "out", shape, like, function);
    if (!a.writeable()) throw py::value_error(std::string(function) + ": out is not writeable");
    for (py::ssize_t i = 0; i < a.ndim(); i++)
        if (a.size() > 0 && a.shape(i) > 1 && a.strides(i) == 0)
            throw py::value_error(std::string(function) + ": out repeats its elements along axis " + std::to_string(i));
    Result r{a, a, layout, const_cast<void *>(a.data())};
    if (is_aligned(a) && is_dense(a, in_order)) {
        r.layout = as.channels_last ? PC_NHWC : PC_NCHW;
    } else if (is_aligned(a) && is_dense(a, OtherOrder(a.ndim(), as.rank, as.channels_last).axis)) {
        r.layout = as.channels_last ? PC_NCHW : PC_NHWC;
    } else {
        r.target = fresh();
        r.data = const_cast<void *>(r.target.data());
    }
    return r;
}

void Result::finish() {
    if (target.ptr() != array.ptr()) array[py::ellipsis()] = target;
}

void require_disjoint(const Result &result, py::handle out, const py::array &input, const char *function,
                      const char *argument) {
    if (out.is_none()) return;
    static const py::handle shares = py::module_::import("numpy").attr("shares_memory").cast<py::object>().release();
    if (shares(result.array, input).cast<bool>())
        throw py::value_error(std::string(function) + ": out shares memory with " + argument);
}

void fail(pc_status status, const char *function) {
    std::string text = std::string(function) + ": " + pc_status_text(status);
    if (status == PC_ERR_NOMEM) throw std::bad_alloc();
    const char *forced = std::getenv("PYCONV_ISA");
    if (status == PC_ERR_ISA && forced) text += std::string(" (PYCONV_ISA is '") + forced + "')";
    throw py::value_error(text);
}

} // namespace pyconv
