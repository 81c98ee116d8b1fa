// Weighted sums of neighbours: filters that read each element a few times, and need no product.
#pragma once
#include "cpu/activation.h"
#include "cpu/reduce.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// sums[r] = start + sum_k w(k) · e(r, k): several at once, since a sum by itself waits for each of its terms.
template <int kTaps, int kAtOnce, class V, class Weight, class Value>
FASTNETS_INLINE void weighted_sums(std::int64_t K, V start, const Weight& w, const Value& e, V (&sums)[kAtOnce]) {
  for (V& sum : sums) sum = start;
  if constexpr (kTaps > 0) {
#pragma GCC unroll 4
    for (int k = 0; k < kTaps; ++k)
#pragma GCC unroll 4
      for (int r = 0; r < kAtOnce; ++r) sums[r] = fma(w(k), e(r, k), sums[r]);
  } else {
    for (std::int64_t first = 0; first < K; first += kChain) {
      V chains[kAtOnce];
      for (V& chain : chains) chain = splat(typename V::Scalar(0));
      for (std::int64_t k = first; k < least(K, first + kChain); ++k) {
        const V weight = w(k);
#pragma GCC unroll 8
        for (int r = 0; r < kAtOnce; ++r) chains[r] = fma(weight, e(r, k), chains[r]);
      }
      for (int r = 0; r < kAtOnce; ++r) sums[r] = sums[r] + chains[r];
    }
  }
}

// Sums as they are stored; may read up to the end of their last vector.
template <class T>
FASTNETS_INLINE void put(const Accumulator<T>* sums, std::int64_t n, T* to) {
  constexpr int L = kLanes<T>;
  std::int64_t i = 0;
  for (; i + L <= n; i += L) store(to + i, load(sums + i));
  if (i < n) store(to + i, load(sums + i), static_cast<int>(n - i));
}

// Adds the residual to finished sums, replaces them by their activation and stores them, before that too where the
// derivative takes them.
template <class T>
void finish(Activation kind, Accumulator<T>* sums, std::int64_t n, const T* residual, T* output, T* pre_activation) {
  constexpr int L = kLanes<T>;
  if (residual)
    for (std::int64_t i = 0; i < n; i += L)
      store(sums + i, load(sums + i) + read(residual + i, static_cast<int>(least(L, n - i))));
  if (kind != Activation::none) {
    if (pre_activation) put(sums, n, pre_activation);
    activate_values<Accumulator<T>>(kind, static_cast<int>(n), sums);
  }
  put(sums, n, output);
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
