// The operands of a convolution's products, gathered from images: nothing is unfolded in memory.
#pragma once
#include "cuda/conv_problem.h"
#include "cuda/divider.cuh"
#include "cuda/operand.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// Where a position that may lie in the border comes from; −1 from nowhere: it is 0.
__device__ __forceinline__ int padded_source(PaddingMode mode, int x, int size) {
  if (x >= 0 && x < size) return x;
  switch (mode) {
    case PaddingMode::reflect:
      return x < 0 ? -x : 2 * (size - 1) - x;
    case PaddingMode::replicate:
      return x < 0 ? 0 : size - 1;
    case PaddingMode::circular:
      return x < 0 ? x + size : x - size;
    default:
      return -1;
  }
}

// Which pixel meets which through which tap.
struct ConvIndex {
  ConvShape s;
  Divider in_pixels, out_pixels, channels, filters;
  Divider in_height, in_width, out_height, out_width, kernel_height, kernel_width, strides[kAxes];

  explicit ConvIndex(const ConvShape& shape)
      : s(shape),
        in_pixels(s.in_pixels()),
        out_pixels(s.out_pixels()),
        channels(s.channels()),
        filters(s.filters()),
        in_height(s.in[1]),
        in_width(s.in[2]),
        out_height(s.out[1]),
        out_width(s.out[2]),
        kernel_height(s.kernel[1]),
        kernel_width(s.kernel[2]) {
    for (int d = 0; d < kAxes; ++d) strides[d] = Divider(s.stride[d]);
  }

  // The input pixel that output pixel `out_pixel` reads through a tap, −1 where there is none.
  __device__ __forceinline__ int read_by(int out_pixel, int tap) const {
    int o[kAxes], r[kAxes], pixel = 0;
    split(out_pixel, out_height, out_width, o);
    split(tap, kernel_height, kernel_width, r);
#pragma unroll
    for (int d = 0; d < kAxes; ++d) {
      const int from = padded_source(s.mode, o[d] * s.stride[d] - s.padding[d] + r[d] * s.dilation[d], s.in[d]);
      pixel = pixel < 0 || from < 0 ? -1 : pixel * s.in[d] + from;
    }
    return pixel;
  }
  // The output pixel that reads an input pixel through a tap, −1 where there is none; a border comes from nowhere.
  __device__ __forceinline__ int reader_of(int in_pixel, int tap) const {
    int i[kAxes], r[kAxes], pixel = 0;
    split(in_pixel, in_height, in_width, i);
    split(tap, kernel_height, kernel_width, r);
#pragma unroll
    for (int d = 0; d < kAxes; ++d) {
      const int x = i[d] + s.padding[d] - r[d] * s.dilation[d], o = x < 0 ? -1 : strides[d].quotient(x);
      pixel = pixel < 0 || x < 0 || o * s.stride[d] != x || o >= s.out[d] ? -1 : pixel * s.out[d] + o;
    }
    return pixel;
  }

 private:
  __device__ __forceinline__ static void split(int index, const Divider& height, const Divider& width,
                                               int (&at)[kAxes]) {
    const int row = width.quotient(index);
    at[0] = height.quotient(row);
    at[1] = row - at[0] * int(height.divisor);
    at[2] = index - row * int(width.divisor);
  }
};

// An operand whose element (row, k) lies `where(row, k)` behind `data`, or is 0 where that is negative. A batch is a
// group.
template <class T, Order order, class Where>
struct GatheredOperand {
  using Element = T;
  static constexpr Order kOrder = order;

  const T* data;
  int rows, depth;
  Where where;
  bool aligned;  // chunks are aligned to 16 bytes, without gaps, and wholly there or not at all

  __device__ __forceinline__ void select(int64_t batch) { data += where.begin(batch); }
  __device__ __forceinline__ void copy_chunk(T* shared, int64_t row, int64_t k) const {
    if (aligned) {
      const int64_t at = place(row, k);
      copy_async<16>(shared, at >= 0 ? data + at : data, at >= 0 ? 16 : 0);
      return;
    }
#pragma unroll 1
    for (int e = 0; e < kChunk<T>; ++e) {
      const int64_t at = order == Order::depth ? place(row, k + e) : place(row + e, k);
      if constexpr (sizeof(T) == 4)
        copy_async<4>(shared + e, at >= 0 ? data + at : data, at >= 0 ? 4 : 0);
      else  // no asynchronous copy is as small
        shared[e] = at >= 0 ? data[at] : T{};
    }
  }
  __device__ __forceinline__ void copy_element(T* shared, int64_t row, int64_t k) const {
    const int64_t at = place(row, k);
    copy_async<4>(shared, at >= 0 ? data + at : data, at >= 0 ? 4 : 0);
  }

 private:
  __device__ __forceinline__ int64_t place(int64_t row, int64_t k) const {
    return row < rows && k < depth ? where(int(row), int(k)) : -1;
  }
};

// Row: an output pixel of all samples. Depth: (tap, channel).
struct InputByPixel {
  ConvIndex index;
  __device__ __forceinline__ int64_t begin(int64_t group) const { return group * index.s.channels(); }
  __device__ __forceinline__ int64_t operator()(int row, int k) const {
    const int sample = index.out_pixels.quotient(row), tap = index.channels.quotient(k);
    const int pixel = index.read_by(row - sample * int(index.out_pixels.divisor), tap);
    if (pixel < 0) return -1;
    const int c = k - tap * int(index.channels.divisor);
    return int64_t{sample * int(index.in_pixels.divisor) + pixel} * index.s.C + c;
  }
};
// Row: an input pixel of all samples. Depth: (tap, output channel).
struct OutputByPixel {
  ConvIndex index;
  __device__ __forceinline__ int64_t begin(int64_t group) const { return group * index.s.filters(); }
  __device__ __forceinline__ int64_t operator()(int row, int k) const {
    const int sample = index.in_pixels.quotient(row), tap = index.filters.quotient(k);
    const int pixel = index.reader_of(row - sample * int(index.in_pixels.divisor), tap);
    if (pixel < 0) return -1;
    const int f = k - tap * int(index.filters.divisor);
    return int64_t{sample * int(index.out_pixels.divisor) + pixel} * index.s.K + f;
  }
};
// Row: (tap, channel). Depth: an output pixel of all samples.
struct InputByTap {
  InputByPixel by_pixel;
  __device__ __forceinline__ int64_t begin(int64_t group) const { return by_pixel.begin(group); }
  __device__ __forceinline__ int64_t operator()(int row, int k) const { return by_pixel(k, row); }
};

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
