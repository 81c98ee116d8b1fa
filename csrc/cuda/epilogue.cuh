// What happens to a finished tile of a product: + bias + residual, activation, conversion, store.
#pragma once
#include "cuda/access.cuh"
#include "cuda/activation.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// Results in rows of contiguous memory: result (i, j) of product `batch` at batch * batch_stride + i * row_stride + j.
template <class T>
struct RowSink {
  static constexpr int kWidth = 16 / sizeof(T);  // elements that are stored together

  T* out;
  int64_t batch_stride, row_stride;
  const T* bias = nullptr;      // one a column
  const T* residual = nullptr;  // laid out as `out`
  Activation activation = Activation::none;
  T* pre_activation = nullptr;  // laid out as `out`
  int64_t bias_batch_stride = 0;
  bool aligned = false;  // kWidth elements from a multiple of kWidth on are one access, in each of these

  void find_alignment() {
    aligned = batch_stride % kWidth == 0 && row_stride % kWidth == 0 && bias_batch_stride % kWidth == 0 &&
              are_aligned(out, bias, residual, pre_activation);
  }

  // Takes the results (i, j) to (i, j + n - 1); j is a multiple of kWidth.
  __device__ __forceinline__ void operator()(int64_t batch, int64_t i, int64_t j, int n, float (&v)[kWidth]) const {
    const int64_t at = batch * batch_stride + i * row_stride + j;
    if (bias) add(v, bias + batch * bias_batch_stride + j, n);
    if (residual) add(v, residual + at, n);
    if (pre_activation) write_some(pre_activation + at, v, n, aligned);
    if (activation != Activation::none) {
#pragma unroll
      for (int e = 0; e < kWidth; ++e) v[e] = activate(activation, v[e]);
    }
    write_some(out + at, v, n, aligned);
  }

 private:
  __device__ __forceinline__ void add(float (&v)[kWidth], const T* from, int n) const {
    float other[kWidth];
    read_some(other, from, n, aligned);
#pragma unroll
    for (int e = 0; e < kWidth; ++e) v[e] += other[e];
  }
};

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
