// The random numbers of core/philox.h, a vector of counters at a time.
#pragma once
#include "core/philox.h"
#include "cpu/simd/simd.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

constexpr int kDrawn = Words::lanes == 1 ? 4 : Words::lanes * Words::lanes;  // numbers that are drawn together

// out[i] = 2²⁴ · the uniform number of element first + i, for i < kDrawn; first is a multiple of kDrawn.
template <int L = Words::lanes>
FASTNETS_INLINE void draw(std::uint64_t key, std::int64_t first, RandomUse use, float* out) {
  constexpr int kGroups = L == 1 ? 1 : L / 4, kRows = 4 * kGroups;
  const auto counter = static_cast<std::uint64_t>(first) / 4, high = static_cast<std::uint64_t>(use);
  // Lane l of group g has counter + kGroups · l + g, so that the transposed words stand in the elements' order.
  std::uint32_t step[L];
  for (int l = 0; l < L; ++l) step[l] = static_cast<std::uint32_t>(kGroups * l);
  Vec<float> rows[kRows];
  for (int g = 0; g < kGroups; ++g) {
    Words x0 = load_words(step) + splat_words(static_cast<std::uint32_t>(counter) + static_cast<std::uint32_t>(g));
    Words x1 = splat_words(static_cast<std::uint32_t>(counter >> 32));
    Words x2 = splat_words(static_cast<std::uint32_t>(high)), x3 = splat_words(static_cast<std::uint32_t>(high >> 32));
    std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < kPhiloxRounds; ++round) {
      Words high_a, low_a, high_b, low_b;
      multiply_wide(x0, kPhiloxM0, high_a, low_a);
      multiply_wide(x2, kPhiloxM1, high_b, low_b);
      x0 = high_b ^ x1 ^ splat_words(k0), x1 = low_b;
      x2 = high_a ^ x3 ^ splat_words(k1), x3 = low_a;
      k0 += kPhiloxW0, k1 += kPhiloxW1;
    }
    rows[4 * g] = upper_bits(x0), rows[4 * g + 1] = upper_bits(x1);
    rows[4 * g + 2] = upper_bits(x2), rows[4 * g + 3] = upper_bits(x3);
  }
  if constexpr (L > 1) transpose(rows);
  for (int i = 0; i < kRows; ++i) store(out + L * i, rows[i]);
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
