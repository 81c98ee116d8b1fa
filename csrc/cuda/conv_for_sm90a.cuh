// Which products of a convolution the main loop for sm_90a takes over. A 1x1 kernel that meets each pixel once is a
// product of matrices; other windows are gathered by bulk copies (im2col), where their maps can describe them. That
// depends on shapes alone, and on the alignment of arrays.
#pragma once
#include <algorithm>
#include <cstdlib>
#include <optional>

#include "cuda/backend/tensor_map.h"
#include "cuda/conv_operands.cuh"
#include "cuda/for_sm90a.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

inline bool is_moved_along(const sm90a::WindowAxis& axis) {
  return axis.size != 1 || axis.windows != 1 || axis.taps != 1 || axis.first != 0;
}

// The windows of a product's pixels; `axis_of` says those of an axis of ConvShape.
template <class AxisOf>
sm90a::ImageOperand windows_on(int64_t samples, int64_t all_channels, int64_t channels, AxisOf axis_of) {
  sm90a::ImageOperand windows{nullptr, false, samples, all_channels, channels, 1, {}};
  for (int d = 0; d < kAxes; ++d) {
    windows.axis[size_t(d)] = axis_of(kAxes - 1 - d);
    if (is_moved_along(windows.axis[size_t(d)])) windows.axes = d + 1;
  }
  return windows;
}

inline std::optional<sm90a::ImageOperand> windows_of(const InputByPixel& where) {
  const ConvShape& s = where.index.s;
  return windows_on(s.N, s.C, s.channels(), [&](int d) {
    return sm90a::WindowAxis{s.in[d], s.out[d], -s.padding[d], s.stride[d], s.kernel[d], 0, s.dilation[d]};
  });
}

// The last tap meets the first pixel of a window. Inputs of a strided convolution have no windows of outputs.
inline std::optional<sm90a::ImageOperand> windows_of(const OutputByPixel& where) {
  const ConvShape& s = where.index.s;
  if (!std::ranges::all_of(s.stride, [](int stride) { return stride == 1; })) return std::nullopt;
  return windows_on(s.N, s.K, s.filters(), [&](int d) {
    const int64_t reach = int64_t{s.dilation[d]} * (s.kernel[d] - 1);
    return sm90a::WindowAxis{s.out[d], s.in[d], s.padding[d] - reach, 1, s.kernel[d], reach, -s.dilation[d]};
  });
}

inline bool is_pointwise(const sm90a::ImageOperand& image) {
  return std::ranges::all_of(image.axis, [](const sm90a::WindowAxis& axis) {
    return axis.taps == 1 && axis.step == 1 && axis.first == 0 && axis.size == axis.windows;
  });
}

// Whether a map can describe the windows, and gathering them pays.
inline bool can_gather(const sm90a::ImageOperand& image) {
  // Of a slice at least half is real: what wgmma computes beside is then made up for by its rate, about twice that of
  // the instructions that it replaces.
  constexpr int64_t kFewest = sm90a::kSlice / 2;
  const int64_t reach = im2col_reach(image.axes);
  return image.channels >= kFewest &&
         std::all_of(image.axis.begin(), image.axis.begin() + image.axes, [&](const sm90a::WindowAxis& axis) {
           const auto is_corner = [&](int64_t at) { return at >= -reach / 2 && at < reach / 2; };
           return is_corner(axis.lower()) && is_corner(axis.upper()) && axis.step <= kMostIm2colStep &&
                  (axis.taps - 1) * std::abs(axis.tap_step) < reach;
         });
}

template <class T>
bool is_served(const ConvShape& s, int64_t channels, const T* a, const T* b) {
  const int64_t fewest_pixels = std::min(s.in_pixels(), s.out_pixels()),
                most_pixels = std::max(s.in_pixels(), s.out_pixels());
  return compute_capability() == 90 && s.mode == PaddingMode::zeros && channels % kChunk<T> == 0 && are_aligned(a, b) &&
         std::min<int64_t>({s.N, s.C, s.K, fewest_pixels}) > 0 && s.N * most_pixels < kMostMapped &&
         s.taps() * sm90a::whole_slices(std::max(s.C, s.K)) < kMostMapped;
}

// Pixels (rows) times a weight (columns of all groups, taps, channels of a group), as multiply_pixels() has them.
template <class T, class Where>
std::optional<sm90a::Product> pixels_for_sm90a(const char* name, int64_t rows, int64_t columns, const T* image,
                                               const Where& where, const T* weight, const PixelResult<T>& to) {
  const ConvShape& s = where.index.s;
  auto windows = windows_of(where);
  if (!windows || !is_served(s, windows->channels, image, weight) || to.unrounded) return std::nullopt;
  const int64_t channels = windows->channels, taps = s.taps(), groups = s.groups;
  sm90a::Product product{
      .name = name,
      .dtype = kHalf<T>,
      .batch = groups,
      .M = rows,
      .N = columns,
      .K = channels,
      .a = sm90a::MappedOperand{image, false, channels, rows, groups, windows->all_channels, channels},
      .b = sm90a::MappedOperand{weight, false, channels, columns, groups, channels, columns * channels},
      .out = to.out,
      .out_batch_stride = columns,
      .out_row_stride = groups * columns,
      .bias = to.bias,
      .residual = to.residual,
      .activation = to.activation,
      .pre_activation = to.pre_activation,
      .bias_batch_stride = columns,
  };
  if (is_pointwise(*windows)) return product;
  // What fills up the last slice of a tap would be the next group's, and infinite times 0.
  if (!can_gather(*windows) || (groups > 1 && channels % sm90a::kSlice != 0)) return std::nullopt;
  windows->data = image;
  product.K = taps * sm90a::whole_slices(channels);
  product.a = *windows;
  product.b = sm90a::MappedOperand{weight, false, channels, groups * columns, taps, taps * channels, channels};
  return product;
}

// dz by filters times the image by (tap, channel), whose channels are filled up to whole slices unless the kernel is
// 1x1; the result's place is left open.
template <class T>
std::optional<sm90a::Product> weight_for_sm90a(const char* name, const ConvShape& s, const T* image, const T* dz) {
  const int64_t filters = s.filters(), pixels = int64_t{s.N} * s.out_pixels(), groups = s.groups;
  const int64_t channels = s.channels();
  if (!is_served(s, channels, image, dz) || filters % kChunk<T> != 0) return std::nullopt;
  sm90a::Product product{
      .name = name,
      .dtype = kHalf<T>,
      .batch = groups,
      .M = filters,
      .N = channels,
      .K = pixels,
      .a = sm90a::MappedOperand{dz, true, filters, pixels, groups, s.K, filters},
      .b = sm90a::MappedOperand{image, true, channels, pixels, groups, s.C, channels},
  };
  auto windows = *windows_of(InputByPixel{ConvIndex(s)});
  if (!is_pointwise(windows)) {
    if (!can_gather(windows)) return std::nullopt;
    windows.data = image;
    windows.is_by_rows = true;
    product.N = s.taps() * sm90a::whole_slices(channels);
    product.b = windows;
  }
  product.out_batch_stride = filters * product.N;
  product.out_row_stride = product.N;
  return product;
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
