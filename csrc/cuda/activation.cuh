// The elementwise functions of core/activation.h, and their derivatives.
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

__device__ __forceinline__ float activate(Activation kind, float x, float alpha = 0) {
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
    case Activation::leaky_relu:
      return x > 0 ? x : alpha * x;
    case Activation::elu:
      return x > 0 ? x : alpha * expm1f(x);
    default:
      return x;
  }
}

// d activation / dx, from the argument x or the result y, as core says; relu has none of its own: see pull_back.
__device__ __forceinline__ float derivative(Activation kind, float x, float y, float alpha = 0) {
  switch (kind) {
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
    case Activation::leaky_relu:
      return x > 0 ? 1.0f : alpha;
    case Activation::elu:
      return x > 0 ? 1.0f : alpha * expf(x);
    default:
      return 1.0f;
  }
}

// dy · activation′. What relu has cut off is 0 whatever dy is; a nan lets dy pass.
__device__ __forceinline__ float pull_back(Activation kind, float dy, float x, float y, float alpha = 0) {
  if (kind == Activation::relu) return y != y ? dy : y > 0 ? dy : 0.0f;
  return dy * derivative(kind, x, y, alpha);
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
