// output = input + other
#pragma once
#include "core/check.h"
#include "core/parameters.h"

namespace fastnets {

struct Add {
  static constexpr const char* name = "add";
  Tensor input, other;  // of one shape
  bool save = false;

  Tensor output;  // as input, in its memory format

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input);
    v.input("other", other);
    v.output("output", output);
  }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return false; }

  void infer() {
    check_float(name, "input", input);
    check_dtype(name, input, "other", other);
    check(other.same_shape(input), "add: other is ", shape(other), " but input is ", shape(input));
    output.describe_like(input);
    if (input.is_channels_last()) output.make_channels_last();
  }
};

}  // namespace fastnets
