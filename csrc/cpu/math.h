// Vector exp, log1p, tanh, sigmoid, and the normal distribution for gelu: in float32 within 4 ulp (exp and exp2_flushed
// 1.5, log1p and tanh 2, sigmoid 3, normal_cdf 4), in float64 exp and log1p within 1.5, the others through the C
// library. Exact at ±inf, nan kept; polynomials are minimax fits of our own.
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
  x = min(splat(710.0), max(splat(-746.0), x));
  const Vec<double> n = round(x * splat(1.4426950408889634));
  const Vec<double> r = fma(n, splat(-1.9082149292705877e-10), fma(n, splat(-0x1.62e42fee00000p-1), x));
  Vec<double> p = splat(2.510038549551032e-08);
  p = fma(p, r, splat(2.7620088445409746e-07));
  p = fma(p, r, splat(2.7557268459997064e-06));
  p = fma(p, r, splat(2.4801521295954376e-05));
  p = fma(p, r, splat(1.9841269863053618e-04));
  p = fma(p, r, splat(1.3888888917213717e-03));
  p = fma(p, r, splat(8.333333333330062e-03));
  p = fma(p, r, splat(4.166666666662413e-02));
  p = fma(p, r, splat(1.6666666666666669e-01));
  p = fma(p, r, splat(5.000000000000001e-01));
  p = fma(p, r * r, r) + splat(1.0);
  const Vec<double> half = round(n * splat(0.5));
  return scale(scale(p, half), n - half);
}

// 2ˣ for x up to 100 or so, at the price that softmax wants to pay: what is below the normal numbers becomes 0.
FASTNETS_INLINE Vec<float> exp2_flushed(Vec<float> x) {
  x = max(splat(-127.0f), x);
  const Vec<float> n = round(x), f = x - n;
  Vec<float> p = splat(1.326472731e-03f);
  p = fma(p, f, splat(9.671512991e-03f));
  p = fma(p, f, splat(5.550733581e-02f));
  p = fma(p, f, splat(2.402224243e-01f));
  p = fma(p, f, splat(6.931470037e-01f));
  return scale(fma(p, f, splat(1.0f)), n);  // n = −127 is an exponent of 0, and the factor with it
}
FASTNETS_INLINE Vec<double> exp2_flushed(Vec<double> x) { return exp(x * splat(0.69314718055994530942)); }

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
  const Vec<double> u = x / (x + splat(2.0)), s = u * u, twice = u + u;
  Vec<double> p = splat(8.082022805971766e-02);
  p = fma(p, s, splat(4.400369243072337e-02));
  p = fma(p, s, splat(6.000536404795356e-02));
  p = fma(p, s, splat(6.657072104827468e-02));
  p = fma(p, s, splat(7.692785032479312e-02));
  p = fma(p, s, splat(9.090894718066429e-02));
  p = fma(p, s, splat(1.1111111358713932e-01));
  p = fma(p, s, splat(1.428571428355438e-01));
  p = fma(p, s, splat(2.0000000000007292e-01));
  p = fma(p, s, splat(3.333333333333333e-01));
  return fma(p * s, twice, twice);
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
