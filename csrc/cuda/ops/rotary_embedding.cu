#include "core/ops/rotary_embedding.h"

#include <cmath>

#include "core/entries.h"
#include "cuda/layout.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// Cosine and sine of position · base^(−2i / rotary_dim), a row for each position and a column for each pair i, in
// float64 until they are kept.
struct FillAngles {
  const int64_t* positions;
  int64_t pairs;
  double base, sign;
  float *cosines, *sines;
  __device__ __forceinline__ void operator()(int64_t at) const {
    const int64_t i = at % pairs;
    const double angle = double(positions[at / pairs]) * pow(base, -double(i) / double(pairs));
    cosines[at] = float(cos(angle));
    sines[at] = float(sign * sin(angle));
  }
};

// A thread owns a pair of a row, or one of the elements behind all pairs.
template <class T>
struct TurnPair {
  const T* x;
  T* y;
  const float *cosines, *sines;
  Tensor numbers;  // of each row of x, the row of the angles
  int64_t D, pairs;
  bool interleaved;
  __device__ __forceinline__ void operator()(int64_t at) const {
    const int64_t width = D - pairs, row = at / width, i = at % width, first = row * D;
    if (i >= pairs) {
      y[first + pairs + i] = x[first + pairs + i];
      return;
    }
    const int64_t angle = offset_of(numbers, row) * pairs + i;
    const int64_t one = first + (interleaved ? 2 * i : i), other = interleaved ? one + 1 : one + pairs;
    const float a = widen(x[one]), b = widen(x[other]), c = cosines[angle], s = sines[angle];
    y[one] = round_to<T>(a * c - b * s);
    y[other] = round_to<T>(b * c + a * s);
  }
};

// The input by the angles, or the output's gradient back.
template <class T>
void turn(const RotaryEmbedding& op, const Tensor& from, const Tensor& to, double sign, Workspace& workspace,
          Stream stream) {
  const int64_t* positions = indices_of(op.name, op.positions, workspace, stream);
  const T* x = contiguous<T>(op.name, from, workspace, stream);
  const int64_t D = op.input.shape[op.input.ndim - 1], pairs = op.turned() / 2, angles = op.positions.size() * pairs;
  float *cosines = workspace.take<float>(angles), *sines = workspace.take<float>(angles);
  if (workspace.counts_only || !from.size()) return;
  for_elements(op.name, angles, FillAngles{positions, pairs, op.base, sign, cosines, sines}, stream);
  Tensor numbers = op.input;
  --numbers.ndim;
  int64_t step = 1;
  for (int d = numbers.ndim - 1, own = op.positions.ndim - 1; d >= 0; --d, --own) {
    const int64_t size = own < 0 ? 1 : op.positions.shape[own];
    numbers.stride[d] = size == 1 ? 0 : step;
    step *= size;
  }
  const TurnPair<T> f{x, to.as<T>(), cosines, sines, numbers, D, pairs, op.interleaved};
  for_elements(op.name, from.size() / D * (D - pairs), f, stream);
}

}  // namespace

void run(const RotaryEmbedding& op, Pass pass, Workspace& workspace, Stream stream) {
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) {
    if (pass == Pass::forward)
      turn<T>(op, op.input, op.output, 1, workspace, stream);
    else if (op.grad_input)
      turn<T>(op, op.grad_output, op.grad_input, -1, workspace, stream);
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
