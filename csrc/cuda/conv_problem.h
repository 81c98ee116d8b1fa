// A convolution as its kernels see it, and the three products that it is made of.
#pragma once
#include <algorithm>

#include "core/activation.h"
#include "core/ops/conv.h"
#include "cuda/backend/launch.h"
#include "cuda/backend/workspace.h"

namespace fastnets::cuda::FASTNETS_ARCH {

constexpr int kAxes = 3;  // depth, height, width; fewer spatial dimensions stand behind axes of size 1

struct ConvShape {
  int N, C, K, groups;
  int in[kAxes] = {1, 1, 1}, out[kAxes] = {1, 1, 1}, kernel[kAxes] = {1, 1, 1};
  int stride[kAxes] = {1, 1, 1}, padding[kAxes] = {}, dilation[kAxes] = {1, 1, 1};
  PaddingMode mode = PaddingMode::zeros;
  bool channels_last = true;  // all images; row-major ones are served where a channel is a group

  __host__ __device__ int channels() const { return C / groups; }  // of a group
  __host__ __device__ int filters() const { return K / groups; }
  __host__ __device__ int in_pixels() const { return in[0] * in[1] * in[2]; }
  __host__ __device__ int out_pixels() const { return out[0] * out[1] * out[2]; }
  __host__ __device__ int taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  __host__ __device__ bool is_depthwise() const { return C == groups; }
};

// Where the results of a product go, one for each pixel and channel. All arrays are laid out alike.
template <class T>
struct PixelResult {
  T* out;
  const T* bias = nullptr;  // one a channel
  const T* residual = nullptr;
  Activation activation = Activation::none;
  T* pre_activation = nullptr;
  float* unrounded = nullptr;  // instead of `out`, and nothing but sums
};

// The convolution itself. `weight` is (K, taps, C / groups).
template <class T>
void convolve(const char* name, const ConvShape&, const T* image, const T* weight, const PixelResult<T>&, Workspace&,
              Stream);

// The gradient of the image from dz, that of the results; the border is zeros. `weight` is (C, taps, K / groups).
template <class T>
void gradient_image(const char* name, const ConvShape&, const T* dz, const T* weight, const PixelResult<T>&, Workspace&,
                    Stream);

// The gradient of the weight, (K, C / groups, taps), or (K, taps, C / groups) where that is to be channels-last.
template <class T>
void gradient_weight(const char* name, const ConvShape&, const T* image, const T* dz, bool channels_last, T* gradient,
                     Workspace&, Stream);

// The same where a channel is a group: without products. Then the weight is (K, taps).
template <class T>
void convolve_depthwise(const char* name, const ConvShape&, const T* image, const T* weight, const PixelResult<T>&,
                        Stream);
template <class T>
void gradient_image_depthwise(const char* name, const ConvShape&, const T* dz, const T* weight, const PixelResult<T>&,
                              Stream);
template <class T>
void gradient_weight_depthwise(const char* name, const ConvShape&, const T* image, const T* dz, T* gradient, Workspace&,
                               Stream);

}  // namespace fastnets::cuda::FASTNETS_ARCH
