// What losses share: reductions, and the checks of class labels and weights.
#pragma once
#include "core/indices.h"
#include "core/parameters.h"

namespace fastnets {

enum class Reduction : std::int8_t { none, mean, sum };
constexpr const char* kReductionNames[] = {"none", "mean", "sum"};
template <>
struct Names<Reduction> {
  static constexpr auto& list = kReductionNames;
  static constexpr int count = 3;
};

// The classes of an input (N, C, d…) or (C,) lie along this dimension.
FASTNETS_INLINE int class_dim(const Tensor& input) { return input.ndim > 1; }

// The sizes (N, d…) or () of what there is one of for each sample; returns how many.
FASTNETS_INLINE int sample_sizes(const Tensor& input, std::int64_t* sizes) {
  int n = 0;
  for (int d = 0; d < input.ndim; ++d)
    if (d != class_dim(input)) sizes[n++] = input.shape[d];
  return n;
}

// Weights have input's dtype, or float32 beside half precision.
inline void check_weight_dtype(const char* op, const char* what, const Tensor& weight, const Tensor& input) {
  check<TypeError>(weight.dtype == input.dtype || (item_size(input.dtype) == 2 && weight.dtype == DType::float32), op,
                   ": ", what, " is ", name(weight.dtype), " but input is ", name(input.dtype));
}

inline void check_class_input(const char* op, const Tensor& input) {
  check_float(op, "input", input);
  check(input.ndim >= 1, op, ": input must be (N, C, …) or (C,), got ", shape(input));
}
inline void check_labels(const char* op, const Tensor& input, const Tensor& target, std::int64_t ignore_index) {
  std::int64_t sizes[kMaxDims] = {};
  const int n = sample_sizes(input, sizes);
  bool fits = target.ndim == n;
  for (int d = 0; fits && d < n; ++d) fits = target.shape[d] == sizes[d];
  check(fits, op, ": target is ", shape(target), " but input ", shape(input), " expects ", shape(sizes, n),
        " class indices");
  check_indices(op, "target", target, input.shape[class_dim(input)], "classes", &ignore_index);
}
inline void check_class_weight(const char* op, const Tensor& input, const Tensor& weight) {
  if (!weight) return;
  check_weight_dtype(op, "weight", weight, input);
  const std::int64_t C = input.shape[class_dim(input)];
  check(weight.ndim == 1 && weight.shape[0] == C, op, ": weight is ", shape(weight), " but input ", shape(input),
        " expects (", C, ",)");
}

// A loss a sample, or with a reduction one number.
FASTNETS_INLINE void describe_loss(const Tensor& input, Reduction reduction, int ndim, const std::int64_t* sizes,
                                   Tensor& output) {
  output.describe(input.dtype, input.device, reduction == Reduction::none ? ndim : 0, sizes);
}

FASTNETS_INLINE DType accumulator(DType dtype) { return dtype == DType::float64 ? DType::float64 : DType::float32; }

}  // namespace fastnets
