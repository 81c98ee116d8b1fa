#include "core/ops/mse_loss.h"

#include "core/entries.h"
#include "cuda/loss.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// The arrays' elements in the order of memory.
template <class T>
struct Square {
  const T *x, *t, *weight;  // weight null: 1
  Square(const MSELoss& op, Workspace& workspace, Stream stream)
      : x(in_format<T>(op.name, op.input, op.keeps_format(), workspace, stream)),
        t(in_format<T>(op.name, op.target, op.keeps_format(), workspace, stream)),
        weight(op.weight ? in_format<T>(op.name, op.weight, op.keeps_format(), workspace, stream) : nullptr) {}
  __device__ __forceinline__ float weight_of(int64_t i) const { return weight ? widen(weight[i]) : 1.0f; }
  __device__ __forceinline__ float difference(int64_t i) const { return widen(x[i]) - widen(t[i]); }
  __device__ __forceinline__ float operator()(int64_t i) const {
    const float d = difference(i);
    return weight ? widen(weight[i]) * d * d : d * d;
  }
};
struct CopyNumber {
  const float* from;
  float* to;
  __device__ __forceinline__ void operator()(int64_t) const { *to = *from; }
};

template <class T>
void run_forward(const MSELoss& op, Workspace& workspace, Stream stream) {
  const Square<T> square(op, workspace, stream);
  const int64_t size = op.input.size();
  Divisor divisor{float(size)};
  if (op.weight && op.reduction == Reduction::mean) {
    float* sum = op.sums ? op.sums.as<float>() : workspace.take<float>(1);
    sum_all(op.name, ReadTerm<T>{square.weight}, size, sum, workspace, stream);
    divisor.found = sum;
  }
  const float* total = write_loss(op.name, op.reduction, size, square, divisor, op.output.as<T>(), workspace, stream);
  if (op.sums && !workspace.counts_only) for_elements(op.name, 1, CopyNumber{total, op.sums.as<float>() + 1}, stream);
}

// dx = 2 g w (x − t), dt = −dx, dw = g ((x − t)² − mean), the last term only where a mean divides by the weights' sum
template <class T>
struct SquareGradient {
  Square<T> square;
  TermGradient<T> gradient;
  const float* sums;  // of the weights and of the terms, or null
  T *dx, *dt, *dw;
  __device__ __forceinline__ void operator()(int64_t i) const {
    const float g = gradient(i), d = square.difference(i), slope = (g + g) * (square.weight_of(i) * d);
    if (dx) dx[i] = round_to<T>(slope);
    if (dt) dt[i] = round_to<T>(-slope);
    if (dw) dw[i] = round_to<T>(g * (d * d - (sums ? sums[1] / sums[0] : 0.0f)));
  }
};

template <class T>
void run_backward(const MSELoss& op, Workspace& workspace, Stream stream) {
  const Square<T> square(op, workspace, stream);
  const float* sums = op.sums ? op.sums.as<float>() : nullptr;
  const TermGradient<T> gradient(op.name, op.grad_output, op.reduction, op.keeps_format(),
                                 {float(op.input.size()), sums}, workspace, stream);
  if (workspace.counts_only) return;
  const auto of = [](const Tensor& t) { return t ? t.as<T>() : nullptr; };
  const SquareGradient<T> f{square, gradient, sums, of(op.grad_input), of(op.grad_target), of(op.grad_weight)};
  for_elements(op.name, op.input.size(), f, stream);
}

}  // namespace

void run(const MSELoss& op, Pass pass, Workspace& workspace, Stream stream) {
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace, stream) : run_backward<T>(op, workspace, stream);
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
