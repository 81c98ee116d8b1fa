// What an op's parameters are made of beside numbers: short tuples, and choices by name.
#pragma once
#include <cstdint>

#include "core/activation.h"
#include "core/tensor.h"

namespace fastnets {

constexpr int kMaxSpatial = 3;

// A few integers.
template <int kMost>
struct Integers {
  std::int64_t value[kMost] = {};
  int count = 0;
  FASTNETS_INLINE std::int64_t& operator[](int i) { return value[i]; }
  FASTNETS_INLINE const std::int64_t& operator[](int i) const { return value[i]; }
};
using Sizes = Integers<kMaxSpatial>;  // one for each spatial dimension
using Dims = Integers<kMaxDims>;      // one for each of an array's last dimensions

template <class E>
struct Names;
template <>
struct Names<Activation> {
  static constexpr auto& list = kActivationNames;
  static constexpr int count = 9;
  static constexpr bool kOptional = true;  // the first one is Python's None
};

}  // namespace fastnets
