// Memory that kernels need while they run. The caller provides it; an op that only counts says how much.
#pragma once
#include <cstddef>
#include <cstdint>

namespace fastnets::cuda {

struct Workspace {
  std::byte* base = nullptr;
  bool counts_only = false;
  std::size_t used = 0;

  // An array aligned to 64 bytes, as the base is; null when counting.
  template <class T>
  T* take(std::int64_t count) {
    constexpr std::size_t kAlignment = 64;
    T* array = counts_only ? nullptr : reinterpret_cast<T*>(base + used);
    used += (static_cast<std::size_t>(count) * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
    return array;
  }
};

}  // namespace fastnets::cuda
