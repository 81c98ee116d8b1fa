// output[n, k, p…] = activation(sum_{c, r…} input[n, c, p·stride − padding + r·dilation…] · weight[k, c, r…] + bias[k]
//                               + residual[n, k, p…])
#pragma once
#include "core/check.h"
#include "core/parameters.h"

namespace fastnets {

enum class PaddingMode : std::int8_t { zeros, reflect, replicate, circular };
constexpr const char* kPaddingModeNames[] = {"zeros", "reflect", "replicate", "circular"};
template <>
struct Names<PaddingMode> {
  static constexpr auto& list = kPaddingModeNames;
  static constexpr int count = 4;
};

struct Conv {
  static constexpr const char* name = "conv";
  static constexpr bool kHasProducts = true;
  static constexpr bool kPacks = true;
  Tensor input, weight, bias,
      residual;  // (N, C, spatial…) or (C, spatial…), (K, C/groups, kernel…), (K,) or none, or none
  Sizes stride, padding, padding_end, dilation;  // one a spatial dimension; padding in front, padding_end behind
  std::int64_t groups = 1;
  PaddingMode padding_mode = PaddingMode::zeros;
  Activation activation = Activation::none;
  bool save = false;

  Tensor output;          // (N, K, spatial…), in the input's memory format
  Tensor pre_activation;  // as output, saved where the derivative is not a function of the output
  Tensor grad_output, grad_input, grad_weight, grad_bias, grad_residual;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.input("weight", weight, grad_weight);
    v.optional("bias", bias, grad_bias);
    v.optional("residual", residual, grad_residual);
    v.parameter("stride", stride);
    v.parameter("padding", padding);
    v.parameter("padding_end", padding_end);
    v.parameter("dilation", dilation);
    v.parameter("groups", groups);
    v.parameter("padding_mode", padding_mode);
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
    constexpr const char* names[] = {"conv", "conv1d", "conv2d", "conv3d"};
    const char* op = names[rank()];
    const int r = rank();
    check(r >= 1 && padding.count == r && padding_end.count == r && dilation.count == r,
          "conv: stride, padding and dilation must have 1, 2 or 3 entries, all the same number");
    check_float(op, "input", input);
    check_dtype(op, input, "weight", weight);
    check_dtype(op, input, "bias", bias);
    check_dtype(op, input, "residual", residual);
    check_fused(op, activation);
    check(input.ndim == r + 1 || input.ndim == r + 2, op, ": input must have ", r + 1, " or ", r + 2,
          " dimensions, got ", shape(input));
    check(weight.ndim == r + 2, op, ": weight must have ", r + 2, " dimensions, got ", shape(weight));
    check(groups >= 1, op, ": groups is ", groups, " but must be at least 1");
    const std::int64_t C = input.shape[channel_dim()], K = weight.shape[0];
    check(C == weight.shape[1] * groups, op, ": input has ", C, " channels but weight ", shape(weight),
          " with groups=", groups, " expects ", weight.shape[1] * groups);
    check(K % groups == 0, op, ": weight ", shape(weight), " has ", K, " output channels, which groups=", groups,
          " does not divide");
    check(!bias || (bias.ndim == 1 && bias.shape[0] == K), op, ": bias is ", shape(bias), " but weight ", shape(weight),
          " expects (", K, ",)");
    std::int64_t sizes[kMaxDims] = {batched() ? input.shape[0] : K, K};
    for (int i = 0; i < r; ++i) sizes[channel_dim() + 1 + i] = extent(op, i);
    output.describe(input.dtype, input.device, input.ndim, sizes);
    if (batched() && input.is_channels_last()) output.make_channels_last();
    check(!residual || residual.same_shape(output), op, ": residual is ", shape(residual), " but output is ",
          shape(output));
    if (save && needs_pre_activation(activation)) pre_activation = output;
  }

 private:
  // The size of the output in spatial dimension i.
  std::int64_t extent(const char* op, int i) const {
    constexpr std::int64_t kLargest = std::int64_t{1} << 40;
    const std::int64_t n = input.shape[channel_dim() + 1 + i], k = weight.shape[2 + i];
    check(stride[i] >= 1 && stride[i] < kLargest, op, ": stride is ", shape(stride.value, rank()),
          " but must be at least 1");
    check(dilation[i] >= 1 && dilation[i] < kLargest / (k + 1), op, ": dilation is ", shape(dilation.value, rank()),
          " but must be at least 1");
    check(padding[i] >= 0 && padding_end[i] >= 0 && padding[i] < kLargest && padding_end[i] < kLargest, op,
          ": padding is ", shape(padding.value, rank()), " but must not be negative");
    check(k >= 1, op, ": weight ", shape(weight), " has a kernel without elements");
    const std::int64_t most_padding = padding[i] > padding_end[i] ? padding[i] : padding_end[i];
    check(padding_mode != PaddingMode::reflect || most_padding < n || most_padding == 0, op, ": padding ",
          shape(padding.value, rank()), " with padding_mode=\"reflect\" must be less than the input's size ",
          shape(input));
    check(padding_mode != PaddingMode::circular || most_padding <= n, op, ": padding ", shape(padding.value, rank()),
          " with padding_mode=\"circular\" must be at most the input's size ", shape(input));
    check(padding_mode != PaddingMode::replicate || most_padding == 0 || n > 0, op,
          ": padding_mode=\"replicate\" has nothing to replicate in input ", shape(input));
    const std::int64_t padded = n + padding[i] + padding_end[i], reach = dilation[i] * (k - 1) + 1;
    check(reach <= padded, op, ": the kernel of weight ", shape(weight), " with dilation ",
          shape(dilation.value, rank()), " spans ", reach, " elements but the padded input ", shape(input), " has ",
          padded);
    return (padded - reach) / stride[i] + 1;
  }
};

}  // namespace fastnets
