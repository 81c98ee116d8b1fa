// output = (Σ |input|ᵖ + previousᵖ)^(1/p), the largest of them for p = ∞: the p-norm of an array, or of several in turn
#pragma once
#include "core/gradients.h"

namespace fastnets {

struct Norm {
  static constexpr const char* name = "norm";
  Tensor input;     // any shape
  Tensor previous;  // 0-d, float32 or float64: the norm of what came before, or none
  double norm_type = 2;
  bool save = false;

  Tensor output;  // 0-d, float32; float64 where the input or what came before is

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input);
    v.optional("previous", previous);
    v.parameter("norm_type", norm_type);
    v.output("output", output);
  }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return false; }

  void infer() {
    check_float(name, "input", input);
    if (previous) check_number(name, "previous", previous);
    check(norm_type > 0, "norm: norm_type is ", norm_type, " but must be a number above 0");
    const bool wide = input.dtype == DType::float64 || (previous && previous.dtype == DType::float64);
    output.describe(wide ? DType::float64 : DType::float32, input.device, 0, nullptr);
  }
};

}  // namespace fastnets
