// A test whose float32 operands go to the tensor cores in two parts.
#pragma once
#include "cuda/backend/precision.h"

namespace fastnets::tests {

struct InTf32x3 {
  InTf32x3() { cuda::float32_precision = cuda::Float32Precision::tf32x3; }
  InTf32x3(const InTf32x3&) = delete;
  InTf32x3& operator=(const InTf32x3&) = delete;
  ~InTf32x3() { cuda::float32_precision = cuda::Float32Precision::ieee; }
};

}  // namespace fastnets::tests
