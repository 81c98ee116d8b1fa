// A recurrent step repeated inside one cooperative launch, as the persistent kernels do it.
#pragma once
#include "cuda/arch/grid.cuh"
#include "cuda/arch/simt.cuh"

namespace fastnets::tests {

enum class StepBarrier { cooperative, counter, counter_without_block_barrier, none };

// h[t + 1] = clamp(W h[t], -4, 4), `steps` times, on two buffers of `size` that alternate. One warp owns one row of W.
template <StepBarrier barrier>
__global__ void recurrent_kernel(const float* weight, float* h, uint32_t* arrived, int size, int steps) {
  const int row = int(blockIdx.x * blockDim.x) / cuda::kWarpSize + cuda::warp_index();
  for (int t = 0; t < steps; ++t) {
    const float* h_in = h + t % 2 * size;
    float* h_out = h + (t + 1) % 2 * size;
    float sum = 0;
    for (int k = cuda::lane_index(); k < size; k += cuda::kWarpSize) sum += weight[row * size + k] * h_in[k];
    sum = cuda::warp_sum(sum);
    if (cuda::lane_index() == 0) h_out[row] = fminf(fmaxf(sum, -4.0f), 4.0f);

    if constexpr (barrier == StepBarrier::cooperative) cuda::grid_sync();
    if constexpr (barrier == StepBarrier::counter || barrier == StepBarrier::counter_without_block_barrier) {
      if constexpr (barrier == StepBarrier::counter) __syncthreads();
      if (threadIdx.x == 0) {
        __threadfence();
        cuda::add_release(arrived, 1);
        while (cuda::load_acquire(arrived) < uint32_t(t + 1) * gridDim.x) {}
      }
      __syncthreads();
    }
  }
}

}  // namespace fastnets::tests
