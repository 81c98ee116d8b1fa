// Borders of an image that are not zero, written out before a convolution and folded back after its gradient.
#pragma once
#include "cpu/conv_shape.h"
#include "cpu/layout.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Where a position of the padded axis comes from.
FASTNETS_INLINE std::int64_t padded_source(PaddingMode mode, std::int64_t x, std::int64_t size) {
  switch (mode) {
    case PaddingMode::reflect:
      return x < 0 ? -x : x >= size ? 2 * (size - 1) - x : x;
    case PaddingMode::replicate:
      return x < 0 ? 0 : x >= size ? size - 1 : x;
    default:
      return x < 0 ? x + size : x >= size ? x - size : x;  // circular
  }
}

// Calls f(position in the padded image, its source in the input) for the pixels of a padded image, row-major.
template <class F>
void each_padded_pixel(const ConvShape& s, PaddingMode mode, const F& f) {
  std::int64_t size[kAxes];
  for (int d = 0; d < kAxes; ++d) size[d] = s.in[d] + s.padding[d] + s.padding_end[d];
  std::int64_t at[kAxes];
  for (at[0] = 0; at[0] < size[0]; ++at[0])
    for (at[1] = 0; at[1] < size[1]; ++at[1])
      for (at[2] = 0; at[2] < size[2]; ++at[2]) {
        std::int64_t from[kAxes];
        for (int d = 0; d < kAxes; ++d) from[d] = padded_source(mode, at[d] - s.padding[d], s.in[d]);
        f((at[0] * size[1] + at[1]) * size[2] + at[2], from);
      }
}

// A copy of the image with its border, in the same memory format; afterwards the shape has no padding left.
template <class T>
Image<T> pad_image(const Image<T>& image, ConvShape& s, PaddingMode mode, Workspace& workspace) {
  Image<T> padded = image;
  std::int64_t pixels = 1;
  for (int d = 0; d < kAxes; ++d) pixels *= padded.size[d] = s.in[d] + s.padding[d] + s.padding_end[d];
  padded.channel_stride = image.channels_last ? 1 : pixels;
  padded.stride[2] = image.channels_last ? s.C : 1;
  padded.stride[1] = padded.stride[2] * padded.size[2];
  padded.stride[0] = padded.stride[1] * padded.size[1];
  padded.batch_stride = s.C * pixels;
  T* out = workspace.take<T>(s.N * s.C * pixels);
  padded.data = out;
  if (out) {
    const auto task = [&](std::int64_t n) {
      each_padded_pixel(s, mode, [&](std::int64_t to, const std::int64_t* from) {
        const T* source = image.data + n * image.batch_stride;
        for (int d = 0; d < kAxes; ++d) source += from[d] * image.stride[d];
        T* target = out + n * padded.batch_stride + to * padded.stride[2];
        for (std::int64_t c = 0; c < s.C; ++c) target[c * padded.channel_stride] = source[c * image.channel_stride];
      });
    };
    parallel(s.N, task);
  }
  for (int d = 0; d < kAxes; ++d) s.in[d] = padded.size[d], s.padding[d] = s.padding_end[d] = 0;
  return padded;
}

// sums[n][pixel][c] += what the border of a padded channels-last gradient holds of each pixel; `s` is the unpadded
// shape.
template <class Acc>
void fold_border(const Acc* padded, const ConvShape& s, PaddingMode mode, Acc* sums) {
  std::int64_t pixels = 1;
  for (int d = 0; d < kAxes; ++d) pixels *= s.in[d] + s.padding[d] + s.padding_end[d];
  const auto task = [&](std::int64_t n) {
    Acc* image = sums + n * s.in_pixels() * s.C;
    for (std::int64_t i = 0; i < s.in_pixels() * s.C; ++i) image[i] = 0;
    each_padded_pixel(s, mode, [&](std::int64_t at, const std::int64_t* from) {
      Acc* to = image + ((from[0] * s.in[1] + from[1]) * s.in[2] + from[2]) * s.C;
      const Acc* source = padded + (n * pixels + at) * s.C;
      for (std::int64_t c = 0; c < s.C; ++c) to[c] += source[c];
    });
  };
  parallel(s.N, task);
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
