// The product that serves linear, convolution and the input projections of recurrent nets:
//   sink(i, j) = sum_k a(i, k) * b(j, k)
// What differs between its users is where operands come from (operand.cuh) and where results go (a sink takes runs of
// finished results, as RowSink in epilogue.cuh).
//
// A sum is formed in chains of kChain terms, which are then added in order. Where a product has few tiles and a long
// depth, several blocks share a tile, each with some of its chains; a second kernel adds their sums in order. Tiles and
// splits depend on the shape alone.
#pragma once
#include <algorithm>
#include <concepts>

#include "cuda/backend/launch.h"
#include "cuda/backend/workspace.h"
#include "cuda/elements.cuh"
#include "cuda/epilogue.cuh"
#include "cuda/for_sm90a.cuh"
#include "cuda/mainloop_simt.cuh"
#include "cuda/mainloop_sm80.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

template <class L>
concept Mainloop = requires {
  { L::kTileM + L::kTileN + L::kThreads + L::kBlocks + L::kResultStride } -> std::convertible_to<int>;
  { L::kSharedBytes } -> std::convertible_to<size_t>;
  &L::run;
};

struct Plan {
  int64_t batch, M, N, K;
  int64_t tiles_m, tiles_n, splits, split_depth;
  Float32Precision precision;
};

constexpr int64_t kEnoughBlocks = 128;  // about as many as a large device has multiprocessors

template <class Loop>
Plan make_plan(int64_t batch, int64_t M, int64_t N, int64_t K) {
  Plan plan{batch, M, N, K, divide_up(M, Loop::kTileM), divide_up(N, Loop::kTileN), 1, K, float32_precision};
  const int64_t tiles = batch * plan.tiles_m * plan.tiles_n, chains = divide_up(K, kChain);
  if (tiles < kEnoughBlocks && chains > 1) {
    plan.split_depth = divide_up(chains, std::min(chains, kEnoughBlocks / tiles)) * kChain;
    plan.splits = divide_up(K, plan.split_depth);
  }
  return plan;
}

// Where block `blockIdx` stands. Tiles are walked in bands of kBand rows of tiles, whose operands stay in the cache.
struct Place {
  int64_t batch, tile_m, tile_n;
  __device__ __forceinline__ explicit Place(const Plan& plan) {
    constexpr int64_t kBand = 8;
    const int64_t tiles = plan.tiles_m * plan.tiles_n, tile = blockIdx.x % tiles;
    batch = blockIdx.x / tiles;
    const int64_t band = tile / (kBand * plan.tiles_n), first = band * kBand, in_band = tile % (kBand * plan.tiles_n);
    const int64_t height = min(kBand, plan.tiles_m - first);
    tile_m = first + in_band % height;
    tile_n = in_band / height;
  }
};

// A block computes one tile and hands it to the sink; or one split of a tile, which it leaves in `partial`, an array
// (splits, batch, M, N).
template <Mainloop Loop, class A, class B, class Sink>
__global__ void __launch_bounds__(Loop::kThreads, Loop::kBlocks)
    gemm_kernel(const Plan plan, A a, B b, float* partial, const Sink sink) {
  const Place place(plan);
  const int64_t split = blockIdx.y, first_m = place.tile_m * Loop::kTileM, first_n = place.tile_n * Loop::kTileN;
  const int64_t k_begin = split * plan.split_depth;
  a.select(place.batch);
  b.select(place.batch);
  const float* result =
      Loop::run(a, b, first_m, first_n, k_begin, min(plan.K, k_begin + plan.split_depth), plan.precision);
  __syncthreads();

  constexpr int kRuns = Loop::kTileN / Sink::kWidth;
  for (int r = int(threadIdx.x); r < Loop::kTileM * kRuns; r += Loop::kThreads) {
    const int row = r / kRuns, column = r % kRuns * Sink::kWidth;
    const int64_t i = first_m + row, j = first_n + column;
    if (i >= plan.M || j >= plan.N) continue;
    const int n = int(min(int64_t{Sink::kWidth}, plan.N - j));
    float v[Sink::kWidth];
    read_some(v, result + row * Loop::kResultStride + column, Sink::kWidth, true);
    if (partial)
      write_some(partial + ((split * plan.batch + place.batch) * plan.M + i) * plan.N + j, v, n, plan.N % 4 == 0);
    else
      sink(place.batch, i, j, n, v);
  }
}

