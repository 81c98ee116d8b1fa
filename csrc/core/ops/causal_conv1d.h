// output[n, c, l] = activation(bias[c] + sum_k weight[c, k] · e[n, c, l + k]), where e is initial_state (or zeros),
// then input along the time l; final_state = the last K − 1 of e
#pragma once
#include "core/check.h"
#include "core/parameters.h"

namespace fastnets {

struct CausalConv1d {
  static constexpr const char* name = "causal_conv1d";
  Tensor input, weight, bias, initial_state;  // (N, C, L), (C, K), (C,) or none, (N, C, K − 1) or none
  Activation activation = Activation::none;
  bool return_final_state = false;
  bool save = false;

  Tensor output;          // (N, C, L), in the input's memory format
  Tensor final_state;     // (N, C, K − 1), where asked for
  Tensor pre_activation;  // as output, saved where the derivative is not a function of the output
  Tensor grad_output, grad_final_state, grad_input, grad_weight, grad_bias, grad_initial_state;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.input("weight", weight, grad_weight);
    v.optional("bias", bias, grad_bias);
    v.optional("initial_state", initial_state, grad_initial_state);
    v.parameter("activation", activation);
    v.parameter("return_final_state", return_final_state);
    v.output("output", output, grad_output);
    v.output("final_state", final_state, grad_final_state);
    v.saved("pre_activation", pre_activation);
  }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return true; }

  void infer() {
    check_float(name, "input", input);
    check_dtype(name, input, "weight", weight);
    check_dtype(name, input, "bias", bias);
    check_dtype(name, input, "initial_state", initial_state);
    check_fused(name, activation);
    check(input.ndim == 3, name, ": input must have 3 dimensions (N, C, L), got ", shape(input));
    const std::int64_t N = input.shape[0], C = input.shape[1];
    check(weight.ndim == 2 && weight.shape[0] == C, name, ": weight is ", shape(weight), " but input ", shape(input),
          " expects (", C, ", K)");
    const std::int64_t K = weight.shape[1];
    check(K >= 1, name, ": weight ", shape(weight), " has a kernel without elements");
    check(!bias || (bias.ndim == 1 && bias.shape[0] == C), name, ": bias is ", shape(bias), " but input ", shape(input),
          " expects (", C, ",)");
    const std::int64_t state[] = {N, C, K - 1};
    check(!initial_state || (initial_state.ndim == 3 && initial_state.shape[0] == N && initial_state.shape[1] == C &&
                             initial_state.shape[2] == K - 1),
          name, ": initial_state is ", shape(initial_state), " but input ", shape(input), " and weight ", shape(weight),
          " expect ", shape(state, 3));
    output.describe_like(input);
    if (input.is_channels_last()) output.make_channels_last();
    if (return_final_state) final_state.describe(input.dtype, input.device, 3, state);
    if (save && needs_pre_activation(activation)) pre_activation = output;
  }
};

}  // namespace fastnets
