// The product on sm_90a: cuda/gemm.cuh and cuda/ops/conv_products.cu hand it over where bulk copies can bring the
// operands. This folder is compiled by itself, for sm_90a alone.
#pragma once
#include <array>
#include <variant>

#include "core/activation.h"
#include "core/dtype.h"
#include "cuda/backend/launch.h"
#include "cuda/backend/workspace.h"

namespace fastnets::cuda::sm90a {

// Matrices of 16-bit elements in lines without gaps: of a row or, by rows, of the rows of one depth. The lines of a
// product's matrix are a plane. The base and the strides are multiples of 16 bytes.
struct MappedOperand {
  const void* data;
  bool is_by_rows;  // as Order::rows
  int64_t length, lines, planes;
  int64_t stride, plane_stride;  // elements from a line to the next; from a plane to the next
};

// Windows on an axis of an image. The first pixel of window w is first + w * step, which may lie outside: there is 0.
// Tap t is first_tap + t * tap_step pixels behind the window's first.
struct WindowAxis {
  int64_t size, windows;  // pixels, and how many windows
  int64_t first, step;
  int64_t taps, first_tap, tap_step;

  // The corners of the box of first pixels, from those of the image.
  int64_t lower() const { return first; }
  int64_t upper() const { return first + (windows - 1) * step - (size - 1); }
};

// What a convolution reads of its image (samples, pixels, channels): the windows of all samples by (tap, channel).
// Product g has the channels from g * channels on, filled up for each tap to whole slices.
struct ImageOperand {
  const void* data;
  bool is_by_rows;  // the windows are the depth
  int64_t samples, all_channels, channels;
  int axes;                        // 1 to 3
  std::array<WindowAxis, 3> axis;  // width, height, depth
};

using Operand = std::variant<MappedOperand, ImageOperand>;

constexpr int64_t kSlice = 64;  // channels that one copy brings: lines of 128 bytes, as the swizzle wants them
constexpr int64_t whole_slices(int64_t channels) { return (channels + kSlice - 1) / kSlice * kSlice; }

// out = activation(a bᵀ + bias + residual), as RowSink has it: a (batch, M, K), b (batch, N, K). At most one of them is
// an image: a, and b has a plane for each tap, in which the rows of all products follow each other; or, by rows, b.
struct Product {
  const char* name;
  DType dtype;  // bfloat16 or float16, of everything
  int64_t batch, M, N, K;
  Operand a, b;
  void* out = nullptr;
  int64_t out_batch_stride = 0, out_row_stride = 0;
  const void *bias = nullptr, *residual = nullptr;
  Activation activation = Activation::none;
  void* pre_activation = nullptr;
  int64_t bias_batch_stride = 0;
};

// Of 128 rows by 128 columns, or of a pair of blocks: 256 by 192.
enum class Tile { narrow, wide };
Tile tile_for(const Product& product);

// With a workspace that only counts, only counts.
void run(const Product& product, Tile tile, Workspace& workspace, Stream stream);

}  // namespace fastnets::cuda::sm90a
