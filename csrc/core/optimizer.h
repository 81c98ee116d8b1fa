// What optimizers check: a parameter, its gradient, and the state that is kept for it.
#pragma once
#include <cmath>

#include "core/check.h"
#include "core/parameters.h"

namespace fastnets {

// A gradient has its parameter's dtype, or the state's: what was unscaled must not be rounded to half precision again.
inline void check_parameter(const char* op, const Tensor& parameter, const Tensor& gradient) {
  check_float(op, "parameter", parameter);
  check<TypeError>(gradient.dtype == parameter.dtype || gradient.dtype == state_dtype(parameter.dtype), op,
                   ": parameter is ", name(parameter.dtype), " but gradient is ", name(gradient.dtype));
  check(gradient.same_shape(parameter), op, ": gradient is ", shape(gradient), " but parameter is ", shape(parameter));
  check_distinct(op, "parameter", parameter);
}

inline void check_state(const char* op, const Tensor& parameter, const char* what, const Tensor& state) {
  const DType wanted = state_dtype(parameter.dtype);
  check<TypeError>(state.dtype == wanted, op, ": ", what, " is ", name(state.dtype), " but must be ", name(wanted),
                   " for ", name(parameter.dtype), " parameters");
  check(state.same_shape(parameter), op, ": ", what, " is ", shape(state), " but parameter is ", shape(parameter));
  check_distinct(op, what, state);
}

inline void check_master(const char* op, const Tensor& parameter, const Tensor& master) {
  check<TypeError>(item_size(parameter.dtype) == 2, op, ": master is ", name(master.dtype),
                   " but only parameters in half precision have one, and parameter is ", name(parameter.dtype));
  check_state(op, parameter, "master", master);
}

inline void check_not_negative(const char* op, const char* what, double value) {
  check(std::isfinite(value) && value >= 0, op, ": ", what, " is ", value, " but must be a number of at least 0");
}

}  // namespace fastnets
