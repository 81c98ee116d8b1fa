// What emulated device code calls. Each function that synchronises takes the place of its call, for reports.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "emulation/error.h"

namespace fastnets::emulation {

// ---- who am I: threadIdx, blockIdx, blockDim, gridDim -----------------------------------------------------------
struct Index {
  unsigned x = 0, y = 0, z = 0;
};
struct Extent {
  unsigned x = 1, y = 1, z = 1;
  constexpr Extent(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
  constexpr size_t size() const { return size_t{x} * y * z; }
};
struct Identity {
  Index thread, block;
  Extent block_extent, grid_extent;
};
const Identity& identity();
int lane();

// ---- barriers (barriers.cpp) ------------------------------------------------------------------------------------
// Barrier 0..15 of the block; threads = 0 stands for the whole block.
void barrier_sync(int id, int threads, const Location& where);
void barrier_arrive(int id, int threads, const Location& where);
void grid_sync(const Location& where);

// ---- one warp (warp.cpp) ----------------------------------------------------------------------------------------
void warp_sync(uint32_t mask, const Location& where);

enum class Shuffle { index, up, down, exclusive_or };
uint64_t shuffle_bits(Shuffle kind, uint32_t mask, uint64_t value, int operand, int width, const Location& where);

template <class T>
T shuffle(Shuffle kind, uint32_t mask, T value, int operand, int width, const Location& where) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = shuffle_bits(kind, mask, bits, operand, width, where);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

uint32_t ballot(uint32_t mask, bool predicate, const Location& where);

// ---- global memory (scheduler.cpp) ------------------------------------------------------------------------------
// One look at memory that another thread is to change: lets the others run, and fails when nobody ever changes
// anything.
void spin(const Location& where);
// An atomic operation or a release: the others may notice.
void publish();

template <class T, class F>
T atomic_update(T* address, F update) {
  using Bits = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
  publish();
  Bits* bits = reinterpret_cast<Bits*>(address);
  Bits old = __atomic_load_n(bits, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(bits, &old, std::bit_cast<Bits>(update(std::bit_cast<T>(old))), true,
                                      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {}
  return std::bit_cast<T>(old);
}

// ---- shared memory (shared_memory.cpp) --------------------------------------------------------------------------
// A static shared array: one object a declaration, whose address tells the declarations apart.
struct StaticShared {
  size_t bytes, alignment;
  void* get() const;  // this block's copy
};

// Dynamic shared memory, handed out array by array with gaps between them that AddressSanitizer watches.
class DynamicShared {
 public:
  void* take(size_t bytes, size_t alignment, const Location& where);

 private:
  size_t device_bytes_ = 0;  // what the device needs so far
  size_t arena_bytes_ = 0;   // the same with gaps
};

// Fails unless [p, p + bytes) lies in one shared array of this block and p is aligned.
void check_shared(const void* p, size_t bytes, size_t alignment, const char* instruction, const Location& where);
void check_aligned(const void* p, size_t alignment, const char* instruction, const Location& where);

}  // namespace fastnets::emulation
