// PTX ISA, "Data movement: cp.async", "ldmatrix", "Matrix fragments for mma.m16n8k16" and "mma.m16n8k8".
#include "emulation/ptx_sm80.h"

#include <cstring>

#include "core/dtype.h"
#include "emulation/races.h"
#include "emulation/runtime.h"
#include "emulation/sanitizer.h"

namespace fastnets::emulation {
namespace {

constexpr const char* kCopyAsync = "cp.async";
constexpr const char* kLoadMatrix = "ldmatrix";

bool deferred(Launch& launch) {
  return launch.config.async == Async::lazy || (launch.config.async == Async::random && launch.chance(2));
}

void complete(AsyncGroup& group) {
  for (const AsyncCopy& copy : group) copy.complete();
  group.clear();
}

Agent copy_agent(Races& races, const Thread& thread) {
  return races.agent(*thread.block, &thread.open_copies, "asynchronous copy");
}

struct MatrixRows {
  uint32_t* fragments;
  int matrices;
  bool transposed;
  const void* row;
};

void distribute_matrices(Warp& warp, Collective& collective) {
  const auto& first = *static_cast<const MatrixRows*>(collective.argument[0]);
  for (int m = 0; m < first.matrices; ++m) {
    uint16_t matrix[8][8];
    for (int r = 0; r < 8; ++r) {
      const void* row = static_cast<const MatrixRows*>(collective.argument[8 * m + r])->row;
      check_shared(row, sizeof matrix[r], sizeof matrix[r], kLoadMatrix, collective.where);
      if (Races* races = warp.block->launch->races.get())
        races->access(*warp.threads[8 * m + r], row, sizeof matrix[r], false, collective.where);
      std::memcpy(matrix[r], row, sizeof matrix[r]);
    }
    for_each_lane(warp.lanes, [&](int lane) {
      const int i = lane / 4, j = lane % 4 * 2;
      const uint32_t low = first.transposed ? matrix[j][i] : matrix[i][j];
      const uint32_t high = first.transposed ? matrix[j + 1][i] : matrix[i][j + 1];
      static_cast<MatrixRows*>(collective.argument[lane])->fragments[m] = low | high << 16;
    });
  }
}

struct Fragments {
  float* d;
  const uint32_t *a, *b;
};

float widen(uint16_t bits, bfloat16) { return to_float(bfloat16{bits}); }
float widen(uint16_t bits, float16) { return to_float(float16{bits}); }

// d += a * b for all lanes; A(lane, register, half) and B give an operand's row and column, as `a` and `b` hold them.
template <int K>
void multiply(Collective& collective, const float (&a)[16][K], const float (&b)[K][8]) {
  float d[16][8];
  const auto for_each_element = [&](auto function) {
    for (int lane = 0; lane < kWarpSize; ++lane)
      for (int i = 0; i < 4; ++i)
        function(static_cast<Fragments*>(collective.argument[lane])->d[i],
                 d[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2]);
  };
  for_each_element([](float held, float& element) { element = held; });
  for (int i = 0; i < 16; ++i)
    for (int k = 0; k < K; ++k)
      for (int j = 0; j < 8; ++j) d[i][j] += a[i][k] * b[k][j];
  for_each_element([](float& held, float element) { held = element; });
}

template <class T>
void multiply_m16n8k16(Warp&, Collective& collective) {
  float a[16][16], b[16][8];
  for (int lane = 0; lane < kWarpSize; ++lane) {
    const auto& held = *static_cast<const Fragments*>(collective.argument[lane]);
    const int group = lane / 4, pair = lane % 4 * 2;
    for (int half = 0; half < 2; ++half) {
      for (int i = 0; i < 4; ++i)
        a[group + i % 2 * 8][pair + i / 2 * 8 + half] = widen(uint16_t(held.a[i] >> 16 * half), T{});
      for (int i = 0; i < 2; ++i) b[pair + i * 8 + half][group] = widen(uint16_t(held.b[i] >> 16 * half), T{});
    }
  }
  multiply(collective, a, b);
}

// The tensor core ignores the 13 low bits of a float32 operand.
float as_tfloat32(uint32_t bits) { return std::bit_cast<float>(bits & ~0x1fffu); }

void multiply_m16n8k8(Warp&, Collective& collective) {
  float a[16][8], b[8][8];
  for (int lane = 0; lane < kWarpSize; ++lane) {
    const auto& held = *static_cast<const Fragments*>(collective.argument[lane]);
    const int group = lane / 4, k = lane % 4;
    for (int i = 0; i < 4; ++i) a[group + i % 2 * 8][k + i / 2 * 4] = as_tfloat32(held.a[i]);
    for (int i = 0; i < 2; ++i) b[k + i * 4][group] = as_tfloat32(held.b[i]);
  }
  multiply(collective, a, b);
}

}  // namespace

void AsyncCopy::complete() const {
  if (valid_bytes) std::memcpy(to, from, valid_bytes);
  std::memset(static_cast<char*>(to) + valid_bytes, 0, bytes - valid_bytes);
}

void copy_async(void* shared, const void* global, size_t bytes, size_t valid_bytes, const Location& where) {
  Thread& thread = current_thread(kCopyAsync, where);
  if (valid_bytes > bytes) fail(where, kCopyAsync, ": ", valid_bytes, " valid bytes of ", bytes);
  check_shared(shared, bytes, bytes, kCopyAsync, where);
  if (valid_bytes) check_aligned(global, bytes, kCopyAsync, where);
  if (first_poisoned(global, valid_bytes)) fail(where, kCopyAsync, ": the source ", global, " is out of bounds");
  if (Races* races = thread.block->launch->races.get()) {
    const Epoch group{copy_agent(*races, thread), uint32_t(thread.committed + 1)};
    races->access_later(thread, group, shared, bytes, {.writes = true}, where);
    races->access_later(thread, group, global, valid_bytes, {}, where);
  }
  const AsyncCopy copy{shared, global, bytes, valid_bytes};
  if (deferred(*thread.block->launch))
    thread.open_copies.push_back(copy);
  else
    copy.complete();
}

void commit_stage() {
  Thread& thread = current_thread(kCopyAsync, Location::current());
  thread.copies.push_back(std::move(thread.open_copies));
  thread.open_copies.clear();
  ++thread.committed;
}

void wait_stage(int pending) {
  Thread& thread = current_thread(kCopyAsync, Location::current());
  for (; int(thread.copies.size()) > pending; thread.copies.pop_front()) complete(thread.copies.front());
  if (Races* races = thread.block->launch->races.get(); races && thread.committed > pending)
    races->learn(thread, {copy_agent(*races, thread), uint32_t(thread.committed - pending)});
}

void finish_copies(Thread& thread) {
  for (AsyncGroup& group : thread.copies) complete(group);
  complete(thread.open_copies);
}

void complete_copies_at_random(Thread& thread) {
  Launch& launch = *thread.block->launch;
  const auto some_of = [&](AsyncGroup& group) {
    std::erase_if(group, [&](const AsyncCopy& copy) {
      const bool now = launch.chance(4);
      if (now) copy.complete();
      return now;
    });
  };
  for (AsyncGroup& group : thread.copies) some_of(group);
  some_of(thread.open_copies);
}

Thread& whole_warp(const char* name, const Location& where) {
  Thread& thread = current_thread(name, where);
  if (thread.block->warps[thread.warp].lanes != kAllLanes) fail(where, name, " in a warp of fewer than 32 threads");
  return thread;
}

void load_matrix(uint32_t* fragments, int matrices, bool transposed, const void* row, const Location& where) {
  MatrixRows argument{fragments, matrices, transposed, row};
  warp_collective(whole_warp(kLoadMatrix, where), kAllLanes, kLoadMatrix, &argument, where, distribute_matrices);
}

void mma(float* d, const uint32_t* a, const uint32_t* b, Operand operand, const Location& where) {
  Fragments argument{d, a, b};
  const auto run = [&](const char* name, void (*function)(Warp&, Collective&)) {
    warp_collective(whole_warp(name, where), kAllLanes, name, &argument, where, function);
  };
  switch (operand) {
    case Operand::bfloat16:
      return run("mma.m16n8k16.bf16", multiply_m16n8k16<bfloat16>);
    case Operand::float16:
      return run("mma.m16n8k16.f16", multiply_m16n8k16<float16>);
    case Operand::tfloat32:
      return run("mma.m16n8k8.tf32", multiply_m16n8k8);
  }
}

}  // namespace fastnets::emulation
