// The CUDA C++ language for a plain C++20 compiler. cuda/arch/gpu.h includes this where nvcc is not the compiler.
#pragma once
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "emulation/device.h"
#include "emulation/launch.h"

// Keywords. (__noinline__ must stay undefined: libstdc++ spells attributes with it.)
#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) alignas(n)

using dim3 = ::fastnets::emulation::Extent;
inline constexpr int warpSize = 32;
#define threadIdx (::fastnets::emulation::identity().thread)
#define blockIdx (::fastnets::emulation::identity().block)
#define blockDim (::fastnets::emulation::identity().block_extent)
#define gridDim (::fastnets::emulation::identity().grid_extent)

inline void __syncthreads(std::source_location where = std::source_location::current()) {
  ::fastnets::emulation::barrier_sync(0, 0, where);
}
inline void __syncwarp(uint32_t mask = ~0u, std::source_location where = std::source_location::current()) {
  ::fastnets::emulation::warp_sync(mask, where);
}
inline void __threadfence(std::source_location where = std::source_location::current()) {
  ::fastnets::emulation::thread_fence(::fastnets::emulation::Scope::device, where);
}
inline void __threadfence_block(std::source_location where = std::source_location::current()) {
  ::fastnets::emulation::thread_fence(::fastnets::emulation::Scope::block, where);
}

// Atomic operations, relaxed as CUDA's are.
namespace fastnets::emulation {
template <class T, class F>
T relaxed_update(T* address, const Location& where, F update) {
  return atomic_update(address, update, Order::relaxed, where);
}
}  // namespace fastnets::emulation
template <class T>
T atomicAdd(T* address, std::type_identity_t<T> value, std::source_location where = std::source_location::current()) {
  return ::fastnets::emulation::relaxed_update(address, where, [=](T old) { return static_cast<T>(old + value); });
}
template <class T>
T atomicSub(T* address, std::type_identity_t<T> value, std::source_location where = std::source_location::current()) {
  return ::fastnets::emulation::relaxed_update(address, where, [=](T old) { return static_cast<T>(old - value); });
}
template <class T>
T atomicMax(T* address, std::type_identity_t<T> value, std::source_location where = std::source_location::current()) {
  return ::fastnets::emulation::relaxed_update(address, where, [=](T old) { return old > value ? old : value; });
}
template <class T>
T atomicMin(T* address, std::type_identity_t<T> value, std::source_location where = std::source_location::current()) {
  return ::fastnets::emulation::relaxed_update(address, where, [=](T old) { return old < value ? old : value; });
}
template <class T>
T atomicAnd(T* address, std::type_identity_t<T> value, std::source_location where = std::source_location::current()) {
  return ::fastnets::emulation::relaxed_update(address, where, [=](T old) { return old & value; });
}
template <class T>
T atomicOr(T* address, std::type_identity_t<T> value, std::source_location where = std::source_location::current()) {
  return ::fastnets::emulation::relaxed_update(address, where, [=](T old) { return old | value; });
}
template <class T>
T atomicExch(T* address, std::type_identity_t<T> value, std::source_location where = std::source_location::current()) {
  return ::fastnets::emulation::relaxed_update(address, where, [=](T) { return value; });
}
template <class T>
T atomicCAS(T* address, std::type_identity_t<T> expected, std::type_identity_t<T> value,
            std::source_location where = std::source_location::current()) {
  return ::fastnets::emulation::relaxed_update(address, where, [=](T old) { return old == expected ? value : old; });
}

template <class T>
T __ldg(const T* address) {
  return *address;
}
inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline float normcdff(float x) { return static_cast<float>(0.5 * std::erfc(-x * 0.70710678118654752440)); }
inline int __popc(unsigned x) { return std::popcount(x); }
inline int __clz(int x) { return std::countl_zero(static_cast<unsigned>(x)); }
inline int __ffs(int x) { return x ? std::countr_zero(static_cast<unsigned>(x)) + 1 : 0; }
inline uint32_t __umulhi(uint32_t a, uint32_t b) { return static_cast<uint32_t>(uint64_t{a} * b >> 32); }
inline float __uint_as_float(uint32_t x) { return std::bit_cast<float>(x); }
inline uint32_t __float_as_uint(float x) { return std::bit_cast<uint32_t>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
template <class T>
constexpr T min(T a, T b) {
  return b < a ? b : a;
}
template <class T>
constexpr T max(T a, T b) {
  return a < b ? b : a;
}
