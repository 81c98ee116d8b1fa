#include "core/ops/layer_norm.h"

#include "core/entries.h"
#include "cuda/layout.cuh"
#include "cuda/lines.cuh"
#include "cuda/reduce.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

template <class Op>
LineShape shape_of(const Op& op) {
  LineShape shape{1, 1, 1};
  for (int d = 0; d < op.normalized_shape.count; ++d) shape.C *= op.normalized_shape[d];
  shape.lines = 1;
  for (int d = 0; d < op.input.ndim - op.normalized_shape.count; ++d) shape.lines *= op.input.shape[d];
  return shape;
}

// y = (x − mean) · rstd · weight + bias, uncentered without the mean.
template <class T, bool kCentered>
struct NormLine {
  const T* x;
  const float *weight, *bias;
  float eps;
  T* y;
  float *mean, *rstd;  // null where they are not saved
  bool aligned;
  template <class Team, int kWidth>
  __device__ __forceinline__ void operator()(const LineShape& shape, int64_t line) const {
    const Line<const T, kWidth> in{x + line * shape.C, 1, aligned};
    const Line<T, kWidth> out{y + line * shape.C, 1, aligned};
    const float count = float(shape.C);
    float v[kWidth], m = 0;
    if constexpr (kCentered) {
      ChainedSum sum;
      each_run<Team, kWidth>(shape.C, [&](int64_t at, int n) {
        in.read(v, at, n);
#pragma unroll
        for (int e = 0; e < kWidth; ++e)
          if (e < n) sum.add(v[e]);
      });
      m = Team::sum(sum.result()) / count;
    }
    ChainedSum squares, rest;  // rest: what the rounding of the mean has left
    each_run<Team, kWidth>(shape.C, [&](int64_t at, int n) {
      in.read(v, at, n);
#pragma unroll
      for (int e = 0; e < kWidth; ++e)
        if (e < n) {
          squares.add((v[e] - m) * (v[e] - m));
          rest.add(v[e] - m);
        }
    });
    float variance = Team::sum(squares.result()) / count;
    if constexpr (kCentered) {
      const float shift = Team::sum(rest.result()) / count;
      m += shift;
      variance -= shift * shift;
      if (variance < 0) variance = 0;  // a nan stays
    }
    const float r = shape.C ? 1 / sqrtf(variance + eps) : 0.0f;
    if (Team::rank() == 0 && mean) mean[line] = shape.C ? m : 0.0f;
    if (Team::rank() == 0 && rstd) rstd[line] = r;
    each_run<Team, kWidth>(shape.C, [&](int64_t at, int n) {
      in.read(v, at, n);
#pragma unroll
      for (int e = 0; e < kWidth; ++e)
        if (e < n) {
          v[e] = (v[e] - m) * r;
          if (weight)
            v[e] = fmaf(v[e], weight[at + e], bias ? bias[at + e] : 0.0f);
          else if (bias)
            v[e] += bias[at + e];
        }
      out.write(v, at, n);
    });
  }
};

// dx = rstd · (g − mean of g − x̂ · mean of g · x̂) with g = dy · weight, uncentered without the mean of g.
template <class T, bool kCentered>
struct NormGradientLine {
  const T *x, *dy;
  const float *weight, *mean, *rstd;
  T* dx;
  bool aligned;
  template <class Team, int kWidth>
  __device__ __forceinline__ void operator()(const LineShape& shape, int64_t line) const {
    const int64_t offset = line * shape.C;
    const Line<const T, kWidth> in{x + offset, 1, aligned}, gradients{dy + offset, 1, aligned};
    const Line<T, kWidth> out{dx + offset, 1, aligned};
    const float m = kCentered ? mean[line] : 0.0f, r = rstd[line], count = float(shape.C);
    float v[kWidth], g[kWidth];
    ChainedSum sum, products;
    each_run<Team, kWidth>(shape.C, [&](int64_t at, int n) {
      in.read(v, at, n);
      gradients.read(g, at, n);
#pragma unroll
      for (int e = 0; e < kWidth; ++e)
        if (e < n) {
          const float weighted = weight ? g[e] * weight[at + e] : g[e];
          if constexpr (kCentered) sum.add(weighted);
          products.add(weighted * ((v[e] - m) * r));
        }
    });
    const float product = Team::sum(products.result()) / count;
    float level = 0;
    if constexpr (kCentered) level = Team::sum(sum.result()) / count;
    each_run<Team, kWidth>(shape.C, [&](int64_t at, int n) {
      in.read(v, at, n);
      gradients.read(g, at, n);
#pragma unroll
      for (int e = 0; e < kWidth; ++e)
        if (e < n) {
          const float weighted = weight ? g[e] * weight[at + e] : g[e];
          v[e] = r * (weighted - level - (v[e] - m) * r * product);
        }
      out.write(v, at, n);
    });
  }
};

