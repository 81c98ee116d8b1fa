// The inner loop of a product of float32 operands in ieee precision: FMA on register tiles.
#pragma once
#include <algorithm>

#include "cuda/backend/precision.h"
#include "cuda/operand.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// 16x16 threads own a tile of the product; a thread owns kPieces x kPieces pieces of 4x4 elements, 64 apart.
template <class A, class B, int kPieces>
struct SimtLoop {
  static constexpr int kTileM = kPieces * 64, kTileN = kTileM, kTileK = 16;
  static constexpr int kThreads = 256;
  static constexpr int kBlocks = 1;  // of a multiprocessor at least: without it ptxas spills to make room for more
  static constexpr int kStages = 4;
  // Tiles are stored by depth; rows of one depth are followed by a gap, so that copies by depth spread over the banks.
  static constexpr int kLine = kTileM + 4, kElements = kTileK * kLine;
  static constexpr int kResultStride = kTileN + 8;
  static constexpr size_t kSharedBytes = std::max(kStages * 2 * kElements, kTileM* kResultStride) * sizeof(float);
  static constexpr int kPer = kPieces * 4;  // rows, and columns, of a thread

  template <class Operand>
  __device__ __forceinline__ static void copy_tile(float* tile, const Operand& operand, int64_t first_row,
                                                   int64_t first_k) {
    if constexpr (Operand::kOrder == Order::rows) {
      constexpr int kChunks = kTileM / kChunk<float>;
#pragma unroll
      for (int step = 0; step < kTileK * kChunks / kThreads; ++step) {
        const int i = step * kThreads + int(threadIdx.x), k = i / kChunks, row = i % kChunks * kChunk<float>;
        operand.copy_chunk(tile + k * kLine + row, first_row + row, first_k + k);
      }
    } else {
#pragma unroll
      for (int step = 0; step < kTileK * kTileM / kThreads; ++step) {
        const int i = step * kThreads + int(threadIdx.x), k = i % kTileK, row = i / kTileK;
        operand.copy_element(tile + k * kLine + row, first_row + row, first_k + k);
      }
    }
  }

  // As in TensorCoreLoop.
  __device__ __forceinline__ static const float* run(const A& a, const B& b, int64_t first_m, int64_t first_n,
                                                     int64_t k_begin, int64_t k_end, Float32Precision) {
    DynamicShared shared;
    float* const a_tiles = shared.take<float>(kStages * kElements);
    float* const b_tiles = shared.take<float>(kStages * kElements);
    const int thread_m = int(threadIdx.x) / 16 * 4, thread_n = int(threadIdx.x) % 16 * 4;
    const int steps = int((k_end - k_begin + kTileK - 1) / kTileK);
    const auto copy = [&](int step) {
      if (step < steps) {
        const int64_t k = k_begin + int64_t{step} * kTileK;
        copy_tile(a_tiles + step % kStages * kElements, a, first_m, k);
        copy_tile(b_tiles + step % kStages * kElements, b, first_n, k);
      }
      commit_stage();
    };

    float chain[kPer][kPer] = {}, total[kPer][kPer] = {};
    const auto end_chain = [&] {
#pragma unroll
      for (int i = 0; i < kPer; ++i)
#pragma unroll
        for (int j = 0; j < kPer; ++j) {
          total[i][j] += chain[i][j];
          chain[i][j] = 0;
        }
    };
    for (int step = 0; step < kStages - 1; ++step) copy(step);
    for (int step = 0; step < steps; ++step) {
      wait_stage<kStages - 2>();
      __syncthreads();  // the stage has come, and all are done with the one that is overwritten next
      copy(step + kStages - 1);
      const float* a_tile = a_tiles + step % kStages * kElements + thread_m;
      const float* b_tile = b_tiles + step % kStages * kElements + thread_n;
#pragma unroll
      for (int k = 0; k < kTileK; ++k) {
        Vector<float, 4> a_values[kPieces], b_values[kPieces];
#pragma unroll
        for (int piece = 0; piece < kPieces; ++piece) {
          a_values[piece] = load_vector<4>(a_tile + k * kLine + piece * 64);
          b_values[piece] = load_vector<4>(b_tile + k * kLine + piece * 64);
        }
#pragma unroll
        for (int i = 0; i < kPer; ++i)
#pragma unroll
          for (int j = 0; j < kPer; ++j)
            chain[i][j] = fmaf(a_values[i / 4][i % 4], b_values[j / 4][j % 4], chain[i][j]);
      }
      if ((step + 1) % (kChain / kTileK) == 0) end_chain();
    }
    end_chain();
    wait_stage<0>();
    __syncthreads();  // all are done with the stages, whose memory the result takes over

    DynamicShared again;
    float* const result = again.take<float>(kTileM * kResultStride);
#pragma unroll
    for (int i = 0; i < kPer; ++i)
#pragma unroll
      for (int j = 0; j < kPieces; ++j) {
        float* to = result + (thread_m + i / 4 * 64 + i % 4) * kResultStride + thread_n + j * 64;
        store_vector(to,
                     Vector<float, 4>{total[i][j * 4], total[i][j * 4 + 1], total[i][j * 4 + 2], total[i][j * 4 + 3]});
      }
    return result;
  }
};

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
