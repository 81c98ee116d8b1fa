// Memory that kernels need while they run: one block a thread, kept for the next call.
#pragma once
#include <cstddef>
#include <cstdint>

namespace fastnets::cpu {

// At least `bytes` bytes for this thread, aligned to 64; the next call in the same thread reuses them. Slot 0 is for
// the caller of an op, slot 1 for its tasks.
void* scratch(std::size_t bytes, int slot);

// Frees what every thread holds and does not use at the moment; returns how many bytes the calling one held.
std::size_t release_memory();

// Hands out arrays from a block, or, without a block, only counts what they need.
struct Workspace {
  std::byte* base = nullptr;
  std::size_t used = 0;
  template <class T>
  [[gnu::always_inline]] T* take(std::int64_t count) {
    T* p = base ? reinterpret_cast<T*>(base + used) : nullptr;
    used += (static_cast<std::size_t>(count) * sizeof(T) + 63) / 64 * 64;
    return p;
  }
};

}  // namespace fastnets::cpu
