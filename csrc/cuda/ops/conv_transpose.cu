#include "core/ops/conv_transpose.h"

#include "core/entries.h"
#include "cuda/conv_images.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// The convolution of whose image this is the gradient: from the output's pixels to the input's.
ConvShape shape_of(const ConvTranspose& op) {
  return conv_shape(op, as_batch(op.output, op.rank()), as_batch(op.input, op.rank()));
}

template <class T>
void run_forward(const ConvTranspose& op, Workspace& workspace, Stream stream) {
  const ConvShape s = shape_of(op);
  const auto batch = [&](const Tensor& t) { return as_batch(t, op.rank()); };
  const T* x = images_in<T>(op.name, batch(op.input), s.channels_last, workspace, stream);
  const T* weight = weight_by_channel<T>(op.name, op.weight, op.groups, workspace, stream);
  const ResultImages<T> y(batch(op.output), s.channels_last, workspace);
  const ResultImages<T> z(batch(op.pre_activation), s.channels_last, workspace);
  PixelResult<T> to{y.data};
  to.bias = op.bias ? contiguous<T>(op.name, op.bias, workspace, stream) : nullptr;
  to.activation = op.activation;
  to.pre_activation = z.data;
  gradient_image(op.name, s, x, weight, to, workspace, stream);
  if (workspace.counts_only) return;
  y.finish(op.name, stream);
  z.finish(op.name, stream);
}

template <class T>
void run_backward(const ConvTranspose& op, Workspace& workspace, Stream stream) {
  const ConvShape s = shape_of(op);
  const T* dz = gradient_in<T>(op, s.channels_last, workspace, stream);
  if (op.grad_bias)
    gradient_bias(op.name, as_batch(op.output, op.rank()), s.channels_last, dz, op.grad_bias.as<T>(), workspace,
                  stream);
  if (op.grad_input) {
    const T* weight = weight_by_filter<T>(op.name, op.weight, workspace, stream);
    const ResultImages<T> dx(as_batch(op.grad_input, op.rank()), s.channels_last, workspace);
    convolve(op.name, s, dz, weight, PixelResult<T>{dx.data}, workspace, stream);
    if (!workspace.counts_only) dx.finish(op.name, stream);
  }
  if (op.grad_weight) {
    const T* x = images_in<T>(op.name, as_batch(op.input, op.rank()), s.channels_last, workspace, stream);
    gradient_weight(op.name, s, dz, x, op.grad_weight.is_channels_last(), op.grad_weight.as<T>(), workspace, stream);
  }
}

}  // namespace

void run(const ConvTranspose& op, Pass pass, Workspace& workspace, Stream stream) {
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace, stream) : run_backward<T>(op, workspace, stream);
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
