// AVX2 with FMA and F16C: 256-bit vectors, 16 registers.
#pragma once
#include <immintrin.h>

#include "core/dtype.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

template <class T>
struct Vec;
template <>
struct Vec<float> {
  using Scalar = float;
  static constexpr int lanes = 8;
  __m256 v;
};
template <>
struct Vec<double> {
  using Scalar = double;
  static constexpr int lanes = 4;
  __m256d v;
};
struct Mask {
  __m256 v;
};

FASTNETS_INLINE Vec<float> load(const float* p) { return {_mm256_loadu_ps(p)}; }
FASTNETS_INLINE Vec<double> load(const double* p) { return {_mm256_loadu_pd(p)}; }
FASTNETS_INLINE Vec<float> widen_bfloat16(__m128i bits) {
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16))};
}
FASTNETS_INLINE Vec<float> load(const bfloat16* p) {
  return widen_bfloat16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
FASTNETS_INLINE Vec<float> load(const float16* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
FASTNETS_INLINE void store(float* p, Vec<float> a) { _mm256_storeu_ps(p, a.v); }
FASTNETS_INLINE void store(double* p, Vec<double> a) { _mm256_storeu_pd(p, a.v); }
// Round to nearest even by adding 0x7fff and the lowest kept bit; a nan is made quiet instead.
FASTNETS_INLINE __m128i narrow_bfloat16(Vec<float> a) {
  const __m256i u = _mm256_castps_si256(a.v), high = _mm256_srli_epi32(u, 16);
  const __m256i odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))), 16);
  const __m256i quiet = _mm256_or_si256(high, _mm256_set1_epi32(0x40));
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q));
  const __m256i r = _mm256_blendv_epi8(rounded, quiet, nan);
  return _mm_packus_epi32(_mm256_castsi256_si128(r), _mm256_extracti128_si256(r, 1));
}
FASTNETS_INLINE void store(bfloat16* p, Vec<float> a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), narrow_bfloat16(a));
}
FASTNETS_INLINE void store(float16* p, Vec<float> a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(a.v, _MM_FROUND_TO_NEAREST_INT));
}

