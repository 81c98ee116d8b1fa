// output[r, j] = (input[r, j] − mean[r]) / √(var[r] + eps) · weight[j] + bias[j]
// rms_norm:    = input[r, j] / √(mean of input[r, ·]² + eps) · weight[j]
// with j over the normalized shape, the last dimensions, and r over those before
#pragma once
#include <cmath>

#include "core/check.h"
#include "core/parameters.h"

namespace fastnets {

// What both ops ask of their arguments.
struct RowNormChecks {
  const char* op;
  const Tensor& input;
  const Dims& normalized_shape;

  void check_input() const {
    const int n = normalized_shape.count;
    check_float(op, "input", input);
    check(n >= 1, op, ": normalized_shape is () but must have at least one entry");
    bool fits = input.ndim >= n;
    for (int d = 0; fits && d < n; ++d) fits = input.shape[input.ndim - n + d] == normalized_shape[d];
    check(fits, op, ": input ", shape(input), " does not end with normalized_shape ", shape(normalized_shape.value, n));
  }
  void check_parameter(const char* what, const Tensor& t) const {
    if (!t) return;
    check_dtype_or_float32(op, input, what, t);
    bool fits = t.ndim == normalized_shape.count;
    for (int d = 0; fits && d < t.ndim; ++d) fits = t.shape[d] == normalized_shape[d];
    check(fits, op, ": ", what, " is ", shape(t), " but must be normalized_shape, ",
          shape(normalized_shape.value, normalized_shape.count));
  }
  void check_eps(double eps) const {
    check(std::isfinite(eps) && eps >= 0, op, ": eps is ", eps, " but must be a number of at least 0");
  }
  // One number a row, in what sums over it are formed in.
  void describe_saved(Tensor& t) const {
    t.describe(input.dtype == DType::float64 ? DType::float64 : DType::float32, input.device,
               input.ndim - normalized_shape.count, input.shape);
  }
};

struct LayerNorm {
  static constexpr const char* name = "layer_norm";
  static constexpr bool kCentered = true;
  Tensor input;         // (…, *normalized_shape)
  Tensor weight, bias;  // normalized_shape or none: 1 and 0
  Dims normalized_shape;
  double eps = 1e-5;
  bool save = false;

  Tensor output;      // as input, row-major
  Tensor mean, rstd;  // (…,), saved
  Tensor grad_output, grad_input, grad_weight, grad_bias;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.optional("weight", weight, grad_weight);
    v.optional("bias", bias, grad_bias);
    v.parameter("normalized_shape", normalized_shape);
    v.parameter("eps", eps);
    v.output("output", output, grad_output);
    v.saved("mean", mean);
    v.saved("rstd", rstd);
  }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return false; }

  void infer() {
    const RowNormChecks checks{name, input, normalized_shape};
    checks.check_input();
    checks.check_parameter("weight", weight);
    checks.check_parameter("bias", bias);
    checks.check_eps(eps);
    output.describe_like(input);
    if (!save) return;
    checks.describe_saved(mean);
    checks.describe_saved(rstd);
  }
};

struct RMSNorm {
  static constexpr const char* name = "rms_norm";
  static constexpr bool kCentered = false;
  Tensor input;   // (…, *normalized_shape)
  Tensor weight;  // normalized_shape or none: 1
  Dims normalized_shape;
  double eps = 0x1p-23;
  bool save = false;

  Tensor output;  // as input, row-major
  Tensor rstd;    // (…,), saved
  Tensor grad_output, grad_input, grad_weight;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.optional("weight", weight, grad_weight);
    v.parameter("normalized_shape", normalized_shape);
    v.parameter("eps", eps);
    v.output("output", output, grad_output);
    v.saved("rstd", rstd);
  }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return false; }

  void infer() {
    const RowNormChecks checks{name, input, normalized_shape};
    checks.check_input();
    checks.check_parameter("weight", weight);
    checks.check_eps(eps);
    output.describe_like(input);
    if (save) checks.describe_saved(rstd);
  }
};

}  // namespace fastnets
