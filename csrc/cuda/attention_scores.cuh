// Attention, what becomes of the product of a query and a key: scale, cap, slopes, mask, and which keys are hidden.
#pragma once
#include <cmath>

#include "cuda/attention.cuh"
#include "cuda/attention_softmax.cuh"
#include "cuda/attention_window.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

enum class MaskKind { none, boolean, wide, narrow };  // narrow: of the arrays' type, wide: float32 beside it

// What holds for one head of one sequence.
struct HeadRules : Alignment {
  float slope;
  int64_t mask;  // where its mask begins
  int row;       // the number of its first query
};

// Whether nothing but a positive scale is asked for.
inline bool is_plain(const Attention& op) {
  return op.softcap == 0 && !op.alibi_slopes && float(op.scale * kLog2E) > 0 && op.dropout_p == 0 && !op.attn_mask;
}

// The scores of a call. In kernels for plain ones products stay as they are and the scale joins the exponential:
// exp(score) = 2^(factor · what score() gives).
template <class T>
struct ScoreRules : Window {
  float scale, softcap, factor;
  const float *slopes, *sinks;  // (H,) or null
  MaskKind mask_kind = MaskKind::none;
  const void* mask;
  int leads;  // dimensions before the heads
  int lead_shape[kMaxDims];
  int64_t lead_stride[kMaxDims], mask_head, mask_row, mask_column;
  bool drops;
  uint32_t least_kept;  // of the 24 bits of a uniform number
  float keep_factor;
  uint64_t seed;

  ScoreRules(const AttentionProblem<T>& p, bool plain)
      : Window{p.op.window_left < 0 ? kUnbounded : int(std::min(p.op.window_left, int64_t{kUnbounded})),
               p.op.is_causal          ? 0
               : p.op.window_right < 0 ? kUnbounded
                                       : int(std::min(p.op.window_right, int64_t{kUnbounded})),
               p.op.causal_alignment == CausalAlignment::lower_right},
        scale(float(p.op.scale)),
        softcap(float(p.op.softcap)),
        factor(float(plain ? p.op.scale * kLog2E : kLog2E)),
        slopes(numbers_of(p.op.name, p.op.alibi_slopes, p.workspace, p.stream)),
        sinks(numbers_of(p.op.name, p.op.sinks, p.workspace, p.stream)),
        mask(p.op.attn_mask.data),
        leads(p.op.is_packed() ? 0 : std::max(0, p.op.head_dim())),
        mask_head(0),
        drops(p.op.dropout_p > 0),
        least_kept(uint32_t(std::ceil(p.op.dropout_p * 0x1p24))),
        keep_factor(p.op.dropout_p < 1 ? float(1 / (1 - p.op.dropout_p)) : 0),
        seed(p.op.seed) {
    const Tensor& m = p.op.attn_mask;
    if (!m) return;
    mask_kind = m.dtype == DType::boolean   ? MaskKind::boolean
                : m.dtype == DType::float32 ? MaskKind::wide
                                            : MaskKind::narrow;
    const int shift = p.op.query.ndim - m.ndim;
    const auto step = [&](int d) { return d < shift || m.shape[d - shift] == 1 ? int64_t{0} : m.stride[d - shift]; };
    mask_column = step(p.op.query.ndim - 1), mask_row = step(p.op.query.ndim - 2);
    if (p.op.head_dim() >= 0) mask_head = step(p.op.head_dim());
    for (int d = 0; d < leads; ++d) lead_shape[d] = int(p.op.query.shape[d]), lead_stride[d] = step(d);
  }

  __device__ __forceinline__ HeadRules of_head(const AttentionShape& shape, const Sequence& s, int h) const {
    HeadRules head{align(s.Sq, s.Sk), slopes ? slopes[h] : 0.0f, h * mask_head, shape.row(s, h, 0)};
    if (mask_kind != MaskKind::none)
      for (int d = leads - 1, rest = s.number; d >= 0; rest /= lead_shape[d], --d)
        head.mask += rest % lead_shape[d] * lead_stride[d];
    return head;
  }

  // What the mask adds to a score; a boolean one hides, with −∞.
  __device__ __forceinline__ float read_mask(const HeadRules& head, int i, int j) const {
    const int64_t at = head.mask + i * mask_row + j * mask_column;
    if (mask_kind == MaskKind::boolean) return static_cast<const uint8_t*>(mask)[at] ? 0.0f : -INFINITY;
    if (mask_kind == MaskKind::wide) return static_cast<const float*>(mask)[at];
    return widen(static_cast<const T*>(mask)[at]);
  }
  // Whether the mask hides all of a tile; the same in all threads, which meet here.
  __device__ __forceinline__ bool hides_all(const HeadRules& head, int i0, int i1, int j0, int j1) const {
    if (mask_kind == MaskKind::none) return false;
    const int rows = mask_row == 0 ? 1 : min(i1, head.Sq) - i0, columns = mask_column == 0 ? 1 : min(j1, head.Sk) - j0;
    bool seen = false;
    for (int e = int(threadIdx.x); e < rows * columns && !seen; e += int(blockDim.x))
      seen = read_mask(head, i0 + e / columns, j0 + e % columns) != -INFINITY;
    FASTNETS_STATIC_SHARED(partial, int[kWarpSize]);
    const bool any = block_max(seen ? 1 : 0, partial) != 0;
    __syncthreads();  // partial may be written again
    return !any;
  }

  // The score of query i and key j, −∞ where the key is hidden; `slope` becomes the derivative of the cap.
  template <bool kPlain>
  __device__ __forceinline__ float score(float product, const HeadRules& head, int i, int j, bool all_seen,
                                         float& slope) const {
    if (!all_seen && !sees(head, i, j)) return -INFINITY;
    if constexpr (kPlain) {
      return product;
    } else {
      float s = product * scale;
      if (softcap > 0) {
        const float t = tanhf(s / softcap);
        s = t * softcap;
        slope = 1 - t * t;
      }
      if (head.slope != 0) s -= head.slope * fabsf(float(i + head.offset - j));
      if (mask_kind == MaskKind::none) return s;
      const float added = read_mask(head, i, j);
      return mask_kind == MaskKind::boolean && added != 0 ? added : s + added;
    }
  }
};

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
