// Attention, the gradients of scores: probabilities are formed again from the scores and the log-sum-exp, tile by tile.
#pragma once
#include "cuda/attention_dropout.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

template <class T>
struct BackwardCall {
  AttentionShape shape;
  ScoreRules<T> rules;
  HeadArray<T> query, key, value, grad_output;
  HeadArray<T> grad_query{}, grad_key{}, grad_value{};  // without data where not asked for
  const float *lse = nullptr, *delta = nullptr;         // of each query; delta: Σ_j p dp − dlse
  Float32Precision precision = Float32Precision::ieee;

  // Tiles of kLines lines of a sequence's queries or keys, as zeros behind its end.
  template <class Tiles, int kLines>
  __device__ __forceinline__ void copy_queries(T* tile, const HeadArray<T>& from, const Sequence& s, int h, int i0,
                                               int column, int width) const {
    Tiles::template copy<kLines>(tile, column, width, from.aligned, from.data, [&](int l) -> const T* {
      return i0 + l < s.Sq ? from.line(s.number, h, s.q_begin + i0 + l) : nullptr;
    });
  }
  template <class Tiles, int kLines>
  __device__ __forceinline__ void copy_keys(T* tile, const HeadArray<T>& from, const Sequence& s, int hk, int j0,
                                            int column, int width) const {
    Tiles::template copy<kLines>(tile, column, width, from.aligned, from.data, [&](int l) -> const T* {
      return j0 + l < s.Sk ? from.line(s.number, hk, s.k_begin + j0 + l) : nullptr;
    });
  }
};

// Of products of queries and keys, and of output gradients and values, p = the probabilities as dropout leaves them and
// dp = the gradients of the scores, behind the cap or before it. Rows are keys, or else queries.
template <class Tiles, bool kPlain, bool kRowsAreKeys, class T>
__device__ __forceinline__ void form_gradients(const BackwardCall<T>& call, const HeadRules& head, int i0, int j0,
                                               bool before_cap, typename Tiles::Scores& p, typename Tiles::Scores& dp) {
  constexpr int kQueries = kRowsAreKeys ? Tiles::kColumns : Tiles::kRows;
  constexpr int kKeys = kRowsAreKeys ? Tiles::kRows : Tiles::kColumns;
  const bool all_seen = call.rules.sees_all(head, i0, i0 + (kRowsAreKeys ? Tiles::kN : Tiles::kM), j0,
                                            j0 + (kRowsAreKeys ? Tiles::kM : Tiles::kN));
  uint32_t kept = ~0u;
  if (!kPlain && call.rules.drops)
    kept = kept_bits<Tiles, kRowsAreKeys>(call.rules, call.shape.row_length(), j0, [&](int q) {
      return head.row + i0 + (kRowsAreKeys ? Tiles::column(q) : Tiles::row(q));
    });
#pragma unroll
  for (int q = 0; q < kQueries; ++q) {
    const int i = i0 + (kRowsAreKeys ? Tiles::column(q) : Tiles::row(q));
    const float lse = i < head.Sq ? call.lse[head.row + i] : -INFINITY;
    const float delta = i < head.Sq ? call.delta[head.row + i] : 0.0f;
    const float shift = lse == -INFINITY ? 0.0f : -lse * float(kLog2E);
#pragma unroll
    for (int k = 0; k < kKeys; ++k) {
      const int j = j0 + (kRowsAreKeys ? Tiles::row(k) : Tiles::column(k));
      float& probability = kRowsAreKeys ? p.at(k, q) : p.at(q, k);
      float& gradient = kRowsAreKeys ? dp.at(k, q) : dp.at(q, k);
      float slope = 1;
      const float score = call.rules.template score<kPlain>(probability, head, i, j, all_seen, slope);
      const float e = exp2_flushed(fmaf(score, call.rules.factor, shift));
      const int bit = kRowsAreKeys ? k * Tiles::kColumns + q : q * Tiles::kColumns + k;
      const float factor = kPlain || !call.rules.drops ? 1.0f : kept >> bit & 1 ? call.rules.keep_factor : 0.0f;
      gradient = e * (gradient * factor - delta);
      if (!kPlain && before_cap) gradient *= slope;
      probability = e * factor;
    }
  }
}

// Σ_d output · grad_output − dlse. A warp owns a query.
template <class T>
struct DeltaCall {
  AttentionShape shape;
  HeadArray<T> output, grad_output;
  const float* grad_lse;  // or null
  float* delta;
};
template <class T>
__global__ void __launch_bounds__(256) attention_delta_kernel(const DeltaCall<T> call) {
  const AttentionShape& shape = call.shape;
  const int row = int(blockIdx.x) * (256 / kWarpSize) + warp_index();  // (n, h, i), of packed sequences (h, i)
  if (row >= int(shape.rows())) return;
  const int i = row % shape.Sq, h = row / shape.Sq % shape.H, n = row / shape.Sq / shape.H;
  const T* y = call.output.line(n, h, i);
  const T* dy = call.grad_output.line(n, h, i);
  float sum = 0;
  for (int d = lane_index(); d < shape.Dv; d += kWarpSize) sum = fmaf(widen(y[d]), widen(dy[d]), sum);
  sum = warp_sum(sum);
  if (lane_index() == 0) call.delta[row] = sum - (call.grad_lse ? call.grad_lse[row] : 0.0f);
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
