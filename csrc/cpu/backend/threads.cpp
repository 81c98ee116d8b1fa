#include "cpu/backend/threads.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/check.h"
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace fastnets::cpu {
namespace {

constexpr auto kSpin = std::chrono::microseconds(50);  // a wait longer than this sleeps

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Spins for a while and then sleeps until `word` is no longer `old`.
void wait_while(const std::atomic<std::uint32_t>& word, std::uint32_t old) {
  const auto until = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 64; ++i) {
      if (word.load(std::memory_order_acquire) != old) return;
      relax();
    }
  } while (std::chrono::steady_clock::now() < until);
  word.wait(old, std::memory_order_acquire);
}

// How the floating-point unit rounds and treats subnormals: a task must see its caller's choice.
struct FloatMode {
#if defined(__x86_64__)
  unsigned bits = _mm_getcsr();
  void apply() const { _mm_setcsr(bits); }
#else
  std::fenv_t bits;
  FloatMode() { std::fegetenv(&bits); }
  void apply() const { std::fesetenv(&bits); }
#endif
};

class Pool {
 public:
  // Only the thread that has acquired the pool may call the others.
  bool try_acquire() { return !busy_.exchange(true, std::memory_order_acquire); }
  void acquire() {
    while (!try_acquire()) std::this_thread::yield();
  }
  void release() { busy_.store(false, std::memory_order_release); }

  void run(std::int64_t count, void (*task)(const void*, std::int64_t), const void* closure) {
    count_ = count, task_ = task, closure_ = closure, mode_ = FloatMode();
    failed_.store(false, std::memory_order_relaxed);
    next_.store(0, std::memory_order_relaxed);
    inside_.store(kOpen, std::memory_order_release);
    epoch_.fetch_add(1, std::memory_order_acq_rel);
    epoch_.notify_all();
    work();
    // Nobody may enter any more; those inside finish the task they have.
    std::uint32_t inside = inside_.fetch_sub(kOpen, std::memory_order_acq_rel) - kOpen;
    while (inside) {
      wait_while(inside_, inside);
      inside = inside_.load(std::memory_order_acquire);
    }
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

  void resize(int n) {
    stopping_.store(true, std::memory_order_release);
    epoch_.fetch_add(1, std::memory_order_acq_rel);
    epoch_.notify_all();
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
    stopping_.store(false, std::memory_order_release);
    for (int i = 1; i < n; ++i)
      workers_.emplace_back([this, seen = epoch_.load(std::memory_order_acquire)] { serve(seen); });
  }

 private:
  static constexpr std::uint32_t kOpen = 1u << 31;

  void serve(std::uint32_t seen) {
    for (;;) {
      wait_while(epoch_, seen);
      seen = epoch_.load(std::memory_order_acquire);
      if (stopping_.load(std::memory_order_acquire)) return;
      std::uint32_t inside = inside_.load(std::memory_order_acquire);
      while (inside & kOpen && !inside_.compare_exchange_weak(inside, inside + 1, std::memory_order_acq_rel)) {}
      if (!(inside & kOpen)) continue;  // came too late: the work is done
      mode_.apply();
      work();
      inside_.fetch_sub(1, std::memory_order_acq_rel);
      inside_.notify_all();
    }
  }

  void work() {
    for (std::int64_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) {
      try {
        task_(closure_, i);
      } catch (...) {
        if (!failed_.exchange(true)) failure_ = std::current_exception();
        next_.store(count_, std::memory_order_relaxed);
      }
    }
  }

  std::atomic<bool> busy_{false}, stopping_{false}, failed_{false};
  std::atomic<std::uint32_t> epoch_{0}, inside_{0};
  alignas(64) std::atomic<std::int64_t> next_{0};
  std::int64_t count_ = 0;
  void (*task_)(const void*, std::int64_t) = nullptr;
  const void* closure_ = nullptr;
  FloatMode mode_;
  std::exception_ptr failure_;
  std::vector<std::thread> workers_;
};

// The quota of the control group, in whole processors, or a large number.
int cgroup_limit() {
  std::string quota;
  double period = 0;
  if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); v2 >> quota >> period && quota != "max")
    return std::max(1, static_cast<int>(std::atof(quota.c_str()) / period));
  double us = 0;
  std::ifstream v1("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), p1("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (v1 >> us && p1 >> period && us > 0 && period > 0) return std::max(1, static_cast<int>(us / period));
  return 1 << 20;
}

// Physical cores this process may run on: of two hardware threads of a core, one.
int available_cores() {
#if defined(__linux__)
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed)) return 1;
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    std::string siblings;
    std::ifstream("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list") >> siblings;
    cores.insert(siblings.empty() ? std::to_string(cpu) : siblings);
  }
  return std::max<int>(1, std::min<int>(static_cast<int>(cores.size()), cgroup_limit()));
#else
  return std::max(1u, std::thread::hardware_concurrency());
#endif
}

