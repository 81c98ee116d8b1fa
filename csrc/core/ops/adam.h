// One step of Adam (Kingma and Ba, 2015), or with decoupled decay AdamW (Loshchilov and Hutter, 2019), in place:
//   gradient ← −gradient, where it is to be maximized
//   gradient ← gradient + weight_decay · parameter, or decoupled: parameter ← parameter · (1 − lr · weight_decay)
//   exp_avg ← β₁ · exp_avg + (1 − β₁) · gradient,   exp_avg_sq ← β₂ · exp_avg_sq + (1 − β₂) · gradient²
//   parameter ← parameter − lr / (1 − β₁ᵗ) · exp_avg / (√(exp_avg_sq / (1 − β₂ᵗ)) + eps)
#pragma once
#include "core/optimizer.h"

namespace fastnets {

struct Adam {
  static constexpr const char* name = "adam";
  Tensor parameter, gradient, exp_avg, exp_avg_sq;  // one shape; the averages are float32 (float64 for float64)
  Tensor master;  // float32, or none: the parameter is then its rounding to half precision
  std::int64_t step = 1;
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  bool decoupled_weight_decay = false, maximize = false;
  bool save = false;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.in_place("parameter", parameter);
    v.input("gradient", gradient);
    v.in_place("exp_avg", exp_avg);
    v.in_place("exp_avg_sq", exp_avg_sq);
    v.optional_in_place("master", master);
    v.parameter("step", step);
    v.parameter("lr", lr);
    v.parameter("beta1", beta1);
    v.parameter("beta2", beta2);
    v.parameter("eps", eps);
    v.parameter("weight_decay", weight_decay);
    v.parameter("decoupled_weight_decay", decoupled_weight_decay);
    v.parameter("maximize", maximize);
  }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return false; }

  void infer() {
    check_parameter(name, parameter, gradient);
    check_state(name, parameter, "exp_avg", exp_avg);
    check_state(name, parameter, "exp_avg_sq", exp_avg_sq);
    if (master) check_master(name, parameter, master);
    check(step >= 1, "adam: step is ", step, " but counts from 1");
    check_not_negative(name, "lr", lr);
    check(beta1 >= 0 && beta1 < 1, "adam: beta1 is ", beta1, " but must be at least 0 and less than 1");
    check(beta2 >= 0 && beta2 < 1, "adam: beta2 is ", beta2, " but must be at least 0 and less than 1");
    check_not_negative(name, "eps", eps);
    check_not_negative(name, "weight_decay", weight_decay);
  }
};

}  // namespace fastnets
