// What losses share: samples with their labels and weights, how terms become a loss, and its gradient theirs.
#pragma once
#include "core/loss.h"
#include "cuda/layout.cuh"
#include "cuda/lines.cuh"
#include "cuda/reduce.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// Samples (n, d), the lines of an input over classes. A label that is out of range, which only the device can see,
// makes nan of everything that depends on it.
struct Samples {
  LineShape shape{1, 0, 1};
  int64_t ignore_index = 0;
  const int64_t* labels = nullptr;
  const float* weight = nullptr;  // (C,): of the classes, or null: 1

  __device__ __forceinline__ bool ignores(int64_t row) const { return labels && labels[row] == ignore_index; }
  __device__ __forceinline__ bool is_valid(int64_t row) const { return labels[row] >= 0 && labels[row] < shape.C; }
  __device__ __forceinline__ float class_weight(int64_t c) const { return weight ? weight[c] : 1.0f; }
  __device__ __forceinline__ float label_weight(int64_t row) const {
    if (ignores(row)) return 0;
    return is_valid(row) ? class_weight(labels[row]) : NAN;
  }
};
struct LabelWeight {
  Samples samples;
  __device__ __forceinline__ float operator()(int64_t row) const { return samples.label_weight(row); }
};

template <class Op>
Samples samples_of(const Op& op, bool has_labels, Workspace& workspace, Stream stream) {
  Samples s;
  const int axis = class_dim(op.input);
  s.shape.C = op.input.shape[axis];
  int64_t D = 1;
  for (int d = axis + 1; d < op.input.ndim; ++d) D *= op.input.shape[d];
  s.shape.lines = (axis ? op.input.shape[0] : 1) * D;
  // Without elements there is no step to divide by.
  s.shape.step = op.keeps_format() && op.input.is_channels_last() ? 1 : std::max(D, int64_t{1});
  s.ignore_index = op.ignore_index;
  s.weight = numbers_of(op.name, op.weight, workspace, stream);
  if (has_labels) s.labels = indices_of(op.name, op.target, workspace, stream);
  return s;
}

// Terms that are in memory.
template <class T>
struct ReadTerm {
  const T* terms;
  __device__ __forceinline__ float operator()(int64_t i) const { return widen(terms[i]); }
};

// What a mean divides by: a number that is known, or one on the device.
struct Divisor {
  float known = 1;
  const float* found = nullptr;
  __device__ __forceinline__ float operator()() const { return found ? *found : known; }
};

template <class T, class Term>
struct StoreTerm {
  Term term;
  T* out;
  __device__ __forceinline__ void operator()(int64_t i) const { out[i] = round_to<T>(term(i)); }
};
template <class T>
struct FinishLoss {
  const float* total;
  Divisor divisor;
  T* out;
  __device__ __forceinline__ void operator()(int64_t) const { *out = round_to<T>(*total / divisor()); }
};

// out = the terms, or their sum, or this over the divisor. Returns where the sum is, null without reduction.
template <class T, class Term>
const float* write_loss(const char* name, Reduction reduction, int64_t count, const Term& term, const Divisor& divisor,
                        T* out, Workspace& workspace, Stream stream) {
  const bool run = !workspace.counts_only;
  if (reduction == Reduction::none) {
    if (run) for_elements(name, count, StoreTerm<T, Term>{term, out}, stream);
    return nullptr;
  }
  float* total = workspace.take<float>(1);
  sum_all(name, term, count, total, workspace, stream);
  if (run) {
    const Divisor by = reduction == Reduction::mean ? divisor : Divisor{};
    for_elements(name, 1, FinishLoss<T>{total, by, out}, stream);
  }
  return total;
}

// The gradient of each term: the output's, spread and divided as the terms were brought together.
template <class T>
struct TermGradient {
  const T* dy;
  bool each;
  Divisor divisor;
  TermGradient(const char* name, const Tensor& grad_output, Reduction reduction, bool channels_last,
               const Divisor& divisor_, Workspace& workspace, Stream stream)
      : each(reduction == Reduction::none), divisor(reduction == Reduction::mean ? divisor_ : Divisor{}) {
    dy = in_format<T>(name, grad_output, each && channels_last, workspace, stream);
  }
  __device__ __forceinline__ float operator()(int64_t i) const { return widen(dy[each ? i : 0]) / divisor(); }
};

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
