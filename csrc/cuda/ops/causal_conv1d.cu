#include "core/ops/causal_conv1d.h"

#include "core/entries.h"
#include "cuda/grad_activation.cuh"
#include "cuda/images.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// e: the initial state, or zeros, then the input, along the time.
template <class T>
struct Extended {
  Images images;  // pixels: the L of the input
  int64_t K;
  const T *x, *state;  // state (N, C, K − 1), row-major, or null
  __device__ __forceinline__ float operator()(int64_t n, int64_t c, int64_t at) const {
    if (at >= K - 1) return widen(x[images.place(n, c, at - (K - 1))]);
    return state ? widen(state[(n * images.C + c) * (K - 1) + at]) : 0.0f;
  }
};

template <class T>
struct Convolve {
  Extended<T> e;
  const float *weight, *bias;
  Activation activation;
  T *y, *z;  // z null where it is not saved
  __device__ __forceinline__ void operator()(int64_t place) const {
    const int64_t n = e.images.sample_of(place), c = e.images.channel_of(place), l = e.images.pixel_of(place);
    ChainedSum sum;
    for (int64_t k = 0; k < e.K; ++k) sum.add(weight[c * e.K + k] * e(n, c, l + k));
    const float result = sum.result() + (bias ? bias[c] : 0.0f);
    if (z) z[place] = round_to<T>(result);
    y[place] = round_to<T>(activate(activation, result));
  }
};
template <class T>
struct FinalState {
  Extended<T> e;
  T* out;
  __device__ __forceinline__ void operator()(int64_t i) const {
    const int64_t k = i % (e.K - 1), c = i / (e.K - 1) % e.images.C, n = i / (e.K - 1) / e.images.C;
    out[i] = round_to<T>(e(n, c, e.images.pixels + k));
  }
};

// d e[at]: from the outputs that have read it, and from the final state. G is the type of dz: float behind an
// activation.
template <class T, class G>
struct ExtendedGradient {
  Images images;
  int64_t K;
  const G* dz;
  const T* dstate;  // (N, C, K − 1), row-major, or null
  const float* weight;
  __device__ __forceinline__ float operator()(int64_t n, int64_t c, int64_t at) const {
    ChainedSum sum;
    for (int64_t k = max(int64_t{0}, at - images.pixels + 1); k < min(K, at + 1); ++k)
      sum.add(weight[c * K + k] * widen(dz[images.place(n, c, at - k)]));
    const int64_t in_state = at - images.pixels;
    if (dstate && in_state >= 0) sum.add(widen(dstate[(n * images.C + c) * (K - 1) + in_state]));
    return sum.result();
  }
};
// The gradient of the part of e from `first` on, which is an array of its own.
template <class T, class G>
struct PartGradient {
  ExtendedGradient<T, G> de;
  int64_t first;
  Images part;
  T* out;
  __device__ __forceinline__ void operator()(int64_t place) const {
    out[place] = round_to<T>(de(part.sample_of(place), part.channel_of(place), first + part.pixel_of(place)));
  }
};
// What an output adds to the gradients of tap k of the weight, and of bias.
template <class T, class G>
struct WeightTerm {
  Extended<T> e;
  const G* dz;
  int64_t k;
  __device__ __forceinline__ float operator()(int64_t place, int64_t n, int64_t c) const {
    return widen(dz[place]) * e(n, c, e.images.pixel_of(place) + k);
  }
};
template <class G>
struct BiasTerm {
  const G* dz;
  __device__ __forceinline__ float operator()(int64_t place, int64_t, int64_t) const { return widen(dz[place]); }
};
template <class T>
struct StoreTap {
  const float* sums;
  int64_t k, K;
  T* out;
  __device__ __forceinline__ void operator()(int64_t c) const { out[c * K + k] = round_to<T>(sums[c]); }
};

template <class T>
Extended<T> extended(const CausalConv1d& op, const Images& images, Workspace& workspace, Stream stream) {
  const T* x = in_format<T>(op.name, op.input, images.channels_last, workspace, stream);
  const T* state = op.initial_state ? contiguous<T>(op.name, op.initial_state, workspace, stream) : nullptr;
  return {images, op.weight.shape[1], x, state};
}

template <class T>
void run_forward(const CausalConv1d& op, Workspace& workspace, Stream stream) {
  const Images images(op.input);
  const Extended<T> e = extended<T>(op, images, workspace, stream);
  const float* weight = numbers_of(op.name, op.weight, workspace, stream);
  const float* bias = numbers_of(op.name, op.bias, workspace, stream);
  if (workspace.counts_only) return;
  T* z = op.pre_activation ? op.pre_activation.as<T>() : nullptr;
  for_elements(op.name, images.size(), Convolve<T>{e, weight, bias, op.activation, op.output.as<T>(), z}, stream);
  if (op.final_state) for_elements(op.name, op.final_state.size(), FinalState<T>{e, op.final_state.as<T>()}, stream);
}

template <class T, class G>
void pull_back(const CausalConv1d& op, const G* dz, Workspace& workspace, Stream stream) {
  const bool run = !workspace.counts_only;
  const Images images(op.input);
  const Extended<T> e = extended<T>(op, images, workspace, stream);
  const float* weight = numbers_of(op.name, op.weight, workspace, stream);
  const T* dstate = op.grad_final_state ? contiguous<T>(op.name, op.grad_final_state, workspace, stream) : nullptr;
  const ExtendedGradient<T, G> de{images, e.K, dz, dstate, weight};
  const auto write_part = [&](const Tensor& gradient, int64_t first) {
    if (!gradient || !run) return;
    const PartGradient<T, G> f{de, first, Images(gradient), gradient.as<T>()};
    for_elements(op.name, gradient.size(), f, stream);
  };
  write_part(op.grad_initial_state, 0);
  write_part(op.grad_input, e.K - 1);
  if (op.grad_bias) sum_channels(op.name, images, BiasTerm<G>{dz}, op.grad_bias.as<T>(), workspace, stream);
  for (int64_t k = 0; op.grad_weight && k < e.K; ++k) {
    float* sums = workspace.take<float>(images.C);
    sum_channels(op.name, images, WeightTerm<T, G>{e, dz, k}, sums, workspace, stream);
    if (run) for_elements(op.name, images.C, StoreTap<T>{sums, k, e.K, op.grad_weight.as<T>()}, stream);
  }
}

template <class T>
void run_backward(const CausalConv1d& op, Workspace& workspace, Stream stream) {
  const bool channels_last = op.input.is_channels_last();
  const T* dy = in_format<T>(op.name, op.grad_output, channels_last, workspace, stream);
  if (op.activation == Activation::none) return pull_back<T>(op, dy, workspace, stream);
  const T* y = in_format<T>(op.name, op.output, channels_last, workspace, stream);
  const T* z = y;
  if (op.pre_activation) z = in_format<T>(op.name, op.pre_activation, channels_last, workspace, stream);
  float* dz = workspace.take<float>(op.input.size());
  if (!workspace.counts_only) grad_activation(op.name, op.activation, 0, dy, z, y, op.input.size(), dz, stream);
  pull_back<T>(op, static_cast<const float*>(dz), workspace, stream);
}

}  // namespace

void run(const CausalConv1d& op, Pass pass, Workspace& workspace, Stream stream) {
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace, stream) : run_backward<T>(op, workspace, stream);
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
