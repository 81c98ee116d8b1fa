// The AVX-512 intrinsics in terms of what the machine has (SIMDe), so that these rows can be tested anywhere.
#pragma once
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx2.h>
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>

// What SIMDe does not have yet.
static inline __m256i portable_mm512_cvtepi32_epi16(__m512i a) {
  std::int32_t wide[16];
  std::int16_t narrow[16];
  __builtin_memcpy(wide, &a, sizeof wide);
  for (int i = 0; i < 16; ++i) narrow[i] = static_cast<std::int16_t>(wide[i]);
  __m256i r;
  __builtin_memcpy(&r, narrow, sizeof r);
  return r;
}
static inline __m256i portable_mm512_cvtps_ph(__m512 a) {
  __m256 half[2];
  __builtin_memcpy(half, &a, sizeof a);
  const __m128i parts[2] = {_mm256_cvtps_ph(half[0], 0), _mm256_cvtps_ph(half[1], 0)};
  __m256i r;
  __builtin_memcpy(&r, parts, sizeof r);
  return r;
}
#define _mm512_cvtepi32_epi16(a) portable_mm512_cvtepi32_epi16(a)
#define _mm512_cvtps_ph(a, rounding) portable_mm512_cvtps_ph(a)
