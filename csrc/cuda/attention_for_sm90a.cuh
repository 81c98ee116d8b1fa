// Which calls of attention, forward, the kernel for sm_90a takes over: sequences of one length, whose arrays bulk
// copies can bring.
#pragma once
#include <optional>

#include "cuda/attention_scores.cuh"
#include "cuda/backend/device.h"
#include "cuda/sm90a/attention.h"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// (N, H, S, width)
template <class T>
std::optional<sm90a::MappedHeads> map_heads(const HeadArray<T>& array, int N, int H, int S, int width) {
  constexpr int64_t kMost = int64_t{1} << 39;  // a map's strides end at 2^40 bytes
  const int64_t dense = divide_up(width, kChunk<T>) * kChunk<T>;
  // Where there is only one of them, the way to the next does not matter.
  const sm90a::MappedHeads mapped{array.data, N == 1 ? dense : array.sequence, H == 1 ? dense : array.head,
                                  S == 1 ? dense : array.position};
  for (const int64_t stride : {mapped.sequence, mapped.head, mapped.position})
    if (stride < width || stride >= kMost) return std::nullopt;  // lines on top of each other are not for maps
  return array.aligned && N > 0 && H > 0 && S > 0 && width > 0 ? std::optional(mapped) : std::nullopt;
}

template <class T>
std::optional<sm90a::AttentionForward> for_sm90a(const AttentionProblem<T>& p, const ScoreRules<T>& rules,
                                                 const HeadArray<T>& query, const HeadArray<T>& key,
                                                 const HeadArray<T>& value, const HeadArray<T>& output, float* lse) {
  const AttentionShape& s = p.shape;
  // What lies behind a sequence's length may be NaN, which tiles here would multiply with probabilities of 0.
  if (compute_capability() != 90 || s.is_packed || p.op.key_lengths || std::max(s.D, s.Dv) > 256) return std::nullopt;
  const auto mapped_query = map_heads(query, s.N, s.H, s.Sq, s.D), mapped_key = map_heads(key, s.N, s.Hk, s.Sk, s.D),
             mapped_value = map_heads(value, s.N, s.Hk, s.Sk, s.Dv),
             mapped_output = map_heads(output, s.N, s.H, s.Sq, s.Dv);
  if (!mapped_query || !mapped_key || !mapped_value || !mapped_output) return std::nullopt;
  return sm90a::AttentionForward{
      .name = p.op.name,
      .dtype = p.op.query.dtype,
      .N = s.N,
      .H = s.H,
      .Hk = s.Hk,
      .Sq = s.Sq,
      .Sk = s.Sk,
      .D = s.D,
      .Dv = s.Dv,
      .query = *mapped_query,
      .key = *mapped_key,
      .value = *mapped_value,
      .output = *mapped_output,
      .lse = lse,
      .sinks = rules.sinks,
      .factor = rules.factor,
      .before = rules.before,
      .behind = rules.behind,
      .is_lower_right = rules.is_lower_right,
  };
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
