#include "core/ops/binary_cross_entropy_with_logits.h"

#include "core/entries.h"
#include "cuda/loss.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

using BCE = BinaryCrossEntropyWithLogits;

// A weight as it broadcasts to the input, one number an element in the order of the input's memory; null for none.
const float* broadcast(const BCE& op, const Tensor& t, Workspace& workspace, Stream stream) {
  if (!t) return nullptr;
  Tensor expanded = t;
  expanded.ndim = op.input.ndim;
  for (int d = 0; d < op.input.ndim; ++d) {
    const int own = d - op.input.ndim + t.ndim;
    expanded.shape[d] = op.input.shape[d];
    expanded.stride[d] = own < 0 || t.shape[own] == 1 ? 0 : t.stride[own];
  }
  return numbers_of(op.name, op.keeps_format() ? with_channels_behind(expanded) : expanded, workspace, stream);
}

// With z = e^−|x|, class weight w, positive weight p and l = 1 + (p − 1) t, nothing cancels in
//   loss = w (a |x| + l log1p(z)),  d loss / dx = w (±a ∓ l z / (1 + z)),  where a = 1 − t, above 0, or p t, below, and
//   d loss / dt = w (b |x| + (p − 1) log1p(z)),  where b = −1 above 0 and p below.
// Without positive weights p = 1, and the derivative to t is −w x.
struct Element {
  float x, t, w, p;
  bool has_p;
  __device__ __forceinline__ float above(float yes, float no) const { return x < 0 ? no : yes; }
  __device__ __forceinline__ float z() const { return expf(-fabsf(x)); }
  __device__ __forceinline__ float a() const { return above(1 - t, has_p ? p * t : t); }
  __device__ __forceinline__ float l() const { return has_p ? fmaf(p - 1, t, 1.0f) : 1.0f; }
  __device__ __forceinline__ float loss() const {
    const float below = x < 0 ? x : 0.0f;
    return w * (fmaf(a(), fabsf(x), l() * log1pf(z())) + (below - below));  // nan at −inf, as in torch
  }
  __device__ __forceinline__ float input_slope() const {
    const float e = z(), slope = a() - l() * (e / (1 + e));
    return w * above(slope, -slope);
  }
  __device__ __forceinline__ float target_slope() const {
    if (!has_p) return -w * x;
    return w * fmaf(above(-1.0f, p), fabsf(x), (p - 1) * log1pf(z()));
  }
};

template <class T>
struct Elements {
  const T *x, *t;
  const float *weight, *pos_weight;
  bool has_p;
  Elements(const BCE& op, Workspace& workspace, Stream stream)
      : x(in_format<T>(op.name, op.input, op.keeps_format(), workspace, stream)),
        t(in_format<T>(op.name, op.target, op.keeps_format(), workspace, stream)),
        weight(broadcast(op, op.weight, workspace, stream)),
        pos_weight(broadcast(op, op.pos_weight, workspace, stream)),
        has_p(op.pos_weight) {}
  __device__ __forceinline__ Element at(int64_t i) const {
    return {widen(x[i]), widen(t[i]), weight ? weight[i] : 1.0f, has_p ? pos_weight[i] : 1.0f, has_p};
  }
  __device__ __forceinline__ float operator()(int64_t i) const { return at(i).loss(); }
};

template <class T>
void run_forward(const BCE& op, Workspace& workspace, Stream stream) {
  const Elements<T> elements(op, workspace, stream);
  const int64_t size = op.input.size();
  write_loss(op.name, op.reduction, size, elements, Divisor{float(size)}, op.output.as<T>(), workspace, stream);
}

template <class T>
struct ElementGradient {
  Elements<T> elements;
  TermGradient<T> gradient;
  T *dx, *dt;
  __device__ __forceinline__ void operator()(int64_t i) const {
    const Element element = elements.at(i);
    const float g = gradient(i);
    if (dx) dx[i] = round_to<T>(g * element.input_slope());
    if (dt) dt[i] = round_to<T>(g * element.target_slope());
  }
};

template <class T>
void run_backward(const BCE& op, Workspace& workspace, Stream stream) {
  const Elements<T> elements(op, workspace, stream);
  const int64_t size = op.input.size();
  const TermGradient<T> gradient(op.name, op.grad_output, op.reduction, op.keeps_format(), {float(size)}, workspace,
                                 stream);
  if (workspace.counts_only) return;
  const auto of = [](const Tensor& t) { return t ? t.as<T>() : nullptr; };
  for_elements(op.name, size, ElementGradient<T>{elements, gradient, of(op.grad_input), of(op.grad_target)}, stream);
}

}  // namespace

void run(const BCE& op, Pass pass, Workspace& workspace, Stream stream) {
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace, stream) : run_backward<T>(op, workspace, stream);
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
