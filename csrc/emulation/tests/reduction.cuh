// Small kernels around a block's sum, and what goes wrong in them when something is left out.
#pragma once
#include "cuda/arch/simt.cuh"

namespace fastnets::tests {

enum class SumDefect { none, missing_barrier, divergent_barrier, shared_out_of_bounds, not_atomic, skipped_shuffle };

// total += sum of x. A thread strides over x; warps meet in shared memory, blocks in `total`.
template <SumDefect defect>
__global__ void sum_kernel(const float* x, float* total, int size) {
  FASTNETS_STATIC_SHARED(partial, float[32]);
  const int warps = int(blockDim.x) / cuda::kWarpSize, lane = cuda::lane_index();
  float value = 0;
  for (int i = int(blockIdx.x * blockDim.x + threadIdx.x); i < size; i += int(gridDim.x * blockDim.x)) value += x[i];
  if (defect != SumDefect::skipped_shuffle || lane != 7) value = cuda::warp_sum(value);

  if constexpr (defect == SumDefect::not_atomic) {
    const float before = *total;
    value = cuda::warp_sum(value) / 32;
    if (lane == 0) *total = before + value;
    return;
  }

  if (lane == 0) partial[cuda::warp_index()] = value;
  if constexpr (defect == SumDefect::divergent_barrier) {
    if (threadIdx.x < 40) __syncthreads();
  } else if constexpr (defect != SumDefect::missing_barrier) {
    __syncthreads();
  }
  if (cuda::warp_index() != 0) return;
  constexpr int kOffset = defect == SumDefect::shared_out_of_bounds ? 31 : 0;
  value = cuda::warp_sum(lane < warps ? partial[lane + kOffset] : 0.0f);
  if (lane == 0) atomicAdd(total, value);
}

// y[i] = x[i] - mean(x) - mean((x - mean(x))²), for one block: two sums share one array of partial results.
template <bool kBarrierBetween>
__global__ void two_sums_kernel(const float* x, float* y) {
  FASTNETS_STATIC_SHARED(partial, float[32]);
  const float centred = x[threadIdx.x] - cuda::block_sum(x[threadIdx.x], partial) / float(blockDim.x);
  if constexpr (kBarrierBetween) __syncthreads();
  y[threadIdx.x] = centred - cuda::block_sum(centred * centred, partial) / float(blockDim.x);
}

// out[i] = x[i ^ 1] + 1, one warp, through shared memory.
template <bool kSyncwarp>
__global__ void neighbour_kernel(const float* x, float* out) {
  FASTNETS_STATIC_SHARED(exchanged, float[32]);
  exchanged[threadIdx.x] = x[threadIdx.x];
  if constexpr (kSyncwarp) __syncwarp();
  out[threadIdx.x] = exchanged[threadIdx.x ^ 1u] + 1;
}

}  // namespace fastnets::tests
