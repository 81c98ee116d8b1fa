// loss = −weight · (pos_weight · target · log σ(input) + (1 − target) · log(1 − σ(input))), element by element
#pragma once
#include "core/loss.h"

namespace fastnets {

struct BinaryCrossEntropyWithLogits {
  static constexpr const char* name = "binary_cross_entropy_with_logits";
  Tensor input, target, weight, pos_weight;  // any shape; as input; what can be broadcast to it, or none
  Reduction reduction = Reduction::mean;
  bool save = false;

  Tensor output;  // () or, without reduction, as input
  Tensor grad_output, grad_input, grad_target;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.input("target", target, grad_target);
    v.optional("weight", weight);
    v.optional("pos_weight", pos_weight);
    v.parameter("reduction", reduction);
    v.output("output", output, grad_output);
  }

  // Whether gradients of channels-last arrays are channels-last: where both arrays are.
  FASTNETS_INLINE bool keeps_format() const { return input.is_channels_last() && target.is_channels_last(); }

  void infer() {
    check_float(name, "input", input);
    check_dtype(name, input, "target", target);
    check(target.same_shape(input), "binary_cross_entropy_with_logits: target is ", shape(target), " but input is ",
          shape(input));
    check_broadcast("weight", weight);
    check_broadcast("pos_weight", pos_weight);
    describe_loss(input, reduction, input.ndim, input.shape, output);
    if (reduction == Reduction::none && keeps_format()) output.make_channels_last();
  }

 private:
  void check_broadcast(const char* what, const Tensor& t) const {
    if (!t) return;
    check_float(name, what, t);
    check_weight_dtype(name, what, t, input);
    bool fits = t.ndim <= input.ndim;
    for (int d = 1; fits && d <= t.ndim; ++d)
      fits = t.shape[t.ndim - d] == 1 || t.shape[t.ndim - d] == input.shape[input.ndim - d];
    check(fits, "binary_cross_entropy_with_logits: ", what, " is ", shape(t), " but must broadcast to input ",
          shape(input));
  }
};

}  // namespace fastnets