// A thread adds the splits of a run of results.
template <class Sink>
__global__ void __launch_bounds__(256) add_splits_kernel(const Plan plan, const float* partial, const Sink sink) {
  const int64_t runs = (plan.N + Sink::kWidth - 1) / Sink::kWidth, plane = plan.batch * plan.M * plan.N;
  for (int64_t r = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; r < plan.batch * plan.M * runs;
       r += int64_t{gridDim.x} * blockDim.x) {
    const int64_t row = r / runs, j = r % runs * Sink::kWidth;  // row = (batch, i)
    const int n = int(min(int64_t{Sink::kWidth}, plan.N - j));
    float v[Sink::kWidth] = {};
    for (int64_t split = 0; split < plan.splits; ++split) {
      float part[Sink::kWidth];
      read_some(part, partial + split * plane + row * plan.N + j, n, plan.N % 4 == 0);
#pragma unroll
      for (int e = 0; e < Sink::kWidth; ++e) v[e] += part[e];
    }
    sink(row / plan.M, row % plan.M, j, n, v);
  }
}

template <class Sink>
void add_splits(const char* name, const Plan& plan, const float* partial, const Sink& sink, Stream stream) {
  const int64_t runs = plan.batch * plan.M * divide_up(plan.N, Sink::kWidth);
  launch(
      add_splits_kernel<Sink>,
      {.name = name, .grid = unsigned(std::min(divide_up(runs, 256), int64_t{4096})), .block = 256, .stream = stream},
      plan, partial, sink);
}

template <Mainloop Loop, class A, class B, class Sink>
void run_plan(const char* name, const Plan& plan, const A& a, const B& b, const Sink& sink, Workspace& workspace,
              Stream stream) {
  float* partial = plan.splits > 1 ? workspace.take<float>(plan.splits * plan.batch * plan.M * plan.N) : nullptr;
  if (workspace.counts_only) return;

  launch(gemm_kernel<Loop, A, B, Sink>,
         {.name = name,
          .grid = dim3(unsigned(plan.batch * plan.tiles_m * plan.tiles_n), unsigned(plan.splits)),
          .block = Loop::kThreads,
          .shared_bytes = Loop::kSharedBytes,
          .stream = stream},
         plan, a, b, partial, sink);
  if (plan.splits > 1) add_splits(name, plan, partial, sink, stream);
}

template <Mainloop Loop, class A, class B, class Sink>
void run_gemm(const char* name, int64_t batch, int64_t M, int64_t N, int64_t K, const A& a, const B& b,
              const Sink& sink, Workspace& workspace, Stream stream) {
  run_plan<Loop>(name, make_plan<Loop>(batch, M, N, K), a, b, sink, workspace, stream);
}

template <class A, class B>
using LargeLoop = std::conditional_t<std::is_same_v<typename A::Element, float>, SimtLoop<A, B, 2>,
                                     TensorCoreLoop<A, B, 2, 4, 64, 32>>;
template <class A, class B>
using SmallLoop = std::conditional_t<std::is_same_v<typename A::Element, float>, SimtLoop<A, B, 1>,
                                     TensorCoreLoop<A, B, 2, 2, 32, 32>>;
template <class A, class B>
using Float32Loop = TensorCoreLoop<A, B, 4, 2, 32, 32>;  // on the tensor cores

// a: (M, K), b: (N, K) of each of `batch` products. With a workspace that only counts, only counts.
template <class A, class B, class Sink>
void gemm(const char* name, int64_t batch, int64_t M, int64_t N, int64_t K, const A& a, const B& b, Sink sink,
          Workspace& workspace, Stream stream) {
  using Large = LargeLoop<A, B>;
  if (!batch || !M || !N) return;
  if constexpr (kHasSm90a)
    if (const auto product = for_sm90a(name, batch, M, N, K, a, b, sink))
      return sm90a::run(*product, sm90a::tile_for(*product), workspace, stream);
  sink.find_alignment();
  if constexpr (std::is_same_v<typename A::Element, float>)
    if (float32_precision != Float32Precision::ieee)
      return run_gemm<Float32Loop<A, B>>(name, batch, M, N, K, a, b, sink, workspace, stream);
  if (batch * divide_up(M, Large::kTileM) * divide_up(N, Large::kTileN) >= kEnoughBlocks)
    run_gemm<Large>(name, batch, M, N, K, a, b, sink, workspace, stream);
  else
    run_gemm<SmallLoop<A, B>>(name, batch, M, N, K, a, b, sink, workspace, stream);
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
