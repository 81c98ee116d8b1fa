// The emulator's state: a Launch has Blocks, they have Warps and Threads. Internal to csrc/emulation.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "emulation/config.h"
#include "emulation/device.h"
#include "emulation/fiber.h"
#include "emulation/launch.h"
#include "emulation/ptx_sm80.h"

namespace fastnets::emulation {

constexpr int kWarpSize = 32;
constexpr uint32_t kAllLanes = ~0u;

struct Block;
struct Launch;
class Races;

enum class Wait : uint8_t { none, warp, barrier, grid, cluster, mbarrier, products, exited };

struct AsyncCopy {
  void* to;
  const void* from;
  size_t bytes, valid_bytes;  // the rest is filled with zeros
  void complete() const;
};
using AsyncGroup = std::vector<AsyncCopy>;

using Task = std::function<void()>;  // what something asynchronous does when its time has come
using BulkGroup = std::vector<Task>;

struct Thread {
  Identity identity;
  Block* block = nullptr;
  int warp = 0, lane = 0;
  size_t slot = 0;  // among the resident threads
  Fiber fiber;
  Wait wait = Wait::none;
  int barrier = 0;                // which, with Wait::barrier
  Location where;                 // the synchronising call it is in
  std::deque<AsyncGroup> copies;  // committed groups not known complete, oldest first
  AsyncGroup open_copies;         // issued, not committed
  int committed = 0;              // groups, ever
  std::deque<BulkGroup> stores;   // the same for bulk copies from shared memory
  BulkGroup open_stores;
  int committed_stores = 0;
  const uint64_t* mbarrier = nullptr;  // which, with Wait::mbarrier
  uint32_t parity = 0;
  std::vector<const uint64_t*> initialised;  // mbarriers, since the last fence
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
  uint32_t spun = 0;             // of the ready ones, those that have had their look at memory
  std::array<Thread*, kWarpSize> threads{};
  std::vector<Collective> collectives;
  int cluster_phase = 0;  // of the cluster's barrier, at this warp's arrival
  bool arrived_at_cluster = false;
};

// A warp's quarter of a wgmma.
struct Product {
  Operand operand;
  int n;
  bool a_in_registers, transposed_a, transposed_b, accumulate;
  uint64_t a, b;  // descriptors
  std::array<float*, kWarpSize> d;
  std::array<std::array<uint32_t, 4>, kWarpSize> a_registers;
  Location where;
  bool same_as(const Product& other) const;  // as that of another warp
};

// Four warps that issue products together. A group of products is complete for all of them at once.
struct Warpgroup {
  std::array<std::vector<Product>, 4> open;                   // issued, not committed, by warp
  std::array<std::deque<std::vector<Product>>, 4> committed;  // not by all four yet
  std::deque<std::array<std::vector<Product>, 4>> ready;      // by all, not computed yet
  std::array<int, 4> groups{};                                // ever committed, by warp
  int started = 0, done = 0;                                  // groups
  std::array<bool, 4> fenced{};                               // since the last commit
};

struct Barrier {
  int expected = 0;                   // warps; 0: nobody has arrived yet
  uint32_t arrived = 0, waiting = 0;  // warps
};

struct Block {
  Launch* launch = nullptr;
  uint32_t number = 0;  // in the grid
  Index index;
  int live = 0;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::vector<Warpgroup> warpgroups;
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

struct ClusterBarrier {
  int arrived = 0;  // warps
  int phase = 0;
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
  std::vector<ClusterBarrier> clusters;  // of the resident blocks
  std::deque<Task> tasks;                // asynchronous work that has not happened yet, oldest first
  int64_t idle_spins = 0;                // looks at memory since anything last happened
  std::exception_ptr failure;
  std::unique_ptr<Races> races;  // null but in the race build

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
  void start_task(Task, bool is_product);  // now or later, as the configuration has it
  void run_task();

 private:
  void start_block(Block&, size_t index);
  void run_batch(size_t first, size_t count);
};

// The thread that runs on this OS thread, null outside a kernel.
extern constinit thread_local Thread* current;

// The thread that calls, one of a warp of 32.
Thread& whole_warp(const char* operation, const Location& where);

// The thread whose code called the emulator; fails outside a kernel.
Thread& current_thread(const char* operation, const Location& where);

// Every lane of `mask` calls with an argument of its own; the last one runs function(collective) for all of them.
// `name` tells operations apart and must be the same pointer for all lanes.
void warp_collective(Thread&, uint32_t mask, const char* name, void* argument, const Location& where,
                     void (*function)(Warp&, Collective&));

// The same in two halves, for operations in which the warp waits on: join_warp() returns null to all lanes but the
// last, after something has made them ready, and at once to the last one.
Collective* join_warp(Thread&, uint32_t mask, const char* name, void* argument, const Location& where);

// One look at memory that somebody else is to change.
void spin(Thread&, const Location& where);

void finish_copies(Thread&);
void complete_copies_at_random(Thread&);
void check_stores_are_done(Thread&);  // when it exits
std::string mbarrier_state(const uint64_t* mbarrier);

// The same as check_shared() for a given block, and for any block of the cluster, which it returns.
void check_shared_of(const Block&, const void* p, size_t bytes, size_t alignment, const char* instruction,
                     const Location& where);
Block& cluster_block_of(const void* p, size_t bytes, size_t alignment, const char* instruction, const Location& where);
Block& cluster_block(const Block&, int rank, const char* instruction, const Location& where);
void require_capability(int capability, const char* instruction, const Location& where);
std::string deadlock_report(const Launch&);

template <class F>
void for_each_lane(uint32_t mask, F function) {
  for (; mask; mask &= mask - 1) function(std::countr_zero(mask));
}

}  // namespace fastnets::emulation
