// Attention, forward, on sm_90a. A block has 128 queries of one head. One thread of its first warpgroup loads: the
// queries, then tiles of keys and of values, into two rings of stages, by bulk copies. The two others own 64 queries
// each and go over all the tiles. They take turns at issuing products, so that those of one run under the softmax of
// the other.
#pragma once
#include "cuda/arch/sm90_copy.cuh"
#include "cuda/arch/sm90_wgmma.cuh"
#include "cuda/attention_softmax.cuh"
#include "cuda/attention_window.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// Positions of one head in shared memory: pieces of 64 dimensions, in each a line of 128 bytes for every position,
// whose 16 bytes change places within eight lines.
template <class T, int kLines, int kWidth>
struct HeadTile {
  static constexpr int kPiece = 64, kSwizzle = 128, kPieces = kWidth / kPiece, kPieceElements = kLines * kPiece;
  static_assert(kPiece * sizeof(T) == kSwizzle && kLines % 8 == 0 && kWidth % kPiece == 0);
  static constexpr int kElements = kLines * kWidth, kBytes = kElements * int(sizeof(T));

  // What is outside the array becomes zeros.
  __device__ __forceinline__ static void load(T* tile, const TensorMap& map, uint64_t* full, int position, int head,
                                              int sequence) {
#pragma unroll
    for (int piece = 0; piece < kPieces; ++piece) {
      const int at[4] = {piece * kPiece, position, head, sequence};
      load_tensor(tile + piece * kPieceElements, map, full, at);
    }
  }

  // An operand whose rows are the positions from `line` on, a multiple of 8; and what a descriptor advances by to the
  // dimensions from 16 · step on.
  __device__ __forceinline__ static uint64_t positions(const T* tile, int line) {
    return matrix_descriptor(tile + line * kPiece, 16, 8 * kSwizzle, kSwizzle);
  }
  __device__ __forceinline__ static uint64_t dimension_step(int step) {
    return uint64_t(step / 4 * kLines * kSwizzle + step % 4 * 32) / 16;
  }
  // An operand whose rows are the dimensions, and what leads to the positions from 16 · step on.
  __device__ __forceinline__ static uint64_t dimensions(const T* tile) {
    return matrix_descriptor(tile, kLines * kSwizzle, 8 * kSwizzle, kSwizzle);
  }
  __device__ __forceinline__ static uint64_t position_step(int step) { return uint64_t(step * 16 * kSwizzle) / 16; }

  // Where the eight elements from dimension 8 · chunk on lie.
  __device__ __forceinline__ static int at(int line, int chunk) {
    return chunk / 8 * kPieceElements + line * kPiece + (chunk % 8 ^ line % 8) * 8;
  }
};

// kN keys at a time, of heads at most kWidth wide. A thread holds of its warpgroup's scores and sums two rows, as
// wgmma() lays them out, and shares each with the three neighbouring lanes.
template <class T_, int kWidth_, int kN_>
struct WarpgroupTiles {
  using T = T_;
  static constexpr int kWidth = kWidth_, kM = 128, kN = kN_;
  static constexpr int kThreads = 3 * kWarpgroupSize, kMultiplyingWarps = 8;
  static constexpr int kRows = 2, kColumns = kN / 4, kLanes = 4;
  using Queries = HeadTile<T, kM, kWidth>;
  using Keys = HeadTile<T, kN, kWidth>;
  static constexpr int kStages = ((224 << 10) - Queries::kBytes) / (2 * Keys::kBytes);  // of 227 KiB
  static_assert(kStages >= 2);
  static constexpr size_t kSharedBytes = Queries::kBytes + size_t{2} * kStages * Keys::kBytes;
  // Together the three warpgroups have what they start with: 168 a thread, a third of the 504.
  static constexpr int kMultiplyingRegisters = 240, kLoadingRegisters = 24;

  struct Scores {
    float d[kN / 2];
    __device__ __forceinline__ float& at(int r, int c) { return d[c / 2 * 4 + r * 2 + c % 2]; }
  };
  using Sums = float[kWidth / 2];
  using Weights = uint32_t[kN / 16][4];

  __device__ __forceinline__ static int row(int r) { return warp_index() % 4 * 16 + lane_index() / 4 + r * 8; }
  __device__ __forceinline__ static int column(int c) { return c / 2 * 8 + lane_index() % 4 * 2 + c % 2; }

