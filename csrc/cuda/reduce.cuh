// Sums over the rows of a matrix.
#pragma once
#include <algorithm>

#include "cuda/backend/launch.h"
#include "cuda/backend/workspace.h"
#include "cuda/operand.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

constexpr int kSumColumns = 32, kSumThreads = 8;  // a block's columns, and the threads that share one

// out[c][j] = sum of x[i][j] over the c-th chain of rows. A block owns a chain of 32 columns; a thread every eighth
// row.
template <class From, class To>
__global__ void __launch_bounds__(kSumColumns* kSumThreads)
    sum_chains_kernel(const From* x, const int64_t rows, const int64_t columns, const int64_t chains, To* out) {
  FASTNETS_STATIC_SHARED(partial, float[kSumThreads][kSumColumns]);
  const int column = int(threadIdx.x) % kSumColumns, share = int(threadIdx.x) / kSumColumns;
  const int64_t chain = blockIdx.x % chains, j = blockIdx.x / chains * kSumColumns + column;
  const int64_t end = min(rows, (chain + 1) * kChain);
  float sum = 0;
  if (j < columns)
    for (int64_t i = chain * kChain + share; i < end; i += kSumThreads) sum += widen(x[i * columns + j]);
  partial[share][column] = sum;
  __syncthreads();
  if (share != 0 || j >= columns) return;
  sum = 0;
  for (int s = 0; s < kSumThreads; ++s) sum += partial[s][column];
  out[chain * columns + j] = round_to<To>(sum);
}

// out[j] = sum_i x[i][j], in chains of kChain rows, whose sums are added likewise.
template <class From, class To>
void sum_rows(const char* name, const From* x, int64_t rows, int64_t columns, To* out, Workspace& workspace,
              Stream stream) {
  const int64_t chains = std::max(int64_t{1}, (rows + kChain - 1) / kChain);
  float* const partial = chains > 1 ? workspace.take<float>(chains * columns) : nullptr;
  const auto start = [&](auto* to) {
    if (workspace.counts_only || !columns) return;
    const int64_t blocks = chains * ((columns + kSumColumns - 1) / kSumColumns);
    launch(sum_chains_kernel<From, std::remove_pointer_t<decltype(to)>>,
           {.name = name, .grid = unsigned(blocks), .block = kSumColumns * kSumThreads, .stream = stream}, x, rows,
           columns, chains, to);
  };
  if (chains == 1) return start(out);
  start(partial);
  sum_rows(name, static_cast<const float*>(partial), chains, columns, out, workspace, stream);
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
