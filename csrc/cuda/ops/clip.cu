#include "core/ops/clip.h"

#include "core/entries.h"
#include "cuda/access.cuh"
#include "cuda/layout.cuh"
#include "cuda/number.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

template <class T>
struct ClipRun {
  Number norm;
  double max_norm;
  const T* x;
  T* y;
  bool aligned;
  __device__ __forceinline__ void operator()(int64_t at, int n) const {
    const double quotient = max_norm / (norm() + 1e-6);
    const float coefficient = quotient > 1 ? 1.0f : float(quotient);  // a nan stays
    float v[kChunk<T>];
    read_some(v, x + at, n, aligned);
#pragma unroll
    for (int e = 0; e < kChunk<T>; ++e) v[e] *= coefficient;
    write_some(y + at, v, n, aligned);
  }
};

}  // namespace

void run(const Clip& op, Pass pass, Workspace& workspace, Stream stream) {
  if (pass == Pass::backward) return;  // it is not differentiated
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) {
    const T* x = in_format<T>(op.name, op.input, op.input.is_channels_last(), workspace, stream);
    if (workspace.counts_only) return;
    T* y = op.output.as<T>();
    for_runs<kChunk<T>>(op.name, op.input.size(), ClipRun<T>{Number(op.norm), op.max_norm, x, y, are_aligned(x, y)},
                        stream);
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
