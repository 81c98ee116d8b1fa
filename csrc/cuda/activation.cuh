// The elementwise functions of core/activation.h that products apply to their result, and their derivatives.
#pragma once
#include "core/activation.h"
#include "cuda/arch/gpu.h"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// 1 / (1 + e⁻ˣ), with the small exponential on either side so that tails keep their relative precision.
__device__ __forceinline__ float sigmoid(float x) {
  const float e = expf(-fabsf(x));
  return (x < 0 ? e : 1.0f) / (1.0f + e);
}

// gelu_tanh: ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))) = x σ(2 u)
constexpr float kGeluScale = 0.79788456080286535588f, kGeluCube = 0.044715f;
constexpr float kNormalDensity = 0.39894228040143267794f;  // 1 / √(2π)

__device__ __forceinline__ float activate(Activation kind, float x) {
  switch (kind) {
    case Activation::relu:
      return x < 0 ? 0.0f : x;  // nan stays nan
    case Activation::gelu:
      return x * normcdff(x);
    case Activation::gelu_tanh:
      return x * sigmoid(2 * kGeluScale * fmaf(kGeluCube * x * x, x, x));
    case Activation::silu:
      return x * sigmoid(x);
    case Activation::tanh:
      return tanhf(x);
    case Activation::sigmoid:
      return sigmoid(x);
    default:
      return x;
  }
}

// d activation / dx, from the argument x where core says so, else from the result y.
__device__ __forceinline__ float derivative(Activation kind, float x, float y) {
  switch (kind) {
    case Activation::relu:
      return y > 0 ? 1.0f : y != y ? y : 0.0f;
    case Activation::gelu:
      return fmaf(x, kNormalDensity * expf(-0.5f * x * x), normcdff(x));  // Φ(x) + x φ(x)
    case Activation::gelu_tanh: {                                         // σ(v) + x σ(v) (1 − σ(v)) v′ with v = 2u
      const float s = sigmoid(2 * kGeluScale * fmaf(kGeluCube * x * x, x, x));
      return fmaf(x * s * (1 - s), 2 * kGeluScale * fmaf(3 * kGeluCube, x * x, 1.0f), s);
    }
    case Activation::silu: {
      const float s = sigmoid(x);
      return fmaf(x * s, 1 - s, s);
    }
    case Activation::tanh:
      return 1 - y * y;
    case Activation::sigmoid:
      return y * (1 - y);
    default:
      return 1.0f;
  }
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
