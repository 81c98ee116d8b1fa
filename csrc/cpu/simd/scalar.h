// One element a vector, for machines that nothing better is known of. The compiler widens the loops as it can.
#pragma once
#include <cmath>

#include "core/dtype.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

template <class T>
struct Vec {
  using Scalar = T;
  static constexpr int lanes = 1;
  T v;
};
using Mask = bool;

template <class T>
FASTNETS_INLINE Vec<Accumulator<T>> load(const T* p) {
  if constexpr (sizeof(T) == 2)
    return {to_float(*p)};
  else
    return {*p};
}
template <class T>
FASTNETS_INLINE Vec<Accumulator<T>> load(const T* p, int n) {
  return n > 0 ? load(p) : Vec<Accumulator<T>>{0};
}
template <class T>
FASTNETS_INLINE void store(T* p, Vec<Accumulator<T>> a) {
  if constexpr (sizeof(T) == 2)
    *p = from_float<T>(a.v);
  else
    *p = a.v;
}
template <class T>
FASTNETS_INLINE void store(T* p, Vec<Accumulator<T>> a, int n) {
  if (n > 0) store(p, a);
}
template <class T>
FASTNETS_INLINE Vec<T> splat(T x) {
  return {x};
}

template <class T>
FASTNETS_INLINE Vec<T> operator+(Vec<T> a, Vec<T> b) {
  return {a.v + b.v};
}
template <class T>
FASTNETS_INLINE Vec<T> operator-(Vec<T> a, Vec<T> b) {
  return {a.v - b.v};
}
template <class T>
FASTNETS_INLINE Vec<T> operator*(Vec<T> a, Vec<T> b) {
  return {a.v * b.v};
}
template <class T>
FASTNETS_INLINE Vec<T> operator/(Vec<T> a, Vec<T> b) {
  return {a.v / b.v};
}
// Without an FMA unit std::fma is a slow call: two roundings here, which the error bounds allow.
template <class T>
FASTNETS_INLINE Vec<T> fma(Vec<T> a, Vec<T> b, Vec<T> c) {
  return {a.v * b.v + c.v};
}
template <class T>
FASTNETS_INLINE Vec<T> sqrt(Vec<T> a) {
  return {std::sqrt(a.v)};
}
template <class T>
FASTNETS_INLINE Vec<T> abs(Vec<T> a) {
  return {std::fabs(a.v)};
}
template <class T>
FASTNETS_INLINE Vec<T> max(Vec<T> a, Vec<T> b) {
  return {a.v > b.v ? a.v : b.v};
}
template <class T>
FASTNETS_INLINE Vec<T> min(Vec<T> a, Vec<T> b) {
  return {a.v < b.v ? a.v : b.v};
}
template <class T>
FASTNETS_INLINE Mask less(Vec<T> a, Vec<T> b) {
  return a.v < b.v;
}
template <class T>
FASTNETS_INLINE Mask is_nan(Vec<T> a) {
  return a.v != a.v;
}
template <class T>
FASTNETS_INLINE Vec<T> select(Mask m, Vec<T> yes, Vec<T> no) {
  return m ? yes : no;
}
template <class T>
FASTNETS_INLINE T sum(Vec<T> a) {
  return a.v;
}
// x · 2ⁿ for an integral n that keeps the result normal.
FASTNETS_INLINE Vec<float> scale(Vec<float> x, Vec<float> n) {
  return {x.v * std::bit_cast<float>((static_cast<std::int32_t>(n.v) + 127) << 23)};
}
FASTNETS_INLINE Vec<double> scale(Vec<double> x, Vec<double> n) {
  return {x.v * std::bit_cast<double>((static_cast<std::int64_t>(n.v) + 1023) << 52)};
}
FASTNETS_INLINE Vec<float> round(Vec<float> a) { return {std::nearbyint(a.v)}; }
FASTNETS_INLINE Vec<double> round(Vec<double> a) { return {std::nearbyint(a.v)}; }
// Unsigned integers of 32 bits, for random numbers.
struct Words {
  static constexpr int lanes = 1;
  std::uint32_t v;
};
FASTNETS_INLINE Words load_words(const std::uint32_t* p) { return {*p}; }
FASTNETS_INLINE Words splat_words(std::uint32_t x) { return {x}; }
FASTNETS_INLINE Words operator+(Words a, Words b) { return {a.v + b.v}; }
FASTNETS_INLINE Words operator^(Words a, Words b) { return {a.v ^ b.v}; }
// The high and low halves of the products with m.
FASTNETS_INLINE void multiply_wide(Words a, std::uint32_t m, Words& high, Words& low) {
  const std::uint64_t product = std::uint64_t{m} * a.v;
  high.v = static_cast<std::uint32_t>(product >> 32), low.v = static_cast<std::uint32_t>(product);
}
// The upper 24 bits of each as a number.
FASTNETS_INLINE Vec<float> upper_bits(Words a) { return {static_cast<float>(a.v >> 8)}; }

template <class T>
FASTNETS_INLINE void transpose(Vec<T> (&)[1]) {}

// Micro-tile of the product: kRows rows of kVectors vectors, accumulated in registers.
template <class T>
struct Tile {
  static constexpr int kRows = 4, kVectors = 8;
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
