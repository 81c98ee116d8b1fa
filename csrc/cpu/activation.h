// The elementwise functions of core/activation.h and their derivatives on vectors.
#pragma once
#include "core/activation.h"
#include "cpu/layout.h"
#include "cpu/math.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

template <class T>
struct Gelu {  // and gelu_tanh: ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))) = x σ(2 u)
  static constexpr T kScale = T(0.79788456080286535588), kCube = T(0.044715), kDensity = T(0.39894228040143267794);
};

template <class T>
FASTNETS_INLINE Vec<T> activate(Activation kind, Vec<T> x, T alpha = 0) {
  const Vec<T> zero = splat(T(0));
  switch (kind) {
    case Activation::none:
      return x;
    case Activation::relu:
      return max(zero, x);  // in this order: nan stays nan
    case Activation::gelu:
      return x * normal_cdf(x);
    case Activation::gelu_tanh: {
      const Vec<T> u = splat(Gelu<T>::kScale) * fma(splat(Gelu<T>::kCube) * x * x, x, x);
      return x * sigmoid(u + u);
    }
    case Activation::silu:
      return x * sigmoid(x);
    case Activation::tanh:
      return tanh(x);
    case Activation::sigmoid:
      return sigmoid(x);
    case Activation::leaky_relu:
      return select(less(zero, x), x, x * splat(alpha));
    case Activation::elu:
      return select(less(zero, x), x, splat(alpha) * expm1(x));
  }
  return x;
}

// d activation / dx, from the argument x where core says so, else from the result y.
template <class T>
FASTNETS_INLINE Vec<T> derivative(Activation kind, Vec<T> x, Vec<T> y, T alpha = 0) {
  const Vec<T> zero = splat(T(0)), one = splat(T(1));
  switch (kind) {
    case Activation::none:
      return one;
    case Activation::relu:
      return select(less(zero, y), one, zero);
    case Activation::gelu: {  // Φ(x) + x φ(x)
      const Vec<T> density = splat(Gelu<T>::kDensity) * exp(x * x * splat(T(-0.5)));
      return fma(x, density, normal_cdf(x));
    }
    case Activation::gelu_tanh: {  // σ(v) + x σ(v) (1 − σ(v)) v′ with v = 2u
      // Beyond |x| = 100 the derivative is 0 or 1, and x² must not become inf: 0 · inf is nan.
      const Vec<T> square = min(splat(T(1e4)), x * x), two = splat(T(2) * Gelu<T>::kScale);
      const Vec<T> s = sigmoid(two * fma(splat(Gelu<T>::kCube) * square, x, x));
      const Vec<T> slope = two * fma(splat(T(3) * Gelu<T>::kCube), square, one);
      return fma(x * s * (one - s), slope, s);
    }
    case Activation::silu: {
      const Vec<T> s = sigmoid(x);
      return fma(x * s, one - s, s);
    }
    case Activation::tanh:
      return one - y * y;
    case Activation::sigmoid:
      return y * (one - y);
    case Activation::leaky_relu:
      return select(less(zero, x), one, splat(alpha));
    case Activation::elu:
      return select(less(zero, x), one, splat(alpha) * exp(min(zero, x)));
  }
  return one;
}

// dy · activation′. What relu has cut off is 0 whatever dy is; a nan lets dy pass.
template <class T>
FASTNETS_INLINE Vec<T> pull_back(Activation kind, Vec<T> dy, Vec<T> x, Vec<T> y, T alpha = 0) {
  if (kind != Activation::relu) return dy * derivative(kind, x, y, alpha);
  return select(is_nan(y), dy, select(less(splat(T(0)), y), dy, splat(T(0))));
}

// Calls f(a constant) for the kind, so that what f compiles holds one function only.
template <class F>
FASTNETS_INLINE void visit_activation(Activation kind, const F& f) {
  using A = Activation;
  switch (kind) {
    case A::none:
      return f(std::integral_constant<A, A::none>{});
    case A::relu:
      return f(std::integral_constant<A, A::relu>{});
    case A::gelu:
      return f(std::integral_constant<A, A::gelu>{});
    case A::gelu_tanh:
      return f(std::integral_constant<A, A::gelu_tanh>{});
    case A::silu:
      return f(std::integral_constant<A, A::silu>{});
    case A::tanh:
      return f(std::integral_constant<A, A::tanh>{});
    case A::sigmoid:
      return f(std::integral_constant<A, A::sigmoid>{});
    case A::leaky_relu:
      return f(std::integral_constant<A, A::leaky_relu>{});
    case A::elu:
      return f(std::integral_constant<A, A::elu>{});
  }
}

// Replaces n values by their activation; reads up to the end of the last vector.
template <class Acc>
[[gnu::noinline]] void activate_values(Activation kind, int n, Acc* values) {
  visit_activation(kind, [&](auto constant) {
    constexpr int L = Vec<Acc>::lanes;
    int i = 0;
    for (; i + L <= n; i += L) store(values + i, activate(constant(), load(values + i)));
    if (i < n) store(values + i, activate(constant(), load(values + i)), n - i);
  });
}

// dz[i] = dy[i] · activation′ from z[i] and y[i], over contiguous arrays.
template <class T>
void grad_activation(Activation kind, const T* dy, const T* z, const T* y, std::int64_t size, T* dz,
                     Accumulator<T> alpha = 0) {
  using V = Vec<Accumulator<T>>;
  visit_activation(kind, [&](auto constant) {
    parallel_ranges(size, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
      std::int64_t i = begin;
      for (; i + V::lanes <= end; i += V::lanes)
        store(dz + i, pull_back(constant(), load(dy + i), load(z + i), load(y + i), alpha));
      const int n = static_cast<int>(end - i);
      if (n > 0) store(dz + i, pull_back(constant(), load(dy + i, n), load(z + i, n), load(y + i, n), alpha), n);
    });
  });
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
