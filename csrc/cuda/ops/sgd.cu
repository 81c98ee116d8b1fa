#include "core/ops/sgd.h"

#include "core/entries.h"
#include "cuda/update.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// T is the parameter's type, G the gradient's.
template <class T, class G>
struct SgdStep {
  Theta<T> theta;
  const G* gradient;
  float* buffer;  // null without momentum
  float lr, momentum, rest, decay, sign;
  bool nesterov, is_first, aligned;
  __device__ __forceinline__ void operator()(int64_t at, int n) const {
    float before[kUpdated], g[kUpdated], b[kUpdated] = {};
    theta.read(before, at, n, aligned);
    read_some(g, gradient + at, n, aligned);
    if (buffer && !is_first) read_some(b, buffer + at, n, aligned);
#pragma unroll
    for (int e = 0; e < kUpdated; ++e) {
      const float slope = decay == 0 ? sign * g[e] : fmaf(decay, before[e], sign * g[e]);
      float direction = slope;
      if (buffer) {
        b[e] = is_first ? slope : fmaf(momentum, b[e], rest * slope);
        direction = nesterov ? fmaf(momentum, b[e], slope) : b[e];
      }
      before[e] = fmaf(-lr, direction, before[e]);
    }
    if (buffer) write_some(buffer + at, b, n, aligned);
    theta.write(before, at, n, aligned);
  }
};

template <class T, class G>
void step(const Sgd& op, Workspace& workspace, Stream stream) {
  const bool plain = are_plain({&op.parameter, &op.momentum_buffer, &op.master});
  const bool channels_last = plain && op.parameter.is_channels_last();
  const G* gradient = in_format<G>(op.name, op.gradient, channels_last, workspace, stream);
  const InPlace<T> parameter(op.name, op.parameter, plain, workspace, stream);
  const InPlace<float> master(op.name, op.master, plain, workspace, stream);
  const InPlace<float> buffer(op.name, op.momentum_buffer, plain, workspace, stream);
  if (workspace.counts_only) return;
  float* const momentum = op.momentum != 0 ? buffer.data : nullptr;
  const SgdStep<T, G> f{.theta = {parameter.data, master.data},
                        .gradient = gradient,
                        .buffer = momentum,
                        .lr = float(op.lr),
                        .momentum = float(op.momentum),
                        .rest = float(1 - op.dampening),
                        .decay = float(op.weight_decay),
                        .sign = op.maximize ? -1.0f : 1.0f,
                        .nesterov = op.nesterov,
                        .is_first = op.is_first,
                        .aligned = are_aligned(parameter.data, master.data, gradient, momentum)};
  for_runs<kUpdated>(op.name, op.parameter.size(), f, stream);
  parameter.finish(stream), master.finish(stream);
  if (momentum) buffer.finish(stream);
}

}  // namespace

void run(const Sgd& op, Pass pass, Workspace& workspace, Stream stream) {
  if (pass == Pass::backward) return;  // an update has no gradient: none of its fields has one to ask for
  visit_device_float(op.name, op.parameter.dtype, [&]<class T>(Type<T>) {
    op.gradient.dtype == op.parameter.dtype ? step<T, T>(op, workspace, stream) : step<T, float>(op, workspace, stream);
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
