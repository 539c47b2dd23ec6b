// memory.hpp - large blocks kept for the next call.
//
// A fresh block of 3 MB costs some 800 page faults, as much as a convolution. Outputs, packed weights and workspaces
// that Python releases therefore wait here, at most `limit` bytes of them in at most `slots` blocks; what does not fit
// is freed.
#pragma once

#include <cstddef>

namespace pyconv {

struct Block {
    void *data = nullptr;
    size_t size = 0;
};

Block acquire(size_t bytes); // at least `bytes`, 64-byte aligned; throws std::bad_alloc
void release(Block block) noexcept;

size_t cached_bytes();
size_t cache_limit();
void set_cache_limit(size_t bytes); // frees what exceeds it

// A block for the length of a scope.
class Scratch {
  public:
    explicit Scratch(size_t bytes) {
        if (bytes > sizeof small_) block_ = acquire(bytes);
    }
    ~Scratch() {
        if (block_.data) release(block_);
    }
    Scratch(const Scratch &) = delete;
    Scratch &operator=(const Scratch &) = delete;
    void *data() { return block_.data ? block_.data : small_; }

  private:
    Block block_;
    alignas(64) char small_[16 << 10]; // small problems stay on the stack
};

} // namespace pyconv
