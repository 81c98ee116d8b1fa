// The AVX-512 intrinsics in terms of what the machine has (SIMDe), so that these rows can be tested anywhere.
#pragma once
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx2.h>
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>
#include "core/dtype.h"

namespace fastnets::portable {

// What SIMDe 0.8.2 lacks: the low half of each word, and the nearest half-precision number.
FASTNETS_INLINE __m256i low_halves(__m512i a) {
  std::uint32_t words[16];
  std::uint16_t halves[16];
  __builtin_memcpy(words, &a, sizeof words);
  for (int i = 0; i < 16; ++i) halves[i] = static_cast<std::uint16_t>(words[i]);
  __m256i made;
  __builtin_memcpy(&made, halves, sizeof made);
  return made;
}
FASTNETS_INLINE __m256i nearest_halves(__m512 a) {
  __m256 parts[2];
  __builtin_memcpy(parts, &a, sizeof parts);
  const __m128i halves[2] = {_mm256_cvtps_ph(parts[0], 0), _mm256_cvtps_ph(parts[1], 0)};  // 0: to nearest
  __m256i made;
  __builtin_memcpy(&made, halves, sizeof made);
  return made;
}

// What it does wrongly: lanes outside the mask are not touched in memory.
template <class V, class E>
FASTNETS_INLINE V load(unsigned mask, const E* p) {
  E lanes[sizeof(V) / sizeof(E)] = {};
  for (unsigned i = 0; i < sizeof(V) / sizeof(E); ++i)
    if (mask >> i & 1u) lanes[i] = p[i];
  V made;
  __builtin_memcpy(&made, lanes, sizeof made);
  return made;
}
template <class V, class E>
FASTNETS_INLINE void store(E* p, unsigned mask, const V& a) {
  E lanes[sizeof(V) / sizeof(E)];
  __builtin_memcpy(lanes, &a, sizeof lanes);
  for (unsigned i = 0; i < sizeof(V) / sizeof(E); ++i)
    if (mask >> i & 1u) p[i] = lanes[i];
}

}  // namespace fastnets::portable

#define _mm512_cvtepi32_epi16 fastnets::portable::low_halves
#define _mm512_cvtps_ph(a, mode) fastnets::portable::nearest_halves(a)
#undef _mm512_maskz_loadu_ps
#undef _mm512_maskz_loadu_pd
#undef _mm256_maskz_loadu_epi16
#undef _mm512_mask_storeu_ps
#undef _mm512_mask_storeu_pd
#undef _mm256_mask_storeu_epi16
#define _mm512_maskz_loadu_ps fastnets::portable::load<__m512>
#define _mm512_maskz_loadu_pd fastnets::portable::load<__m512d>
#define _mm256_maskz_loadu_epi16 fastnets::portable::load<__m256i>
#define _mm512_mask_storeu_ps fastnets::portable::store<__m512>
#define _mm512_mask_storeu_pd fastnets::portable::store<__m512d>
#define _mm256_mask_storeu_epi16 fastnets::portable::store<__m256i>
