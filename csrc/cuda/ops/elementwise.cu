#include "core/ops/elementwise.h"

#include "core/entries.h"
#include "cuda/grad_activation.cuh"
#include "cuda/layout.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

template <class T>
struct Activate {
  Activation kind;
  float alpha;
  const T* x;
  T* y;
  bool aligned;
  __device__ __forceinline__ void operator()(int64_t at, int n) const {
    float v[kChunk<T>];
    read_some(v, x + at, n, aligned);
#pragma unroll
    for (int e = 0; e < kChunk<T>; ++e) v[e] = activate(kind, v[e], alpha);
    write_some(y + at, v, n, aligned);
  }
};

template <class T>
void run_forward(const Elementwise& op, Workspace& workspace, Stream stream) {
  const T* x = in_format<T>(op.name, op.input, op.input.is_channels_last(), workspace, stream);
  if (workspace.counts_only) return;
  T* y = op.output.as<T>();
  for_runs<kChunk<T>>(op.name, op.input.size(), Activate<T>{op.kind, float(op.alpha), x, y, are_aligned(x, y)}, stream);
}

template <class T>
void run_backward(const Elementwise& op, Workspace& workspace, Stream stream) {
  if (!op.grad_input) return;
  const bool channels_last = op.input.is_channels_last();
  const T* dy = in_format<T>(op.name, op.grad_output, channels_last, workspace, stream);
  const T* x = in_format<T>(op.name, op.input, channels_last, workspace, stream);
  const T* y = in_format<T>(op.name, op.output, channels_last, workspace, stream);
  if (workspace.counts_only) return;
  grad_activation(op.name, op.kind, op.alpha, dy, x, y, op.input.size(), op.grad_input.as<T>(), stream);
}

}  // namespace

void run(const Elementwise& op, Pass pass, Workspace& workspace, Stream stream) {
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace, stream) : run_backward<T>(op, workspace, stream);
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
