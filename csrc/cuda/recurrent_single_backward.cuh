// A single step, backward: the gates' gradients, then from them in one launch those of input and state, and in one
// those of both weights.
#pragma once
#include "cuda/gemm_pair.cuh"
#include "cuda/recurrent_cells.cuh"
#include "cuda/recurrent_sequences.cuh"
#include "cuda/reduce.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// One thread owns a unit of a sequence.
template <class T, RecurrentCell kind>
struct SingleGradient {
  using C = Cell<kind>;
  static constexpr bool kIsApart = C::of_state(C::kGates - 1) != C::kGates - 1;  // a gate's part of the state

  int64_t H;
  const float *gates, *cells;  // from forward
  View<const T> h_0, c_0, grad_output, grad_h_n, grad_c_n;
  View<T> grad_c_0;
  T *of_input, *of_state;  // (B, G · H): gradients of the gates' parts; one array where they are the same
  float* past;             // (B, H): what h gets by other ways than its product, or null

  SingleGradient(const Recurrent& op, Workspace& workspace)
      : H(op.hidden_size()),
        gates(op.gates.as<float>()),
        cells(op.cells ? op.cells.as<float>() : nullptr),
        h_0(states_of<const T>(op, op.h_0)),
        c_0(states_of<const T>(op, op.c_0)),
        grad_output(sequences_of<const T>(op, op.grad_output)),
        grad_h_n(states_of<const T>(op, op.grad_h_n)),
        grad_c_n(states_of<const T>(op, op.grad_c_n)),
        grad_c_0(states_of<T>(op, op.grad_c_0)) {
    const int64_t B = op.batch();
    of_input = workspace.take<T>(B * C::kGates * H);
    of_state = kIsApart ? workspace.take<T>(B * C::kGates * H) : of_input;
    past = kIsApart ? workspace.take<float>(B * H) : nullptr;
  }

  __device__ __forceinline__ void operator()(int, int64_t b, int64_t unit) const {
    float kept[C::kKept], dz[C::kKept];
#pragma unroll
    for (int g = 0; g < C::kKept; ++g) kept[g] = gates[(b * C::kKept + g) * H + unit];
    float dy = widen(grad_output(0, b, unit));
    if (grad_h_n) dy += widen(grad_h_n(0, b, unit));
    float dc = grad_c_n ? widen(grad_c_n(0, b, unit)) : 0.0f;
    const float h = h_0 ? widen(h_0(0, b, unit)) : 0.0f, last_c = c_0 ? widen(c_0(0, b, unit)) : 0.0f;
    const float stays = C::backward(kept, dy, h, last_c, cells ? cells[b * H + unit] : 0.0f, dc, dz);
    if (past) past[b * H + unit] = stays;
    if (grad_c_0) grad_c_0(0, b, unit) = round_to<T>(dc);
#pragma unroll
    for (int g = 0; g < C::kGates; ++g) {
      const int64_t at = (b * C::kGates + g) * H + unit;
      of_input[at] = round_to<T>(dz[g]);
      if (kIsApart) of_state[at] = round_to<T>(dz[C::of_state(g)]);
    }
  }
};

template <class T, RecurrentCell kind>
void single_step_backward(const Recurrent& op, Workspace& workspace, Stream stream) {
  const auto& p = op.direction[0];
  const SingleGradient<T, kind> dz(op, workspace);
  const int64_t B = op.batch(), H = dz.H, I = op.input_size(), rows = Cell<kind>::kGates * H;
  if (!workspace.counts_only) for_units(op, B, H, dz, stream);

  const auto turned = [](const Matrix<T>& m) { return Matrix<T>{m.data, m.depth_stride, m.row_stride}; };
  const Matrix<T> of_input{dz.of_input, rows, 1}, of_state{dz.of_state, rows, 1};
  const Matrix<T> x = matrix_of<T>(over_time(op, op.input));
  const Matrix<T> h = op.h_0 ? matrix_of<T>(over_directions(op, op.h_0)) : Matrix<T>{};
  const auto product = [&](const Matrix<T>& a, const Matrix<T>& b, int64_t depth, const Tensor& gradient,
                           int64_t columns, const float* more = nullptr) {
    return PairedProduct<T, T>{a, b, depth, {gradient.as<T>(), columns, more}, gradient.defined};
  };
  gemm_pair<Order::depth, Order::rows>(
      op.name, B, product(of_input, turned(matrix_of<T>(p.weight_ih)), rows, op.grad_input, I),
      product(of_state, turned(matrix_of<T>(p.weight_hh)), rows, op.grad_h_0, H, dz.past), workspace, stream);
  gemm_pair<Order::rows, Order::rows>(op.name, rows, product(turned(of_input), turned(x), B, p.grad_weight_ih, I),
                                      product(turned(of_state), turned(h), B, p.grad_weight_hh, H), workspace, stream);
  const auto sum = [&](const T* gradients, const Tensor& bias) {
    if (bias) sum_rows(op.name, MatrixTerm<T>{gradients, rows}, B, rows, bias.as<T>(), workspace, stream);
  };
  sum(dz.of_input, p.grad_bias_ih);
  sum(dz.of_state, p.grad_bias_hh);
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
