// Rows that are normalised by their own moments, or, uncentered, by their mean square alone.
#pragma once
#include "cpu/affine.h"
#include "cpu/columns.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// D elements side by side in each row.
template <class T>
struct NormRows {
  const T* data;
  std::int64_t rows, D, stride;
  FASTNETS_INLINE const T* operator[](std::int64_t row) const { return data + row * stride; }
};

// The rows over the last `dims` dimensions; the array itself where they lie evenly in memory.
template <class T>
NormRows<T> norm_rows(const Tensor& t, int dims, Workspace& workspace) {
  std::int64_t D = 1;
  for (int d = t.ndim - dims; d < t.ndim; ++d) D *= t.shape[d];
  const std::int64_t rows = D ? t.size() / D : 0;
  if (dims == 1 && has_uniform_rows(t) && (D == 1 || t.stride[t.ndim - 1] == 1)) {
    const RowView<T> view = rows_of<T>(t, workspace);
    return {view.data, rows, D, view.row_stride};
  }
  return {contiguous<T>(t, workspace), rows, D, D};
}

// What a row is shifted and scaled by.
template <class Acc>
struct RowScale {
  Acc mean, rstd;
};
template <class T, bool centered>
FASTNETS_INLINE RowScale<Accumulator<T>> row_scale(const T* x, std::int64_t D, double eps) {
  using Acc = Accumulator<T>;
  if constexpr (centered) {
    const Moments m = row_moments(x, D);
    return {static_cast<Acc>(m.mean), rstd_of<Acc>(m.variance(), eps)};
  } else {
    const Sums squares = reduce_row<Sums>(D, [&](std::int64_t at, std::int64_t length) {
      Acc sum[1];
      sum_runs<Acc>(
          {1, length, 0},
          [&](Vec<Acc>* sums, std::int64_t i, int n) FASTNETS_INLINE_LAMBDA {
            const Vec<Acc> v = read(x + at + i, n);
            sums[0] = fma(v, v, sums[0]);
          },
          sum);
      return Sums{sum[0], 0};
    });
    return {0, rstd_of<Acc>(squares.first / static_cast<double>(D), eps)};
  }
}

// y = (x − mean) · rstd · weight + bias
template <class T>
FASTNETS_INLINE void scale_row(const T* x, std::int64_t D, const RowScale<Accumulator<T>>& s,
                               const Accumulator<T>* weight, const Accumulator<T>* bias, T* y) {
  using Acc = Accumulator<T>;
  const auto m = splat(s.mean), r = splat(s.rstd);
  each_column_vector<Acc>(D, [&](std::int64_t j, int n) FASTNETS_INLINE_LAMBDA {
    auto v = (read(x + j, n) - m) * r;
    if (weight && bias)
      v = fma(v, read(weight + j, n), read(bias + j, n));
    else if (weight)
      v = v * read(weight + j, n);
    else if (bias)
      v = v + read(bias + j, n);
    write(y + j, v, n);
  });
}

// The gradients of some rows: dx = rstd · (g − mean of g − x̂ · mean of g · x̂) with g = dy · weight, uncentered without
// the mean of g; and what the rows add to those of weight, dy · x̂, and bias, dy.
template <class T, bool centered>
struct RowGradients {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  NormRows<T> x, dy;
  const Acc *mean, *rstd, *weight;
  T* dx;  // null: not wanted

  // dx = g · rstd + (x − mean) · slope + level
  struct Row {
    Acc mean, rstd, slope, level;
  };
  FASTNETS_INLINE Row row_of(std::int64_t row) const {
    Row r{centered ? mean[row] : Acc(0), rstd[row], 0, 0};
    if (!dx) return r;
    const T *dy_row = dy[row], *x_row = x[row];
    const V m = splat(r.mean);
    const Sums sums = reduce_row<Sums>(x.D, [&](std::int64_t at, std::int64_t length) {
      Acc sum[2];
      sum_runs<Acc>(
          {1, length, 0},
          [&](V* terms, std::int64_t i, int n) FASTNETS_INLINE_LAMBDA {
            V g = read(dy_row + at + i, n);
            if (weight) g = g * read(weight + at + i, n);
            if constexpr (centered) terms[0] = terms[0] + g;
            terms[1] = fma(g, read(x_row + at + i, n) - m, terms[1]);
          },
          sum);
      return Sums{sum[0], sum[1]};
    });
    const double a = r.rstd, D = static_cast<double>(x.D);
    r.slope = static_cast<Acc>(-a * a * a * (sums.second / D));
    r.level = static_cast<Acc>(-a * (sums.first / D));
    return r;
  }

  // Rows [begin, begin + count); dweight and dbias are sums over them, or null.
  void pull(std::int64_t begin, std::int64_t count, double* dweight, double* dbias) const {
    const std::int64_t D = x.D;
    Acc *products = nullptr, *sums = nullptr;
    if (dweight) {
      products = static_cast<Acc*>(scratch(static_cast<std::size_t>(2 * D) * sizeof(Acc), 1)), sums = products + D;
      for (std::int64_t j = 0; j < 2 * D; ++j) products[j] = 0;
    }
    each_four(count, [&]<int kRows>(std::integral_constant<int, kRows>, std::int64_t i) {
      pull_some<kRows>(begin + i, products, sums);
    });
    for (std::int64_t j = 0; dweight && j < D; ++j) dweight[j] = products[j], dbias[j] = sums[j];
  }

  template <int kRows>
  FASTNETS_INLINE void pull_some(std::int64_t first, Acc* products, Acc* sums) const {
    Row row[kRows];
    const T *from[kRows], *gradient[kRows];
    for (int i = 0; i < kRows; ++i) row[i] = row_of(first + i), from[i] = x[first + i], gradient[i] = dy[first + i];
    T* to = dx ? dx + first * x.D : nullptr;
    each_column_vector<Acc>(x.D, [&](std::int64_t j, int n) FASTNETS_INLINE_LAMBDA {
      // Products enter their sums by explicit multiply-adds: the compiler's own differ between a loop with dx and one
      // without.
      V g[kRows], product = products ? read(products + j, n) : splat(Acc(0));
      for (int i = 0; i < kRows; ++i) {
        g[i] = read(gradient[i] + j, n);
        const V distance = read(from[i] + j, n) - splat(row[i].mean), r = splat(row[i].rstd);
        product = fma(g[i], distance * r, product);
        if (!to) continue;
        const V weighted = weight ? g[i] * read(weight + j, n) : g[i];
        write(to + i * x.D + j, fma(weighted, r, fma(distance, splat(row[i].slope), splat(row[i].level))), n);
      }
      if (!products) return;
      write(products + j, product, n);
      if constexpr (centered) write(sums + j, read(sums + j, n) + sum_of(g), n);
    });
  }
};

// Rows in chunks that depend on their number alone: enough for many threads, of enough rows that partial sums cost
// little.
inline ColumnChunks row_chunks(std::int64_t rows, std::int64_t D) {
  ColumnChunks chunks(1, rows, D, 1);
  chunks.step = least(kChain, most(16, divide_up(rows, 64)));
  chunks.chunks = divide_up(rows, chunks.step);
  return chunks;
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
