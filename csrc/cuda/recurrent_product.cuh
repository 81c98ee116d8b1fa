// The product in each step of a persistent recurrent net: a block's rows of the weight, which stay in shared memory,
// with kColumns rows of the state, which are read from global memory.
//
// Warps share the depth, and leave partial sums that are added in their order. All arrays are padded with zeros to
// whole tiles.
#pragma once
#include "cuda/arch/sm80.cuh"
#include "cuda/sum.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

struct StepShape {
  static constexpr int kThreads = 256, kWarps = kThreads / kWarpSize;
  static constexpr int kTile = 16, kMostTiles = 4;  // rows of the weight
  static constexpr int kColumns = 16;               // rows of the state
  static constexpr int kMostUnits = kThreads / kColumns;
  static constexpr int kDepth = 32;  // that a warp takes at a time

  int tiles, blocks;  // of kTile rows, of kDepth

  __host__ __device__ size_t weight_elements() const { return size_t(tiles) * kTile * blocks * kDepth; }
  // A column's sums, and a gap, so that those of neighbouring columns lie in other banks.
  __host__ __device__ int stride() const { return tiles * kTile + 8; }
  __host__ __device__ size_t sum_elements() const { return size_t(kWarps) * kColumns * stride(); }
};

template <class T>
struct StepProductBase {
  StepShape shape;
  T* weight;

  __device__ __forceinline__ float* at(float* sums, int warp, int row, int column) const {
    return sums + (warp * StepShape::kColumns + column) * shape.stride() + row;
  }
  __device__ __forceinline__ float sum(float* sums, int row, int column) const {
    float total = 0;
#pragma unroll
    for (int warp = 0; warp < StepShape::kWarps; ++warp) total += *at(sums, warp, row, column);
    return total;
  }
};

// Half precision: mma.sync, with the weight as its a, in shared memory as the lanes want it, and the state as its b. As
// sums may run over the depth in any order, lane / 4 of a and b hold elements that lie together: in each block of
// kDepth, 8 of them from lane % 4 · 8 on.
template <class T>
struct StepProduct : StepProductBase<T> {
  static constexpr int kHalves = StepShape::kDepth / 16, kN = StepShape::kColumns / 8;
  using StepProductBase<T>::shape;
  using StepProductBase<T>::weight;

  // element(row, k): of the weight.
  template <class Element>
  __device__ __forceinline__ void load_weight(const Element& element) const {
    const int lane = lane_index();
    const int fragments = shape.tiles * shape.blocks * kHalves;
    for (int f = warp_index(); f < fragments; f += StepShape::kWarps) {
      const int half = f % kHalves, block = f / kHalves % shape.blocks, tile = f / kHalves / shape.blocks;
      Vector<T, 8> fragment;
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        const int row = tile * 16 + lane / 4 + i / 2 % 2 * 8;
        fragment[i] = element(row, block * StepShape::kDepth + lane % 4 * 8 + half * 4 + i / 4 * 2 + i % 2);
      }
      store_vector(weight + (f * kWarpSize + lane) * 8, fragment);
    }
  }

  __device__ __forceinline__ void multiply(const T* state, int64_t stride, float* sums) const {
    constexpr int kAhead = 4;  // blocks whose state is under way at once
    const int lane = lane_index();
    const T* from = state + lane / 4 * stride + lane % 4 * 8;
    float d[StepShape::kMostTiles][kN][4] = {};
    for (int first = warp_index(); first < shape.blocks; first += kAhead * StepShape::kWarps) {
      Vector<uint32_t, 4> b[kAhead][kN];
#pragma unroll
      for (int i = 0; i < kAhead; ++i) {
        const int block = first + i * StepShape::kWarps;
        if (block >= shape.blocks) break;
#pragma unroll
        for (int n = 0; n < kN; ++n)
          b[i][n] =
              load_vector<4>(reinterpret_cast<const uint32_t*>(from + n * 8 * stride + block * StepShape::kDepth));
      }
#pragma unroll
      for (int i = 0; i < kAhead; ++i) {
        const int block = first + i * StepShape::kWarps;
        if (block >= shape.blocks) break;
#pragma unroll
        for (int tile = 0; tile < StepShape::kMostTiles; ++tile) {
          if (tile >= shape.tiles) break;
#pragma unroll
          for (int half = 0; half < kHalves; ++half) {
            const int f = (tile * shape.blocks + block) * kHalves + half;
            const auto a = load_vector<4>(reinterpret_cast<const uint32_t*>(weight + (f * kWarpSize + lane) * 8));
            const uint32_t rows[4] = {a[0], a[1], a[2], a[3]};
#pragma unroll
            for (int n = 0; n < kN; ++n) {
              const uint32_t columns[2] = {b[i][n][half * 2], b[i][n][half * 2 + 1]};
              mma<T>(d[tile][n], rows, columns);
            }
          }
        }
      }
    }
#pragma unroll
    for (int tile = 0; tile < StepShape::kMostTiles; ++tile) {
      if (tile >= shape.tiles) break;
#pragma unroll
      for (int n = 0; n < kN; ++n)
#pragma unroll
        for (int e = 0; e < 4; ++e)
          *this->at(sums, warp_index(), tile * 16 + lane / 4 + e / 2 * 8, n * 8 + lane % 4 * 2 + e % 2) = d[tile][n][e];
    }
  }
};

// float32: FMA. The weight lies four of the depth together, row by row; a lane owns every eighth row from lane / 4 on
// and every fourth column.
template <>
struct StepProduct<float> : StepProductBase<float> {
  static constexpr int kRows = StepShape::kMostTiles * StepShape::kTile / 8, kColumns = StepShape::kColumns / 4;

  template <class Element>
  __device__ __forceinline__ void load_weight(const Element& element) const {
    const int rows = shape.tiles * StepShape::kTile, groups = shape.blocks * StepShape::kDepth / 4;
    for (int i = int(threadIdx.x); i < rows * groups; i += StepShape::kThreads) {
      const int row = i % rows, k = i / rows * 4;
      store_vector(weight + i * 4,
                   Vector<float, 4>{element(row, k), element(row, k + 1), element(row, k + 2), element(row, k + 3)});
    }
  }

  __device__ __forceinline__ void multiply(const float* state, int64_t stride, float* sums) const {
    const int lane_row = lane_index() / 4, lane_column = lane_index() % 4, rows = shape.tiles * StepShape::kTile;
    float d[kRows][kColumns] = {};
    for (int block = warp_index(); block < shape.blocks; block += StepShape::kWarps) {
#pragma unroll 2
      for (int k = block * StepShape::kDepth; k < (block + 1) * StepShape::kDepth; k += 4) {
        Vector<float, 4> b[kColumns];
#pragma unroll
        for (int j = 0; j < kColumns; ++j) b[j] = load_vector<4>(state + (lane_column + j * 4) * stride + k);
#pragma unroll
        for (int i = 0; i < kRows; ++i) {
          if (i * 8 >= rows) break;
          const Vector<float, 4> a = load_vector<4>(weight + k * rows + (i * 8 + lane_row) * 4);
#pragma unroll
          for (int j = 0; j < kColumns; ++j)
#pragma unroll
            for (int e = 0; e < 4; ++e) d[i][j] = fmaf(a[e], b[j][e], d[i][j]);
        }
      }
    }
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      if (i * 8 >= rows) break;
#pragma unroll
      for (int j = 0; j < kColumns; ++j) *at(sums, warp_index(), i * 8 + lane_row, lane_column + j * 4) = d[i][j];
    }
  }
};

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
