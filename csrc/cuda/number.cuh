// Numbers that stay on the device, as arrays without dimensions of float32 or float64.
#pragma once
#include "core/tensor.h"
#include "cuda/arch/gpu.h"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

struct Number {
  const void* data = nullptr;  // null: 0
  bool is_wide = false;
  explicit Number(const Tensor& t) : data(t.data), is_wide(t.dtype == DType::float64) {}
  __device__ __forceinline__ double operator()() const {
    if (!data) return 0;
    return is_wide ? *static_cast<const double*>(data) : double(*static_cast<const float*>(data));
  }
};

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
