// AddressSanitizer's interface, or nothing where it is off.
#pragma once
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define FASTNETS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FASTNETS_ASAN 1
#endif
#endif
#ifndef FASTNETS_ASAN
#define FASTNETS_ASAN 0
#endif

#if FASTNETS_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace fastnets::emulation {

inline void poison([[maybe_unused]] const void* p, [[maybe_unused]] size_t bytes) {
#if FASTNETS_ASAN
  __asan_poison_memory_region(p, bytes);
#endif
}

inline void unpoison([[maybe_unused]] const void* p, [[maybe_unused]] size_t bytes) {
#if FASTNETS_ASAN
  __asan_unpoison_memory_region(p, bytes);
#endif
}

// The first byte of [p, p + bytes) that must not be touched, or null.
inline const void* first_poisoned([[maybe_unused]] const void* p, [[maybe_unused]] size_t bytes) {
#if FASTNETS_ASAN
  return __asan_region_is_poisoned(const_cast<void*>(p), bytes);
#else
  return nullptr;
#endif
}

}  // namespace fastnets::emulation
