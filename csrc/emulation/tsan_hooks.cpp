// The race build compiles kernels with -fsanitize=thread, which calls __tsan_* before every access to memory, but does
// not link ThreadSanitizer: these are the callbacks instead. The atomic ones are what host code in the same files
// needs.
#include <cstddef>
#include <cstdint>

#include "emulation/races.h"
#include "emulation/runtime.h"

namespace fastnets::emulation {
namespace {

void seen(const void* p, size_t bytes, bool writes, const void* instruction) {
  const Thread* thread = current;
  Races* races = thread ? thread->block->launch->races.get() : nullptr;
  if (!races) return;
  const auto* address = static_cast<const char*>(p);
  const Fiber& fiber = thread->fiber;
  if (address >= fiber.stack && address < fiber.stack + fiber.stack_bytes) return;  // a local variable
  races->access(*thread, p, bytes, writes, instruction);
}

}  // namespace
}  // namespace fastnets::emulation

#define FASTNETS_HOOKS(bytes)                                                \
  extern "C" void __tsan_read##bytes(void* p) {                              \
    fastnets::emulation::seen(p, bytes, false, __builtin_return_address(0)); \
  }                                                                          \
  extern "C" void __tsan_write##bytes(void* p) {                             \
    fastnets::emulation::seen(p, bytes, true, __builtin_return_address(0));  \
  }
FASTNETS_HOOKS(1)
FASTNETS_HOOKS(2)
FASTNETS_HOOKS(4)
FASTNETS_HOOKS(8)
FASTNETS_HOOKS(16)

#define FASTNETS_UNALIGNED_HOOKS(bytes)                                      \
  extern "C" void __tsan_unaligned_read##bytes(void* p) {                    \
    fastnets::emulation::seen(p, bytes, false, __builtin_return_address(0)); \
  }                                                                          \
  extern "C" void __tsan_unaligned_write##bytes(void* p) {                   \
    fastnets::emulation::seen(p, bytes, true, __builtin_return_address(0));  \
  }
FASTNETS_UNALIGNED_HOOKS(2)
FASTNETS_UNALIGNED_HOOKS(4)
FASTNETS_UNALIGNED_HOOKS(8)
FASTNETS_UNALIGNED_HOOKS(16)

extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_read(void**) {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_read_range(void* p, size_t bytes) {
  fastnets::emulation::seen(p, bytes, false, __builtin_return_address(0));
}
void __tsan_write_range(void* p, size_t bytes) {
  fastnets::emulation::seen(p, bytes, true, __builtin_return_address(0));
}
uint8_t __tsan_atomic8_load(const volatile uint8_t* p, int) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
uint32_t __tsan_atomic32_load(const volatile uint32_t* p, int) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
uint32_t __tsan_atomic32_fetch_add(volatile uint32_t* p, uint32_t value, int) {
  return __atomic_fetch_add(p, value, __ATOMIC_SEQ_CST);
}
}
