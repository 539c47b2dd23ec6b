// memory.cpp - the bounded store of memory.hpp.
#include "memory.hpp"

#include <sys/mman.h>

#include <cstdlib>
#include <mutex>
#include <new>

namespace pyconv {

namespace {

constexpr int slots = 32;
constexpr size_t page = 4096, huge_page = size_t{2} << 20;

// Lives for as long as the process: arrays released while the interpreter shuts down still find it.
struct Store {
    std::mutex mutex;
    Block block[slots];
    size_t bytes = 0, limit = size_t{64} << 20;
};

Store &store() {
    static Store *s = new Store;
    return *s;
}

// Blocks come in whole cache lines, pages or huge pages, so that results of nearly the same size share them.
size_t unit_of(size_t bytes) { return bytes >= huge_page ? huge_page : bytes >= page ? page : 64; }

size_t rounded(size_t bytes) {
    const size_t unit = unit_of(bytes);
    return bytes ? (bytes + unit - 1) / unit * unit : unit;
}

Block allocate(size_t size) {
    void *data = std::aligned_alloc(unit_of(size), size);
    if (!data) throw std::bad_alloc();
#if defined(MADV_HUGEPAGE)
    if (size >= huge_page) madvise(data, size, MADV_HUGEPAGE); // one fault for 2 MB instead of 512
#endif
    return {data, size};
}

// Drop blocks, from the first slot on, until at most `most` bytes are kept.
void trim(Store &s, size_t most) {
    for (Block &b : s.block) {
        if (s.bytes <= most) return;
        std::free(b.data);
        s.bytes -= b.size;
        b = {};
    }
}

} // namespace

Block acquire(size_t bytes) {
    const size_t size = rounded(bytes);
    Store &s = store();
    {
        std::lock_guard<std::mutex> lock(s.mutex);
        Block *best = nullptr;
        for (Block &b : s.block) // the smallest that holds it without wasting more than a quarter
            if (b.data && b.size >= size && b.size - size <= size / 4 && (!best || b.size < best->size)) best = &b;
        if (best) {
            const Block found = *best;
            *best = {};
            s.bytes -= found.size;
            return found;
        }
    }
    return allocate(size);
}

void release(Block block) noexcept {
    Store &s = store();
    {
        std::lock_guard<std::mutex> lock(s.mutex);
        if (block.size <= s.limit) {
            trim(s, s.limit - block.size);
            for (int i = 0; i < slots; i++) {
                if (s.block[i].data) continue;
                s.block[i] = block;
                s.bytes += block.size;
                return;
            }
        }
    }
    std::free(block.data);
}

size_t cached_bytes() {
    Store &s = store();
    std::lock_guard<std::mutex> lock(s.mutex);
    return s.bytes;
}

size_t cache_limit() {
    Store &s = store();
    std::lock_guard<std::mutex> lock(s.mutex);
    return s.limit;
}

void set_cache_limit(size_t bytes) {
    Store &s = store();
    std::lock_guard<std::mutex> lock(s.mutex);
    s.limit = bytes;
    trim(s, s.limit);
}

} // namespace pyconv
