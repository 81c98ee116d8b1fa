// How kernels are scheduled, when asynchronous copies complete, and which device is played.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace fastnets::emulation {

// Which warp, and which of its lanes, has the highest priority.
enum class Schedule { forward, reverse, random };

// When something asynchronous takes place: when it is issued, when it is waited for, or at any moment between;
// late_products: copies at once, but products of a warpgroup when they are waited for.
enum class Async { eager, lazy, random, late_products };

struct Config {
  Schedule schedule = Schedule::forward;
  Async async = Async::eager;
  uint64_t seed = 1;       // of everything random
  bool find_races = true;  // where the kernels are compiled for it
  int compute_capability = 80;
  int multiprocessors = 4;  // few, so that a kernel that fills the device has few blocks
};

// The configuration of launches to come, for all OS threads; a launch under way keeps its own. Initially from
// FASTNETS_EMULATION_SCHEDULE, FASTNETS_EMULATION_ASYNC, FASTNETS_EMULATION_SEED and FASTNETS_EMULATION_RACES (on or
// off). Both throw Error on bad values.
Config config();
void set_config(const Config&);

Schedule parse_schedule(const std::string& name);
Async parse_async(const std::string& name);

// What a device of a compute capability offers.
struct Limits {
  size_t shared_bytes_per_block, shared_bytes_per_multiprocessor;
  int threads_per_multiprocessor, blocks_per_multiprocessor;
};
Limits limits(int compute_capability);

}  // namespace fastnets::emulation