  // Begins scores = queries · keysᵀ, of 64 queries from `line` on.
  __device__ __forceinline__ static void multiply(Scores& scores, const T* queries, int line, const T* keys) {
    const uint64_t a = Queries::positions(queries, line), b = Keys::positions(keys, 0);
    wgmma_hold(scores.d);
    wgmma_fence();
#pragma unroll
    for (int step = 0; step < kWidth / 16; ++step)
      wgmma<T>(scores.d, a + Queries::dimension_step(step), b + Keys::dimension_step(step), step > 0);
    wgmma_commit();
  }

  // The scores as the operand that weighs.
  __device__ __forceinline__ static void pack_weights(Weights& weights, const Scores& scores) {
#pragma unroll
    for (int k = 0; k < kN / 16; ++k)
#pragma unroll
      for (int i = 0; i < 4; ++i) weights[k][i] = pack<T>(scores.d[k * 8 + i * 2], scores.d[k * 8 + i * 2 + 1]);
  }

  // Begins sums += weights · values: chains over all keys, 16 at a time. Their n / 16 roundings, of 2⁻²³ at most, are
  // less than that of the weights, 2⁻¹¹ or more, up to 64 Ki keys even where all err to one side.
  __device__ __forceinline__ static void weigh(Sums& sums, const Weights& weights, const T* values) {
    const uint64_t b = Keys::dimensions(values);
    wgmma_hold(sums);
    wgmma_fence();
#pragma unroll
    for (int k = 0; k < kN / 16; ++k) wgmma<T, true>(sums, weights[k], b + Keys::position_step(k), true);
    wgmma_commit();
  }
};

// Stages of tiles, and who waits for whom: `full` counts the bytes of a stage, `empty` the warps that have done with
// it.
template <class Tiles>
struct TileRing {
  using T = typename Tiles::T;
  using Tile = typename Tiles::Keys;
  T* tiles;
  uint64_t *full, *empty;
  int stage = 0;
  uint32_t parity = 0;

  // By one thread: fills the next stage.
  __device__ __forceinline__ void load(const TensorMap& map, int position, int head, int sequence) {
    mbarrier_wait(&empty[stage], parity ^ 1);
    mbarrier_arrive_expect(&full[stage], Tile::kBytes);
    Tile::load(tiles + stage * Tile::kElements, map, &full[stage], position, head, sequence);
    advance();
  }
  // The next tile, when it has come; and when the warp has done with it.
  __device__ __forceinline__ const T* wait() const {
    mbarrier_wait(&full[stage], parity);
    return tiles + stage * Tile::kElements;
  }
  __device__ __forceinline__ void release() {
    if (lane_index() == 0) mbarrier_arrive(&empty[stage]);
    advance();
  }

 private:
  __device__ __forceinline__ void advance() {
    if (++stage < Tiles::kStages) return;
    stage = 0;
    parity ^= 1;
  }
};

struct WarpgroupCall {
  int H, group, tiles;  // group: heads that share keys; tiles: of a head's queries
  Alignment alignment;
  Window window;
  float factor;
  float* lse;          // or null
  const float* sinks;  // or null
};

// The queries of a block, from `first` on, of head h of sequence n, and the keys that some of them see. Blocks of a
// head follow each other, so that its keys stay in the cache, and begin with the last queries, which see most keys, if
// not all.
struct QueryBlock {
  int head, h, n, first, begin, end;  // head: of all sequences' heads
  __device__ __forceinline__ QueryBlock(const WarpgroupCall& call, int size)
      : head(int(blockIdx.x) / call.tiles),
        h(head % call.H),
        n(head / call.H),
        first((call.tiles - 1 - int(blockIdx.x) % call.tiles) * size),
        begin(call.window.first_key(call.alignment, first)),
        end(call.window.end_key(call.alignment, min(call.alignment.Sq, first + size))) {}
};

// What the warpgroups of a block share.
template <class Tiles>
struct Stages {
  typename Tiles::T* queries;
  uint64_t* queries_full;
  TileRing<Tiles> keys, values;
};

