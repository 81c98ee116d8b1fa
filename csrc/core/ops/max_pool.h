// output[n, c, p…] = max over r… of input[n, c, p·stride − padding + r·dilation…]; outside the input lies −inf
#pragma once
#include "core/check.h"
#include "core/parameters.h"

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
  FASTNETS_INLINE int channel_dim() const { return input.ndim - rank() - 1; }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return batched(); }

  void infer() {
    constexpr const char* names[] = {"max_pool", "max_pool1d", "max_pool2d", "max_pool3d"};
    const int r = rank();
    const char* op = names[r];
    check(r >= 1 && stride.count == r && padding.count == r && dilation.count == r,
          "max_pool: kernel_size, stride, padding and dilation must have 1, 2 or 3 entries, all the same number");
    check_float(op, "input", input);
    check(input.ndim == r + 1 || input.ndim == r + 2, op, ": input must have ", r + 1, " or ", r + 2,
          " dimensions, got ", shape(input));
    std::int64_t sizes[kMaxDims] = {};
    for (int d = 0; d <= channel_dim(); ++d) sizes[d] = input.shape[d];
    for (int i = 0; i < r; ++i) sizes[channel_dim() + 1 + i] = extent(op, i);
    output.describe(input.dtype, input.device, input.ndim, sizes);
    if (batched() && input.is_channels_last()) output.make_channels_last();
    if (!return_indices && !save) return;
    Tensor& found = return_indices ? indices : saved_indices;
    found = output;
    found.dtype = DType::int64;
  }

 private:
  std::int64_t extent(const char* op, int i) const {
    constexpr std::int64_t kLargest = std::int64_t{1} << 40;
    const std::int64_t n = input.shape[channel_dim() + 1 + i], k = kernel_size[i], s = stride[i], p = padding[i];
    check(k >= 1 && k < kLargest, op, ": kernel_size is ", shape(kernel_size.value, rank()), " but must be at least 1");
    check(s >= 1 && s < kLargest, op, ": stride is ", shape(stride.value, rank()), " but must be at least 1");
    check(dilation[i] >= 1 && dilation[i] < kLargest / k, op, ": dilation is ", shape(dilation.value, rank()),
          " but must be at least 1");
    const std::int64_t reach = dilation[i] * (k - 1) + 1;
    check(p >= 0 && p <= reach / 2, op, ": padding is ", shape(padding.value, rank()),
          " but must be between 0 and half the kernel's reach, kernel_size ", shape(kernel_size.value, rank()),
          " with dilation ", shape(dilation.value, rank()));
    const std::int64_t room = n + 2 * p - reach;
    check(n > 0 && (room >= 0 || (ceil_mode && room + s - 1 >= 0)), op, ": kernel_size ",
          shape(kernel_size.value, rank()), " with dilation ", shape(dilation.value, rank()), " spans ", reach,
          " elements but the padded input ", shape(input), " has ", n + 2 * p);
    std::int64_t out = (room + (ceil_mode ? s - 1 : 0)) / s + 1;
    if (ceil_mode && (out - 1) * s >= n + p) --out;  // the last window must begin inside the input or its front padding
    return out;
  }
};

}  // namespace fastnets
