// The race detector: finds two accesses to one byte, at least one of them a write, that nothing puts in order. Every
// thread, and everything asynchronous that a thread starts, is an agent with a clock of its own; what a thread knows of
// the others' clocks it learns where it synchronises (Lamport 1978; FastTrack, Flanagan and Freund 2009).
#pragma once
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "emulation/device.h"
#include "emulation/shadow.h"

namespace fastnets::emulation {

struct Block;
struct Thread;

enum class AtomicAccess : uint8_t { load, store, update };

class Races {
 public:
  explicit Races(size_t resident_threads) : states_(resident_threads) {}
  void begin_block(const Block&);

  // ---- accesses of a thread: by an emulated instruction, or by a compiled one at `instruction`
  void access(const Thread&, const void* p, size_t bytes, bool writes, const Location& where);
  void access(const Thread&, const void* p, size_t bytes, bool writes, const void* instruction);
  void atomic(const Thread&, AtomicAccess, const void* p, size_t bytes, Order, const Location& where);

  // ---- accesses of something asynchronous that the thread starts. `proxy`: they go through the asynchronous proxy,
  // which sees a thread's own stores only after a proxy fence.
  Agent agent(const Block&, const void* key, const char* what);
  void access_later(const Thread&, Epoch, const void* p, size_t bytes, Access kind, const Location& where);
  void learn(const Thread&, Epoch);                    // the thread has waited for it
  Epoch phase_of(const Block&, const void* mbarrier);  // the epoch of the copies that end at it
  void end_phase(const Block&, const void* mbarrier);  // whoever acquires the mbarrier has waited for them

  // ---- order
  void release(const Thread&, const void* sync);
  void acquire(const Thread&, const void* sync);
  void forget(const void* sync) { syncs_.erase(sync); }
  void warp_barrier(const std::vector<const Thread*>&);
  void fence(const Thread&, Scope);
  void proxy_fence(const Thread&, Space);
  void show_to_proxy(const void* p, size_t bytes);  // the last write, and no other

  std::string report() const;  // empty when there was no race

 private:
  // Clocks by block and agent; blocks that are absent, and agents beyond the end, are at 0. Shared until changed.
  using Segment = std::vector<uint32_t>;
  using Clocks = std::map<uint32_t, std::shared_ptr<Segment>>;
  struct View {
    Clocks seen;       // accesses known to have happened
    Clocks fenced[2];  // of these, the ones that a proxy fence has followed, for shared and for global memory
  };
  struct AgentInfo {
    uint32_t block, index;  // in the block's segments
    const char* what;       // null for a thread
  };
  struct State {
    Agent agent = 0;
    uint32_t clock = 1;
    View view;
    // For relaxed atomic operations, in shared and in global memory: what was known at the last fence and so is
    // released by them, and what they have read and the next fence acquires.
    View released[2], observed[2];
  };

  static void join(Clocks& into, const Clocks& from);
  static void join(View& into, const View& from);
  void raise(Clocks&, Epoch) const;
  bool is_in(const Clocks&, Epoch) const;
  void release_to(View& into, State&);
  State& state(const Thread&);
  void mark(const State&, Epoch self, const void* p, size_t bytes, Access, uint32_t site);
  void found(const Mark& mine, const Mark& other, const void* p, const char* what);
  bool is_shared(const void*) const;
  std::string describe_agent(Agent) const;
  std::string describe_address(const void*) const;

  std::vector<State> states_;  // of the resident threads
  std::vector<AgentInfo> agents_;
  std::map<std::pair<uint32_t, const void*>, Agent> asynchronous_;
  std::unordered_map<uint32_t, uint32_t> agents_of_block_;
  std::map<const void*, View> syncs_;
  std::map<const void*, uint32_t> phases_;  // of mbarriers, from 0
  struct Arena {
    uint32_t block;
    size_t bytes;
  };
  std::map<const void*, Arena> arenas_;  // of the resident blocks
  Shadow shadow_;
  Sites sites_;
  std::map<std::pair<uint32_t, uint32_t>, std::string> races_;  // by the two sites
};

}  // namespace fastnets::emulation
