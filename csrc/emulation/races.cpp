#include "emulation/races.h"

#include <algorithm>

#include "emulation/runtime.h"

namespace fastnets::emulation {

// ---- clocks -----------------------------------------------------------------------------------------------------

void Races::join(Clocks& into, const Clocks& from) {
  for (const auto& [block, theirs] : from) {
    std::shared_ptr<Segment>& mine = into[block];
    if (mine == theirs) continue;
    const auto is_behind = [](const Segment& a, const Segment& b) {  // b knows all that a does
      if (a.size() > b.size()) return false;
      for (size_t i = 0; i < a.size(); ++i)
        if (a[i] > b[i]) return false;
      return true;
    };
    if (!mine || is_behind(*mine, *theirs)) {
      mine = theirs;
    } else if (!is_behind(*theirs, *mine)) {
      if (mine.use_count() > 1) mine = std::make_shared<Segment>(*mine);
      if (mine->size() < theirs->size()) mine->resize(theirs->size());
      for (size_t i = 0; i < theirs->size(); ++i) (*mine)[i] = std::max((*mine)[i], (*theirs)[i]);
    }
  }
}

void Races::join(View& into, const View& from) {
  join(into.seen, from.seen);
  for (int space = 0; space < 2; ++space) join(into.fenced[space], from.fenced[space]);
}

void Races::raise(Clocks& clocks, Epoch epoch) const {
  const AgentInfo& agent = agents_[epoch.agent];
  std::shared_ptr<Segment>& segment = clocks[agent.block];
  if (!segment)
    segment = std::make_shared<Segment>();
  else if (segment.use_count() > 1)
    segment = std::make_shared<Segment>(*segment);
  if (segment->size() <= agent.index) segment->resize(agent.index + 1);
  (*segment)[agent.index] = std::max((*segment)[agent.index], epoch.clock);
}

bool Races::is_in(const Clocks& clocks, Epoch epoch) const {
  const AgentInfo& agent = agents_[epoch.agent];
  const auto segment = clocks.find(agent.block);
  return segment != clocks.end() && agent.index < segment->second->size() &&
         (*segment->second)[agent.index] >= epoch.clock;
}

// ---- agents -----------------------------------------------------------------------------------------------------

Races::State& Races::state(const Thread& thread) { return states_[thread.slot]; }

void Races::begin_block(const Block& block) {
  arenas_[block.arena.get()] = {block.number, block.arena_bytes};
  shadow_.clear(block.arena.get(), block.arena_bytes);
  syncs_.erase(syncs_.lower_bound(block.arena.get()), syncs_.lower_bound(block.arena.get() + block.arena_bytes));
  for (uint32_t i = 0; i < block.threads.size(); ++i) {
    State& begun = state(block.threads[i]);
    begun = State{};
    begun.agent = Agent(agents_.size());
    agents_.push_back({block.number, i, nullptr});
  }
  agents_of_block_[block.number] = uint32_t(block.threads.size());
}

Agent Races::agent(const Block& block, const void* key, const char* what) {
  const auto [place, is_new] = asynchronous_.try_emplace({block.number, key}, Agent(agents_.size()));
  if (is_new) agents_.push_back({block.number, agents_of_block_[block.number]++, what});
  return place->second;
}

// ---- order ------------------------------------------------------------------------------------------------------

void Races::release_to(View& into, State& state) {
  join(into, state.view);
  raise(into.seen, {state.agent, state.clock});
  ++state.clock;
}

void Races::release(const Thread& thread, const void* sync) { release_to(syncs_[sync], state(thread)); }

void Races::acquire(const Thread& thread, const void* sync) { join(state(thread).view, syncs_[sync]); }

void Races::learn(const Thread& thread, Epoch epoch) { raise(state(thread).view.seen, epoch); }

Epoch Races::phase_of(const Block& block, const void* mbarrier) {
  return {agent(block, mbarrier, "bulk load"), phases_[mbarrier] + 1};
}

void Races::end_phase(const Block& block, const void* mbarrier) {
  raise(syncs_[mbarrier].seen, phase_of(block, mbarrier));
  ++phases_[mbarrier];
}

void Races::warp_barrier(const std::vector<const Thread*>& threads) {
  View all;
  for (const Thread* thread : threads) release_to(all, state(*thread));
  for (const Thread* thread : threads) join(state(*thread).view, all);
}

// PTX ISA, "Memory consistency model": a fence followed by a relaxed store makes a release pattern, a relaxed load
// followed by a fence an acquire pattern. One for the block is taken to count for shared memory only.
void Races::fence(const Thread& thread, Scope scope) {
  State& mine = state(thread);
  const int spaces = scope == Scope::device ? 2 : 1;
  for (int space = 0; space < spaces; ++space) join(mine.view, mine.observed[space]);
  View known = mine.view;
  raise(known.seen, {mine.agent, mine.clock});
  for (int space = 0; space < spaces; ++space) mine.released[space] = known;
  ++mine.clock;
}

void Races::proxy_fence(const Thread& thread, Space space) {
  State& mine = state(thread);
  for (int i = 0; i < (space == Space::everywhere ? 2 : 1); ++i) {
    join(mine.view.fenced[i], mine.view.seen);
    raise(mine.view.fenced[i], {mine.agent, mine.clock});
  }
  ++mine.clock;
}

void Races::show_to_proxy(const void* p, size_t bytes) {
  const uintptr_t begin = reinterpret_cast<uintptr_t>(p);
  for (uintptr_t address = begin; address < begin + bytes; ++address) shadow_[address].write.proxy = 1;
}

void Races::atomic(const Thread& thread, AtomicAccess kind, const void* p, size_t bytes, Order order,
                   const Location& where) {
  State& mine = state(thread);
  mark(mine, {mine.agent, mine.clock}, p, bytes, {.writes = kind != AtomicAccess::load, .atomic = true},
       sites_.of(where));
  const bool is_global = !is_shared(p);
  View& sync = syncs_[p];
  if (kind != AtomicAccess::store)
    join(order == Order::acquire || order == Order::acquire_release ? mine.view : mine.observed[is_global], sync);
  if (kind == AtomicAccess::load) return;
  if (kind == AtomicAccess::store) sync = {};  // a read-modify-write continues the release sequence, a store ends it
  if (order == Order::release || order == Order::acquire_release)
    release_to(sync, mine);
  else
    join(sync, mine.released[is_global]);
}

// ---- accesses ---------------------------------------------------------------------------------------------------

void Races::access(const Thread& thread, const void* p, size_t bytes, bool writes, const Location& where) {
  const State& mine = state(thread);
  mark(mine, {mine.agent, mine.clock}, p, bytes, {.writes = writes}, sites_.of(where));
}

void Races::access(const Thread& thread, const void* p, size_t bytes, bool writes, const void* instruction) {
  const State& mine = state(thread);
  mark(mine, {mine.agent, mine.clock}, p, bytes, {.writes = writes}, sites_.of(instruction));
}

void Races::access_later(const Thread& thread, Epoch epoch, const void* p, size_t bytes, Access kind,
                         const Location& where) {
  mark(state(thread), epoch, p, bytes, kind, sites_.of(where));
}

void Races::mark(const State& knows, Epoch self, const void* p, size_t bytes, Access kind, uint32_t site) {
  const Mark mine{self.agent, self.clock, site, kind.atomic, kind.proxy};
  Mark fine;  // the last one that was looked at and is before this access
  const auto is_before = [&](const Mark& other) {
    if (!other.clock || (other.agent == fine.agent && other.clock == fine.clock)) return true;
    const bool is_known = other.agent == knows.agent || is_in(knows.view.seen, {other.agent, other.clock});
    if (is_known) fine = other;
    return is_known;
  };
  const uintptr_t begin = reinterpret_cast<uintptr_t>(p);
  const Clocks& fenced = knows.view.fenced[!is_shared(p)];
  Cell before, after;  // of the last byte; neighbours mostly have the same past
  for (uintptr_t address = begin; address < begin + bytes; ++address) {
    Cell& cell = shadow_[address];
    if (address > begin && cell == before) {
      cell = after;
      continue;
    }
    before = cell;
    const auto* byte = reinterpret_cast<const void*>(address);
    if (!is_before(cell.write) && !(kind.atomic && cell.write.atomic))
      found(mine, cell.write, byte, kind.writes ? "write after write" : "read after write");
    else if (kind.proxy && cell.write.clock && !cell.write.proxy &&
             !is_in(fenced, {cell.write.agent, cell.write.clock}))
      found(mine, cell.write, byte, "missing proxy fence");
    if (kind.writes) {
      for (const Mark& read : cell.reads)
        if (!is_before(read) && !(kind.atomic && read.atomic)) found(mine, read, byte, "write after read");
      cell = {.write = mine, .reads = {}};
    } else {
      // A read that is before this one can be forgotten: what is after this one is after both.
      auto slot = std::ranges::find_if(cell.reads, is_before);
      if (slot == cell.reads.end()) slot = cell.reads.begin() + (begin + self.agent) % cell.reads.size();
      *slot = mine;
    }
    after = cell;
  }
}

// ---- reports ----------------------------------------------------------------------------------------------------

std::string Races::describe_agent(Agent agent) const {
  const AgentInfo& info = agents_[agent];
  return info.what ? concatenate(info.what, " of block ", info.block)
                   : concatenate("thread ", info.index, " of block ", info.block);
}

bool Races::is_shared(const void* p) const {
  const auto after = arenas_.upper_bound(p);
  if (after == arenas_.begin()) return false;
  const auto& [begin, arena] = *std::prev(after);
  return static_cast<const char*>(p) < static_cast<const char*>(begin) + arena.bytes;
}

std::string Races::describe_address(const void* p) const {
  if (!is_shared(p)) return concatenate("global address ", p);
  const auto& [begin, arena] = *std::prev(arenas_.upper_bound(p));
  const ptrdiff_t offset = static_cast<const char*>(p) - static_cast<const char*>(begin);
  return concatenate("shared byte ", offset, " of block ", arena.block);
}

void Races::found(const Mark& mine, const Mark& other, const void* p, const char* what) {
  constexpr size_t kMost = 10;
  if (races_.size() >= kMost || races_.contains({mine.site, other.site})) return;
  races_[{mine.site, other.site}] =
      concatenate("\n  ", what, " at ", describe_address(p), ": ", describe_agent(mine.agent), " at ",
                  sites_.describe(mine.site), ", ", describe_agent(other.agent), " at ", sites_.describe(other.site));
}

std::string Races::report() const {
  std::string text;
  for (const auto& [sites, race] : races_) text += race;
  return text;
}

}  // namespace fastnets::emulation
