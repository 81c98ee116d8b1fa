// Tensor maps for the bulk copies of sm_90. All sizes begin with the innermost dimension, whose elements lie together;
// strides are in bytes and begin with the second dimension. The base and the strides are multiples of 16 bytes, or the
// caller takes a path without bulk copies.
#pragma once
#include <span>

#include "core/dtype.h"
#include "cuda/arch/tensor_map.h"

namespace fastnets::cuda {

struct MapLayout {
  DType dtype;  // float32, bfloat16, float16
  void* base;
  std::span<const uint64_t> sizes;    // 2 to 5 of them
  std::span<const uint64_t> strides;  // one fewer
  int swizzle_bytes = 0;              // 0, 32, 64 or 128: how the lines of a box lie in shared memory
};

// A box of so many elements in each dimension, at most 256; box[0] is a multiple of 16 bytes, and with a swizzle no
// wider than that.
TensorMap make_tensor_map(const MapLayout& layout, std::span<const uint32_t> box);

// (N, D, H, W, C) images, innermost C: a load brings `channels` of `pixels` consecutive windows. The first pixels of
// the windows run from `lower` to size - 1 + `upper` in W, H, D, in steps of `step`.
struct Im2col {
  std::span<const int> lower, upper;
  std::span<const uint32_t> step;
  uint32_t channels, pixels;
};
TensorMap make_tensor_map(const MapLayout& layout, const Im2col& im2col);

// What such a map has bits for, of an image with so many axes: offsets of taps below the reach, corners from minus half
// of it to below half of it; and steps.
constexpr int64_t im2col_reach(int axes) { return int64_t{1} << 16 / axes; }
constexpr int64_t kMostIm2colStep = 8;

}  // namespace fastnets::cuda
