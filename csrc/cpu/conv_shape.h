// The sizes of a convolution with all three axes, the images that it reads, and its windows.
#pragma once
#include "core/ops/conv.h"
#include "core/ops/conv_transpose.h"
#include "cpu/conv_sources.h"
#include "cpu/layout.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// The image that the products read: an argument, or a copy of it.
template <class T>
struct Image {
  const T* data;
  bool channels_last;  // or with contiguous lines
  std::int64_t size[kAxes];
  std::int64_t batch_stride, channel_stride, stride[kAxes];
};

// An image without gaps.
template <class T>
Image<T> dense_image(const T* data, std::int64_t channels, const std::int64_t (&size)[kAxes], bool channels_last) {
  Image<T> image{data, channels_last, {size[0], size[1], size[2]}, channels * size[0] * size[1] * size[2], 1, {}};
  image.stride[2] = channels_last ? channels : 1;
  image.stride[1] = image.stride[2] * size[2], image.stride[0] = image.stride[1] * size[1];
  if (!channels_last) image.channel_stride = size[0] * size[1] * size[2];
  return image;
}

// An argument as an image of one of the formats, copied where it is not.
template <class T>
Image<T> image_of(const Tensor& t, int rank, bool channels_last, Workspace& workspace) {
  const int channel = t.ndim - rank - 1, last = t.ndim - 1;
  std::int64_t size[kAxes] = {1, 1, 1};
  for (int i = 0; i < rank; ++i) size[kAxes - rank + i] = t.shape[channel + 1 + i];
  Image<T> image = dense_image<T>(nullptr, t.shape[channel], size, channels_last);
  if (channels_last || (t.stride[last] != 1 && t.shape[last] != 1)) {
    image.data = in_format<T>(t, channels_last, workspace);
    return image;
  }
  image.data = t.as<T>();
  image.batch_stride = channel ? t.stride[0] : 0, image.channel_stride = t.stride[channel];
  for (int i = 0; i + 1 < rank; ++i) image.stride[kAxes - rank + i] = t.stride[channel + 1 + i];
  return image;
}

// All lines of an image become one where nothing lies between them: for windows of one element, at each pixel.
template <class T>
void merge_lines(Window& w, const Image<T>& image) {
  if (image.stride[1] != image.size[2] * image.stride[2] || image.stride[0] != image.size[1] * image.stride[1]) return;
  const std::int64_t pixels = image.size[0] * image.size[1] * image.size[2], *offset = w.axis[2].offset;
  w.axis[0] = w.axis[1] = {1, 1, 1, 1, 0, offset};
  w.axis[2] = {pixels, pixels, 1, 1, image.stride[2], offset};
}

// Each pixel by itself.
template <class T>
Window pixel_window(const Image<T>& image, Workspace& workspace) {
  std::int64_t* offset = workspace.take<std::int64_t>(1);
  if (offset) *offset = 0;
  Window w;
  for (int d = 0; d < kAxes; ++d) w.axis[d] = {image.size[d], image.size[d], 1, 1, image.stride[d], offset};
  merge_lines(w, image);
  return w;
}

struct ConvShape {
  std::int64_t N, C, K, groups;
  std::int64_t in[kAxes] = {1, 1, 1}, out[kAxes] = {1, 1, 1}, kernel[kAxes] = {1, 1, 1};
  std::int64_t stride[kAxes] = {1, 1, 1}, padding[kAxes] = {}, padding_end[kAxes] = {}, dilation[kAxes] = {1, 1, 1};
  bool channels_last;

  explicit ConvShape(const Conv& op) : ConvShape(op, op.input, op.output) {
    for (int i = 0; i < op.rank(); ++i) padding_end[kAxes - op.rank() + i] = op.padding_end[i];
  }
  // A transposed convolution is the gradient of this one's input: it reads what this one writes.
  explicit ConvShape(const ConvTranspose& op) : ConvShape(op, op.output, op.input) {
    for (int i = 0; i < op.rank(); ++i) padding_end[kAxes - op.rank() + i] = op.padding[i] - op.output_padding[i];
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
  FASTNETS_INLINE bool strides() const { return stride[0] > 1 || stride[1] > 1 || stride[2] > 1; }
  FASTNETS_INLINE bool is_depthwise() const { return C == groups && K == groups; }
  // One element a kernel, and pixels that lie in the output as in the input.
  FASTNETS_INLINE bool is_pointwise() const { return taps() == 1 && !pads() && !strides(); }

  // What each output reads of an image with these strides: line by line, or with lines merged where they can be.
  template <class T>
  Window window_of_lines(const Image<T>& image, Workspace& workspace) const {
    Window w;
    for (int d = 0; d < kAxes; ++d) {
      std::int64_t* offset = workspace.take<std::int64_t>(kernel[d]);
      if (offset)
        for (std::int64_t k = 0; k < kernel[d]; ++k) offset[k] = k * dilation[d] - padding[d];
      w.axis[d] = {image.size[d], out[d], stride[d], kernel[d], image.stride[d], offset};
    }
    return w;
  }
  template <class T>
  Window window(const Image<T>& image, Workspace& workspace) const {
    Window w = window_of_lines(image, workspace);
    if (is_pointwise()) merge_lines(w, image);
    return w;
  }

  // Which outputs an input at a given residue of the strides has been read by, in an image of the outputs; `used` gets
  // the kernel elements that take part.
  template <class T>
  Window gradient_window(const Image<T>& image, const std::int64_t* residue, std::int64_t* const* used,
                         Workspace& workspace) const {
    Window w;
    for (int d = 0; d < kAxes; ++d) {
      std::int64_t* offset = workspace.take<std::int64_t>(kernel[d]);
      std::int64_t count = 0;
      for (std::int64_t k = 0; k < kernel[d]; ++k) {
        const std::int64_t at = residue[d] + padding[d] - k * dilation[d];
        if (at % stride[d]) continue;
        if (offset) offset[count] = at / stride[d], used[d][count] = k;
        ++count;
      }
      const std::int64_t grid = residue[d] < in[d] ? divide_up(in[d] - residue[d], stride[d]) : 0;
      w.axis[d] = {image.size[d], grid, 1, count, image.stride[d], offset};
    }
    if (is_pointwise()) merge_lines(w, image);
    return w;
  }

 private:
  template <class Op>
  ConvShape(const Op& op, const Tensor& input, const Tensor& output) {
    const int r = op.rank(), channel = op.channel_dim();
    N = op.batched() ? input.shape[0] : 1, C = input.shape[channel], K = output.shape[channel], groups = op.groups;
    channels_last = op.output.is_channels_last() || (op.batched() && op.input.is_channels_last());
    for (int i = 0; i < r; ++i) {
      const int d = kAxes - r + i;
      in[d] = input.shape[channel + 1 + i], out[d] = output.shape[channel + 1 + i];
      kernel[d] = op.weight.shape[2 + i], stride[d] = op.stride[i];
      dilation[d] = op.dilation[i], padding[d] = op.padding[i];
    }
  }
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
