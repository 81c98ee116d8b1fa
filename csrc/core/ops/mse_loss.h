// loss[i] = weight[i] · (input[i] − target[i])², the mean of which divides by sum weight
#pragma once
#include "core/loss.h"

namespace fastnets {

struct MSELoss {
  static constexpr const char* name = "mse_loss";
  Tensor input, target, weight;  // any shape; as input; as input or none
  Reduction reduction = Reduction::mean;
  bool save = false;

  Tensor output;  // () or, without reduction, as input
  Tensor sums;    // (2,), saved for a mean with weights: of the weights, and of the terms
  Tensor grad_output, grad_input, grad_target, grad_weight;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.input("target", target, grad_target);
    v.optional("weight", weight, grad_weight);
    v.parameter("reduction", reduction);
    v.output("output", output, grad_output);
    v.saved("sums", sums);
  }

  // Whether gradients of channels-last arrays are channels-last: where all arrays are.
  FASTNETS_INLINE bool keeps_format() const {
    return input.is_channels_last() && target.is_channels_last() && (!weight || weight.is_channels_last());
  }

  void infer() {
    check_float(name, "input", input);
    check_dtype(name, input, "target", target);
    check_dtype(name, input, "weight", weight);
    check(target.same_shape(input), "mse_loss: target is ", shape(target), " but input is ", shape(input));
    check(!weight || weight.same_shape(input), "mse_loss: weight is ", shape(weight), " but input is ", shape(input));
    describe_loss(input, reduction, input.ndim, input.shape, output);
    if (reduction == Reduction::none && keeps_format()) output.make_channels_last();
    constexpr std::int64_t kTwo = 2;
    if (save && weight && reduction == Reduction::mean) sums.describe(accumulator(input.dtype), input.device, 1, &kTwo);
  }
};

}  // namespace fastnets
