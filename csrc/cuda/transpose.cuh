// Matrices turned round, through shared memory, so that reads and writes are both of neighbouring elements.
#pragma once
#include "cuda/arch/simt.cuh"
#include "cuda/backend/launch.h"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

constexpr int kTurned = 32, kTurnedRows = 8;  // a block's tile, and how many of its rows are met at once

// to[b][j][i] = from[b][i][j]
template <class T>
__global__ void __launch_bounds__(kTurned* kTurnedRows)
    transpose_kernel(const T* from, T* to, const int64_t rows, const int64_t columns, const int64_t row_tiles,
                     const int64_t column_tiles) {
  FASTNETS_STATIC_SHARED(tile, T[kTurned][kTurned + 1]);
  const int64_t batch = blockIdx.x / (row_tiles * column_tiles), rest = blockIdx.x % (row_tiles * column_tiles);
  const int64_t first_row = rest / column_tiles * kTurned, first_column = rest % column_tiles * kTurned;
  const int lane = int(threadIdx.x) % kTurned, share = int(threadIdx.x) / kTurned;
  from += batch * rows * columns;
  to += batch * rows * columns;
#pragma unroll
  for (int r = share; r < kTurned; r += kTurnedRows)
    if (first_row + r < rows && first_column + lane < columns)
      tile[r][lane] = from[(first_row + r) * columns + first_column + lane];
  __syncthreads();
#pragma unroll
  for (int c = share; c < kTurned; c += kTurnedRows)
    if (first_column + c < columns && first_row + lane < rows)
      to[(first_column + c) * rows + first_row + lane] = tile[lane][c];
}

// `batch` matrices (rows, columns) become (columns, rows).
template <class T>
void transpose(const char* name, int64_t batch, int64_t rows, int64_t columns, const T* from, T* to, Stream stream) {
  if (!batch || !rows || !columns) return;
  const int64_t row_tiles = (rows + kTurned - 1) / kTurned, column_tiles = (columns + kTurned - 1) / kTurned;
  launch(transpose_kernel<T>,
         {.name = name,
          .grid = unsigned(batch * row_tiles * column_tiles),
          .block = kTurned * kTurnedRows,
          .stream = stream},
         from, to, rows, columns, row_tiles, column_tiles);
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
