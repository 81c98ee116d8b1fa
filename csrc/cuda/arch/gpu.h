// The one header that every kernel includes: CUDA C++ under nvcc, the emulator's rendering of it elsewhere.
#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/dtype.h"

#if defined(__CUDACC__)
#define FASTNETS_EMULATED 0
#include <cuda_runtime.h>
#else
#define FASTNETS_EMULATED 1
#include "emulation/language.h"
#endif

// FASTNETS_STATIC_SHARED(name, type): `__shared__ type name`, where type may be an array, as in
// FASTNETS_STATIC_SHARED(tile, float[32][33]).
#if FASTNETS_EMULATED
#define FASTNETS_STATIC_SHARED(name, ...)                                                                              \
  static constinit ::fastnets::emulation::StaticShared name##_declaration{sizeof(std::type_identity_t<__VA_ARGS__>),   \
                                                                          alignof(std::type_identity_t<__VA_ARGS__>)}; \
  auto& name = *static_cast<std::type_identity_t<__VA_ARGS__>*>(name##_declaration.get())
#else
#define FASTNETS_STATIC_SHARED(name, ...) __shared__ std::type_identity_t<__VA_ARGS__> name
#endif

namespace fastnets::cuda {

// Where a synchronising function was called, which the emulator's reports name; nothing on the device.
#if FASTNETS_EMULATED
using Caller = emulation::Location;
#define FASTNETS_CALLER ::fastnets::cuda::Caller::current()
#else
struct Caller {};
#define FASTNETS_CALLER \
  ::fastnets::cuda::Caller {}
#endif

// Dynamic shared memory, handed out array by array. Every thread takes the same arrays in the same order; a second
// object starts again from the beginning.
class DynamicShared {
 public:
#if FASTNETS_EMULATED
  template <class T>
  T* take(size_t count, size_t alignment = 16, Caller caller = FASTNETS_CALLER) {
    return static_cast<T*>(memory_.take(count * sizeof(T), alignment, caller));
  }

 private:
  emulation::DynamicShared memory_;
#else
  template <class T>
  __device__ __forceinline__ T* take(unsigned count, unsigned alignment = 16) {
    extern __shared__ __align__(1024) unsigned char fastnets_dynamic_shared[];
    used_ = (used_ + alignment - 1) / alignment * alignment;
    T* array = reinterpret_cast<T*>(fastnets_dynamic_shared + used_);
    used_ += count * unsigned(sizeof(T));
    return array;
  }

 private:
  unsigned used_ = 0;
#endif
};

}  // namespace fastnets::cuda
