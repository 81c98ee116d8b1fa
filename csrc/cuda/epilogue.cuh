// What happens to a finished tile of a product: + bias + residual, activation, conversion, store.
#pragma once
#include "cuda/activation.cuh"
#include "cuda/arch/simt.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

inline bool is_aligned(const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; }

// How many of N neighbouring elements one access takes.
template <class T, int N>
constexpr int kPerAccess = N * sizeof(T) <= 16 ? N : 16 / int(sizeof(T));

// Reads or writes n <= N neighbouring elements as float; all N in as few accesses as possible where they are aligned.
template <int N, class T>
__device__ __forceinline__ void read_some(float (&values)[N], const T* from, int n, bool aligned) {
  constexpr int kVector = kPerAccess<T, N>;
  if (aligned && n == N) {
#pragma unroll
    for (int first = 0; first < N; first += kVector) {
      const Vector<T, kVector> vector = load_vector<kVector>(from + first);
#pragma unroll
      for (int e = 0; e < kVector; ++e) values[first + e] = widen(vector[e]);
    }
  } else {
#pragma unroll
    for (int e = 0; e < N; ++e) values[e] = e < n ? widen(from[e]) : 0.0f;
  }
}

template <int N, class T>
__device__ __forceinline__ void write_some(T* to, const float (&values)[N], int n, bool aligned) {
  constexpr int kVector = kPerAccess<T, N>;
  if (aligned && n == N) {
#pragma unroll
    for (int first = 0; first < N; first += kVector) {
      Vector<T, kVector> vector;
#pragma unroll
      for (int e = 0; e < kVector; ++e) vector[e] = round_to<T>(values[first + e]);
      store_vector(to + first, vector);
    }
  } else {
#pragma unroll
    for (int e = 0; e < N; ++e)
      if (e < n) to[e] = round_to<T>(values[e]);
  }
}

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
  bool aligned = false;         // kWidth elements from a multiple of kWidth on are one access, in each of these

  void find_alignment() {
    aligned = batch_stride % kWidth == 0 && row_stride % kWidth == 0 && is_aligned(out) && is_aligned(bias) &&
              is_aligned(residual) && is_aligned(pre_activation);
  }

  // Takes the results (i, j) to (i, j + n - 1); j is a multiple of kWidth.
  __device__ __forceinline__ void operator()(int64_t batch, int64_t i, int64_t j, int n, float (&v)[kWidth]) const {
    const int64_t at = batch * batch_stride + i * row_stride + j;
    if (bias) add(v, bias + j, n);
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
