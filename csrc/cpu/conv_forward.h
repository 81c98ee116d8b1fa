// Convolution as an implicit product, or as a filter where it is depthwise.
#pragma once
#include "cpu/depthwise_channels.h"
#include "cpu/depthwise_lines.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Blocks for an operand that is dear to pack (the image) beside one that is packed already (the weight).
constexpr BlockLimits kImageIsRows{20, 64}, kImageIsColumns{86, 8};

// Weights as the products want them: channels-last images meet (K, tap, C), row-major ones (K, C, tap).
template <class T>
const T* arrange_weight(const Tensor& weight, const ConvShape& s, Workspace& workspace) {
  const bool channels_last = s.channels_last;
  if (channels_last ? weight.is_channels_last() || (s.taps() == 1 && weight.is_contiguous()) : weight.is_contiguous())
    return weight.as<T>();
  T* out = workspace.take<T>(weight.size());
  if (!out) return out;
  Tensor view = weight;
  if (channels_last) {  // channels move behind the taps
    for (int d = 1; d + 1 < view.ndim; ++d) view.shape[d] = weight.shape[d + 1], view.stride[d] = weight.stride[d + 1];
    view.shape[view.ndim - 1] = s.group_channels(), view.stride[view.ndim - 1] = weight.stride[1];
  }
  copy_contiguous<T>(view, out);
  return out;
}

// Panels of one group's weight after another.
template <class T>
std::int64_t packed_group_size(const ConvShape& s) {
  const std::int64_t depth = s.group_channels() * s.taps();
  return s.channels_last ? MatrixOperand<T, Blocks<T>::kNR>::packed_size(s.group_outputs(), depth)
                         : MatrixOperand<T, Blocks<T>::kMR>::packed_size(s.group_outputs(), depth);
}
template <class T>
std::int64_t packed_bytes(const ConvShape& s) {
  if (s.is_depthwise()) return s.C * s.taps() * static_cast<std::int64_t>(sizeof(Accumulator<T>));
  return s.groups * packed_group_size<T>(s) * static_cast<std::int64_t>(sizeof(PanelElement<T>));
}
template <class T>
void pack_depthwise(const Tensor& weight, const ConvShape& s, Accumulator<T>* out, Workspace& workspace) {
  std::int64_t* tap_offset = workspace.take<std::int64_t>(s.taps());
  if (!tap_offset || !out) return;
  Window all;
  for (int d = 0; d < kAxes; ++d) all.axis[d].taps = s.kernel[d];
  list_taps(weight, all, nullptr, tap_offset);
  widen_taps<T>(weight, tap_offset, s.taps(), s.channels_last, out);
}
template <class T>
void pack_weight(const Tensor& weight, const ConvShape& s, void* out, Workspace& workspace) {
  if (s.is_depthwise()) return pack_depthwise<T>(weight, s, static_cast<Accumulator<T>*>(out), workspace);
  const T* data = arrange_weight<T>(weight, s, workspace);
  if (!data || !out) return;
  const std::int64_t outputs = s.group_outputs(), depth = s.group_channels() * s.taps();
  for (std::int64_t g = 0; g < s.groups; ++g) {
    const MatrixSource<T> source{{data + g * outputs * depth, depth, 1}};
    PanelElement<T>* to = static_cast<PanelElement<T>*>(out) + g * packed_group_size<T>(s);
    s.channels_last ? pack_all<T, Blocks<T>::kNR>(source, outputs, depth, to)
                    : pack_all<T, Blocks<T>::kMR>(source, outputs, depth, to);
  }
}
// What came packed with a weight, or what is packed now.
template <class T>
const void* packed_weight(const Tensor& weight, const ConvShape& s, Workspace& workspace) {
  if (weight.packed) return weight.packed;
  void* room = workspace.take<std::byte>(packed_bytes<T>(s));
  pack_weight<T>(weight, s, room, workspace);
  return room;
}

template <class T>
void convolve_depthwise(const ConvShape& s, const Image<T>& image, const Accumulator<T>* weight,
                        const ImageResult<T>& result, Workspace& workspace) {
  const Window window = s.window(image, workspace);
  if (!workspace.base || !window.pixels()) return;
  const Image<T> to = dense_image<T>(nullptr, s.C, s.out, s.channels_last);
  const ResiduePixels at{{window.axis[0].grid, window.axis[1].grid, window.axis[2].grid},
                         {to.stride[0], to.stride[1], to.stride[2]},
                         0,
                         to.batch_stride};
  const DepthwisePass<T> pass{window, weight, at};
  const Depthwise<T, T> d{image, &pass, 1, s.N, s.C, result, to.channel_stride};
  s.channels_last ? depthwise_channels(d) : depthwise_lines(d);
}

// One product a group: pixels × outputs of a channels-last image, outputs × pixels of each row-major one.
template <class T>
void convolve(const ConvShape& s, const Image<T>& image, const void* packed, const ImageResult<T>& result,
              Workspace& workspace) {
  if (s.is_depthwise())
    return convolve_depthwise(s, image, static_cast<const Accumulator<T>*>(packed), result, workspace);
  const std::int64_t channels = s.group_channels(), outputs = s.group_outputs(), depth = channels * s.taps();
  const std::int64_t pixels = s.out_pixels();
  const Window window = s.window(image, workspace);
  T* zeros = workspace.take<T>(channels);
  if (!workspace.base) return;
  __builtin_memset(static_cast<void*>(zeros), 0, channels * sizeof(T));
  for (std::int64_t g = 0; g < s.groups; ++g) {
    const T* data = image.data + g * channels * image.channel_stride;
    const PanelElement<T>* panels = static_cast<const PanelElement<T>*>(packed) + g * packed_group_size<T>(s);
    const ImageResult<T> part = result.from(g * outputs, s.channels_last ? g * outputs : g * outputs * pixels);
    if (s.channels_last) {
      const MatrixOperand<T, Blocks<T>::kNR> weights{{}, outputs, depth, panels};
      const Operand<T, Blocks<T>::kMR, PixelRows<T>> rows{
          {data, window, image.batch_stride, channels, zeros}, s.N * pixels, depth};
      gemm<T>(1, s.N * pixels, outputs, depth, rows, weights, part.sink(EvenRows{s.K}, false), kImageIsRows);
    } else {
      const MatrixOperand<T, Blocks<T>::kMR> weights{{}, outputs, depth, panels};
      const Operand<T, Blocks<T>::kNR, PixelColumns<T>> columns{
          {data, window, image.batch_stride, image.channel_stride}, pixels, depth};
      const EvenRows rows{pixels, s.K * pixels};
      gemm<T>(s.N, outputs, pixels, depth, weights, columns, part.sink(rows, true), kImageIsColumns);
    }
  }
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
