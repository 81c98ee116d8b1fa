// output[i] = f(input[i]) for one of the functions of core/activation.h
#pragma once
#include <cmath>

#include "core/check.h"
#include "core/parameters.h"

namespace fastnets {

struct Elementwise {
  static constexpr const char* name = "activation";
  Tensor input;  // any shape
  Activation kind = Activation::relu;
  double alpha = 0;  // the slope of leaky_relu below 0, the scale of elu there
  bool save = false;

  Tensor output;  // as input, in its memory format
  Tensor grad_output, grad_input;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.parameter("kind", kind);
    v.parameter("alpha", alpha);
    v.output("output", output, grad_output);
  }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return true; }

  void infer() {
    const char* op = kind == Activation::none ? name : kActivationNames[static_cast<int>(kind)];
    check_float(op, "input", input);
    check(is_fused(kind) || !std::isnan(alpha), op, ": ", kind == Activation::elu ? "alpha" : "negative_slope",
          " is nan but must be a number");
    output.describe_like(input);
    if (input.is_channels_last()) output.make_channels_last();
  }
};

}  // namespace fastnets
