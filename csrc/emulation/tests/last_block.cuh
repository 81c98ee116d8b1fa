// A sum in one launch: every block writes its part, and the last one to be done adds the parts in order.
#pragma once
#include "cuda/arch/simt.cuh"

namespace fastnets::tests {

// How a block's part reaches the block that is last.
enum class Ticket { ordered, relaxed_with_fences, relaxed_with_block_fences, relaxed, ordered_without_barrier };

// total = sum of x. A block owns blockDim.x elements; part has an element a block, tickets begins at 0.
template <Ticket ticket>
__global__ void last_block_kernel(const float* x, float* part, uint32_t* tickets, float* total) {
  FASTNETS_STATIC_SHARED(sums, float[32]);
  FASTNETS_STATIC_SHARED(is_last, bool);
  const float sum = cuda::block_sum(x[blockIdx.x * blockDim.x + threadIdx.x], sums);
  const unsigned writer = ticket == Ticket::ordered_without_barrier ? blockDim.x - 1 : 0;
  if (threadIdx.x == writer) part[blockIdx.x] = sum;
  if (threadIdx.x == 0) {
    if constexpr (ticket == Ticket::ordered || ticket == Ticket::ordered_without_barrier) {
      is_last = cuda::add_acquire_release(tickets, 1) == gridDim.x - 1;
    } else {
      if constexpr (ticket == Ticket::relaxed_with_fences) __threadfence();
      if constexpr (ticket == Ticket::relaxed_with_block_fences) __threadfence_block();
      is_last = atomicAdd(tickets, 1) == gridDim.x - 1;
      if constexpr (ticket == Ticket::relaxed_with_fences) __threadfence();
      if constexpr (ticket == Ticket::relaxed_with_block_fences) __threadfence_block();
    }
  }
  __syncthreads();
  if (!is_last || threadIdx.x != 0) return;
  float all = 0;
  for (unsigned block = 0; block < gridDim.x; ++block) all += part[block];
  *total = all;
}

}  // namespace fastnets::tests
