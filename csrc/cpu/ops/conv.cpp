#include "core/ops/conv.h"
#include "core/entries.h"
#include "cpu/conv_backward.h"
#include "cpu/padding.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

template <class T>
void run_forward(const Conv& op, Workspace& workspace) {
  ConvShape s(op);
  Image<T> image = image_of<T>(op.input, op.rank(), s.channels_last, workspace);
  if (op.padding_mode != PaddingMode::zeros && s.pads()) image = pad_image(image, s, op.padding_mode, workspace);
  const void* packed = packed_weight<T>(op.weight, s, workspace);
  ImageResult<T> result{op.output.as<T>()};
  result.bias = op.bias ? contiguous<T>(op.bias, workspace) : nullptr;
  result.residual = op.residual ? in_format<T>(op.residual, s.channels_last, workspace) : nullptr;
  result.activation = op.activation;
  result.pre_activation = op.pre_activation ? op.pre_activation.as<T>() : nullptr;
  convolve(s, image, packed, result, workspace);
}

// The gradient of a padded image, folded back onto the image. `s` and the arrays are channels-last.
template <class T>
void unpadded_gradient_image(const Conv& op, const ConvShape& s, const T* dz, T* dx, Workspace& workspace) {
  using Acc = Accumulator<T>;
  ConvShape inner = s;
  std::int64_t pixels = 1;
  for (int d = 0; d < kAxes; ++d) {
    pixels *= inner.in[d] = s.in[d] + s.padding[d] + s.padding_end[d];
    inner.padding[d] = inner.padding_end[d] = 0;
  }
  Acc* padded = workspace.take<Acc>(s.N * pixels * s.C);
  Acc* sums = workspace.take<Acc>(op.input.size());
  gradient_image(inner, op.weight, dense_image(dz, s.K, s.out, true), ImageResult<Acc>{padded}, workspace);
  if (!workspace.base) return;
  fold_border(padded, s, op.padding_mode, sums);
  parallel_ranges(op.input.size(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; i += kLanes<T>) {
      const int n = static_cast<int>(least(kLanes<T>, end - i));
      store(dx + i, load(sums + i, n), n);
    }
  });
}

template <class T>
void convolve_backward_input(const Conv& op, const ConvShape& s, const T* dz, Workspace& workspace) {
  T* dx = op.grad_input.as<T>();
  const bool pads = op.padding_mode != PaddingMode::zeros && s.pads();
  if (!pads) {
    const Image<T> image = dense_image(dz, s.K, s.out, s.channels_last);
    return gradient_image(s, op.weight, image, ImageResult<T>{dx}, workspace);
  }
  if (s.channels_last) return unpadded_gradient_image(op, s, dz, dx, workspace);
  ConvShape moved = s;
  moved.channels_last = true;
  T* dz_moved = workspace.take<T>(op.output.size());
  T* dx_moved = workspace.take<T>(op.input.size());
  if (workspace.base) move_channels(dz, s.N, s.K, s.out_pixels(), false, dz_moved);
  unpadded_gradient_image<T>(op, moved, dz_moved, dx_moved, workspace);
  if (workspace.base) move_channels(dx_moved, s.N, s.C, s.in_pixels(), true, dx);
}

template <class T>
void run_backward(const Conv& op, Workspace& workspace) {
  const ConvShape s(op);
  const T* dz = grad_pre_activation(op, s.channels_last, Type<T>{}, workspace);
  if (op.grad_residual && workspace.base) {  // allocated in the residual's format, which may differ from the output's
    const bool same = s.channels_last == op.grad_residual.is_channels_last() || s.K == 1 || s.out_pixels() == 1;
    if (same)
      __builtin_memcpy(op.grad_residual.data, dz, op.output.size() * sizeof(T));
    else
      move_channels(dz, s.N, s.K, s.out_pixels(), s.channels_last, op.grad_residual.as<T>());
  }
  if (op.grad_bias && workspace.base) sum_pixels(dz, s.N, s.K, s.out_pixels(), s.channels_last, op.grad_bias.as<T>());
  if (op.grad_input) convolve_backward_input<T>(op, s, dz, workspace);
  if (op.grad_weight) {
    ConvShape inner = s;
    Image<T> image = image_of<T>(op.input, op.rank(), s.channels_last, workspace);
    if (op.padding_mode != PaddingMode::zeros && s.pads()) image = pad_image(image, inner, op.padding_mode, workspace);
    gradient_weight(inner, image, dense_image(dz, s.K, s.out, s.channels_last), op.grad_weight, workspace);
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
  visit_float(op.weight.dtype, [&]<class T>(Type<T>) { spec.bytes = static_cast<std::size_t>(packed_bytes<T>(s)); });
  return spec;
}
void pack(const Conv& op, void* panels) {
  const ConvShape s(op);
  visit_float(op.weight.dtype, [&]<class T>(Type<T>) {
    Workspace workspace;
    pack_weight<T>(op.weight, s, nullptr, workspace);
    workspace = {static_cast<std::byte*>(scratch(workspace.used, 0)), 0};
    pack_weight<T>(op.weight, s, panels, workspace);
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
