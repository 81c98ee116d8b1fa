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

int num_threads();
void set_num_threads(int n);

}  // namespace fastnets::cpu
