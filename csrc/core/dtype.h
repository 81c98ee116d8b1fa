// The element types that arrays may have, and the two half-precision ones as C++ types.
#pragma once
#include <bit>
#include <cstdint>
#include <type_traits>

// Functions that files of several instruction sets share must never be emitted as a linker-visible copy of one of them.
#define FASTNETS_INLINE [[gnu::always_inline]] inline
// The same for a lambda, behind its parameters: a loop's body that is called at several places.
#define FASTNETS_INLINE_LAMBDA __attribute__((always_inline))

// Under nvcc the small functions of the core are also device code.
#if defined(__CUDACC__)
#define FASTNETS_SHARED __host__ __device__
#else
#define FASTNETS_SHARED
#endif

namespace fastnets {

enum class DType : std::int8_t { float64, float32, bfloat16, float16, int64, int32, boolean };

struct bfloat16 {
  std::uint16_t bits;
};
struct float16 {
  std::uint16_t bits;
};

FASTNETS_SHARED FASTNETS_INLINE float to_float(double x) { return static_cast<float>(x); }
FASTNETS_SHARED FASTNETS_INLINE float to_float(float x) { return x; }
FASTNETS_SHARED FASTNETS_INLINE float to_float(bfloat16 x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16);
}
FASTNETS_SHARED FASTNETS_INLINE float to_float(float16 x) {
  const std::uint32_t sign = static_cast<std::uint32_t>(x.bits & 0x8000u) << 16, magnitude = x.bits & 0x7fffu;
  if (magnitude >= 0x7c00u)  // inf, nan: a quiet nan keeps its payload
    return std::bit_cast<float>(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13 |
                                (magnitude > 0x7c00u ? 0x400000u : 0u));
  if (magnitude < 0x400u)  // zero, subnormal: exact in float
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(static_cast<float>(magnitude) * 0x1p-24f) | sign);
  return std::bit_cast<float>(sign | ((magnitude << 13) + 0x38000000u));
}

// Rounds to nearest, ties to even; nan stays nan.
template <class T>
FASTNETS_SHARED FASTNETS_INLINE T from_float(float x) {
  if constexpr (std::is_same_v<T, bfloat16>) {
    const std::uint32_t u = std::bit_cast<std::uint32_t>(x);
    if ((u & 0x7fffffffu) > 0x7f800000u) return {static_cast<std::uint16_t>(u >> 16 | 0x40u)};
    return {static_cast<std::uint16_t>((u + 0x7fffu + (u >> 16 & 1u)) >> 16)};
  } else if constexpr (std::is_same_v<T, float16>) {
    const std::uint32_t u = std::bit_cast<std::uint32_t>(x), sign = u >> 16 & 0x8000u, magnitude = u & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return {static_cast<std::uint16_t>(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu))};
    if (magnitude >= 0x477ff000u) return {static_cast<std::uint16_t>(sign | 0x7c00u)};  // ≥ 65520 rounds to inf
    if (magnitude < 0x38800000u) {  // below 2⁻¹⁴: adding ½ leaves the rounded multiple of 2⁻²⁴ in the low bits
      const std::uint32_t r = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f);
      return {static_cast<std::uint16_t>(sign | (r - 0x3f000000u))};
    }
    return {static_cast<std::uint16_t>(sign | (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13)};
  } else {
    return static_cast<T>(x);
  }
}

// The type in which sums over T are formed.
template <class T>
using Accumulator = std::conditional_t<std::is_same_v<T, double>, double, float>;

template <class T>
struct Type {
  using type = T;
};

// Calls f(Type<T>{}) with the C++ type of a floating dtype.
template <class F>
FASTNETS_INLINE void visit_float(DType dtype, F&& f) {
  switch (dtype) {
    case DType::float64:
      return f(Type<double>{});
    case DType::bfloat16:
      return f(Type<bfloat16>{});
    case DType::float16:
      return f(Type<float16>{});
    default:
      return f(Type<float>{});
  }
}
template <class F>
FASTNETS_INLINE void visit_index(DType dtype, F&& f) {
  if (dtype == DType::int32) return f(Type<std::int32_t>{});
  f(Type<std::int64_t>{});
}

FASTNETS_INLINE constexpr bool is_float(DType t) { return t <= DType::float16; }
FASTNETS_INLINE constexpr bool is_index(DType t) { return t == DType::int64 || t == DType::int32; }
FASTNETS_INLINE constexpr int item_size(DType t) {
  switch (t) {
    case DType::float64:
    case DType::int64:
      return 8;
    case DType::float32:
    case DType::int32:
      return 4;
    case DType::bfloat16:
    case DType::float16:
      return 2;
    default:
      return 1;
  }
}
// The dtype of sums over a dtype, and of what optimizers keep.
FASTNETS_INLINE constexpr DType state_dtype(DType t) { return t == DType::float64 ? t : DType::float32; }
constexpr const char* kDTypeNames[] = {"float64", "float32", "bfloat16", "float16", "int64", "int32", "bool"};
FASTNETS_INLINE const char* name(DType t) { return kDTypeNames[static_cast<int>(t)]; }

}  // namespace fastnets
