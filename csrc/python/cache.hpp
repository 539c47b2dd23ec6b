// cache.hpp - weights that stay packed between the calls of a layer.
#pragma once

#include <memory>
#include <optional>

#include "arrays.hpp"
#include "halves.hpp"

namespace pyconv {

// The last plan and the last packed weights of a layer. A call whose problem is the last one's does not plan again;
// weights are packed again only when they may have changed.
//
// Whether they may have is decided without looking at them: `owners` references to the weight array are expected, its
// layer's and ours. As long as there are no more, nobody else can write to it; who got hold of it in between says so by
// touch(). If somebody still holds it, the weights are packed at every call. version() tells the same to a layer that
// keeps something else made from its weights.
class Cache {
  public:
    explicit Cache(py::array weight) : weight_(std::move(weight)) {}

    void touch() { fresh_ = false; }

    // A number that stays the same for as long as nobody can have written to the weights.
    uint64_t version() {
        const bool alone = sole_owners();
        if (!fresh_ || !alone) version_++;
        fresh_ = alone;
        return version_;
    }

    const py::array &weight() const { return weight_; }

    struct Entry {
        std::shared_ptr<pc_plan> plan;
        std::shared_ptr<Packed> packed;
    };

    Entry get(const pc_conv_desc &desc, const char *function);

    // The same of half floats, whose type is the descriptor's; see Halves.
    std::shared_ptr<const Halves> halves(const pc_conv_desc &desc, const Sizes &out, bool extra, const char *function);

  private:
    // What a plan depends on.
    struct Problem {
        pc_conv_desc desc;
        pc_isa isa;
        int threads;
        pc_precision precision;
        bool extra; // of half floats: there is a residual
        bool operator==(const Problem &other) const;
    };

    static Problem problem_of(const pc_conv_desc &desc, bool extra, const char *function);
    bool sole_owners() const;

    py::array weight_;
    std::shared_ptr<pc_plan> plan_;
    std::shared_ptr<Packed> packed_;
    std::shared_ptr<const Halves> halves_;
    Problem problem_ = {};
    std::optional<py::array> factors_; // of weights that are products of columns and rows
    uint64_t key_ = 0, version_ = 0, packed_version_ = 0, factored_version_ = 0;
    bool fresh_ = false; // since version() was last asked for, nobody has touched the weights
};

// Run an entry on these buffers.
void execute(const Cache::Entry &e, const void *src, const void *bias, const void *residual, void *dst);

} // namespace pyconv
