#include "core/ops/cross_entropy.h"

#include "core/entries.h"
#include "cuda/loss.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// loss = keep · weight[label] · (lse − x[label]) + sum_c u[c] · (lse − x[c]), where u[c] is what label smoothing gives
// every class; with probabilities t, u[c] = weight[c] · (keep · t[c] + even) alone.
template <class T>
struct Problem : Samples {
  const T *x, *probabilities;
  float keep, even;

  __device__ __forceinline__ bool is_spread() const { return even != 0 || probabilities; }
  // For n classes of a line from class `at` on, which lie at `targets`.
  template <int kWidth>
  __device__ __forceinline__ void shares(float (&u)[kWidth], const Line<const T, kWidth>& targets, int64_t at,
                                         int n) const {
    if (probabilities) targets.read(u, at, n);
#pragma unroll
    for (int e = 0; e < kWidth; ++e)
      if (e < n) u[e] = class_weight(at + e) * (probabilities ? fmaf(keep, u[e], even) : even);
  }
  template <int kWidth>
  __device__ __forceinline__ Line<const T, kWidth> line_of(const T* data, int64_t offset, bool aligned) const {
    return {data + (data ? offset : 0), shape.step, aligned};
  }
};

template <class T>
struct LossLine {
  Problem<T> problem;
  float *losses, *lse;
  bool aligned;
  template <class Team, int kWidth>
  __device__ __forceinline__ void operator()(const LineShape& shape, int64_t row) const {
    const int64_t offset = shape.offset_for<Team>(row);
    const auto logits = problem.template line_of<kWidth>(problem.x, offset, aligned);
    const auto targets = problem.template line_of<kWidth>(problem.probabilities, offset, aligned);
    float v[kWidth], u[kWidth], best = -INFINITY;
    each_run<Team, kWidth>(shape.C, [&](int64_t at, int n) {
      logits.read(v, at, n);
#pragma unroll
      for (int e = 0; e < kWidth; ++e)
        if (e < n) best = v[e] > best ? v[e] : best;
    });
    best = Team::max(best);
    ChainedSum sum, spread;
    each_run<Team, kWidth>(shape.C, [&](int64_t at, int n) {
      logits.read(v, at, n);
#pragma unroll
      for (int e = 0; e < kWidth; ++e)
        if (e < n) sum.add(expf(v[e] - best));
    });
    const float log_sum = best + logf(Team::sum(sum.result()));
    if (problem.is_spread())
      each_run<Team, kWidth>(shape.C, [&](int64_t at, int n) {
        logits.read(v, at, n);
        problem.shares(u, targets, at, n);
#pragma unroll
        for (int e = 0; e < kWidth; ++e)
          if (e < n) spread.add(u[e] * (log_sum - v[e]));
      });
    float loss = Team::sum(spread.result());
    if (Team::rank() != 0) return;
    if (problem.labels && problem.keep != 0 && !problem.ignores(row)) {
      const float weight = problem.label_weight(row);  // nan where the label is out of range
      const int64_t label = problem.is_valid(row) ? problem.labels[row] : 0;
      loss += problem.keep * weight * (log_sum - widen(problem.x[offset + label * shape.step]));
    }
    lse[row] = log_sum;
    losses[row] = problem.ignores(row) ? 0 : loss;
  }
};

