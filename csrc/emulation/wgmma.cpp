// Products of a warpgroup: PTX ISA, "Asynchronous warpgroup level matrix instructions": shared memory matrix layout,
// matrix descriptor, register fragments.
#include <algorithm>
#include <cstring>

#include "core/dtype.h"
#include "emulation/ptx_sm90.h"
#include "emulation/races.h"
#include "emulation/runtime.h"

namespace fastnets::emulation {
namespace {

constexpr const char* kWgmma = "wgmma.mma_async";
constexpr int kRows = 16;  // of a warp

// A matrix descriptor. On the device the address has 14 bits; the two bits after them, unused there, let it reach all
// of an emulated block's memory, which gaps make larger.
struct Descriptor {
  uint32_t start, leading, stride;  // bytes
  int swizzle_bytes;
};

constexpr std::array<int, 4> kSwizzles{0, 128, 64, 32};  // bytes, as a descriptor numbers them

Descriptor decode(uint64_t bits) {
  return {uint32_t(bits & 0xffff) << 4, uint32_t(bits >> 16 & 0x3fff) << 4, uint32_t(bits >> 32 & 0x3fff) << 4,
          kSwizzles[bits >> 62]};
}

uint32_t swizzle(uint32_t address, int swizzle_bytes) {
  const uint32_t mask = swizzle_bytes ? uint32_t(swizzle_bytes) / 16 - 1 : 0;
  return address ^ (address >> 7 & mask) << 4;
}

// Where the 16 bytes lie that hold row r from the c-th 16 bytes of its depth on; lines along the depth.
uint32_t depth_chunk(const Descriptor& d, uint32_t r, uint32_t c) {
  if (!d.swizzle_bytes) return d.start + r / 8 * d.stride + r % 8 * 16 + c * d.leading;
  return swizzle(d.start + r / 8 * d.stride + r % 8 * uint32_t(d.swizzle_bytes) + c * 16, d.swizzle_bytes);
}

// Where the eight 16-bit elements (r..r + 7, k) lie; lines along the rows. r is a multiple of 8.
uint32_t row_chunk(const Descriptor& d, uint32_t r, uint32_t k) {
  if (!d.swizzle_bytes) return d.start + r / 8 * d.stride + k % 8 * 16 + k / 8 * d.leading;
  const uint32_t width = uint32_t(d.swizzle_bytes), rows = width / 2;
  return swizzle(d.start + r / rows * d.leading + r % rows * 2 + k / 8 * d.stride + k % 8 * width, d.swizzle_bytes);
}

int depth_of(Operand operand) { return operand == Operand::tfloat32 ? 8 : 16; }

// Calls f(row, k, address, steps along rows?) for each 16 bytes of an operand's rows [first, first + rows).
template <class F>
void for_each_chunk(const Product& product, uint64_t descriptor, bool transposed, int first, int rows, F f) {
  const Descriptor d = decode(descriptor);
  const int depth = depth_of(product.operand), per_chunk = product.operand == Operand::tfloat32 ? 4 : 8;
  if (transposed) {
    for (int k = 0; k < depth; ++k)
      for (int r = 0; r < rows; r += 8) f(r, k, row_chunk(d, uint32_t(first + r), uint32_t(k)));
  } else {
    for (int r = 0; r < rows; ++r)
      for (int k = 0; k < depth; k += per_chunk) f(r, k, depth_chunk(d, uint32_t(first + r), uint32_t(k / per_chunk)));
  }
}

float widen(uint32_t bits, Operand operand) {
  switch (operand) {
    case Operand::bfloat16:
      return to_float(bfloat16{uint16_t(bits)});
    case Operand::float16:
      return to_float(float16{uint16_t(bits)});
    case Operand::tfloat32:
      return std::bit_cast<float>(bits & ~0x1fffu);
  }
  return 0;
}

using Matrix = std::vector<std::array<float, 16>>;  // by row, depth

Matrix read_shared(const Block& block, const Product& product, uint64_t descriptor, bool transposed, int first,
                   int rows) {
  Matrix matrix(static_cast<size_t>(rows));
  const size_t width = product.operand == Operand::tfloat32 ? 4 : 2;
  for_each_chunk(product, descriptor, transposed, first, rows, [&](int r, int k, uint32_t offset) {
    const unsigned char* chunk = block.arena.get() + offset;
    check_shared_of(block, chunk, 16, 16, kWgmma, product.where);
    for (size_t i = 0; i < 16 / width; ++i) {
      uint32_t bits = 0;
      std::memcpy(&bits, chunk + i * width, width);
      matrix[size_t(r) + (transposed ? i : 0)][size_t(k) + (transposed ? 0 : i)] = widen(bits, product.operand);
    }
  });
  return matrix;
}

// As mma.sync holds it: two registers of rows g and g + 8, two more for the second half of the depth.
Matrix read_registers(const Product& product) {
  Matrix matrix(kRows);
  for (size_t lane = 0; lane < kWarpSize; ++lane)
    for (size_t i = 0; i < 4; ++i) {
      const uint32_t bits = product.a_registers[lane][i];
      auto& row = matrix[lane / 4 + i % 2 * 8];
      if (product.operand == Operand::tfloat32) {
        row[lane % 4 + i / 2 * 4] = widen(bits, product.operand);
      } else {
        row[lane % 4 * 2 + i / 2 * 8] = widen(bits & 0xffff, product.operand);
        row[lane % 4 * 2 + i / 2 * 8 + 1] = widen(bits >> 16, product.operand);
      }
    }
  return matrix;
}

void compute(const Block& block, int warp, const Product& product) {
  const Matrix a = product.a_in_registers
                       ? read_registers(product)
                       : read_shared(block, product, product.a, product.transposed_a, warp * kRows, kRows);
  const Matrix b = read_shared(block, product, product.b, product.transposed_b, 0, product.n);
  const size_t depth = size_t(depth_of(product.operand));
  for (size_t lane = 0; lane < kWarpSize; ++lane)
    for (size_t i = 0; i < size_t(product.n) / 2; ++i) {
      const size_t row = lane / 4 + i % 4 / 2 * 8, column = i / 4 * 8 + lane % 4 * 2 + i % 2;
      float sum = product.accumulate ? product.d[lane][i] : 0.0f;
      for (size_t k = 0; k < depth; ++k) sum += a[row][k] * b[column][k];
      product.d[lane][i] = sum;
    }
}

Warpgroup& warpgroup_of(const Thread& thread) { return thread.block->warpgroups[size_t(thread.warp / 4)]; }

Agent agent_of(Races& races, const Thread& thread) {
  return races.agent(*thread.block, &warpgroup_of(thread), "product of a warpgroup");
}

void note_reads(const Thread& thread, const Product& product) {
  Races* races = thread.block->launch->races.get();
  if (!races) return;
  const int warp = thread.warp % 4;
  const Epoch group{agent_of(*races, thread), uint32_t(warpgroup_of(thread).groups[size_t(warp)] + 1)};
  const auto note = [&](int, int, uint32_t offset) {
    races->access_later(thread, group, thread.block->arena.get() + offset, 16, {.proxy = true}, product.where);
  };
  if (!product.a_in_registers) for_each_chunk(product, product.a, product.transposed_a, warp * kRows, kRows, note);
  for_each_chunk(product, product.b, product.transposed_b, 0, product.n, note);
}

void check_descriptor(uint64_t bits, const Location& where) {
  const Descriptor d = decode(bits);
  if (d.swizzle_bytes && d.start / 128 % (uint32_t(d.swizzle_bytes) / 16))
    fail(where, kWgmma, ": the operand does not begin with a whole pattern of its swizzle of ", d.swizzle_bytes,
         " bytes");
}

struct Issued {
  float* d;
  const ProductOperands* operands;
};

void issue(Warp& warp, Collective& collective) {
  const ProductOperands& first = *static_cast<const Issued*>(collective.argument[0])->operands;
  const Thread& thread = *warp.threads[0];
  Warpgroup& group = warpgroup_of(thread);
  const size_t quarter = size_t(warp.index % 4);
  Product product{first.operand,
                  first.n,
                  first.a_registers != nullptr,
                  first.transposed_a,
                  first.transposed_b,
                  first.accumulate,
                  first.a,
                  first.b,
                  {},
                  {},
                  collective.where};
  for (size_t lane = 0; lane < kWarpSize; ++lane) {
    const auto& mine = *static_cast<const Issued*>(collective.argument[lane]);
    if (mine.operands->a != first.a || mine.operands->b != first.b || mine.operands->accumulate != first.accumulate)
      fail(collective.where, kWgmma, ": the lanes of a warp name different operands");
    product.d[lane] = mine.d;
    if (mine.operands->a_registers) std::copy_n(mine.operands->a_registers, 4, product.a_registers[lane].begin());
  }
  if (!group.fenced[quarter]) fail(collective.where, kWgmma, " without a wgmma.fence before it");
  if (!product.a_in_registers) check_descriptor(product.a, collective.where);
  check_descriptor(product.b, collective.where);
  note_reads(thread, product);
  group.open[quarter].push_back(std::move(product));
}

// A group starts when the last of the four warps has committed it.
void commit(Warp& warp, Collective& collective) {
  Block& block = *warp.block;
  const size_t index = size_t(warp.index / 4), quarter = size_t(warp.index % 4);
  Warpgroup& group = block.warpgroups[index];
  group.committed[quarter].push_back(std::move(group.open[quarter]));
  group.open[quarter].clear();
  group.fenced[quarter] = false;
  ++group.groups[quarter];
  if (std::ranges::min(group.groups) == group.started) return;
  ++group.started;
  std::array<std::vector<Product>, 4> parts;
  for (size_t w = 0; w < 4; ++w) {
    parts[w] = std::move(group.committed[w].front());
    group.committed[w].pop_front();
    const bool same =
        std::ranges::equal(parts[w], parts[0], [](const Product& x, const Product& y) { return x.same_as(y); });
    if (!same) fail(collective.where, kWgmma, ": the warps of a warpgroup have issued different products");
  }
  group.ready.push_back(std::move(parts));
  const int number = group.started;
  block.launch->start_task(
      [=, &block, &group] {
        for (; group.done < number; ++group.done) {  // in order, whichever task comes first
          auto products = std::move(group.ready.front());
          group.ready.pop_front();
          for (int w = 0; w < 4; ++w)
            for (const Product& product : products[size_t(w)]) compute(block, w, product);
        }
        for (Thread& thread : block.threads)
          if (thread.wait == Wait::products && size_t(thread.warp / 4) == index) block.launch->make_ready(thread);
      },
      true);
}

Thread& warpgroup_thread(const char* name, const Location& where) {
  require_capability(90, name, where);
  Thread& thread = current_thread(name, where);
  if (size_t(thread.warp / 4 * 4 + 4) > thread.block->threads.size() / kWarpSize)
    fail(where, name, " in a warpgroup of fewer than four warps");
  return thread;
}

}  // namespace

bool Product::same_as(const Product& other) const {
  return operand == other.operand && n == other.n && a_in_registers == other.a_in_registers && a == other.a &&
         b == other.b && transposed_a == other.transposed_a && transposed_b == other.transposed_b &&
         accumulate == other.accumulate;
}

uint64_t matrix_descriptor(const void* shared, uint32_t leading_bytes, uint32_t stride_bytes, int swizzle_bytes,
                           const Location& where) {
  const auto swizzle = std::ranges::find(kSwizzles, swizzle_bytes);
  if (swizzle == kSwizzles.end()) fail(where, kWgmma, ": a swizzle of ", swizzle_bytes, " bytes; 0, 32, 64 or 128");
  check_aligned(shared, 16, kWgmma, where);
  const Block& block = *current_thread(kWgmma, where).block;
  const auto offset = uint64_t(static_cast<const unsigned char*>(shared) - block.arena.get());
  if (offset >= block.arena_bytes) fail(where, kWgmma, ": ", shared, " is not in this block's shared memory");
  return offset >> 4 | uint64_t(leading_bytes >> 4 & 0x3fff) << 16 | uint64_t(stride_bytes >> 4 & 0x3fff) << 32 |
         uint64_t(swizzle - kSwizzles.begin()) << 62;
}

void wgmma(float* d, const ProductOperands& operands, const Location& where) {
  Thread& thread = warpgroup_thread(kWgmma, where);
  Issued argument{d, &operands};
  warp_collective(thread, kAllLanes, kWgmma, &argument, where, issue);
}

void wgmma_fence(const Location& where) {
  constexpr const char* kName = "wgmma.fence";
  warp_collective(warpgroup_thread(kName, where), kAllLanes, kName, nullptr, where, [](Warp& warp, Collective&) {
    warp.block->warpgroups[size_t(warp.index / 4)].fenced[size_t(warp.index % 4)] = true;
  });
}

void wgmma_commit(const Location& where) {
  constexpr const char* kName = "wgmma.commit_group";
  warp_collective(warpgroup_thread(kName, where), kAllLanes, kName, nullptr, where, commit);
}

void wgmma_wait(int pending, const Location& where) {
  constexpr const char* kName = "wgmma.wait_group";
  Thread& thread = warpgroup_thread(kName, where);
  Launch& launch = *thread.block->launch;
  warp_collective(thread, kAllLanes, kName, nullptr, where, [](Warp&, Collective&) {});
  const Warpgroup& group = warpgroup_of(thread);
  const int needed = group.groups[size_t(thread.warp % 4)] - pending;
  while (group.done < needed) {
    launch.make_waiting(thread, Wait::products, where);
    launch.suspend(thread);
  }
  if (launch.races && needed > 0) launch.races->learn(thread, {agent_of(*launch.races, thread), uint32_t(needed)});
}

}  // namespace fastnets::emulation
