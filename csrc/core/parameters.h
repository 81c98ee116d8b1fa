// What an op's parameters are made of beside numbers: short tuples, and choices by name.
#pragma once
#include <cstdint>

#include "core/activation.h"

namespace fastnets {

constexpr int kMaxSpatial = 3;

// One integer for each spatial dimension.
struct Sizes {
  std::int64_t value[kMaxSpatial] = {};
  int count = 0;
  FASTNETS_INLINE std::int64_t& operator[](int i) { return value[i]; }
  FASTNETS_INLINE const std::int64_t& operator[](int i) const { return value[i]; }
};

template <class E>
struct Names;
template <>
struct Names<Activation> {
  static constexpr auto& list = kActivationNames;
  static constexpr int count = 9;
  static constexpr bool kOptional = true;  // the first one is Python's None
};

}  // namespace fastnets
