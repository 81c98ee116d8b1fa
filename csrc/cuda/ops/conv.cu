#include "core/ops/conv.h"

#include "core/entries.h"
#include "cuda/conv_images.cuh"
#include "cuda/conv_operands.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

ConvShape shape_of(const Conv& op) {
  ConvShape s = conv_shape(op, as_batch(op.input, op.rank()), as_batch(op.output, op.rank()));
  s.mode = op.padding_mode;
  for (int i = 0; i < op.rank(); ++i)
    checked_size(op.name, op.input.shape[op.channel_dim() + 1 + i] + op.padding[i] + op.padding_end[i]);
  return s;
}

template <class T>
void run_forward(const Conv& op, Workspace& workspace, Stream stream) {
  const ConvShape s = shape_of(op);
  const auto batch = [&](const Tensor& t) { return as_batch(t, op.rank()); };
  const T* image = images_in<T>(op.name, batch(op.input), s.channels_last, workspace, stream);
  const ResultImages<T> y(batch(op.output), s.channels_last, workspace);
  const ResultImages<T> z(batch(op.pre_activation), s.channels_last, workspace);
  PixelResult<T> to{y.data};
  to.bias = op.bias ? contiguous<T>(op.name, op.bias, workspace, stream) : nullptr;
  to.residual = images_in<T>(op.name, batch(op.residual), s.channels_last, workspace, stream);
  to.activation = op.activation;
  to.pre_activation = z.data;
  convolve(op.name, s, image, weight_by_filter<T>(op.name, op.weight, workspace, stream), to, workspace, stream);
  if (workspace.counts_only) return;
  y.finish(op.name, stream);
  z.finish(op.name, stream);
}

// dx = the sum of the padded image's gradient over the positions that come from a pixel.
template <class T>
struct FoldBorder {
  ConvShape s;
  int padding_end[kAxes];
  Images images, padded_images;
  const float* padded;
  T* dx;

  // The t-th candidate on a padded axis for what comes from x: x itself, then all of the border; −1 if it does not.
  __device__ __forceinline__ int candidate(int d, int t, int x) const {
    if (t == 0) return x + s.padding[d];
    const int at = t <= s.padding[d] ? t - 1 : s.in[d] + t - 1;
    return padded_source(s.mode, at - s.padding[d], s.in[d]) == x ? at : -1;
  }
  __device__ __forceinline__ void operator()(int64_t place) const {
    const int64_t n = images.sample_of(place), c = images.channel_of(place);
    const int pixel = int(images.pixel_of(place)), row = pixel / s.in[2];
    const int x[kAxes] = {row / s.in[1], row % s.in[1], pixel % s.in[2]};
    ChainedSum sum;
    for (int t = 0; t <= s.padding[0] + padding_end[0]; ++t) {
      const int o = candidate(0, t, x[0]);
      for (int u = 0; o >= 0 && u <= s.padding[1] + padding_end[1]; ++u) {
        const int p = candidate(1, u, x[1]);
        for (int v = 0; p >= 0 && v <= s.padding[2] + padding_end[2]; ++v) {
          const int q = candidate(2, v, x[2]), line = o * (s.in[1] + s.padding[1] + padding_end[1]) + p;
          if (q >= 0) sum.add(padded[padded_images.place(n, c, line * (s.in[2] + s.padding[2] + padding_end[2]) + q)]);
        }
      }
    }
    dx[place] = round_to<T>(sum.result());
  }
};

template <class T>
void pull_image(const Conv& op, const ConvShape& s, const T* dz, Workspace& workspace, Stream stream) {
  const T* weight = weight_by_channel<T>(op.name, op.weight, op.groups, workspace, stream);
  const ResultImages<T> dx(as_batch(op.grad_input, op.rank()), s.channels_last, workspace);
  if (s.mode == PaddingMode::zeros) {
    gradient_image(op.name, s, dz, weight, PixelResult<T>{dx.data}, workspace, stream);
  } else {
    ConvShape padded = s;
    FoldBorder<T> fold{s, {}, {s.N, s.C, s.in_pixels(), s.channels_last}, {0, 0, 0, false}, nullptr, dx.data};
    for (int i = 0; i < op.rank(); ++i) fold.padding_end[kAxes - op.rank() + i] = int(op.padding_end[i]);
    for (int d = 0; d < kAxes; ++d) padded.in[d] += s.padding[d] + fold.padding_end[d], padded.padding[d] = 0;
    padded.mode = PaddingMode::zeros;
    fold.padded_images = {s.N, s.C, padded.in_pixels(), s.channels_last};
    PixelResult<T> to{};
    fold.padded = to.unrounded = workspace.take<float>(fold.padded_images.size());
    gradient_image(op.name, padded, dz, weight, to, workspace, stream);
    if (!workspace.counts_only) for_elements(op.name, fold.images.size(), fold, stream);
  }
  if (!workspace.counts_only) dx.finish(op.name, stream);
}

template <class T>
void run_backward(const Conv& op, Workspace& workspace, Stream stream) {
  const ConvShape s = shape_of(op);
  const T* dz = gradient_in<T>(op, s.channels_last, workspace, stream);
  if (op.grad_residual && !workspace.counts_only) {  // in the residual's format, which may differ from the output's
    const Tensor to = as_batch(op.grad_residual, op.rank());
    if (has_format(to, s.channels_last))
      for_elements(op.name, to.size(), Convert<T, T>{dz, to.as<T>()}, stream);
    else
      change_format(op.name, to, !s.channels_last, dz, to.as<T>(), stream);
  }
  if (op.grad_bias)
    gradient_bias(op.name, as_batch(op.output, op.rank()), s.channels_last, dz, op.grad_bias.as<T>(), workspace,
                  stream);
  if (op.grad_input) pull_image(op, s, dz, workspace, stream);
  if (op.grad_weight) {
    const T* image = images_in<T>(op.name, as_batch(op.input, op.rank()), s.channels_last, workspace, stream);
    gradient_weight(op.name, s, image, dz, op.grad_weight.is_channels_last(), op.grad_weight.as<T>(), workspace,
                    stream);
  }
}

}  // namespace

void run(const Conv& op, Pass pass, Workspace& workspace, Stream stream) {
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace, stream) : run_backward<T>(op, workspace, stream);
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
