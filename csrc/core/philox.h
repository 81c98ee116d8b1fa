// Philox 4x32-10 (Salmon et al., 2011): a random function of a key and a counter.
#pragma once
#include "core/dtype.h"

namespace fastnets {

// The counter's high words say what the numbers are for, so that no two uses of a seed share any.
enum class RandomUse : std::uint64_t { dropout = 0, attention = 1, recurrent_dropout = 2, zoneout = 3 };

constexpr std::uint32_t kPhiloxM0 = 0xd2511f53, kPhiloxM1 = 0xcd9e8d57;
constexpr std::uint32_t kPhiloxW0 = 0x9e3779b9, kPhiloxW1 = 0xbb67ae85;  // golden ratio and √3 − 1
constexpr int kPhiloxRounds = 10;

struct Philox {
  std::uint32_t word[4];
};

FASTNETS_SHARED FASTNETS_INLINE Philox philox(std::uint64_t key, std::uint64_t index, RandomUse use) {
  const auto high = static_cast<std::uint64_t>(use);
  std::uint32_t x0 = static_cast<std::uint32_t>(index), x1 = static_cast<std::uint32_t>(index >> 32);
  std::uint32_t x2 = static_cast<std::uint32_t>(high), x3 = static_cast<std::uint32_t>(high >> 32);
  std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const std::uint64_t a = std::uint64_t{kPhiloxM0} * x0, b = std::uint64_t{kPhiloxM1} * x2;
    x0 = static_cast<std::uint32_t>(b >> 32) ^ x1 ^ k0, x1 = static_cast<std::uint32_t>(b);
    x2 = static_cast<std::uint32_t>(a >> 32) ^ x3 ^ k1, x3 = static_cast<std::uint32_t>(a);
    k0 += kPhiloxW0, k1 += kPhiloxW1;
  }
  return {{x0, x1, x2, x3}};
}

// A multiple of 2⁻²⁴ in [0, 1): exact in float.
FASTNETS_SHARED FASTNETS_INLINE float uniform(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }

}  // namespace fastnets
