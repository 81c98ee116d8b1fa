// output = exp(x) / sum exp(x) along one dimension, or the logarithm of that: x − log sum exp(x)
#pragma once
#include "core/check.h"
#include "core/parameters.h"

namespace fastnets {

// In which dtype the softmax is computed and returned, whatever the input's is.
enum class CastTo : std::int8_t { none, float64, float32, bfloat16, float16 };
constexpr const char* kCastNames[] = {"None", "float64", "float32", "bfloat16", "float16"};
template <>
struct Names<CastTo> {
  static constexpr auto& list = kCastNames;
  static constexpr int count = 5;
  static constexpr bool kOptional = true;
};

struct Softmax {
  static constexpr const char* name = "softmax";
  Tensor input;  // any shape
  std::int64_t dim = -1;
  bool log = false;
  CastTo dtype = CastTo::none;  // the input is converted to it first
  bool save = false;

  Tensor output;  // as input, in its memory format
  Tensor grad_output, grad_input;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.parameter("dim", dim);
    v.parameter("log", log);
    v.parameter("dtype", dtype);
    v.output("output", output, grad_output);
  }

  FASTNETS_INLINE int axis() const { return static_cast<int>(dim < 0 ? dim + input.ndim : dim); }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return true; }

  void infer() {
    check_float(name, "input", input);
    const std::int64_t dims = input.ndim ? input.ndim : 1;  // a number is a row of one element
    check(dim >= -dims && dim < dims, "softmax: dim is ", dim, " but input ", shape(input), " has ", int{input.ndim},
          " dimensions");
    output.describe_like(input);
    if (dtype != CastTo::none) output.dtype = static_cast<DType>(static_cast<int>(dtype) - 1);
    if (input.is_channels_last()) output.make_channels_last();
  }
};

}  // namespace fastnets
