// What a gradient becomes on its way back through an activation.
#pragma once
#include "cuda/access.cuh"
#include "cuda/activation.cuh"
#include "cuda/elements.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

template <class T, class To>
struct GradActivation {
  Activation kind;
  float alpha;
  const T *dy, *z, *y;
  To* dz;
  bool aligned;
  __device__ __forceinline__ void operator()(int64_t at, int n) const {
    constexpr int kWidth = kChunk<T>;
    float gradient[kWidth], argument[kWidth], result[kWidth];
    read_some(gradient, dy + at, n, aligned);
    read_some(argument, z + at, n, aligned);
    read_some(result, y + at, n, aligned);
#pragma unroll
    for (int e = 0; e < kWidth; ++e) gradient[e] = pull_back(kind, gradient[e], argument[e], result[e], alpha);
    write_some(dz + at, gradient, n, aligned);
  }
};

// dz[i] = dy[i] · activation′ from z[i] and y[i], over contiguous arrays.
template <class T, class To>
void grad_activation(const char* name, Activation kind, double alpha, const T* dy, const T* z, const T* y, int64_t size,
                     To* dz, Stream stream) {
  for_runs<kChunk<T>>(name, size, GradActivation<T, To>{kind, float(alpha), dy, z, y, dz, are_aligned(dy, z, y, dz)},
                      stream);
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
