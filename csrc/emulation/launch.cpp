// Starting a grid: limits, blocks, and what is checked when no thread can go on.
#include "emulation/launch.h"

#include <algorithm>

#include "emulation/races.h"
#include "emulation/runtime.h"

namespace fastnets::emulation {
namespace {

std::string text(const Extent& e) { return concatenate("(", e.x, ", ", e.y, ", ", e.z, ")"); }

template <class... Parts>
void require(bool ok, const Parts&... parts) {
  if (!ok) throw Error(concatenate(parts...));
}

// How many blocks the device holds at once.
int resident_blocks(const Config& config, int threads_per_block, size_t shared_bytes) {
  constexpr size_t kReservedPerBlock = 1024;
  const Limits limit = limits(config.compute_capability);
  const int warps = (threads_per_block + kWarpSize - 1) / kWarpSize;
  const int by_threads = limit.threads_per_multiprocessor / (warps * kWarpSize);
  const int by_shared = int(limit.shared_bytes_per_multiprocessor / (shared_bytes + kReservedPerBlock));
  return config.multiprocessors * std::min({limit.blocks_per_multiprocessor, by_threads, by_shared});
}

// CUDA C++ programming guide, "Technical specifications per compute capability".
void check_limits(const LaunchShape& shape, const Config& config) {
  const auto& [name, grid, block, shared_bytes, cooperative, cluster] = shape;
  require(block.size() && block.size() <= 1024 && block.z <= 64, "a block of ", text(block),
          " threads; at most 1024, of which 64 along z");
  require(grid.size() && grid.x <= 0x7fffffffu && grid.y <= 65535 && grid.z <= 65535, "a grid of ", text(grid),
          " blocks; at least 1, at most 65535 along y and z");
  const size_t limit = limits(config.compute_capability).shared_bytes_per_block;
  require(shared_bytes <= limit, shared_bytes, " bytes of dynamic shared memory; at most ", limit,
          " on compute capability ", config.compute_capability);
  require(cluster && cluster <= 8 && grid.x % cluster == 0, "clusters of ", cluster,
          " blocks; from 1 to 8, and a divisor of the grid's ", grid.x, " along x");
  require(cluster == 1 || config.compute_capability >= 90, "clusters on compute capability ", config.compute_capability,
          "; 90 is the first that has them");
  if (!cooperative) return;
  const int fit = resident_blocks(config, int(block.size()), shared_bytes);
  require(grid.size() <= size_t(fit), "a cooperative grid of ", text(grid), " blocks; ", fit, " fit on ",
          config.multiprocessors, " multiprocessors");
}

Index unflatten(size_t i, const Extent& extent) {
  return {unsigned(i % extent.x), unsigned(i / extent.x % extent.y), unsigned(i / extent.x / extent.y)};
}

}  // namespace

Launch::Launch(const LaunchShape& launch_shape, Kernel launch_kernel, const void* launch_arguments)
    : shape(launch_shape),
      kernel(launch_kernel),
      arguments(launch_arguments),
      config(emulation::config()),
      random(config.seed) {
  check_limits(shape, config);
}

void Launch::start_block(Block& block, size_t index) {
  const size_t threads = shape.block.size();
  block.launch = this;
  block.number = uint32_t(index);
  block.index = unflatten(index, shape.grid);
  block.live = int(threads);
  block.barriers = {};
  block.warpgroups.assign((threads + 4 * kWarpSize - 1) / (4 * kWarpSize), Warpgroup{});
  block.warps.assign((threads + kWarpSize - 1) / kWarpSize, Warp{});
  block.threads.resize(threads);
  for (size_t w = 0; w < block.warps.size(); ++w) {
    block.warps[w].block = &block;
    block.warps[w].index = int(w);
    order.push_back(&block.warps[w]);
  }
  for (size_t i = 0; i < threads; ++i) {
    Thread& thread = block.threads[i];
    char* const stack = thread.fiber.stack;
    const size_t slot = thread.slot;
    thread = Thread{};
    thread.slot = slot;
    thread.identity = {unflatten(i, shape.block), block.index, shape.block, shape.grid};
    thread.block = &block;
    thread.warp = int(i / kWarpSize);
    thread.lane = int(i % kWarpSize);
    thread.fiber.stack = stack;
    Warp& warp = block.warps[thread.warp];
    warp.threads[thread.lane] = &thread;
    warp.lanes |= 1u << thread.lane;
    warp.ready = warp.live = warp.lanes;
  }
  block.reset_shared_memory(shape.dynamic_shared_bytes);
  if (races) races->begin_block(block);
}

// Blocks [first, first + count), all resident together.
void Launch::run_batch(size_t first, size_t count) {
  order.clear();
  warps_at_grid_sync = 0;
  clusters.assign(count / shape.cluster, {});
  for (size_t b = 0; b < count; ++b) {
    // Reversed batch by batch, so that the blocks of a cluster stay in one.
    const size_t index = config.schedule == Schedule::reverse ? shape.grid.size() - first - count + b : first + b;
    start_block(*blocks[b], index);
  }
  if (config.schedule == Schedule::reverse) std::ranges::reverse(order);
  if (config.schedule == Schedule::random) std::ranges::shuffle(order, random);
  enter();
  if (std::ranges::any_of(blocks, [](const auto& block) { return block->live > 0; }))
    throw Error(deadlock_report(*this));
}

void Launch::run() {
  const size_t total = shape.grid.size(), resident = shape.cooperative ? total : shape.cluster,
               threads = shape.block.size();
  for (size_t b = 0; b < resident; ++b) {
    blocks.push_back(std::make_unique<Block>());
    blocks.back()->threads.resize(threads);
    for (size_t i = 0; i < threads; ++i) {
      blocks.back()->threads[i].slot = b * threads + i;
      blocks.back()->threads[i].fiber.stack = stacks.get(b * threads + i);
    }
  }
#if defined(FASTNETS_FIND_RACES)
  if (config.find_races) races = std::make_unique<Races>(resident * threads);
#endif
  for (size_t first = 0; first < total; first += resident) run_batch(first, resident);
  if (!races) return;
  if (const std::string report = races->report(); !report.empty()) throw Error("race" + report);
}

void run(const LaunchShape& shape, Kernel kernel, const void* arguments) {
  try {
    if (current) throw Error("a launch from a kernel");
    Launch(shape, kernel, arguments).run();
  } catch (const Error& error) { throw Error(std::string(shape.name) + ": " + error.what()); }
}

}  // namespace fastnets::emulation
