// The arrays of a convolution in the layouts that its products want, and results in those that the caller wants.
#pragma once
#include "cuda/conv_problem.h"
#include "cuda/grad_activation.cuh"
#include "cuda/images.cuh"
#include "cuda/transpose.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// The same array as a batch of one, where it is a single image.
inline Tensor as_batch(const Tensor& t, int rank) {
  if (!t || t.ndim == rank + 2) return t;
  Tensor batch = t;
  for (int d = t.ndim; d > 0; --d) batch.shape[d] = t.shape[d - 1], batch.stride[d] = t.stride[d - 1];
  ++batch.ndim;
  batch.shape[0] = 1, batch.stride[0] = t.size();
  return batch;
}

inline bool has_format(const Tensor& t, bool channels_last) {
  return channels_last ? with_channels_behind(t).is_contiguous() : t.is_contiguous();
}

// Copies dense images from one memory format to the other.
template <class T>
void change_format(const char* name, const Tensor& images, bool to_channels_last, const T* from, T* to, Stream stream) {
  const int64_t pixels = pixels_of(images), C = images.shape[1];
  transpose(name, images.shape[0], to_channels_last ? C : pixels, to_channels_last ? pixels : C, from, to, stream);
}

// Images in a memory format: the array itself where it has it, else a copy in the workspace; null for none.
template <class T>
const T* images_in(const char* name, const Tensor& t, bool channels_last, Workspace& workspace, Stream stream) {
  if (!t) return nullptr;
  if (has_format(t, channels_last)) return t.as<T>();
  if (!has_format(t, !channels_last)) return in_format<T>(name, t, channels_last, workspace, stream);
  T* copy = workspace.take<T>(t.size());
  if (!workspace.counts_only) change_format(name, t, channels_last, t.as<T>(), copy, stream);
  return copy;
}

// Where images of a memory format are written: the array itself, or room in the workspace from which `finish` copies.
template <class T>
struct ResultImages {
  Tensor tensor;
  bool channels_last;
  T* data = nullptr;
  bool is_copy = false;

  ResultImages(const Tensor& t, bool channels_last_, Workspace& workspace) : tensor(t), channels_last(channels_last_) {
    if (!t) return;
    is_copy = !has_format(t, channels_last);
    data = is_copy ? workspace.take<T>(t.size()) : t.as<T>();
  }
  void finish(const char* name, Stream stream) const {
    if (is_copy) change_format(name, tensor, !channels_last, data, tensor.as<T>(), stream);
  }
};

// A weight (K, C / groups, kernel…) as (K, taps, C / groups).
template <class T>
const T* weight_by_filter(const char* name, const Tensor& weight, Workspace& workspace, Stream stream) {
  return contiguous<T>(name, with_channels_behind(weight), workspace, stream);
}

// The same weight as (C, taps, K / groups).
template <class T>
const T* weight_by_channel(const char* name, const Tensor& weight, int64_t groups, Workspace& workspace,
                           Stream stream) {
  Tensor turned = weight;
  turned.ndim = std::int8_t(weight.ndim + 1);
  turned.shape[0] = groups, turned.stride[0] = weight.shape[0] / groups * weight.stride[0];
  turned.shape[1] = weight.shape[1], turned.stride[1] = weight.stride[1];
  for (int d = 2; d < weight.ndim; ++d) turned.shape[d] = weight.shape[d], turned.stride[d] = weight.stride[d];
  turned.shape[weight.ndim] = weight.shape[0] / groups, turned.stride[weight.ndim] = weight.stride[0];
  return contiguous<T>(name, turned, workspace, stream);
}

// What an output adds to the gradient of its channel's bias.
template <class T>
struct BiasTerm {
  const T* dz;
  __device__ __forceinline__ float operator()(int64_t place, int64_t, int64_t) const { return widen(dz[place]); }
};
template <class T>
void gradient_bias(const char* name, const Tensor& output, bool channels_last, const T* dz, T* out,
                   Workspace& workspace, Stream stream) {
  const Images images(output.shape[0], output.shape[1], pixels_of(output), channels_last);
  sum_channels(name, images, BiasTerm<T>{dz}, out, workspace, stream);
}

// dy behind the activation, in a memory format.
template <class T, class Op>
const T* gradient_in(const Op& op, bool channels_last, Workspace& workspace, Stream stream) {
  const auto images = [&](const Tensor& t) {
    return images_in<T>(op.name, as_batch(t, op.rank()), channels_last, workspace, stream);
  };
  const T* dy = images(op.grad_output);
  if (op.activation == Activation::none) return dy;
  const T* y = images(op.output);
  const T* z = op.pre_activation ? images(op.pre_activation) : y;
  T* dz = workspace.take<T>(op.output.size());
  if (!workspace.counts_only) grad_activation(op.name, op.activation, 0, dy, z, y, op.output.size(), dz, stream);
  return dz;
}

// Sizes as the kernels count them.
inline int checked_size(const char* name, int64_t size) {
  constexpr int64_t kLargest = (int64_t{1} << 31) - 1;
  fastnets::check(size <= kLargest, name, ": a size of ", size, " is more than the device's kernels count to, ",
                  kLargest);
  return int(size);
}

// The convolution from images (N, C, spatial…) to (N, K, spatial…).
template <class Op>
ConvShape conv_shape(const Op& op, const Tensor& from, const Tensor& to) {
  constexpr int64_t kFar = (int64_t{1} << 31) - 1;  // a stride or dilation that leaves no second position
  const auto size = [&](int64_t n) { return checked_size(op.name, n); };
  ConvShape s{size(from.shape[0]), size(from.shape[1]), size(to.shape[1]), size(op.groups)};
  int64_t taps = 1;
  for (int i = 0; i < op.rank(); ++i) {
    const int d = kAxes - op.rank() + i;
    s.in[d] = size(from.shape[2 + i]), s.out[d] = size(to.shape[2 + i]), s.kernel[d] = size(op.weight.shape[2 + i]);
    s.stride[d] = int(std::min(op.stride[i], kFar)), s.dilation[d] = int(std::min(op.dilation[i], kFar));
    s.padding[d] = size(op.padding[i]);
    taps *= op.weight.shape[2 + i];
  }
  size(from.shape[0] * pixels_of(from));
  size(to.shape[0] * pixels_of(to));
  size(taps * std::max(from.shape[1], to.shape[1]));
  s.channels_last = !s.is_depthwise() || from.is_channels_last();
  return s;
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
