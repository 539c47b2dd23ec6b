// halves.cpp - see halves.hpp.
#include "halves.hpp"

#include <algorithm>
#include <cstring>

#include "problem.hpp"
#include "separable.hpp"
#include "stored.hpp"

namespace pyconv {

namespace {

// Floats of a part and its result. Never by the number of threads, on which no bit may depend: other sizes may take
// other algorithms.
constexpr int64_t wanted = 1 << 17;

// Bytes in whole cache lines.
size_t whole(size_t bytes) { return (bytes + 63) / 64 * 64; }
size_t lines(int64_t floats) { return whole(static_cast<size_t>(floats) * sizeof(float)); }
size_t workspace(const pc_plan *plan) { return whole(pc_plan_workspace_size(plan)); }

std::shared_ptr<Packed> pack(const pc_plan *plan, const void *weights) {
    auto packed = std::make_shared<Packed>(pc_plan_packed_size(plan));
    py::gil_scoped_release release;
    pc_plan_pack(plan, weights, packed->block.data);
    return packed;
}

py::array native(const py::array &a) {
    if (a.dtype().byteorder() != '>') return a;
    return a.attr("astype")(a.dtype().attr("newbyteorder")("="));
}

} // namespace

py::array half_array(py::handle value, pc_storage type, const char *function, const char *argument) {
    if (!is_stored(value) || storage_of(py::reinterpret_borrow<py::array>(value)) != type)
        throw py::type_error(std::string(function) + ": " + argument + " must be " +
                             (type == PC_F16 ? "float16" : "bfloat16") + " as weight is, not " +
                             (py::isinstance<py::array>(value) ? py::str(value.attr("dtype")).cast<std::string>()
                                                               : std::string(Py_TYPE(value.ptr())->tp_name)));
    return native(py::reinterpret_borrow<py::array>(value));
}

py::object floats_of(py::handle halves) {
    if (halves.is_none()) return py::none();
    return convert(dense(native(py::reinterpret_borrow<py::array>(halves))), py::dtype::of<float>(), false);
}

Plan reading_halves(const pc_conv_desc &d, const char *function) {
    const int64_t taps = d.kernel[0] * d.kernel[1] * d.kernel[2];
    if (d.transposed || d.ic != d.groups || taps > 49 || d.activation != PC_NO_ACTIVATION) return {};
    pc_plan *plan = nullptr;
    const pc_status status = pc_plan_create_conv(&d, &plan);
    if (status != PC_OK && status != PC_ERR_ALGO) fail(status, function);
    return Plan(plan);
}

Halves::Halves(const pc_conv_desc &d, const Sizes &out, const py::array &weights, bool extra, const char *function)
    : d_(d),
      out_(out),
      type_(d.src_type),
      in_(d.ic * d.in[0] * d.in[1] * d.in[2]),
      result_(out[1] * out[2] * out[3] * out[4]) {
    if (!extra) direct_ = reading_halves(d, function);
    if (direct_) {
        packed_ = pack(direct_.get(), weights.data());
        return;
    }
    d_.src_type = PC_ELEMENTS;
    py::array w = weights;
    if (might_be_separable(d_))
        if (const auto factors = exact_factors(w); factors && fits_separable(d_, function)) {
            w = *factors;
            d_.separable = 1;
        }
    choose_cut(w.size(), extra);
    const int64_t parts = units_ ? (units_ - 1) / most_ + 1 : 0;
    for (int64_t i = 0; i < parts; i++)
        if (cut_ != images || i == 0 || i == parts - 1)
            add_part(i * most_, std::min(most_, units_ - i * most_), w, function);
}

// Parts hold at least as many floats as there are weights, which each of them reads.
void Halves::choose_cut(int64_t weights, bool extra) {
    const int64_t each = std::max<int64_t>(1, in_ + (extra ? 2 : 1) * result_), least = std::max(wanted, weights);
    const bool planar = d_.src_layout == PC_NCHW && d_.dst_layout == PC_NCHW;
    units_ = d_.mb;
    most_ = std::clamp<int64_t>(least / each, 1, std::max<int64_t>(1, units_));
    if (d_.groups > 1 && !d_.separable && planar) {
        cut_ = groups;
        units_ = d_.groups;
        most_ = std::clamp<int64_t>(wanted * units_ / each, 1, units_);
        return;
    }
    while (axis_ < 2 && d_.in[axis_] == 1 && out_[static_cast<size_t>(axis_) + 2] == 1) axis_++;
    const int64_t reach = d_.dilation[axis_] * (d_.kernel[axis_] - 1) + 1, n = out_[static_cast<size_t>(axis_) + 2];
    const bool bordered = d_.boundary == PC_ZEROS || d_.boundary == PC_CONSTANT;
    if (each <= least || d_.transposed || d_.separable || !bordered || d_.pad_lo[axis_] >= reach ||
        d_.pad_hi[axis_] >= reach)
        return;
    // Whole tiles of Winograd's algorithm; what neighbouring bands both read is a small part of each.
    constexpr int64_t tile = 4, apart = 4;
    const int64_t rows = std::max(std::max<int64_t>(1, least * n / each), apart * (reach - d_.stride[axis_]));
    const int64_t count = std::max<int64_t>(1, n / rows);
    const int64_t band = ((n - 1) / count / tile + 1) * tile;
    if (band >= n) return;
    cut_ = bands;
    units_ = n;
    most_ = band;
}

// A part that starts at unit `first` and has n of them, of all weights.
void Halves::add_part(int64_t first, int64_t n, const py::array &weights, const char *function) {
    pc_conv_desc d = d_;
    const auto *w = static_cast<const float *>(weights.data());
    Part p{first, n, first, n, nullptr, nullptr};
    if (cut_ == groups) {
        d.mb = 1;
        d.groups = n;
        d.ic = d_.ic / d_.groups * n;
        d.oc = d_.oc / d_.groups * n;
        w += weights.size() / d_.groups * first;
    } else if (cut_ == bands) {
        const int64_t step = d_.stride[axis_], reach = d_.dilation[axis_] * (d_.kernel[axis_] - 1) + 1;
        const int64_t begin = first * step - d_.pad_lo[axis_], end = begin + (n - 1) * step + reach;
        p.from = std::max<int64_t>(0, begin);
        p.count = std::min(end, d_.in[axis_]) - p.from;
        d.mb = 1;
        d.in[axis_] = p.count;
        d.pad_lo[axis_] = p.from - begin;
        d.pad_hi[axis_] = end - p.from - p.count;
    } else {
        d.mb = n;
    }
    add(std::move(p), d, w, function);
}

// Plan and pack a part, or share what the last one has.
void Halves::add(Part p, const pc_conv_desc &d, const void *weights, const char *function) {
    const Part *last = parts_.empty() ? nullptr : &parts_.back();
    if (last && std::memcmp(&d, &planned_, sizeof d) == 0) {
        p.plan = last->plan;
    } else {
        p.plan = create(d, function);
        planned_ = d;
    }
    if (last && cut_ != groups && pc_plan_pack_key(p.plan.get()) == pc_plan_pack_key(last->plan.get())) {
        p.packed = last->packed;
    } else {
        p.packed = pack(p.plan.get(), weights);
    }
    parts_.push_back(std::move(p));
}

// Where a part of an image, or of its result, lies.
Halves::Runs Halves::runs(bool result, int64_t image, const Part &p) const {
    const int64_t all = result ? result_ : in_, at = result ? p.to : p.from, n = result ? p.results : p.count;
    if (cut_ == images) return {at * all, 1, n * all, 0};
    if (cut_ == groups) return {image * all + at * (all / units_), 1, n * (all / units_), 0};
    const int64_t channels = result ? d_.oc : d_.ic,
                  along = result ? out_[static_cast<size_t>(axis_) + 2] : d_.in[axis_];
    if ((result ? d_.dst_layout : d_.src_layout) == PC_NHWC)
        return {image * all + at * (all / along), 1, n * (all / along), 0};
    const int64_t row = all / channels / along;
    return {image * all + at * row, channels, n * row, all / channels};
}

void Halves::run_part(const Part &p, int64_t image, const void *src, const float *bias, const void *residual, void *dst,
                      char *room) const {
    const Runs in = runs(false, image, p), out = runs(true, image, p);
    float *x = reinterpret_cast<float *>(room + workspace(p.plan.get()));
    float *y = x + lines(in.count * in.n) / sizeof(float), *extra = y + lines(out.count * out.n) / sizeof(float);
    pc_exec_args args = {};
    args.workspace = room;
    args.packed = p.packed->block.data;
    args.bias = bias && cut_ == groups ? bias + d_.oc / d_.groups * p.to : bias;
    args.src = x;
    args.dst = y;
    const auto at = [](const void *halves, int64_t i) { return static_cast<const char *>(halves) + 2 * i; };
    pc_convert_rows(type_, PC_ELEMENTS, 0, in.count, in.n, at(src, in.at), in.apart, x, in.n);
    if (residual) {
        pc_convert_rows(type_, PC_ELEMENTS, 0, out.count, out.n, at(residual, out.at), out.apart, extra, out.n);
        args.residual = extra;
    }
    pc_plan_execute(p.plan.get(), &args);
    pc_convert_rows(PC_ELEMENTS, type_, 0, out.count, out.n, y, out.n, const_cast<char *>(at(dst, out.at)), out.apart);
}

void Halves::run(const void *src, const void *halves, const void *residual, void *dst) const {
    const size_t first = halves ? lines(d_.oc) : 0;
    size_t bytes = direct_ ? workspace(direct_.get()) : 0;
    for (const Part &p : parts_) {
        const Runs in = runs(false, 0, p), out = runs(true, 0, p);
        const size_t numbers = lines(in.count * in.n) + (residual ? 2 : 1) * lines(out.count * out.n);
        bytes = std::max(bytes, workspace(p.plan.get()) + numbers);
    }
    Scratch scratch(first + bytes);
    char *room = static_cast<char *>(scratch.data()) + first;
    float *bias = halves ? static_cast<float *>(scratch.data()) : nullptr;
    if (bias) pc_convert(type_, PC_ELEMENTS, 0, d_.oc, halves, bias);
    if (direct_) {
        pc_exec_args args = {};
        args.src = src;
        args.packed = packed_->block.data;
        args.bias = bias;
        args.dst = dst;
        args.workspace = room;
        pc_plan_execute(direct_.get(), &args);
    } else if (cut_ == images) {
        for (int64_t first = 0; first < units_; first += most_) {
            Part p = units_ - first < most_ ? parts_.back() : parts_[0];
            p.from = p.to = first;
            run_part(p, 0, src, bias, residual, dst, room);
        }
    } else {
        for (int64_t image = 0; image < d_.mb; image++)
            for (const Part &p : parts_) run_part(p, image, src, bias, residual, dst, room);
    }
}

} // namespace pyconv
