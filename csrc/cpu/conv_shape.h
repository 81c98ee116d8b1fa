// The sizes of a convolution with all three axes, and its windows.
#pragma once
#include "core/ops/conv.h"
#include "cpu/backend/scratch.h"
#include "cpu/conv_sources.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// The image that the products read: the input, or a copy of it with its border written out.
template <class T>
struct Image {
  const T* data;
  bool channels_last;
  std::int64_t size[kAxes];
  std::int64_t batch_stride, channel_stride, stride[kAxes];
};

struct ConvShape {
  std::int64_t N, C, K, groups;
  std::int64_t in[kAxes] = {1, 1, 1}, out[kAxes] = {1, 1, 1}, kernel[kAxes] = {1, 1, 1};
  std::int64_t stride[kAxes] = {1, 1, 1}, padding[kAxes] = {}, padding_end[kAxes] = {}, dilation[kAxes] = {1, 1, 1};
  bool channels_last;

  explicit ConvShape(const Conv& op) {
    const int r = op.rank(), channel = op.channel_dim();
    N = op.batched() ? op.input.shape[0] : 1, C = op.input.shape[channel], K = op.weight.shape[0], groups = op.groups;
    channels_last = op.output.is_channels_last() || (op.batched() && op.input.is_channels_last());
    for (int i = 0; i < r; ++i) {
      const int d = kAxes - r + i;
      in[d] = op.input.shape[channel + 1 + i], out[d] = op.output.shape[channel + 1 + i];
      kernel[d] = op.weight.shape[2 + i], stride[d] = op.stride[i], dilation[d] = op.dilation[i];
      padding[d] = op.padding[i], padding_end[d] = op.padding_end[i];
    }
  }
  FASTNETS_INLINE std::int64_t group_channels() const { return C / groups; }
  FASTNETS_INLINE std::int64_t group_outputs() const { return K / groups; }
  FASTNETS_INLINE std::int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  FASTNETS_INLINE std::int64_t in_pixels() const { return in[0] * in[1] * in[2]; }
  FASTNETS_INLINE std::int64_t out_pixels() const { return out[0] * out[1] * out[2]; }
  FASTNETS_INLINE bool pads() const {
    for (int d = 0; d < kAxes; ++d)
      if (padding[d] || padding_end[d]) return true;
    return false;
  }
  // One element a kernel, and pixels that lie in the output as in the input.
  FASTNETS_INLINE bool is_pointwise() const {
    bool plain = taps() == 1 && !pads();
    for (int d = 0; d < kAxes; ++d) plain = plain && stride[d] == 1;
    return plain;
  }

  // What each output reads of an image with these strides.
  template <class T>
  Window window(const Image<T>& image, Workspace& workspace) const {
    Window w;
    for (int d = 0; d < kAxes; ++d) {
      std::int64_t* offset = workspace.take<std::int64_t>(kernel[d]);
      if (offset)
        for (std::int64_t k = 0; k < kernel[d]; ++k) offset[k] = k * dilation[d] - padding[d];
      w.axis[d] = {image.size[d], out[d], stride[d], kernel[d], image.stride[d], offset};
    }
    if (is_pointwise() && image.stride[1] == image.size[2] * image.stride[2] &&
        image.stride[0] == image.size[1] * image.stride[1]) {  // all lines are one
      const std::int64_t* offset = w.axis[2].offset;
      w.axis[0] = w.axis[1] = {1, 1, 1, 1, 0, offset};
      w.axis[2] = {in_pixels(), in_pixels(), 1, 1, image.stride[2], offset};
    }
    return w;
  }

  // Which outputs an input at a given residue of the strides has been read by: an image of the output's gradient, and
  // in `taps` the kernel elements that take part.
  Window gradient_window(const std::int64_t* residue, std::int64_t* const* taps_used, Workspace& workspace) const {
    Window w;
    for (int d = 0; d < kAxes; ++d) {
      std::int64_t* offset = workspace.take<std::int64_t>(kernel[d]);
      std::int64_t count = 0;
      for (std::int64_t k = 0; k < kernel[d]; ++k) {
        const std::int64_t at = residue[d] + padding[d] - k * dilation[d];
        if (at % stride[d]) continue;
        if (offset) offset[count] = at / stride[d], taps_used[d][count] = k;
        ++count;
      }
      const std::int64_t grid = residue[d] < in[d] ? divide_up(in[d] - residue[d], stride[d]) : 0;
      w.axis[d] = {out[d], grid, 1, count, 0, offset};
    }
    w.axis[2].stride = K;
    w.axis[1].stride = K * out[2];
    w.axis[0].stride = K * out[2] * out[1];
    return w;
  }
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
