// Barriers of a block and of a cooperative grid. bar.sync and bar.arrive are "aligned": all lanes of a warp execute the
// same one together, so each begins as a warp collective and then arrives as one warp.
#include "emulation/races.h"
#include "emulation/runtime.h"

namespace fastnets::emulation {
namespace {

struct Operands {
  int id, threads;
};

void check_operands(const Collective& collective, const Operands& mine) {
  for_each_lane(collective.mask, [&](int lane) {
    const auto& other = *static_cast<const Operands*>(collective.argument[lane]);
    if (other.id != mine.id || other.threads != mine.threads)
      fail(collective.where, "lanes of one warp name different barriers: ", mine.id, " and ", other.id, " (for ",
           mine.threads, " and ", other.threads, " threads)");
  });
}

void release_warp(const Warp& warp, const void* sync) {
  if (Races* races = warp.block->launch->races.get())
    for_each_lane(warp.lanes, [&](int lane) { races->release(*warp.threads[lane], sync); });
}

void acquire_warp(const Warp& warp, const void* sync) {
  if (Races* races = warp.block->launch->races.get())
    for_each_lane(warp.lanes, [&](int lane) { races->acquire(*warp.threads[lane], sync); });
}

// Counts the warp in, and makes those who wait ready once all warps have come. Returns whether they have.
bool arrive(Warp& warp, const Operands& operands, bool waits, const Location& where) {
  Block& block = *warp.block;
  const auto [id, threads] = operands;
  const int block_threads = int(block.threads.size());
  if (id < 0 || id >= int(block.barriers.size())) fail(where, "barrier ", id, ": barriers are numbered 0 to 15");
  if (threads < 0 || threads > int(block.warps.size()) * kWarpSize || (threads % kWarpSize && threads != block_threads))
    fail(where, "barrier ", id, " for ", threads, " threads in a block of ", block_threads,
         ": expected a multiple of the warp size");
  const int warps = threads ? (threads + kWarpSize - 1) / kWarpSize : int(block.warps.size());

  Barrier& barrier = block.barriers[id];
  const uint32_t me = 1u << warp.index;
  if (!barrier.expected) barrier.expected = warps;
  if (barrier.expected != warps)
    fail(where, "barrier ", id, " is used for ", warps * kWarpSize, " threads here and for ",
         barrier.expected * kWarpSize, " threads by those who have arrived");
  if (barrier.arrived & me) fail(where, "the warp arrives twice at barrier ", id, " before the others have come");
  barrier.arrived |= me;
  if (waits) barrier.waiting |= me;
  release_warp(warp, &barrier);
  if (std::popcount(barrier.arrived) != barrier.expected) return false;

  for_each_lane(barrier.waiting, [&](int w) {
    acquire_warp(block.warps[w], &barrier);
    for_each_lane(block.warps[w].lanes, [&](int lane) { block.launch->make_ready(*block.warps[w].threads[lane]); });
  });
  if (Races* races = block.launch->races.get()) races->forget(&barrier);
  barrier = {};
  block.launch->idle_spins = 0;
  return true;
}

void make_warp_waiting(Warp& warp, Wait wait, int barrier, const Location& where) {
  for_each_lane(warp.lanes, [&](int lane) {
    warp.block->launch->make_waiting(*warp.threads[lane], wait, where);
    warp.threads[lane]->barrier = barrier;
  });
}

}  // namespace

void barrier_sync(int id, int threads, const Location& where) {
  Thread& thread = current_thread("a barrier", where);
  Warp& warp = thread.block->warps[thread.warp];
  Operands operands{id, threads};
  Collective* collective = join_warp(thread, warp.lanes, "a barrier", &operands, where);
  if (!collective) return;
  check_operands(*collective, operands);
  collective->arrived = 0;
  make_warp_waiting(warp, Wait::barrier, id, where);
  arrive(warp, operands, true, where);
  thread.block->launch->suspend(thread);  // even when complete: others may have a higher priority
}

void barrier_arrive(int id, int threads, const Location& where) {
  Thread& thread = current_thread("a barrier arrival", where);
  Warp& warp = thread.block->warps[thread.warp];
  Operands operands{id, threads};
  Collective* collective = join_warp(thread, warp.lanes, "a barrier arrival", &operands, where);
  if (!collective) return;
  check_operands(*collective, operands);
  collective->arrived = 0;
  for_each_lane(warp.lanes, [&](int lane) { thread.block->launch->make_ready(*warp.threads[lane]); });
  if (arrive(warp, operands, false, where)) thread.block->launch->suspend(thread);
  thread.block->launch->preempt_at_random(thread);
}

void grid_sync(const Location& where) {
  Thread& thread = current_thread("a grid barrier", where);
  Warp& warp = thread.block->warps[thread.warp];
  Launch& launch = *thread.block->launch;
  if (!launch.shape.cooperative) fail(where, "a grid barrier in a launch that is not cooperative");
  Collective* collective = join_warp(thread, warp.lanes, "a grid barrier", nullptr, where);
  if (!collective) return;
  collective->arrived = 0;
  make_warp_waiting(warp, Wait::grid, 0, where);
  release_warp(warp, &launch);
  if (++launch.warps_at_grid_sync == int(launch.order.size())) {
    launch.warps_at_grid_sync = 0;
    launch.idle_spins = 0;
    for (Warp* other : launch.order) {
      acquire_warp(*other, &launch);
      for_each_lane(other->lanes, [&](int lane) { launch.make_ready(*other->threads[lane]); });
    }
    if (launch.races) launch.races->forget(&launch);
  }
  launch.suspend(thread);
}

}  // namespace fastnets::emulation