// dx[c] = g · (softmax(x)[c] · mass − weight[c] · t[c]), where mass = sum_c weight[c] · t[c];
// dt[c] = g · keep · weight[c] · (lse − x[c])
template <class T>
struct LossGradientLine {
  Problem<T> problem;
  TermGradient<T> gradient;
  const float* lse;
  T *dx, *dt;
  bool aligned;
  template <class Team, int kWidth>
  __device__ __forceinline__ void operator()(const LineShape& shape, int64_t row) const {
    const int64_t offset = shape.offset_for<Team>(row);
    const auto logits = problem.template line_of<kWidth>(problem.x, offset, aligned);
    const auto targets = problem.template line_of<kWidth>(problem.probabilities, offset, aligned);
    float v[kWidth], u[kWidth];
    ChainedSum shares;
    if (problem.is_spread())
      each_run<Team, kWidth>(shape.C, [&](int64_t at, int n) {
        problem.shares(u, targets, at, n);
#pragma unroll
        for (int e = 0; e < kWidth; ++e)
          if (e < n) shares.add(u[e]);
      });
    const int64_t label = problem.labels ? problem.labels[row] : -1;
    const float own = problem.labels ? problem.keep * problem.label_weight(row) : 0.0f;
    const float mass = Team::sum(shares.result()) + own, log_sum = lse[row];
    const float g = problem.ignores(row) ? 0.0f : gradient(row);
    each_run<Team, kWidth>(shape.C, [&](int64_t at, int n) {
      float to_input[kWidth], to_target[kWidth];
      logits.read(v, at, n);
      if (problem.is_spread()) problem.shares(u, targets, at, n);
#pragma unroll
      for (int e = 0; e < kWidth; ++e)
        if (e < n) {
          const float share = (problem.is_spread() ? u[e] : 0.0f) + (at + e == label ? own : 0.0f);
          to_input[e] = g == 0 ? 0.0f : g * (expf(v[e] - log_sum) * mass - share);
          to_target[e] = g * problem.keep * problem.class_weight(at + e) * (log_sum - v[e]);
        }
      if (dx) Line<T, kWidth>{dx + offset, shape.step, aligned}.write(to_input, at, n);
      if (dt) Line<T, kWidth>{dt + offset, shape.step, aligned}.write(to_target, at, n);
    });
  }
};

template <class T>
Problem<T> problem_of(const CrossEntropy& op, Workspace& workspace, Stream stream) {
  const bool channels_last = op.keeps_format(), has_labels = op.has_indices();
  const T* x = in_format<T>(op.name, op.input, channels_last, workspace, stream);
  const T* t = has_labels ? nullptr : in_format<T>(op.name, op.target, channels_last, workspace, stream);
  const Samples samples = samples_of(op, has_labels, workspace, stream);
  return {samples, x, t, float(1 - op.label_smoothing), float(op.label_smoothing / double(samples.shape.C))};
}

struct WriteCount {
  float* to;
  float count;
  __device__ __forceinline__ void operator()(int64_t) const { *to = count; }
};

template <class T>
void run_forward(const CrossEntropy& op, Workspace& workspace, Stream stream) {
  const bool run = !workspace.counts_only;
  const Problem<T> problem = problem_of<T>(op, workspace, stream);
  const int64_t rows = problem.shape.lines;
  float* losses = workspace.take<float>(rows);
  float* lse = op.log_sum_exp ? op.log_sum_exp.as<float>() : workspace.take<float>(rows + 1);
  float* const divisor = lse ? lse + rows : nullptr;
  if (run) {
    const bool aligned = lines_are_aligned(problem.shape, problem.x) && is_aligned(problem.probabilities);
    for_lines<kChunk<T>>(op.name, problem.shape, LossLine<T>{problem, losses, lse, aligned}, stream);
  }
  if (problem.labels || op.has_indices())
    sum_all(op.name, LabelWeight{problem}, rows, divisor, workspace, stream);
  else if (run)
    for_elements(op.name, 1, WriteCount{divisor, float(rows)}, stream);
  write_loss(op.name, op.reduction, rows, ReadTerm<float>{losses}, Divisor{1, divisor}, op.output.as<T>(), workspace,
             stream);
}

template <class T>
void run_backward(const CrossEntropy& op, Workspace& workspace, Stream stream) {
  const Problem<T> problem = problem_of<T>(op, workspace, stream);
  const float* lse = op.log_sum_exp.as<float>();
  const float* divisor = lse && op.reduction == Reduction::mean ? lse + problem.shape.lines : nullptr;
  const TermGradient<T> gradient(op.name, op.grad_output, op.reduction, false, {1, divisor}, workspace, stream);
  T* dx = op.grad_input ? op.grad_input.as<T>() : nullptr;
  T* dt = op.grad_target && problem.probabilities ? op.grad_target.as<T>() : nullptr;
  if (workspace.counts_only || (!dx && !dt)) return;
  const bool aligned = lines_are_aligned(problem.shape, problem.x) && are_aligned(problem.probabilities, dx, dt);
  for_lines<kChunk<T>>(op.name, problem.shape, LossGradientLine<T>{problem, gradient, lse, dx, dt, aligned}, stream);
}

}  // namespace

void run(const CrossEntropy& op, Pass pass, Workspace& workspace, Stream stream) {
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace, stream) : run_backward<T>(op, workspace, stream);
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
