// Sums over the rows of a matrix, and over all of an array.
#pragma once
#include <algorithm>

#include "cuda/backend/launch.h"
#include "cuda/backend/workspace.h"
#include "cuda/elements.cuh"
#include "cuda/sum.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

constexpr int kSumColumns = 32, kSumThreads = 8;  // a block's columns, and the threads that share one

// Element (i, j) of a row-major matrix.
template <class T>
struct MatrixTerm {
  const T* x;
  int64_t columns;
  __device__ __forceinline__ float operator()(int64_t i, int64_t j) const { return widen(x[i * columns + j]); }
};

// out[c][j] = sum of term(i, j) over the c-th chain of rows. A block owns a chain of 32 columns; a thread every eighth
// row.
template <class Term, class To>
__global__ void __launch_bounds__(kSumColumns* kSumThreads, 1)
    sum_chains_kernel(const Term term, const int64_t rows, const int64_t columns, const int64_t chains, To* out) {
  FASTNETS_STATIC_SHARED(partial, float[kSumThreads][kSumColumns]);
  const int column = int(threadIdx.x) % kSumColumns, share = int(threadIdx.x) / kSumColumns;
  const int64_t chain = blockIdx.x % chains, j = blockIdx.x / chains * kSumColumns + column;
  const int64_t end = min(rows, (chain + 1) * kChain);
  float sum = 0;
  if (j < columns)
    for (int64_t i = chain * kChain + share; i < end; i += kSumThreads) sum += term(i, j);
  partial[share][column] = sum;
  __syncthreads();
  if (share != 0 || j >= columns) return;
  sum = 0;
  for (int s = 0; s < kSumThreads; ++s) sum += partial[s][column];
  out[chain * columns + j] = round_to<To>(sum);
}

// out[j] = sum_i term(i, j), in chains of kChain rows, whose sums are added likewise.
template <class Term, class To>
void sum_rows(const char* name, const Term& term, int64_t rows, int64_t columns, To* out, Workspace& workspace,
              Stream stream) {
  const int64_t chains = std::max(int64_t{1}, divide_up(rows, kChain));
  float* const partial = chains > 1 ? workspace.take<float>(chains * columns) : nullptr;
  const auto start = [&](auto* to) {
    if (workspace.counts_only || !columns) return;
    launch(sum_chains_kernel<Term, std::remove_pointer_t<decltype(to)>>,
           {.name = name,
            .grid = unsigned(chains * divide_up(columns, kSumColumns)),
            .block = kSumColumns * kSumThreads,
            .stream = stream},
           term, rows, columns, chains, to);
  };
  if (chains == 1) return start(out);
  start(partial);
  sum_rows(name, MatrixTerm<float>{partial, columns}, chains, columns, out, workspace, stream);
}

// out = sum_i term(i, 0) for i < count: rows of kSumColumns terms first.
template <class Term>
struct FoldedTerm {
  Term term;
  int64_t count;
  __device__ __forceinline__ float operator()(int64_t i, int64_t j) const {
    const int64_t at = i * kSumColumns + j;
    return at < count ? term(at) : 0.0f;
  }
};
template <class Term, class To>
void sum_all(const char* name, const Term& term, int64_t count, To* out, Workspace& workspace, Stream stream) {
  float* const folded = workspace.take<float>(kSumColumns);
  sum_rows(name, FoldedTerm<Term>{term, count}, divide_up(count, kSumColumns), kSumColumns, folded, workspace, stream);
  sum_rows(name, MatrixTerm<float>{folded, 1}, kSumColumns, 1, out, workspace, stream);
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
