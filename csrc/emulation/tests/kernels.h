// Runs the small kernels, whole or with a defect, and compares with what they should compute. Exact: the inputs are
// small integers.
#pragma once
#include "cuda/backend/launch.h"
#include "emulation/tests/buffer.h"
#include "emulation/tests/gemm.cuh"
#include "emulation/tests/last_block.cuh"
#include "emulation/tests/recurrent.cuh"
#include "emulation/tests/reduction.cuh"
#include "emulation/tests/test.h"

namespace fastnets::tests {

template <SumDefect defect>
void check_sum(int size) {
  const auto x = small_integers<float>(size_t(size), 1);
  float expected = 0;
  for (float value : x) expected += value;
  Buffer<float> device_x(x), total(std::vector<float>{0});
  cuda::launch(sum_kernel<defect>, {.name = "sum", .grid = 3, .block = 256}, device_x.data(), total.data(), size);
  require_equal(total.values(), {expected});
}

template <bool kBarrierBetween>
void check_two_sums() {
  constexpr int kSize = 128;
  std::vector<float> x(kSize), expected(kSize);
  for (int i = 0; i < kSize; ++i) x[i] = float(i / 32 * 2);  // mean 3, variance 5
  for (int i = 0; i < kSize; ++i) expected[i] = x[i] - 3 - 5;
  Buffer<float> device_x(x), y(kSize);
  cuda::launch(two_sums_kernel<kBarrierBetween>, {.name = "two_sums", .grid = 1, .block = kSize}, device_x.data(),
               y.data());
  require_equal(y.values(), expected);
}

template <bool kSyncwarp>
void check_neighbour() {
  const auto x = small_integers<float>(32, 1);
  std::vector<float> expected(32);
  for (size_t i = 0; i < 32; ++i) expected[i] = x[i ^ 1] + 1;
  Buffer<float> device_x(x), out(32);
  cuda::launch(neighbour_kernel<kSyncwarp>, {.name = "neighbour", .grid = 1, .block = 32}, device_x.data(), out.data());
  require_equal(out.values(), expected);
}

template <Ticket ticket>
void check_last_block() {
  constexpr unsigned kBlocks = 5, kThreads = 64;
  const auto x = small_integers<float>(kBlocks * kThreads, 1);
  float expected = 0;
  for (float value : x) expected += value;
  Buffer<float> device_x(x), part(kBlocks), total(1);
  Buffer<uint32_t> tickets(std::vector<uint32_t>{0});
  cuda::launch(last_block_kernel<ticket>, {.name = "last_block", .grid = kBlocks, .block = kThreads}, device_x.data(),
               part.data(), tickets.data(), total.data());
  require_equal(total.values(), {expected});
}

template <StepBarrier barrier>
void check_recurrent() {
  constexpr int kSize = 16, kSteps = 6, kRowsPerBlock = 4;
  const auto weight = small_integers<float>(kSize * kSize, 1);
  auto h = small_integers<float>(2 * kSize, 2);
  Buffer<float> device_weight(weight), device_h(h);
  Buffer<uint32_t> arrived(std::vector<uint32_t>{0});
  cuda::launch(recurrent_kernel<barrier>,
               {.name = "recurrent", .grid = kSize / kRowsPerBlock, .block = kRowsPerBlock * 32, .cooperative = true},
               device_weight.data(), device_h.data(), arrived.data(), kSize, kSteps);
  for (int t = 0; t < kSteps; ++t)
    for (int row = 0; row < kSize; ++row) {
      float sum = 0;
      for (int k = 0; k < kSize; ++k) sum += weight[size_t(row * kSize + k)] * h[size_t(t % 2 * kSize + k)];
      h[size_t((t + 1) % 2 * kSize + row)] = std::min(std::max(sum, -4.0f), 4.0f);
    }
  require_equal(device_h.values(), h);
}

template <class T, GemmDefect defect>
void check_gemm(int M, int N, int K) {
  const auto a = small_integers<T>(size_t(M * K), 1), b = small_integers<T>(size_t(N * K), 2);
  Buffer<T> device_a(a), device_b(b);
  Buffer<float> c(size_t(M * N));
  cuda::launch(
      gemm_kernel<T, defect>,
      {.name = "gemm",
       .grid = dim3(unsigned(N + GemmTile::kN - 1) / GemmTile::kN, unsigned(M + GemmTile::kM - 1) / GemmTile::kM),
       .block = GemmTile::kThreads,
       .shared_bytes = GemmTile::kSharedBytes},
      device_a.data(), device_b.data(), c.data(), M, N, K);
  std::vector<float> expected(size_t(M * N));
  for (int m = 0; m < M; ++m)
    for (int n = 0; n < N; ++n)
      for (int k = 0; k < K; ++k)
        expected[size_t(m * N + n)] += to_float(a[size_t(m * K + k)]) * to_float(b[size_t(n * K + k)]);
  require_equal(c.values(), expected);
}

}  // namespace fastnets::tests
