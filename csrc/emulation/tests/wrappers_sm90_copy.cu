// One warp tries each bulk copy of cuda/arch/sm90_copy.cuh. Also for nvcc: the GPU must give the same bits.
#include <array>

#include "cuda/arch/sm90_copy.cuh"
#include "cuda/backend/launch.h"
#include "cuda/backend/tensor_map.h"
#include "emulation/tests/buffer.h"
#include "emulation/tests/hopper.h"
#include "emulation/tests/test.h"

namespace fastnets::tests {
namespace {

using namespace fastnets::cuda;

// Bytes that are needed for a box, and to align it.
constexpr unsigned kAlignment = 1024;

// One lane makes an mbarrier and expects `bytes`, then calls load(mbarrier); all lanes wait.
template <class F>
__device__ __forceinline__ void load_and_wait(uint32_t bytes, F load) {
  FASTNETS_STATIC_SHARED(loaded, uint64_t);
  if (lane_index() == 0) {
    mbarrier_init(&loaded, 1);
    mbarrier_init_fence();
    mbarrier_arrive_expect(&loaded, bytes);
    load(&loaded);
  }
  __syncwarp();
  mbarrier_wait(&loaded, 0);
}

// ---- boxes ------------------------------------------------------------------------------------------------------

template <int kRank>
struct At {
  int at[kRank];
};

template <int kRank>
__global__ void load_tensor_kernel(const __grid_constant__ TensorMap map, At<kRank> corner, float* out, int count) {
  DynamicShared shared;
  float* box = shared.take<float>(unsigned(count), kAlignment);
  load_and_wait(uint32_t(count) * 4, [&](uint64_t* loaded) { load_tensor(box, map, loaded, corner.at); });
  for (int i = lane_index(); i < count; i += kWarpSize) out[i] = box[i];
}

// A row-major tensor of float32 whose element i is i + 1; sizes innermost first.
struct Numbered {
  std::vector<uint64_t> sizes, strides;
  std::vector<float> values;
  Buffer<float> device;
  explicit Numbered(const std::vector<uint64_t>& s) : sizes(s), values(number(s)), device(values) {
    uint64_t stride = 4;
    for (size_t i = 0; i + 1 < s.size(); ++i) strides.push_back(stride *= s[i]);
  }
  static std::vector<float> number(const std::vector<uint64_t>& sizes) {
    size_t count = 1;
    for (uint64_t size : sizes) count *= size;
    std::vector<float> values(count);
    for (size_t i = 0; i < count; ++i) values[i] = float(i + 1);
    return values;
  }
  MapLayout layout(int swizzle_bytes = 0) const {
    return {DType::float32, device.data(), sizes, strides, swizzle_bytes};
  }
  float at(const std::vector<int>& place) const {
    size_t index = 0;
    for (size_t i = sizes.size(); i-- > 0;) {
      if (place[i] < 0 || place[i] >= int(sizes[i])) return 0;
      index = index * sizes[i] + size_t(place[i]);
    }
    return values[index];
  }
};

template <int kRank>
void check_load_tensor(const std::vector<uint64_t>& sizes, const std::vector<uint32_t>& box, At<kRank> corner) {
  const Hopper hopper;
  const Numbered tensor(sizes);
  int count = 1;
  for (uint32_t n : box) count *= int(n);
  Buffer<float> out{size_t(count)};
  launch(load_tensor_kernel<kRank>,
         {.name = "load_tensor", .grid = 1, .block = kWarpSize, .shared_bytes = size_t(count) * 4 + kAlignment},
         make_tensor_map(tensor.layout(), box), corner, out.data(), count);
  std::vector<float> expected;
  for (int i = 0; i < count; ++i) {
    std::vector<int> place;
    for (size_t d = 0, rest = size_t(i); d < kRank; rest /= box[d], ++d)
      place.push_back(corner.at[d] + int(rest % box[d]));
    expected.push_back(tensor.at(place));
  }
  require_equal(out.values(), expected);
}
FASTNETS_TEST(load_tensor_of_rank_2) { check_load_tensor<2>({12, 9}, {8, 4}, {{4, 2}}); }
FASTNETS_TEST(load_tensor_beyond_the_end) { check_load_tensor<2>({12, 9}, {8, 4}, {{8, 7}}); }
FASTNETS_TEST(load_tensor_before_the_beginning) { check_load_tensor<2>({12, 9}, {8, 4}, {{-3, -2}}); }
FASTNETS_TEST(load_tensor_from_the_middle_of_a_chunk) { check_load_tensor<2>({12, 9}, {8, 4}, {{5, 7}}); }
FASTNETS_TEST(load_tensor_of_rank_3) { check_load_tensor<3>({8, 5, 4}, {4, 3, 2}, {{4, 1, 3}}); }
FASTNETS_TEST(load_tensor_of_rank_4) { check_load_tensor<4>({8, 5, 4, 3}, {4, 3, 2, 2}, {{0, 3, -1, 1}}); }
FASTNETS_TEST(load_tensor_of_rank_5) { check_load_tensor<5>({4, 3, 3, 2, 3}, {4, 2, 2, 2, 2}, {{0, 1, 1, 1, 0}}); }

// A box of 16 lines, each as wide as the swizzle: 16-byte unit u of line r lies where unit u ^ (r * bytes / 128 % ...)
// would.
template <int kBytes>
void check_swizzle() {
  const Hopper hopper;
  constexpr uint32_t kLine = kBytes / 4, kLines = 16;
  const Numbered tensor({kLine, kLines});
  const std::vector<uint32_t> box{kLine, kLines};
  Buffer<float> out(kLine * kLines);
  launch(load_tensor_kernel<2>,
         {.name = "swizzle", .grid = 1, .block = kWarpSize, .shared_bytes = kLine * kLines * 4 + kAlignment},
         make_tensor_map(tensor.layout(kBytes), box), At<2>{}, out.data(), int(kLine * kLines));
  std::vector<float> expected(kLine * kLines);
  for (uint32_t i = 0; i < kLine * kLines; ++i) {
    const uint32_t unit = i / 4, eight_units = unit / 8;  // 16 and 128 bytes
    expected[(unit ^ eight_units % (kBytes / 16)) * 4 + i % 4] = tensor.values[i];
  }
  require_equal(out.values(), expected);
}
FASTNETS_TEST(load_tensor_swizzled_by_32_bytes) { check_swizzle<32>(); }
FASTNETS_TEST(load_tensor_swizzled_by_64_bytes) { check_swizzle<64>(); }
FASTNETS_TEST(load_tensor_swizzled_by_128_bytes) { check_swizzle<128>(); }

// ---- multicast: each of two blocks loads half of a box into both ------------------------------------------------

__global__ void multicast_kernel(const __grid_constant__ TensorMap map, float* out) {
  FASTNETS_STATIC_SHARED(loaded, uint64_t);
  DynamicShared shared;
  float* box = shared.take<float>(2 * 32, kAlignment);
  if (threadIdx.x == 0) {
    mbarrier_init(&loaded, 1);
    mbarrier_init_fence();
    mbarrier_arrive_expect(&loaded, 2 * 32 * 4);
  }
  cluster_sync();
  if (threadIdx.x == 0) {
    const int rank = cluster_rank(), at[2] = {0, rank * 4};
    load_tensor_multicast(box + rank * 32, map, &loaded, at, 3);
  }
  mbarrier_wait(&loaded, 0);
  for (int i = lane_index(); i < 64; i += kWarpSize) out[blockIdx.x * 64 + i] = box[i];
  cluster_sync();
}
FASTNETS_TEST(load_tensor_multicast_to_a_cluster) {
  const Hopper hopper;
  const Numbered tensor({8, 8});
  const std::vector<uint32_t> box{8, 4};
  Buffer<float> out(2 * 64);
  launch(multicast_kernel,
         {.name = "multicast", .grid = 2, .block = kWarpSize, .shared_bytes = 64 * 4 + kAlignment, .cluster = 2},
         make_tensor_map(tensor.layout(), box), out.data());
  std::vector<float> expected = tensor.values;
  expected.insert(expected.end(), tensor.values.begin(), tensor.values.end());
  require_equal(out.values(), expected);
}

// ---- im2col -----------------------------------------------------------------------------------------------------

template <int kRank>
struct Tap {
  uint16_t at[kRank - 2];
};

template <int kRank>
__global__ void im2col_kernel(const __grid_constant__ TensorMap map, At<kRank> first, Tap<kRank> tap, float* out,
                              int count) {
  DynamicShared shared;
  float* pixels = shared.take<float>(unsigned(count), kAlignment);
  load_and_wait(uint32_t(count) * 4, [&](uint64_t* loaded) { load_im2col(pixels, map, loaded, first.at, tap.at); });
  for (int i = lane_index(); i < count; i += kWarpSize) out[i] = pixels[i];
}

// A convolution along an axis, the first window that is loaded, and the tap. Padding below 0 leaves pixels out.
struct Line {
  int size, kernel, padding, padding_end, stride, dilation, window, tap;
};

// What a tap reads for `kPixels` outputs from one of image n on: 4 channels of `channels` from `channel` on.
template <int kAxes>
void check_im2col(const std::array<Line, kAxes>& axes, int n, int channels = 4, int channel = 0) {
  const Hopper hopper;
  constexpr int kRank = kAxes + 2, kC = 4, kN = 3, kPixels = 12;
  std::vector<uint64_t> sizes{uint64_t(channels)};
  std::vector<int> lower, upper, outputs;
  std::vector<uint32_t> step;
  At<kRank> first{};
  Tap<kRank> tap{};
  first.at[0] = channel, first.at[kRank - 1] = n;
  for (int d = 0; d < kAxes; ++d) {
    const Line& line = axes[size_t(d)];
    const int reach = line.dilation * (line.kernel - 1);
    sizes.push_back(uint64_t(line.size));
    lower.push_back(-line.padding), upper.push_back(line.padding_end - reach);
    step.push_back(uint32_t(line.stride));
    outputs.push_back((line.size + line.padding + line.padding_end - reach - 1) / line.stride + 1);
    first.at[d + 1] = line.window * line.stride - line.padding;
    tap.at[d] = uint16_t(line.tap * line.dilation);
  }
  sizes.push_back(kN);
  const Numbered images(sizes);
  Buffer<float> out(kPixels * kC);
  launch(im2col_kernel<kRank>,
         {.name = "im2col", .grid = 1, .block = kWarpSize, .shared_bytes = kPixels * kC * 4 + kAlignment},
         make_tensor_map(images.layout(), Im2col{lower, upper, step, kC, kPixels}), first, tap, out.data(),
         kPixels * kC);
  int output = n;  // of all images, walked from the last axis to the first
  for (int d = kAxes; d-- > 0;) output = output * outputs[size_t(d)] + axes[size_t(d)].window;
  std::vector<float> expected;
  for (int i = 0; i < kPixels; ++i) {
    std::vector<int> place{0};
    int rest = output + i;
    for (int d = 0; d < kAxes; rest /= outputs[size_t(d)], ++d) {
      const Line& line = axes[size_t(d)];
      place.push_back(rest % outputs[size_t(d)] * line.stride - line.padding + line.tap * line.dilation);
    }
    place.push_back(rest);
    for (int c = 0; c < kC; ++c) {
      place[0] = channel + c;
      expected.push_back(images.at(place));
    }
  }
  require_equal(out.values(), expected);
}
//                     size, kernel, padding, at the end, stride, dilation, window, tap; the width first
FASTNETS_TEST(load_im2col_of_stride_1) { check_im2col<2>({{{7, 3, 1, 1, 1, 1, 5, 2}, {5, 3, 1, 1, 1, 1, 3, 0}}}, 0); }
FASTNETS_TEST(load_im2col_of_stride_2) { check_im2col<2>({{{7, 3, 1, 1, 2, 1, 2, 1}, {5, 3, 1, 1, 2, 1, 1, 2}}}, 1); }
FASTNETS_TEST(load_im2col_of_the_last_image) {
  check_im2col<2>({{{7, 3, 1, 1, 1, 1, 0, 1}, {5, 3, 1, 1, 1, 1, 4, 1}}}, 2);
}
FASTNETS_TEST(load_im2col_that_no_step_ends_with) {  // the last pixel of the box is no window's first
  check_im2col<2>({{{8, 2, 1, 1, 3, 1, 2, 1}, {6, 1, 0, 0, 2, 1, 1, 0}}}, 1);
}
FASTNETS_TEST(load_im2col_of_unequal_corners) {
  check_im2col<2>({{{6, 3, 0, 2, 1, 1, 4, 2}, {5, 2, 3, 0, 1, 2, 1, 1}}}, 0);
}
FASTNETS_TEST(load_im2col_of_corners_inside) {
  check_im2col<2>({{{9, 3, -1, -2, 1, 1, 2, 0}, {5, 1, -2, 0, 1, 1, 0, 0}}}, 1);
}
FASTNETS_TEST(load_im2col_of_rank_3) { check_im2col<1>({{{11, 3, 4, 4, 1, 3, 9, 2}}}, 1); }
FASTNETS_TEST(load_im2col_of_rank_5) {
  check_im2col<3>({{{4, 3, 1, 1, 1, 1, 3, 2}, {5, 2, 0, 1, 2, 1, 2, 1}, {3, 2, 1, 1, 1, 2, 1, 1}}}, 0);
}
FASTNETS_TEST(load_im2col_beyond_the_channels) {
  check_im2col<2>({{{7, 3, 1, 1, 1, 1, 5, 2}, {5, 3, 1, 1, 1, 1, 3, 0}}}, 0, 8, 6);
}

// ---- stores -----------------------------------------------------------------------------------------------------

template <int kRank, bool kAdds>
__global__ void store_tensor_kernel(const __grid_constant__ TensorMap map, At<kRank> corner, int count) {
  DynamicShared shared;
  float* box = shared.take<float>(unsigned(count), kAlignment);
  for (int i = lane_index(); i < count; i += kWarpSize) box[i] = float(-1 - i);
  fence_proxy_shared();
  __syncwarp();
  if (elect_one()) {
    if constexpr (kAdds)
      add_tensor(map, box, corner.at);
    else
      store_tensor(map, box, corner.at);
    commit_stores();
    wait_stores_read<0>();
  }
}

template <int kRank, bool kAdds>
void check_store_tensor(const std::vector<uint64_t>& sizes, const std::vector<uint32_t>& box, At<kRank> corner) {
  const Hopper hopper;
  const Numbered tensor(sizes);
  int count = 1;
  for (uint32_t n : box) count *= int(n);
  launch(store_tensor_kernel<kRank, kAdds>,
         {.name = "store_tensor", .grid = 1, .block = kWarpSize, .shared_bytes = size_t(count) * 4 + kAlignment},
         make_tensor_map(tensor.layout(), box), corner, count);
  std::vector<float> expected = tensor.values;
  for (int i = 0; i < count; ++i) {
    bool inside = true;
    size_t index = 0, factor = 1;
    for (size_t d = 0, rest = size_t(i); d < kRank; rest /= box[d], factor *= sizes[d], ++d) {
      const int place = corner.at[d] + int(rest % box[d]);
      inside = inside && place >= 0 && place < int(sizes[d]);
      index += size_t(place) * factor;
    }
    if (inside) expected[index] = (kAdds ? expected[index] : 0) + float(-1 - i);
  }
  require_equal(tensor.device.values(), expected);
}
FASTNETS_TEST(store_tensor_of_rank_2) { check_store_tensor<2, false>({12, 9}, {8, 4}, {{8, 7}}); }
FASTNETS_TEST(store_tensor_before_the_beginning) { check_store_tensor<2, false>({12, 9}, {8, 4}, {{-3, -1}}); }
FASTNETS_TEST(store_tensor_of_rank_3) { check_store_tensor<3, false>({8, 5, 4}, {4, 3, 2}, {{4, 1, 3}}); }
FASTNETS_TEST(store_tensor_of_rank_4) { check_store_tensor<4, false>({8, 5, 4, 3}, {4, 3, 2, 2}, {{0, 3, -1, 1}}); }
FASTNETS_TEST(store_tensor_of_rank_5) {
  check_store_tensor<5, false>({4, 3, 3, 2, 3}, {4, 2, 2, 2, 2}, {{0, 1, 1, 1, 0}});
}
FASTNETS_TEST(add_tensor_of_rank_2) { check_store_tensor<2, true>({12, 9}, {8, 4}, {{4, 6}}); }
FASTNETS_TEST(add_tensor_of_rank_3) { check_store_tensor<3, true>({8, 5, 4}, {4, 3, 2}, {{4, 1, 3}}); }
FASTNETS_TEST(add_tensor_of_rank_4) { check_store_tensor<4, true>({8, 5, 4, 3}, {4, 3, 2, 2}, {{0, 3, -1, 1}}); }
FASTNETS_TEST(add_tensor_of_rank_5) {
  check_store_tensor<5, true>({4, 3, 3, 2, 3}, {4, 2, 2, 2, 2}, {{0, 1, 1, 1, 0}});
}

// ---- bytes that lie together ------------------------------------------------------------------------------------

__global__ void bulk_kernel(const float* in, float* copy, float* sum) {
  constexpr uint32_t kBytes = 64 * sizeof(float);
  DynamicShared shared;
  float* values = shared.take<float>(64, 16);
  load_and_wait(kBytes, [&](uint64_t* loaded) { load_bulk(values, in, kBytes, loaded); });
  if (lane_index() == 0) {
    store_bulk(copy, values, kBytes);
    add_bulk(sum, values, kBytes);
    commit_stores();
    wait_stores<0>();
    copy[64] = copy[63] + 1;  // the store has come
  }
}
FASTNETS_TEST(bulk_load_store_and_add) {
  const Hopper hopper;
  const Numbered numbers({64, 1});
  Buffer<float> copy(65), sum(std::vector<float>(64, 100.0f));
  launch(bulk_kernel, {.name = "bulk", .grid = 1, .block = kWarpSize, .shared_bytes = 64 * sizeof(float)},
         static_cast<const float*>(numbers.device.data()), copy.data(), sum.data());
  std::vector<float> expected = numbers.values;
  expected.push_back(65);
  require_equal(copy.values(), expected);
  for (float& value : expected) value += 100;
  expected.pop_back();
  require_equal(sum.values(), expected);
}

__global__ void send_kernel(float* out) {
  constexpr uint32_t kBytes = 32 * sizeof(float);
  FASTNETS_STATIC_SHARED(received, uint64_t);
  DynamicShared shared;
  float* mine = shared.take<float>(32, 16);
  float* theirs = shared.take<float>(32, 16);
  if (threadIdx.x == 0) {
    mbarrier_init(&received, 1);
    mbarrier_init_fence();
    mbarrier_arrive_expect(&received, kBytes);
  }
  mine[lane_index()] = float(int(blockIdx.x) * 100 + lane_index());
  fence_proxy_shared();
  cluster_sync();
  if (threadIdx.x == 0) send_bulk(theirs, mine, kBytes, &received, (cluster_rank() + 1) % 3);
  mbarrier_wait<Sight::cluster>(&received, 0);
  out[blockIdx.x * 32 + threadIdx.x] = theirs[31 - lane_index()];
  cluster_sync();
}
FASTNETS_TEST(send_bulk_to_the_next_block) {
  const Hopper hopper;
  Buffer<float> out(3 * 32);
  launch(send_kernel, {.name = "send", .grid = 3, .block = kWarpSize, .shared_bytes = 64 * sizeof(float), .cluster = 3},
         out.data());
  std::vector<float> expected;
  for (int block = 0; block < 3; ++block)
    for (int lane = 0; lane < 32; ++lane) expected.push_back(float((block + 2) % 3 * 100 + 31 - lane));
  require_equal(out.values(), expected);
}

// What one block stores in bulk, another loads in bulk: the proxy that it passes through is the same, but between
// stands an ordinary flag.
__global__ void exchange_kernel(float* values, uint32_t* flag, float* out) {
  constexpr uint32_t kBytes = 32 * sizeof(float);
  DynamicShared shared;
  float* mine = shared.take<float>(32, 16);
  if (blockIdx.x == 0) {
    values[lane_index()] = float(lane_index());
    fence_proxy();
    __syncwarp();
    if (lane_index() == 0) store_release(flag, 1);
  } else {
    if (lane_index() == 0)
      while (load_acquire(flag) == 0) {}
    __syncwarp();
    load_and_wait(kBytes, [&](uint64_t* loaded) { load_bulk(mine, values, kBytes, loaded); });
    out[lane_index()] = mine[31 - lane_index()];
  }
}
FASTNETS_TEST(fence_proxy_before_a_load_by_another_block) {
  const Hopper hopper;
  Buffer<float> values(32), out(32);
  Buffer<uint32_t> flag(std::vector<uint32_t>{0});
  launch(exchange_kernel,
         {.name = "exchange", .grid = 2, .block = kWarpSize, .shared_bytes = 32 * sizeof(float), .cooperative = true},
         values.data(), flag.data(), out.data());
  std::vector<float> expected;
  for (int i = 0; i < 32; ++i) expected.push_back(float(31 - i));
  require_equal(out.values(), expected);
}

}  // namespace
}  // namespace fastnets::tests
