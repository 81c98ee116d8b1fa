// Division by a number that is known when a kernel starts: a multiplication instead of a dozen instructions.
//
// Granlund and Montgomery: Division by invariant integers using multiplication, 1994.
#pragma once
#include <bit>

#include "cuda/arch/gpu.h"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// Divides 0 <= n < 2³¹ by 0 < divisor < 2³¹. With s = ⌈log₂ divisor⌉ the quotient is ⌊n · (2³² + multiplier) / 2³²⁺ˢ⌋.
// Sizes of empty arrays, by which nothing is divided, count as 1.
struct Divider {
  uint32_t divisor = 1, multiplier = 1;
  int shift = 0;

  Divider() = default;
  explicit Divider(int64_t d) : divisor(d > 0 ? uint32_t(d) : 1), shift(std::bit_width(divisor - 1)) {
    multiplier = uint32_t((((uint64_t{1} << shift) - divisor) << 32) / divisor + 1);
  }
  __device__ __forceinline__ int quotient(int n) const {
    const uint32_t high = uint32_t((uint64_t{uint32_t(n)} * multiplier) >> 32);
    return int((high + uint32_t(n)) >> shift);
  }
  __device__ __forceinline__ int remainder(int n) const { return n - quotient(n) * int(divisor); }
};

// Divides 0 <= n < 2⁶³ by 0 < divisor < 2⁶³. ⌊n · ⌈2⁶⁴ / divisor⌉ / 2⁶⁴⌋ is the quotient or one more.
struct WideDivider {
  int64_t divisor = 1;
  uint64_t multiplier = 0;

  WideDivider() = default;
  explicit WideDivider(int64_t d) : divisor(d > 0 ? d : 1), multiplier(~uint64_t{0} / uint64_t(divisor) + 1) {}
  __device__ __forceinline__ int64_t quotient(int64_t n) const {
    __extension__ using Wide = unsigned __int128;
    if (divisor == 1) return n;
    const int64_t guess = int64_t(uint64_t((Wide{multiplier} * uint64_t(n)) >> 64));
    return guess - (guess * divisor > n);
  }
};

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
