// output[n, c, p…] = mean of input[n, c, ⌊p·in/out⌋ … ⌈(p + 1)·in/out⌉ − 1] along each spatial dimension
#pragma once
#include "core/pooling.h"

namespace fastnets {

struct AdaptiveAvgPool {
  static constexpr const char* name = "adaptive_avg_pool";
  Tensor input;       // (N, C, spatial…) or (C, spatial…)
  Sizes output_size;  // −1: the input's
  bool save = false;

  Tensor output;  // (N, C, output_size…), in the input's memory format
  Tensor grad_output, grad_input;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.parameter("output_size", output_size);
    v.output("output", output, grad_output);
  }

  FASTNETS_INLINE int rank() const { return output_size.count; }
  FASTNETS_INLINE bool batched() const { return input.ndim == rank() + 2; }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return batched(); }

  void infer() {
    constexpr const char* names[] = {"adaptive_avg_pool", "adaptive_avg_pool1d", "adaptive_avg_pool2d",
                                     "adaptive_avg_pool3d"};
    const int r = rank();
    check(r >= 1, "adaptive_avg_pool: output_size must have 1, 2 or 3 entries");
    check_images(names[r], input, r);
    describe_pooled(input, adapted_sizes(names[r], input, output_size), output);
  }
};

}  // namespace fastnets
