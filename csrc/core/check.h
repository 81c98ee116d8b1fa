// Errors. Every message names the op and the argument, what it was and what was expected.
#pragma once
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "core/activation.h"
#include "core/tensor.h"

namespace fastnets {

struct TypeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct ValueError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct NotServed : std::runtime_error {  // NotImplementedError in Python
  using std::runtime_error::runtime_error;
};

template <class E = ValueError, class... Part>
[[noreturn]] void fail(const Part&... part) {
  std::ostringstream message;
  (message << ... << part);
  throw E(message.str());
}
template <class E = ValueError, class... Part>
void check(bool ok, const Part&... part) {
  if (!ok) fail<E>(part...);
}

// Sizes as they are written in messages, and only then: the arguments of a check that holds must cost nothing.
struct Shape {
  const std::int64_t* sizes;
  int count;
};
inline std::ostream& operator<<(std::ostream& out, const Shape& s) {
  out << '(';
  for (int i = 0; i < s.count; ++i) out << (i ? ", " : "") << s.sizes[i];
  return out << (s.count == 1 ? ",)" : ")");
}
inline Shape shape(const std::int64_t* sizes, int count) { return {sizes, count}; }
inline Shape shape(const Tensor& t) { return {t.shape, t.ndim}; }

// `what` must be a floating array.
inline void check_float(const char* op, const char* what, const Tensor& t) {
  check<TypeError>(is_float(t.dtype), op, ": ", what, " is ", name(t.dtype),
                   " but must be float32, bfloat16, float16 or float64");
}
// `other`, if given, must have the dtype of `input`.
inline void check_dtype(const char* op, const Tensor& input, const char* what, const Tensor& other) {
  check<TypeError>(!other || other.dtype == input.dtype, op, ": input is ", name(input.dtype), " but ", what, " is ",
                   name(other.dtype), "; use input.astype(\"", name(other.dtype), "\") or model.to(\"",
                   name(input.dtype), "\")");
}
// `other`, if given, must have the dtype of `input`, or may be float32 where that is half precision.
inline void check_dtype_or_float32(const char* op, const Tensor& input, const char* what, const Tensor& other) {
  if (item_size(input.dtype) != 2 || other.dtype != DType::float32) check_dtype(op, input, what, other);
}
// An element that is updated must be one element of memory.
inline void check_distinct(const char* op, const char* what, const Tensor& t) {
  for (int d = 0; d < t.ndim; ++d)
    check(t.shape[d] <= 1 || t.size() == 0 || t.stride[d] != 0, op, ": ", what, " ", shape(t),
          " is broadcast: elements along dimension ", d, " are the same memory and cannot be updated in place");
}

// Only these can follow a product in the same pass.
inline void check_fused(const char* op, Activation activation) {
  check(is_fused(activation), op, ": activation is \"", kActivationNames[static_cast<int>(activation)],
        "\" but must be None, relu, gelu, gelu_tanh, silu, tanh or sigmoid");
}

}  // namespace fastnets
