// Attention, forward, what becomes of the scores of a row: an online softmax, tile by tile, and what it ends with.
#pragma once
#include "cuda/arch/simt.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

constexpr double kLog2E = 1.4426950408889634074, kLn2 = 0.69314718055994530942;

// The running softmax of a thread's rows: the largest score, and this lane's part of the sum of exponentials.
template <class Tiles>
struct OnlineSoftmax {
  static constexpr int kRows = Tiles::kRows;
  float largest[kRows], total[kRows];

  // `head` of each row has a sink, where there are sinks.
  __device__ __forceinline__ OnlineSoftmax(const float* sinks, const int (&head)[kRows]) {
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      largest[r] = sinks ? sinks[head[r]] * float(kLog2E) : -INFINITY;
      total[r] = sinks && lane_index() % Tiles::kLanes == 0 ? 1 : 0;
    }
  }

  // Takes in some scores and leaves exp(score − largest) in their place; what was summed before counts `shrink` times
  // from now on.
  __device__ __forceinline__ void take(typename Tiles::Scores& scores, float factor, float (&shrink)[kRows]) {
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      float top = -INFINITY;
#pragma unroll
      for (int c = 0; c < Tiles::kColumns; ++c) top = top < scores.at(r, c) ? scores.at(r, c) : top;
      top = max(largest[r], warp_max<Tiles::kLanes>(top) * factor);
      // a query that has seen no key yet keeps −∞; its exponentials are 0
      const float shift = top > -INFINITY ? -top : 0.0f;
      shrink[r] = exp2_flushed(largest[r] + shift);
      largest[r] = top;
      float sum = 0;
#pragma unroll
      for (int c = 0; c < Tiles::kColumns; ++c) {
        scores.at(r, c) = exp2_flushed(fmaf(scores.at(r, c), factor, shift));
        sum += scores.at(r, c);
      }
      total[r] = fmaf(total[r], shrink[r], sum);
    }
  }
};

// A finished row: the output's factor, and the log-sum-exp.
__device__ __forceinline__ float inverse_of(float total, bool is_valid) {
  return !is_valid ? NAN : total == 0 ? 0.0f : 1 / total;
}
__device__ __forceinline__ float lse_of(float largest, float total, bool is_valid) {
  return !is_valid ? NAN : total == 0 ? -INFINITY : largest * float(kLn2) + logf(total);
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
