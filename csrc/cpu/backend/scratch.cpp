#include "cpu/backend/scratch.h"

#include <atomic>
#include <cstdlib>
#include <new>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace fastnets::cpu {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kKeep = std::size_t{256} << 20;  // a larger block is not kept between calls for long
std::atomic<unsigned> g_generation{0};                 // raised by release_memory

struct Block {
  void* data = nullptr;
  std::size_t bytes = 0;
  unsigned generation = 0;

  void clear() {
    std::free(data);
    data = nullptr, bytes = 0;
  }
  ~Block() { clear(); }

  void* get(std::size_t wanted) {
    const unsigned now = g_generation.load(std::memory_order_relaxed);
    if (generation != now || (bytes > kKeep && wanted < bytes / 2)) clear();
    generation = now;
    if (wanted > bytes) {
      clear();
      const std::size_t alignment = wanted >= kHugePage ? kHugePage : 64;
      const std::size_t rounded = (wanted + alignment - 1) / alignment * alignment;
      data = std::aligned_alloc(alignment, rounded);
      if (!data) throw std::bad_alloc();
      bytes = rounded;
#if defined(__linux__)
      if (alignment == kHugePage) madvise(data, bytes, MADV_HUGEPAGE);
#endif
    }
    return data;
  }
};

thread_local Block t_blocks[2];

}  // namespace

void* scratch(std::size_t bytes, int slot) { return t_blocks[slot].get(bytes ? bytes : 1); }

std::size_t release_memory() {
  g_generation.fetch_add(1, std::memory_order_relaxed);  // other threads let go at their next call
  std::size_t held = 0;
  for (Block& block : t_blocks) {
    held += block.bytes;
    block.clear();
  }
  return held;
}

}  // namespace fastnets::cpu
