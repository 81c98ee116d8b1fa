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
                  Accumulator<T>* tile) const {
    using V = Vec<Accumulator<T>>;
    constexpr int kNR = Blocks<T>::kNR;
    const bool active = activation != Activation::none;
    for (int i = 0; i < rows; ++i) {
      const std::int64_t at = row(batch, i0 + i) + j0;
      Accumulator<T>* values = tile + i * kNR;
      if (bias && bias_by_row)
        for (int j = 0; j < columns; j += V::lanes) store(values + j, load(values + j) + splat(widen(bias[i0 + i])));
      else if (bias)
        add(values, bias + j0, columns);
      if (residual) add(values, residual + at, columns);
      if (!active || pre_activation) write(values, columns, (active ? pre_activation : out) + at);
    }
    if (!active) return;
    // All rows at once: a row by itself is too short to hide how long one vector takes.
    activate_values<Accumulator<T>>(activation, (rows - 1) * kNR + columns, tile);
    for (int i = 0; i < rows; ++i) write(tile + i * kNR, columns, out + row(batch, i0 + i) + j0);
  }

 private:
  // Tiles are whole vectors long: only what lies outside them is read and written in part.
  static void add(Accumulator<T>* values, const T* from, int columns) {
    constexpr int L = kLanes<T>;
    int j = 0;
    for (; j + L <= columns; j += L) store(values + j, load(values + j) + load(from + j));
    if (j < columns) store(values + j, load(values + j) + load(from + j, columns - j));
  }
  static void write(const Accumulator<T>* values, int columns, T* to) {
    constexpr int L = kLanes<T>;
    int j = 0;
    for (; j + L <= columns; j += L) store(to + j, load(values + j));
    if (j < columns) store(to + j, load(values + j), columns - j);
  }
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
