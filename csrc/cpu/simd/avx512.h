// AVX-512 (F, BW, VL, DQ): 512-bit vectors, 32 registers, a mask for every tail.
#pragma once
#if defined(FASTNETS_PORTABLE_SIMD)
#include "cpu/simd/portable.h"
#else
#include <immintrin.h>
#endif

#include "core/dtype.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

template <class T>
struct Vec;
template <>
struct Vec<float> {
  using Scalar = float;
  static constexpr int lanes = 16;
  __m512 v;
};
template <>
struct Vec<double> {
  using Scalar = double;
  static constexpr int lanes = 8;
  __m512d v;
};
struct Mask {
  __mmask16 m;
};

// The first n lanes; memory past them is not touched, the other lanes are zero.
FASTNETS_INLINE __mmask16 first_lanes(int n) {
  return static_cast<__mmask16>(n >= 16 ? 0xffffu : n <= 0 ? 0u : (1u << n) - 1u);
}
FASTNETS_INLINE __mmask8 first_lanes_double(int n) {
  return static_cast<__mmask8>(n >= 8 ? 0xffu : n <= 0 ? 0u : (1u << n) - 1u);
}

FASTNETS_INLINE Vec<float> load(const float* p) { return {_mm512_loadu_ps(p)}; }
FASTNETS_INLINE Vec<double> load(const double* p) { return {_mm512_loadu_pd(p)}; }
FASTNETS_INLINE Vec<float> load(const float* p, int n) { return {_mm512_maskz_loadu_ps(first_lanes(n), p)}; }
FASTNETS_INLINE Vec<double> load(const double* p, int n) { return {_mm512_maskz_loadu_pd(first_lanes_double(n), p)}; }
FASTNETS_INLINE Vec<float> widen_bfloat16(__m256i bits) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16))};
}
FASTNETS_INLINE Vec<float> load(const bfloat16* p) {
  return widen_bfloat16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
FASTNETS_INLINE Vec<float> load(const bfloat16* p, int n) {
  return widen_bfloat16(_mm256_maskz_loadu_epi16(first_lanes(n), p));
}
FASTNETS_INLINE Vec<float> load(const float16* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
FASTNETS_INLINE Vec<float> load(const float16* p, int n) {
  return {_mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_lanes(n), p))};
}

FASTNETS_INLINE void store(float* p, Vec<float> a) { _mm512_storeu_ps(p, a.v); }
FASTNETS_INLINE void store(double* p, Vec<double> a) { _mm512_storeu_pd(p, a.v); }
FASTNETS_INLINE void store(float* p, Vec<float> a, int n) { _mm512_mask_storeu_ps(p, first_lanes(n), a.v); }
FASTNETS_INLINE void store(double* p, Vec<double> a, int n) { _mm512_mask_storeu_pd(p, first_lanes_double(n), a.v); }
// Round to nearest even by adding 0x7fff and the lowest kept bit; a nan is made quiet instead.
FASTNETS_INLINE __m256i narrow_bfloat16(Vec<float> a) {
  const __m512i u = _mm512_castps_si512(a.v), high = _mm512_srli_epi32(u, 16);
  const __m512i odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
  const __m512i quiet = _mm512_or_si512(high, _mm512_set1_epi32(0x40));
  return _mm512_cvtepi32_epi16(_mm512_mask_mov_epi32(rounded, _mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q), quiet));
}
FASTNETS_INLINE __m256i narrow_float16(Vec<float> a) {
  return _mm512_cvtps_ph(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
FASTNETS_INLINE void store(bfloat16* p, Vec<float> a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), narrow_bfloat16(a));
}
FASTNETS_INLINE void store(bfloat16* p, Vec<float> a, int n) {
  _mm256_mask_storeu_epi16(p, first_lanes(n), narrow_bfloat16(a));
}
FASTNETS_INLINE void store(float16* p, Vec<float> a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), narrow_float16(a));
}
FASTNETS_INLINE void store(float16* p, Vec<float> a, int n) {
  _mm256_mask_storeu_epi16(p, first_lanes(n), narrow_float16(a));
}

