// The product of half-precision operands on sm_90a. A block stays for many tiles. Its first warpgroup loads: one thread
// fills a ring of stages with bulk copies. The two others multiply: each owns 64 rows of the tile and takes the stages
// as they come, so that loads for the next tile are under way while one is finished. Blocks of a cluster have tiles one
// below the other, and each loads its share of the b of both.
#pragma once
#include "cuda/arch/sm90_copy.cuh"
#include "cuda/arch/sm90_wgmma.cuh"
#include "cuda/gemm.cuh"
#include "cuda/sm90a/image_walk.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// A tile of an operand in shared memory, in lines of 64 elements that change places within eight lines. A line is the
// depth of a row or, in Order::rows, 64 rows of a depth; 64 such lines make a piece, and pieces follow each other.
template <class T, Order order, int kRows>
struct MappedTile {
  static constexpr int kDepth = 64, kLineBytes = kDepth * int(sizeof(T)), kSwizzle = 128;
  static_assert(kLineBytes == kSwizzle);
  static constexpr int kElements = kRows * kDepth;
  // What a descriptor advances by for a depth of 16: 32 bytes of each line, or 16 lines.
  static constexpr uint64_t kStep = (order == Order::depth ? 32 : 16 * kLineBytes) / 16;

  // Lines of a box, where `blocks` blocks share the work: some of the rows, or some of the depth of each piece.
  static constexpr int box_lines(int blocks) { return (order == Order::depth ? kRows : kDepth) / blocks; }

  // Brings share `rank` of the tile that begins at (row, k) into all the blocks.
  template <int kBlocks>
  __device__ __forceinline__ static void load(T* tile, const TensorMap& map, uint64_t* full, int batch, int row, int k,
                                              int rank) {
    const int line = rank * box_lines(kBlocks);
#pragma unroll
    for (int piece = 0; piece < (order == Order::depth ? 1 : kRows / kDepth); ++piece) {
      T* const to = tile + piece * kDepth * kDepth + line * kDepth;
      const int at[3] = {order == Order::depth ? k : row + piece * kDepth, (order == Order::depth ? row : k) + line,
                         batch};
      if constexpr (kBlocks == 1)
        load_tensor(to, map, full, at);
      else
        load_tensor_multicast(to, map, full, at, uint16_t((1 << kBlocks) - 1));
    }
  }

  // Of the rows from `row` on, a multiple of 64.
  __device__ __forceinline__ static uint64_t descriptor(const T* tile, int row) {
    constexpr uint32_t kPiece = kDepth * kLineBytes;
    return matrix_descriptor(tile + row * kDepth, order == Order::depth ? 16 : kPiece, 8 * kLineBytes, kSwizzle);
  }
};

// A tile of the product and the part of the depth that a block, or a cluster, sums for it: Place in 32-bit numbers, of
// piece `index` of all.
struct Piece {
  int batch, tile_m, tile_n, split, k_begin, k_end;
  __device__ __forceinline__ Piece(const Plan& plan, int index) {
    constexpr int kBand = 8;
    const int tiles_m = int(plan.tiles_m), tiles_n = int(plan.tiles_n), products = int(plan.batch) * tiles_m * tiles_n;
    split = index / products;
    batch = index % products / (tiles_m * tiles_n);
    const int tile = index % (tiles_m * tiles_n), first = tile / (kBand * tiles_n) * kBand,
              height = min(kBand, tiles_m - first);
    tile_m = first + tile % (kBand * tiles_n) % height;
    tile_n = tile % (kBand * tiles_n) / height;
    k_begin = split * int(plan.split_depth);
    k_end = min(int(plan.K), k_begin + int(plan.split_depth));
  }
};

