// Vector exp, log1p, tanh, sigmoid, and the normal distribution for gelu. In float32 within 4 ulp (exp 1.5, log1p and
// tanh 2, sigmoid 3, normal_cdf 4), exact at ±inf, nan kept; polynomials are minimax fits of our own. In float64
// through the C library.
#pragma once
#include <cmath>

#include "cpu/simd/simd.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// eˣ = 2ⁿ eʳ with n = round(x / ln 2), |r| ≤ ln 2 / 2. Beyond the clamp the result is 0 or inf.
FASTNETS_INLINE Vec<float> exp(Vec<float> x) {
  x = min(splat(89.0f), max(splat(-105.0f), x));  // in this order: a nan x passes
  const Vec<float> n = round(x * splat(1.44269504f));
  const Vec<float> r = fma(n, splat(-1.42860677e-6f), fma(n, splat(-0.693145752f), x));
  Vec<float> p = splat(1.381445911e-03f);
  p = fma(p, r, splat(8.368781224e-03f));
  p = fma(p, r, splat(4.166839438e-02f));
  p = fma(p, r, splat(1.666652010e-01f));
  p = fma(p, r, splat(4.999999341e-01f));
  p = fma(p, r * r, r) + splat(1.0f);
  const Vec<float> half = round(n * splat(0.5f));  // two steps reach subnormal results and inf
  return scale(scale(p, half), n - half);
}
FASTNETS_INLINE Vec<double> exp(Vec<double> x) {
  return each_lane(x, [](double a) { return std::exp(a); });
}

// eˣ − 1 without cancellation near 0: there the polynomial of exp stands without its 1.
FASTNETS_INLINE Vec<float> expm1(Vec<float> x) {
  Vec<float> p = splat(1.984126984e-04f);
  p = fma(p, x, splat(1.388888889e-03f));
  p = fma(p, x, splat(8.333333333e-03f));
  p = fma(p, x, splat(4.166666667e-02f));
  p = fma(p, x, splat(1.666666667e-01f));
  p = fma(p, x, splat(0.5f));
  return select(less(abs(x), splat(0.5f)), fma(p * x, x, x), exp(x) - splat(1.0f));
}
FASTNETS_INLINE Vec<double> expm1(Vec<double> x) {
  return each_lane(x, [](double a) { return std::expm1(a); });
}

// log(1 + x) for 0 ≤ x ≤ 1: 2 artanh(u) with u = x / (2 + x), an odd polynomial.
FASTNETS_INLINE Vec<float> log1p(Vec<float> x) {
  const Vec<float> u = x / (x + splat(2.0f)), s = u * u, twice = u + u;
  Vec<float> p = splat(1.400599336e-01f);
  p = fma(p, s, splat(1.400090265e-01f));
  p = fma(p, s, splat(2.001076362e-01f));
  p = fma(p, s, splat(3.333320814e-01f));
  return fma(p * s, twice, twice);
}
FASTNETS_INLINE Vec<double> log1p(Vec<double> x) {
  return each_lane(x, [](double a) { return std::log1p(a); });
}

FASTNETS_INLINE Vec<float> copy_sign(Vec<float> magnitude, Vec<float> sign) {
  return select(less(sign, splat(0.0f)), splat(0.0f) - magnitude, magnitude);
}

// Near 0 an odd polynomial, beyond it 1 − 2 / (e^{2|x|} + 1).
FASTNETS_INLINE Vec<float> tanh(Vec<float> x) {
  const Vec<float> a = abs(x), s = x * x;
  Vec<float> p = splat(2.292791550e-03f);
  p = fma(p, s, splat(-8.343988209e-03f));
  p = fma(p, s, splat(2.176893163e-02f));
  p = fma(p, s, splat(-5.395926097e-02f));
  p = fma(p, s, splat(1.333330356e-01f));
  p = fma(p, s, splat(-3.333333317e-01f));
  const Vec<float> near = fma(p * s, x, x);
  const Vec<float> far = splat(1.0f) - splat(2.0f) / (exp(a + a) + splat(1.0f));
  return select(less(a, splat(0.625f)), near, copy_sign(far, x));
}
FASTNETS_INLINE Vec<double> tanh(Vec<double> x) {
  return each_lane(x, [](double a) { return std::tanh(a); });
}

// 1 / (1 + e⁻ˣ), with the small exponential on either side so that tails keep their relative precision.
template <class T>
FASTNETS_INLINE Vec<T> sigmoid(Vec<T> x) {
  const Vec<T> one = splat(T(1)), e = exp(splat(T(0)) - abs(x));
  return select(less(x, splat(T(0))), e, one) / (one + e);
}

// Φ(x) = ½ erfc(−x / √2), the standard normal distribution.
// erfc(z) = e^{−z²} t P(t) for z ≥ 0 with t = 1 / (1 + 0.45 z), and z² = x² / 2.
FASTNETS_INLINE Vec<float> normal_cdf(Vec<float> x) {
  const Vec<float> z = abs(x) * splat(0.707106781f);
  const Vec<float> t = splat(1.0f) / fma(z, splat(0.45f), splat(1.0f));
  Vec<float> p = splat(-3.412903929e-02f);
  p = fma(p, t, splat(1.519859064e-01f));
  p = fma(p, t, splat(-2.119074148e-01f));
  p = fma(p, t, splat(2.814111576e-02f));
  p = fma(p, t, splat(6.855084096e-02f));
  p = fma(p, t, splat(7.381458716e-02f));
  p = fma(p, t, splat(1.901281905e-01f));
  p = fma(p, t, splat(2.253434605e-01f));
  p = fma(p, t, splat(2.542015764e-01f));
  p = fma(p, t, splat(2.538707629e-01f));
  const Vec<float> h = abs(x) * abs(x) * splat(-0.5f);
  const Vec<float> tail = splat(0.5f) * p * t * exp(h);
  return select(less(x, splat(0.0f)), tail, splat(1.0f) - tail);
}
FASTNETS_INLINE Vec<double> normal_cdf(Vec<double> x) {
  return each_lane(x, [](double a) { return 0.5 * std::erfc(-a * 0.70710678118654752440); });
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
