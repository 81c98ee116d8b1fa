// What losses share: labels and class weights, and what becomes of the terms.
#pragma once
#include "core/loss.h"
#include "cpu/reduce.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Samples (n, d) with their labels; a sample's classes lie side by side (D = 1) or D elements apart.
template <class Acc>
struct Samples {
  std::int64_t rows = 0, N = 1, C = 0, D = 1, ignore_index = 0;
  const std::int64_t* labels = nullptr;
  const Acc* weight = nullptr;  // (C,): of the classes, or null: 1

  FASTNETS_INLINE bool ignores(std::int64_t row) const { return labels && labels[row] == ignore_index; }
  FASTNETS_INLINE Acc label_weight(std::int64_t row) const {
    return ignores(row) ? 0 : weight ? weight[labels[row]] : 1;
  }
  FASTNETS_INLINE std::int64_t logit(std::int64_t row, std::int64_t c) const {
    return D == 1 ? row * C + c : row / D * C * D + c * D + row % D;
  }
};

// Fills in what a loss over classes says, but for labels where its targets are none.
template <class Acc, class Op>
void read_samples(const Op& op, bool has_labels, Workspace& workspace, Samples<Acc>& s) {
  const int axis = class_dim(op.input);
  s.C = op.input.shape[axis], s.N = axis ? op.input.shape[0] : 1;
  for (int d = axis + 1; d < op.input.ndim; ++d) s.D *= op.input.shape[d];
  s.rows = s.N * s.D;
  if (op.keeps_format() && op.input.is_channels_last()) s.N = s.rows, s.D = 1;
  s.ignore_index = op.ignore_index;
  if (op.weight) {
    Acc* weight = workspace.take<Acc>(s.C);
    s.weight = weight;
    if (workspace.base)
      visit_float(op.weight.dtype, [&]<class W>(Type<W>) {
        for (std::int64_t c = 0; c < s.C; ++c)
          weight[c] = static_cast<Acc>(widen(op.weight.template as<W>()[c * op.weight.stride[0]]));
      });
  }
  if (has_labels) s.labels = indices_of(op.target, workspace);
}

// The weights of all labels together; `terms` and `sums` are room for one number a sample, and a block of them.
template <class Acc>
Acc total_weight(const Samples<Acc>& s, Acc* terms, Acc* sums) {
  parallel_ranges(s.rows, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) terms[row] = s.label_weight(row);
  });
  return blocked_sum(s.rows, sums, [&](std::int64_t, std::int64_t) {
    return [&](std::int64_t i, int n) { return read(terms + i, n); };
  });
}

// out = the terms, or their sum, which is returned, or this over `divisor`. Terms as blocked_sum takes them.
template <class T, class Terms>
Accumulator<T> write_loss(Reduction reduction, std::int64_t size, Accumulator<T> divisor, Accumulator<T>* sums, T* out,
                          const Terms& terms_of) {
  using Acc = Accumulator<T>;
  if (reduction == Reduction::none) {
    each_block(size, [&](std::int64_t begin, std::int64_t end) {
      const auto term = terms_of(begin, end);
      each_vector<kLanes<T>>(begin, end, [&](std::int64_t i, int n) { write(out + i, term(i, n), n); });
    });
    return 0;
  }
  const Acc total = blocked_sum<Acc>(size, sums, terms_of);
  out[0] = narrow<T>(reduction == Reduction::mean ? total / divisor : total);
  return total;
}

// The gradient of each term: the output's, spread and divided as the terms were brought together.
template <class T>
struct TermGradients {
  const T* each;  // null where there is one for all
  Vec<Accumulator<T>> all;

  TermGradients(const Tensor& grad_output, Reduction reduction, bool channels_last, Accumulator<T> divisor,
                Workspace& workspace) {
    const bool is_scalar = reduction != Reduction::none;
    const T* dy = in_format<T>(grad_output, channels_last && !is_scalar, workspace);
    each = is_scalar ? nullptr : dy;
    all = splat(Accumulator<T>(0));
    if (is_scalar && workspace.base) all = splat(widen(*dy) / (reduction == Reduction::mean ? divisor : 1));
  }
  FASTNETS_INLINE Vec<Accumulator<T>> operator()(std::int64_t i, int n) const { return each ? read(each + i, n) : all; }
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
