// The AVX-512 intrinsics in terms of what the machine has (SIMDe), so that these rows can be tested anywhere.
#pragma once
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx2.h>
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>
#include "core/dtype.h"

// What SIMDe lacks: the low half of each word, and the nearest half-precision number.
FASTNETS_INLINE __m256i fastnets_cvtepi32_epi16(__m512i a) {
  std::uint32_t words[16];
  std::uint16_t halves[16];
  __builtin_memcpy(words, &a, sizeof words);
  for (int i = 0; i < 16; ++i) halves[i] = static_cast<std::uint16_t>(words[i]);
  __m256i made;
  __builtin_memcpy(&made, halves, sizeof made);
  return made;
}
FASTNETS_INLINE __m256i fastnets_cvtps_ph(__m512 a) {
  __m256 parts[2];
  __builtin_memcpy(parts, &a, sizeof parts);
  const __m128i halves[2] = {_mm256_cvtps_ph(parts[0], 0), _mm256_cvtps_ph(parts[1], 0)};  // 0: to nearest
  __m256i made;
  __builtin_memcpy(&made, halves, sizeof made);
  return made;
}
#define _mm512_cvtepi32_epi16 fastnets_cvtepi32_epi16
#define _mm512_cvtps_ph(a, mode) fastnets_cvtps_ph(a)