// By one thread: brings the queries, and the tiles in the order in which they are used.
template <class Tiles>
__device__ __forceinline__ void load_tiles(const WarpgroupCall& call, const QueryBlock& block, Stages<Tiles>& stages,
                                           const TensorMap& query, const TensorMap& key, const TensorMap& value) {
  if (block.begin >= block.end) return;
  const int hk = block.h / call.group;
  mbarrier_arrive_expect(stages.queries_full, Tiles::Queries::kBytes);
  Tiles::Queries::load(stages.queries, query, stages.queries_full, block.first, block.h, block.n);
  stages.keys.load(key, block.begin, hk, block.n);
  for (int j = block.begin; j < block.end; j += Tiles::kN) {
    if (j + Tiles::kN < block.end) stages.keys.load(key, j + Tiles::kN, hk, block.n);
    stages.values.load(value, j, hk, block.n);
  }
}

// Barriers: whose turn it is to issue products, and one for each multiplying warpgroup by itself.
enum Barrier { kTurn = 1, kOwn = 3 };

// By a warpgroup: takes in all the keys, for its 64 queries from line 64 · warpgroup of the block's on. A round issues
// the product of a tile's keys and that of the last tile's weights and values, and computes the softmax beside the
// latter.
template <class Tiles>
__device__ __forceinline__ void attend(const WarpgroupCall& call, const QueryBlock& block, Stages<Tiles>& stages,
                                       int warpgroup, OnlineSoftmax<Tiles>& softmax, typename Tiles::Sums& out) {
  constexpr int kN = Tiles::kN, kBoth = 2 * kWarpgroupSize;
  const int line = warpgroup * 64, i0 = block.first + line, i1 = min(call.alignment.Sq, i0 + 64);
  typename Tiles::Scores scores{};
  typename Tiles::Weights weights;
  float shrink[Tiles::kRows];
  const auto take_scores = [&](int j) {
    if (!call.window.sees_all(call.alignment, i0, i1, j, j + kN))
#pragma unroll
      for (int r = 0; r < Tiles::kRows; ++r)
#pragma unroll
        for (int c = 0; c < Tiles::kColumns; ++c)
          if (!call.window.sees(call.alignment, i0 + Tiles::row(r), j + Tiles::column(c))) scores.at(r, c) = -INFINITY;
    softmax.take(scores, call.factor, shrink);
  };
  if (block.begin >= block.end) return;

  mbarrier_wait(stages.queries_full, 0);
  Tiles::multiply(scores, stages.queries, line, stages.keys.wait());
  wgmma_wait<0>();
  wgmma_hold(scores.d);
  stages.keys.release();
  take_scores(block.begin);
  Tiles::pack_weights(weights, scores);
  for (int j = block.begin + kN; j < block.end; j += kN) {
    const bool is_first = j == block.begin + kN, is_last = j + kN >= block.end;
    if (warpgroup == 1 || !is_first) named_barrier_sync(kTurn + warpgroup, kBoth);
    Tiles::multiply(scores, stages.queries, line, stages.keys.wait());
    Tiles::weigh(out, weights, stages.values.wait());
    if (warpgroup == 0 || !is_last) named_barrier_arrive(kTurn + 1 - warpgroup, kBoth);
    wgmma_wait<1>();
    wgmma_hold(scores.d);
    stages.keys.release();
    take_scores(j);
    // ptxas would begin with waiting for the other product, but for a loop in between: the one that waits for keys.
    wgmma_hold(scores.d);
    if (!is_last) stages.keys.wait();
    wgmma_wait<0>();
    wgmma_hold(out);
    stages.values.release();
#pragma unroll
    for (int i = 0; i < Tiles::kWidth / 2; ++i) out[i] *= shrink[i % 4 / 2];
    Tiles::pack_weights(weights, scores);
  }
  Tiles::weigh(out, weights, stages.values.wait());
  wgmma_wait<0>();
  wgmma_hold(out);
  stages.values.release();
}

