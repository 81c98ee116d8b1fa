#include "core/ops/conv_transpose.h"
#include "core/entries.h"
#include "cpu/conv_backward.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Forward is the gradient of a convolution's input, and the gradients are that convolution and its weight's gradient
// with image and output exchanged.
template <class T>
void run_forward(const ConvTranspose& op, Workspace& workspace) {
  const ConvShape s(op);
  const Image<T> input = image_of<T>(op.input, op.rank(), s.channels_last, workspace);
  const T* bias = op.bias ? contiguous<T>(op.bias, workspace) : nullptr;
  T* pre_activation = op.pre_activation ? op.pre_activation.as<T>() : nullptr;
  const ImageResult<T> result{op.output.as<T>(), bias, nullptr, op.activation, pre_activation};
  gradient_image(s, op.weight, input, result, workspace);
}

template <class T>
void run_backward(const ConvTranspose& op, Workspace& workspace) {
  const ConvShape s(op);
  const T* dz = grad_pre_activation(op, s.channels_last, Type<T>{}, workspace);
  const Image<T> image = dense_image(dz, s.C, s.in, s.channels_last);
  if (op.grad_bias && workspace.base) sum_pixels(dz, s.N, s.C, s.in_pixels(), s.channels_last, op.grad_bias.as<T>());
  if (op.grad_input) {
    const void* packed = packed_weight<T>(op.weight, s, workspace);
    convolve(s, image, packed, ImageResult<T>{op.grad_input.as<T>()}, workspace);
  }
  if (op.grad_weight) {
    const Image<T> input = image_of<T>(op.input, op.rank(), s.channels_last, workspace);
    gradient_weight(s, image, input, op.grad_weight, workspace);
  }
}

}  // namespace

void run(const ConvTranspose& op, Pass pass, Workspace& workspace) {
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace) : run_backward<T>(op, workspace);
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
