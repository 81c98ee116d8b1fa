#include "core/ops/add.h"

#include "core/entries.h"
#include "cuda/access.cuh"
#include "cuda/layout.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

template <class T>
struct AddRun {
  const T *a, *b;
  T* y;
  bool aligned;
  __device__ __forceinline__ void operator()(int64_t at, int n) const {
    float v[kChunk<T>], w[kChunk<T>];
    read_some(v, a + at, n, aligned);
    read_some(w, b + at, n, aligned);
#pragma unroll
    for (int e = 0; e < kChunk<T>; ++e) v[e] += w[e];
    write_some(y + at, v, n, aligned);
  }
};

}  // namespace

void run(const Add& op, Pass pass, Workspace& workspace, Stream stream) {
  if (pass == Pass::backward) return;  // it is not differentiated
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) {
    const bool channels_last = op.input.is_channels_last();
    const T* a = in_format<T>(op.name, op.input, channels_last, workspace, stream);
    const T* b = in_format<T>(op.name, op.other, channels_last, workspace, stream);
    if (workspace.counts_only) return;
    T* y = op.output.as<T>();
    for_runs<kChunk<T>>(op.name, op.input.size(), AddRun<T>{a, b, y, are_aligned(a, b, y)}, stream);
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
