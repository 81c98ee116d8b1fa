#include "core/ops/batch_norm.h"

#include "core/entries.h"
#include "cuda/images.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// Terms of sums over a channel: deviations from a number, and their squares.
template <class T, bool kSquared>
struct Deviation {
  const T* x;
  const float* mean;  // null: 0
  __device__ __forceinline__ float operator()(int64_t place, int64_t, int64_t c) const {
    const float v = widen(x[place]) - (mean ? mean[c] : 0.0f);
    return kSquared ? v * v : v;
  }
};
// dy, or dy · x̂
template <class T, bool kNormalized>
struct GradientTerm {
  const T *x, *dy;
  const float *mean, *rstd;
  __device__ __forceinline__ float operator()(int64_t place, int64_t, int64_t c) const {
    const float g = widen(dy[place]);
    return kNormalized ? g * ((widen(x[place]) - mean[c]) * rstd[c]) : g;
  }
};

// Where a running statistic is updated, in its own dtype.
struct Running {
  void* data;
  int64_t stride;
  DType dtype;
  explicit Running(const Tensor& t) : data(t.data), stride(t.ndim ? t.stride[0] : 0), dtype(t.dtype) {}
  __device__ __forceinline__ void update(int64_t c, double momentum, double seen) const {
    if (!data) return;
    const auto mix = [&]<class W>(Type<W>) {
      W& at = static_cast<W*>(data)[c * stride];
      at = round_to<W>(float((1 - momentum) * widen(at) + momentum * seen));
    };
    if (dtype == DType::bfloat16)
      mix(Type<bfloat16>{});
    else if (dtype == DType::float16)
      mix(Type<float16>{});
    else
      mix(Type<float>{});
  }
};

struct Divide {
  float *sums, count;
  __device__ __forceinline__ void operator()(int64_t c) const { sums[c] = count > 0 ? sums[c] / count : 0.0f; }
};
// From the sums of deviations of the rounded mean, and their squares.
struct FinishMoments {
  float *mean, *rstd;
  const float *rest, *squares;
  double count, eps, momentum;
  Running running_mean, running_var;
  __device__ __forceinline__ void operator()(int64_t c) const {
    if (count == 0) {  // nothing is seen, nothing updated
      mean[c] = rstd[c] = 0;
      return;
    }
    const double shift = rest[c] / count, seen = mean[c] + shift;
    double variance = squares[c] / count - shift * shift;
    if (variance < 0) variance = 0;  // a nan stays
    mean[c] = float(seen);
    rstd[c] = float(1 / sqrt(variance + eps));
    running_mean.update(c, momentum, seen);
    running_var.update(c, momentum, variance * (count / (count - 1)));
  }
};
struct ReadMoments {
  const float* var;
  float* rstd;
  float eps;
  __device__ __forceinline__ void operator()(int64_t c) const { rstd[c] = 1 / sqrtf(var[c] + eps); }
};

template <class T>
struct Normalize {
  Images images;
  const T* x;
  const float *mean, *rstd, *weight, *bias;
  T* y;
  __device__ __forceinline__ void operator()(int64_t place) const {
    const int64_t c = images.channel_of(place);
    const float factor = weight ? weight[c] * rstd[c] : rstd[c];
    y[place] = round_to<T>(fmaf(widen(x[place]) - mean[c], factor, bias ? bias[c] : 0.0f));
  }
};
// dx = weight · rstd · (dy − mean of dy − x̂ · mean of dy · x̂); without means where the statistics do not depend on x.
template <class T>
struct NormalizeGradient {
  Images images;
  const T *x, *dy;
  const float *mean, *rstd, *weight;
  const float *sums, *products;  // null: the statistics are given
  float count;
  T* dx;
  __device__ __forceinline__ void operator()(int64_t place) const {
    const int64_t c = images.channel_of(place);
    const float factor = weight ? weight[c] * rstd[c] : rstd[c];
    float g = widen(dy[place]);
    if (sums) g -= sums[c] / count + (widen(x[place]) - mean[c]) * rstd[c] * (products[c] / count);
    dx[place] = round_to<T>(factor * g);
  }
};

