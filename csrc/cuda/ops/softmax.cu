#include "core/ops/softmax.h"

#include "core/entries.h"
#include "cuda/layout.cuh"
#include "cuda/lines.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

LineShape shape_of(const Softmax& op) {
  LineShape shape{1, 1, 1};
  if (!op.input.ndim) return shape;
  const Tensor t = op.input.is_channels_last() ? with_channels_behind(op.input) : op.input;
  const int last = t.ndim - 1, axis = op.axis();
  const int place = !op.input.is_channels_last() || axis == 0 ? axis : axis == 1 ? last : axis - 1;
  shape.C = t.shape[place];
  for (int d = place + 1; d <= last; ++d) shape.step *= t.shape[d];
  shape.lines = shape.C ? t.size() / shape.C : 0;
  return shape;
}

// y = exp(x − max) / sum of it, or x − max − log of that sum.
template <class T, bool log>
struct SoftmaxLine {
  const T* x;
  T* y;
  bool aligned;
  template <class Team, int kWidth>
  __device__ __forceinline__ void operator()(const LineShape& shape, int64_t line) const {
    const int64_t offset = shape.offset_for<Team>(line);
    const Line<const T, kWidth> in{x + offset, shape.step, aligned};
    const Line<T, kWidth> out{y + offset, shape.step, aligned};
    float v[kWidth], best = -INFINITY;
    each_run<Team, kWidth>(shape.C, [&](int64_t at, int n) {
      in.read(v, at, n);
#pragma unroll
      for (int e = 0; e < kWidth; ++e)
        if (e < n) best = v[e] > best ? v[e] : best;
    });
    best = Team::max(best);
    ChainedSum sum;
    each_run<Team, kWidth>(shape.C, [&](int64_t at, int n) {
      in.read(v, at, n);
#pragma unroll
      for (int e = 0; e < kWidth; ++e)
        if (e < n) sum.add(expf(v[e] - best));
    });
    const float total = Team::sum(sum.result()), share = log ? logf(total) : 1 / total;
    each_run<Team, kWidth>(shape.C, [&](int64_t at, int n) {
      in.read(v, at, n);
#pragma unroll
      for (int e = 0; e < kWidth; ++e) v[e] = log ? v[e] - best - share : expf(v[e] - best) * share;
      out.write(v, at, n);
    });
  }
};

// dx = y (dy − Σ dy y), of the logarithm dy − exp(y) Σ dy
template <class T, bool log>
struct SoftmaxGradientLine {
  const T *y, *dy;
  T* dx;
  bool aligned;
  template <class Team, int kWidth>
  __device__ __forceinline__ void operator()(const LineShape& shape, int64_t line) const {
    const int64_t offset = shape.offset_for<Team>(line);
    const Line<const T, kWidth> results{y + offset, shape.step, aligned}, gradients{dy + offset, shape.step, aligned};
    const Line<T, kWidth> out{dx + offset, shape.step, aligned};
    float result[kWidth], gradient[kWidth];
    ChainedSum sum;
    each_run<Team, kWidth>(shape.C, [&](int64_t at, int n) {
      gradients.read(gradient, at, n);
      if (!log) results.read(result, at, n);
#pragma unroll
      for (int e = 0; e < kWidth; ++e)
        if (e < n) sum.add(log ? gradient[e] : gradient[e] * result[e]);
    });
    const float total = Team::sum(sum.result());
    each_run<Team, kWidth>(shape.C, [&](int64_t at, int n) {
      gradients.read(gradient, at, n);
      results.read(result, at, n);
#pragma unroll
      for (int e = 0; e < kWidth; ++e)
        gradient[e] = log ? gradient[e] - expf(result[e]) * total : result[e] * (gradient[e] - total);
      out.write(gradient, at, n);
    });
  }
};

template <class T>
void run_forward(const Softmax& op, Workspace& workspace, Stream stream) {
  const bool run = !workspace.counts_only;
  const LineShape shape = shape_of(op);
  const T* x = nullptr;
  visit_device_float(op.name, op.input.dtype, [&]<class From>(Type<From>) {
    const From* from = in_format<From>(op.name, op.input, op.input.is_channels_last(), workspace, stream);
    if constexpr (std::is_same_v<From, T>) {
      x = from;
    } else {
      T* converted = workspace.take<T>(op.input.size());
      if (run) for_elements(op.name, op.input.size(), Convert<From, T>{from, converted}, stream);
      x = converted;
    }
  });
  T* y = op.output.as<T>();
  const bool aligned = lines_are_aligned(shape, x) && is_aligned(y);
  if (!run) return;
  if (op.log)
    for_lines<kChunk<T>>(op.name, shape, SoftmaxLine<T, true>{x, y, aligned}, stream);
  else
    for_lines<kChunk<T>>(op.name, shape, SoftmaxLine<T, false>{x, y, aligned}, stream);
}

template <class T>
void run_backward(const Softmax& op, Workspace& workspace, Stream stream) {
  if (!op.grad_input) return;
  const LineShape shape = shape_of(op);
  const bool channels_last = op.input.is_channels_last(), same = op.grad_input.dtype == op.output.dtype;
  const T* y = in_format<T>(op.name, op.output, channels_last, workspace, stream);
  const T* dy = in_format<T>(op.name, op.grad_output, channels_last, workspace, stream);
  T* dx = same ? op.grad_input.as<T>() : workspace.take<T>(op.input.size());
  if (workspace.counts_only) return;
  const bool aligned = lines_are_aligned(shape, y) && are_aligned(dy, dx);
  if (op.log)
    for_lines<kChunk<T>>(op.name, shape, SoftmaxGradientLine<T, true>{y, dy, dx, aligned}, stream);
  else
    for_lines<kChunk<T>>(op.name, shape, SoftmaxGradientLine<T, false>{y, dy, dx, aligned}, stream);
  if (same) return;
  visit_device_float(op.name, op.grad_input.dtype, [&]<class To>(Type<To>) {
    for_elements(op.name, op.input.size(), Convert<T, To>{dx, op.grad_input.as<To>()}, stream);
  });
}

}  // namespace

void run(const Softmax& op, Pass pass, Workspace& workspace, Stream stream) {
  visit_device_float(op.name, op.output.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace, stream) : run_backward<T>(op, workspace, stream);
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
