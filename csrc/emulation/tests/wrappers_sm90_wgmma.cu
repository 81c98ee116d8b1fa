// One warpgroup tries the products of cuda/arch/sm90_wgmma.cuh: every type, size, layout. Also for nvcc: the GPU must
// give the same bits.
#include "cuda/arch/sm90_wgmma.cuh"
#include "cuda/backend/launch.h"
#include "emulation/tests/buffer.h"
#include "emulation/tests/hopper.h"
#include "emulation/tests/test.h"

namespace fastnets::tests {
namespace {

using namespace fastnets::cuda;

// How an operand of one instruction's depth lies in shared memory; see matrix_descriptor().
template <class T, bool kTransposed, int kSwizzle>
struct Layout {
  static constexpr int kSize = int(sizeof(T)), kDepth = 32 / kSize;
  static constexpr int kLine = kSwizzle ? kSwizzle : 16;  // bytes
  static constexpr int kLeading = !kSwizzle ? 128 : kTransposed ? 16 * kLine : 16;
  static constexpr int kStride = kSwizzle ? 8 * kLine : 256;
  static constexpr int bytes(int rows) { return rows * (kTransposed || !kSwizzle ? 32 : kLine); }

  __device__ static int place(int row, int k) {  // byte of element (row, k)
    int byte;
    if constexpr (!kSwizzle)
      byte = kTransposed ? row / 8 * kStride + k / 8 * kLeading + k % 8 * 16 + row % 8 * kSize
                         : row / 8 * kStride + k * kSize / 16 * kLeading + row % 8 * 16 + k * kSize % 16;
    else
      byte = kTransposed ? row / (kLine / 2) * kLeading + k / 8 * kStride + k % 8 * kLine + row % (kLine / 2) * 2
                         : row / 8 * kStride + row % 8 * kLine + k * kSize;
    return kSwizzle ? byte ^ (byte / 128 % (kLine / 16)) * 16 : byte;
  }
  __device__ static void copy(T* shared, const T* matrix, int rows) {
    for (int i = int(threadIdx.x); i < rows * kDepth; i += kWarpgroupSize)
      *reinterpret_cast<T*>(reinterpret_cast<unsigned char*>(shared) + place(i / kDepth, i % kDepth)) = matrix[i];
  }
};

// d (64, N) += a (64, K) bᵀ, b (N, K)
template <class T, int N, bool kTransposedA, bool kTransposedB, int kSwizzle, bool kRegisters>
__global__ void __launch_bounds__(kWarpgroupSize) wgmma_kernel(const T* a, const T* b, float* d, bool accumulate) {
  using LayoutA = Layout<T, kTransposedA, kSwizzle>;
  using LayoutB = Layout<T, kTransposedB, kSwizzle>;
  DynamicShared shared;
  T* a_shared = shared.take<T>(LayoutA::bytes(64) / sizeof(T), 1024);
  T* b_shared = shared.take<T>(LayoutB::bytes(N) / sizeof(T), 1024);
  LayoutA::copy(a_shared, a, 64);
  LayoutB::copy(b_shared, b, N);
  fence_proxy_shared();
  __syncthreads();

  const int lane = lane_index(), first = warp_index() * 16 + lane / 4;
  const auto each = [&](auto use) {
    for (int i = 0; i < N / 2; ++i) use(i, (first + i % 4 / 2 * 8) * N + i / 4 * 8 + lane % 4 * 2 + i % 2);
  };
  float sum[N / 2];
  each([&](int i, int place) { sum[i] = d[place]; });
  const uint64_t b_descriptor = matrix_descriptor(b_shared, LayoutB::kLeading, LayoutB::kStride, kSwizzle);
  if constexpr (kRegisters) {
    uint32_t fragment[4];
    for (int i = 0; i < 4; ++i) {
      constexpr int K = LayoutA::kDepth, kPerRegister = 4 / int(sizeof(T));
      const T* from = a + (first + i % 2 * 8) * K + lane % 4 * kPerRegister + i / 2 * K / 2;
      if constexpr (sizeof(T) == 2)
        fragment[i] = from[0].bits | uint32_t{from[1].bits} << 16;
      else
        fragment[i] = __float_as_uint(*from);
    }
    wgmma_hold(sum);
    wgmma_fence();
    wgmma<T, kTransposedB>(sum, fragment, b_descriptor, accumulate);
  } else {
    wgmma_hold(sum);
    wgmma_fence();
    wgmma<T, kTransposedA, kTransposedB>(
        sum, matrix_descriptor(a_shared, LayoutA::kLeading, LayoutA::kStride, kSwizzle), b_descriptor, accumulate);
  }
  wgmma_commit();
  wgmma_wait<0>();
  wgmma_hold(sum);
  each([&](int i, int place) { d[place] = sum[i]; });
}

template <class T, int N, bool kTransposedA, bool kTransposedB, int kSwizzle, bool kRegisters = false>
void check_wgmma(bool accumulate = true) {
  const Hopper hopper;
  constexpr int K = 32 / int(sizeof(T));
  const auto a = small_integers<T>(64 * K, 1), b = small_integers<T>(N * K, 2);
  const auto d = small_integers<float>(64 * N, 3);
  Buffer<T> device_a(a), device_b(b);
  Buffer<float> device_d(d);
  const size_t bytes =
      size_t(Layout<T, kTransposedA, kSwizzle>::bytes(64) + Layout<T, kTransposedB, kSwizzle>::bytes(N));
  launch(wgmma_kernel<T, N, kTransposedA, kTransposedB, kSwizzle, kRegisters>,
         {.name = "wgmma", .grid = 1, .block = kWarpgroupSize, .shared_bytes = bytes + 1024}, device_a.data(),
         device_b.data(), device_d.data(), accumulate);
  std::vector<float> expected = d;
  for (int m = 0; m < 64; ++m)
    for (int n = 0; n < N; ++n) {
      float& sum = expected[size_t(m * N + n)];
      if (!accumulate) sum = 0;
      for (int k = 0; k < K; ++k) sum += to_float(a[size_t(m * K + k)]) * to_float(b[size_t(n * K + k)]);
    }
  require_equal(device_d.values(), expected);
}

FASTNETS_TEST(wgmma_bfloat16) { check_wgmma<bfloat16, 64, false, false, 128>(); }
FASTNETS_TEST(wgmma_float16) { check_wgmma<float16, 64, false, false, 128>(); }
FASTNETS_TEST(wgmma_tfloat32) { check_wgmma<float, 64, false, false, 128>(); }
FASTNETS_TEST(wgmma_overwrites) { check_wgmma<bfloat16, 64, false, false, 128>(false); }
FASTNETS_TEST(wgmma_with_a_in_registers) {
  check_wgmma<bfloat16, 64, false, false, 128, true>();
  check_wgmma<float16, 64, false, true, 128, true>();
  check_wgmma<float, 64, false, false, 128, true>(false);
}

template <class T, int kSwizzle>
void check_transposed() {
  check_wgmma<T, 64, true, false, kSwizzle>();
  check_wgmma<T, 64, false, true, kSwizzle>();
}
FASTNETS_TEST(wgmma_not_swizzled) {
  check_wgmma<bfloat16, 64, false, false, 0>();
  check_wgmma<float, 64, false, false, 0>();
  check_transposed<bfloat16, 0>();
}
FASTNETS_TEST(wgmma_swizzled_by_32_bytes) {
  check_wgmma<bfloat16, 64, false, false, 32>();
  check_wgmma<float, 64, false, false, 32>();
  check_transposed<bfloat16, 32>();
}
FASTNETS_TEST(wgmma_swizzled_by_64_bytes) {
  check_wgmma<bfloat16, 64, false, false, 64>();
  check_transposed<float16, 64>();
}
FASTNETS_TEST(wgmma_transposed) { check_transposed<bfloat16, 128>(); }

template <int N>
void check_sizes() {
  check_wgmma<bfloat16, N, false, false, 32>();
  if constexpr (N < 256) check_sizes<N + 16>();
}
FASTNETS_TEST(wgmma_of_every_size) { check_sizes<16>(); }

}  // namespace
}  // namespace fastnets::tests
