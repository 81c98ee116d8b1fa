#include "core/ops/nll_loss.h"

#include "core/entries.h"
#include "cuda/loss.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

template <class T>
struct LabelLoss {
  Samples samples;
  const T* x;
  __device__ __forceinline__ float operator()(int64_t row) const {
    if (samples.ignores(row)) return 0;
    if (!samples.is_valid(row)) return NAN;
    const float picked = widen(x[samples.shape.offset(row) + samples.labels[row] * samples.shape.step]);
    return -samples.label_weight(row) * picked;
  }
};

template <class T>
void run_forward(const NLLLoss& op, Workspace& workspace, Stream stream) {
  const Samples samples = samples_of(op, true, workspace, stream);
  const T* x = in_format<T>(op.name, op.input, op.input.is_channels_last(), workspace, stream);
  float* total_weight = op.total_weight ? op.total_weight.as<float>() : workspace.take<float>(1);
  if (op.total_weight || op.reduction == Reduction::mean)
    sum_all(op.name, LabelWeight{samples}, samples.shape.lines, total_weight, workspace, stream);
  write_loss(op.name, op.reduction, samples.shape.lines, LabelLoss<T>{samples, x}, Divisor{1, total_weight},
             op.output.as<T>(), workspace, stream);
}

// A thread owns an element of the input's gradient; only that of the label is not zero.
template <class T>
struct LabelGradient {
  Samples samples;
  TermGradient<T> gradient;
  T* dx;
  __device__ __forceinline__ void operator()(int64_t i) const {
    const int64_t C = samples.shape.C, step = samples.shape.step;  // i = (outer, class, inner)
    const int64_t row = i / (C * step) * step + i % step, c = i / step % C;
    float value = 0;
    if (!samples.ignores(row) && (samples.labels[row] == c || !samples.is_valid(row)))
      value = -samples.label_weight(row) * gradient(row);
    dx[i] = round_to<T>(value);
  }
};

template <class T>
void run_backward(const NLLLoss& op, Workspace& workspace, Stream stream) {
  if (!op.grad_input) return;
  const Samples samples = samples_of(op, true, workspace, stream);
  const TermGradient<T> gradient(op.name, op.grad_output, op.reduction, false,
                                 {1, op.reduction == Reduction::mean ? op.total_weight.as<float>() : nullptr},
                                 workspace, stream);
  if (workspace.counts_only) return;
  for_elements(op.name, op.input.size(), LabelGradient<T>{samples, gradient, op.grad_input.as<T>()}, stream);
}

}  // namespace

void run(const NLLLoss& op, Pass pass, Workspace& workspace, Stream stream) {
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace, stream) : run_backward<T>(op, workspace, stream);
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
