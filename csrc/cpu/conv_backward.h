// The gradients of a convolution, as products over channels-last images.
#pragma once
#include "cpu/conv_shape.h"
#include "cpu/epilogue.h"
#include "cpu/images.h"
#include "cpu/padding.h"
#include "cpu/reduce.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// The input as a channels-last image, copied where it is not one.
template <class T>
Image<T> channels_last_image(const Conv& op, const ConvShape& s, Workspace& workspace) {
  Image<T> image{op.input.as<T>(), true, {s.in[0], s.in[1], s.in[2]}, s.in_pixels() * s.C, 1, {}};
  image.stride[2] = s.C, image.stride[1] = s.C * s.in[2], image.stride[0] = s.C * s.in[2] * s.in[1];
  if (s.channels_last) return image;
  const T* rows = contiguous<T>(op.input, workspace);
  T* moved = workspace.take<T>(op.input.size());
  if (moved) move_channels(rows, s.N, s.C, s.in_pixels(), false, moved);
  image.data = moved;
  return image;
}

// Pixels of an image at one residue of the strides: row (n, a, b, c) of a product is pixel (n, a·s₀ + r₀, …).
struct ResidueRows {
  std::int64_t grid[kAxes], step[kAxes], first, image_stride;
  FASTNETS_INLINE std::int64_t operator()(std::int64_t, std::int64_t i) const {
    const std::int64_t c = i % grid[2], b = i / grid[2] % grid[1], a = i / (grid[2] * grid[1]) % grid[0];
    const std::int64_t n = i / (grid[2] * grid[1] * grid[0]);
    return first + n * image_stride + a * step[0] + b * step[1] + c * step[2];
  }
};

// out[c][tap][k] = w[k, c, tap] of one group, for the taps that a window uses.
template <class T>
void arrange_for_gradient(const Conv& op, const ConvShape& s, const Window& window, std::int64_t* const* used,
                          std::int64_t group, T* out) {
  const std::int64_t outputs = s.group_outputs(), taps = window.taps();
  const int r = op.rank();
  const T* weight = op.weight.as<T>() + group * outputs * op.weight.stride[0];
  const auto task = [&](std::int64_t c) {
    for (std::int64_t t = 0; t < taps; ++t) {
      const Tap tap = tap_of(window, t);
      const T* from = weight + c * op.weight.stride[1];
      for (int i = 0; i < r; ++i) from += used[kAxes - r + i][tap.k[kAxes - r + i]] * op.weight.stride[2 + i];
      for (std::int64_t k = 0; k < outputs; ++k) out[(c * taps + t) * outputs + k] = from[k * op.weight.stride[0]];
    }
  };
  parallel(s.group_channels(), task);
}

// dx[n, h…, c] = sum_{k, r…} dz[n, (h + padding − r·dilation) / stride…, k] · w[k, c, r…], where the division is exact:
// one product for each residue of h modulo the stride. `Out` is T, or its accumulator where sums go on afterwards.
template <class T, class Out>
void gradient_image(const Conv& op, const ConvShape& s, const T* dz, Out* dx, Workspace& workspace) {
  constexpr int kNR = Blocks<T>::kNR;
  const std::int64_t channels = s.group_channels(), outputs = s.group_outputs(), taps = s.taps();
  T* weights = workspace.take<T>(channels * taps * outputs);
  T* zeros = workspace.take<T>(outputs);
  std::int64_t* used[kAxes];
  for (int d = 0; d < kAxes; ++d) used[d] = workspace.take<std::int64_t>(s.kernel[d]);
  const std::size_t mark = workspace.used;
  std::size_t most_used = mark;
  if (workspace.base) __builtin_memset(static_cast<void*>(zeros), 0, outputs * sizeof(T));
  std::int64_t residue[kAxes];
  for (residue[0] = 0; residue[0] < least(s.stride[0], s.in[0]); ++residue[0])
    for (residue[1] = 0; residue[1] < least(s.stride[1], s.in[1]); ++residue[1])
      for (residue[2] = 0; residue[2] < least(s.stride[2], s.in[2]); ++residue[2]) {
        workspace.used = mark;
        const Window window = s.gradient_window(residue, used, workspace);
        const std::int64_t depth = window.taps() * outputs, rows = s.N * window.pixels();
        PanelElement<T>* panels = workspace.take<PanelElement<T>>(MatrixOperand<T, kNR>::packed_size(channels, depth));
        most_used = workspace.used > most_used ? workspace.used : most_used;
        if (!workspace.base) continue;
        const ResidueRows at{{window.axis[0].grid, window.axis[1].grid, window.axis[2].grid},
                             {s.stride[0] * s.in[1] * s.in[2] * s.C, s.stride[1] * s.in[2] * s.C, s.stride[2] * s.C},
                             ((residue[0] * s.in[1] + residue[1]) * s.in[2] + residue[2]) * s.C,
                             s.in_pixels() * s.C};
        for (std::int64_t g = 0; g < s.groups; ++g) {
          arrange_for_gradient<T>(op, s, window, used, g, weights);
          const MatrixSource<T> source{{weights, depth, 1}};
          pack_all<T, kNR>(source, channels, depth, panels);
          const MatrixOperand<T, kNR> columns{source, channels, depth, panels};
          const Operand<T, Blocks<T>::kMR, PixelRows<T>> pixels{
              {dz + g * outputs, window, s.out_pixels() * s.K, outputs, zeros}, rows, depth};
          const RowSink<Out, ResidueRows> sink{dx + g * channels, at};
          gemm<T>(1, rows, channels, depth, pixels, columns, sink, {20, 64});
        }
      }
  workspace.used = most_used;
}

