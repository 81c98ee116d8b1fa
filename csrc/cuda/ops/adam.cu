#include "core/ops/adam.h"

#include "core/entries.h"
#include "cuda/update.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// T is the parameter's type, G the gradient's.
template <class T, class G>
struct AdamStep {
  Theta<T> theta;
  const G* gradient;
  float *exp_avg, *exp_avg_sq;
  float keep, decay, sign, rate, eps, beta1, rest1, beta2, rest2, root;
  bool aligned;
  __device__ __forceinline__ void operator()(int64_t at, int n) const {
    float before[kUpdated], g[kUpdated], m[kUpdated], v[kUpdated];
    theta.read(before, at, n, aligned);
    read_some(g, gradient + at, n, aligned);
    read_some(m, exp_avg + at, n, aligned);
    read_some(v, exp_avg_sq + at, n, aligned);
#pragma unroll
    for (int e = 0; e < kUpdated; ++e) {
      const float slope = decay == 0 ? sign * g[e] : fmaf(decay, before[e], sign * g[e]);
      m[e] = fmaf(beta1, m[e], rest1 * slope);
      v[e] = fmaf(beta2, v[e], rest2 * slope * slope);
      before[e] = before[e] * keep - rate * m[e] / fmaf(sqrtf(v[e]), root, eps);
    }
    write_some(exp_avg + at, m, n, aligned);
    write_some(exp_avg_sq + at, v, n, aligned);
    theta.write(before, at, n, aligned);
  }
};

template <class T, class G>
void step(const Adam& op, Workspace& workspace, Stream stream) {
  const bool plain = are_plain({&op.parameter, &op.exp_avg, &op.exp_avg_sq, &op.master});
  const bool channels_last = plain && op.parameter.is_channels_last();
  const G* gradient = in_format<G>(op.name, op.gradient, channels_last, workspace, stream);
  const InPlace<T> parameter(op.name, op.parameter, plain, workspace, stream);
  const InPlace<float> master(op.name, op.master, plain, workspace, stream);
  const InPlace<float> exp_avg(op.name, op.exp_avg, plain, workspace, stream);
  const InPlace<float> exp_avg_sq(op.name, op.exp_avg_sq, plain, workspace, stream);
  if (workspace.counts_only) return;
  const double correction1 = 1 - std::pow(op.beta1, double(op.step));
  const double correction2 = 1 - std::pow(op.beta2, double(op.step));
  const AdamStep<T, G> f{.theta = {parameter.data, master.data},
                         .gradient = gradient,
                         .exp_avg = exp_avg.data,
                         .exp_avg_sq = exp_avg_sq.data,
                         .keep = float(op.decoupled_weight_decay ? 1 - op.lr * op.weight_decay : 1),
                         .decay = float(op.decoupled_weight_decay ? 0 : op.weight_decay),
                         .sign = op.maximize ? -1.0f : 1.0f,
                         .rate = float(op.lr / correction1),
                         .eps = float(op.eps),
                         .beta1 = float(op.beta1),
                         .rest1 = float(1 - op.beta1),
                         .beta2 = float(op.beta2),
                         .rest2 = float(1 - op.beta2),
                         .root = float(1 / std::sqrt(correction2)),
                         .aligned = are_aligned(parameter.data, master.data, gradient, exp_avg.data, exp_avg_sq.data)};
  for_runs<kUpdated>(op.name, op.parameter.size(), f, stream);
  parameter.finish(stream), master.finish(stream), exp_avg.finish(stream), exp_avg_sq.finish(stream);
}

}  // namespace

void run(const Adam& op, Pass pass, Workspace& workspace, Stream stream) {
  if (pass == Pass::backward) return;  // an update has no gradient: none of its fields has one to ask for
  visit_device_float(op.name, op.parameter.dtype, [&]<class T>(Type<T>) {
    op.gradient.dtype == op.parameter.dtype ? step<T, T>(op, workspace, stream) : step<T, float>(op, workspace, stream);
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
