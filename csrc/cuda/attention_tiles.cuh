// Tiles of attention: products of rows with columns, and sums over columns, in the registers of a block's threads.
//
// A tile of scores has kM rows and kN columns; its rows are queries and its columns keys, or the other way round. What
// its rows and its columns are made of lies in shared memory, a line each, at most kWidth elements wide. A thread holds
// kRows x kColumns of the scores, and of each of its rows kRuns runs of kRun neighbouring sums; kLanes neighbouring
// lanes share a row.
#pragma once
#include "cuda/mainloop_sm80.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// Copies a chunk from `column` on of a line that is `width` wide, as zeros behind its end, or where there is no line.
template <class T>
__device__ __forceinline__ void copy_line_chunk(T* shared, const T* line, int column, int width, bool aligned,
                                                const T* array) {
  const int valid = line ? max(0, min(kChunk<T>, width - column)) : 0;
  const T* source = valid ? line + column : array;
  if (aligned) {
    copy_async<16>(shared, source, valid * int(sizeof(T)));
    return;
  }
  if constexpr (sizeof(T) == 4) {
#pragma unroll
    for (int e = 0; e < kChunk<T>; ++e) copy_async<4>(shared + e, e < valid ? source + e : array, e < valid ? 4 : 0);
  } else {  // no asynchronous copy is as small
    Vector<T, kChunk<T>> chunk;
#pragma unroll
    for (int e = 0; e < kChunk<T>; ++e) chunk[e] = e < valid ? source[e] : T{};
    store_vector(shared, chunk);
  }
}

// What all tiles on the tensor cores have in common: a warp owns 16 rows. kStep is what widths are rounded up to.
template <class T_, int kN_, int kWidth_, int kStep_>
struct TilesOfWarps {
  using T = T_;
  static constexpr int kM = 64, kN = kN_, kWidth = kWidth_, kThreads = kM / 16 * kWarpSize, kStep = kStep_;
  static constexpr int kBlocks = 2;     // of a multiprocessor: what registers allow
  static constexpr bool kQuads = true;  // four neighbouring lanes hold eight columns, four lanes 4 apart four rows
  static constexpr int kRows = 2, kColumns = kN / 4, kLanes = 4;
  static constexpr int kLine = kWidth;  // elements between lines in shared memory
  static constexpr int kRoom = 0;       // floats of shared memory for probabilities

  __device__ __forceinline__ static int row(int r) { return warp_index() * 16 + lane_index() / 4 + r * 8; }
  __device__ __forceinline__ static int column(int c) { return c / 2 * 8 + lane_index() % 4 * 2 + c % 2; }

  // The lines line(0), line(1), … or null, from `column` on, of a matrix that is `width` wide.
  template <int kLines, class Line>
  __device__ __forceinline__ static void copy(T* tile, int first_column, int width, bool aligned, const T* array,
                                              const Line& line) {
    using Shared = SharedTile<T, Order::depth, kLines, kWidth>;
    constexpr int kChunks = kWidth / kChunk<T>;
    const int chunks = (min(kWidth, width - first_column) + kStep - 1) / kStep * (kStep / kChunk<T>);
    static_assert(kLines * kChunks % kThreads == 0);
#pragma unroll 1
    for (int step = 0; step < kLines * kChunks / kThreads; ++step) {
      const int i = step * kThreads + int(threadIdx.x), l = i / kChunks, chunk = i % kChunks;
      if (chunk < chunks)
        copy_line_chunk(tile + Shared::at(l, chunk), line(l), first_column + chunk * kChunk<T>, width, aligned, array);
    }
  }
};

// Half precision, on the tensor cores.
template <class T, int kN, int kWidth>
struct TensorCoreTiles : TilesOfWarps<T, kN, kWidth, 16> {
  using Warps = TilesOfWarps<T, kN, kWidth, 16>;
  using Warps::kM, Warps::kRows;
  static constexpr int kRun = 2, kRuns = kWidth / 8;
  template <int kTiles>
  struct Fragment {
    float d[kTiles][4];
    __device__ __forceinline__ float& at(int r, int c) { return d[c / 2][r * 2 + c % 2]; }
  };
  using Scores = Fragment<kN / 8>;
  using Sums = Fragment<kWidth / 8>;

