// What tests say of the C++ type of a dtype.
#pragma once
#include <cstdint>
#include <type_traits>

#include "core/dtype.h"

namespace fastnets::tests {

template <class T>
constexpr DType kDType = std::is_same_v<T, float>      ? DType::float32
                         : std::is_same_v<T, bfloat16> ? DType::bfloat16
                         : std::is_same_v<T, int64_t>  ? DType::int64
                                                       : DType::float16;
template <class T>
constexpr double kEps = std::is_same_v<T, float>      ? 0x1p-23
                        : std::is_same_v<T, bfloat16> ? 0x1p-7
                                                      : 0x1p-10;

}  // namespace fastnets::tests
