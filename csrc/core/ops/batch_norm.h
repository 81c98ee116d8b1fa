// output[n, c, p…] = (input[n, c, p…] − mean[c]) / √(var[c] + eps) · weight[c] + bias[c]
// with the statistics that are given (inference), or with the batch's own over n and p… (training)
#pragma once
#include <cmath>

#include "core/check.h"
#include "core/parameters.h"

namespace fastnets {

// What both ops ask of their arguments.
struct BatchNormChecks {
  const char* op;
  const Tensor& input;

  void check_input() const {
    check_float(op, "input", input);
    check(input.ndim >= 2, op, ": input must be (N, C, …), got ", shape(input));
  }
  // One number a channel, in the dtype of the input or float32 beside half precision.
  void check_vector(const char* what, const Tensor& t) const {
    if (!t) return;
    check_dtype_or_float32(op, input, what, t);
    check(t.ndim == 1 && t.shape[0] == input.shape[1], op, ": ", what, " is ", shape(t), " but input ", shape(input),
          " expects (", input.shape[1], ",)");
  }
  void describe_output(Tensor& output) const {
    output.describe_like(input);
    if (input.is_channels_last()) output.make_channels_last();
  }
};

struct BatchNormInference {
  static constexpr const char* name = "batch_norm_inference";
  Tensor input;                      // (N, C, spatial…)
  Tensor running_mean, running_var;  // (C,)
  Tensor weight, bias;               // (C,) or none: 1 and 0
  double eps = 1e-5;
  bool save = false;

  Tensor output;  // as input, in its memory format
  Tensor grad_output, grad_input, grad_weight, grad_bias;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.input("running_mean", running_mean);
    v.input("running_var", running_var);
    v.optional("weight", weight, grad_weight);
    v.optional("bias", bias, grad_bias);
    v.parameter("eps", eps);
    v.output("output", output, grad_output);
  }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return true; }

  void infer() {
    const BatchNormChecks checks{name, input};
    checks.check_input();
    checks.check_vector("running_mean", running_mean);
    checks.check_vector("running_var", running_var);
    checks.check_vector("weight", weight);
    checks.check_vector("bias", bias);
    check(std::isfinite(eps) && eps >= 0, name, ": eps is ", eps, " but must be a number of at least 0");
    checks.describe_output(output);
  }
};

struct BatchNormTraining {
  static constexpr const char* name = "batch_norm_training";
  Tensor input;                      // (N, C, spatial…)
  Tensor running_mean, running_var;  // (C,) or none: what they were weighs 1 − momentum from now on
  Tensor weight, bias;               // (C,) or none: 1 and 0
  double momentum = 0.1, eps = 1e-5;
  bool save = false;

  Tensor output;      // as input, in its memory format
  Tensor mean, rstd;  // (C,), saved: the batch's, in what sums over the input are formed in
  Tensor grad_output, grad_input, grad_weight, grad_bias;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.optional_in_place("running_mean", running_mean);
    v.optional_in_place("running_var", running_var);
    v.optional("weight", weight, grad_weight);
    v.optional("bias", bias, grad_bias);
    v.parameter("momentum", momentum);
    v.parameter("eps", eps);
    v.output("output", output, grad_output);
    v.saved("mean", mean);
    v.saved("rstd", rstd);
  }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return true; }

  void infer() {
    const BatchNormChecks checks{name, input};
    checks.check_input();
    checks.check_vector("running_mean", running_mean);
    checks.check_vector("running_var", running_var);
    checks.check_vector("weight", weight);
    checks.check_vector("bias", bias);
    check_distinct(name, "running_mean", running_mean);
    check_distinct(name, "running_var", running_var);
    check(momentum >= 0 && momentum <= 1, name, ": momentum is ", momentum, " but must be between 0 and 1");
    check(std::isfinite(eps) && eps > 0, name, ": eps is ", eps, " but must be a number above 0 in training");
    check(input.shape[1] == 0 || input.size() != input.shape[1], name, ": input ", shape(input),
          " has one value a channel, but a variance in training needs at least two");
    checks.describe_output(output);
    if (!save) return;
    mean.describe(input.dtype == DType::float64 ? DType::float64 : DType::float32, input.device, 1, &input.shape[1]);
    rstd = mean;
  }
};

}  // namespace fastnets
