// The gradients of a convolution, as products over the same images.
#pragma once
#include "cpu/conv_forward.h"
#include "cpu/conv_gradient_sources.h"
#include "cpu/images.h"
#include "cpu/reduce.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// dz = grad_output · activation′(z), without gaps in the output's format.
template <class Op, class T>
const T* grad_pre_activation(const Op& op, bool channels_last, Type<T>, Workspace& workspace) {
  const T* dy = in_format<T>(op.grad_output, channels_last, workspace);
  if (op.activation == Activation::none) return dy;
  T* dz = workspace.take<T>(op.output.size());
  if (!workspace.base) return dz;
  const T* y = op.output.template as<T>();
  const T* z = op.pre_activation ? op.pre_activation.template as<T>() : y;
  grad_activation(op.activation, dy, z, y, op.output.size(), dz);
  return dz;
}

// out[k] = sum over n and pixels of a dense image.
template <class T>
void sum_pixels(const T* image, std::int64_t N, std::int64_t channels, std::int64_t pixels, bool channels_last,
                T* out) {
  if (channels_last || pixels == 1) return sum_rows(image, N * pixels, channels, channels, out);
  using Acc = Accumulator<T>;
  const auto task = [&](std::int64_t k) {
    Acc total = 0;
    for (std::int64_t first = 0; first < N; first += kChain) {
      Acc chain = 0;
      for (std::int64_t n = first; n < least(N, first + kChain); ++n) {
        const T* plane = image + (n * channels + k) * pixels;
        chain += chained_sum<Acc>(pixels, [&](std::int64_t i, int count) { return read(plane + i, count); });
      }
      total += chain;
    }
    out[k] = narrow<T>(total);
  };
  parallel(channels, task);
}

// One residue of gradient_image, for one group: `dz` and `result` begin at the group's channels.
template <class T, class Out>
void gradient_pixels(const ConvShape& s, const Image<T>& dz, const Window& window, const TransposedWeight<T>& weight,
                     PanelElement<T>* panels, const T* zeros, const ResiduePixels& at, const ImageResult<Out>& result) {
  constexpr int kMR = Blocks<T>::kMR, kNR = Blocks<T>::kNR;
  const std::int64_t channels = s.group_channels(), outputs = s.group_outputs(), depth = window.taps() * outputs;
  if (s.channels_last) {
    const std::int64_t rows = s.N * window.pixels();
    pack_all<T, kNR>(weight, channels, depth, panels);
    const Operand<T, kNR, TransposedWeight<T>> columns{weight, channels, depth, panels};
    const Operand<T, kMR, PixelRows<T>> pixels{{dz.data, window, dz.batch_stride, outputs, zeros}, rows, depth};
    if (s.strides())
      gemm<T>(1, rows, channels, depth, pixels, columns, result.sink(at, false), kImageIsRows);
    else
      gemm<T>(1, rows, channels, depth, pixels, columns, result.sink(EvenRows{s.C}, false), kImageIsRows);
    return;
  }
  pack_all<T, kMR>(weight, channels, depth, panels);
  const Operand<T, kMR, TransposedWeight<T>> rows{weight, channels, depth, panels};
  const Operand<T, kNR, PixelColumns<T>> pixels{
      {dz.data, window, dz.batch_stride, dz.channel_stride}, window.pixels(), depth};
  if (s.strides()) {
    const ScatteredPixels<Out> sink{result, at, s.in_pixels()};
    gemm<T>(s.N, channels, window.pixels(), depth, rows, pixels, sink, kImageIsColumns);
  } else {
    const EvenRows lines{s.in_pixels(), s.in_pixels() * s.C};
    gemm<T>(s.N, channels, window.pixels(), depth, rows, pixels, result.sink(lines, true), kImageIsColumns);
  }
}

// Calls f for each residue of an input's pixels modulo the stride.
template <class F>
void each_residue(const ConvShape& s, const F& f) {
  std::int64_t residue[kAxes];
  for (residue[0] = 0; residue[0] < least(s.stride[0], s.in[0]); ++residue[0])
    for (residue[1] = 0; residue[1] < least(s.stride[1], s.in[1]); ++residue[1])
      for (residue[2] = 0; residue[2] < least(s.stride[2], s.in[2]); ++residue[2]) f(residue);
}

