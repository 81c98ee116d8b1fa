// output = input · factor; found = 1 where an element of input is not finite or something was found before, else 0
#pragma once
#include <cmath>

#include "core/gradients.h"

namespace fastnets {

struct Scale {
  static constexpr const char* name = "scale";
  Tensor input;     // any shape
  Tensor previous;  // 0-d, float32: what was found before, or none
  double factor = 1;
  bool unscale = false;
  bool save = false;

  Tensor output;  // as input, in its memory format; to unscale in float32 (float64 for float64)
  Tensor found;   // 0-d, float32; only to unscale

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input);
    v.optional("previous", previous);
    v.parameter("factor", factor);
    v.parameter("unscale", unscale);
    v.output("output", output);
    v.output("found", found);
  }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return false; }

  void infer() {
    check_float(name, "input", input);
    if (previous) {
      check_number(name, "previous", previous);
      check<TypeError>(previous.dtype == DType::float32, "scale: previous is ", fastnets::name(previous.dtype),
                       " but must be float32");
    }
    check(std::isfinite(factor), "scale: factor is ", factor, " but must be a finite number");
    output.describe_like(input);
    if (input.is_channels_last()) output.make_channels_last();
    if (!unscale) return;
    output.dtype = state_dtype(input.dtype);
    found.describe(DType::float32, input.device, 0, nullptr);
  }
};

}  // namespace fastnets