  __device__ __forceinline__ static int run_column(int run) { return Warps::column(run * kRun); }

  // scores += rows · columnsᵀ
  __device__ __forceinline__ static void multiply(Scores& scores, const T* rows, const T* columns, int width,
                                                  Float32Precision) {
    using Rows = SharedTile<T, Order::depth, kM, kWidth>;
    using Columns = SharedTile<T, Order::depth, kN, kWidth>;
#pragma unroll 2
    for (int k = 0; k < width; k += 16) {
      uint32_t a[4];
      Rows::load_a(a, rows, warp_index() * 16, k);
#pragma unroll
      for (int j = 0; j < kN / 16; ++j) {
        uint32_t b[4];
        Columns::load_b(b, columns, j * 16, k);
        const uint32_t first[2] = {b[0], b[1]}, second[2] = {b[2], b[3]};
        mma<T>(scores.d[2 * j], a, first);
        mma<T>(scores.d[2 * j + 1], a, second);
      }
    }
  }

  // sums = sums · factor + weights · columns
  __device__ __forceinline__ static void weigh(Sums& sums, const float (&factor)[kRows], const Scores& weights,
                                               const T* columns, int width, float*, Float32Precision) {
    using Columns = SharedTile<T, Order::rows, kWidth, kN>;
    uint32_t a[kN / 16][4];
#pragma unroll
    for (int k = 0; k < kN / 16; ++k)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        a[k][i] = pack<T>(weights.d[2 * k + i / 2][i % 2 * 2], weights.d[2 * k + i / 2][i % 2 * 2 + 1]);
#pragma unroll
    for (int j = 0; j < kWidth / 16; ++j) {
      if (j * 16 >= width) break;
      float part[2][4] = {};
#pragma unroll
      for (int k = 0; k < kN / 16; ++k) {
        uint32_t b[4];
        Columns::load_b(b, columns, j * 16, k * 16);
        const uint32_t first[2] = {b[0], b[1]}, second[2] = {b[2], b[3]};
        mma<T>(part[0], a[k], first);
        mma<T>(part[1], a[k], second);
      }
#pragma unroll
      for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int e = 0; e < 4; ++e)
          sums.d[2 * j + half][e] = fmaf(sums.d[2 * j + half][e], factor[e / 2], part[half][e]);
    }
  }
};

// float32 on the tensor cores: the numbers of an operand rounded, or in two parts.
template <int kN, int kWidth>
struct Tfloat32Tiles : TilesOfWarps<float, kN, kWidth, 32> {
  using Warps = TilesOfWarps<float, kN, kWidth, 32>;
  using Warps::kM, Warps::kRows;
  static constexpr int kRun = 8, kRuns = kWidth / 32;  // a lane's part of 32 columns, which weigh() takes together
  struct Scores {
    float d[1][kN / 8][4];
    __device__ __forceinline__ float& at(int r, int c) { return d[0][c / 2][r * 2 + c % 2]; }
  };
  struct Sums {
    float d[kRuns][4][4];
    __device__ __forceinline__ float& at(int r, int c) { return d[c / 8][c % 4][r * 2 + c / 4 % 2]; }
  };
  using Lines = SharedTile<float, Order::depth, kN, kWidth>;

  __device__ __forceinline__ static int run_column(int run) { return run * 32 + lane_index() % 4 * kRun; }

  __device__ __forceinline__ static void multiply(Scores& scores, const float* rows, const float* columns, int width,
                                                  Float32Precision precision) {
    if (precision == Float32Precision::tf32x3)
      multiply_as<SplitFragments>(scores, rows, columns, width);
    else
      multiply_as<RoundedFragments>(scores, rows, columns, width);
  }
  __device__ __forceinline__ static void weigh(Sums& sums, const float (&factor)[kRows], const Scores& weights,
                                               const float* columns, int width, float*, Float32Precision precision) {
    if (precision == Float32Precision::tf32x3)
      weigh_as<SplitFragments>(sums, factor, weights, columns, width);
    else
      weigh_as<RoundedFragments>(sums, factor, weights, columns, width);
  }

