#include "core/ops/conv.h"
#include "core/entries.h"
#include "cpu/conv_backward.h"
#include "cpu/epilogue.h"
#include "cpu/images.h"
#include "cpu/padding.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Blocks for an operand that is dear to pack (the image) beside one that is packed already (the weight).
constexpr BlockLimits kImageIsRows{20, 64}, kImageIsColumns{86, 8};

// Weights as the products want them: channels-last images meet (K, tap, C), row-major ones (K, C, tap).
template <class T>
const T* arrange_weight(const Tensor& weight, const ConvShape& s, bool channels_last, Workspace& workspace) {
  const std::int64_t c = s.group_channels(), taps = s.taps();
  if (channels_last ? weight.is_channels_last() || (taps == 1 && weight.is_contiguous()) : weight.is_contiguous())
    return weight.as<T>();
  T* out = workspace.take<T>(weight.size());
  if (!out) return out;
  Tensor view = weight;
  if (channels_last) {  // channels move behind the taps
    for (int d = 1; d + 1 < view.ndim; ++d) view.shape[d] = weight.shape[d + 1], view.stride[d] = weight.stride[d + 1];
    view.shape[view.ndim - 1] = c, view.stride[view.ndim - 1] = weight.stride[1];
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
  const T* data = arrange_weight<T>(weight, s, s.channels_last, workspace);
  if (!data || !out) return;
  const std::int64_t outputs = s.group_outputs(), depth = s.group_channels() * s.taps();
  for (std::int64_t g = 0; g < s.groups; ++g) {
    const MatrixSource<T> source{{data + g * outputs * depth, depth, 1}};
    PanelElement<T>* to = out + g * packed_group_size<T>(s);
    s.channels_last ? pack_all<T, Blocks<T>::kNR>(source, outputs, depth, to)
                    : pack_all<T, Blocks<T>::kMR>(source, outputs, depth, to);
  }
}

// The input as an image: channels-last, or with contiguous lines.
template <class T>
Image<T> input_image(const Conv& op, const ConvShape& s, Workspace& workspace) {
  Image<T> image{op.input.as<T>(), s.channels_last, {s.in[0], s.in[1], s.in[2]}, 0, 0, {}};
  const int r = op.rank(), channel = op.channel_dim();
  if (s.channels_last || op.input.stride[op.input.ndim - 1] == 1) {
    image.batch_stride = op.batched() ? op.input.stride[0] : 0;
    image.channel_stride = op.input.stride[channel];
    for (int i = 0; i < r; ++i) image.stride[kAxes - r + i] = op.input.stride[channel + 1 + i];
    return image;
  }
  image.data = contiguous<T>(op.input, workspace);
  image.channel_stride = s.in_pixels(), image.batch_stride = s.C * s.in_pixels();
  image.stride[2] = 1, image.stride[1] = s.in[2], image.stride[0] = s.in[1] * s.in[2];
  return image;
}

template <class T>
void run_forward(const Conv& op, Workspace& workspace) {
  ConvShape s(op);
  Image<T> image = input_image<T>(op, s, workspace);
  if (op.padding_mode != PaddingMode::zeros && s.pads()) image = pad_image(image, s, op.padding_mode, workspace);
  const Window window = s.window(image, workspace);
  const auto* packed = static_cast<const PanelElement<T>*>(op.weight.packed);
  if (!packed) {
    auto* room = workspace.take<PanelElement<T>>(s.groups * packed_group_size<T>(s));
    pack_weight<T>(op.weight, s, room, workspace);
    packed = room;
  }
  const T* bias = op.bias ? contiguous<T>(op.bias, workspace) : nullptr;
  const T* residual = op.residual ? in_format<T>(op.residual, s.channels_last, workspace) : nullptr;
  T* zeros = workspace.take<T>(s.group_channels());
  if (!workspace.base) return;
  __builtin_memset(static_cast<void*>(zeros), 0, s.group_channels() * sizeof(T));

  const std::int64_t channels = s.group_channels(), outputs = s.group_outputs(), depth = channels * s.taps();
  const std::int64_t pixels = s.out_pixels();
  for (std::int64_t g = 0; g < s.groups; ++g) {
    const std::int64_t first = s.channels_last ? g * outputs : g * outputs * pixels;
    RowSink<T> sink{op.output.as<T>() + first, {s.channels_last ? s.K : pixels, s.K * pixels}};
    sink.bias = bias ? bias + g * outputs : nullptr;
    sink.bias_by_row = !s.channels_last;
    sink.residual = residual ? residual + first : nullptr;
    sink.activation = op.activation;
    sink.pre_activation = op.pre_activation ? op.pre_activation.as<T>() + first : nullptr;
    const T* data = image.data + g * channels * image.channel_stride;
    const PanelElement<T>* panels = packed + g * packed_group_size<T>(s);
    if (s.channels_last) {
      MatrixOperand<T, Blocks<T>::kNR> weights{{}, outputs, depth, panels};
      const Operand<T, Blocks<T>::kMR, PixelRows<T>> rows{
          {data, window, image.batch_stride, channels, zeros}, s.N * pixels, depth};
      gemm<T>(1, s.N * pixels, outputs, depth, rows, weights, sink, kImageIsRows);
    } else {
      MatrixOperand<T, Blocks<T>::kMR> weights{{}, outputs, depth, panels};
      const Operand<T, Blocks<T>::kNR, PixelColumns<T>> columns{
          {data, window, image.batch_stride, image.channel_stride}, pixels, depth};
      gemm<T>(s.N, outputs, pixels, depth, weights, columns, sink, kImageIsColumns);
    }
  }
}

// dz = grad_output · activation′(z) as a channels-last image, and the gradient of the residual on the way.
template <class T>
const T* grad_pre_activation(const Conv& op, const ConvShape& s, Workspace& workspace) {
  const T* dy = in_format<T>(op.grad_output, s.channels_last, workspace);
  const bool run = workspace.base != nullptr;
  if (op.activation != Activation::none) {
    T* dz = workspace.take<T>(op.output.size());
    if (run) {
      const T* y = op.output.as<T>();
      const T* z = op.pre_activation ? op.pre_activation.as<T>() : y;
      grad_activation(op.activation, dy, z, y, op.output.size(), dz);
    }
    dy = dz;
  }
  if (op.grad_residual && run) {  // allocated in the residual's format, which may differ from the output's
    const bool same = s.channels_last == op.grad_residual.is_channels_last() || s.K == 1 || s.out_pixels() == 1;
    if (same)
      __builtin_memcpy(op.grad_residual.data, dy, op.output.size() * sizeof(T));
    else
      move_channels(dy, s.N, s.K, s.out_pixels(), s.channels_last, op.grad_residual.as<T>());
  }
  if (s.channels_last) return dy;
  T* moved = workspace.take<T>(op.output.size());
  if (run) move_channels(dy, s.N, s.K, s.out_pixels(), false, moved);
  return moved;
}

template <class T>
void run_backward(const Conv& op, Workspace& workspace) {
  const ConvShape s(op);
  const T* dz = grad_pre_activation<T>(op, s, workspace);
  if (op.grad_bias && workspace.base) sum_rows(dz, s.N * s.out_pixels(), s.K, s.K, op.grad_bias.as<T>());
  if (op.grad_input) convolve_backward_input<T>(op, s, dz, workspace);
  if (op.grad_weight) {
    ConvShape inner = s;
    Image<T> image = channels_last_image<T>(op, s, workspace);
    if (op.padding_mode != PaddingMode::zeros && s.pads()) image = pad_image(image, inner, op.padding_mode, workspace);
    convolve_backward_weight<T>(op, inner, image, dz, workspace);
  }
}

}  // namespace

void run(const Conv& op, Pass pass, Workspace& workspace) {
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace) : run_backward<T>(op, workspace);
  });
}
PackSpec pack_spec(const Conv& op) {
  const ConvShape s(op);
  PackSpec spec{0, s.channels_last};
  visit_float(op.weight.dtype,
              [&]<class T>(Type<T>) { spec.bytes = s.groups * packed_group_size<T>(s) * sizeof(PanelElement<T>); });
  return spec;
}
void pack(const Conv& op, void* panels) {
  const ConvShape s(op);
  visit_float(op.weight.dtype, [&]<class T>(Type<T>) {
    Workspace workspace;
    pack_weight<T>(op.weight, s, nullptr, workspace);
    workspace = {static_cast<std::byte*>(scratch(workspace.used, 0)), 0};
    pack_weight<T>(op.weight, s, static_cast<PanelElement<T>*>(panels), workspace);
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
