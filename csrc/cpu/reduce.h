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
  constexpr int kVectors = 8;  // side by side: whole cache lines of each row
  const auto task = [&](std::int64_t t) {
    const std::int64_t first = t * kVectors * V::lanes;
    if (first + kVectors * V::lanes <= columns) {
      V total[kVectors];
      for (V& v : total) v = splat(Accumulator<T>(0));
      for (std::int64_t i = 0; i < rows; i += kChain) {
        V chain[kVectors];
        for (V& v : chain) v = splat(Accumulator<T>(0));
        for (std::int64_t r = i; r < least(rows, i + kChain); ++r)
          for (int v = 0; v < kVectors; ++v) chain[v] = chain[v] + load(x + r * row_stride + first + v * V::lanes);
        for (int v = 0; v < kVectors; ++v) total[v] = total[v] + chain[v];
      }
      for (int v = 0; v < kVectors; ++v) store(out + first + v * V::lanes, total[v]);
      return;
    }
    for (int v = 0; v < kVectors; ++v) {
      const std::int64_t j = first + v * V::lanes;
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

// sum_i f(i) over vectors of terms, f(i, n) for the last n of them: chains of kChain a lane, then in order, then lanes.
template <class Acc, class F>
FASTNETS_INLINE Acc chained_sum(std::int64_t size, const F& f) {
  using V = Vec<Acc>;
  V total = splat(Acc(0));
  for (std::int64_t begin = 0; begin < size; begin += kChain * V::lanes) {
    V chain = splat(Acc(0));
    const std::int64_t end = least(size, begin + kChain * V::lanes);
    each_vector<V::lanes>(begin, end, [&](std::int64_t i, int n) { chain = chain + f(i, n); });
    total = total + chain;
  }
  return sum(total);
}

constexpr std::int64_t kBlock = 8192;  // terms that a task sums

FASTNETS_INLINE std::int64_t blocks_of(std::int64_t size) { return divide_up(size, kBlock); }

// Calls f(begin, end) for blocks of 0 … size − 1, in parallel.
template <class F>
void each_block(std::int64_t size, const F& f) {
  const auto task = [&](std::int64_t block) { f(block * kBlock, least(size, (block + 1) * kBlock)); };
  parallel(blocks_of(size), task);
}

// sum_i term(i, n) over vectors of terms, where term = terms_of(begin, end) for each block; `sums` has room for one
// number a block.
template <class Acc, class Terms>
Acc blocked_sum(std::int64_t size, Acc* sums, const Terms& terms_of) {
  each_block(size, [&](std::int64_t begin, std::int64_t end) {
    const auto term = terms_of(begin, end);
    sums[begin / kBlock] = chained_sum<Acc>(end - begin, [&](std::int64_t i, int n) { return term(begin + i, n); });
  });
  return chained_sum<Acc>(blocks_of(size), [&](std::int64_t i, int n) { return read(sums + i, n); });
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
