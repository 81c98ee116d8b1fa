// Planted defects. Each must be caught in some schedule, or by a sanitizer.
#include "emulation/tests/kernels.h"

namespace fastnets::tests {
namespace {

using namespace fastnets::cuda;

FASTNETS_DEFECT(sum_missing_barrier) { check_sum<SumDefect::missing_barrier>(5000); }
FASTNETS_DEFECT(sum_divergent_barrier) { check_sum<SumDefect::divergent_barrier>(5000); }
FASTNETS_DEFECT(sum_shared_out_of_bounds) { check_sum<SumDefect::shared_out_of_bounds>(5000); }
FASTNETS_DEFECT(sum_not_atomic) { check_sum<SumDefect::not_atomic>(5000); }
FASTNETS_DEFECT(sum_skipped_shuffle) { check_sum<SumDefect::skipped_shuffle>(5000); }
FASTNETS_DEFECT(two_sums_missing_barrier) { check_two_sums<false>(); }
FASTNETS_DEFECT(neighbour_missing_syncwarp) { check_neighbour<false>(); }
FASTNETS_DEFECT(recurrent_missing_grid_sync) { check_recurrent<StepBarrier::none>(); }
FASTNETS_DEFECT(recurrent_missing_block_barrier) { check_recurrent<StepBarrier::counter_without_block_barrier>(); }

template <GemmDefect defect>
void check() {
  check_gemm<bfloat16, defect>(67, 75, 136);
}
FASTNETS_DEFECT(gemm_missing_barrier_before) { check<GemmDefect::missing_barrier_before>(); }
FASTNETS_DEFECT(gemm_missing_barrier_after) { check<GemmDefect::missing_barrier_after>(); }
FASTNETS_DEFECT(gemm_missing_wait) { check<GemmDefect::missing_wait>(); }
FASTNETS_DEFECT(gemm_wait_one_too_few) { check<GemmDefect::wait_one_too_few>(); }
FASTNETS_DEFECT(gemm_shared_out_of_bounds) { check<GemmDefect::shared_out_of_bounds>(); }
FASTNETS_DEFECT(gemm_global_read_out_of_bounds) { check<GemmDefect::global_read_out_of_bounds>(); }
FASTNETS_DEFECT(gemm_global_write_out_of_bounds) { check<GemmDefect::global_write_out_of_bounds>(); }
FASTNETS_DEFECT(gemm_misaligned_copy) { check<GemmDefect::misaligned_copy>(); }
FASTNETS_DEFECT(gemm_wrong_fragment) { check<GemmDefect::wrong_fragment>(); }

// ---- accesses ---------------------------------------------------------------------------------------------------

__global__ void misaligned_vector_kernel(float* x) { store_vector(x, load_vector<4>(x + 1)); }
FASTNETS_DEFECT(misaligned_vector) {
  Buffer<float> x(8);
  launch(misaligned_vector_kernel, {.name = "misaligned", .grid = 1, .block = 1}, x.data());
}

__global__ void misaligned_pointer_kernel(float* x) { x[0] = reinterpret_cast<Vector<float, 4>*>(x + 1)->element[2]; }
FASTNETS_DEFECT(misaligned_pointer) {
  Buffer<float> x(8);
  launch(misaligned_pointer_kernel, {.name = "misaligned", .grid = 1, .block = 1}, x.data());
}

__global__ void global_overrun_kernel(float* x) { x[threadIdx.x] = 0; }
FASTNETS_DEFECT(global_overrun) {
  Buffer<float> x(31);
  launch(global_overrun_kernel, {.name = "overrun", .grid = 1, .block = 32}, x.data());
}

__global__ void dynamic_shared_overrun_kernel(int* out) {
  DynamicShared shared;
  int* first = shared.take<int>(32);
  int* second = shared.take<int>(32);
  second[threadIdx.x] = 1;
  __syncwarp();
  first[threadIdx.x + 1] = 2;  // the last lane reaches `second` on the GPU
  __syncwarp();
  out[threadIdx.x] = second[threadIdx.x];
}
FASTNETS_DEFECT(dynamic_shared_overrun) {
  Buffer<int> out(32);
  launch(dynamic_shared_overrun_kernel, {.name = "overrun", .grid = 1, .block = 32, .shared_bytes = 64 * sizeof(int)},
         out.data());
}

__global__ void uninitialised_shared_kernel(float* out) {
  FASTNETS_STATIC_SHARED(sums, float[32]);
  sums[threadIdx.x] += 1;
  out[threadIdx.x] = sums[threadIdx.x];
}
FASTNETS_DEFECT(uninitialised_shared) {
  Buffer<float> out(32);
  launch(uninitialised_shared_kernel, {.name = "uninitialised", .grid = 1, .block = 32}, out.data());
  require_equal(out.values(), std::vector<float>(32, 1.0f));
}

// ---- synchronisation --------------------------------------------------------------------------------------------

template <bool kOther>
__global__ void barrier_count_kernel() {
  if (threadIdx.x < 32)
    named_barrier_sync(1, 64);
  else
    named_barrier_sync(kOther ? 2 : 1, kOther ? 64 : 96);
}
FASTNETS_DEFECT(barrier_of_two_sizes) {
  launch(barrier_count_kernel<false>, {.name = "barrier", .grid = 1, .block = 96});
}
FASTNETS_DEFECT(barrier_nobody_else_reaches) {
  launch(barrier_count_kernel<true>, {.name = "barrier", .grid = 1, .block = 64});
}

__global__ void divergent_shuffle_kernel(int* out) {
  int value = int(threadIdx.x);
  if (threadIdx.x % 2 == 0)
    value = shuffle(value, 2);
  else
    value = shuffle(value, 3);
  out[threadIdx.x] = value;
}
FASTNETS_DEFECT(divergent_shuffle) {
  Buffer<int> out(32);
  launch(divergent_shuffle_kernel, {.name = "divergent", .grid = 1, .block = 32}, out.data());
}

__global__ void barrier_beside_shuffle_kernel(int* out) {
  if (threadIdx.x < 16)
    __syncthreads();
  else
    out[threadIdx.x] = warp_sum(1);
}
FASTNETS_DEFECT(barrier_beside_shuffle) {
  Buffer<int> out(64);
  launch(barrier_beside_shuffle_kernel, {.name = "divergent", .grid = 1, .block = 64}, out.data());
}

__global__ void endless_spin_kernel(uint32_t* flag) {
  while (load_acquire(flag) == 0) {}
}
FASTNETS_DEFECT(endless_spin) {
  Buffer<uint32_t> flag(std::vector<uint32_t>{0});
  launch(endless_spin_kernel, {.name = "spin", .grid = 1, .block = 64}, flag.data());
}

}  // namespace
}  // namespace fastnets::tests
