// output[..., n] = activation(sum_k input[..., k] * weight[n, k] + bias[n] + residual[..., n])
#pragma once
#include "core/activation.h"
#include "core/check.h"

namespace fastnets {

struct Linear {
  static constexpr const char* name = "linear";
  static constexpr bool kHasProducts = true;
  static constexpr bool kPacks = true;   // the weight may come in panels
  Tensor input, weight, bias, residual;  // (..., K), (N, K), (N,) or none, (..., N) or none
  Activation activation = Activation::none;
  bool save = false;  // keep what backward needs

  Tensor output;          // (..., N)
  Tensor pre_activation;  // (..., N), saved where the derivative is not a function of the output
  Tensor grad_output, grad_input, grad_weight, grad_bias, grad_residual;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.input("weight", weight, grad_weight);
    v.optional("bias", bias, grad_bias);
    v.optional("residual", residual, grad_residual);
    v.parameter("activation", activation);
    v.output("output", output, grad_output);
    v.saved("pre_activation", pre_activation);
  }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return false; }

  void infer() {
    check_float(name, "input", input);
    check_dtype(name, input, "weight", weight);
    check_dtype(name, input, "bias", bias);
    check_dtype(name, input, "residual", residual);
    check(input.ndim >= 1, "linear: input must have at least one dimension, got ", shape(input));
    check(weight.ndim == 2, "linear: weight must be (out_features, in_features), got ", shape(weight));
    const std::int64_t K = input.shape[input.ndim - 1], N = weight.shape[0];
    check(K == weight.shape[1], "linear: input ", shape(input), " has ", K, " features but weight ", shape(weight),
          " expects ", weight.shape[1]);
    check(!bias || (bias.ndim == 1 && bias.shape[0] == N), "linear: bias is ", shape(bias), " but weight ",
          shape(weight), " expects (", N, ",)");
    check_fused(name, activation);
    output.describe_like(input);
    output.shape[output.ndim - 1] = N;
    output.describe_like(output);
    check(!residual || residual.same_shape(output), "linear: residual is ", shape(residual), " but output is ",
          shape(output));
    if (save && needs_pre_activation(activation)) pre_activation.describe_like(output);
  }
};

}  // namespace fastnets
