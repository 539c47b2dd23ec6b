// cache.cpp - see cache.hpp.
#include "cache.hpp"

#include <cstddef>
#include <cstring>
#include <optional>

#include "problem.hpp"
#include "separable.hpp"

namespace pyconv {

Cache::Problem Cache::problem_of(const pc_conv_desc &desc, bool extra, const char *function) {
    pc_isa isa;
    const pc_status status = pc_get_isa(&isa);
    if (status != PC_OK) fail(status, function);
    const pc_precision precision = desc.precision == PC_PRECISION_AUTO ? pc_get_precision() : desc.precision;
    return {desc, isa, pc_get_num_threads(), precision, extra};
}

// Descriptors up to the precision, which is compared as resolved, and the activation. The algorithm, which no layer
// names, is left out. No field that is compared has padding before it.
bool Cache::Problem::operator==(const Problem &other) const {
    constexpr size_t compared = offsetof(pc_conv_desc, precision);
    return isa == other.isa && threads == other.threads && precision == other.precision && extra == other.extra &&
           std::memcmp(&desc, &other.desc, compared) == 0 && desc.activation == other.desc.activation &&
           std::memcmp(desc.clamp, other.desc.clamp, sizeof desc.clamp) == 0;
}

Cache::Entry Cache::get(const pc_conv_desc &asked, const char *function) {
    Problem problem = problem_of(asked, false, function);
    pc_conv_desc &desc = problem.desc;
    const uint64_t current = version();
    const auto planned = [&] { return plan_ && problem == problem_; };
    const auto packed = [&] { return packed_ && packed_version_ == current; };
    // First what may let another thread in, which may call this function: copies of the weights.
    if (might_be_separable(desc)) {
        if (factored_version_ != current) {
            auto factors = exact_factors(dense(weight_));
            factors_ = std::move(factors);
            factored_version_ = current;
        }
        desc.separable = factors_ && fits_separable(desc, function);
    }
    std::optional<py::array> weights;
    if (!planned() || !packed()) weights = desc.separable ? *factors_ : dense(weight_);
    if (!planned()) {
        plan_ = std::shared_ptr<pc_plan>(create(desc, function).release(), pc_plan_destroy);
        problem_ = problem;
        const uint64_t key = pc_plan_pack_key(plan_.get());
        if (key != key_) packed_.reset();
        key_ = key;
    }
    if (!packed()) {
        auto block = std::make_shared<Packed>(pc_plan_packed_size(plan_.get()));
        pc_plan_pack(plan_.get(), weights->data(), block->block.data);
        packed_ = std::move(block);
        packed_version_ = current;
    }
    return {plan_, packed_};
}

std::shared_ptr<const Halves> Cache::halves(const pc_conv_desc &desc, const Sizes &out, bool extra,
                                            const char *function) {
    const Problem problem = problem_of(desc, extra, function);
    const uint64_t current = version();
    if (halves_ && problem == problem_ && packed_version_ == current) return halves_;
    // It lets other threads in, which may come here too.
    auto made = std::make_shared<const Halves>(desc, out, floats_of(weight_), extra, function);
    halves_ = made;
    problem_ = problem;
    packed_version_ = current;
    return made;
}

bool Cache::sole_owners() const {
#if defined(Py_GIL_DISABLED)
    return false;
#else
    constexpr Py_ssize_t owners = 2;
    PyObject **weak = PyObject_GET_WEAKREFS_LISTPTR(weight_.ptr()); // a weak reference can become a real one unseen
    return Py_REFCNT(weight_.ptr()) <= owners && !weight_.base() && !(weak && *weak);
#endif
}

void execute(const Cache::Entry &e, const void *src, const void *bias, const void *residual, void *dst) {
    pc_exec_args args = {};
    args.src = src;
    args.packed = e.packed->block.data;
    args.bias = bias;
    args.residual = residual;
    args.dst = dst;
    pack_and_execute(e.plan.get(), nullptr, args);
}

} // namespace pyconv
