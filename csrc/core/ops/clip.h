// output = input · min(1, max_norm / (norm + 10⁻⁶)), where norm is that of all gradients
#pragma once
#include "core/gradients.h"

namespace fastnets {

struct Clip {
  static constexpr const char* name = "clip";
  Tensor input;  // any shape
  Tensor norm;   // 0-d, float32 or float64
  double max_norm = 1;
  bool save = false;

  Tensor output;  // as input, in its memory format

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input);
    v.input("norm", norm);
    v.parameter("max_norm", max_norm);
    v.output("output", output);
  }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return false; }

  void infer() {
    check_float(name, "input", input);
    check_number(name, "norm", norm);
    check(max_norm >= 0, "clip: max_norm is ", max_norm, " but must be at least 0");
    output.describe_like(input);
    if (input.is_channels_last()) output.make_channels_last();
  }
};

}  // namespace fastnets