template <class T>
void convolve_backward_input(const Conv& op, const ConvShape& s, const T* dz, Workspace& workspace) {
  const bool run = workspace.base != nullptr, moves = !s.channels_last;
  T* out = op.grad_input.as<T>();
  T* image = moves ? workspace.take<T>(op.input.size()) : out;
  if (op.padding_mode != PaddingMode::zeros && s.pads()) {
    using Acc = Accumulator<T>;
    ConvShape inner = s;
    std::int64_t pixels = 1;
    for (int d = 0; d < kAxes; ++d) {
      pixels *= inner.in[d] = s.in[d] + s.padding[d] + s.padding_end[d];
      inner.padding[d] = inner.padding_end[d] = 0;
    }
    Acc* padded = workspace.take<Acc>(s.N * pixels * s.C);
    Acc* sums = workspace.take<Acc>(op.input.size());
    gradient_image(op, inner, dz, padded, workspace);
    if (run) {
      fold_border(padded, s, op.padding_mode, sums);
      parallel_ranges(op.input.size(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; i += kLanes<T>) {
          const int n = static_cast<int>(least(kLanes<T>, end - i));
          store(image + i, load(sums + i, n), n);
        }
      });
    }
  } else {
    gradient_image(op, s, dz, image, workspace);
  }
  if (moves && run) move_channels(image, s.N, s.C, s.in_pixels(), true, out);
}

// dw[k, c, r…] = sum over n, p… of dz[n, p…, k] · x[n, p·stride + r·dilation − padding…, c]
template <class T>
void convolve_backward_weight(const Conv& op, const ConvShape& s, const Image<T>& image, const T* dz,
                              Workspace& workspace) {
  const Window window = s.window(image, workspace);
  const std::int64_t channels = s.group_channels(), outputs = s.group_outputs(), taps = s.taps();
  const std::int64_t pixels = s.N * s.out_pixels();
  const bool direct = taps == 1 || op.grad_weight.is_channels_last();
  T* out = direct ? op.grad_weight.as<T>() : workspace.take<T>(s.K * channels * taps);
  if (!workspace.base) return;
  for (std::int64_t g = 0; g < s.groups; ++g) {
    const MatrixOperand<T, Blocks<T>::kMR> rows{{{dz + g * outputs, 1, s.K}}, outputs, pixels};
    const Operand<T, Blocks<T>::kNR, PixelDepth<T>> columns{
        {image.data + g * channels, window, image.batch_stride, channels}, channels * taps, pixels};
    const RowSink<T> sink{out + g * outputs * taps * channels, {taps * channels}};
    gemm<T>(1, outputs, channels * taps, pixels, rows, columns, sink);
  }
  if (!direct) move_channels(out, s.K, channels, taps, true, op.grad_weight.as<T>());
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
