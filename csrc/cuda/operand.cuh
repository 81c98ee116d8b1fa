// Where the tiles of a product's operands come from.
//
// An operand has rows and a depth; elements that lie together in memory are consecutive in one of the two, its kOrder.
// It copies kChunk of them at a time, 16 bytes, to shared memory, as zeros where it ends. What a convolution reads is
// an operand too.
#pragma once
#include "cuda/access.cuh"
#include "cuda/arch/sm80.cuh"
#include "cuda/sum.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

enum class Order { depth, rows };

// Element (i, k) of product `batch` at data[batch * batch_stride + i * row_stride + k * depth_stride].
template <class T>
struct Matrix {
  const T* data;
  int64_t row_stride, depth_stride, batch_stride = 0;
};

template <class T, Order order>
struct MatrixOperand {
  using Element = T;
  static constexpr Order kOrder = order;

  Matrix<T> matrix;
  int64_t rows, depth;
  bool aligned;  // chunks are aligned to 16 bytes and without gaps

  __device__ __forceinline__ void select(int64_t batch) { matrix.data += batch * matrix.batch_stride; }

  // Copies the elements (row, k), and kChunk - 1 after it along kOrder; asynchronously where it can.
  __device__ __forceinline__ void copy_chunk(T* shared, int64_t row, int64_t k) const {
    const int valid = valid_from(row, k);
    const T* source = valid ? address(row, k) : matrix.data;
    if (aligned) {
      copy_async<16>(shared, source, valid * int(sizeof(T)));
    } else if constexpr (sizeof(T) == 4) {
#pragma unroll
      for (int e = 0; e < kChunk<T>; ++e)
        copy_async<4>(shared + e, e < valid ? source + e * stride() : matrix.data, e < valid ? 4 : 0);
    } else {  // no asynchronous copy is as small
      store_vector(shared, load_chunk(row, k));
    }
  }

  // The same elements, in registers.
  __device__ __forceinline__ Vector<T, kChunk<T>> load_chunk(int64_t row, int64_t k) const {
    const int valid = valid_from(row, k);
    const T* source = valid ? address(row, k) : matrix.data;
    if (aligned && valid == kChunk<T>) return load_vector<kChunk<T>>(source);
    Vector<T, kChunk<T>> chunk;
#pragma unroll
    for (int e = 0; e < kChunk<T>; ++e) chunk[e] = e < valid ? source[e * stride()] : T{};
    return chunk;
  }

  // Copies the element (row, k) of 4 bytes.
  __device__ __forceinline__ void copy_element(T* shared, int64_t row, int64_t k) const {
    const bool inside = row < rows && k < depth;
    copy_async<4>(shared, inside ? address(row, k) : matrix.data, inside ? 4 : 0);
  }

 private:
  __device__ __forceinline__ int64_t stride() const {
    return order == Order::depth ? matrix.depth_stride : matrix.row_stride;
  }
  // How many elements of the chunk from (row, k) on there are.
  __device__ __forceinline__ int valid_from(int64_t row, int64_t k) const {
    const bool along_depth = order == Order::depth;
    const int64_t left = along_depth ? depth - k : rows - row;
    return (along_depth ? row < rows : k < depth) ? int(min(max(left, int64_t{0}), int64_t{kChunk<T>})) : 0;
  }
  __device__ __forceinline__ const T* address(int64_t row, int64_t k) const {
    return matrix.data + row * matrix.row_stride + k * matrix.depth_stride;
  }
};

// A matrix as an operand of one order, whatever its strides: those of the other order are slow.
template <Order order, class T>
MatrixOperand<T, order> operand_of(const Matrix<T>& m, int64_t rows, int64_t depth) {
  const int64_t inner = order == Order::depth ? m.depth_stride : m.row_stride;
  const int64_t outer = order == Order::depth ? m.row_stride : m.depth_stride;
  const bool aligned = inner == 1 && is_aligned(m.data) && outer % kChunk<T> == 0 && m.batch_stride % kChunk<T> == 0;
  return {m, rows, depth, aligned};
}

// The same, but zeros where there is no matrix.
template <Order order, class T>
MatrixOperand<T, order> operand_or_zeros(const Matrix<T>& m, int64_t rows, int64_t depth) {
  return operand_of<order>(m, m.data ? rows : 0, depth);
}

// Calls f(operand) with the operand of the order that the matrix has in memory. Any strides are served.
template <class T, class F>
void visit_operand(const Matrix<T>& m, int64_t rows, int64_t depth, F&& f) {
  if (m.row_stride == 1 && m.depth_stride != 1)
    f(operand_of<Order::rows>(m, rows, depth));
  else
    f(operand_of<Order::depth>(m, rows, depth));
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
