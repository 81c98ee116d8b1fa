// Operations of a warp: each lane brings an argument, the last one to come computes for all.
#include <algorithm>
#include <cstring>

#include "emulation/races.h"
#include "emulation/runtime.h"

namespace fastnets::emulation {
namespace {

bool same_place(const Location& a, const Location& b) {
  return a.line() == b.line() && a.column() == b.column() && !std::strcmp(a.file_name(), b.file_name());
}

// The operation under way that (some of) these lanes have reached already, or a new one.
Collective& find_collective(Warp& warp, uint32_t mask, const char* name, const Location& where) {
  const auto overlaps = [&](const Collective& c) { return c.arrived && (c.mask & mask); };
  if (auto c = std::ranges::find_if(warp.collectives, overlaps); c != warp.collectives.end()) {
    if (c->mask != mask || c->name != name || !same_place(c->where, where))
      fail(where, "divergent warp: ", name, " (lanes ", std::hex, mask, ") here, but lanes ", c->arrived, " wait in ",
           c->name, " (lanes ", c->mask, ") at ", describe(c->where));
    return *c;
  }
  auto c = std::ranges::find(warp.collectives, 0u, &Collective::arrived);
  if (c == warp.collectives.end()) c = warp.collectives.emplace(c);
  c->name = name;
  c->mask = mask;
  c->where = where;
  return *c;
}

struct Shuffled {
  uint64_t value, result;
  int operand, width;
  Shuffle kind;
};

// PTX ISA, shfl.sync: lanes are divided into segments of `width`; a source beyond the segment's end is the lane itself.
int source_lane(const Shuffled& s, int lane) {
  const int first = lane & ~(s.width - 1), end = first + s.width;
  switch (s.kind) {
    case Shuffle::index:
      return first + (s.operand & (s.width - 1));
    case Shuffle::up:
      return lane - s.operand < first ? lane : lane - s.operand;
    case Shuffle::down:
      return lane + s.operand >= end ? lane : lane + s.operand;
    case Shuffle::exclusive_or:
      return (lane ^ s.operand) >= end ? lane : lane ^ s.operand;
  }
  return lane;
}

void exchange(Warp&, Collective& collective) {
  for_each_lane(collective.mask, [&](int lane) {
    auto& mine = *static_cast<Shuffled*>(collective.argument[lane]);
    const int source = source_lane(mine, lane);
    if (source < 0 || source >= kWarpSize || !(collective.mask >> source & 1))
      fail(collective.where, "lane ", lane, " shuffles from lane ", source, ", which takes no part");
    mine.result = static_cast<Shuffled*>(collective.argument[source])->value;
  });
}

struct Vote {
  bool predicate;
  uint32_t result;
};

void count_votes(Warp&, Collective& collective) {
  uint32_t votes = 0;
  for_each_lane(collective.mask, [&](int lane) {
    if (static_cast<Vote*>(collective.argument[lane])->predicate) votes |= 1u << lane;
  });
  for_each_lane(collective.mask, [&](int lane) { static_cast<Vote*>(collective.argument[lane])->result = votes; });
}

// Of all operations of a warp only __syncwarp puts accesses to memory in order.
void order_lanes(Warp& warp, Collective& collective) {
  Races* races = warp.block->launch->races.get();
  if (!races) return;
  std::vector<const Thread*> threads;
  for_each_lane(collective.mask, [&](int lane) { threads.push_back(warp.threads[lane]); });
  races->warp_barrier(threads);
}

}  // namespace

Collective* join_warp(Thread& thread, uint32_t mask, const char* name, void* argument, const Location& where) {
  Warp& warp = thread.block->warps[thread.warp];
  Launch& launch = *thread.block->launch;
  mask &= warp.lanes;  // lanes that a block of an odd size lacks may be named
  if (!(mask >> thread.lane & 1)) fail(where, name, ": the calling lane is not in its own mask");
  Collective& collective = find_collective(warp, mask, name, where);
  collective.arrived |= 1u << thread.lane;
  collective.argument[thread.lane] = argument;
  if (const uint32_t gone = mask & ~warp.live) fail(where, name, " names lanes that have exited: ", std::hex, gone);
  if (collective.arrived == mask) {
    thread.where = where;
    return &collective;
  }
  launch.make_waiting(thread, Wait::warp, where);
  launch.suspend(thread);
  return nullptr;
}

void warp_collective(Thread& thread, uint32_t mask, const char* name, void* argument, const Location& where,
                     void (*function)(Warp&, Collective&)) {
  Collective* collective = join_warp(thread, mask, name, argument, where);
  if (!collective) return;
  Launch& launch = *thread.block->launch;
  Warp& warp = thread.block->warps[thread.warp];
  function(warp, *collective);
  collective->arrived = 0;
  for_each_lane(collective->mask & ~(1u << thread.lane), [&](int lane) { launch.make_ready(*warp.threads[lane]); });
  launch.preempt_at_random(thread);  // otherwise the last lane simply goes on
}

void warp_sync(uint32_t mask, const Location& where) {
  warp_collective(current_thread("__syncwarp", where), mask, "__syncwarp", nullptr, where, order_lanes);
}

uint64_t shuffle_bits(Shuffle kind, uint32_t mask, uint64_t value, int operand, int width, const Location& where) {
  if (width < 1 || width > kWarpSize || (width & (width - 1))) fail(where, "a shuffle of width ", width);
  Shuffled argument{value, 0, operand, width, kind};
  warp_collective(current_thread("a shuffle", where), mask, "a shuffle", &argument, where, exchange);
  return argument.result;
}

uint32_t ballot(uint32_t mask, bool predicate, const Location& where) {
  Vote argument{predicate, 0};
  warp_collective(current_thread("a vote", where), mask, "a vote", &argument, where, count_votes);
  return argument.result;
}

}  // namespace fastnets::emulation
