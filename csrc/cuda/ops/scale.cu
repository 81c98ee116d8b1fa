#include "core/ops/scale.h"

#include "core/entries.h"
#include "cuda/access.cuh"
#include "cuda/layout.cuh"
#include "cuda/number.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

struct StartSearch {
  Number previous;
  float* found;
  __device__ __forceinline__ void operator()(int64_t) const { *found = previous() != 0 ? 1.0f : 0.0f; }
};

// T is the input's type, Y the output's. Who finds something writes 1: it does not matter who is first.
template <class T, class Y>
struct ScaleRun {
  float factor;
  const T* x;
  Y* y;
  float* found;
  bool aligned;
  __device__ __forceinline__ void operator()(int64_t at, int n) const {
    float v[kChunk<T>], zeros = 0;
    read_some(v, x + at, n, aligned);
#pragma unroll
    for (int e = 0; e < kChunk<T>; ++e) {
      zeros = fmaf(v[e], 0.0f, zeros);  // 0, or nan where v is not finite
      v[e] *= factor;
    }
    write_some(y + at, v, n, aligned);
    if (found && zeros != zeros) atomicExch(found, 1.0f);
  }
};

template <class T, class Y>
void scale(const Scale& op, Workspace& workspace, Stream stream) {
  const T* x = in_format<T>(op.name, op.input, op.input.is_channels_last(), workspace, stream);
  if (workspace.counts_only) return;
  float* found = op.unscale ? op.found.as<float>() : nullptr;
  if (found) for_elements(op.name, 1, StartSearch{Number(op.previous), found}, stream);
  Y* y = op.output.as<Y>();
  for_runs<kChunk<T>>(op.name, op.input.size(), ScaleRun<T, Y>{float(op.factor), x, y, found, are_aligned(x, y)},
                      stream);
}

}  // namespace

void run(const Scale& op, Pass pass, Workspace& workspace, Stream stream) {
  if (pass == Pass::backward) return;  // it is not differentiated
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) {
    op.unscale ? scale<T, float>(op, workspace, stream) : scale<T, T>(op, workspace, stream);
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
