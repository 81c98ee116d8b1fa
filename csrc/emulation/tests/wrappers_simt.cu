// One warp tries each wrapper of cuda/arch/simt.cuh. Also for nvcc: the GPU must give the same bits.
#include <cmath>

#include "cuda/arch/grid.cuh"
#include "cuda/arch/simt.cuh"
#include "cuda/backend/launch.h"
#include "emulation/tests/buffer.h"
#include "emulation/tests/test.h"

namespace fastnets::tests {
namespace {

using namespace fastnets::cuda;

// Runs `kernel(out)` with one warp; out has `size` elements.
template <class T>
std::vector<T> run_warp(void (*kernel)(T*), size_t size = kWarpSize) {
  Buffer<T> out(size);
  launch(kernel, {.name = "one warp", .grid = 1, .block = kWarpSize}, out.data());
  return out.values();
}

template <class F>
std::vector<int> for_lanes(F function) {
  std::vector<int> values(kWarpSize);
  for (int lane = 0; lane < kWarpSize; ++lane) values[lane] = function(lane);
  return values;
}

__global__ void shuffle_kernel(int* out) { out[lane_index()] = shuffle(lane_index() * 10, (lane_index() + 5) % 32); }
FASTNETS_TEST(shuffle_index) {
  require_equal(run_warp(shuffle_kernel), for_lanes([](int lane) { return (lane + 5) % 32 * 10; }));
}

__global__ void shuffle_up_kernel(int* out) { out[lane_index()] = shuffle_up(lane_index(), 3); }
FASTNETS_TEST(shuffle_up_keeps_the_first_lanes) {
  require_equal(run_warp(shuffle_up_kernel), for_lanes([](int lane) { return lane < 3 ? lane : lane - 3; }));
}

__global__ void shuffle_down_kernel(int* out) { out[lane_index()] = shuffle_down(lane_index(), 3); }
FASTNETS_TEST(shuffle_down_keeps_the_last_lanes) {
  require_equal(run_warp(shuffle_down_kernel), for_lanes([](int lane) { return lane > 28 ? lane : lane + 3; }));
}

__global__ void shuffle_xor_kernel(int* out) { out[lane_index()] = shuffle_xor(lane_index(), 21); }
FASTNETS_TEST(shuffle_xor_exchanges) {
  require_equal(run_warp(shuffle_xor_kernel), for_lanes([](int lane) { return lane ^ 21; }));
}

__global__ void wide_shuffle_kernel(double* out) { out[lane_index()] = shuffle(0.5 + lane_index(), 31 - lane_index()); }
FASTNETS_TEST(shuffle_eight_bytes) {
  std::vector<double> expected(kWarpSize);
  for (int lane = 0; lane < kWarpSize; ++lane) expected[lane] = 31.5 - lane;
  require_equal(run_warp(wide_shuffle_kernel), expected);
}

__global__ void ballot_kernel(uint32_t* out) { out[lane_index()] = ballot(lane_index() % 3 == 0); }
FASTNETS_TEST(ballot_counts_lanes) {
  uint32_t expected = 0;
  for (int lane = 0; lane < kWarpSize; lane += 3) expected |= 1u << lane;
  require_equal(run_warp(ballot_kernel), std::vector<uint32_t>(kWarpSize, expected));
}

__global__ void votes_kernel(int* out) {
  const int lane = lane_index();
  out[lane] = any_lane(lane == 7) * 8 + any_lane(lane == 32) * 4 + all_lanes(lane < 32) * 2 + all_lanes(lane != 31);
}
FASTNETS_TEST(any_lane_and_all_lanes) {
  require_equal(run_warp(votes_kernel), for_lanes([](int) { return 8 + 2; }));
}

__global__ void warp_sum_kernel(int* out) { out[lane_index()] = warp_sum(lane_index()); }
FASTNETS_TEST(warp_sum_in_every_lane) {
  require_equal(run_warp(warp_sum_kernel), for_lanes([](int) { return 31 * 16; }));
}

__global__ void quad_sum_kernel(int* out) { out[lane_index()] = warp_sum<4>(lane_index()); }
FASTNETS_TEST(warp_sum_of_four_lanes) {
  require_equal(run_warp(quad_sum_kernel), for_lanes([](int lane) { return lane / 4 * 16 + 6; }));
}

__global__ void warp_max_kernel(int* out) { out[lane_index()] = warp_max(lane_index() * 7 % 32); }
FASTNETS_TEST(warp_max_in_every_lane) {
  require_equal(run_warp(warp_max_kernel), for_lanes([](int) { return 31; }));
}

__global__ void block_sum_kernel(int* out) {
  FASTNETS_STATIC_SHARED(partial, int[32]);
  out[threadIdx.x] = block_sum(int(threadIdx.x), partial);
}
FASTNETS_TEST(block_sum_in_every_thread) {
  Buffer<int> out(160);
  launch(block_sum_kernel, {.name = "block_sum", .grid = 1, .block = 160}, out.data());
  require_equal(out.values(), std::vector<int>(160, 159 * 80));
}

__global__ void block_max_kernel(int* out) {
  FASTNETS_STATIC_SHARED(partial, int[32]);
  out[threadIdx.x] = block_max(int(threadIdx.x) * 7 % 96 - 100, partial);
}
FASTNETS_TEST(block_max_in_every_thread) {
  Buffer<int> out(96);
  launch(block_max_kernel, {.name = "block_max", .grid = 1, .block = 96}, out.data());
  require_equal(out.values(), std::vector<int>(96, -5));
}

// Warps 0 and 1 fill a buffer for warps 2 and 3, round after round.
__global__ void named_barrier_kernel(int* out, int rounds) {
  constexpr int kFull = 1, kEmpty = 2, kThreads = 128;
  FASTNETS_STATIC_SHARED(buffer, int[64]);
  const bool produces = threadIdx.x < 64;
  for (int round = 0; round < rounds; ++round) {
    if (produces) {
      if (round > 0) named_barrier_sync(kEmpty, kThreads);
      buffer[threadIdx.x] = round * 100 + int(threadIdx.x);
      named_barrier_arrive(kFull, kThreads);
    } else {
      named_barrier_sync(kFull, kThreads);
      out[round * 64 + threadIdx.x - 64] = buffer[127 - threadIdx.x];
      if (round + 1 < rounds) named_barrier_arrive(kEmpty, kThreads);
    }
  }
}
FASTNETS_TEST(named_barriers_hand_over) {
  constexpr int kRounds = 5;
  Buffer<int> out(kRounds * 64);
  launch(named_barrier_kernel, {.name = "named_barrier", .grid = 1, .block = 128}, out.data(), kRounds);
  std::vector<int> expected;
  for (int round = 0; round < kRounds; ++round)
    for (int i = 0; i < 64; ++i) expected.push_back(round * 100 + 63 - i);
  require_equal(out.values(), expected);
}

__global__ void grid_sync_kernel(int* values, int* out) {
  values[blockIdx.x * blockDim.x + threadIdx.x] = int(blockIdx.x * 1000 + threadIdx.x);
  grid_sync();
  const unsigned other = gridDim.x - 1 - blockIdx.x;
  out[blockIdx.x * blockDim.x + threadIdx.x] = values[other * blockDim.x + threadIdx.x];
}
FASTNETS_TEST(grid_sync_shows_other_blocks) {
  Buffer<int> values(4 * 64), out(4 * 64);
  launch(grid_sync_kernel, {.name = "grid_sync", .grid = 4, .block = 64, .cooperative = true}, values.data(),
         out.data());
  std::vector<int> expected;
  for (int block = 0; block < 4; ++block)
    for (int thread = 0; thread < 64; ++thread) expected.push_back((3 - block) * 1000 + thread);
  require_equal(out.values(), expected);
}

// Block b waits for its turn by spinning on a counter.
__global__ void turns_kernel(uint32_t* turn, int* log) {
  if (threadIdx.x == 0) {
    while (load_acquire(turn) != blockIdx.x) {}
    log[blockIdx.x] = blockIdx.x == 0 ? 1 : log[blockIdx.x - 1] * 3;
    add_release(turn, 1);
  }
}
FASTNETS_TEST(spinning_on_a_counter) {
  Buffer<uint32_t> turn(std::vector<uint32_t>{0});
  Buffer<int> log(4);
  launch(turns_kernel, {.name = "turns", .grid = 4, .block = 32, .cooperative = true}, turn.data(), log.data());
  require_equal(log.values(), {1, 3, 9, 27});
}

__global__ void store_release_kernel(uint32_t* flag, int* data) {
  if (threadIdx.x != 0) return;
  if (blockIdx.x == 0) {
    while (load_acquire(flag) == 0) {}
    data[1] = data[0] + 1;
  } else {
    data[0] = 41;
    store_release(flag, 1);
  }
}
FASTNETS_TEST(store_release_is_seen) {
  Buffer<uint32_t> flag(std::vector<uint32_t>{0});
  Buffer<int> data(2);
  launch(store_release_kernel, {.name = "store_release", .grid = 2, .block = 32, .cooperative = true}, flag.data(),
         data.data());
  require_equal(data.values(), {41, 42});
}

__global__ void vector_kernel(float* out) {
  if (lane_index() == 0)
    for (int i = 0; i < 8; ++i) out[i] = float(i);
  __syncwarp();
  if (lane_index() > 1) return;
  auto four = load_vector<4>(out + lane_index() * 4);
  for (int i = 0; i < 4; ++i) four[i] *= 2;
  store_vector(out + lane_index() * 4, four);
}
FASTNETS_TEST(vector_load_and_store) { require_equal(run_warp(vector_kernel, 8), {0, 2, 4, 6, 8, 10, 12, 14}); }

// Values whose rounding is a tie, just above one, infinite, subnormal.
constexpr float kConverted[] = {0.0f,     -1.5f,    1.00390625f, 1.01171875f, 1.0039063f, 3.4e38f,
                                65519.0f, 65520.0f, 6.0e-8f,     2.9e-8f,     -1e-40f,    0.33333334f};
constexpr int kConvertedCount = sizeof kConverted / sizeof(float);

template <class T>
__global__ void convert_kernel(const float* in, uint32_t* out, float* back) {
  if (lane_index() >= kConvertedCount) return;
  const T rounded = round_to<T>(in[lane_index()]);
  out[lane_index()] = pack<T>(in[lane_index()], in[0]) << 16 | rounded.bits;
  back[lane_index()] = widen(rounded);
}
template <class T>
void check_conversion() {
  const std::vector<float> in(kConverted, kConverted + kConvertedCount);
  Buffer<float> device_in(in), back(in.size());
  Buffer<uint32_t> out(in.size());
  launch(convert_kernel<T>, {.name = "convert", .grid = 1, .block = 32}, device_in.data(), out.data(), back.data());
  std::vector<uint32_t> expected;
  std::vector<float> expected_back;
  for (float value : in) {
    const T rounded = from_float<T>(value);
    expected.push_back(uint32_t{rounded.bits} << 16 | rounded.bits);
    expected_back.push_back(to_float(rounded));
  }
  require_equal(out.values(), expected);
  require_equal(back.values(), expected_back);
}
FASTNETS_TEST(convert_bfloat16) { check_conversion<bfloat16>(); }
FASTNETS_TEST(convert_float16) { check_conversion<float16>(); }

__global__ void exp2_kernel(const float* x, float* out) { out[lane_index()] = exp2_flushed(x[lane_index()]); }
FASTNETS_TEST(exp2_flushes_what_is_below_the_normal_numbers) {
  std::vector<float> x, expected;
  for (int lane = 0; lane < 30; ++lane) {
    x.push_back(float(lane * 10 - 150));
    expected.push_back(x.back() < -126 ? 0.0f : x.back() > 127 ? INFINITY : std::exp2(x.back()));
  }
  x.insert(x.end(), {-INFINITY, INFINITY}), expected.insert(expected.end(), {0.0f, INFINITY});
  const Buffer<float> in(x), out(kWarpSize);
  launch(exp2_kernel, {.name = "exp2", .grid = 1, .block = kWarpSize}, in.data(), out.data());
  require_equal(out.values(), expected);
}

__global__ void atomics_kernel(int* out) {
  atomicAdd(&out[0], lane_index());
  atomicMax(&out[1], lane_index() * 7 % 32);
  atomicMin(&out[2], 40 - lane_index());
  if (atomicCAS(&out[3], 0, 9) == 0) atomicExch(&out[4], 5);
  atomicSub(&out[5], lane_index());
  atomicOr(&out[6], 1 << lane_index() % 8);
  atomicAnd(&out[7], ~(1 << lane_index() % 8));
}
FASTNETS_TEST(atomic_operations) {
  Buffer<int> out(std::vector<int>{0, 0, 100, 0, 0, 500, 0, 0xffff});
  launch(atomics_kernel, {.name = "atomics", .grid = 1, .block = 32}, out.data());
  require_equal(out.values(), {496, 31, 9, 9, 5, 4, 0xff, 0xff00});
}

template <class T>
__global__ void atomic_add_kernel(T* out) {
  atomicAdd(out, T(lane_index()));
}
template <class T>
void check_atomic_add() {
  Buffer<T> out(std::vector<T>{T(4)});
  launch(atomic_add_kernel<T>, {.name = "atomic_add", .grid = 1, .block = 32}, out.data());
  require_equal(out.values(), {T(500)});
}
FASTNETS_TEST(atomic_add_float32) { check_atomic_add<float>(); }
FASTNETS_TEST(atomic_add_float64) { check_atomic_add<double>(); }
FASTNETS_TEST(atomic_add_of_64_bits) { check_atomic_add<unsigned long long>(); }

__global__ void tickets_kernel(uint32_t* counter, int* out) {
  atomicAdd(&out[add_acquire_release(counter, 1)], lane_index() < 32);
}
FASTNETS_TEST(add_acquire_release_draws_each_ticket_once) {
  Buffer<uint32_t> counter(std::vector<uint32_t>{0});
  Buffer<int> out(std::vector<int>(96, 0));
  launch(tickets_kernel, {.name = "tickets", .grid = 3, .block = 32}, counter.data(), out.data());
  require_equal(out.values(), std::vector<int>(96, 1));
}

}  // namespace
}  // namespace fastnets::tests
