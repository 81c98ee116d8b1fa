// The inner loop of a product on the tensor cores: mma.sync fed by cp.async through a ring of stages. Operands are of
// half precision, or float32 numbers of which it takes 11 or 22 significant bits.
#pragma once
#include <algorithm>
#include <bit>

#include "cuda/backend/precision.h"
#include "cuda/fragments.cuh"
#include "cuda/operand.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// A tile of an operand in shared memory. A line is what lies together: a row (kDepth elements) or, in Order::rows, the
// rows of one depth. Chunks of a line change places so that eight lines, or eight rows of a line, lie in different
// banks.
template <class T, Order order, int kRows, int kDepth>
struct SharedTile {
  static constexpr int kElements = kRows * kDepth;
  static constexpr int kLines = order == Order::depth ? kRows : kDepth;
  static constexpr int kChunks = kElements / kLines / kChunk<T>;  // of a line
  static constexpr int kLinesPerRound = kChunks < 8 ? 8 / kChunks : 1, kPlaces = kChunks < 8 ? kChunks : 8;

  __device__ __forceinline__ static int at(int line, int chunk) {
    return (line * kChunks + (chunk ^ (line / kLinesPerRound % kPlaces))) * kChunk<T>;
  }

  template <int kThreads, class Operand>
  __device__ __forceinline__ static void copy(T* tile, const Operand& operand, int64_t first_row, int64_t first_k) {
    static_assert(kLines * kChunks % kThreads == 0);
#pragma unroll
    for (int step = 0; step < kLines * kChunks / kThreads; ++step) {
      const int i = step * kThreads + int(threadIdx.x), line = i / kChunks, chunk = i % kChunks;
      if constexpr (order == Order::depth)
        operand.copy_chunk(tile + at(line, chunk), first_row + line, first_k + chunk * kChunk<T>);
      else
        operand.copy_chunk(tile + at(line, chunk), first_row + chunk * kChunk<T>, first_k + line);
    }
  }

  // The 16 rows from (row, k) on, 32 bytes deep, as mma() and mma_tfloat32() want their a.
  __device__ __forceinline__ static void load_a(uint32_t (&fragment)[4], const T* tile, int row, int k) {
    const int lane = lane_index();
    if constexpr (order == Order::depth)
      load_matrix(fragment, tile + at(row + lane % 16, k / kChunk<T> + lane / 16));
    else if constexpr (sizeof(T) == 4)
      for (int i = 0; i < 4; ++i) fragment[i] = bits(tile, row + lane / 4 + i % 2 * 8, k + lane % 4 + i / 2 * 4);
    else
      load_matrix_transposed(fragment, tile + at(k + lane / 16 * 8 + lane % 8, row / 8 + lane / 8 % 2));
  }

  // The same as two b: fragment[0..1] for the first eight rows, [2..3] for the others.
  __device__ __forceinline__ static void load_b(uint32_t (&fragment)[4], const T* tile, int row, int k) {
    const int lane = lane_index();
    if constexpr (order == Order::depth)
      load_matrix(fragment, tile + at(row + lane / 16 * 8 + lane % 8, k / kChunk<T> + lane / 8 % 2));
    else if constexpr (sizeof(T) == 4)
      for (int i = 0; i < 4; ++i) fragment[i] = bits(tile, row + lane / 4 + i / 2 * 8, k + lane % 4 + i % 2 * 4);
    else
      load_matrix_transposed(fragment, tile + at(k + lane % 16, row / 8 + lane / 16));
  }

 private:
  // One element where lines are the rows of one depth: no instruction turns matrices of 4-byte elements round.
  __device__ __forceinline__ static uint32_t bits(const T* tile, int row, int k) {
    return std::bit_cast<uint32_t>(tile[at(k, row / kChunk<T>) + row % kChunk<T>]);
  }
};

// kWarpsM x kWarpsN warps own a tile of the product, each kWarpM x kWarpN of it.
template <class A, class B, int kWarpsM, int kWarpsN, int kWarpM, int kWarpN>
struct TensorCoreLoop {
  using T = typename A::Element;
  static constexpr int kTileM = kWarpsM * kWarpM, kTileN = kWarpsN * kWarpN;
  static constexpr int kTileK = 64 / sizeof(T), kStep = 32 / sizeof(T);  // the depth of a stage, and of an mma
  static constexpr int kThreads = kWarpsM * kWarpsN * kWarpSize;
  static constexpr int kBlocks = 1;  // of a multiprocessor at least: without it ptxas spills to make room for more
  static constexpr int kStages = 4;  // of 16 KiB in a 128x128 tile
  using TileA = SharedTile<T, A::kOrder, kTileM, kTileK>;
  using TileB = SharedTile<T, B::kOrder, kTileN, kTileK>;
  static constexpr int kResultStride = kTileN + 8;  // half a warp's pairs of results lie in different banks
  static constexpr size_t kSharedBytes =
      std::max(kStages * (TileA::kElements + TileB::kElements) * sizeof(T), kTileM * kResultStride * sizeof(float));
  static constexpr int kM = kWarpM / 16, kN = kWarpN / 8;  // products of a warp a step

