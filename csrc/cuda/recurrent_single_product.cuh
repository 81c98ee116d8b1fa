// The products of a single step of few sequences, where what counts is to read the weights: each of their elements goes
// once, from global memory to the registers of the lane that wants it.
//
// A block owns kUnits units of kSequences sequences. Its warps share the depth, first the input's and then the state's,
// and leave partial sums that are added in their order.
#pragma once
#include <bit>

#include "cuda/elements.cuh"
#include "cuda/operand.cuh"
#include "cuda/recurrent_cells.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

struct SingleShape {
  static constexpr int kThreads = 256, kWarps = kThreads / kWarpSize;
  static constexpr int kUnits = 8, kSequences = kThreads / kUnits;  // a thread's cell is that of one of each
};

// The input or the state, and its weight.
template <class T>
struct SingleHalf {
  MatrixOperand<T, Order::depth> values, weight;  // (B, depth), (G · H, depth)
};

// What a lane reads: the weight's rows of one unit, the values of the block's sequences.
struct SingleLane {
  int64_t unit, units, first_sequence;
  int sequences;
};

// A block of the depth; of it a lane reads the chunk from k on.
template <class T>
struct SingleBlock {
  const SingleHalf<T>& half;
  bool of_state;
  int64_t k;
};

// The sums that a lane has a part of: one a gate, and one more where a gate wants those of the state by themselves.
//
// Half precision: mma.sync, with sequences as rows and units as columns. Sums may run over the depth in any order, and
// so a lane's elements lie together.
template <class T, class C>
struct SingleSums {
  static constexpr int kAhead = 2;  // blocks under way at once: 64 registers, and as many for addresses
  static constexpr int kTiles = SingleShape::kSequences / 16, kRows = 2;  // of a tile, a lane's
  float sums[C::kKept][kTiles][4];

  struct Chunks {
    Vector<T, kChunk<T>> weight[C::kGates], values[kTiles][kRows];
  };
  __device__ __forceinline__ static void load(Chunks& to, const SingleBlock<T>& block, const SingleLane& lane) {
#pragma unroll
    for (int g = 0; g < C::kGates; ++g)
      to.weight[g] = block.half.weight.load_chunk(g * lane.units + lane.unit, block.k);
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
      if (tile * 16 >= lane.sequences) break;
#pragma unroll
      for (int row = 0; row < kRows; ++row)
        to.values[tile][row] =
            block.half.values.load_chunk(lane.first_sequence + tile * 16 + row * 8 + lane_index() / 4, block.k);
    }
  }
  __device__ __forceinline__ void multiply(const Chunks& chunks, const SingleBlock<T>& block, const SingleLane& lane) {
#pragma unroll
    for (int g = 0; g < C::kGates; ++g) {
      const Words b = words(chunks.weight[g]);
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile) {
        if (tile * 16 >= lane.sequences) break;
        const Words low = words(chunks.values[tile][0]), high = words(chunks.values[tile][1]);
#pragma unroll
        for (int step = 0; step < 4; step += 2) {
          const uint32_t rows[4] = {low[step], high[step], low[step + 1], high[step + 1]};
          const uint32_t columns[2] = {b[step], b[step + 1]};
          if (block.of_state && C::of_state(g) != g)
            mma<T>(sums[C::of_state(g)][tile], rows, columns);
          else
            mma<T>(sums[g][tile], rows, columns);
        }
      }
    }
  }
  template <class Partial>
  __device__ __forceinline__ void store(Partial& partial, const SingleLane&) const {
    const int lane = lane_index();
#pragma unroll
    for (int sum = 0; sum < C::kKept; ++sum)
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile)
#pragma unroll
        for (int e = 0; e < 4; ++e)
          partial[sum][tile * 16 + e / 2 * 8 + lane / 4][lane % 4 * 2 + e % 2] = sums[sum][tile][e];
  }

 private:
  using Words = Vector<uint32_t, 4>;
  __device__ __forceinline__ static Words words(const Vector<T, kChunk<T>>& chunk) {
    return std::bit_cast<Words>(chunk);
  }
};

// float32: FMA. A lane has a quarter of its unit's sums, for all sequences.
template <class C>
struct SingleSums<float, C> {
  static constexpr int kAhead = 2;  // 32 registers beside the 128 of the sums
  float sums[C::kKept][SingleShape::kSequences];