FASTNETS_INLINE Vec<float> splat(float x) { return {_mm512_set1_ps(x)}; }
FASTNETS_INLINE Vec<double> splat(double x) { return {_mm512_set1_pd(x)}; }
FASTNETS_INLINE Vec<float> operator+(Vec<float> a, Vec<float> b) { return {_mm512_add_ps(a.v, b.v)}; }
FASTNETS_INLINE Vec<float> operator-(Vec<float> a, Vec<float> b) { return {_mm512_sub_ps(a.v, b.v)}; }
FASTNETS_INLINE Vec<float> operator*(Vec<float> a, Vec<float> b) { return {_mm512_mul_ps(a.v, b.v)}; }
FASTNETS_INLINE Vec<float> operator/(Vec<float> a, Vec<float> b) { return {_mm512_div_ps(a.v, b.v)}; }
FASTNETS_INLINE Vec<double> operator+(Vec<double> a, Vec<double> b) { return {_mm512_add_pd(a.v, b.v)}; }
FASTNETS_INLINE Vec<double> operator-(Vec<double> a, Vec<double> b) { return {_mm512_sub_pd(a.v, b.v)}; }
FASTNETS_INLINE Vec<double> operator*(Vec<double> a, Vec<double> b) { return {_mm512_mul_pd(a.v, b.v)}; }
FASTNETS_INLINE Vec<double> operator/(Vec<double> a, Vec<double> b) { return {_mm512_div_pd(a.v, b.v)}; }
FASTNETS_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
FASTNETS_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
  return {_mm512_fmadd_pd(a.v, b.v, c.v)};
}
FASTNETS_INLINE Vec<float> sqrt(Vec<float> a) { return {_mm512_sqrt_ps(a.v)}; }
FASTNETS_INLINE Vec<double> sqrt(Vec<double> a) { return {_mm512_sqrt_pd(a.v)}; }
FASTNETS_INLINE Vec<float> abs(Vec<float> a) { return {_mm512_abs_ps(a.v)}; }
FASTNETS_INLINE Vec<double> abs(Vec<double> a) { return {_mm512_abs_pd(a.v)}; }
// Where an operand is nan the second one is the result.
FASTNETS_INLINE Vec<float> max(Vec<float> a, Vec<float> b) { return {_mm512_max_ps(a.v, b.v)}; }
FASTNETS_INLINE Vec<double> max(Vec<double> a, Vec<double> b) { return {_mm512_max_pd(a.v, b.v)}; }
FASTNETS_INLINE Vec<float> min(Vec<float> a, Vec<float> b) { return {_mm512_min_ps(a.v, b.v)}; }
FASTNETS_INLINE Vec<double> min(Vec<double> a, Vec<double> b) { return {_mm512_min_pd(a.v, b.v)}; }
FASTNETS_INLINE Mask less(Vec<float> a, Vec<float> b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
FASTNETS_INLINE Mask less(Vec<double> a, Vec<double> b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_LT_OQ)}; }
FASTNETS_INLINE Mask is_nan(Vec<float> a) { return {_mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q)}; }
FASTNETS_INLINE Mask is_nan(Vec<double> a) { return {_mm512_cmp_pd_mask(a.v, a.v, _CMP_UNORD_Q)}; }
FASTNETS_INLINE Vec<float> select(Mask m, Vec<float> yes, Vec<float> no) {
  return {_mm512_mask_mov_ps(no.v, m.m, yes.v)};
}
FASTNETS_INLINE Vec<double> select(Mask m, Vec<double> yes, Vec<double> no) {
  return {_mm512_mask_mov_pd(no.v, static_cast<__mmask8>(m.m), yes.v)};
}
FASTNETS_INLINE float sum(Vec<float> a) {
  const __m256 h = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}
