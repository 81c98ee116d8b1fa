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

// ---- atomic operations and fences (atomics.cpp) -----------------------------------------------------------------
enum class Order : uint8_t { relaxed, acquire, release, acquire_release };

// The two halves of a read-modify-write of 4 or 8 bytes: others may run before the first, nobody between them.
uint64_t begin_update(const void* address, size_t bytes, Order order, const Location& where);
void end_update(void* address, size_t bytes, uint64_t bits);

template <class T, class F>
T atomic_update(T* address, F update, Order order, const Location& where) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  const uint64_t bits = begin_update(address, sizeof(T), order, where);
  T old;
  std::memcpy(&old, &bits, sizeof(T));
  const T updated = update(old);
  uint64_t updated_bits = 0;
  std::memcpy(&updated_bits, &updated, sizeof(T));
  end_update(address, sizeof(T), updated_bits);
  return old;
}

// One look at memory that another thread is to change: lets the others run, and fails when nobody ever changes
// anything.
uint32_t load_acquire(const uint32_t* address, const Location& where);
void store_release(uint32_t* address, uint32_t value, const Location& where);

enum class Scope : uint8_t { block, device };
enum class Space : uint8_t { shared, everywhere };
void thread_fence(Scope scope, const Location& where);

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
