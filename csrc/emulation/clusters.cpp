// Clusters: blocks that run together, and reach each other's shared memory. Those of a launch are consecutive.
#include <algorithm>

#include "emulation/ptx_sm90.h"
#include "emulation/races.h"
#include "emulation/runtime.h"

namespace fastnets::emulation {
namespace {

constexpr const char* kBarrier = "a cluster barrier";

int cluster_of(const Block& block) {
  const Launch& launch = *block.launch;
  const size_t resident = launch.blocks.size();
  return int(block.number % resident / launch.shape.cluster);
}

ClusterBarrier& barrier_of(const Block& block) { return block.launch->clusters[size_t(cluster_of(block))]; }

template <class F>
void for_each_warp(const Block& block, F function) {
  for (int rank = 0; rank < int(block.launch->shape.cluster); ++rank)
    for (Warp& warp : cluster_block(block, rank, kBarrier, {}).warps) function(warp);
}

// The aligned instruction of a whole warp; true for the lane that acts for all.
bool act_for_warp(Thread& thread, const char* name, const Location& where) {
  Warp& warp = thread.block->warps[thread.warp];
  Collective* collective = join_warp(thread, warp.lanes, name, nullptr, where);
  if (!collective) return false;
  collective->arrived = 0;
  for_each_lane(warp.lanes, [&](int lane) { thread.block->launch->make_ready(*warp.threads[lane]); });
  return true;
}

}  // namespace

void require_capability(int capability, const char* instruction, const Location& where) {
  const int played = current_thread(instruction, where).block->launch->config.compute_capability;
  if (played < capability) fail(where, instruction, " on compute capability ", played, ", which lacks it");
}

Block& cluster_block(const Block& block, int rank, const char* instruction, const Location& where) {
  const Launch& launch = *block.launch;
  const int size = int(launch.shape.cluster);
  if (rank < 0 || rank >= size) fail(where, instruction, ": rank ", rank, " in a cluster of ", size, " blocks");
  return *launch.blocks[size_t(cluster_of(block) * size + rank)];
}

Block& cluster_block_of(const void* p, size_t bytes, size_t alignment, const char* instruction, const Location& where) {
  const Block& mine = *current_thread(instruction, where).block;
  const auto* address = static_cast<const unsigned char*>(p);
  for (int rank = 0; rank < int(mine.launch->shape.cluster); ++rank) {
    Block& block = cluster_block(mine, rank, instruction, where);
    if (address < block.arena.get() || address >= block.arena.get() + block.arena_bytes) continue;
    if (!block.live) fail(where, instruction, ": the block of rank ", rank, " has exited");
    check_shared_of(block, p, bytes, alignment, instruction, where);
    return block;
  }
  fail(where, instruction, ": ", p, " is not in the cluster's shared memory");
}

int cluster_rank() {
  const Block& block = *current_thread("a cluster's rank", Location::current()).block;
  return int(block.number % block.launch->shape.cluster);
}

void* cluster_shared(const void* p, int rank, const Location& where) {
  constexpr const char* kName = "mapa";
  require_capability(90, kName, where);
  const Block& mine = *current_thread(kName, where).block;
  const ptrdiff_t offset = static_cast<const unsigned char*>(p) - mine.arena.get();
  if (offset < 0 || offset >= ptrdiff_t(mine.arena_bytes))
    fail(where, kName, ": ", p, " is not in this block's shared memory");
  Block& block = cluster_block(mine, rank, kName, where);
  if (!block.live) fail(where, kName, ": the block of rank ", rank, " has exited");
  return block.arena.get() + offset;
}

void cluster_arrive(const Location& where) {
  constexpr const char* kName = "an arrival at the cluster's barrier";
  require_capability(90, kName, where);
  Thread& thread = current_thread(kName, where);
  if (!act_for_warp(thread, kName, where)) return;
  Block& block = *thread.block;
  Launch& launch = *block.launch;
  Warp& mine = block.warps[thread.warp];
  ClusterBarrier& barrier = barrier_of(block);
  if (mine.arrived_at_cluster) fail(where, kName, ": the warp has arrived already and not waited");
  mine.arrived_at_cluster = true;
  mine.cluster_phase = barrier.phase;
  if (Races* races = launch.races.get())
    for_each_lane(mine.lanes, [&](int lane) { races->release(*mine.threads[lane], &barrier); });
  int warps = 0;
  for_each_warp(block, [&](Warp&) { ++warps; });
  if (++barrier.arrived == warps) {
    barrier.arrived = 0;
    ++barrier.phase;
    launch.idle_spins = 0;
    for_each_warp(block, [&](Warp& warp) {
      for_each_lane(warp.lanes, [&](int lane) {
        if (warp.threads[lane]->wait == Wait::cluster) launch.make_ready(*warp.threads[lane]);
      });
    });
    launch.suspend(thread);
  }
  launch.preempt_at_random(thread);
}

void cluster_wait(const Location& where) {
  constexpr const char* kName = "a wait at the cluster's barrier";
  Thread& thread = current_thread(kName, where);
  Warp& warp = thread.block->warps[thread.warp];
  if (!warp.arrived_at_cluster && warp.cluster_phase == barrier_of(*thread.block).phase)
    fail(where, kName, " before an arrival");
  warp_collective(thread, warp.lanes, kName, nullptr, where,
                  [](Warp& all, Collective&) { all.arrived_at_cluster = false; });
  Launch& launch = *thread.block->launch;
  while (barrier_of(*thread.block).phase == warp.cluster_phase) {
    launch.make_waiting(thread, Wait::cluster, where);
    launch.suspend(thread);
  }
  if (Races* races = launch.races.get()) races->acquire(thread, &barrier_of(*thread.block));
}

}  // namespace fastnets::emulation