FASTNETS_INLINE double sum(Vec<double> a) {
  const __m256d h = _mm256_add_pd(_mm512_castpd512_pd256(a.v), _mm512_extractf64x4_pd(a.v, 1));
  const __m128d s = _mm_add_pd(_mm256_castpd256_pd128(h), _mm256_extractf128_pd(h, 1));
  return _mm_cvtsd_f64(_mm_add_sd(s, _mm_unpackhi_pd(s, s)));
}
// x · 2ⁿ for an integral n that keeps the result normal.
FASTNETS_INLINE Vec<float> scale(Vec<float> x, Vec<float> n) {
  const __m512i bits = _mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n.v), _mm512_set1_epi32(127)), 23);
  return {_mm512_mul_ps(x.v, _mm512_castsi512_ps(bits))};
}
FASTNETS_INLINE Vec<double> scale(Vec<double> x, Vec<double> n) {
  // In this sum the exponent's bits are the lowest, which the shift leaves.
  const __m512i sum = _mm512_castpd_si512(_mm512_add_pd(n.v, _mm512_set1_pd(0x1.8p52 + 1023)));
  return {_mm512_mul_pd(x.v, _mm512_castsi512_pd(_mm512_slli_epi64(sum, 52)))};
}
FASTNETS_INLINE Vec<float> round(Vec<float> a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
FASTNETS_INLINE Vec<double> round(Vec<double> a) {
  return {_mm512_roundscale_pd(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

// Unsigned integers of 32 bits, for random numbers.
struct Words {
  static constexpr int lanes = 16;
  __m512i v;
};
FASTNETS_INLINE Words load_words(const std::uint32_t* p) { return {_mm512_loadu_si512(p)}; }
FASTNETS_INLINE Words splat_words(std::uint32_t x) { return {_mm512_set1_epi32(static_cast<int>(x))}; }
FASTNETS_INLINE Words operator+(Words a, Words b) { return {_mm512_add_epi32(a.v, b.v)}; }
FASTNETS_INLINE Words operator^(Words a, Words b) { return {_mm512_xor_si512(a.v, b.v)}; }
// The high and low halves of the products with m.
FASTNETS_INLINE void multiply_wide(Words a, std::uint32_t m, Words& high, Words& low) {
  const __m512i factor = splat_words(m).v, even = _mm512_mul_epu32(a.v, factor);
  const __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(a.v, 32), factor);
  high.v = _mm512_mask_mov_epi32(_mm512_srli_epi64(even, 32), 0xaaaa, odd);
  low.v = _mm512_mask_mov_epi32(even, 0xaaaa, _mm512_slli_epi64(odd, 32));
}
// The upper 24 bits of each as a number.
FASTNETS_INLINE Vec<float> upper_bits(Words a) { return {_mm512_cvtepi32_ps(_mm512_srli_epi32(a.v, 8))}; }

// Vector i becomes lane i of every vector.
FASTNETS_INLINE void transpose(Vec<float> (&r)[16]) {
  __m512 t[16], u[16];
  for (int i = 0; i < 8; ++i) {
    t[2 * i] = _mm512_unpacklo_ps(r[2 * i].v, r[2 * i + 1].v);
    t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i].v, r[2 * i + 1].v);
  }
  for (int i = 0; i < 4; ++i) {
    u[4 * i] = _mm512_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
    u[4 * i + 1] = _mm512_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
    u[4 * i + 2] = _mm512_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
    u[4 * i + 3] = _mm512_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
  }
  for (int i = 0; i < 4; ++i) {  // u[4g + i]: four 128-bit columns i, i + 4, i + 8, i + 12 of rows 4g … 4g + 3
    const __m512 a = _mm512_shuffle_f32x4(u[i], u[i + 4], 0x88), b = _mm512_shuffle_f32x4(u[i], u[i + 4], 0xdd);
    const __m512 c = _mm512_shuffle_f32x4(u[i + 8], u[i + 12], 0x88);
    const __m512 d = _mm512_shuffle_f32x4(u[i + 8], u[i + 12], 0xdd);
    r[i].v = _mm512_shuffle_f32x4(a, c, 0x88);
    r[i + 8].v = _mm512_shuffle_f32x4(a, c, 0xdd);
    r[i + 4].v = _mm512_shuffle_f32x4(b, d, 0x88);
    r[i + 12].v = _mm512_shuffle_f32x4(b, d, 0xdd);
  }
}
FASTNETS_INLINE void transpose(Vec<double> (&r)[8]) {
  __m512d t[8];
  for (int i = 0; i < 4; ++i) {
    t[2 * i] = _mm512_unpacklo_pd(r[2 * i].v, r[2 * i + 1].v);
    t[2 * i + 1] = _mm512_unpackhi_pd(r[2 * i].v, r[2 * i + 1].v);
  }
  for (int i = 0; i < 2; ++i) {  // t[2g + i]: columns i, i + 2, i + 4, i + 6 of rows 2g, 2g + 1
    const __m512d a = _mm512_shuffle_f64x2(t[i], t[i + 2], 0x88), b = _mm512_shuffle_f64x2(t[i], t[i + 2], 0xdd);
    const __m512d c = _mm512_shuffle_f64x2(t[i + 4], t[i + 6], 0x88);
    const __m512d d = _mm512_shuffle_f64x2(t[i + 4], t[i + 6], 0xdd);
    r[i].v = _mm512_shuffle_f64x2(a, c, 0x88);
    r[i + 4].v = _mm512_shuffle_f64x2(a, c, 0xdd);
    r[i + 2].v = _mm512_shuffle_f64x2(b, d, 0x88);
    r[i + 6].v = _mm512_shuffle_f64x2(b, d, 0xdd);
  }
}

template <class T>
struct Tile {
  static constexpr int kRows = 14, kVectors = 2;  // 28 accumulators + 2 of b + 1 of a = 31 of 32 registers
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