// kBlocks blocks of a cluster own a tile of the product, each kBlockM rows of it.
template <class T, Order order_a, Order order_b, int N, int kBlocks>
struct WarpgroupLoop {
  using Element = T;
  static constexpr int kCluster = kBlocks;
  static constexpr int kBlockM = 128, kTileM = kCluster * kBlockM, kTileN = N, kTileK = 64;
  static constexpr int kThreads = 3 * kWarpgroupSize, kMultiplyingWarps = 8;
  using TileA = MappedTile<T, order_a, kBlockM>;
  using TileB = MappedTile<T, order_b, kTileN>;
  static constexpr int kStageBytes = (TileA::kElements + TileB::kElements) * int(sizeof(T));
  static constexpr int kStages = (200 << 10) / kStageBytes;  // of 227 KiB
  static constexpr size_t kSharedBytes = size_t{kStages} * kStageBytes;
  // Enough for kTileN / 2 sums of a chain, as many totals and 40 others. Together the three warpgroups have what they
  // start with: 168 a thread, a third of the 504.
  static constexpr int kMultiplyingRegisters = 232, kLoadingRegisters = 40;

  // The stages, and who waits for whom: `full` counts the bytes of a stage, `empty` the warps of all blocks of the
  // cluster that have done with it, since each of them fills it in part.
  struct Ring {
    T *a, *b;
    uint64_t *full, *empty;
    int stage = 0;
    uint32_t parity = 0;

    __device__ __forceinline__ void advance() {
      if (++stage < kStages) return;
      stage = 0;
      parity ^= 1;
    }
    __device__ __forceinline__ T* a_tile() const { return a + stage * TileA::kElements; }
    __device__ __forceinline__ T* b_tile() const { return b + stage * TileB::kElements; }
  };

  // By one thread: brings the piece's tiles, stage by stage.
  __device__ __forceinline__ static void load(Ring& ring, const TensorMap& a, const TensorMap& b,
                                              const ImageWalk& image, const Piece& piece, int rank) {
    if constexpr (kTakesImageA)
      if (image.axes) return load_image_a(ring, a, b, image, piece, rank);
    if constexpr (kTakesImageB)
      if (image.axes) return load_image_b(ring, a, b, image, piece);
    for_each_stage(ring, piece, [&](int k, uint64_t* full) {
      TileA::template load<1>(ring.a_tile(), a, full, piece.batch, first_row(piece, rank), k, 0);
      TileB::template load<kCluster>(ring.b_tile(), b, full, piece.batch, piece.tile_n * kTileN, k, rank);
    });
  }

  // By a warpgroup: total = the sums of 64 rows of the tile from `row` on, each thread's as wgmma() lays them out.
  __device__ __forceinline__ static void multiply(Ring& ring, const Piece& piece, int row, float (&total)[kTileN / 2]) {
    float chain[kTileN / 2] = {};
#pragma unroll
    for (float& sum : total) sum = 0;
    for (int k = piece.k_begin; k < piece.k_end;) {
      const int first = k, end = min(piece.k_end, k + kChain);
      int behind = 0;  // the stage before this one
      for (; k < end; k += kTileK) {
        mbarrier_wait(&ring.full[ring.stage], ring.parity);
        const uint64_t a = TileA::descriptor(ring.a_tile(), row), b = TileB::descriptor(ring.b_tile(), 0);
        wgmma_fence();
#pragma unroll
        for (int step = 0; step < kTileK / 16; ++step)
          wgmma<T, order_a == Order::rows, order_b == Order::rows>(chain, a + step * TileA::kStep,
                                                                   b + step * TileB::kStep, step > 0 || k > first);
        wgmma_commit();
        if (k > first) {
          wgmma_wait<1>();
          release(ring, behind);
        }
        behind = ring.stage;
        ring.advance();
      }
      wgmma_wait<0>();
      wgmma_hold(chain);
      release(ring, behind);
#pragma unroll
      for (int i = 0; i < kTileN / 2; ++i) total[i] += chain[i];
    }
  }

