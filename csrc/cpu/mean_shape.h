// Windows whose mean is taken: what each holds, what divides it, and which windows hold an element.
#pragma once
#include "core/entries.h"
#include "cpu/deal.h"
#include "cpu/pooling.h"
#include "cpu/reduce.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Elements begin … end − 1 along one axis, and of a window how many it counts.
struct Span {
  std::int64_t begin, end, count;
  FASTNETS_INLINE std::int64_t size() const { return end - begin; }
};

struct MeanShape : PoolShape {
  bool counts_padding = false;
  std::int64_t divisor = 0;         // 0: how many elements a window has
  const Span* windows[kAxes] = {};  // of each output along an axis; those of the last axis only where it is asked for
  const Span* over[kAxes] = {};     // of each input, the outputs whose windows hold it: for the gradient

  template <class Op>
  MeanShape(const Op& op, Pass pass, Workspace& workspace) : PoolShape(op) {
    if constexpr (requires { op.divisor_override; })
      counts_padding = op.count_include_pad, divisor = op.divisor_override;
    for (int d = 0; d < (has_columns() ? 2 : kAxes); ++d) {
      windows[d] = table(out[d], workspace, [&](std::int64_t p) { return window(d, p); });
      if (pass == Pass::backward) over[d] = table(in[d], workspace, [&](std::int64_t i) { return outputs_over(d, i); });
    }
  }

  FASTNETS_INLINE Span window(int axis, std::int64_t p) const {
    const Taps t = taps(axis, p);
    const std::int64_t first = t.from + t.first, last = t.from + t.last;
    if (divisor) return {first, last, 1};
    return {first, last,
            counts_padding ? least(t.from + kernel[axis], in[axis] + padding[axis]) - t.from : last - first};
  }
  // What windows (o, p, …) are divided by, beside their counts along the last axis.
  template <class Acc>
  FASTNETS_INLINE Acc count_of_lines(std::int64_t o, std::int64_t p) const {
    return divisor ? static_cast<Acc>(divisor)
                   : static_cast<Acc>(windows[0][o].count) * static_cast<Acc>(windows[1][p].count);
  }
  // Whether the one window is the whole image.
  FASTNETS_INLINE bool is_global() const {
    bool whole = out_pixels() == 1;
    for (int d = 0; d < kAxes; ++d) whole = whole && window(d, 0).size() == in[d];
    return whole;
  }
  // Whether windows lie side by side along the last axis and fill it, so that lines can be computed as one.
  FASTNETS_INLINE bool joins_lines() const {
    return !is_uneven[2] && padding[2] == 0 && kernel[2] <= stride[2] && in[2] == out[2] * stride[2];
  }
  // Whether lines are computed as vectors of columns: narrow windows of one size in row-major images.
  FASTNETS_INLINE bool has_columns() const {
    return !channels_last && !is_uneven[2] && kernel[2] < kNarrow &&
           least(kSegment, out[2]) * stride[2] + kernel[2] <= kReach;
  }

 private:
  static constexpr std::int64_t kNarrow = 20;  // from here on sums along the line are faster than down its columns

  template <class F>
  static const Span* table(std::int64_t size, Workspace& workspace, const F& f) {
    Span* spans = workspace.take<Span>(size);
    for (std::int64_t i = 0; spans && i < size; ++i) spans[i] = f(i);
    return spans;
  }
  FASTNETS_INLINE Span outputs_over(int axis, std::int64_t i) const {
    if (is_uneven[axis]) return {i * out[axis] / in[axis], divide_up((i + 1) * out[axis], in[axis]), 0};
    const std::int64_t last = i + padding[axis], before = last - kernel[axis] + 1;
    return {before > 0 ? divide_up(before, stride[axis]) : 0, least(out[axis], last / stride[axis] + 1), 0};
  }
};

// A line (plane, d, h) of pixels, one after the other.
struct LineWalk {
  std::int64_t plane, d, h;
  const std::int64_t* size;

  LineWalk(const std::int64_t* size_, std::int64_t line)
      : plane(line / (size_[0] * size_[1])),
        d(line % (size_[0] * size_[1]) / size_[1]),
        h(line % size_[1]),
        size(size_) {}
  FASTNETS_INLINE void next() {
    if (++h < size[1]) return;
    h = 0;
    if (++d < size[0]) return;
    d = 0, ++plane;
  }
};

// A sum in chains of kChain terms, which are then added in order.
template <class V>
struct ChainedSum {
  V total, chain;
  int terms = 0;
  V zero;
  FASTNETS_INLINE explicit ChainedSum(V zero_) : total(zero_), chain(zero_), zero(zero_) {}
  FASTNETS_INLINE void add(V x) {
    chain = chain + x;
    if (++terms < kChain) return;
    total = total + chain, chain = zero, terms = 0;
  }
  FASTNETS_INLINE V sum() const { return total + chain; }
};

// The sum of contiguous elements, still one a lane: four chains at a time.
template <class T>
FASTNETS_INLINE Vec<Accumulator<T>> sum_of_run(const T* x, std::int64_t size) {
  using V = Vec<Accumulator<T>>;
  constexpr int kChains = 4, kStep = kChains * V::lanes;
  const V zero = splat(Accumulator<T>(0));
  V total = zero;
  for (std::int64_t i = 0; i < size;) {
    V chain[kChains] = {zero, zero, zero, zero};
    const std::int64_t end = least(size, i + kStep * (kChain - 1));
    for (; i + kStep <= end; i += kStep)
      for (int c = 0; c < kChains; ++c) chain[c] = chain[c] + load(x + i + c * V::lanes);
    for (int c = 0; i < end; ++c, i += V::lanes)  // one more term for each chain at most
      chain[c] = chain[c] + read(x + i, static_cast<int>(least(V::lanes, end - i)));
    i = least(i, end);
    total = total + ((chain[0] + chain[1]) + (chain[2] + chain[3]));
  }
  return total;
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
