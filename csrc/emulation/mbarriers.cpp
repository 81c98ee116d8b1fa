// mbarriers: PTX ISA, "Parallel synchronization and communication instructions: mbarrier". The state fills the eight
// bytes in shared memory, in an encoding of our own.
#include "emulation/ptx_sm90.h"
#include "emulation/races.h"
#include "emulation/runtime.h"
#include "emulation/transactions.h"

namespace fastnets::emulation {
namespace {

struct State {
  uint64_t phase : 1, pending : 20, expected : 20;
  int64_t bytes : 21;     // that are still to come
  uint64_t is_valid : 2;  // 1; what was never initialised is all ones
};
static_assert(sizeof(State) == 8);

State read(const uint64_t* mbarrier, const char* instruction, const Location& where) {
  const State state = std::bit_cast<State>(*mbarrier);
  if (state.is_valid != 1) fail(where, instruction, ": the mbarrier is not initialised");
  return state;
}

// Writes the state; when nothing more is to come, the phase ends and those who wait go on. Returns whether it did.
bool update(Block& block, uint64_t* mbarrier, State state) {
  const bool ends = !state.pending && !state.bytes;
  if (ends) {
    state.phase ^= 1;
    state.pending = state.expected;
  }
  *mbarrier = std::bit_cast<uint64_t>(state);
  if (!ends) return false;
  Launch& launch = *block.launch;
  launch.idle_spins = 0;
  if (launch.races) launch.races->end_phase(block, mbarrier);
  for (Thread& thread : block.threads)
    if (thread.wait == Wait::mbarrier && thread.mbarrier == mbarrier && thread.parity != state.phase)
      launch.make_ready(thread);
  return true;
}

void note_access(const Thread& thread, const uint64_t* mbarrier, bool writes, const Location& where) {
  if (Races* races = thread.block->launch->races.get())
    races->access(thread, mbarrier, sizeof *mbarrier, writes, where);
}

}  // namespace

std::string mbarrier_state(const uint64_t* mbarrier) {
  const State state = std::bit_cast<State>(*mbarrier);
  return concatenate("phase ", state.phase, ", ", state.pending, " of ", state.expected, " arrivals and ", state.bytes,
                     " bytes still to come");
}

void mbarrier_init(uint64_t* mbarrier, uint32_t arrivals, const Location& where) {
  constexpr const char* kName = "mbarrier.init";
  require_capability(80, kName, where);
  check_shared(mbarrier, sizeof *mbarrier, sizeof *mbarrier, kName, where);
  if (!arrivals || arrivals >= 1u << 20) fail(where, kName, ": ", arrivals, " arrivals; from 1 to 1048575");
  Thread& thread = current_thread(kName, where);
  note_access(thread, mbarrier, true, where);
  thread.initialised.push_back(mbarrier);
  *mbarrier = std::bit_cast<uint64_t>(State{0, arrivals, arrivals, 0, 1});
}

void mbarrier_init_fence(const Location& where) {
  constexpr const char* kName = "fence.mbarrier_init";
  require_capability(90, kName, where);
  Thread& thread = current_thread(kName, where);
  if (Races* races = thread.block->launch->races.get())
    for (const uint64_t* mbarrier : thread.initialised) races->show_to_proxy(mbarrier, sizeof *mbarrier);
  thread.initialised.clear();
}

void mbarrier_arrive(uint64_t* mbarrier, uint32_t expected_bytes, const Location& where) {
  constexpr const char* kName = "mbarrier.arrive";
  Thread& thread = current_thread(kName, where);
  Block& block = cluster_block_of(mbarrier, sizeof *mbarrier, sizeof *mbarrier, kName, where);
  State state = read(mbarrier, kName, where);
  note_access(thread, mbarrier, false, where);
  if (Races* races = block.launch->races.get()) races->release(thread, mbarrier);
  if (!state.pending) fail(where, kName, ": more arrivals than the mbarrier expects (", mbarrier_state(mbarrier), ")");
  state.pending -= 1;
  state.bytes += expected_bytes;
  if (update(block, mbarrier, state)) block.launch->suspend(thread);  // others may have a higher priority
  block.launch->preempt_at_random(thread);
}

void complete_bytes(Block& block, uint64_t* mbarrier, uint32_t bytes, const Location& where) {
  constexpr const char* kName = "a bulk copy that ends at an mbarrier";
  if (!block.live) fail(where, kName, ": the block that receives it has exited");
  State state = read(mbarrier, kName, where);
  state.bytes -= bytes;
  update(block, mbarrier, state);
}

bool mbarrier_test(const uint64_t* mbarrier, uint32_t parity, const Location& where) {
  constexpr const char* kName = "mbarrier.try_wait";
  Thread& thread = current_thread(kName, where);
  check_shared(mbarrier, sizeof *mbarrier, sizeof *mbarrier, kName, where);
  if (parity > 1) fail(where, kName, ": parity ", parity);
  note_access(thread, mbarrier, false, where);
  if (read(mbarrier, kName, where).phase == parity) {
    spin(thread, where);
    return false;
  }
  if (Races* races = thread.block->launch->races.get()) races->acquire(thread, mbarrier);
  return true;
}

void mbarrier_wait(const uint64_t* mbarrier, uint32_t parity, const Location& where) {
  constexpr const char* kName = "mbarrier.try_wait";
  Thread& thread = current_thread(kName, where);
  Launch& launch = *thread.block->launch;
  check_shared(mbarrier, sizeof *mbarrier, sizeof *mbarrier, kName, where);
  if (parity > 1) fail(where, kName, ": parity ", parity);
  note_access(thread, mbarrier, false, where);
  while (read(mbarrier, kName, where).phase == parity) {
    thread.mbarrier = mbarrier;
    thread.parity = parity;
    launch.make_waiting(thread, Wait::mbarrier, where);
    launch.suspend(thread);
  }
  if (launch.races) launch.races->acquire(thread, mbarrier);
  launch.preempt_at_random(thread);
}

}  // namespace fastnets::emulation
