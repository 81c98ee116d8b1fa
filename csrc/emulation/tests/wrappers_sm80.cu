// One warp tries each wrapper of cuda/arch/sm80.cuh. Also for nvcc: the GPU must give the same bits.
#include "cuda/arch/sm80.cuh"
#include "cuda/backend/launch.h"
#include "emulation/tests/buffer.h"
#include "emulation/tests/test.h"

namespace fastnets::tests {
namespace {

using namespace fastnets::cuda;

// ---- ldmatrix: matrix m has the elements 64 m + 8 row + column --------------------------------------------------

template <int kMatrices, bool kTransposed>
__global__ void load_matrix_kernel(uint32_t* out) {
  DynamicShared shared;
  uint16_t* matrices = shared.take<uint16_t>(kMatrices * 64);
  for (int i = lane_index(); i < kMatrices * 64; i += kWarpSize) matrices[i] = uint16_t(i);
  __syncwarp();
  uint32_t fragment[kMatrices];
  const uint16_t* row = matrices + lane_index() % (kMatrices * 8) * 8;
  if constexpr (kTransposed)
    load_matrix_transposed(fragment, row);
  else
    load_matrix(fragment, row);
  for (int m = 0; m < kMatrices; ++m) out[m * kWarpSize + lane_index()] = fragment[m];
}

template <int kMatrices, bool kTransposed>
void check_load_matrix() {
  Buffer<uint32_t> out(kMatrices * kWarpSize);
  launch(load_matrix_kernel<kMatrices, kTransposed>,
         {.name = "load_matrix", .grid = 1, .block = kWarpSize, .shared_bytes = kMatrices * 64 * sizeof(uint16_t)},
         out.data());
  std::vector<uint32_t> expected;
  for (int m = 0; m < kMatrices; ++m)
    for (int lane = 0; lane < kWarpSize; ++lane) {
      const auto element = [&](int half) {
        const int row = lane / 4, column = lane % 4 * 2 + half;
        return uint32_t(64 * m + (kTransposed ? 8 * column + row : 8 * row + column));
      };
      expected.push_back(element(0) | element(1) << 16);
    }
  require_equal(out.values(), expected);
}
FASTNETS_TEST(load_matrix_x1) { check_load_matrix<1, false>(); }
FASTNETS_TEST(load_matrix_x2) { check_load_matrix<2, false>(); }
FASTNETS_TEST(load_matrix_x4) { check_load_matrix<4, false>(); }
FASTNETS_TEST(load_matrix_x1_transposed) { check_load_matrix<1, true>(); }
FASTNETS_TEST(load_matrix_x2_transposed) { check_load_matrix<2, true>(); }
FASTNETS_TEST(load_matrix_x4_transposed) { check_load_matrix<4, true>(); }

// ---- mma: fragments are gathered by hand, from the layouts in the comments of sm80.cuh --------------------------

template <class T, int K>
__global__ void mma_kernel(const T* a, const T* b, float* d) {  // (16, K), (8, K), (16, 8)
  const int group = lane_index() / 4, t = lane_index() % 4;
  float d_fragment[4];
  uint32_t a_fragment[4], b_fragment[2];
  for (int i = 0; i < 4; ++i) d_fragment[i] = d[(group + i / 2 * 8) * 8 + t * 2 + i % 2];
  if constexpr (sizeof(T) == 2) {
    for (int i = 0; i < 4; ++i) {
      const T* pair = a + (group + i % 2 * 8) * K + t * 2 + i / 2 * 8;
      a_fragment[i] = pair[0].bits | uint32_t{pair[1].bits} << 16;
    }
    for (int i = 0; i < 2; ++i) {
      const T* pair = b + group * K + t * 2 + i * 8;
      b_fragment[i] = pair[0].bits | uint32_t{pair[1].bits} << 16;
    }
    mma<T>(d_fragment, a_fragment, b_fragment);
  } else {
    for (int i = 0; i < 4; ++i) a_fragment[i] = __float_as_uint(a[(group + i % 2 * 8) * K + t + i / 2 * 4]);
    for (int i = 0; i < 2; ++i) b_fragment[i] = __float_as_uint(b[group * K + t + i * 4]);
    mma_tfloat32(d_fragment, a_fragment, b_fragment);
  }
  for (int i = 0; i < 4; ++i) d[(group + i / 2 * 8) * 8 + t * 2 + i % 2] = d_fragment[i];
}

template <class T, int K>
void check_mma() {
  const auto a = small_integers<T>(16 * K, 1), b = small_integers<T>(8 * K, 2);
  const auto d = small_integers<float>(16 * 8, 3);
  Buffer<T> device_a(a), device_b(b);
  Buffer<float> device_d(d);
  launch(mma_kernel<T, K>, {.name = "mma", .grid = 1, .block = kWarpSize}, device_a.data(), device_b.data(),
         device_d.data());
  std::vector<float> expected = d;
  for (int m = 0; m < 16; ++m)
    for (int n = 0; n < 8; ++n)
      for (int k = 0; k < K; ++k) expected[m * 8 + n] += to_float(a[m * K + k]) * to_float(b[n * K + k]);
  require_equal(device_d.values(), expected);
}
FASTNETS_TEST(mma_bfloat16) { check_mma<bfloat16, 16>(); }
FASTNETS_TEST(mma_float16) { check_mma<float16, 16>(); }
FASTNETS_TEST(mma_of_tfloat32) { check_mma<float, 8>(); }

__global__ void mma_low_bits_kernel(float* out) {
  float d[4] = {};
  const uint32_t one_and_a_bit = 0x3f800000u + (1u << 12);  // a bit that tfloat32 lacks
  const uint32_t a[4] = {one_and_a_bit, one_and_a_bit, one_and_a_bit, one_and_a_bit};
  const uint32_t b[2] = {one_and_a_bit, one_and_a_bit};
  mma_tfloat32(d, a, b);
  out[lane_index()] = d[0];
}
FASTNETS_TEST(mma_of_tfloat32_ignores_low_bits) {
  Buffer<float> out(kWarpSize);
  launch(mma_low_bits_kernel, {.name = "mma", .grid = 1, .block = kWarpSize}, out.data());
  require_equal(out.values(), std::vector<float>(kWarpSize, 8.0f));
}

// ---- cp.async ---------------------------------------------------------------------------------------------------

template <int kBytes>
__global__ void copy_async_kernel(const uint32_t* in, uint32_t* out) {  // lane i copies i * kBytes / 32 bytes
  constexpr int kWords = kBytes / 4;
  DynamicShared shared;
  uint32_t* copy = shared.take<uint32_t>(kWarpSize * kWords);
  copy_async<kBytes>(copy + lane_index() * kWords, in + lane_index() * kWords, lane_index() * kBytes / kWarpSize);
  commit_stage();
  wait_stage<0>();
  __syncwarp();
  for (int i = lane_index(); i < kWarpSize * kWords; i += kWarpSize) out[i] = copy[i];
}

template <int kBytes>
void check_copy_async() {
  std::vector<uint32_t> in(kWarpSize * kBytes / 4);
  for (size_t i = 0; i < in.size(); ++i) in[i] = 0x01020304u + uint32_t(i) * 0x10101010u;
  Buffer<uint32_t> device_in(in), out(in.size());
  launch(copy_async_kernel<kBytes>,
         {.name = "copy_async", .grid = 1, .block = kWarpSize, .shared_bytes = kWarpSize * kBytes}, device_in.data(),
         out.data());
  std::vector<uint32_t> expected = in;
  auto* bytes = reinterpret_cast<unsigned char*>(expected.data());
  for (int lane = 0; lane < kWarpSize; ++lane)
    for (int i = lane * kBytes / kWarpSize; i < kBytes; ++i) bytes[lane * kBytes + i] = 0;
  require_equal(out.values(), expected);
}
FASTNETS_TEST(copy_async_4_bytes) { check_copy_async<4>(); }
FASTNETS_TEST(copy_async_8_bytes) { check_copy_async<8>(); }
FASTNETS_TEST(copy_async_16_bytes) { check_copy_async<16>(); }

__global__ void stages_kernel(const int* in,
                              int* out) {  // the first of two stages is read while the second may be late
  DynamicShared shared;
  int* copy = shared.take<int>(2 * kWarpSize);
  for (int stage = 0; stage < 2; ++stage) {
    copy_async<4>(copy + stage * kWarpSize + lane_index(), in + stage * kWarpSize + lane_index());
    commit_stage();
  }
  wait_stage<1>();
  __syncwarp();
  out[lane_index()] = copy[31 - lane_index()];
  wait_stage<0>();
  __syncwarp();
  out[kWarpSize + lane_index()] = copy[kWarpSize + 31 - lane_index()];
}
FASTNETS_TEST(copy_async_stages) {
  std::vector<int> in(64), expected(64);
  for (int i = 0; i < 64; ++i) in[i] = i;
  for (int i = 0; i < 64; ++i) expected[i] = i / 32 * 32 + 31 - i % 32;
  Buffer<int> device_in(in), out(64);
  launch(stages_kernel, {.name = "stages", .grid = 1, .block = kWarpSize, .shared_bytes = 64 * sizeof(int)},
         device_in.data(), out.data());
  require_equal(out.values(), expected);
}

}  // namespace
}  // namespace fastnets::tests
