// A small product as sm_90a does it: one thread loads tiles in bulk into a ring of stages, a warpgroup multiplies them,
// and the result leaves in bulk. And what goes wrong in it when something is left out.
#pragma once
#include "cuda/arch/sm90_copy.cuh"
#include "cuda/arch/sm90_wgmma.cuh"

namespace fastnets::tests {

enum class HopperDefect {
  none,
  missing_init_fence,  // the copies may not see the mbarriers
  missing_full_wait,   // the tile is read before it has come
  early_release,       // the stage is given back before the products have read it
  missing_empty_wait,  // a stage is filled while it is read
  wrong_parity,
  too_few_bytes,  // the mbarrier ends its phase early, or never
  too_many_bytes,
  missing_wgmma_fence,
  missing_wgmma_wait,   // the sums are read before they are there
  missing_proxy_fence,  // the store may not see what the threads have written
  wrong_fence,
  missing_barrier_before_store,
  missing_store_wait,  // the block leaves while its memory is read
};

// c (M, N) = a (M, K) bᵀ, b (N, K), bfloat16; a block owns 64x64 of c.
struct HopperTile {
  static constexpr int kM = 64, kN = 64, kK = 64, kStages = 2;
  static constexpr int kThreads = 256;  // a warpgroup that loads, one that multiplies
  static constexpr size_t kSharedBytes = kStages * (kM + kN) * kK * sizeof(bfloat16) + kM * kN * sizeof(float) + 1024;
};

template <HopperDefect defect>
__global__ void __launch_bounds__(HopperTile::kThreads, 1)
    hopper_gemm_kernel(const __grid_constant__ cuda::TensorMap a, const __grid_constant__ cuda::TensorMap b,
                       const __grid_constant__ cuda::TensorMap c, int K) {
  using Tile = HopperTile;
  cuda::DynamicShared shared;
  bfloat16* const a_tiles = shared.take<bfloat16>(Tile::kStages * Tile::kM * Tile::kK, 1024);
  bfloat16* const b_tiles = shared.take<bfloat16>(Tile::kStages * Tile::kN * Tile::kK, 1024);
  float* const c_tile = shared.take<float>(Tile::kM * Tile::kN, 1024);
  FASTNETS_STATIC_SHARED(full, uint64_t[Tile::kStages]);
  FASTNETS_STATIC_SHARED(empty, uint64_t[Tile::kStages]);
  const int first_m = int(blockIdx.y) * Tile::kM, first_n = int(blockIdx.x) * Tile::kN;
  const int steps = (K + Tile::kK - 1) / Tile::kK;
  if (threadIdx.x == 0) {
    for (int stage = 0; stage < Tile::kStages; ++stage) {
      cuda::mbarrier_init(&full[stage], 1);
      cuda::mbarrier_init(&empty[stage], cuda::kWarpgroupSize);
    }
    if constexpr (defect != HopperDefect::missing_init_fence) cuda::mbarrier_init_fence();
  }
  __syncthreads();

  if (threadIdx.x < cuda::kWarpgroupSize) {
    cuda::lower_registers<40>();
    if (threadIdx.x == 0) {
      for (int step = 0; step < steps; ++step) {
        const int stage = step % Tile::kStages;
        const uint32_t parity = uint32_t(step / Tile::kStages) & 1;
        constexpr uint32_t kFlip = defect == HopperDefect::wrong_parity ? 0 : 1;
        if constexpr (defect != HopperDefect::missing_empty_wait) cuda::mbarrier_wait(&empty[stage], parity ^ kFlip);
        constexpr int kWrong = defect == HopperDefect::too_few_bytes    ? -128
                               : defect == HopperDefect::too_many_bytes ? 128
                                                                        : 0;
        cuda::mbarrier_arrive_expect(&full[stage],
                                     uint32_t((Tile::kM + Tile::kN) * Tile::kK * int(sizeof(bfloat16)) + kWrong));
        const int a_at[2] = {step * Tile::kK, first_m}, b_at[2] = {step * Tile::kK, first_n};
        cuda::load_tensor(a_tiles + stage * Tile::kM * Tile::kK, a, &full[stage], a_at);
        cuda::load_tensor(b_tiles + stage * Tile::kN * Tile::kK, b, &full[stage], b_at);
      }
    }
    return;
  }

  cuda::raise_registers<232>();
  float sum[Tile::kN / 2] = {};
  for (int step = 0; step < steps; ++step) {
    const int stage = step % Tile::kStages;
    const uint32_t parity = uint32_t(step / Tile::kStages) & 1;
    if constexpr (defect != HopperDefect::missing_full_wait) cuda::mbarrier_wait(&full[stage], parity);
    constexpr uint32_t kStride = 8 * 128;
    const uint64_t a_tile = cuda::matrix_descriptor(a_tiles + stage * Tile::kM * Tile::kK, 16, kStride, 128);
    const uint64_t b_tile = cuda::matrix_descriptor(b_tiles + stage * Tile::kN * Tile::kK, 16, kStride, 128);
    cuda::wgmma_hold(sum);
    if constexpr (defect != HopperDefect::missing_wgmma_fence) cuda::wgmma_fence();
#pragma unroll
    for (int k = 0; k < Tile::kK / 16; ++k)  // 32 bytes further each
      cuda::wgmma<bfloat16>(sum, a_tile + uint64_t(k * 2), b_tile + uint64_t(k * 2), true);
    cuda::wgmma_commit();
    if constexpr (defect == HopperDefect::early_release) cuda::mbarrier_arrive(&empty[stage]);
    if (defect != HopperDefect::missing_wgmma_wait || step + 1 < steps) cuda::wgmma_wait<0>();
    cuda::wgmma_hold(sum);
    if constexpr (defect != HopperDefect::early_release) cuda::mbarrier_arrive(&empty[stage]);
  }

  const int lane = cuda::lane_index(), row = (cuda::warp_index() - 4) * 16 + lane / 4;
#pragma unroll
  for (int i = 0; i < Tile::kN / 2; ++i)
    c_tile[(row + i % 4 / 2 * 8) * Tile::kN + i / 4 * 8 + lane % 4 * 2 + i % 2] = sum[i];
  if constexpr (defect == HopperDefect::missing_wgmma_wait) cuda::wgmma_wait<0>();
  if constexpr (defect == HopperDefect::wrong_fence)
    cuda::mbarrier_init_fence();
  else if constexpr (defect != HopperDefect::missing_proxy_fence)
    cuda::fence_proxy_shared();
  if constexpr (defect != HopperDefect::missing_barrier_before_store) cuda::named_barrier_sync(1, cuda::kWarpgroupSize);
  if (threadIdx.x == cuda::kWarpgroupSize) {
    const int at[2] = {first_n, first_m};
    cuda::store_tensor(c, c_tile, at);
    cuda::commit_stores();
    if constexpr (defect != HopperDefect::missing_store_wait) cuda::wait_stores_read<0>();
  }
}

}  // namespace fastnets::tests