  // Calls store(row, column, eight neighbouring results) for all of a warp's 16 rows.
  template <class Store>
  __device__ __forceinline__ static void for_each_run(const float (&total)[kTileN / 2], Store store) {
    const int lane = lane_index();
    // Each round takes half of the rows and 32 columns. The registers of a round are known when it is compiled, but
    // `store` is large and stands here once.
    constexpr int kRounds = kTileN / 16;
#pragma unroll 1
    for (int round = 0; round < kRounds; ++round) {
      float pairs[4][2];
#pragma unroll
      for (int r = 0; r < kRounds; ++r)
        if (r == round) {
#pragma unroll
          for (int i = 0; i < 8; ++i) pairs[i / 2][i % 2] = total[(r / 2 * 4 + i / 2) * 4 + r % 2 * 2 + i % 2];
        }
      transpose(pairs);
      float run[8];
#pragma unroll
      for (int i = 0; i < 8; ++i) run[i] = pairs[i / 2][i % 2];
      store(lane / 4 + round % 2 * 8, round / 2 * 32 + lane % 4 * 8, run);
    }
  }

 private:
  // An image is the a of a weight in lines of channels or, by rows, the b of filters by rows.
  static constexpr bool kTakesImageA = order_a == Order::depth && order_b == Order::depth;
  static constexpr bool kTakesImageB = order_a == Order::rows && order_b == Order::rows && kCluster == 1;

  __device__ __forceinline__ static int first_row(const Piece& piece, int rank) {
    return piece.tile_m * kTileM + rank * kBlockM;
  }

  // Calls load(k, mbarrier) for each stage of the piece, once it is empty.
  template <class Load>
  __device__ __forceinline__ static void for_each_stage(Ring& ring, const Piece& piece, Load load) {
    for (int k = piece.k_begin; k < piece.k_end; k += kTileK) {
      mbarrier_wait(&ring.empty[ring.stage], ring.parity ^ 1);
      uint64_t* const full = &ring.full[ring.stage];
      mbarrier_arrive_expect(full, kStageBytes);
      load(k, full);
      ring.advance();
    }
  }

  // Rows of a are windows; the depth is slices, and each plane of b is a tap.
  __device__ __forceinline__ static void load_image_a(Ring& ring, const TensorMap& a, const TensorMap& b,
                                                      const ImageWalk& image, const Piece& piece, int rank) {
    const ImageWalk::Window window = image.window(first_row(piece, rank));
    const int column = piece.batch * image.columns + piece.tile_n * kTileN;
    for_each_stage(ring, piece, [&](int k, uint64_t* full) {
      const ImageWalk::Slice slice = image.slice(k / kTileK);
      image.load(ring.a_tile(), a, full, piece.batch, window, slice);
      TileB::template load<kCluster>(ring.b_tile(), b, full, slice.tap, column, slice.channel, rank);
    });
  }

  // The depth is windows; the rows of b are slices, one a piece of its tile. Behind the last one nothing is kept.
  __device__ __forceinline__ static void load_image_b(Ring& ring, const TensorMap& a, const TensorMap& b,
                                                      const ImageWalk& image, const Piece& piece) {
    constexpr int kSlices = kTileN / kTileK;
    for_each_stage(ring, piece, [&](int k, uint64_t* full) {
      TileA::template load<1>(ring.a_tile(), a, full, piece.batch, first_row(piece, 0), k, 0);
      const ImageWalk::Window window = image.window(k);
#pragma unroll
      for (int s = 0; s < kSlices; ++s)
        image.load(ring.b_tile() + s * kTileK * kTileK, b, full, piece.batch, window,
                   image.slice(min(piece.tile_n * kSlices + s, image.slices - 1)));
    });
  }

  __device__ __forceinline__ static void release(const Ring& ring, int stage) {
    if constexpr (kCluster == 1) {
      if (lane_index() == 0) mbarrier_arrive(&ring.empty[stage]);
    } else {
      if (lane_index() < kCluster) mbarrier_arrive_cluster<Sight::block>(&ring.empty[stage], lane_index());
    }
  }