// The first n lanes; memory past them is not touched, the other lanes are zero.
FASTNETS_INLINE __m256i first_lanes(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
FASTNETS_INLINE __m256i first_lanes_double(int n) {
  return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}
FASTNETS_INLINE Vec<float> load(const float* p, int n) { return {_mm256_maskload_ps(p, first_lanes(n))}; }
FASTNETS_INLINE Vec<double> load(const double* p, int n) { return {_mm256_maskload_pd(p, first_lanes_double(n))}; }
FASTNETS_INLINE void store(float* p, Vec<float> a, int n) { _mm256_maskstore_ps(p, first_lanes(n), a.v); }
FASTNETS_INLINE void store(double* p, Vec<double> a, int n) { _mm256_maskstore_pd(p, first_lanes_double(n), a.v); }
template <class Half>
[[gnu::noinline]] Vec<float> load_half(const Half* p, int n) {
  Half lanes[8] = {};
  for (int i = 0; i < 8 && i < n; ++i) lanes[i] = p[i];
  return load(lanes);
}
template <class Half>
[[gnu::noinline]] void store_half(Half* p, Vec<float> a, int n) {
  Half lanes[8];
  store(lanes, a);
  for (int i = 0; i < 8 && i < n; ++i) p[i] = lanes[i];
}
FASTNETS_INLINE Vec<float> load(const bfloat16* p, int n) { return load_half(p, n); }
FASTNETS_INLINE Vec<float> load(const float16* p, int n) { return load_half(p, n); }
FASTNETS_INLINE void store(bfloat16* p, Vec<float> a, int n) { store_half(p, a, n); }
FASTNETS_INLINE void store(float16* p, Vec<float> a, int n) { store_half(p, a, n); }

FASTNETS_INLINE Vec<float> splat(float x) { return {_mm256_set1_ps(x)}; }
FASTNETS_INLINE Vec<double> splat(double x) { return {_mm256_set1_pd(x)}; }
FASTNETS_INLINE Vec<float> operator+(Vec<float> a, Vec<float> b) { return {_mm256_add_ps(a.v, b.v)}; }
FASTNETS_INLINE Vec<float> operator-(Vec<float> a, Vec<float> b) { return {_mm256_sub_ps(a.v, b.v)}; }
FASTNETS_INLINE Vec<float> operator*(Vec<float> a, Vec<float> b) { return {_mm256_mul_ps(a.v, b.v)}; }
FASTNETS_INLINE Vec<float> operator/(Vec<float> a, Vec<float> b) { return {_mm256_div_ps(a.v, b.v)}; }
FASTNETS_INLINE Vec<double> operator+(Vec<double> a, Vec<double> b) { return {_mm256_add_pd(a.v, b.v)}; }
FASTNETS_INLINE Vec<double> operator-(Vec<double> a, Vec<double> b) { return {_mm256_sub_pd(a.v, b.v)}; }
FASTNETS_INLINE Vec<double> operator*(Vec<double> a, Vec<double> b) { return {_mm256_mul_pd(a.v, b.v)}; }
FASTNETS_INLINE Vec<double> operator/(Vec<double> a, Vec<double> b) { return {_mm256_div_pd(a.v, b.v)}; }
FASTNETS_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
FASTNETS_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
  return {_mm256_fmadd_pd(a.v, b.v, c.v)};
}
FASTNETS_INLINE Vec<float> sqrt(Vec<float> a) { return {_mm256_sqrt_ps(a.v)}; }
FASTNETS_INLINE Vec<double> sqrt(Vec<double> a) { return {_mm256_sqrt_pd(a.v)}; }
FASTNETS_INLINE Vec<float> abs(Vec<float> a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
FASTNETS_INLINE Vec<double> abs(Vec<double> a) { return {_mm256_andnot_pd(_mm256_set1_pd(-0.0), a.v)}; }
// Where an operand is nan the second one is the result.
FASTNETS_INLINE Vec<float> max(Vec<float> a, Vec<float> b) { return {_mm256_max_ps(a.v, b.v)}; }
FASTNETS_INLINE Vec<double> max(Vec<double> a, Vec<double> b) { return {_mm256_max_pd(a.v, b.v)}; }
FASTNETS_INLINE Vec<float> min(Vec<float> a, Vec<float> b) { return {_mm256_min_ps(a.v, b.v)}; }
FASTNETS_INLINE Vec<double> min(Vec<double> a, Vec<double> b) { return {_mm256_min_pd(a.v, b.v)}; }
FASTNETS_INLINE Mask less(Vec<float> a, Vec<float> b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
FASTNETS_INLINE Mask less(Vec<double> a, Vec<double> b) {
  return {_mm256_castpd_ps(_mm256_cmp_pd(a.v, b.v, _CMP_LT_OQ))};
}
FASTNETS_INLINE Mask is_nan(Vec<float> a) { return {_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q)}; }
FASTNETS_INLINE Mask is_nan(Vec<double> a) { return {_mm256_castpd_ps(_mm256_cmp_pd(a.v, a.v, _CMP_UNORD_Q))}; }
FASTNETS_INLINE Vec<float> select(Mask m, Vec<float> yes, Vec<float> no) {
  return {_mm256_blendv_ps(no.v, yes.v, m.v)};
}
FASTNETS_INLINE Vec<double> select(Mask m, Vec<double> yes, Vec<double> no) {
  return {_mm256_blendv_pd(no.v, yes.v, _mm256_castps_pd(m.v))};
}
FASTNETS_INLINE float sum(Vec<float> a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}
FASTNETS_INLINE double sum(Vec<double> a) {
  const __m128d s = _mm_add_pd(_mm256_castpd256_pd128(a.v), _mm256_extractf128_pd(a.v, 1));
  return _mm_cvtsd_f64(_mm_add_sd(s, _mm_unpackhi_pd(s, s)));
}
// x · 2ⁿ for an integral n that keeps the result normal.
FASTNETS_INLINE Vec<float> scale(Vec<float> x, Vec<float> n) {
  const __m256i bits = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n.v), _mm256_set1_epi32(127)), 23);
  return {_mm256_mul_ps(x.v, _mm256_castsi256_ps(bits))};
}
FASTNETS_INLINE Vec<double> scale(Vec<double> x, Vec<double> n) {
  // In this sum the exponent's bits are the lowest, which the shift leaves.
  const __m256i sum = _mm256_castpd_si256(_mm256_add_pd(n.v, _mm256_set1_pd(0x1.8p52 + 1023)));
  return {_mm256_mul_pd(x.v, _mm256_castsi256_pd(_mm256_slli_epi64(sum, 52)))};
}
FASTNETS_INLINE Vec<float> round(Vec<float> a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
FASTNETS_INLINE Vec<double> round(Vec<double> a) {
  return {_mm256_round_pd(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

// Unsigned integers of 32 bits, for random numbers.
struct Words {
  static constexpr int lanes = 8;
  __m256i v;
};
FASTNETS_INLINE Words load_words(const std::uint32_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
}
FASTNETS_INLINE Words splat_words(std::uint32_t x) { return {_mm256_set1_epi32(static_cast<int>(x))}; }
FASTNETS_INLINE Words operator+(Words a, Words b) { return {_mm256_add_epi32(a.v, b.v)}; }
FASTNETS_INLINE Words operator^(Words a, Words b) { return {_mm256_xor_si256(a.v, b.v)}; }
// The high and low halves of the products with m.
FASTNETS_INLINE void multiply_wide(Words a, std::uint32_t m, Words& high, Words& low) {
  const __m256i factor = splat_words(m).v, even = _mm256_mul_epu32(a.v, factor);
  const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(a.v, 32), factor);
  high.v = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
  low.v = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
}
// The upper 24 bits of each as a number.
FASTNETS_INLINE Vec<float> upper_bits(Words a) { return {_mm256_cvtepi32_ps(_mm256_srli_epi32(a.v, 8))}; }

// Vector i becomes lane i of every vector.
FASTNETS_INLINE void transpose(Vec<float> (&r)[8]) {
  __m256 t[8], u[8];
  for (int i = 0; i < 4; ++i) {
    t[2 * i] = _mm256_unpacklo_ps(r[2 * i].v, r[2 * i + 1].v);
    t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i].v, r[2 * i + 1].v);
  }
  for (int i = 0; i < 2; ++i) {
    u[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
    u[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
    u[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
    u[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    r[i].v = _mm256_permute2f128_ps(u[i], u[i + 4], 0x20);
    r[i + 4].v = _mm256_permute2f128_ps(u[i], u[i + 4], 0x31);
  }
}
FASTNETS_INLINE void transpose(Vec<double> (&r)[4]) {
  __m256d t[4];
  for (int i = 0; i < 2; ++i) {
    t[2 * i] = _mm256_unpacklo_pd(r[2 * i].v, r[2 * i + 1].v);
    t[2 * i + 1] = _mm256_unpackhi_pd(r[2 * i].v, r[2 * i + 1].v);
  }
  for (int i = 0; i < 2; ++i) {
    r[i].v = _mm256_permute2f128_pd(t[i], t[i + 2], 0x20);
    r[i + 2].v = _mm256_permute2f128_pd(t[i], t[i + 2], 0x31);
  }
}

template <class T>
struct Tile {
  static constexpr int kRows = 6, kVectors = 2;  // 12 accumulators + 2 of b + 1 of a = 15 of 16 registers
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
