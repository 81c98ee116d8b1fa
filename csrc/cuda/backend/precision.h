// How products of float32 operands are formed.
#pragma once
#include <atomic>
#include <cstdint>

namespace fastnets::cuda {

// FMA in float32; or on the tensor cores, whose operands have 11 significant bits: three products of the halves of a
// number, or one.
enum class Float32Precision : std::int8_t { ieee, tf32x3, tf32 };
constexpr const char* kFloat32PrecisionNames[] = {"ieee", "tf32x3", "tf32"};

inline std::atomic<Float32Precision> chosen_float32_precision{Float32Precision::ieee};

// What was chosen when the thread's call began: a call keeps to it, whatever other threads choose meanwhile.
inline thread_local Float32Precision float32_precision = Float32Precision::ieee;
inline void take_float32_precision() { float32_precision = chosen_float32_precision; }

}  // namespace fastnets::cuda
