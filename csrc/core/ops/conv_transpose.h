// output[n, k, i·stride − padding + r·dilation…] += input[n, c, i…] · weight[c, k, r…], summed over c, i… and r…, from
// bias[k]; then the activation: the gradient of a convolution's input, as an op of its own
#pragma once
#include "core/check.h"
#include "core/parameters.h"

namespace fastnets {

struct ConvTranspose {
  static constexpr const char* name = "conv_transpose";
  static constexpr bool kHasProducts = true;
  Tensor input, weight, bias;  // (N, C, spatial…) or (C, spatial…), (C, K/groups, kernel…), (K,) or none
  Sizes stride, padding, output_padding, dilation;  // one a spatial dimension
  std::int64_t groups = 1;
  Activation activation = Activation::none;
  bool save = false;

  Tensor output;          // (N, K, spatial…), in the input's memory format
  Tensor pre_activation;  // as output, saved where the derivative is not a function of the output
  Tensor grad_output, grad_input, grad_weight, grad_bias;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.input("weight", weight, grad_weight);
    v.optional("bias", bias, grad_bias);
    v.parameter("stride", stride);
    v.parameter("padding", padding);
    v.parameter("output_padding", output_padding);
    v.parameter("groups", groups);
    v.parameter("dilation", dilation);
    v.parameter("activation", activation);
    v.output("output", output, grad_output);
    v.saved("pre_activation", pre_activation);
  }

  FASTNETS_INLINE int rank() const { return stride.count; }
  FASTNETS_INLINE bool batched() const { return input.ndim == rank() + 2; }
  FASTNETS_INLINE int channel_dim() const { return input.ndim - rank() - 1; }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return batched(); }

  void infer() {
    constexpr const char* names[] = {"conv_transpose", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"};
    const char* op = names[rank()];
    const int r = rank();
    check(r >= 1 && padding.count == r && output_padding.count == r && dilation.count == r,
          "conv_transpose: stride, padding, output_padding and dilation must have 1, 2 or 3 entries, all the same "
          "number");
    check_float(op, "input", input);
    check_dtype(op, input, "weight", weight);
    check_dtype(op, input, "bias", bias);
    check_fused(op, activation);
    check(input.ndim == r + 1 || input.ndim == r + 2, op, ": input must have ", r + 1, " or ", r + 2,
          " dimensions, got ", shape(input));
    check(weight.ndim == r + 2, op, ": weight must have ", r + 2, " dimensions, got ", shape(weight));
    const std::int64_t C = input.shape[channel_dim()];
    check(C == weight.shape[0], op, ": input has ", C, " channels but weight ", shape(weight), " expects ",
          weight.shape[0]);
    constexpr std::int64_t kLargest = std::int64_t{1} << 40;
    check(groups >= 1 && groups < kLargest && C % groups == 0, op, ": groups is ", groups,
          " but must be at least 1 and divide the ", C, " channels of input");
    const std::int64_t K = weight.shape[1] * groups;
    check(!bias || (bias.ndim == 1 && bias.shape[0] == K), op, ": bias is ", shape(bias), " but weight ", shape(weight),
          " with groups=", groups, " expects (", K, ",)");
    std::int64_t sizes[kMaxDims] = {batched() ? input.shape[0] : K, K};
    for (int i = 0; i < r; ++i) sizes[channel_dim() + 1 + i] = extent(op, i);
    output.describe(input.dtype, input.device, input.ndim, sizes);
    if (batched() && input.is_channels_last()) output.make_channels_last();
    if (save && needs_pre_activation(activation)) pre_activation = output;
  }

 private:
  // The size of the output in spatial dimension i.
  std::int64_t extent(const char* op, int i) const {
    constexpr std::int64_t kLargest = std::int64_t{1} << 40;
    const std::int64_t n = input.shape[channel_dim() + 1 + i], k = weight.shape[2 + i];
    check(k >= 1, op, ": weight ", shape(weight), " has a kernel without elements");
    check(n >= 1, op, ": input ", shape(input), " has a spatial dimension without elements");
    check(stride[i] >= 1 && stride[i] < kLargest / n, op, ": stride is ", shape(stride.value, rank()),
          " but must be at least 1");
    check(dilation[i] >= 1 && dilation[i] < kLargest / k, op, ": dilation is ", shape(dilation.value, rank()),
          " but must be at least 1");
    check(padding[i] >= 0 && padding[i] < kLargest, op, ": padding is ", shape(padding.value, rank()),
          " but must not be negative");
    check(output_padding[i] >= 0 && (output_padding[i] < stride[i] || output_padding[i] < dilation[i]), op,
          ": output_padding is ", shape(output_padding.value, rank()), " but must be less than stride ",
          shape(stride.value, rank()), " or dilation ", shape(dilation.value, rank()));
    const std::int64_t reach = dilation[i] * (k - 1) + 1;
    const std::int64_t size = (n - 1) * stride[i] - 2 * padding[i] + reach + output_padding[i];
    check(size >= 1, op, ": padding ", shape(padding.value, rank()), " leaves ", size, " elements of input ",
          shape(input), " and weight ", shape(weight), " in dimension ", i);
    return size;
  }
};

}  // namespace fastnets
