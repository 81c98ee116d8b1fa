// What happens to a finished tile of a product: + bias + residual, activation, conversion, store.
#pragma once
#include "cpu/activation.h"
#include "cpu/gemm.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Where row i of product `batch` begins.
struct EvenRows {
  std::int64_t row_stride, batch_stride = 0;
  FASTNETS_INLINE std::int64_t operator()(std::int64_t batch, std::int64_t i) const {
    return batch * batch_stride + i * row_stride;
  }
};

// Results in rows of contiguous memory: result (i, j) at row(batch, i) + j.
template <class T, class Rows = EvenRows>
struct RowSink {
  T* out;
  Rows row;
  const T* bias = nullptr;  // one a column, or one a row
  bool bias_by_row = false;
  const T* residual = nullptr;  // laid out as `out`
  Activation activation = Activation::none;
  T* pre_activation = nullptr;  // laid out as `out`

  void operator()(std::int64_t batch, std::int64_t i0, std::int64_t j0, int rows, int columns,
                  const Accumulator<T>* tile) const {
    using V = Vec<Accumulator<T>>;
    constexpr int kNR = Blocks<T>::kNR;
    for (int i = 0; i < rows; ++i) {
      const std::int64_t at = row(batch, i0 + i) + j0;
      for (int j = 0; j < columns; j += V::lanes) {
        const int n = static_cast<int>(least(V::lanes, columns - j));
        V v = load(tile + i * kNR + j);
        const auto read = [&](const T* p) { return n == V::lanes ? load(p) : load(p, n); };
        const auto write = [&](T* p, V x) { n == V::lanes ? store(p, x) : store(p, x, n); };
        if (bias) v = v + (bias_by_row ? splat(widen(bias[i0 + i])) : read(bias + j0 + j));
        if (residual) v = v + read(residual + at + j);
        if (pre_activation) write(pre_activation + at + j, v);
        write(out + at + j, activate(activation, v));
      }
    }
  }
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