  struct Chunks {
    Vector<float, 4> weight[C::kGates];
  };
  __device__ __forceinline__ static void load(Chunks& to, const SingleBlock<float>& block, const SingleLane& lane) {
#pragma unroll
    for (int g = 0; g < C::kGates; ++g)
      to.weight[g] = block.half.weight.load_chunk(g * lane.units + lane.unit, block.k);
  }
  __device__ __forceinline__ void multiply(const Chunks& chunks, const SingleBlock<float>& block,
                                           const SingleLane& lane) {
#pragma unroll
    for (int sequence = 0; sequence < SingleShape::kSequences; ++sequence) {
      if (sequence >= lane.sequences) break;
      const Vector<float, 4> values = block.half.values.load_chunk(lane.first_sequence + sequence, block.k);
#pragma unroll
      for (int g = 0; g < C::kGates; ++g) {
        if (block.of_state && C::of_state(g) != g)
          add(sums[C::of_state(g)][sequence], values, chunks.weight[g]);
        else
          add(sums[g][sequence], values, chunks.weight[g]);
      }
    }
  }
  template <class Partial>
  __device__ __forceinline__ void store(Partial& partial, const SingleLane& lane) const {
#pragma unroll
    for (int sequence = 0; sequence < SingleShape::kSequences; ++sequence) {
      if (sequence >= lane.sequences) break;
#pragma unroll
      for (int sum = 0; sum < C::kKept; ++sum) {
        const float total = warp_sum<4>(sums[sum][sequence]);
        if (lane_index() % 4 == 0) partial[sum][sequence][lane_index() / 4] = total;
      }
    }
  }

 private:
  __device__ __forceinline__ static void add(float& sum, const Vector<float, 4>& a, const Vector<float, 4>& b) {
#pragma unroll
    for (int e = 0; e < 4; ++e) sum = fmaf(a[e], b[e], sum);
  }
};

template <class T, RecurrentCell kind>
struct SingleProduct {
  using C = Cell<kind>;
  using Sums = SingleSums<T, C>;
  static constexpr int kDepth = 4 * kChunk<T>;  // that a warp takes at a time
  using Partial = float[SingleShape::kWarps][C::kKept][SingleShape::kSequences][SingleShape::kUnits];

  SingleHalf<T> input, state;
  int64_t B, H;

  // A warp's sums are one chain.
  static bool serves(int64_t inputs, int64_t units) {
    return divide_up(inputs, kDepth) + divide_up(units, kDepth) <= SingleShape::kWarps * (kChain / kDepth);
  }

  // Leaves the warp's sums in `partial`.
  __device__ __forceinline__ void run(Partial& partial, int64_t first_sequence, int64_t first_unit) const {
    const SingleLane lane{min(first_unit + lane_index() / 4, H - 1), H, first_sequence,  // behind the last any will do
                          int(min(int64_t{SingleShape::kSequences}, B - first_sequence))};
    const int blocks = blocks_of(input) + blocks_of(state);
    Sums sums{};
    for (int first = warp_index(); first < blocks; first += Sums::kAhead * SingleShape::kWarps) {
      typename Sums::Chunks under_way[Sums::kAhead];
#pragma unroll
      for (int i = 0; i < Sums::kAhead; ++i) {
        const int block = first + i * SingleShape::kWarps;
        if (block < blocks) Sums::load(under_way[i], block_of_depth(block), lane);
      }
#pragma unroll
      for (int i = 0; i < Sums::kAhead; ++i) {
        const int block = first + i * SingleShape::kWarps;
        if (block < blocks) sums.multiply(under_way[i], block_of_depth(block), lane);
      }
    }
    sums.store(partial[warp_index()], lane);
  }

  // A sum of the thread's unit and sequence.
  __device__ __forceinline__ static float total(const Partial& partial, int sum, int sequence, int unit) {
    float total = 0;
#pragma unroll
    for (int warp = 0; warp < SingleShape::kWarps; ++warp) total += partial[warp][sum][sequence][unit];
    return total;
  }

 private:
  __device__ __forceinline__ static int blocks_of(const SingleHalf<T>& half) {
    return int((half.weight.depth + kDepth - 1) / kDepth);
  }
  __device__ __forceinline__ SingleBlock<T> block_of_depth(int block) const {
    const int of_input = blocks_of(input);
    const bool of_state = block >= of_input;
    const int64_t first = int64_t{of_state ? block - of_input : block} * kDepth;
    return {of_state ? state : input, of_state, first + lane_index() % 4 * kChunk<T>};
  }
};

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