// By a warpgroup: its results take the place of its queries, and go to memory from there.
template <class Tiles>
__device__ __forceinline__ void write_output(const WarpgroupCall& call, const QueryBlock& block,
                                             typename Tiles::T* queries, int warpgroup,
                                             const OnlineSoftmax<Tiles>& softmax, const typename Tiles::Sums& out,
                                             const TensorMap& output) {
  using T = typename Tiles::T;
  using Queries = typename Tiles::Queries;
  const int line = warpgroup * 64, i0 = block.first + line, Sq = call.alignment.Sq, lane = lane_index();
  float factor[Tiles::kRows];
#pragma unroll
  for (int r = 0; r < Tiles::kRows; ++r) {
    const float total = warp_sum<Tiles::kLanes>(softmax.total[r]);
    const int i = i0 + Tiles::row(r);
    factor[r] = inverse_of(total, true);
    if (call.lse && i < Sq && lane % Tiles::kLanes == 0)
      call.lse[block.head * Sq + i] = lse_of(softmax.largest[r], total, true);
  }
  named_barrier_sync(kOwn + warpgroup, kWarpgroupSize);  // all have done with the queries
  const int own_line = line + warp_index() % 4 * 16 + lane % 16;
#pragma unroll
  for (int k = 0; k < Tiles::kWidth / 16; ++k) {
    uint32_t fragment[4];
#pragma unroll
    for (int i = 0; i < 4; ++i)
      fragment[i] = pack<T>(out[k * 8 + i * 2] * factor[i % 2], out[k * 8 + i * 2 + 1] * factor[i % 2]);
    store_matrix(fragment, queries + Queries::at(own_line, k * 2 + lane / 16));
  }
  fence_proxy_shared();
  named_barrier_sync(kOwn + warpgroup, kWarpgroupSize);  // all have stored
  if (threadIdx.x % kWarpgroupSize == 0) {
#pragma unroll
    for (int piece = 0; piece < Queries::kPieces; ++piece) {
      const int at[4] = {piece * Queries::kPiece, i0, block.h, block.n};
      store_tensor(output, queries + piece * Queries::kPieceElements + line * Queries::kPiece, at);
    }
    commit_stores();
    wait_stores_read<0>();
  }
  __syncwarp();
}

template <class Tiles>
__global__ void __launch_bounds__(Tiles::kThreads, 1)
    warpgroup_attention_kernel(const __grid_constant__ WarpgroupCall call, const __grid_constant__ TensorMap query,
                               const __grid_constant__ TensorMap key, const __grid_constant__ TensorMap value,
                               const __grid_constant__ TensorMap output) {
  using T = typename Tiles::T;
  constexpr int kStages = Tiles::kStages, kStageElements = kStages * Tiles::Keys::kElements;
  FASTNETS_STATIC_SHARED(queries_full, uint64_t[1]);
  FASTNETS_STATIC_SHARED(full, uint64_t[2][kStages]);
  FASTNETS_STATIC_SHARED(empty, uint64_t[2][kStages]);
  DynamicShared shared;
  T* const queries = shared.take<T>(Tiles::Queries::kElements, 1024);
  T* const keys = shared.take<T>(kStageElements, 1024);
  T* const values = shared.take<T>(kStageElements, 1024);
  Stages<Tiles> stages{queries, queries_full, {keys, full[0], empty[0]}, {values, full[1], empty[1]}};
  if (threadIdx.x == 0) {
    mbarrier_init(queries_full, 1);
    for (int ring = 0; ring < 2; ++ring)
      for (int stage = 0; stage < kStages; ++stage) {
        mbarrier_init(&full[ring][stage], 1);
        mbarrier_init(&empty[ring][stage], Tiles::kMultiplyingWarps);
      }
    mbarrier_init_fence();
  }
  __syncthreads();

  const QueryBlock block(call, Tiles::kM);
  if (threadIdx.x < kWarpgroupSize) {
    lower_registers<Tiles::kLoadingRegisters>();
    if (threadIdx.x == 0) load_tiles<Tiles>(call, block, stages, query, key, value);
    __syncwarp();
  } else {
    raise_registers<Tiles::kMultiplyingRegisters>();
    const int warpgroup = int(threadIdx.x) / kWarpgroupSize - 1;
    const int heads[Tiles::kRows] = {block.h, block.h};
    OnlineSoftmax<Tiles> softmax(call.sinks, heads);
    typename Tiles::Sums out = {};
    attend<Tiles>(call, block, stages, warpgroup, softmax, out);
    write_output<Tiles>(call, block, queries, warpgroup, softmax, out, output);
  }
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