  // Among four neighbouring lanes: lane t receives in pairs[s] what lane s had in pairs[t].
  __device__ __forceinline__ static void transpose(float (&pairs)[4][2]) {
#pragma unroll
    for (int distance = 1; distance < 4; distance *= 2) {
      const bool is_upper = (lane_index() & distance) != 0;
#pragma unroll
      for (int p = 0; p < 4; ++p) {
        if (p & distance) continue;
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          float &lower = pairs[p][e], &upper = pairs[p | distance][e];
          const float received = shuffle_xor(is_upper ? lower : upper, distance);
          (is_upper ? lower : upper) = received;
        }
      }
    }
  }
};

template <class Loop, class Sink>
__global__ void __launch_bounds__(Loop::kThreads, 1)
    warpgroup_gemm_kernel(const __grid_constant__ Plan plan, const __grid_constant__ TensorMap a,
                          const __grid_constant__ TensorMap b, const __grid_constant__ ImageWalk image, float* partial,
                          const __grid_constant__ Sink sink) {
  constexpr int kCluster = Loop::kCluster;
  FASTNETS_STATIC_SHARED(full, uint64_t[Loop::kStages]);
  FASTNETS_STATIC_SHARED(empty, uint64_t[Loop::kStages]);
  DynamicShared shared;
  using Element = typename Loop::Element;
  Element* const a_tiles = shared.take<Element>(Loop::kStages * Loop::TileA::kElements, 1024);
  Element* const b_tiles = shared.take<Element>(Loop::kStages * Loop::TileB::kElements, 1024);
  typename Loop::Ring ring{a_tiles, b_tiles, full, empty};
  if (threadIdx.x == 0) {
    for (int stage = 0; stage < Loop::kStages; ++stage) {
      mbarrier_init(&full[stage], 1);
      mbarrier_init(&empty[stage], kCluster * Loop::kMultiplyingWarps);
    }
    mbarrier_init_fence();
  }
  if constexpr (kCluster > 1)
    cluster_sync();
  else
    __syncthreads();

  const int rank = kCluster > 1 ? cluster_rank() : 0;
  const int pieces = int(plan.batch * plan.tiles_m * plan.tiles_n * plan.splits), first = int(blockIdx.x) / kCluster,
            step = int(gridDim.x) / kCluster;
  if (threadIdx.x < kWarpgroupSize) {
    lower_registers<Loop::kLoadingRegisters>();
    if (threadIdx.x == 0)
      for (int p = first; p < pieces; p += step) Loop::load(ring, a, b, image, Piece(plan, p), rank);
    __syncwarp();
  } else {
    raise_registers<Loop::kMultiplyingRegisters>();
    const int row = (int(threadIdx.x) / kWarpgroupSize - 1) * 64;  // of the block's tile
    for (int p = first; p < pieces; p += step) {
      const Piece piece(plan, p);
      float total[Loop::kTileN / 2];
      Loop::multiply(ring, piece, row, total);
      const int64_t first_m = int64_t{piece.tile_m} * Loop::kTileM + rank * Loop::kBlockM + row + warp_index() % 4 * 16,
                    first_n = int64_t{piece.tile_n} * Loop::kTileN;
      Loop::for_each_run(total, [&](int run_row, int column, float (&v)[8]) {
        const int64_t i = first_m + run_row, j = first_n + column;
        if (i >= plan.M || j >= plan.N) return;
        const int n = int(min(int64_t{8}, plan.N - j));
        if (partial)
          write_some(partial + ((piece.split * plan.batch + piece.batch) * plan.M + i) * plan.N + j, v, n,
                     plan.N % 4 == 0);
        else
          sink(piece.batch, i, j, n, v);
      });
    }
  }
  if constexpr (kCluster > 1) cluster_sync();  // the others may still arrive here
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