  // Returns, for all threads after the next barrier, the tile of results in shared memory:
  // [i * kResultStride + j] = sum of a(first_m + i, k) * b(first_n + j, k) over k_begin <= k < k_end.
  __device__ __forceinline__ static const float* run(const A& a, const B& b, int64_t first_m, int64_t first_n,
                                                     int64_t k_begin, int64_t k_end, Float32Precision precision) {
    DynamicShared shared;
    T* const a_tiles = shared.take<T>(kStages * TileA::kElements, 128);
    T* const b_tiles = shared.take<T>(kStages * TileB::kElements, 128);
    const int warp_m = warp_index() / kWarpsN * kWarpM, warp_n = warp_index() % kWarpsN * kWarpN;
    const int steps = int((k_end - k_begin + kTileK - 1) / kTileK);
    const auto copy = [&](int step) {
      if (step < steps) {
        const int stage = step % kStages;
        const int64_t k = k_begin + int64_t{step} * kTileK;
        TileA::template copy<kThreads>(a_tiles + stage * TileA::kElements, a, first_m, k);
        TileB::template copy<kThreads>(b_tiles + stage * TileB::kElements, b, first_n, k);
      }
      commit_stage();
    };

    float chain[kM][kN][4] = {}, total[kM][kN][4] = {};
    const auto end_chain = [&] {
#pragma unroll
      for (int i = 0; i < kM; ++i)
#pragma unroll
        for (int j = 0; j < kN; ++j)
#pragma unroll
          for (int e = 0; e < 4; ++e) {
            total[i][j][e] += chain[i][j][e];
            chain[i][j][e] = 0;
          }
    };
    for (int step = 0; step < kStages - 1; ++step) copy(step);
    for (int step = 0; step < steps; ++step) {
      wait_stage<kStages - 2>();
      __syncthreads();  // the stage has come, and all are done with the one that is overwritten next
      copy(step + kStages - 1);
      const T* a_tile = a_tiles + step % kStages * TileA::kElements;
      const T* b_tile = b_tiles + step % kStages * TileB::kElements;
#pragma unroll
      for (int k = 0; k < kTileK; k += kStep) {
        uint32_t a_fragment[kM][4], b_fragment[kN / 2][4];
#pragma unroll
        for (int i = 0; i < kM; ++i) TileA::load_a(a_fragment[i], a_tile, warp_m + i * 16, k);
#pragma unroll
        for (int j = 0; j < kN / 2; ++j) TileB::load_b(b_fragment[j], b_tile, warp_n + j * 16, k);
        multiply(chain, a_fragment, b_fragment, precision);
      }
      if ((step + 1) % (kChain / kTileK) == 0) end_chain();
    }
    end_chain();
    wait_stage<0>();
    __syncthreads();  // all are done with the stages, whose memory the result takes over

    DynamicShared again;
    float* const result = again.take<float>(kTileM * kResultStride);
    const int lane = lane_index();
#pragma unroll
    for (int i = 0; i < kM; ++i)
#pragma unroll
      for (int j = 0; j < kN; ++j)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const int row = warp_m + i * 16 + lane / 4 + half * 8, column = warp_n + j * 8 + lane % 4 * 2;
          store_vector(result + row * kResultStride + column,
                       Vector<float, 2>{total[i][j][half * 2], total[i][j][half * 2 + 1]});
        }
    return result;
  }

 private:
  using Sums = float[kM][kN][4];
  using FragmentsA = uint32_t[kM][4];
  using FragmentsB = uint32_t[kN / 2][4];

  __device__ __forceinline__ static void multiply(Sums& sums, const FragmentsA& a, const FragmentsB& b,
                                                  Float32Precision precision) {
    if constexpr (sizeof(T) == 2)
      add_product<T>(sums, a, b);
    else if (precision == Float32Precision::tf32x3)
      add_product(sums, SplitFragments<kM>(a), SplitFragments<kN / 2>(b));
    else
      add_product(sums, RoundedFragments<kM>(a), RoundedFragments<kN / 2>(b));
  }
};

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