// Where the pixels of a residue lie in the input's gradient.
FASTNETS_INLINE ResiduePixels residue_pixels(const ConvShape& s, const Window& window, const std::int64_t* residue) {
  const std::int64_t pixel = s.channels_last ? s.C : 1, line = s.in[2] * pixel, plane = s.in[1] * line;
  return {{window.axis[0].grid, window.axis[1].grid, window.axis[2].grid},
          {s.stride[0] * plane, s.stride[1] * line, s.stride[2] * pixel},
          residue[0] * plane + residue[1] * line + residue[2] * pixel,
          s.in_pixels() * s.C};
}

// dx of a depthwise convolution, as below: all residues in one pass over the image.
template <class T, class Out>
void gradient_depthwise_image(const ConvShape& s, const Tensor& weight, const Image<T>& dz,
                              const ImageResult<Out>& result, Workspace& workspace) {
  std::int64_t residues = 1;
  for (int d = 0; d < kAxes; ++d) residues *= least(s.stride[d], s.in[d]);
  auto* passes = workspace.take<DepthwisePass<T>>(residues);
  std::int64_t* used[kAxes];
  for (int d = 0; d < kAxes; ++d) used[d] = workspace.take<std::int64_t>(s.kernel[d]);
  std::int64_t* tap_offset = workspace.take<std::int64_t>(s.taps());
  const bool run = workspace.base != nullptr;
  std::int64_t count = 0;
  each_residue(s, [&](const std::int64_t* residue) {
    const Window window = s.gradient_window(dz, residue, used, workspace);
    auto* filter = workspace.take<Accumulator<T>>(s.C * window.taps());
    if (!run) return;
    list_taps(weight, window, used, tap_offset);
    widen_taps<T>(weight, tap_offset, window.taps(), s.channels_last, filter);
    passes[count++] = {window, filter, residue_pixels(s, window, residue)};
  });
  const Depthwise<T, Out> d{dz, passes, count, s.N, s.C, result, s.channels_last ? 1 : s.in_pixels()};
  if (run) s.channels_last ? depthwise_channels(d) : depthwise_lines(d);
}

// dx[n, c, h…] = sum_{k, r…} dz[n, k, (h + padding − r·dilation) / stride…] · w[k, c, r…], where the division is exact:
// one product for each residue of h modulo the stride. `Out` is T, or its accumulator where sums go on
// afterwards.
template <class T, class Out>
void gradient_image(const ConvShape& s, const Tensor& weight, const Image<T>& dz, const ImageResult<Out>& result,
                    Workspace& workspace) {
  if (s.is_depthwise()) return gradient_depthwise_image(s, weight, dz, result, workspace);
  const std::int64_t channels = s.group_channels(), outputs = s.group_outputs();
  T* zeros = workspace.take<T>(outputs);
  std::int64_t* used[kAxes];
  for (int d = 0; d < kAxes; ++d) used[d] = workspace.take<std::int64_t>(s.kernel[d]);
  std::int64_t* tap_offset = workspace.take<std::int64_t>(s.taps());
  const bool run = workspace.base != nullptr;
  if (run) __builtin_memset(static_cast<void*>(zeros), 0, outputs * sizeof(T));
  const std::size_t mark = workspace.used;
  std::size_t most_used = mark;
  each_residue(s, [&](const std::int64_t* residue) {
    workspace.used = mark;
    const Window window = s.gradient_window(dz, residue, used, workspace);
    const std::int64_t depth = window.taps() * outputs;
    auto* panels = workspace.take<PanelElement<T>>(
        s.channels_last ? Operand<T, Blocks<T>::kNR, TransposedWeight<T>>::packed_size(channels, depth)
                        : Operand<T, Blocks<T>::kMR, TransposedWeight<T>>::packed_size(channels, depth));
    most_used = workspace.used > most_used ? workspace.used : most_used;
    if (!run) return;
    list_taps(weight, window, used, tap_offset);
    const ResiduePixels at = residue_pixels(s, window, residue);
    for (std::int64_t g = 0; g < s.groups; ++g) {
      const T* group = weight.as<T>() + g * outputs * weight.stride[0];
      const TransposedWeight<T> source{group,         weight.stride[1], weight.stride[0], outputs,
                                       window.taps(), tap_offset,       !s.channels_last};
      Image<T> part = dz;
      part.data += g * outputs * dz.channel_stride;
      const std::int64_t first = g * channels;
      gradient_pixels(s, part, window, source, panels, zeros, at,
                      result.from(first, s.channels_last ? first : first * s.in_pixels()));
    }
  });
  workspace.used = most_used;
}

