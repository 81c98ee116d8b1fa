// What ops on whole gradients share: numbers that stay where the arrays are, as arrays without dimensions.
#pragma once
#include "core/check.h"
#include "core/parameters.h"

namespace fastnets {

inline void check_number(const char* op, const char* what, const Tensor& t) {
  check<TypeError>(t.dtype == DType::float32 || t.dtype == DType::float64, op, ": ", what, " is ", name(t.dtype),
                   " but must be float32 or float64");
  check(t.ndim == 0, op, ": ", what, " is ", shape(t), " but must have no dimension");
}

}  // namespace fastnets
