// The project's own thread pool: no second OpenMP in the process, survives fork.
#pragma once
#include <cstdint>

namespace fastnets::cpu {

// Runs task(0) … task(count − 1), each once, on the pool's threads and the caller; returns when all are done. Which
// thread runs a task is decided at run time, so a task's result may depend on its number alone. A pool that is busy
// with another caller's work, or a call from within a task, runs everything in the calling thread.
void parallel_for(std::int64_t count, void (*task)(const void* closure, std::int64_t index), const void* closure);

template <class Task>
[[gnu::always_inline]] inline void parallel(std::int64_t count, const Task& task) {
  parallel_for(
      count, [](const void* closure, std::int64_t index) { (*static_cast<const Task*>(closure))(index); }, &task);
}

// For step s = 0 … steps − 1 runs task(s, 0) … task(s, count − 1), each once, and begins a step when the one before is
// done. In every step a thread begins with the same tasks, so that it finds in its cache what they left there; what
// another has not begun by then it takes over. No thread waits for one that is late, only for tasks that are running.
void parallel_steps(std::int64_t steps, std::int64_t count,
                    void (*task)(const void* closure, std::int64_t step, std::int64_t index), const void* closure);

template <class Task>
[[gnu::always_inline]] inline void parallel_steps(std::int64_t steps, std::int64_t count, const Task& task) {
  parallel_steps(
      steps, count,
      [](const void* closure, std::int64_t step, std::int64_t index) {
        (*static_cast<const Task*>(closure))(step, index);
      },
      &task);
}

int num_threads();
void set_num_threads(int n);

}  // namespace fastnets::cpu
