// loss[n] = −weight[target[n]] · input[n, target[n]]
#pragma once
#include "core/loss.h"

namespace fastnets {

struct NLLLoss {
  static constexpr const char* name = "nll_loss";
  Tensor input, target, weight;  // log-probabilities (N, C, d…) or (C,); indices (N, d…) or (); (C,) or none
  std::int64_t ignore_index = -100;
  Reduction reduction = Reduction::mean;
  bool save = false;

  Tensor output;        // () or, without reduction, as the indices
  Tensor total_weight;  // (1,), saved: what the mean divides by
  Tensor grad_output, grad_input;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.input("target", target);
    v.optional("weight", weight);
    v.parameter("ignore_index", ignore_index);
    v.parameter("reduction", reduction);
    v.output("output", output, grad_output);
    v.saved("total_weight", total_weight);
  }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return true; }

  void infer() {
    check_class_input(name, input);
    check<TypeError>(is_index(target.dtype), "nll_loss: target is ", fastnets::name(target.dtype),
                     " but must be int64 or int32 class indices");
    check_labels(name, input, target, ignore_index);
    check_class_weight(name, input, weight);
    std::int64_t sizes[kMaxDims] = {};
    const int n = sample_sizes(input, sizes);
    describe_loss(input, reduction, n, sizes, output);
    constexpr std::int64_t kOne = 1;
    if (save) total_weight.describe(accumulator(input.dtype), input.device, 1, &kOne);
  }
};

}  // namespace fastnets
