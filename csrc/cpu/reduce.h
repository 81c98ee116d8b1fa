// Sums over the rows of a matrix.
#pragma once
#include "cpu/layout.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

constexpr int kChain = 512;  // terms added one after the other before the sum joins the next level

// out[j] = sum_i x[i][j]. A task owns some columns; chains of kChain rows, which are then added in order.
template <class T>
void sum_rows(const T* x, std::int64_t rows, std::int64_t columns, std::int64_t row_stride, T* out) {
  using V = Vec<Accumulator<T>>;
  constexpr int kVectors = 4;
  const auto task = [&](std::int64_t t) {
    for (int v = 0; v < kVectors; ++v) {
      const std::int64_t j = (t * kVectors + v) * V::lanes;
      if (j >= columns) return;
      const int n = static_cast<int>(least(V::lanes, columns - j));
      V total = splat(Accumulator<T>(0));
      for (std::int64_t i = 0; i < rows; i += kChain) {
        V chain = splat(Accumulator<T>(0));
        for (std::int64_t r = i; r < least(rows, i + kChain); ++r) chain = chain + load(x + r * row_stride + j, n);
        total = total + chain;
      }
      store(out + j, total, n);
    }
  };
  parallel(divide_up(columns, kVectors * V::lanes), task);
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
