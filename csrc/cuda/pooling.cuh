// Windows over images: a thread owns an output pixel, or backward an input pixel, which gathers from the windows that
// hold it.
#pragma once
#include "core/parameters.h"
#include "cuda/images.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

constexpr int kAxes = 3;  // D H W; fewer spatial dimensions stand behind axes of size 1

struct Range {
  int64_t begin, end;
};

struct Windows {
  int64_t in[kAxes] = {1, 1, 1}, out[kAxes] = {1, 1, 1}, kernel[kAxes] = {1, 1, 1};
  int64_t stride[kAxes] = {1, 1, 1}, padding[kAxes] = {}, dilation[kAxes] = {1, 1, 1};
  bool is_adaptive = false;
  Images inputs{1, 1, 1, false}, outputs{1, 1, 1, false};

  template <class Op>
  explicit Windows(const Op& op) {
    const int r = op.rank(), channel = op.input.ndim - r - 1;
    for (int i = 0; i < r; ++i) {
      const int d = kAxes - r + i;
      in[d] = op.input.shape[channel + 1 + i], out[d] = op.output.shape[channel + 1 + i];
      if constexpr (requires { op.kernel_size; })
        kernel[d] = op.kernel_size[i], stride[d] = op.stride[i], padding[d] = op.padding[i];
      else
        is_adaptive = true;
      if constexpr (requires { op.dilation; }) dilation[d] = op.dilation[i];
    }
    const int64_t N = op.batched() ? op.input.shape[0] : 1, C = op.input.shape[channel];
    const bool channels_last = op.batched() && op.input.is_channels_last();
    inputs = {N, C, in[0] * in[1] * in[2], channels_last};
    outputs = {N, C, out[0] * out[1] * out[2], channels_last};
  }
  // Where the window of output p begins along an axis, maybe before the input.
  __device__ __forceinline__ int64_t first(int axis, int64_t p) const {
    return is_adaptive ? p * in[axis] / out[axis] : p * stride[axis] - padding[axis];
  }
  // The taps of a window that lie in the input; tap t at first + t · dilation.
  __device__ __forceinline__ Range taps(int axis, int64_t p) const {
    const int64_t from = first(axis, p);
    if (is_adaptive) return {0, divide_up((p + 1) * in[axis], out[axis]) - from};
    const int64_t d = dilation[axis];
    return {from < 0 ? divide_up(-from, d) : 0,
            from >= in[axis] ? 0 : min(kernel[axis], divide_up(in[axis] - from, d))};
  }
  // The outputs whose windows may hold input i.
  __device__ __forceinline__ Range outputs_over(int axis, int64_t i) const {
    if (is_adaptive) return {i * out[axis] / in[axis], divide_up((i + 1) * out[axis], in[axis])};
    const int64_t last = i + padding[axis], before = last - dilation[axis] * (kernel[axis] - 1);
    return {before > 0 ? divide_up(before, stride[axis]) : 0, min(out[axis], last / stride[axis] + 1)};
  }
};

// Calls f(pixel) for the pixels of the ranges along three axes of the given sizes.
template <class F>
__device__ __forceinline__ void each_pixel(const Range (&ranges)[kAxes], const int64_t (&first)[kAxes],
                                           const int64_t (&step)[kAxes], const int64_t (&size)[kAxes], const F& f) {
  for (int64_t t = ranges[0].begin; t < ranges[0].end; ++t)
    for (int64_t r = ranges[1].begin; r < ranges[1].end; ++r)
      for (int64_t s = ranges[2].begin; s < ranges[2].end; ++s)
        f(((first[0] + t * step[0]) * size[1] + first[1] + r * step[1]) * size[2] + first[2] + s * step[2]);
}
// For the pixels that the window of an output pixel holds, in their order.
template <class F>
__device__ __forceinline__ void each_in_window(const Windows& w, int64_t pixel, const F& f) {
  const int64_t p[kAxes] = {pixel / w.out[2] / w.out[1], pixel / w.out[2] % w.out[1], pixel % w.out[2]};
  const Range taps[kAxes] = {w.taps(0, p[0]), w.taps(1, p[1]), w.taps(2, p[2])};
  const int64_t first[kAxes] = {w.first(0, p[0]), w.first(1, p[1]), w.first(2, p[2])};
  each_pixel(taps, first, w.dilation, w.in, f);
}
// For the output pixels whose windows may hold an input pixel.
template <class F>
__device__ __forceinline__ void each_window_over(const Windows& w, int64_t pixel, const F& f) {
  const int64_t i[kAxes] = {pixel / w.in[2] / w.in[1], pixel / w.in[2] % w.in[1], pixel % w.in[2]};
  const Range over[kAxes] = {w.outputs_over(0, i[0]), w.outputs_over(1, i[1]), w.outputs_over(2, i[2])};
  each_pixel(over, {0, 0, 0}, {1, 1, 1}, w.out, f);
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