 private:
  template <template <int> class Fragments>
  __device__ __forceinline__ static void multiply_as(Scores& scores, const float* rows, const float* columns,
                                                     int width) {
#pragma unroll 1
    for (int k = 0; k < width; k += 8) {
      uint32_t a[1][4], b[kN / 16][4];
      SharedTile<float, Order::depth, kM, kWidth>::load_a(a[0], rows, warp_index() * 16, k);
#pragma unroll
      for (int j = 0; j < kN / 16; ++j) Lines::load_b(b[j], columns, j * 16, k);
      add_product(scores.d, Fragments<1>(a), Fragments<kN / 16>(b));
    }
  }

  // The weights are an operand as they lie in the sums of the last product: eight columns of them, a depth of eight, in
  // the order 0 2 4 6 1 3 5 7, in which the lines of `columns` are then taken too. And four products of eight columns
  // take them four apart, so that a lane reads, and has in its sums, neighbours.
  template <template <int> class Fragments>
  __device__ __forceinline__ static void weigh_as(Sums& sums, const float (&factor)[kRows], const Scores& weights,
                                                  const float* columns, int width) {
    const auto bits = [](float x) { return std::bit_cast<uint32_t>(x); };
    Fragments<1> a[kN / 8];
#pragma unroll
    for (int k = 0; k < kN / 8; ++k) {
      const float (&w)[4] = weights.d[0][k];
      a[k] = Fragments<1>({{bits(w[0]), bits(w[2]), bits(w[1]), bits(w[3])}});
    }
#pragma unroll
    for (int run = 0; run < kRuns; ++run) {
      if (run * 32 >= width) break;
      float part[1][4][4] = {};
#pragma unroll
      for (int k = 0; k < kN / 8; ++k) {
        const int line = k * 8 + lane_index() % 4 * 2, chunk = run * 8 + lane_index() / 4;
        const Vector<float, 4> even = load_vector<4>(columns + Lines::at(line, chunk));
        const Vector<float, 4> odd = load_vector<4>(columns + Lines::at(line + 1, chunk));
        const uint32_t b[2][4] = {{bits(even[0]), bits(odd[0]), bits(even[1]), bits(odd[1])},
                                  {bits(even[2]), bits(odd[2]), bits(even[3]), bits(odd[3])}};
        add_product(part, a[k], Fragments<2>(b));
      }
#pragma unroll
      for (int j = 0; j < 4; ++j)
#pragma unroll
        for (int e = 0; e < 4; ++e) sums.d[run][j][e] = fmaf(sums.d[run][j][e], factor[e / 2], part[0][j][e]);
    }
  }
};

// float32 in ieee precision: 16x16 threads, each with four neighbouring rows and every 16th column.
template <int kN_, int kWidth_>
struct SimtTiles {
  using T = float;
  static constexpr int kM = 64, kN = kN_, kWidth = kWidth_, kThreads = 256;
  static constexpr int kBlocks = 1, kStep = 4;
  static constexpr bool kQuads = false;
  static constexpr int kRows = 4, kColumns = kN / 16, kLanes = 16, kRun = 4, kRuns = kWidth / 64;
  static constexpr int kLine = kWidth + 4, kWeightLine = kN + 4;  // the gaps spread lines over the banks
  static constexpr int kRoom = kM * kWeightLine;
  template <int kPerRow>
  struct Fragment {
    float d[kRows][kPerRow];
    __device__ __forceinline__ float& at(int r, int c) { return d[r][c]; }
  };
  using Scores = Fragment<kColumns>;
  using Sums = Fragment<kRuns * kRun>;

  __device__ __forceinline__ static int row(int r) { return int(threadIdx.x) / 16 * kRows + r; }
  __device__ __forceinline__ static int column(int c) { return int(threadIdx.x) % 16 + c * 16; }
  __device__ __forceinline__ static int run_column(int run) { return int(threadIdx.x) % 16 * kRun + run * 64; }

