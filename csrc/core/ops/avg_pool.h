// output[n, c, p…] = sum over r… of input[n, c, p·stride − padding + r…] / divisor; outside the input lies 0.
// The divisor is divisor_override, or how many elements the window has: in the input and, if count_include_pad, in the
// padding; what it has beyond the padding (ceil_mode) never counts.
#pragma once
#include "core/pooling.h"

namespace fastnets {

struct AvgPool {
  static constexpr const char* name = "avg_pool";
  Tensor input;  // (N, C, spatial…) or (C, spatial…)
  Sizes kernel_size, stride, padding;
  bool ceil_mode = false, count_include_pad = true;
  std::int64_t divisor_override = 0;  // 0: none
  bool save = false;

  Tensor output;  // (N, C, spatial…), in the input's memory format
  Tensor grad_output, grad_input;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.parameter("kernel_size", kernel_size);
    v.parameter("stride", stride);
    v.parameter("padding", padding);
    v.parameter("ceil_mode", ceil_mode);
    v.parameter("count_include_pad", count_include_pad);
    v.parameter("divisor_override", divisor_override);
    v.output("output", output, grad_output);
  }

  FASTNETS_INLINE int rank() const { return kernel_size.count; }
  FASTNETS_INLINE bool batched() const { return input.ndim == rank() + 2; }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return batched(); }

  void infer() {
    constexpr const char* names[] = {"avg_pool", "avg_pool1d", "avg_pool2d", "avg_pool3d"};
    const int r = rank();
    const char* op = names[r];
    check(r >= 1 && stride.count == r && padding.count == r,
          "avg_pool: kernel_size, stride and padding must have 1, 2 or 3 entries, all the same number");
    check_images(op, input, r);
    const Sizes dense{{1, 1, 1}, r};
    describe_pooled(input, count_windows(op, input, kernel_size, stride, padding, dense, ceil_mode), output);
  }
};

}  // namespace fastnets
