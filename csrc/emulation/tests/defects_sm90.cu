// Planted defects of kernels for sm_90a: those that some schedule or a rule of the emulator shows, and races.
#include "emulation/tests/kernels_sm90.h"

namespace fastnets::tests {
namespace {

using namespace fastnets::cuda;

template <HopperDefect defect>
void check() {
  check_hopper_gemm<defect>(64, 64, 320);
}
FASTNETS_DEFECT(hopper_missing_full_wait) { check<HopperDefect::missing_full_wait>(); }
FASTNETS_DEFECT(hopper_early_release) { check<HopperDefect::early_release>(); }
FASTNETS_DEFECT(hopper_missing_empty_wait) { check<HopperDefect::missing_empty_wait>(); }
FASTNETS_DEFECT(hopper_wrong_parity) { check<HopperDefect::wrong_parity>(); }
FASTNETS_DEFECT(hopper_too_few_bytes) { check<HopperDefect::too_few_bytes>(); }
FASTNETS_DEFECT(hopper_too_many_bytes) { check<HopperDefect::too_many_bytes>(); }
FASTNETS_DEFECT(hopper_missing_wgmma_fence) { check<HopperDefect::missing_wgmma_fence>(); }
FASTNETS_DEFECT(hopper_missing_wgmma_wait) { check<HopperDefect::missing_wgmma_wait>(); }
FASTNETS_DEFECT(hopper_missing_barrier_before_store) { check<HopperDefect::missing_barrier_before_store>(); }
FASTNETS_DEFECT(hopper_missing_store_wait) { check<HopperDefect::missing_store_wait>(); }

FASTNETS_RACE(race_hopper_missing_init_fence) { check<HopperDefect::missing_init_fence>(); }
FASTNETS_RACE(race_hopper_missing_proxy_fence) { check<HopperDefect::missing_proxy_fence>(); }
FASTNETS_RACE(race_hopper_wrong_fence) { check<HopperDefect::wrong_fence>(); }
FASTNETS_RACE(race_hopper_missing_full_wait) { check<HopperDefect::missing_full_wait>(); }
FASTNETS_RACE(race_hopper_early_release) { check<HopperDefect::early_release>(); }
FASTNETS_RACE(race_hopper_missing_barrier_before_store) { check<HopperDefect::missing_barrier_before_store>(); }

// ---- clusters ---------------------------------------------------------------------------------------------------

template <bool kSyncBefore, bool kSyncAfter>
__global__ void neighbour_block_kernel(int* out) {
  FASTNETS_STATIC_SHARED(value, int);
  if (threadIdx.x == 0) value = int(blockIdx.x);
  if constexpr (kSyncBefore)
    cluster_sync();
  else
    __syncthreads();
  if (threadIdx.x == 0) out[blockIdx.x] = *cluster_shared(&value, 1 - cluster_rank());
  if constexpr (kSyncAfter) cluster_sync();
}
template <bool kSyncBefore, bool kSyncAfter>
void check_neighbour_block() {
  const Hopper hopper;
  Buffer<int> out(2);
  launch(neighbour_block_kernel<kSyncBefore, kSyncAfter>, {.name = "neighbour", .grid = 2, .block = 32, .cluster = 2},
         out.data());
  require_equal(out.values(), {1, 0});
}
FASTNETS_DEFECT(cluster_missing_barrier_before) { check_neighbour_block<false, true>(); }
FASTNETS_DEFECT(cluster_block_exits_early) { check_neighbour_block<true, false>(); }
FASTNETS_RACE(race_cluster_missing_barrier) { check_neighbour_block<false, true>(); }

__global__ void wait_without_arrival_kernel() { cluster_wait(); }
FASTNETS_DEFECT(cluster_wait_without_arrival) {
  const Hopper hopper;
  launch(wait_without_arrival_kernel, {.name = "wait", .grid = 2, .block = 32, .cluster = 2});
}

// ---- mbarriers --------------------------------------------------------------------------------------------------

template <bool kInit, int kArrivals>
__global__ void mbarrier_kernel() {
  FASTNETS_STATIC_SHARED(mbarrier, uint64_t);
  if (kInit && threadIdx.x == 0) mbarrier_init(&mbarrier, 32);
  __syncthreads();
  for (int i = 0; i < kArrivals; ++i)
    if (kArrivals < 2 || threadIdx.x < 17) mbarrier_arrive(&mbarrier);
  if (threadIdx.x != 31) mbarrier_wait(&mbarrier, 0);
}
FASTNETS_DEFECT(mbarrier_not_initialised) {
  const Hopper hopper;
  launch(mbarrier_kernel<false, 1>, {.name = "mbarrier", .grid = 1, .block = 32});
}
FASTNETS_DEFECT(mbarrier_with_too_few_arrivals) {
  const Hopper hopper;
  launch(mbarrier_kernel<true, 0>, {.name = "mbarrier", .grid = 1, .block = 32});
}

// ---- stores -----------------------------------------------------------------------------------------------------

// Block 0 stores in bulk, block 1 reads it: waiting until shared memory has been read is not enough.
template <bool kRead>
__global__ void store_then_flag_kernel(float* values, uint32_t* flag, float* out) {
  DynamicShared shared;
  float* mine = shared.take<float>(32, 16);
  if (blockIdx.x == 0) {
    mine[lane_index()] = float(lane_index());
    fence_proxy_shared();
    __syncwarp();
    if (lane_index() == 0) {
      store_bulk(values, mine, 32 * sizeof(float));
      commit_stores();
      if constexpr (kRead)
        wait_stores_read<0>();
      else
        wait_stores<0>();
      store_release(flag, 1);
    }
  } else {
    if (lane_index() == 0)
      while (load_acquire(flag) == 0) {}
    __syncwarp();
    out[lane_index()] = values[31 - lane_index()];
  }
}
template <bool kRead>
void check_store_then_flag() {
  const Hopper hopper;
  Buffer<float> values(32), out(32);
  Buffer<uint32_t> flag(std::vector<uint32_t>{0});
  launch(store_then_flag_kernel<kRead>,
         {.name = "flag", .grid = 2, .block = kWarpSize, .shared_bytes = 32 * sizeof(float), .cooperative = true},
         values.data(), flag.data(), out.data());
  require(out.values()[0] == 31.0f, "the store has not come");
}
FASTNETS_TEST(bulk_store_is_seen_by_another_block) { check_store_then_flag<false>(); }
FASTNETS_RACE(race_bulk_store_only_read) { check_store_then_flag<true>(); }

// ---- bounds -----------------------------------------------------------------------------------------------------

__global__ void overrun_kernel(const float* in, uint32_t bytes) {
  FASTNETS_STATIC_SHARED(mbarrier, uint64_t);
  DynamicShared shared;
  float* values = shared.take<float>(32, 16);
  if (threadIdx.x != 0) return;
  mbarrier_init(&mbarrier, 1);
  mbarrier_init_fence();
  mbarrier_arrive_expect(&mbarrier, bytes);
  load_bulk(values, in, bytes, &mbarrier);
  mbarrier_wait(&mbarrier, 0);
}
void check_overrun(size_t elements, uint32_t bytes) {
  const Hopper hopper;
  Buffer<float> in(elements);
  launch(overrun_kernel, {.name = "overrun", .grid = 1, .block = 1, .shared_bytes = 32 * sizeof(float)},
         static_cast<const float*>(in.data()), bytes);
}
FASTNETS_DEFECT(bulk_load_overruns_shared_memory) { check_overrun(64, 144); }
FASTNETS_DEFECT(bulk_load_overruns_global_memory) { check_overrun(31, 128); }
FASTNETS_DEFECT(bulk_load_of_odd_size) { check_overrun(32, 120); }

// A window of 4 pixels in lines of 8, that begins at `first`, and a tap of it.
__global__ void window_kernel(const __grid_constant__ TensorMap map, int first, uint16_t tap) {
  FASTNETS_STATIC_SHARED(mbarrier, uint64_t);
  DynamicShared shared;
  float* pixels = shared.take<float>(4 * 4, 128);
  mbarrier_init(&mbarrier, 1);
  mbarrier_init_fence();
  mbarrier_arrive_expect(&mbarrier, 4 * 4 * sizeof(float));
  const int at[5] = {0, first, 0, 0, 0};
  const uint16_t taps[3] = {tap, 0, 0};
  load_im2col(pixels, map, &mbarrier, at, taps);
  mbarrier_wait(&mbarrier, 0);
}
void check_window(int first, uint16_t tap) {
  const Hopper hopper;
  Buffer<float> images(4 * 8 * 2);
  const std::vector<uint64_t> sizes{4, 8, 2, 1, 1}, strides{16, 128, 256, 256};
  const std::vector<int> corner{0, 0, 0};
  const std::vector<uint32_t> step{1, 1, 1};
  launch(window_kernel, {.name = "window", .grid = 1, .block = 1, .shared_bytes = 4 * 4 * sizeof(float) + 128},
         make_tensor_map({DType::float32, images.data(), sizes, strides}, Im2col{corner, corner, step, 4, 4}), first,
         tap);
}
FASTNETS_TEST(window_that_begins_in_the_box) { check_window(7, 31); }
FASTNETS_DEFECT(window_that_begins_before_the_box) { check_window(-1, 0); }
FASTNETS_DEFECT(window_that_begins_behind_the_box) { check_window(8, 0); }
FASTNETS_DEFECT(window_of_a_tap_too_far) { check_window(7, 32); }

}  // namespace
}  // namespace fastnets::tests
