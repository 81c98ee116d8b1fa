// Bulk copies between global and shared memory: PTX ISA, "cp.async.bulk", "cp.async.bulk.tensor",
// "cp.reduce.async.bulk" and "Tensors" (boxes, im2col, swizzling).
#include <algorithm>
#include <cstring>

#include "core/dtype.h"
#include "emulation/ptx_sm90.h"
#include "emulation/races.h"
#include "emulation/runtime.h"
#include "emulation/sanitizer.h"
#include "emulation/transactions.h"

namespace fastnets::emulation {
namespace {

constexpr const char* kLoad = "cp.async.bulk.tensor to shared memory";
constexpr const char* kStore = "cp.async.bulk.tensor to global memory";
constexpr const char* kBulk = "cp.async.bulk";

// Sixteen bytes of shared memory and what lies in global memory for them (or in another block): `bytes` from `global`
// on, for the shared ones from `skipped` on; the rest is outside the tensor.
struct Chunk {
  unsigned char* shared;
  unsigned char* global;
  size_t skipped, bytes;
  unsigned char* inside() const { return shared + skipped; }
};
constexpr size_t kChunkBytes = 16;

uint32_t box_bytes(const TensorMap& map) {
  uint32_t elements = map.im2col ? map.box[0] * map.pixels : 1;
  for (int i = 0; i < map.rank && !map.im2col; ++i) elements *= map.box[size_t(i)];
  return elements * element_bytes(map.element);
}

// Rows of 16-byte units change places with the address: 128 bytes, bits 4 to 6 with bits 7 to 9, and so on.
unsigned char* swizzle(unsigned char* p, int swizzle_bytes) {
  const uintptr_t mask = swizzle_bytes ? uintptr_t(swizzle_bytes) / 16 - 1 : 0;
  const uintptr_t address = reinterpret_cast<uintptr_t>(p);
  return p + ((address ^ (address >> 7 & mask) << 4) - address);
}

// Walks the rows of a box, or the pixels of im2col, in the order in which they lie in shared memory: calls
// row(coordinates of the row's first element).
template <class F>
void for_each_row(const TensorMap& map, const int* coordinates, const uint16_t* offsets, F row) {
  std::array<int64_t, 5> at{};
  if (!map.im2col) {
    uint32_t rows = 1;
    for (int i = 1; i < map.rank; ++i) rows *= map.box[size_t(i)];
    for (uint32_t r = 0; r < rows; ++r) {
      uint32_t rest = r;
      at[0] = coordinates[0];
      for (size_t i = 1; i < size_t(map.rank); ++i) {
        at[i] = coordinates[i] + int64_t(rest % map.box[i]);
        rest /= map.box[i];
      }
      row(at);
    }
    return;
  }
  const size_t last = size_t(map.rank) - 1;  // the image's number
  std::array<int64_t, 5> pixel{};
  for (size_t i = 0; i < size_t(map.rank); ++i) pixel[i] = coordinates[i];
  for (uint32_t p = 0; p < map.pixels; ++p) {
    at = pixel;
    for (size_t i = 1; i < last; ++i) at[i] += offsets[i - 1];
    row(at);
    for (size_t i = 1; i <= last; ++i) {  // the next first pixel: carry where a line of the box ends
      pixel[i] += i == last ? 1 : map.step[i];
      if (i == last || pixel[i] < int64_t(map.size[i]) + map.upper[i - 1]) break;
      pixel[i] = map.lower[i - 1];
    }
  }
}

std::vector<Chunk> chunks_of(const TensorMap& map, unsigned char* shared, const int* coordinates,
                             const uint16_t* offsets) {
  std::vector<Chunk> chunks;
  const uint32_t width = element_bytes(map.element), per_chunk = kChunkBytes / width;
  for_each_row(map, coordinates, offsets, [&](const std::array<int64_t, 5>& at) {
    bool inside = true;
    auto* row = static_cast<unsigned char*>(map.base);
    for (size_t i = 1; i < size_t(map.rank); ++i) {
      inside = inside && at[i] >= 0 && at[i] < int64_t(map.size[i]);
      row += at[i] * int64_t(map.stride[i]);
    }
    for (uint32_t x = 0; x < map.box[0]; x += per_chunk) {
      const int64_t first = at[0] + x;
      const int64_t begin = std::clamp<int64_t>(-first, 0, per_chunk);
      const int64_t end = inside ? std::clamp<int64_t>(int64_t(map.size[0]) - first, begin, per_chunk) : begin;
      chunks.push_back({swizzle(shared, map.swizzle_bytes), row + (first + begin) * width, size_t(begin) * width,
                        size_t(end - begin) * width});
      shared += kChunkBytes;
    }
  });
  return chunks;
}

void check_operands(const TensorMap& map, const void* shared, const char* name, const Location& where) {
  require_capability(90, name, where);
  if (!map.base) fail(where, name, ": the tensor map is empty");
  const size_t alignment = map.swizzle_bytes ? size_t(map.swizzle_bytes) * 8 : 128;
  check_aligned(shared, alignment, name, where);
}

// PTX ISA, "im2col mode": the first window begins within the box, and offsets have as many bits as corners.
void check_window(const TensorMap& map, const int* coordinates, const uint16_t* offsets, const Location& where) {
  const size_t axes = size_t(map.rank) - 2;
  for (size_t d = 0; d < axes; ++d) {
    const int64_t at = coordinates[d + 1], last = int64_t(map.size[d + 1]) - 1 + map.upper[d];
    if (at < map.lower[d] || at > last)
      fail(where, kLoad, ": a window begins at ", at, " on axis ", d, "; the box is ", map.lower[d], " to ", last);
    const int most = (1 << 16 / int(axes)) - 1;
    if (offsets[d] > most) fail(where, kLoad, ": an offset of ", offsets[d], " on axis ", d, "; at most ", most);
  }
}

void check_global(const void* p, size_t bytes, const char* name, const Location& where) {
  if (bytes && first_poisoned(p, bytes)) fail(where, name, ": ", bytes, " bytes at ", p, " are out of bounds");
}

// Loads the chunks into one block, whose mbarrier then learns of `bytes`.
void load(Thread& thread, Block& to, const std::vector<Chunk>& chunks, uint64_t* mbarrier, uint32_t bytes,
          const char* name, const Location& where) {
  Launch& launch = *thread.block->launch;
  for (const Chunk& chunk : chunks) {
    check_shared_of(to, chunk.shared, kChunkBytes, kChunkBytes, name, where);
    check_global(chunk.global, chunk.bytes, name, where);
  }
  if (Races* races = launch.races.get()) {
    const Epoch phase = races->phase_of(to, mbarrier);
    races->access_later(thread, phase, mbarrier, sizeof *mbarrier, {.proxy = true}, where);
    for (const Chunk& chunk : chunks) {
      races->access_later(thread, phase, chunk.shared, kChunkBytes, {.writes = true, .proxy = true}, where);
      races->access_later(thread, phase, chunk.global, chunk.bytes, {.proxy = true}, where);
    }
  }
  launch.start_task(
      [=, &to] {
        for (const Chunk& chunk : chunks) {
          std::memset(chunk.shared, 0, kChunkBytes);
          if (chunk.bytes) std::memcpy(chunk.inside(), chunk.global, chunk.bytes);
        }
        complete_bytes(to, mbarrier, bytes, where);
      },
      false);
}

template <class T>
void add(const Chunk& chunk) {
  for (size_t i = 0; i < chunk.bytes; i += sizeof(T)) {
    T sum, term;
    std::memcpy(&sum, chunk.global + i, sizeof(T));
    std::memcpy(&term, chunk.inside() + i, sizeof(T));
    sum = from_float<T>(to_float(sum) + to_float(term));
    std::memcpy(chunk.global + i, &sum, sizeof(T));
  }
}

void add(const Chunk& chunk, Element element) {
  switch (element) {
    case Element::float32:
      return add<float>(chunk);
    case Element::bfloat16:
      return add<bfloat16>(chunk);
    case Element::float16:
      return add<float16>(chunk);
  }
}

// Puts a store into the thread's open group.
void store(Thread& thread, const std::vector<Chunk>& chunks, bool adds, Element element, const char* name,
           const Location& where) {
  Launch& launch = *thread.block->launch;
  for (const Chunk& chunk : chunks) {
    check_shared(chunk.shared, kChunkBytes, kChunkBytes, name, where);
    check_global(chunk.global, chunk.bytes, name, where);
  }
  if (Races* races = launch.races.get()) {
    const uint32_t group = uint32_t(thread.committed_stores + 1);
    const Epoch reads{races->agent(*thread.block, &thread.open_stores, "reads of a bulk store"), group};
    const Epoch writes{races->agent(*thread.block, &thread.stores, "bulk store"), group};
    for (const Chunk& chunk : chunks) {
      races->access_later(thread, reads, chunk.inside(), chunk.bytes, {.proxy = true}, where);
      races->access_later(thread, writes, chunk.global, chunk.bytes, {.writes = true, .atomic = adds, .proxy = true},
                          where);
    }
  }
  const Task task = [=] {
    for (const Chunk& chunk : chunks) {
      if (adds)
        add(chunk, element);
      else if (chunk.bytes)
        std::memcpy(chunk.global, chunk.inside(), chunk.bytes);
    }
  };
  const Async async = launch.config.async;
  if (async == Async::lazy || (async == Async::random && launch.chance(2)))
    thread.open_stores.push_back(task);
  else
    task();
}

std::vector<Chunk> chunks_of(void* shared, void* global, uint32_t bytes, const Location& where) {
  require_capability(90, kBulk, where);
  if (!bytes || bytes % kChunkBytes) fail(where, kBulk, ": ", bytes, " bytes; expected a multiple of 16");
  check_aligned(shared, kChunkBytes, kBulk, where);
  check_aligned(global, kChunkBytes, kBulk, where);
  std::vector<Chunk> chunks;
  for (uint32_t i = 0; i < bytes; i += kChunkBytes)
    chunks.push_back(
        {static_cast<unsigned char*>(shared) + i, static_cast<unsigned char*>(global) + i, 0, kChunkBytes});
  return chunks;
}

}  // namespace

void load_tensor(void* shared, const TensorMap& map, uint64_t* mbarrier, const int* coordinates,
                 const uint16_t* offsets, uint16_t blocks, const Location& where) {
  Thread& thread = current_thread(kLoad, where);
  check_operands(map, shared, kLoad, where);
  if (map.im2col != (offsets != nullptr)) fail(where, kLoad, ": the map is of the other mode, tiled or im2col");
  if (map.im2col) check_window(map, coordinates, offsets, where);
  check_shared(mbarrier, sizeof *mbarrier, sizeof *mbarrier, kLoad, where);
  const auto load_into = [&](Block& to) {
    const ptrdiff_t shift = to.arena.get() - thread.block->arena.get();
    auto* const there = static_cast<unsigned char*>(shared) + shift;
    auto* const its_mbarrier = reinterpret_cast<uint64_t*>(reinterpret_cast<unsigned char*>(mbarrier) + shift);
    load(thread, to, chunks_of(map, there, coordinates, offsets), its_mbarrier, box_bytes(map), kLoad, where);
  };
  if (!blocks) return load_into(*thread.block);
  for_each_lane(blocks, [&](int rank) { load_into(cluster_block(*thread.block, rank, kLoad, where)); });
}

void store_tensor(const TensorMap& map, const void* shared, const int* coordinates, bool adds, const Location& where) {
  Thread& thread = current_thread(kStore, where);
  check_operands(map, shared, kStore, where);
  if (map.im2col) fail(where, kStore, ": im2col is emulated for loads");
  auto* const from = static_cast<unsigned char*>(const_cast<void*>(shared));
  store(thread, chunks_of(map, from, coordinates, nullptr), adds, map.element, kStore, where);
}

void load_bulk(void* shared, const void* global, uint32_t bytes, uint64_t* mbarrier, const Location& where) {
  Thread& thread = current_thread(kBulk, where);
  check_shared(mbarrier, sizeof *mbarrier, sizeof *mbarrier, kBulk, where);
  load(thread, *thread.block, chunks_of(shared, const_cast<void*>(global), bytes, where), mbarrier, bytes, kBulk,
       where);
}

void send_bulk(void* shared_there, const void* shared, uint32_t bytes, uint64_t* mbarrier_there,
               const Location& where) {
  Thread& thread = current_thread(kBulk, where);
  check_shared(shared, bytes, kChunkBytes, kBulk, where);
  Block& to = cluster_block_of(mbarrier_there, sizeof *mbarrier_there, sizeof *mbarrier_there, kBulk, where);
  load(thread, to, chunks_of(shared_there, const_cast<void*>(shared), bytes, where), mbarrier_there, bytes, kBulk,
       where);
}

void store_bulk(void* global, const void* shared, uint32_t bytes, const Location& where) {
  Thread& thread = current_thread(kBulk, where);
  store(thread, chunks_of(const_cast<void*>(shared), global, bytes, where), false, Element::float32, kBulk, where);
}

void add_bulk(float* global, const float* shared, uint32_t bytes, const Location& where) {
  Thread& thread = current_thread(kBulk, where);
  store(thread, chunks_of(const_cast<float*>(shared), global, bytes, where), true, Element::float32, kBulk, where);
}

void commit_stores(const Location& where) {
  Thread& thread = current_thread("cp.async.bulk.commit_group", where);
  thread.stores.push_back(std::move(thread.open_stores));
  thread.open_stores.clear();
  ++thread.committed_stores;
}

void wait_stores(int pending, bool reads, const Location& where) {
  Thread& thread = current_thread("cp.async.bulk.wait_group", where);
  for (; int(thread.stores.size()) > pending; thread.stores.pop_front())
    for (const Task& task : thread.stores.front()) task();
  Races* races = thread.block->launch->races.get();
  if (!races || thread.committed_stores <= pending) return;
  const uint32_t group = uint32_t(thread.committed_stores - pending);
  races->learn(thread, {races->agent(*thread.block, &thread.open_stores, "reads of a bulk store"), group});
  if (!reads) races->learn(thread, {races->agent(*thread.block, &thread.stores, "bulk store"), group});
}

void check_stores_are_done(Thread& thread) {
  if (!thread.stores.empty() || !thread.open_stores.empty())
    fail(thread.where, "the thread exits before its bulk stores have read shared memory");
}

}  // namespace fastnets::emulation
