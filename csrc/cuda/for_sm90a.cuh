// Which products the main loop for sm_90a takes over: bulk copies want lines of 16-bit elements without gaps, bases and
// strides in multiples of 16 bytes.
#pragma once
#include <optional>

#include "cuda/backend/device.h"
#include "cuda/epilogue.cuh"
#include "cuda/operand.cuh"
#include "cuda/sm90a/gemm.h"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

constexpr int64_t kMostMapped = int64_t{1} << 30;  // coordinates, and tiles beyond them, are 32-bit

template <class T>
constexpr DType kHalf = std::is_same_v<T, bfloat16> ? DType::bfloat16 : DType::float16;

template <class T, Order order>
std::optional<sm90a::MappedOperand> map_operand(const MatrixOperand<T, order>& operand, int64_t batch) {
  const Matrix<T>& m = operand.matrix;
  const bool by_rows = order == Order::rows;
  const int64_t length = by_rows ? operand.rows : operand.depth, lines = by_rows ? operand.depth : operand.rows;
  // Where there is only one line, or plane, the way to the next does not matter.
  const int64_t dense = (length + kChunk<T> - 1) / kChunk<T> * kChunk<T>;
  const int64_t stride = lines == 1 ? dense : by_rows ? m.depth_stride : m.row_stride;
  const int64_t plane_stride = batch == 1 ? lines * stride : m.batch_stride;
  const bool served = operand.aligned && length > 0 && lines > 0 && length < kMostMapped && lines < kMostMapped &&
                      stride >= length && plane_stride >= (lines - 1) * stride + length &&
                      plane_stride < kMostMapped << 7;
  if (!served) return std::nullopt;
  return sm90a::MappedOperand{m.data, by_rows, length, lines, batch, stride, plane_stride};
}

// Other operands and sinks stay here.
template <class A, class B, class Sink>
std::optional<sm90a::Product> for_sm90a(const char*, int64_t, int64_t, int64_t, int64_t, const A&, const B&,
                                        const Sink&) {
  return std::nullopt;
}

template <class T, Order order_a, Order order_b>
  requires(sizeof(T) == 2)
std::optional<sm90a::Product> for_sm90a(const char* name, int64_t batch, int64_t M, int64_t N, int64_t K,
                                        const MatrixOperand<T, order_a>& a, const MatrixOperand<T, order_b>& b,
                                        const RowSink<T>& sink) {
  if (compute_capability() != 90) return std::nullopt;
  const auto mapped_a = map_operand(a, batch), mapped_b = map_operand(b, batch);
  if (!mapped_a || !mapped_b) return std::nullopt;
  return sm90a::Product{
      .name = name,
      .dtype = kHalf<T>,
      .batch = batch,
      .M = M,
      .N = N,
      .K = K,
      .a = *mapped_a,
      .b = *mapped_b,
      .out = sink.out,
      .out_batch_stride = sink.batch_stride,
      .out_row_stride = sink.row_stride,
      .bias = sink.bias,
      .residual = sink.residual,
      .activation = sink.activation,
      .pre_activation = sink.pre_activation,
      .bias_batch_stride = sink.bias_batch_stride,
  };
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
