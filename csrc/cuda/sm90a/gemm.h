// The product on sm_90a: cuda/gemm.cuh hands it over where bulk copies can bring the operands. This folder is compiled
// by itself, for sm_90a alone.
#pragma once
#include "core/activation.h"
#include "core/dtype.h"
#include "cuda/backend/launch.h"
#include "cuda/backend/workspace.h"

namespace fastnets::cuda::sm90a {

// A matrix of 16-bit elements in lines without gaps: of a row, or of the rows of one depth. The base and the strides
// are multiples of 16 bytes.
struct MappedOperand {
  const void* data;
  bool is_by_rows;               // as Order::rows
  int64_t stride, batch_stride;  // elements from a line to the next; from a matrix to the next
};

// out = activation(a bᵀ + bias + residual), as RowSink has it: a (batch, M, K), b (batch, N, K).
struct Product {
  const char* name;
  DType dtype;  // bfloat16 or float16, of everything
  int64_t batch, M, N, K;
  MappedOperand a, b;
  void* out;
  int64_t out_batch_stride, out_row_stride;
  const void *bias, *residual;
  Activation activation;
  void* pre_activation;
};

// Of 128 rows by 128 columns, or of a pair of blocks: 256 by 192.
enum class Tile { narrow, wide };
Tile tile_for(const Product& product);

// With a workspace that only counts, only counts.
void run(const Product& product, Tile tile, Workspace& workspace, Stream stream);

}  // namespace fastnets::cuda::sm90a