// What a row adds to the gradient of weight: dy · x̂.
template <class T>
struct WeightTerm {
  const T *x, *dy;
  const float *mean, *rstd;
  int64_t C;
  __device__ __forceinline__ float operator()(int64_t i, int64_t j) const {
    const float v = widen(x[i * C + j]);
    return widen(dy[i * C + j]) * ((mean ? v - mean[i] : v) * rstd[i]);
  }
};

template <class Op>
float* mean_of(const Op& op) {
  if constexpr (Op::kCentered)
    return op.mean.template as<float>();
  else
    return nullptr;
}
template <class Op>
Tensor bias_of(const Op& op) {
  if constexpr (Op::kCentered)
    return op.bias;
  else
    return {};
}
template <class Op>
Tensor grad_bias_of(const Op& op) {
  if constexpr (Op::kCentered)
    return op.grad_bias;
  else
    return {};
}

template <class T, class Op>
void run_forward(const Op& op, Workspace& workspace, Stream stream) {
  const LineShape shape = shape_of(op);
  const T* x = contiguous<T>(op.name, op.input, workspace, stream);
  const float* weight = numbers_of(op.name, op.weight, workspace, stream);
  const float* bias = numbers_of(op.name, bias_of(op), workspace, stream);
  if (workspace.counts_only) return;
  T* y = op.output.template as<T>();
  const bool aligned = lines_are_aligned(shape, x) && is_aligned(y);
  const NormLine<T, Op::kCentered> f{x,      weight, bias, float(op.eps), y, mean_of(op), op.rstd.template as<float>(),
                                     aligned};
  for_rows<kChunk<T>>(op.name, shape, f, stream);
}

template <class T, class Op>
void run_backward(const Op& op, Workspace& workspace, Stream stream) {
  const LineShape shape = shape_of(op);
  const T* x = contiguous<T>(op.name, op.input, workspace, stream);
  const T* dy = contiguous<T>(op.name, op.grad_output, workspace, stream);
  const float* weight = numbers_of(op.name, op.weight, workspace, stream);
  const float *mean = mean_of(op), *rstd = op.rstd.template as<float>();
  if (op.grad_input && !workspace.counts_only) {
    T* dx = op.grad_input.template as<T>();
    const bool aligned = lines_are_aligned(shape, x) && are_aligned(dy, dx);
    for_rows<kChunk<T>>(op.name, shape, NormGradientLine<T, Op::kCentered>{x, dy, weight, mean, rstd, dx, aligned},
                        stream);
  }
  const auto sum = [&](const Tensor& gradient, const auto& term) {
    if (gradient)
      visit_device_float(op.name, gradient.dtype, [&]<class To>(Type<To>) {
        sum_rows(op.name, term, shape.lines, shape.C, gradient.as<To>(), workspace, stream);
      });
  };
  sum(op.grad_weight, WeightTerm<T>{x, dy, mean, rstd, shape.C});
  sum(grad_bias_of(op), MatrixTerm<T>{dy, shape.C});
}

template <class Op>
void run_either(const Op& op, Pass pass, Workspace& workspace, Stream stream) {
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace, stream) : run_backward<T>(op, workspace, stream);
  });
}

}  // namespace

void run(const LayerNorm& op, Pass pass, Workspace& workspace, Stream stream) {
  run_either(op, pass, workspace, stream);
}
void run(const RMSNorm& op, Pass pass, Workspace& workspace, Stream stream) { run_either(op, pass, workspace, stream); }

}  // namespace fastnets::cuda::FASTNETS_ARCH
