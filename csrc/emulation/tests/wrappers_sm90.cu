// One warp, or a cluster of small blocks, tries each wrapper of cuda/arch/sm90.cuh. Also for nvcc: the GPU must give
// the same bits.
#include "cuda/arch/sm90.cuh"
#include "cuda/backend/launch.h"
#include "emulation/tests/buffer.h"
#include "emulation/tests/hopper.h"
#include "emulation/tests/test.h"

namespace fastnets::tests {
namespace {

using namespace fastnets::cuda;

// ---- clusters ---------------------------------------------------------------------------------------------------

__global__ void cluster_kernel(int* out) {
  FASTNETS_STATIC_SHARED(values, int[32]);
  values[threadIdx.x] = int(blockIdx.x * 100 + threadIdx.x);
  cluster_sync();
  const int* other = cluster_shared(values, 1 - cluster_rank());
  out[blockIdx.x * blockDim.x + threadIdx.x] = other[31 - threadIdx.x];
  cluster_sync();  // until all have read
}
FASTNETS_TEST(cluster_shared_reads_another_block) {
  const Hopper hopper;
  Buffer<int> out(4 * 32);
  launch(cluster_kernel, {.name = "cluster", .grid = 4, .block = 32, .cluster = 2}, out.data());
  std::vector<int> expected;
  for (int block = 0; block < 4; ++block)
    for (int thread = 0; thread < 32; ++thread) expected.push_back((block ^ 1) * 100 + 31 - thread);
  require_equal(out.values(), expected);
}

__global__ void cluster_halves_kernel(int* out) {
  FASTNETS_STATIC_SHARED(value, int);
  cluster_sync();  // until all blocks have begun
  if (threadIdx.x == 0) *cluster_shared(&value, (cluster_rank() + 1) % 4) = int(blockIdx.x) + 10;
  cluster_arrive();
  const int meanwhile = int(threadIdx.x) / 32;
  cluster_wait();
  if (threadIdx.x % 32 == 0) out[blockIdx.x * 2 + threadIdx.x / 32] = value * 10 + meanwhile;
}
FASTNETS_TEST(cluster_arrive_and_wait) {
  const Hopper hopper;
  Buffer<int> out(8);
  launch(cluster_halves_kernel, {.name = "cluster_halves", .grid = 4, .block = 64, .cluster = 4}, out.data());
  require_equal(out.values(), {130, 131, 100, 101, 110, 111, 120, 121});
}

// ---- mbarriers --------------------------------------------------------------------------------------------------

// Warp 0 fills two stages in turn, warp 1 empties them.
__global__ void ring_kernel(int* out, int rounds) {
  constexpr int kStages = 2;
  FASTNETS_STATIC_SHARED(full, uint64_t[kStages]);
  FASTNETS_STATIC_SHARED(empty, uint64_t[kStages]);
  FASTNETS_STATIC_SHARED(values, int[kStages][32]);
  if (threadIdx.x == 0) {
    for (int stage = 0; stage < kStages; ++stage) {
      mbarrier_init(&full[stage], 32);
      mbarrier_init(&empty[stage], 32);
    }
    mbarrier_init_fence();
  }
  __syncthreads();
  for (int round = 0; round < rounds; ++round) {
    const int stage = round % kStages;
    const uint32_t parity = uint32_t(round / kStages) & 1;
    if (warp_index() == 0) {
      mbarrier_wait(&empty[stage], parity ^ 1);
      values[stage][lane_index()] = round * 100 + lane_index();
      mbarrier_arrive(&full[stage]);
    } else {
      while (!mbarrier_try_wait(&full[stage], parity)) {}
      out[round * 32 + lane_index()] = values[stage][31 - lane_index()];
      mbarrier_arrive(&empty[stage]);
    }
  }
}
FASTNETS_TEST(mbarriers_hand_over) {
  const Hopper hopper;
  constexpr int kRounds = 7;
  Buffer<int> out(kRounds * 32);
  launch(ring_kernel, {.name = "ring", .grid = 1, .block = 64}, out.data(), kRounds);
  std::vector<int> expected;
  for (int round = 0; round < kRounds; ++round)
    for (int lane = 0; lane < 32; ++lane) expected.push_back(round * 100 + 31 - lane);
  require_equal(out.values(), expected);
}

__global__ void remote_arrival_kernel(int* out) {
  FASTNETS_STATIC_SHARED(arrived, uint64_t);
  FASTNETS_STATIC_SHARED(value, int);
  if (threadIdx.x == 0) {
    mbarrier_init(&arrived, 1);
    mbarrier_init_fence();
  }
  cluster_sync();
  if (threadIdx.x == 0) {
    const int other = 1 - cluster_rank();
    *cluster_shared(&value, other) = int(blockIdx.x) + 7;
    mbarrier_arrive_cluster(&arrived, other);
    mbarrier_wait<Sight::cluster>(&arrived, 0);
    out[blockIdx.x] = value;
  }
  cluster_sync();
}
FASTNETS_TEST(mbarrier_arrive_in_another_block) {
  const Hopper hopper;
  Buffer<int> out(2);
  launch(remote_arrival_kernel, {.name = "remote_arrival", .grid = 2, .block = 32, .cluster = 2}, out.data());
  require_equal(out.values(), {8, 7});
}

// ---- one warp ---------------------------------------------------------------------------------------------------

__global__ void elect_kernel(int* out) {
  const bool elected = elect_one();
  if (elected) out[0] = 1;
  out[1 + lane_index()] = int(ballot(elected) != 0);
}
FASTNETS_TEST(elect_one_of_a_warp) {
  const Hopper hopper;
  Buffer<int> out(33);
  launch(elect_kernel, {.name = "elect", .grid = 1, .block = 32}, out.data());
  require_equal(out.values(), std::vector<int>(33, 1));
}

__global__ void __launch_bounds__(256, 1) registers_kernel(int* out) {
  if (threadIdx.x < 128) {
    lower_registers<24>();
    out[threadIdx.x] = int(threadIdx.x);
  } else {
    raise_registers<240>();
    out[threadIdx.x] = -int(threadIdx.x);
  }
}
FASTNETS_TEST(registers_change_hands) {
  const Hopper hopper;
  Buffer<int> out(256);
  launch(registers_kernel, {.name = "registers", .grid = 1, .block = 256}, out.data());
  std::vector<int> expected;
  for (int i = 0; i < 256; ++i) expected.push_back(i < 128 ? i : -i);
  require_equal(out.values(), expected);
}

// ---- stmatrix: element (i, j) of matrix m comes from the lane that ldmatrix would give it to --------------------

template <int kMatrices, bool kTransposed>
__global__ void store_matrix_kernel(int* out) {
  DynamicShared shared;
  uint16_t* matrices = shared.take<uint16_t>(kMatrices * 64);
  uint32_t fragment[kMatrices];
  for (int m = 0; m < kMatrices; ++m) {
    const uint32_t first = uint32_t(m * 64 + lane_index() * 2);
    fragment[m] = first | (first + 1) << 16;
  }
  uint16_t* row = matrices + lane_index() % (kMatrices * 8) * 8;
  if constexpr (kTransposed)
    store_matrix_transposed(fragment, row);
  else
    store_matrix(fragment, row);
  __syncwarp();
  for (int i = lane_index(); i < kMatrices * 64; i += kWarpSize) out[i] = matrices[i];
}

template <int kMatrices, bool kTransposed>
void check_store_matrix() {
  const Hopper hopper;
  Buffer<int> out(kMatrices * 64);
  launch(store_matrix_kernel<kMatrices, kTransposed>,
         {.name = "store_matrix", .grid = 1, .block = kWarpSize, .shared_bytes = kMatrices * 64 * sizeof(uint16_t)},
         out.data());
  std::vector<int> expected;
  for (int m = 0; m < kMatrices; ++m)
    for (int i = 0; i < 8; ++i)
      for (int j = 0; j < 8; ++j) expected.push_back(m * 64 + (kTransposed ? j * 8 + i : i * 8 + j));
  require_equal(out.values(), expected);
}
FASTNETS_TEST(store_matrix_x1) { check_store_matrix<1, false>(); }
FASTNETS_TEST(store_matrix_x2) { check_store_matrix<2, false>(); }
FASTNETS_TEST(store_matrix_x4) { check_store_matrix<4, false>(); }
FASTNETS_TEST(store_matrix_x1_transposed) { check_store_matrix<1, true>(); }
FASTNETS_TEST(store_matrix_x2_transposed) { check_store_matrix<2, true>(); }
FASTNETS_TEST(store_matrix_x4_transposed) { check_store_matrix<4, true>(); }

}  // namespace
}  // namespace fastnets::tests
