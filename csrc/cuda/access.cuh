// Neighbouring elements of any dtype as float, in as few accesses as their alignment allows.
#pragma once
#include "cuda/arch/simt.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// Elements of T that one access of 16 bytes takes.
template <class T>
constexpr int kChunk = 16 / sizeof(T);

inline bool is_aligned(const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; }
template <class... Pointers>
bool are_aligned(const Pointers*... pointers) {
  return (is_aligned(pointers) && ...);
}

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

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