  template <int kLines, class Line>
  __device__ __forceinline__ static void copy(float* tile, int first_column, int width, bool aligned,
                                              const float* array, const Line& line) {
    constexpr int kChunks = kWidth / kChunk<float>;
    const int chunks = (min(kWidth, width - first_column) + kStep - 1) / kStep;
    static_assert(kLines * kChunks % kThreads == 0);
#pragma unroll 1
    for (int step = 0; step < kLines * kChunks / kThreads; ++step) {
      const int i = step * kThreads + int(threadIdx.x), l = i / kChunks, at = i % kChunks * kChunk<float>;
      if (i % kChunks < chunks)
        copy_line_chunk(tile + l * kLine + at, line(l), first_column + at, width, aligned, array);
    }
  }

  __device__ __forceinline__ static void multiply(Scores& scores, const float* rows, const float* columns, int width,
                                                  Float32Precision) {
    const float* own_rows = rows + row(0) * kLine;
    const float* own_columns = columns + column(0) * kLine;
#pragma unroll 2
    for (int k = 0; k < width; k += 4) {
      Vector<float, 4> a[kRows], b[kColumns];
#pragma unroll
      for (int r = 0; r < kRows; ++r) a[r] = load_vector<4>(own_rows + r * kLine + k);
#pragma unroll
      for (int c = 0; c < kColumns; ++c) b[c] = load_vector<4>(own_columns + c * 16 * kLine + k);
#pragma unroll
      for (int e = 0; e < 4; ++e)
#pragma unroll
        for (int r = 0; r < kRows; ++r)
#pragma unroll
          for (int c = 0; c < kColumns; ++c) scores.d[r][c] = fmaf(a[r][e], b[c][e], scores.d[r][c]);
    }
  }

  __device__ __forceinline__ static void weigh(Sums& sums, const float (&factor)[kRows], const Scores& weights,
                                               const float* columns, int width, float* room, Float32Precision) {
    float* const own = room + row(0) * kWeightLine;  // of these 16 lanes
    __syncwarp();                                    // they have read what was here
#pragma unroll
    for (int r = 0; r < kRows; ++r)
#pragma unroll
      for (int c = 0; c < kColumns; ++c) own[r * kWeightLine + column(c)] = weights.d[r][c];
    __syncwarp();
#pragma unroll
    for (int run = 0; run < kRuns; ++run) {
      if (run_column(run) >= width) break;
      float part[kRows][kRun] = {};
#pragma unroll 2
      for (int k = 0; k < kN; k += 4) {
        Vector<float, 4> a[kRows];
#pragma unroll
        for (int r = 0; r < kRows; ++r) a[r] = load_vector<4>(own + r * kWeightLine + k);
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          const Vector<float, 4> b = load_vector<4>(columns + (k + e) * kLine + run_column(run));
#pragma unroll
          for (int r = 0; r < kRows; ++r)
#pragma unroll
            for (int c = 0; c < kRun; ++c) part[r][c] = fmaf(a[r][e], b[c], part[r][c]);
        }
      }
#pragma unroll
      for (int r = 0; r < kRows; ++r)
#pragma unroll
        for (int c = 0; c < kRun; ++c)
          sums.d[r][run * kRun + c] = fmaf(sums.d[r][run * kRun + c], factor[r], part[r][c]);
    }
  }
};

// scores += rows · columnsᵀ over `width` elements of their lines. Where the tiles do not hold them all, copy(column)
// brings a piece at a time.
template <class Tiles, class T, class Copy>
__device__ __forceinline__ void multiply_pieces(typename Tiles::Scores& scores, const T* rows, const T* columns,
                                                int width, Float32Precision precision, bool is_held, const Copy& copy) {
  for (int column = 0; column < width; column += Tiles::kWidth) {
    if (!is_held) {
      __syncthreads();  // all are done with the tiles
      copy(column);
      commit_stage();
      wait_stage<0>();
      __syncthreads();
    }
    Tiles::multiply(scores, rows, columns, min(Tiles::kWidth, width - column), precision);
  }
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
