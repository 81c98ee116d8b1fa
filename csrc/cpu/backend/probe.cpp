#include "cpu/backend/probe.h"

#include <time.h>

#include <atomic>

#include "core/check.h"
#include "cpu/backend/isa.h"
#include "cpu/backend/threads.h"
#include "isas.h"

namespace fastnets::cpu {

#define FASTNETS_PROBE(isa) \
  namespace isa {           \
  extern const Probe probe; \
  }
FASTNETS_CPU_ISAS(FASTNETS_PROBE)
#undef FASTNETS_PROBE

namespace {

const Probe& probe() {
  const std::string name = isa();
#define FASTNETS_FIND(isa) \
  if (name == #isa) return isa::probe;
  FASTNETS_CPU_ISAS(FASTNETS_FIND)
#undef FASTNETS_FIND
  fail("there is no probe for the instruction set ", name);
}

// Seconds: of one thread those that it ran, which a busy machine does not lengthen; of several those that passed.
double now() {
  timespec t;
  clock_gettime(num_threads() == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// Work a second: `work(n)` does n pieces and returns how much that was; n doubles until it takes `seconds`.
template <class Work>
double rate(double seconds, const Work& work) {
  check(seconds > 0 && seconds <= 10, "measure: seconds is ", seconds, " but must be above 0 and at most 10");
  for (std::int64_t pieces = 1;; pieces *= 2) {
    const double start = now(), done = work(pieces), taken = now() - start;
    if (taken >= seconds) return done / taken;
  }
}

}  // namespace

double measure_flops(DType dtype, double seconds) {
  check(is_float(dtype), "measure_flops: dtype is ", name(dtype), " but must be a floating one");
  constexpr std::int64_t kSteps = 4096;  // some 10 µs a task: the threads end together
  const Probe& p = probe();
  return rate(seconds, [&](std::int64_t pieces) {
    std::atomic<std::int64_t> done{0};
    parallel(pieces * num_threads(), [&](std::int64_t) { done += p.multiply_add(dtype, kSteps); });
    return static_cast<double>(done);
  });
}

double measure_read(const std::byte* data, std::int64_t bytes, double seconds) {
  const std::int64_t threads = num_threads(), part = bytes / threads / 64 * 64;
  check(part > 0, "measure_read: ", bytes, " bytes are too few for ", threads, " threads");
  const Probe& p = probe();
  return rate(seconds, [&](std::int64_t passes) {
    parallel(threads, [&](std::int64_t t) {
      for (std::int64_t i = 0; i < passes; ++i) p.read(data + t * part, part);
    });
    return static_cast<double>(passes * threads * part);
  });
}

}  // namespace fastnets::cpu
