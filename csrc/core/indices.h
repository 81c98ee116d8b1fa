// Class labels and token ids: in host memory they are checked before anything runs.
#pragma once
#include "core/check.h"

namespace fastnets {

// Every element of t must be at least 0 and less than `count`, the number of `things`, or be equal to *ignored.
inline void check_indices(const char* op, const char* what, const Tensor& t, std::int64_t count, const char* things,
                          const std::int64_t* ignored = nullptr) {
  if (t.device.type != Device::Type::cpu || !t.data) return;
  visit_index(t.dtype, [&]<class T>(Type<T>) {
    const std::int64_t size = t.size();
    const bool is_contiguous = t.is_contiguous();
    for (std::int64_t i = 0; i < size; ++i) {
      std::int64_t offset = i;
      if (!is_contiguous) {
        offset = 0;
        for (std::int64_t d = t.ndim - 1, rest = i; d >= 0; rest /= t.shape[d], --d)
          offset += rest % t.shape[d] * t.stride[d];
      }
      const std::int64_t index = t.as<T>()[offset];
      if (index >= 0 && index < count) continue;
      check(ignored && index == *ignored, op, ": ", what, " ", index, " at element ", i, " is out of range for ", count,
            " ", things);
    }
  });
}

}  // namespace fastnets