alignas(Pool) unsigned char g_storage[sizeof(Pool)];
std::atomic<int> g_threads{0};  // 0: the pool has not been started in this process
int g_wanted = 0;               // what the user asked for; 0: nothing
thread_local bool t_inside = false;

Pool& pool() { return *std::launder(reinterpret_cast<Pool*>(g_storage)); }

// The child of a fork has the memory of the pool but none of its threads: start anew, with as many.
void after_fork_in_child() {
  new (g_storage) Pool;
  g_threads = 0;
  t_inside = false;
}

int start() {
  static std::atomic<bool> once{false};
  static std::atomic<bool> ready{false};
  if (!once.exchange(true)) {
    new (g_storage) Pool;
    pthread_atfork(nullptr, nullptr, after_fork_in_child);
    ready = true;
  }
  while (!ready) std::this_thread::yield();
  pool().acquire();
  if (!g_threads) {
    const char* environment = std::getenv("FASTNETS_NUM_THREADS");
    int n = g_wanted;
    if (!n && environment) n = std::clamp(std::atoi(environment), 0, 1024);
    if (!n) n = available_cores();
    pool().resize(n);
    g_threads = n;
  }
  pool().release();
  return g_threads;
}

// The steps of one call. Counters are of 32 bits, which may overflow: what they are compared with is never far away.
class Steps {
 public:
  Steps(std::int64_t steps, std::int64_t count, void (*task)(const void*, std::int64_t, std::int64_t),
        const void* closure, int parts)
      : steps_(steps), count_(count), task_(task), closure_(closure), parts_(parts), begun_(new Begun[count]) {}

  // What one of the `parts` threads does: its own tasks in order, then those of others from the end.
  void take_part(std::int64_t part) {
    const std::int64_t first = part * count_ / parts_, own = (part + 1) * count_ / parts_ - first;
    for (std::int64_t step = 0; step < steps_; ++step) {
      for (std::int64_t k = 0; k < own; ++k) try_run(step, first + k);
      for (std::int64_t k = 1; k <= count_ - own; ++k) try_run(step, (first - k + count_) % count_);
      const auto wanted = static_cast<std::uint32_t>((step + 1) * count_);
      for (std::uint32_t done; static_cast<std::int32_t>((done = done_.load(std::memory_order_acquire)) - wanted) < 0;)
        wait_while(done_, done);
      if (failed_.load(std::memory_order_relaxed)) return;
    }
  }

 private:
  struct alignas(64) Begun {
    std::atomic<std::uint32_t> steps{0};
  };

  void try_run(std::int64_t step, std::int64_t index) {
    std::atomic<std::uint32_t>& steps = begun_[index].steps;
    auto expected = static_cast<std::uint32_t>(step);
    if (steps.load(std::memory_order_relaxed) != expected) return;
    if (!steps.compare_exchange_strong(expected, expected + 1, std::memory_order_relaxed)) return;
    struct Finish {  // a task that throws is done too: nobody must wait for it
      Steps& s;
      ~Finish() {
        s.done_.fetch_add(1, std::memory_order_acq_rel);
        s.done_.notify_all();
      }
    } finish{*this};
    try {
      task_(closure_, step, index);
    } catch (...) {
      failed_.store(true, std::memory_order_relaxed);
      throw;
    }
  }

  const std::int64_t steps_, count_;
  void (*const task_)(const void*, std::int64_t, std::int64_t);
  const void* const closure_;
  const int parts_;
  const std::unique_ptr<Begun[]> begun_;  // by task: steps for which somebody has begun it
  std::atomic<bool> failed_{false};
  alignas(64) std::atomic<std::uint32_t> done_{0};  // tasks of all steps
};

}  // namespace

int num_threads() {
  const int n = g_threads.load(std::memory_order_relaxed);
  return n ? n : start();
}

void set_num_threads(int n) {
  check(n >= 1 && n <= 1024, "set_num_threads: n is ", n, " but must be between 1 and 1024");
  if (n == num_threads()) return;
  pool().acquire();
  pool().resize(n);
  g_threads = g_wanted = n;
  pool().release();
}

void parallel_for(std::int64_t count, void (*task)(const void*, std::int64_t), const void* closure) {
  if (count > 1 && !t_inside && num_threads() > 1 && pool().try_acquire()) {
    struct Held {
      Held() { t_inside = true; }
      ~Held() {
        t_inside = false;
        pool().release();
      }
    } held;
    pool().run(count, task, closure);
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) task(closure, i);
}

void parallel_steps(std::int64_t steps, std::int64_t count, void (*task)(const void*, std::int64_t, std::int64_t),
                    const void* closure) {
  const int parts = static_cast<int>(std::min<std::int64_t>(count, num_threads()));
  if (steps > 0 && parts > 1 && !t_inside) {
    Steps all(steps, count, task, closure, parts);
    return parallel(parts, [&](std::int64_t part) { all.take_part(part); });
  }
  for (std::int64_t step = 0; step < steps; ++step)
    for (std::int64_t i = 0; i < count; ++i) task(closure, step, i);
}

}  // namespace fastnets::cpu
