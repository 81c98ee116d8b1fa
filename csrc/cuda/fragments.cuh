// Products of fragments, which is what a warp holds of an operand on the tensor cores. Of float32 numbers these take 11
// significant bits: a number is rounded to them, or comes as two such parts.
#pragma once
#include <bit>

#include "cuda/arch/sm80.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

constexpr uint32_t kTaken = 0xffffe000, kHalfTaken = 0x1000, kMagnitude = 0x7fffffff, kInfinity = 0x7f800000;

// Whether rounding up would give infinity, or the number is infinite.
__device__ __forceinline__ bool is_last(float x) {
  return (std::bit_cast<uint32_t>(x) & kMagnitude) - (kInfinity - kHalfTaken) <= kHalfTaken;
}
// The nearest such number, of two the one farther from zero; the last ones are cut off instead.
__device__ __forceinline__ uint32_t to_tfloat32(float x, bool cut_off) {
  constexpr uint32_t kQuiet = 0x00400000;
  const uint32_t held = std::bit_cast<uint32_t>(x);
  if ((held & kMagnitude) > kInfinity) return held | kQuiet;
  return (cut_off ? held : held + kHalfTaken) & kTaken;
}
__device__ __forceinline__ uint32_t to_tfloat32(float x) { return to_tfloat32(x, is_last(x)); }
// What to_tfloat32 has left of a number, likewise; nothing of an infinite one.
__device__ __forceinline__ uint32_t rest_of_tfloat32(float x, uint32_t taken) {
  return (taken & kMagnitude) == kInfinity ? 0 : to_tfloat32(x - std::bit_cast<float>(taken), is_last(x));
}

// kCount fragments as mma_tfloat32() takes them, of such as hold float32 numbers: each number rounded,
template <int kCount>
struct RoundedFragments {
  uint32_t taken[kCount][4];

  RoundedFragments() = default;
  __device__ __forceinline__ explicit RoundedFragments(const uint32_t (&numbers)[kCount][4]) {
#pragma unroll
    for (int i = 0; i < kCount; ++i)
#pragma unroll
      for (int e = 0; e < 4; ++e) taken[i][e] = to_tfloat32(std::bit_cast<float>(numbers[i][e]));
  }
};

// or each in two parts.
template <int kCount>
struct SplitFragments {
  uint32_t taken[kCount][4], rest[kCount][4];

  SplitFragments() = default;
  __device__ __forceinline__ explicit SplitFragments(const uint32_t (&numbers)[kCount][4]) {
#pragma unroll
    for (int i = 0; i < kCount; ++i)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const float x = std::bit_cast<float>(numbers[i][e]);
        taken[i][e] = to_tfloat32(x);
        rest[i][e] = rest_of_tfloat32(x, taken[i][e]);
      }
  }
};

// sums[i][j] += a[i] * b[j], where each fragment of b holds two.
template <class T, int kM, int kN>
__device__ __forceinline__ void add_product(float (&sums)[kM][kN][4], const uint32_t (&a)[kM][4],
                                            const uint32_t (&b)[kN / 2][4]) {
#pragma unroll
  for (int i = 0; i < kM; ++i)
#pragma unroll
    for (int j = 0; j < kN; ++j) {
      const uint32_t b_half[2] = {b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]};
      if constexpr (std::is_same_v<T, float>)
        mma_tfloat32(sums[i][j], a[i], b_half);
      else
        mma<T>(sums[i][j], a[i], b_half);
    }
}
template <int kM, int kN>
__device__ __forceinline__ void add_product(float (&sums)[kM][kN][4], const RoundedFragments<kM>& a,
                                            const RoundedFragments<kN / 2>& b) {
  add_product<float>(sums, a.taken, b.taken);
}
// Small terms first. The product of the rests is left out: it is less than what they are rounded by.
template <int kM, int kN>
__device__ __forceinline__ void add_product(float (&sums)[kM][kN][4], const SplitFragments<kM>& a,
                                            const SplitFragments<kN / 2>& b) {
  add_product<float>(sums, a.rest, b.taken);
  add_product<float>(sums, a.taken, b.rest);
  add_product<float>(sums, a.taken, b.taken);
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
