// Convolution as an implicit product, and what it and its gradients do to the images that they make.
#pragma once
#include "cpu/conv_shape.h"
#include "cpu/epilogue.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Blocks for an operand that is dear to pack (the image) beside one that is packed already (the weight).
constexpr BlockLimits kImageIsRows{20, 64}, kImageIsColumns{86, 8};

// Where an image goes, and what is done to it on the way.
template <class T>
struct ImageResult {
  T* data;
  const T* bias = nullptr;      // one a channel
  const T* residual = nullptr;  // laid out as data
  Activation activation = Activation::none;
  T* pre_activation = nullptr;  // laid out as data

  // The channels from `channel` on, which begin at an offset in memory.
  FASTNETS_INLINE ImageResult from(std::int64_t channel, std::int64_t offset) const {
    return {data + offset, bias ? bias + channel : nullptr, residual ? residual + offset : nullptr, activation,
            pre_activation ? pre_activation + offset : nullptr};
  }
  // Rows of a product are lines of channels or, with the bias by row, of pixels.
  template <class Rows>
  RowSink<T, Rows> sink(const Rows& rows, bool bias_by_row) const {
    return {data, rows, bias, bias_by_row, residual, activation, pre_activation};
  }
};

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
void pack_weight(const Tensor& weight, const ConvShape& s, PanelElement<T>* out, Workspace& workspace) {
  const T* data = arrange_weight<T>(weight, s, workspace);
  if (!data || !out) return;
  const std::int64_t outputs = s.group_outputs(), depth = s.group_channels() * s.taps();
  for (std::int64_t g = 0; g < s.groups; ++g) {
    const MatrixSource<T> source{{data + g * outputs * depth, depth, 1}};
    PanelElement<T>* to = out + g * packed_group_size<T>(s);
    s.channels_last ? pack_all<T, Blocks<T>::kNR>(source, outputs, depth, to)
                    : pack_all<T, Blocks<T>::kMR>(source, outputs, depth, to);
  }
}
// The panels that came with a weight, or new ones.
template <class T>
const PanelElement<T>* packed_weight(const Tensor& weight, const ConvShape& s, Workspace& workspace) {
  if (weight.packed) return static_cast<const PanelElement<T>*>(weight.packed);
  auto* panels = workspace.take<PanelElement<T>>(s.groups * packed_group_size<T>(s));
  pack_weight<T>(weight, s, panels, workspace);
  return panels;
}

// One product a group: pixels × outputs of a channels-last image, outputs × pixels of each row-major one.
template <class T>
void convolve(const ConvShape& s, const Image<T>& image, const PanelElement<T>* packed, const ImageResult<T>& result,
              Workspace& workspace) {
  const std::int64_t channels = s.group_channels(), outputs = s.group_outputs(), depth = channels * s.taps();
  const std::int64_t pixels = s.out_pixels();
  const Window window = s.window(image, workspace);
  T* zeros = workspace.take<T>(channels);
  if (!workspace.base) return;
  __builtin_memset(static_cast<void*>(zeros), 0, channels * sizeof(T));
  for (std::int64_t g = 0; g < s.groups; ++g) {
    const T* data = image.data + g * channels * image.channel_stride;
    const PanelElement<T>* panels = packed + g * packed_group_size<T>(s);
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
