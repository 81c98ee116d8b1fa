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
      check_stores_are_done(*current);
    } catch (...) { launch.failure = std::current_exception(); }
  }
  Thread& thread = *current;
  Launch& launch = *thread.block->launch;
  launch.make_waiting(thread, Wait::exited, thread.where);
  thread.block->warps[thread.warp].live &= ~(1u << thread.lane);
  --thread.block->live;
  launch.idle_spins = 0;
  Thread* next = nullptr;
  try {
    if (!launch.failure) next = launch.pick();
  } catch (...) { launch.failure = std::current_exception(); }
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
  const auto find_ready = [&] { return std::ranges::find_if(order, [](const Warp* w) { return w->ready != 0; }); };
  auto warp = find_ready();
  for (; warp == order.end(); warp = find_ready()) {
    if (tasks.empty()) return nullptr;
    run_task();
  }
  if (!((*warp)->ready & ~(*warp)->spun)) (*warp)->spun = 0;
  const uint32_t ready = (*warp)->ready & ~(*warp)->spun;
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
  if (config.async == Async::random) {
    complete_copies_at_random(thread);
    if (!tasks.empty() && chance(4)) run_task();
  }
  Thread* next = pick();
  if (next == &thread) return;
  current = next;
  switch_fiber(thread.fiber, next ? next->fiber : main);
}

void Launch::start_task(Task task, bool is_product) {
  const bool is_late = config.async == Async::lazy || (config.async == Async::late_products && is_product) ||
                       (config.async == Async::random && chance(2));
  if (is_late)
    tasks.push_back(std::move(task));
  else
    task();
}

void Launch::run_task() {
  const auto chosen = tasks.begin() + (config.async == Async::random ? ptrdiff_t(random() % tasks.size()) : 0);
  const Task task = std::move(*chosen);
  tasks.erase(chosen);
  idle_spins = 0;
  task();
}

void Launch::preempt_at_random(Thread& thread) {
  if (config.schedule != Schedule::random || !chance(32)) return;
  std::swap(order[random() % order.size()], order[random() % order.size()]);
  suspend(thread);
}

}  // namespace fastnets::emulation
