// A small double-buffered tensor-core product, and what goes wrong in it when something is left out.
#pragma once
#include "cuda/arch/sm80.cuh"

namespace fastnets::tests {

enum class GemmDefect {
  none,
  missing_barrier_before,  // the tile is read before other threads' copies are known complete
  missing_barrier_after,   // the tile is overwritten while others still read it
  missing_wait,
  wait_one_too_few,
  shared_out_of_bounds,
  global_read_out_of_bounds,
  global_write_out_of_bounds,
  misaligned_copy,
  wrong_fragment,
};

// c (M, N) = a (M, K) bᵀ, b (N, K); K a multiple of 8. A block of four warps owns a 64x64 tile of c, a warp 32x32 of
// it.
struct GemmTile {
  static constexpr int kM = 64, kN = 64, kK = 32, kStages = 2;
  static constexpr int kThreads = 128;
  static constexpr size_t kSharedBytes = kStages * (kM + kN) * kK * sizeof(bfloat16);
  // Where the 16-byte chunk (row, chunk) of a tile lies: chunks of a row change places so that the eight rows that
  // load_matrix reads together lie in different banks.
  __host__ __device__ static constexpr int at(int row, int chunk) { return row * kK + (chunk ^ (row / 2 % 4)) * 8; }
};

template <class T, GemmDefect defect>
__global__ void __launch_bounds__(GemmTile::kThreads)
    gemm_kernel(const T* a, const T* b, float* c, int M, int N, int K) {
  using Tile = GemmTile;
  cuda::DynamicShared shared;
  T* const a_tiles = shared.take<T>(Tile::kStages * Tile::kM * Tile::kK, 128);
  T* const b_tiles = shared.take<T>(Tile::kStages * Tile::kN * Tile::kK, 128);
  const int lane = cuda::lane_index(), warp_m = cuda::warp_index() / 2 * 32, warp_n = cuda::warp_index() % 2 * 32;
  const int first_m = int(blockIdx.y) * Tile::kM, first_n = int(blockIdx.x) * Tile::kN;

  const auto load = [&](int stage, int first_k) {
    const auto copy_chunk = [&](T* tile, const T* matrix, int rows, int first_row, int row, int chunk) {
      const int k = first_k + chunk * 8;
      bool inside = first_row + row < rows && k < K;
      if (defect == GemmDefect::global_read_out_of_bounds && first_row + row == rows && k < K) inside = true;
      const int shift = defect == GemmDefect::misaligned_copy && row == 5 && chunk == 1 ? 1 : 0;
      const T* source = inside ? matrix + int64_t(first_row + row) * K + k - shift : matrix;
      cuda::copy_async<16>(tile + Tile::at(row, chunk), source, inside ? 16 : 0);
    };
    for (int i = int(threadIdx.x); i < Tile::kM * 4; i += Tile::kThreads) {
      const int beyond = defect == GemmDefect::shared_out_of_bounds && stage == 1 && i == 17 ? Tile::kM * Tile::kK : 0;
      copy_chunk(a_tiles + stage * Tile::kM * Tile::kK + beyond, a, M, first_m, i / 4, i % 4);
      copy_chunk(b_tiles + stage * Tile::kN * Tile::kK, b, N, first_n, i / 4, i % 4);
    }
    cuda::commit_stage();
  };

  float sum[2][4][4] = {};
  load(0, 0);
  const int steps = (K + Tile::kK - 1) / Tile::kK;
  for (int step = 0; step < steps; ++step) {
    const int stage = step % Tile::kStages;
    if (step + 1 < steps)
      load((step + 1) % Tile::kStages, (step + 1) * Tile::kK);
    else
      cuda::commit_stage();
    if constexpr (defect == GemmDefect::wait_one_too_few)
      cuda::wait_stage<2>();
    else if constexpr (defect != GemmDefect::missing_wait)
      cuda::wait_stage<1>();
    if constexpr (defect != GemmDefect::missing_barrier_before) __syncthreads();

    const T* a_tile = a_tiles + stage * Tile::kM * Tile::kK;
    const T* b_tile = b_tiles + stage * Tile::kN * Tile::kK;
#pragma unroll
    for (int k = 0; k < Tile::kK; k += 16) {
      uint32_t a_fragment[2][4], b_fragment[4][2];
#pragma unroll
      for (int i = 0; i < 2; ++i)
        cuda::load_matrix(a_fragment[i], a_tile + Tile::at(warp_m + i * 16 + lane % 16, k / 8 + lane / 16));
#pragma unroll
      for (int j = 0; j < 4; ++j)
        cuda::load_matrix(b_fragment[j], b_tile + Tile::at(warp_n + j * 8 + lane % 8, k / 8 + lane / 8 % 2));
      if (defect == GemmDefect::wrong_fragment) b_fragment[3][1] = b_fragment[3][0];
#pragma unroll
      for (int i = 0; i < 2; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) cuda::mma<T>(sum[i][j], a_fragment[i], b_fragment[j]);
    }
    if constexpr (defect != GemmDefect::missing_barrier_after) __syncthreads();
  }

#pragma unroll
  for (int i = 0; i < 2; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int m = first_m + warp_m + i * 16 + lane / 4 + e / 2 * 8;
        const int n = first_n + warp_n + j * 8 + lane % 4 * 2 + e % 2;
        if (m < M && (n < N || (defect == GemmDefect::global_write_out_of_bounds && m == M - 1 && n == N)))
          c[int64_t(m) * N + n] = sum[i][j][e];
      }
}

}  // namespace fastnets::tests
