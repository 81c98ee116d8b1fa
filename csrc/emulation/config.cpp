#include "emulation/config.h"

#include <cstdlib>
#include <mutex>

#include "emulation/error.h"

namespace fastnets::emulation {
namespace {

std::string environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value && *value ? value : otherwise;
}

uint64_t parse_seed(const std::string& text) {
  char* end = nullptr;
  const uint64_t seed = std::strtoull(text.c_str(), &end, 10);
  if (*end) throw Error("emulation: seed is '" + text + "', expected a number");
  return seed;
}

bool parse_switch(const std::string& text) {
  if (text != "on" && text != "off") throw Error("emulation: races is '" + text + "', expected on or off");
  return text == "on";
}

struct Shared {
  std::mutex mutex;
  Config config{.schedule = parse_schedule(environment("FASTNETS_EMULATION_SCHEDULE", "forward")),
                .async = parse_async(environment("FASTNETS_EMULATION_ASYNC", "eager")),
                .seed = parse_seed(environment("FASTNETS_EMULATION_SEED", "1")),
                .find_races = parse_switch(environment("FASTNETS_EMULATION_RACES", "on"))};
};

Shared& shared() {
  static Shared instance;
  return instance;
}

}  // namespace

Schedule parse_schedule(const std::string& name) {
  if (name == "forward") return Schedule::forward;
  if (name == "reverse") return Schedule::reverse;
  if (name == "random") return Schedule::random;
  throw Error("emulation: schedule is '" + name + "', expected forward, reverse or random");
}

Async parse_async(const std::string& name) {
  if (name == "eager") return Async::eager;
  if (name == "lazy") return Async::lazy;
  if (name == "random") return Async::random;
  if (name == "late_products") return Async::late_products;
  throw Error("emulation: async is '" + name + "', expected eager, lazy, random or late_products");
}

Config config() {
  std::lock_guard lock(shared().mutex);
  return shared().config;
}

void set_config(const Config& config) {
  limits(config.compute_capability);
  if (config.multiprocessors < 1)
    throw Error("emulation: " + std::to_string(config.multiprocessors) + " multiprocessors");
  std::lock_guard lock(shared().mutex);
  shared().config = config;
}

// CUDA C++ programming guide, "Technical specifications per compute capability"; a block's own 1 KiB is deducted.
Limits limits(int compute_capability) {
  constexpr size_t kKiB = 1024;
  switch (compute_capability) {
    case 80:
      return {163 * kKiB, 164 * kKiB, 2048, 32};
    case 86:
      return {99 * kKiB, 100 * kKiB, 1536, 16};
    case 89:
      return {99 * kKiB, 100 * kKiB, 1536, 24};
    case 90:
      return {227 * kKiB, 228 * kKiB, 2048, 32};
  }
  throw Error("emulation: compute capability is " + std::to_string(compute_capability) + ", expected 80, 86, 89 or 90");
}

}  // namespace fastnets::emulation
