// output[n, c, p…] = max over r… of input[n, c, p·stride − padding + r·dilation…]; outside the input lies −inf
#pragma once
#include "core/pooling.h"

namespace fastnets {

struct MaxPool {
  static constexpr const char* name = "max_pool";
  Tensor input;  // (N, C, spatial…) or (C, spatial…)
  Sizes kernel_size, stride, padding, dilation;
  bool ceil_mode = false, return_indices = false;
  bool save = false;

  Tensor output;         // (N, C, spatial…), in the input's memory format
  Tensor indices;        // as output, where asked for: where each maximum stands in its flattened spatial dimensions
  Tensor saved_indices;  // the same for backward, where not
  Tensor grad_output, grad_input;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.parameter("kernel_size", kernel_size);
    v.parameter("stride", stride);
    v.parameter("padding", padding);
    v.parameter("dilation", dilation);
    v.parameter("ceil_mode", ceil_mode);
    v.parameter("return_indices", return_indices);
    v.output("output", output, grad_output);
    v.output("indices", indices);
    v.saved("saved_indices", saved_indices);
  }

  FASTNETS_INLINE int rank() const { return kernel_size.count; }
  FASTNETS_INLINE bool batched() const { return input.ndim == rank() + 2; }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return batched(); }

  void infer() {
    constexpr const char* names[] = {"max_pool", "max_pool1d", "max_pool2d", "max_pool3d"};
    const int r = rank();
    const char* op = names[r];
    check(r >= 1 && stride.count == r && padding.count == r && dilation.count == r,
          "max_pool: kernel_size, stride, padding and dilation must have 1, 2 or 3 entries, all the same number");
    check_images(op, input, r);
    describe_pooled(input, count_windows(op, input, kernel_size, stride, padding, dilation, ceil_mode), output);
    if (!return_indices && !save) return;
    Tensor& found = return_indices ? indices : saved_indices;
    found = output;
    found.dtype = DType::int64;
  }
};

}  // namespace fastnets