template <class T>
void run_forward(const BatchNormTraining& op, Workspace& workspace, Stream stream) {
  const bool run = !workspace.counts_only;
  const Images images(op.input);
  const double count = double(images.N * images.pixels);
  const T* x = in_format<T>(op.name, op.input, images.channels_last, workspace, stream);
  const float* weight = numbers_of(op.name, op.weight, workspace, stream);
  const float* bias = numbers_of(op.name, op.bias, workspace, stream);
  float* mean = op.mean ? op.mean.as<float>() : workspace.take<float>(images.C);
  float* rstd = op.rstd ? op.rstd.as<float>() : workspace.take<float>(images.C);
  float *rest = workspace.take<float>(images.C), *squares = workspace.take<float>(images.C);
  sum_channels(op.name, images, Deviation<T, false>{x, nullptr}, mean, workspace, stream);
  if (run) for_elements(op.name, images.C, Divide{mean, float(count)}, stream);
  sum_channels(op.name, images, Deviation<T, false>{x, mean}, rest, workspace, stream);
  sum_channels(op.name, images, Deviation<T, true>{x, mean}, squares, workspace, stream);
  if (!run) return;
  const FinishMoments finish{mean,
                             rstd,
                             rest,
                             squares,
                             count,
                             float(op.eps),
                             float(op.momentum),
                             Running(op.running_mean),
                             Running(op.running_var)};
  for_elements(op.name, images.C, finish, stream);
  for_elements(op.name, images.size(), Normalize<T>{images, x, mean, rstd, weight, bias, op.output.as<T>()}, stream);
}

// The given statistics; returns 1 / √(var + eps).
const float* given_rstd(const BatchNormInference& op, Workspace& workspace, Stream stream) {
  const float* var = numbers_of(op.name, op.running_var, workspace, stream);
  float* rstd = workspace.take<float>(op.input.shape[1]);
  if (!workspace.counts_only) for_elements(op.name, op.input.shape[1], ReadMoments{var, rstd, float(op.eps)}, stream);
  return rstd;
}

template <class T>
void run_forward(const BatchNormInference& op, Workspace& workspace, Stream stream) {
  const Images images(op.input);
  const T* x = in_format<T>(op.name, op.input, images.channels_last, workspace, stream);
  const float* weight = numbers_of(op.name, op.weight, workspace, stream);
  const float* bias = numbers_of(op.name, op.bias, workspace, stream);
  const float* mean = numbers_of(op.name, op.running_mean, workspace, stream);
  const float* rstd = given_rstd(op, workspace, stream);
  if (workspace.counts_only) return;
  for_elements(op.name, images.size(), Normalize<T>{images, x, mean, rstd, weight, bias, op.output.as<T>()}, stream);
}

template <class T, class Op>
void pull_back(const Op& op, const float* mean, const float* rstd, bool is_training, Workspace& workspace,
               Stream stream) {
  const Images images(op.input);
  const T* x = in_format<T>(op.name, op.input, images.channels_last, workspace, stream);
  const T* dy = in_format<T>(op.name, op.grad_output, images.channels_last, workspace, stream);
  const float* weight = numbers_of(op.name, op.weight, workspace, stream);
  const bool needs_sums = is_training && op.grad_input;
  const auto sum = [&](bool for_input, const Tensor& gradient, const auto& term) -> const float* {
    if (!for_input && !gradient) return nullptr;
    float* out = workspace.take<float>(images.C);
    sum_channels(op.name, images, term, out, workspace, stream);
    if (gradient && !workspace.counts_only)
      visit_device_float(op.name, gradient.dtype, [&]<class To>(Type<To>) {
        for_elements(op.name, images.C, Convert<float, To>{out, gradient.as<To>()}, stream);
      });
    return out;
  };
  const float* sums = sum(needs_sums, op.grad_bias, GradientTerm<T, false>{x, dy, mean, rstd});
  const float* products = sum(needs_sums, op.grad_weight, GradientTerm<T, true>{x, dy, mean, rstd});
  if (!op.grad_input || workspace.counts_only) return;
  const NormalizeGradient<T> f{images,
                               x,
                               dy,
                               mean,
                               rstd,
                               weight,
                               is_training ? sums : nullptr,
                               products,
                               float(images.N * images.pixels),
                               op.grad_input.template as<T>()};
  for_elements(op.name, images.size(), f, stream);
}

}  // namespace

void run(const BatchNormTraining& op, Pass pass, Workspace& workspace, Stream stream) {
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) {
    if (pass == Pass::forward) return run_forward<T>(op, workspace, stream);
    pull_back<T>(op, op.mean.as<float>(), op.rstd.as<float>(), true, workspace, stream);
  });
}

void run(const BatchNormInference& op, Pass pass, Workspace& workspace, Stream stream) {
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) {
    if (pass == Pass::forward) return run_forward<T>(op, workspace, stream);
    const float* mean = numbers_of(op.name, op.running_mean, workspace, stream);
    pull_back<T>(op, mean, given_rstd(op, workspace, stream), false, workspace, stream);
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
