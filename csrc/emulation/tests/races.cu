// Planted races. In many schedules, or in all, the results are right; the race build must find each.
#include "emulation/tests/kernels.h"

namespace fastnets::tests {
namespace {

using namespace fastnets::cuda;

// ---- the defects of other kernels, whatever the schedule --------------------------------------------------------

FASTNETS_RACE(race_sum_missing_barrier) { check_sum<SumDefect::missing_barrier>(5000); }
FASTNETS_RACE(race_sum_not_atomic) { check_sum<SumDefect::not_atomic>(5000); }
FASTNETS_RACE(race_two_sums_missing_barrier) { check_two_sums<false>(); }
FASTNETS_RACE(race_neighbour_missing_syncwarp) { check_neighbour<false>(); }
FASTNETS_RACE(race_recurrent_missing_grid_sync) { check_recurrent<StepBarrier::none>(); }
FASTNETS_RACE(race_recurrent_missing_block_barrier) { check_recurrent<StepBarrier::counter_without_block_barrier>(); }
FASTNETS_RACE(race_gemm_missing_barrier_before) {
  check_gemm<bfloat16, GemmDefect::missing_barrier_before>(67, 75, 136);
}
FASTNETS_RACE(race_gemm_missing_barrier_after) { check_gemm<bfloat16, GemmDefect::missing_barrier_after>(67, 75, 136); }
FASTNETS_RACE(race_gemm_missing_wait) { check_gemm<bfloat16, GemmDefect::missing_wait>(67, 75, 136); }
FASTNETS_RACE(race_gemm_wait_one_too_few) { check_gemm<bfloat16, GemmDefect::wait_one_too_few>(67, 75, 136); }

// ---- between blocks ---------------------------------------------------------------------------------------------

FASTNETS_RACE(last_block_without_fences) { check_last_block<Ticket::relaxed>(); }
FASTNETS_RACE(last_block_with_fences_of_the_block) { check_last_block<Ticket::relaxed_with_block_fences>(); }
FASTNETS_RACE(last_block_without_barrier) { check_last_block<Ticket::ordered_without_barrier>(); }

__global__ void count_kernel(int* total) { *total = *total + 1; }
FASTNETS_RACE(count_not_atomic) {
  Buffer<int> total(std::vector<int>{0});
  launch(count_kernel, {.name = "count", .grid = 4, .block = 1}, total.data());
}

__global__ void overlap_kernel(int* out) { out[blockIdx.x * (blockDim.x - 1) + threadIdx.x] = int(threadIdx.x); }
FASTNETS_RACE(blocks_overlap) {
  Buffer<int> out(63);
  launch(overlap_kernel, {.name = "overlap", .grid = 2, .block = 32}, out.data());
}

__global__ void plain_flag_kernel(uint32_t* flag, int* data) {
  if (blockIdx.x == 0) {
    data[0] = 41;
    *flag = 1;  // no release
  } else {
    while (load_acquire(flag) == 0) {}
    data[1] = data[0] + 1;
  }
}
FASTNETS_RACE(plain_flag) {
  Buffer<uint32_t> flag(std::vector<uint32_t>{0});
  Buffer<int> data(2);
  launch(plain_flag_kernel, {.name = "flag", .grid = 2, .block = 1, .cooperative = true}, flag.data(), data.data());
}

// ---- in a block -------------------------------------------------------------------------------------------------

__global__ void in_place_kernel(int* x) { x[threadIdx.x] = x[(threadIdx.x + 1) % blockDim.x] + 1; }
FASTNETS_RACE(in_place_without_barrier) {
  Buffer<int> x(std::vector<int>(64, 3));
  launch(in_place_kernel, {.name = "in_place", .grid = 1, .block = 64}, x.data());
}

// A shuffle brings lanes together, but does not put their accesses to memory in order.
__global__ void shuffle_kernel(int* out) {
  FASTNETS_STATIC_SHARED(exchanged, int[32]);
  exchanged[threadIdx.x] = int(threadIdx.x);
  const int zero = shuffle(int(threadIdx.x), 0);
  out[threadIdx.x] = exchanged[31 - threadIdx.x] + zero;
}
FASTNETS_RACE(shuffle_is_no_barrier) {
  Buffer<int> out(32);
  launch(shuffle_kernel, {.name = "shuffle", .grid = 1, .block = 32}, out.data());
}

__global__ void arrival_kernel(int* out) {
  FASTNETS_STATIC_SHARED(value, int);
  if (threadIdx.x == 0) value = 5;
  if (threadIdx.x < 32) {
    named_barrier_sync(1, 64);
  } else {
    named_barrier_arrive(1, 64);  // does not wait
    if (threadIdx.x == 32) *out = value;
  }
}
FASTNETS_RACE(arrival_is_no_wait) {
  Buffer<int> out(1);
  launch(arrival_kernel, {.name = "arrival", .grid = 1, .block = 64}, out.data());
}

// The barrier is for the warps of the first half; the second half reads what they write.
__global__ void half_barrier_kernel(int* out) {
  FASTNETS_STATIC_SHARED(values, int[64]);
  if (threadIdx.x < 64) values[threadIdx.x] = int(threadIdx.x);
  named_barrier_sync(1 + int(threadIdx.x) / 64, 64);
  out[threadIdx.x] = values[threadIdx.x % 64];
}
FASTNETS_RACE(barrier_of_the_wrong_half) {
  Buffer<int> out(128);
  launch(half_barrier_kernel, {.name = "half", .grid = 1, .block = 128}, out.data());
}

}  // namespace
}  // namespace fastnets::tests
