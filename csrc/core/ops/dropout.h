// output[i] = input[i] / (1 − p) where element i is kept, which it is with probability 1 − p, else 0
#pragma once
#include "core/check.h"
#include "core/parameters.h"

namespace fastnets {

struct Dropout {
  static constexpr const char* name = "dropout";
  Tensor input;  // any shape
  double p = 0.5;
  std::uint64_t seed = 0;
  bool save = false;

  Tensor output;  // as input, in its memory format; the mask belongs to the row-major index whatever the format
  Tensor grad_output, grad_input;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.parameter("p", p);
    v.parameter("seed", seed);
    v.output("output", output, grad_output);
  }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return true; }

  void infer() {
    check_float(name, "input", input);
    check(p >= 0 && p <= 1, "dropout: p is ", p, " but must be between 0 and 1");
    output.describe_like(input);
    if (input.is_channels_last()) output.make_channels_last();
  }
};

}  // namespace fastnets
