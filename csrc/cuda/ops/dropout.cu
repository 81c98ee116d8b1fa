#include "core/ops/dropout.h"

#include <cmath>

#include "core/entries.h"
#include "core/philox.h"
#include "cuda/access.cuh"
#include "cuda/layout.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// A Philox counter has numbers for four neighbouring elements in row-major order.
constexpr int kDrawn = 4;

// An element is kept where its uniform number, a multiple of 2⁻²⁴, is at least p.
struct Dropping {
  uint64_t seed;
  float threshold, scale;
  explicit Dropping(const Dropout& op)
      : seed(op.seed),
        threshold(float(std::ceil(op.p * 0x1p24) * 0x1p-24)),
        scale(float(op.p < 1 ? 1 / (1 - op.p) : 0)) {}
  __device__ __forceinline__ float operator()(uint32_t word, float x) const {
    return uniform(word) < threshold ? 0.0f : x * scale;
  }
};

template <class T>
struct DropRun {
  Dropping drop;
  const T* x;
  T* y;
  bool aligned;
  __device__ __forceinline__ void operator()(int64_t at, int n) const {
    constexpr int kWidth = kChunk<T>;
    static_assert(kWidth % kDrawn == 0);
    float v[kWidth];
    read_some(v, x + at, n, aligned);
#pragma unroll
    for (int first = 0; first < kWidth; first += kDrawn) {
      const Philox drawn = philox(drop.seed, uint64_t(at + first) / kDrawn, RandomUse::dropout);
#pragma unroll
      for (int e = 0; e < kDrawn; ++e) v[first + e] = drop(drawn.word[e], v[first + e]);
    }
    write_some(y + at, v, n, aligned);
  }
};

// A thread owns the element at a place (n, pixel, c) of channels-last memory; its row-major index is (n, c, pixel).
template <class T>
struct DropChannelsLast {
  Dropping drop;
  const T* x;
  T* y;
  int64_t C, pixels;
  __device__ __forceinline__ void operator()(int64_t place) const {
    const int64_t c = place % C, pixel = place / C % pixels, n = place / C / pixels;
    const int64_t index = (n * C + c) * pixels + pixel;
    const Philox drawn = philox(drop.seed, uint64_t(index) / kDrawn, RandomUse::dropout);
    y[place] = round_to<T>(drop(drawn.word[index % kDrawn], widen(x[place])));
  }
};

// y = mask · x / (1 − p): of the input, or of the output's gradient.
template <class T>
void apply(const Dropout& op, const Tensor& from, const Tensor& to, Workspace& workspace, Stream stream) {
  const bool channels_last = op.input.is_channels_last();
  const T* x = in_format<T>(op.name, from, channels_last, workspace, stream);
  if (workspace.counts_only || !from.size()) return;
  T* y = to.as<T>();
  const int64_t size = from.size(), N = op.input.ndim ? op.input.shape[0] : 1;
  if (!channels_last)
    return for_runs<kChunk<T>>(op.name, size, DropRun<T>{Dropping(op), x, y, are_aligned(x, y)}, stream);
  const int64_t C = op.input.shape[1];
  for_elements(op.name, size, DropChannelsLast<T>{Dropping(op), x, y, C, size / (N * C)}, stream);
}

}  // namespace

void run(const Dropout& op, Pass pass, Workspace& workspace, Stream stream) {
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) {
    if (pass == Pass::forward)
      apply<T>(op, op.input, op.output, workspace, stream);
    else if (op.grad_input)
      apply<T>(op, op.grad_output, op.grad_input, workspace, stream);
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
