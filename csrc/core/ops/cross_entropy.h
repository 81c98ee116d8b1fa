// loss[n] = −sum_c weight[c] · t[n, c] · log softmax(input[n])[c], t = (1 − ε) · target + ε / C with label smoothing ε
#pragma once
#include "core/loss.h"

namespace fastnets {

struct CrossEntropy {
  static constexpr const char* name = "cross_entropy";
  Tensor input, target, weight;  // (N, C, d…) or (C,); indices (N, d…) or (), or probabilities as input; (C,) or none
  std::int64_t ignore_index = -100;
  Reduction reduction = Reduction::mean;
  double label_smoothing = 0;
  bool save = false;

  Tensor output;       // () or, without reduction, as the indices
  Tensor log_sum_exp;  // (rows + 1,), saved: of each row, and last what the mean divides by
  Tensor grad_output, grad_input, grad_target;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.input("target", target, grad_target);
    v.optional("weight", weight);
    v.parameter("ignore_index", ignore_index);
    v.parameter("reduction", reduction);
    v.parameter("label_smoothing", label_smoothing);
    v.output("output", output, grad_output);
    v.saved("log_sum_exp", log_sum_exp);
  }

  FASTNETS_INLINE bool has_indices() const { return !is_float(target.dtype); }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const {
    return input.is_channels_last() && (has_indices() || target.is_channels_last());
  }

  void infer() {
    check_class_input(name, input);
    if (has_indices()) {
      check<TypeError>(is_index(target.dtype), "cross_entropy: target is ", fastnets::name(target.dtype),
                       " but must be int64 or int32 class indices, or probabilities of input's dtype");
      check_labels(name, input, target, ignore_index);
    } else {
      check_dtype(name, input, "target", target);
      check(target.same_shape(input), "cross_entropy: target is ", shape(target), " but probabilities for input ",
            shape(input), " must have its shape");
    }
    check_class_weight(name, input, weight);
    check(label_smoothing >= 0 && label_smoothing <= 1, "cross_entropy: label_smoothing is ", label_smoothing,
          " but must be between 0 and 1");
    std::int64_t sizes[kMaxDims] = {};
    const int n = sample_sizes(input, sizes);
    describe_loss(input, reduction, n, sizes, output);
    if (!save) return;
    std::int64_t kept = 1;
    for (int d = 0; d < n; ++d) kept *= sizes[d];
    ++kept;
    log_sum_exp.describe(accumulator(input.dtype), input.device, 1, &kept);
  }
};

}  // namespace fastnets
