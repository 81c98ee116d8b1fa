// Atomic operations, fences, and loops that wait for another thread's store. The accesses themselves are ordinary ones:
// fibers of a launch never run at the same time, and launches share nothing.
#include <algorithm>

#include "emulation/races.h"
#include "emulation/runtime.h"

namespace fastnets::emulation {
namespace {

// Something has changed that another thread may wait for.
void publish(Thread& thread) {
  thread.block->launch->idle_spins = 0;
  thread.block->launch->preempt_at_random(thread);
}

}  // namespace

void spin(Thread& thread, const Location& where) {
  Launch& launch = *thread.block->launch;
  if (!launch.tasks.empty() && launch.idle_spins > 2 * int64_t(launch.order.size())) launch.run_task();
  constexpr int64_t kPatience = 200'000;
  if (++launch.idle_spins > kPatience + 64 * int64_t(launch.order.size()) * kWarpSize)
    fail(where, "spins for ever: every thread waits or spins, and nothing changes");
  thread.where = where;
  const auto mine = std::ranges::find(launch.order, &thread.block->warps[thread.warp]);
  std::rotate(mine, mine + 1, launch.order.end());  // to the lowest priority
  launch.order.back()->spun |= 1u << thread.lane;
  launch.suspend(thread);
}

uint64_t begin_update(const void* address, size_t bytes, Order order, const Location& where) {
  constexpr const char* kName = "an atomic operation";
  Thread& thread = current_thread(kName, where);
  check_aligned(address, bytes, kName, where);
  publish(thread);
  if (Races* races = thread.block->launch->races.get())
    races->atomic(thread, AtomicAccess::update, address, bytes, order, where);
  uint64_t bits = 0;
  std::memcpy(&bits, address, bytes);
  return bits;
}

void end_update(void* address, size_t bytes, uint64_t bits) { std::memcpy(address, &bits, bytes); }

uint32_t load_acquire(const uint32_t* address, const Location& where) {
  Thread& thread = current_thread("a spinning load", where);
  spin(thread, where);
  if (Races* races = thread.block->launch->races.get())
    races->atomic(thread, AtomicAccess::load, address, sizeof *address, Order::acquire, where);
  return *address;
}

void store_release(uint32_t* address, uint32_t value, const Location& where) {
  Thread& thread = current_thread("a releasing store", where);
  if (Races* races = thread.block->launch->races.get())
    races->atomic(thread, AtomicAccess::store, address, sizeof *address, Order::release, where);
  *address = value;
  publish(thread);
}

void thread_fence(Scope scope, const Location& where) {
  Thread& thread = current_thread("a fence", where);
  if (Races* races = thread.block->launch->races.get()) races->fence(thread, scope);
  publish(thread);
}

}  // namespace fastnets::emulation
