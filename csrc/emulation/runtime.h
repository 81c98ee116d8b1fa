// The emulator's state: a Launch has Blocks, they have Warps and Threads. Internal to csrc/emulation.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <random>
#include <vector>

#include "emulation/config.h"
#include "emulation/device.h"
#include "emulation/fiber.h"
#include "emulation/launch.h"

namespace fastnets::emulation {

constexpr int kWarpSize = 32;
constexpr uint32_t kAllLanes = ~0u;

struct Block;
struct Launch;

enum class Wait : uint8_t { none, warp, barrier, grid, exited };

struct AsyncCopy {
  void* to;
  const void* from;
  size_t bytes, valid_bytes;  // the rest is filled with zeros
  void complete() const;
};
using AsyncGroup = std::vector<AsyncCopy>;

struct Thread {
  Identity identity;
  Block* block = nullptr;
  int warp = 0, lane = 0;
  Fiber fiber;
  Wait wait = Wait::none;
  int barrier = 0;                // which, with Wait::barrier
  Location where;                 // the synchronising call it is in
  std::deque<AsyncGroup> copies;  // committed groups not known complete, oldest first
  AsyncGroup open_copies;         // issued, not committed
};

// A warp-wide operation that some lanes have reached.
struct Collective {
  const char* name = nullptr;
  uint32_t mask = 0, arrived = 0;  // arrived = 0: free
  Location where;
  std::array<void*, kWarpSize> argument;
};

struct Warp {
  Block* block = nullptr;
  int index = 0;
  uint32_t lanes = 0;            // that exist: all but in the last warp of an odd block
  uint32_t ready = 0, live = 0;  // lanes
  std::array<Thread*, kWarpSize> threads{};
  std::vector<Collective> collectives;
};

struct Barrier {
  int expected = 0;                   // warps; 0: nobody has arrived yet
  uint32_t arrived = 0, waiting = 0;  // warps
};

struct Block {
  Launch* launch = nullptr;
  Index index;
  int live = 0;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::array<Barrier, 16> barriers;

  // Shared memory: 1 KiB that is never valid, the dynamic arrays with gaps between them, the static arrays.
  struct FreeArena {
    void operator()(unsigned char*) const;
  };
  std::unique_ptr<unsigned char[], FreeArena> arena;
  size_t arena_bytes = 0;
  struct StaticArray {
    const StaticShared* declaration;
    void* address;
    size_t end;  // in the static region
  };
  std::vector<StaticArray> static_arrays;
  void reset_shared_memory(size_t dynamic_bytes);
};

struct Launch {
  const LaunchShape& shape;
  Kernel kernel;
  const void* arguments;
  const Config config;

  std::mt19937_64 random;
  Fiber main;
  Stacks stacks;
  std::vector<std::unique_ptr<Block>> blocks;  // the resident ones
  std::vector<Warp*> order;                    // their warps, by falling priority
  int warps_at_grid_sync = 0;
  int64_t idle_spins = 0;  // looks at memory since anything last happened
  std::exception_ptr failure;

  Launch(const LaunchShape&, Kernel, const void* arguments);
  void run();

  // scheduler.cpp
  bool chance(int one_in) { return random() % unsigned(one_in) == 0; }
  void enter();           // runs the resident blocks until no thread is ready
  void suspend(Thread&);  // lets the ready thread of the highest priority run; returns when `thread` is that
  void preempt_at_random(Thread&);
  void make_ready(Thread&);
  void make_waiting(Thread&, Wait, const Location&);
  Thread* pick();

 private:
  void start_block(Block&, size_t index);
  void run_batch(size_t first, size_t count);
};

// The thread that runs on this OS thread, null outside a kernel.
extern constinit thread_local Thread* current;

// The thread whose code called the emulator; fails outside a kernel.
Thread& current_thread(const char* operation, const Location& where);

// Every lane of `mask` calls with an argument of its own; the last one runs function(collective) for all of them.
// `name` tells operations apart and must be the same pointer for all lanes.
void warp_collective(Thread&, uint32_t mask, const char* name, void* argument, const Location& where,
                     void (*function)(Warp&, Collective&));

// The same in two halves, for operations in which the warp waits on: join_warp() returns null to all lanes but the
// last, after something has made them ready, and at once to the last one.
Collective* join_warp(Thread&, uint32_t mask, const char* name, void* argument, const Location& where);

void finish_copies(Thread&);
void complete_copies_at_random(Thread&);
std::string deadlock_report(const Launch&);

template <class F>
void for_each_lane(uint32_t mask, F function) {
  for (; mask; mask &= mask - 1) function(std::countr_zero(mask));
}

}  // namespace fastnets::emulation
