// Kernels in which a thread owns an element, or a few neighbouring ones.
#pragma once
#include <algorithm>

#include "cuda/arch/simt.cuh"
#include "cuda/backend/launch.h"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// One block at least a multiprocessor: without a number ptxas may spill registers so that more fit.
template <class F>
__global__ void __launch_bounds__(256, 1) elements_kernel(const int64_t count, const F f) {
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += int64_t{gridDim.x} * blockDim.x)
    f(i);
}

// Calls f(i) on the device for 0 <= i < count.
template <class F>
void for_elements(const char* name, int64_t count, const F& f, Stream stream) {
  if (!count) return;
  constexpr int64_t kMostBlocks = 4096;  // a large device full several times over
  const int64_t blocks = std::min((count + 255) / 256, kMostBlocks);
  launch(elements_kernel<F>, {.name = name, .grid = unsigned(blocks), .block = 256, .stream = stream}, count, f);
}

constexpr int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <int kWidth, class F>
struct Run {
  F f;
  int64_t size;
  __device__ __forceinline__ void operator()(int64_t i) const {
    f(i * kWidth, int(min(int64_t{kWidth}, size - i * kWidth)));
  }
};

// Calls f(first, n) on the device for every run of kWidth neighbouring elements; the last one may hold fewer.
template <int kWidth, class F>
void for_runs(const char* name, int64_t size, const F& f, Stream stream) {
  for_elements(name, divide_up(size, kWidth), Run<kWidth, F>{f, size}, stream);
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
