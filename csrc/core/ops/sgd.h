// One step of gradient descent with momentum (Sutskever and others, 2013), in place:
//   gradient ← ±gradient + weight_decay · parameter,  minus where it is to be maximized
//   momentum_buffer ← momentum · momentum_buffer + (1 − dampening) · gradient, in the first step ← gradient
//   parameter ← parameter − lr · momentum_buffer, or with Nesterov's − lr · (gradient + momentum · momentum_buffer)
#pragma once
#include "core/optimizer.h"

namespace fastnets {

struct Sgd {
  static constexpr const char* name = "sgd";
  Tensor parameter, gradient;  // one shape
  Tensor momentum_buffer;      // float32 (float64 for float64), or none: without momentum
  Tensor master;               // float32, or none: the parameter is then its rounding to half precision
  double lr = 1e-3, momentum = 0, dampening = 0, weight_decay = 0;
  bool nesterov = false, maximize = false;
  bool is_first = false;  // the momentum buffer holds nothing yet
  bool save = false;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.in_place("parameter", parameter);
    v.input("gradient", gradient);
    v.optional_in_place("momentum_buffer", momentum_buffer);
    v.optional_in_place("master", master);
    v.parameter("lr", lr);
    v.parameter("momentum", momentum);
    v.parameter("dampening", dampening);
    v.parameter("weight_decay", weight_decay);
    v.parameter("nesterov", nesterov);
    v.parameter("maximize", maximize);
    v.parameter("is_first", is_first);
  }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return false; }

  void infer() {
    check_parameter(name, parameter, gradient);
    if (momentum_buffer) check_state(name, parameter, "momentum_buffer", momentum_buffer);
    if (master) check_master(name, parameter, master);
    check_not_negative(name, "lr", lr);
    check_not_negative(name, "momentum", momentum);
    check_not_negative(name, "weight_decay", weight_decay);
    check(std::isfinite(dampening), "sgd: dampening is ", dampening, " but must be a number");
    check(momentum == 0 || momentum_buffer, "sgd: momentum is ", momentum, " but momentum_buffer is None");
    check(!nesterov || (momentum > 0 && dampening == 0),
          "sgd: nesterov needs a momentum above 0 and no dampening, got ", "momentum ", momentum, " and dampening ",
          dampening);
  }
};

}  // namespace fastnets
