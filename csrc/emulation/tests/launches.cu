// The emulator itself: limits, reports, exceptions, several OS threads. For the emulator only.
#include <atomic>
#include <thread>

#include "cuda/arch/sm90.cuh"
#include "cuda/backend/launch.h"
#include "emulation/config.h"
#include "emulation/tests/buffer.h"
#include "emulation/tests/hopper.h"
#include "emulation/tests/kernels.h"
#include "emulation/tests/test.h"

namespace fastnets::tests {
namespace {

using namespace fastnets::cuda;

__global__ void empty_kernel() {}

FASTNETS_TEST(limits_of_a_launch) {
  const auto start = [](dim3 grid, dim3 block, size_t shared_bytes = 0, bool cooperative = false) {
    launch(empty_kernel,
           {.name = "empty", .grid = grid, .block = block, .shared_bytes = shared_bytes, .cooperative = cooperative});
  };
  start(1, 1024, 163 << 10);
  start(dim3(2, 2, 2), dim3(8, 4, 2));
  require_error("empty: a block of (1025, 1, 1) threads", [&] { start(1, 1025); });
  require_error("a block of (1, 1, 65) threads", [&] { start(1, dim3(1, 1, 65)); });
  require_error("a block of (0, 1, 1) threads", [&] { start(1, 0); });
  require_error("a grid of (0, 1, 1) blocks", [&] { start(0, 32); });
  require_error("a grid of (1, 65536, 1) blocks", [&] { start(dim3(1, 65536), 32); });
  require_error("at most 166912 on compute capability 80", [&] { start(1, 32, (163 << 10) + 1); });
  require_error("a cooperative grid of (9, 1, 1) blocks; 8 fit", [&] { start(9, 1024, 0, true); });
}

__global__ void take_kernel(size_t count) {
  DynamicShared shared;
  shared.take<float>(count);
}
FASTNETS_TEST(more_shared_memory_than_launched_with) {
  launch(take_kernel, {.name = "take", .grid = 1, .block = 1, .shared_bytes = 64}, size_t{16});
  require_error("takes 68 bytes of dynamic shared memory but was launched with 64",
                [] { launch(take_kernel, {.name = "take", .grid = 1, .block = 1, .shared_bytes = 64}, size_t{17}); });
}

__global__ void half_a_barrier_kernel() {
  if (threadIdx.x < 32) __syncthreads();
}
FASTNETS_TEST(deadlocks_name_the_line) {
  const auto start = [] { launch(half_a_barrier_kernel, {.name = "half", .grid = 1, .block = 96}); };
  require_error("half: deadlock", start);
  require_error("32 threads wait at barrier 0 at", start);
  require_error("launches.cu", start);
  require_error("64 threads have exited", start);
}

__global__ void half_an_mbarrier_kernel() {
  FASTNETS_STATIC_SHARED(mbarrier, uint64_t);
  if (threadIdx.x == 0) mbarrier_init(&mbarrier, 40);
  __syncthreads();
  mbarrier_arrive(&mbarrier);
  mbarrier_wait(&mbarrier, 0);
}
FASTNETS_TEST(deadlocks_name_what_an_mbarrier_lacks) {
  const Hopper hopper;
  require_error("32 threads wait for parity 0 of an mbarrier (phase 0, 8 of 40 arrivals and 0 bytes still to come) at",
                [] { launch(half_an_mbarrier_kernel, {.name = "half", .grid = 1, .block = 32}); });
}

FASTNETS_TEST(limits_of_a_cluster) {
  const auto start = [](unsigned grid, unsigned cluster) {
    launch(empty_kernel, {.name = "empty", .grid = grid, .block = 1, .cluster = cluster});
  };
  require_error("clusters on compute capability 80", [&] { start(2, 2); });
  const Hopper hopper;
  start(6, 3);
  require_error("clusters of 3 blocks", [&] { start(8, 3); });
  require_error("clusters of 9 blocks", [&] { start(9, 9); });
  require_error("clusters of 0 blocks", [&] { start(1, 0); });
}

__global__ void throwing_kernel() {
  if (threadIdx.x == 40) throw std::out_of_range("from a kernel");
  __syncthreads();
}
FASTNETS_TEST(exceptions_pass_through) {
  for (int i = 0; i < 3; ++i)  // an abandoned launch leaves the emulator usable
    require_error("from a kernel", [] { launch(throwing_kernel, {.name = "throwing", .grid = 2, .block = 64}); });
  check_sum<SumDefect::none>(100);
}

__global__ void outer_kernel() { launch(empty_kernel, {.name = "inner", .grid = 1, .block = 1}); }
FASTNETS_TEST(no_launch_from_a_kernel) {
  require_error("a launch from a kernel", [] { launch(outer_kernel, {.name = "outer", .grid = 1, .block = 1}); });
}

FASTNETS_TEST(no_emulation_outside_a_kernel) {
  require_error("a barrier outside a kernel", [] { __syncthreads(); });
}

FASTNETS_TEST(several_os_threads) {
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      try {
        for (int round = 0; round < 5; ++round) {
          check_sum<SumDefect::none>(1000 + round);
          check_gemm<bfloat16, GemmDefect::none>(64, 64, 64);
          check_recurrent<StepBarrier::cooperative>();
        }
      } catch (const std::exception&) { ++failures; }
    });
  for (std::thread& thread : threads) thread.join();
  require(failures == 0, failures.load(), " OS threads failed");
}

__global__ void odd_block_kernel(int* out) {
  __syncthreads();
  __syncwarp();
  out[threadIdx.x] = int(threadIdx.x);
}
FASTNETS_TEST(blocks_of_odd_size) {
  Buffer<int> out(41);
  launch(odd_block_kernel, {.name = "odd", .grid = 1, .block = 41}, out.data());
  std::vector<int> expected(41);
  for (int i = 0; i < 41; ++i) expected[i] = i;
  require_equal(out.values(), expected);
}

FASTNETS_TEST(configuration) {
  require_error("schedule is 'backward'", [] { emulation::parse_schedule("backward"); });
  require_error("async is 'late'", [] { emulation::parse_async("late"); });
  const emulation::Config before = emulation::config();
  emulation::Config other = before;
  other.compute_capability = 86;
  emulation::set_config(other);
  require_error("at most 101376 on compute capability 86",
                [] { launch(empty_kernel, {.name = "empty", .grid = 1, .block = 1, .shared_bytes = 100 << 10}); });
  emulation::set_config(before);
  other.compute_capability = 70;
  require_error("compute capability is 70", [&] { emulation::set_config(other); });
}

}  // namespace
}  // namespace fastnets::tests
