// AVX-512 with the dot product of bfloat16 pairs: as avx512.h, and panels of bfloat16 in groups of two.
#pragma once
#include "cpu/simd/avx512.h"

#define FASTNETS_BFLOAT16_PAIRS 1

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

struct Pairs {  // 16 pairs of bfloat16
  __m512i v;
};
FASTNETS_INLINE Pairs load_pairs(const bfloat16* p) { return {_mm512_loadu_si512(p)}; }
FASTNETS_INLINE Pairs splat_pair(const bfloat16* p) {
  std::int32_t pair;
  __builtin_memcpy(&pair, p, 4);
  return {_mm512_set1_epi32(pair)};
}
// acc[i] += a[2i] · b[2i] + a[2i + 1] · b[2i + 1]; subnormal bfloat16 count as zero.
FASTNETS_INLINE Vec<float> dot_group(Pairs a, Pairs b, Vec<float> acc) {
  return {_mm512_dpbf16_ps(acc.v, (__m512bh)a.v, (__m512bh)b.v)};
}
// Lane i becomes the pair (even[i], odd[i]) of the first n elements of two rows; a missing odd row is zero.
FASTNETS_INLINE void store_zipped(bfloat16* out, const bfloat16* even, const bfloat16* odd, int n) {
  const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(first_lanes(n), even));
  const __m512i high =
      odd ? _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(first_lanes(n), odd)) : _mm512_setzero_si512();
  _mm512_storeu_si512(out, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