// The gradient of a depthwise convolution's weight: sums of parts of the pixels, then of the parts.
template <class T>
void gradient_depthwise(const ConvShape& s, const Image<T>& image, const Image<T>& dz, const Tensor& grad_weight,
                        Workspace& workspace) {
  using Acc = Accumulator<T>;
  const Window window = s.window_of_lines(image, workspace);
  const std::int64_t rows = s.N * (s.channels_last ? gradient_parts(s) : 1), columns = s.C * s.taps();
  std::int64_t* tap_offset = workspace.take<std::int64_t>(s.taps());
  Acc* partials = workspace.take<Acc>(rows * columns);
  Acc* totals = workspace.take<Acc>(columns);
  if (!workspace.base) return;
  if (s.channels_last)
    depthwise_weight_channels(s, image, window, dz, partials);
  else
    depthwise_weight_lines(s, image, window, dz, partials);
  sum_rows(partials, rows, columns, columns, totals);
  list_taps(grad_weight, window, nullptr, tap_offset);
  for (std::int64_t c = 0; c < s.C; ++c)
    for (std::int64_t t = 0; t < s.taps(); ++t)
      grad_weight.as<T>()[c * grad_weight.stride[0] + tap_offset[t]] = narrow<T>(totals[c * s.taps() + t]);
}

// dw[k, c, r…] = sum over n, p… of dz[n, k, p…] · x[n, c, p·stride + r·dilation − padding…]
template <class T>
void gradient_weight(const ConvShape& s, const Image<T>& image, const Image<T>& dz, const Tensor& grad_weight,
                     Workspace& workspace) {
  if (s.is_depthwise()) return gradient_depthwise(s, image, dz, grad_weight, workspace);
  constexpr int kMR = Blocks<T>::kMR, kNR = Blocks<T>::kNR;
  const Window window = s.window(image, workspace), each = pixel_window(dz, workspace);
  const std::int64_t channels = s.group_channels(), outputs = s.group_outputs(), taps = s.taps();
  const std::int64_t pixels = s.N * s.out_pixels();
  const bool direct = taps == 1 || grad_weight.is_channels_last() == s.channels_last;
  T* out = direct ? grad_weight.as<T>() : workspace.take<T>(s.K * channels * taps);
  if (!workspace.base) return;
  for (std::int64_t g = 0; g < s.groups; ++g) {
    const T* x = image.data + g * channels * image.channel_stride;
    const T* d = dz.data + g * outputs * dz.channel_stride;
    const RowSink<T> sink{out + g * outputs * taps * channels, {taps * channels}};
    if (s.channels_last) {
      const MatrixOperand<T, kMR> rows{{{d, 1, s.K}}, outputs, pixels};
      const Operand<T, kNR, PixelDepth<T>> columns{{x, window, image.batch_stride, channels}, channels * taps, pixels};
      gemm<T>(1, outputs, channels * taps, pixels, rows, columns, sink);
    } else {
      const Operand<T, kMR, PixelLines<T>> rows{{d, each, dz.batch_stride, dz.channel_stride}, outputs, pixels};
      const Operand<T, kNR, PixelLines<T>> columns{
          {x, window, image.batch_stride, image.channel_stride}, channels * taps, pixels};
      gemm<T>(1, outputs, channels * taps, pixels, rows, columns, sink);
    }
  }
  if (!direct) move_channels(out, s.K, channels, taps, s.channels_last, grad_weight.as<T>());
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
