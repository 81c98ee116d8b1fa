// A product with few rows of a: reading b is all its cost, so b is read where it lies and once, without panels.
#pragma once
#include "cpu/gemm.h"
#include "cpu/reduce.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

constexpr int kFewRows = 4;

// tile[i][j] = sum_k a[i][k] · b[j][k] for ROWS rows and J columns. Each lane sums a chain of its own; chains of kChain
// terms are added in order, lanes at the end.
template <int ROWS, int J, class T>
FASTNETS_INLINE void dot_rows(std::int64_t K, const Accumulator<T>* a, const T* b, std::int64_t b_stride,
                              Accumulator<T>* tile) {
  using V = Vec<Accumulator<T>>;
  constexpr int L = V::lanes;
  V total[ROWS][J];
  for (int i = 0; i < ROWS; ++i)
    for (int j = 0; j < J; ++j) total[i][j] = splat(Accumulator<T>(0));
  for (std::int64_t k0 = 0; k0 < K; k0 += kChain * L) {
    V acc[ROWS][J];
    for (int i = 0; i < ROWS; ++i)
      for (int j = 0; j < J; ++j) acc[i][j] = splat(Accumulator<T>(0));
    const auto step = [&](std::int64_t k, auto read) {
      V bv[J];
      for (int j = 0; j < J; ++j) bv[j] = read(b + j * b_stride + k);
      for (int i = 0; i < ROWS; ++i) {
        const V av = read(a + i * K + k);
        for (int j = 0; j < J; ++j) acc[i][j] = fma(av, bv[j], acc[i][j]);
      }
    };
    const std::int64_t end = least(K, k0 + kChain * L);
    std::int64_t k = k0;
    for (; k + L <= end; k += L) step(k, [](const auto* p) { return load(p); });
    if (k < end) step(k, [n = static_cast<int>(end - k)](const auto* p) { return load(p, n); });
    for (int i = 0; i < ROWS; ++i)
      for (int j = 0; j < J; ++j) total[i][j] = total[i][j] + acc[i][j];
  }
  for (int i = 0; i < ROWS; ++i)
    for (int j = 0; j < J; ++j) tile[i * Blocks<T>::kNR + j] = sum(total[i][j]);
}

template <int ROWS, class T, class Sink>
void multiply_few_rows(std::int64_t N, std::int64_t K, const Accumulator<T>* a, const Matrix<T>& b, const Sink& sink) {
  constexpr int kNR = Blocks<T>::kNR, J = ROWS <= 2 ? 4 : 2;  // at most 12 registers of sums, columns and a
  constexpr std::int64_t kTaskBytes = 1 << 16;
  const std::int64_t panels = divide_up(N, kNR), panel_bytes = most(1, kNR * K * static_cast<std::int64_t>(sizeof(T)));
  const std::int64_t together = divide_up(kTaskBytes, panel_bytes);
  const auto task = [&](std::int64_t t) {
    for (std::int64_t p = t * together; p < least(panels, (t + 1) * together); ++p) {
      Accumulator<T> tile[ROWS * kNR];
      const std::int64_t j0 = p * kNR;
      const int columns = static_cast<int>(least(kNR, N - j0));
      int j = 0;
      for (; j + J <= columns; j += J)
        dot_rows<ROWS, J>(K, a, b.data + (j0 + j) * b.row_stride, b.row_stride, tile + j);
      for (; j < columns; ++j) dot_rows<ROWS, 1>(K, a, b.data + (j0 + j) * b.row_stride, b.row_stride, tile + j);
      sink(0, 0, j0, ROWS, columns, tile);
    }
  };
  parallel(divide_up(panels, together), task);
}

// Whether the product is done this way: a matter of shapes and strides alone.
template <class T>
FASTNETS_INLINE bool has_few_rows(std::int64_t M, const Matrix<T>& b) {
  return M >= 1 && M <= kFewRows && b.depth_stride == 1;
}

// The same product as `gemm`, for which has_few_rows holds; `room` takes M · K accumulators.
template <class T, class Sink>
void gemm_few_rows(std::int64_t M, std::int64_t N, std::int64_t K, const Matrix<T>& a, const Matrix<T>& b,
                   const Sink& sink, Accumulator<T>* room) {
  for (std::int64_t i = 0; i < M; ++i)
    for (std::int64_t k = 0; k < K; ++k) room[i * K + k] = widen(a.data[i * a.row_stride + k * a.depth_stride]);
  switch (M) {
    case 1:
      return multiply_few_rows<1>(N, K, room, b, sink);
    case 2:
      return multiply_few_rows<2>(N, K, room, b, sink);
    case 3:
      return multiply_few_rows<3>(N, K, room, b, sink);
    default:
      return multiply_few_rows<4>(N, K, room, b, sink);
  }
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
