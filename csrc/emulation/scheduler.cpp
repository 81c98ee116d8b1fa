// Who runs next. Threads switch only where they synchronise. The first warp in `order` that has a ready lane runs as
// far as it can: this greed, rather than taking turns, lets one warp get far ahead of the others, which is what shows
// that a barrier is missing. For the same reason a thread whose arrival has let others go on stands back behind those
// of higher priority.
#include <algorithm>

#include "emulation/runtime.h"

namespace fastnets::emulation {

constinit thread_local Thread* current = nullptr;

namespace {

void run_thread() {
  {
    Launch& launch = *current->block->launch;
    begin_fiber(launch.main);
    try {
      launch.kernel(launch.arguments);
      finish_copies(*current);
    } catch (...) { launch.failure = std::current_exception(); }
  }
  Thread& thread = *current;
  Launch& launch = *thread.block->launch;
  launch.make_waiting(thread, Wait::exited, thread.where);
  thread.block->warps[thread.warp].live &= ~(1u << thread.lane);
  --thread.block->live;
  launch.idle_spins = 0;
  Thread* next = launch.failure ? nullptr : launch.pick();
  current = next;
  leave_fiber(thread.fiber, next ? next->fiber : launch.main);
}

}  // namespace

Thread& current_thread(const char* operation, const Location& where) {
  if (!current) fail(where, operation, " outside a kernel");
  return *current;
}

const Identity& identity() { return current_thread("threadIdx", Location::current()).identity; }

int lane() { return current_thread("lane", Location::current()).lane; }

void Launch::enter() {
  for (auto& block : blocks)
    for (Thread& thread : block->threads) prepare_fiber(thread.fiber, thread.fiber.stack, run_thread);
  current = pick();
  switch_fiber(main, current->fiber);
  if (failure) std::rethrow_exception(failure);
}

void Launch::make_ready(Thread& thread) {
  thread.wait = Wait::none;
  thread.block->warps[thread.warp].ready |= 1u << thread.lane;
}

void Launch::make_waiting(Thread& thread, Wait wait, const Location& where) {
  thread.wait = wait;
  thread.where = where;
  thread.block->warps[thread.warp].ready &= ~(1u << thread.lane);
}

Thread* Launch::pick() {
  // Now and then two priorities change places (as in probabilistic concurrency testing, Burckhardt et al. 2010).
  if (config.schedule == Schedule::random && chance(16))
    std::swap(order[random() % order.size()], order[random() % order.size()]);
  const auto warp = std::ranges::find_if(order, [](const Warp* w) { return w->ready != 0; });
  if (warp == order.end()) return nullptr;
  const uint32_t ready = (*warp)->ready;
  switch (config.schedule) {
    case Schedule::forward:
      return (*warp)->threads[std::countr_zero(ready)];
    case Schedule::reverse:
      return (*warp)->threads[31 - std::countl_zero(ready)];
    case Schedule::random:
      break;
  }
  const int turn = int(random() % kWarpSize);
  return (*warp)->threads[(std::countr_zero(std::rotr(ready, turn)) + turn) % kWarpSize];
}

void Launch::suspend(Thread& thread) {
  if (config.async == Async::random) complete_copies_at_random(thread);
  Thread* next = pick();
  if (next == &thread) return;
  current = next;
  switch_fiber(thread.fiber, next ? next->fiber : main);
}

void Launch::preempt_at_random(Thread& thread) {
  if (config.schedule != Schedule::random || !chance(32)) return;
  std::swap(order[random() % order.size()], order[random() % order.size()]);
  suspend(thread);
}

void spin(const Location& where) {
  Thread& thread = current_thread("a spinning load", where);
  Launch& launch = *thread.block->launch;
  constexpr int64_t kPatience = 200'000;
  if (++launch.idle_spins > kPatience + 64 * int64_t(launch.order.size()) * kWarpSize)
    fail(where, "spins for ever: every thread waits or spins, and nothing changes");
  thread.where = where;
  const auto mine = std::ranges::find(launch.order, &thread.block->warps[thread.warp]);
  std::rotate(mine, mine + 1, launch.order.end());  // to the lowest priority
  launch.suspend(thread);
}

void publish() {
  Thread& thread = current_thread("an atomic operation", Location::current());
  thread.block->launch->idle_spins = 0;
  thread.block->launch->preempt_at_random(thread);
}

}  // namespace fastnets::emulation
