// Shared memory of a block, filled with NaN when the block starts. Under AddressSanitizer all of it is poisoned until
// an array is handed out, so that the gaps around arrays stay poisoned.
#include <cstdlib>
#include <cstring>
#include <new>

#include "emulation/runtime.h"
#include "emulation/sanitizer.h"

namespace fastnets::emulation {
namespace {

constexpr size_t kHead = 1024;              // never valid
constexpr size_t kGap = 1024;               // after each dynamic array
constexpr size_t kDynamicGaps = 32 * kGap;  // room for the gaps of this many arrays
constexpr size_t kStaticLimit = 48 << 10, kStaticGap = 64;
constexpr size_t kStaticRegion = kStaticLimit + (4 << 10);
constexpr size_t kArenaAlignment = 1024;

size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

size_t arena_bytes_for(size_t dynamic_bytes) {
  return kHead + round_up(dynamic_bytes, kArenaAlignment) + kDynamicGaps + kStaticRegion;
}

}  // namespace

void Block::FreeArena::operator()(unsigned char* p) const { std::free(p); }

void Block::reset_shared_memory(size_t dynamic_bytes) {
  if (!arena) {  // a block's launch, and so the size, never changes
    arena_bytes = arena_bytes_for(dynamic_bytes);
    arena.reset(static_cast<unsigned char*>(std::aligned_alloc(kArenaAlignment, arena_bytes)));
    if (!arena) throw std::bad_alloc();
  }
  unpoison(arena.get(), arena_bytes);
  std::memset(arena.get(), 0xff, arena_bytes);
  poison(arena.get(), arena_bytes);
  static_arrays.clear();
}

void* DynamicShared::take(size_t bytes, size_t alignment, const Location& where) {
  const Block& block = *current_thread("dynamic shared memory", where).block;
  const size_t launched_with = block.launch->shape.dynamic_shared_bytes;
  device_bytes_ = round_up(device_bytes_, alignment) + bytes;
  if (device_bytes_ > launched_with)
    fail(where, "the kernel takes ", device_bytes_, " bytes of dynamic shared memory but was launched with ",
         launched_with);
  arena_bytes_ = round_up(arena_bytes_, alignment) + bytes;
  if (kHead + arena_bytes_ + kGap > block.arena_bytes - kStaticRegion)
    fail(where, "too many dynamic shared arrays for the gaps between them");
  unsigned char* array = block.arena.get() + kHead + arena_bytes_ - bytes;
  arena_bytes_ += kGap;
  unpoison(array, bytes);
  return array;
}

void* StaticShared::get() const {
  const Location where = Location::current();
  Block& block = *current_thread("static shared memory", where).block;
  auto& arrays = block.static_arrays;
  for (const Block::StaticArray& array : arrays)
    if (array.declaration == this) return array.address;
  const size_t begin = round_up((arrays.empty() ? 0 : arrays.back().end) + kStaticGap, alignment);
  if (begin + bytes + kStaticGap > kStaticRegion)
    fail(where, "more than ", kStaticLimit, " bytes of static shared memory");
  unsigned char* address = block.arena.get() + block.arena_bytes - kStaticRegion + begin;
  arrays.push_back({this, address, begin + bytes});
  unpoison(address, bytes);
  return address;
}

void check_aligned(const void* p, size_t alignment, const char* instruction, const Location& where) {
  if (reinterpret_cast<uintptr_t>(p) % alignment)
    fail(where, instruction, ": address ", p, " is not aligned to ", alignment, " bytes");
}

void check_shared_of(const Block& block, const void* p, size_t bytes, size_t alignment, const char* instruction,
                     const Location& where) {
  const auto* address = static_cast<const unsigned char*>(p);
  const ptrdiff_t offset = address - block.arena.get();
  if (offset < ptrdiff_t(kHead) || offset + ptrdiff_t(bytes) > ptrdiff_t(block.arena_bytes))
    fail(where, instruction, ": ", p, " is not in this block's shared memory");
  check_aligned(p, alignment, instruction, where);
  if (const void* bad = first_poisoned(p, bytes))
    fail(where, instruction, ": access to ", bytes, " bytes of shared memory leaves its array at byte ",
         static_cast<const unsigned char*>(bad) - address);
}

void check_shared(const void* p, size_t bytes, size_t alignment, const char* instruction, const Location& where) {
  check_shared_of(*current_thread(instruction, where).block, p, bytes, alignment, instruction, where);
}

}  // namespace fastnets::emulation
