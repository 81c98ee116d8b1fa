// One step of AdamW (Loshchilov and Hutter, 2019), in place:
//   parameter ← parameter · (1 − lr · weight_decay)
//   exp_avg ← β₁ · exp_avg + (1 − β₁) · gradient,   exp_avg_sq ← β₂ · exp_avg_sq + (1 − β₂) · gradient²
//   parameter ← parameter − lr / (1 − β₁ᵗ) · exp_avg / (√(exp_avg_sq / (1 − β₂ᵗ)) + eps)
#pragma once
#include <cmath>

#include "core/check.h"
#include "core/parameters.h"

namespace fastnets {

struct AdamW {
  static constexpr const char* name = "adamw";
  Tensor parameter, gradient, exp_avg, exp_avg_sq;  // one shape; the averages are float32 (float64 for float64)
  Tensor master;  // float32, or none: the parameter is then its rounding to half precision
  std::int64_t step = 1;
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 1e-2;
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
  }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return false; }

  void infer() {
    check_float(name, "parameter", parameter);
    check<TypeError>(gradient.dtype == parameter.dtype, "adamw: parameter is ", fastnets::name(parameter.dtype),
                     " but gradient is ", fastnets::name(gradient.dtype));
    check(gradient.same_shape(parameter), "adamw: gradient is ", shape(gradient), " but parameter is ",
          shape(parameter));
    check_state("exp_avg", exp_avg);
    check_state("exp_avg_sq", exp_avg_sq);
    if (master) {
      check<TypeError>(item_size(parameter.dtype) == 2, "adamw: master is ", fastnets::name(master.dtype),
                       " but only parameters in half precision have one, and parameter is ",
                       fastnets::name(parameter.dtype));
      check_state("master", master);
    }
    check_distinct(name, "parameter", parameter);
    check(step >= 1, "adamw: step is ", step, " but counts from 1");
    check(std::isfinite(lr) && lr >= 0, "adamw: lr is ", lr, " but must be a number of at least 0");
    check(beta1 >= 0 && beta1 < 1, "adamw: beta1 is ", beta1, " but must be at least 0 and less than 1");
    check(beta2 >= 0 && beta2 < 1, "adamw: beta2 is ", beta2, " but must be at least 0 and less than 1");
    check(eps >= 0 && std::isfinite(eps), "adamw: eps is ", eps, " but must be a number of at least 0");
    check(weight_decay >= 0 && std::isfinite(weight_decay), "adamw: weight_decay is ", weight_decay,
          " but must be a number of at least 0");
  }

 private:
  void check_state(const char* what, const Tensor& t) const {
    const DType wanted = parameter.dtype == DType::float64 ? DType::float64 : DType::float32;
    check<TypeError>(t.dtype == wanted, "adamw: ", what, " is ", fastnets::name(t.dtype), " but must be ",
                     fastnets::name(wanted), " for ", fastnets::name(parameter.dtype), " parameters");
    check(t.same_shape(parameter), "adamw: ", what, " is ", shape(t), " but parameter is ", shape(parameter));
    check_distinct(name, what, t);
  }
};

}  // namespace fastnets
