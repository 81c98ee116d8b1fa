#include "core/ops/norm.h"

#include <cmath>

#include "core/entries.h"
#include "cuda/access.cuh"
#include "cuda/layout.cuh"
#include "cuda/number.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

constexpr int kThreads = 256;

// What of an element is added, or compared where the largest is wanted. A nan is the largest.
struct Power {
  float p;
  bool is_largest;
  explicit Power(double norm_type) : p(float(norm_type)), is_largest(std::isinf(norm_type)) {}
  __device__ __forceinline__ float of(float x) const {
    const float size = fabsf(x);
    return is_largest || p == 1 ? size : p == 2 ? x * x : powf(size, p);
  }
  __device__ __forceinline__ float join(float a, float b) const {
    if (!is_largest) return a + b;
    return a != a || a > b ? a : b;
  }
};

// A block owns kPiece elements, a thread some runs of them; parts[block] is what they come to.
template <class T>
__global__ void __launch_bounds__(kThreads) norm_kernel(const Power power, const T* x, const int64_t size,
                                                        const int64_t piece, const bool aligned, float* parts) {
  FASTNETS_STATIC_SHARED(partial, float[kThreads / kWarpSize]);
  const int64_t begin = blockIdx.x * piece, end = min(size, begin + piece);
  float total = 0;
  for (int64_t at = begin + int64_t{threadIdx.x} * kChunk<T>; at < end; at += kThreads * kChunk<T>) {
    float v[kChunk<T>], sum = 0;
    read_some(v, x + at, int(min(int64_t{kChunk<T>}, end - at)), aligned);  // what is not there is 0
#pragma unroll
    for (int e = 0; e < kChunk<T>; ++e) sum = power.join(sum, power.of(v[e]));
    total = power.join(total, sum);
  }
  for (int distance = kWarpSize / 2; distance > 0; distance /= 2)
    total = power.join(total, shuffle_xor(total, distance));
  if (lane_index() == 0) partial[warp_index()] = total;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int w = 1; w < kThreads / kWarpSize; ++w) total = power.join(total, partial[w]);
  parts[blockIdx.x] = total;
}

// One thread: there are few parts.
template <class Y>
struct FinishNorm {
  Power power;
  double norm_type;
  Number previous;
  const float* parts;
  int64_t count;
  Y* output;
  __device__ __forceinline__ void operator()(int64_t) const {
    double total = 0;
    if (power.is_largest) {
      total = previous();
      for (int64_t i = 0; i < count; ++i)
        if (parts[i] != parts[i] || parts[i] > total) total = parts[i];
    } else {
      for (int64_t i = 0; i < count; ++i) total += double(parts[i]);
      total = norm_type == 2 ? sqrt(total + previous() * previous())
                             : pow(total + pow(previous(), norm_type), 1 / norm_type);
    }
    *output = Y(total);
  }
};

template <class T>
void norm(const Norm& op, Workspace& workspace, Stream stream) {
  const T* x = in_format<T>(op.name, op.input, op.input.is_channels_last(), workspace, stream);
  // Chains of at most 512 terms a thread, and few enough blocks for one thread to add what they come to.
  constexpr int64_t kPiece = int64_t{kThreads} * 64, kMostBlocks = 512;
  const int64_t size = op.input.size();
  const int64_t piece = std::max(kPiece, divide_up(divide_up(size, kMostBlocks), kPiece) * kPiece);
  const int64_t blocks = divide_up(size, piece);
  float* parts = workspace.take<float>(blocks);
  if (workspace.counts_only) return;
  const Power power(op.norm_type);
  if (blocks)
    launch(norm_kernel<T>, {.name = op.name, .grid = unsigned(blocks), .block = kThreads, .stream = stream}, power, x,
           size, piece, is_aligned(x), parts);
  const auto finish = [&]<class Y>(Type<Y>) {
    for_elements(op.name, 1, FinishNorm<Y>{power, op.norm_type, Number(op.previous), parts, blocks, op.output.as<Y>()},
                 stream);
  };
  op.output.dtype == DType::float64 ? finish(Type<double>{}) : finish(Type<float>{});
}

}  // namespace

void run(const Norm& op, Pass pass, Workspace& workspace, Stream stream) {
  if (pass == Pass::backward) return;  // it is not differentiated
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) { norm<T>(op, workspace, stream); });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
