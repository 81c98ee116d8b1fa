// output[n, c, p…] = (input[n, c, p…] − mean[n, g]) / √(var[n, g] + eps) · weight[c] + bias[c]
// with moments over the channels of group g = c / (C / num_groups) and p…
#pragma once
#include <cmath>

#include "core/check.h"
#include "core/parameters.h"

namespace fastnets {

struct GroupNorm {
  static constexpr const char* name = "group_norm";
  Tensor input;         // (N, C, spatial…)
  Tensor weight, bias;  // (C,) or none: 1 and 0
  std::int64_t num_groups = 1;
  double eps = 1e-5;
  bool save = false;

  Tensor output;      // as input, in its memory format
  Tensor mean, rstd;  // (N, num_groups), saved
  Tensor grad_output, grad_input, grad_weight, grad_bias;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.optional("weight", weight, grad_weight);
    v.optional("bias", bias, grad_bias);
    v.parameter("num_groups", num_groups);
    v.parameter("eps", eps);
    v.output("output", output, grad_output);
    v.saved("mean", mean);
    v.saved("rstd", rstd);
  }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return true; }

  void infer() {
    check_float(name, "input", input);
    check(input.ndim >= 2, "group_norm: input must be (N, C, …), got ", shape(input));
    const std::int64_t N = input.shape[0], C = input.shape[1];
    check(num_groups >= 1, "group_norm: num_groups is ", num_groups, " but must be at least 1");
    check(C % num_groups == 0, "group_norm: input ", shape(input), " has ", C,
          " channels, which num_groups=", num_groups, " does not divide");
    check(input.size() != num_groups || N > 1, "group_norm: input ", shape(input),
          " has one value a group, but a variance needs at least two");
    check_vector("weight", weight);
    check_vector("bias", bias);
    check(std::isfinite(eps) && eps >= 0, "group_norm: eps is ", eps, " but must be a number of at least 0");
    output.describe_like(input);
    if (input.is_channels_last()) output.make_channels_last();
    if (!save) return;
    const std::int64_t sizes[] = {N, num_groups};
    mean.describe(input.dtype == DType::float64 ? DType::float64 : DType::float32, input.device, 2, sizes);
    rstd = mean;
  }

 private:
  void check_vector(const char* what, const Tensor& t) const {
    if (!t) return;
    check_dtype_or_float32(name, input, what, t);
    check(t.ndim == 1 && t.shape[0] == input.shape[1], "group_norm: ", what, " is ", shape(t), " but input ",
          shape(input), " expects (", input.shape[1], ",)");
  }
};

}  // namespace fastnets
