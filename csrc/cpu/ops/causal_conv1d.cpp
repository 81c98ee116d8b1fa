#include "core/ops/causal_conv1d.h"
#include "core/entries.h"
#include "cpu/causal_channels.h"
#include "cpu/causal_lines.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// A row of zeros for what comes before a channels-last series.
template <class T>
const T* zero_row(const CausalShape& s, Workspace& workspace) {
  T* zeros = workspace.take<T>(s.C);
  if (zeros) __builtin_memset(static_cast<void*>(zeros), 0, static_cast<std::size_t>(s.C) * sizeof(T));
  return zeros;
}

// The last K − 1 elements of each e.
template <class T>
void copy_final_state(const CausalConv1d& op, const CausalShape& s) {
  const Tensor &x = op.input, &state = op.initial_state;
  const std::int64_t before = s.before();
  parallel_ranges(s.N * s.C, 4096, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      const std::int64_t n = row / s.C, c = row % s.C;
      T* to = op.final_state.as<T>() + row * before;
      for (std::int64_t i = 0, j = s.L; i < before; ++i, ++j) {
        if (j >= before)
          to[i] = x.as<T>()[n * x.stride[0] + c * x.stride[1] + (j - before) * x.stride[2]];
        else
          to[i] = state ? state.as<T>()[n * state.stride[0] + c * state.stride[1] + j * state.stride[2]] : T{0};
      }
    }
  });
}

template <class T>
void run_forward(const CausalConv1d& op, Workspace& workspace) {
  const CausalShape s(op);
  const CausalInput<T> input = causal_input<T>(op, s, workspace);
  const auto* weight = widened<T>(s.channels_last ? swapped(op.weight) : op.weight, workspace);
  const auto* bias = bias_or_zeros<T>(op, s.C, workspace);
  const T* zeros = zero_row<T>(s, workspace);
  if (!workspace.base) return;
  if (s.channels_last)
    causal_channels<T>(op, s, {input, zeros, s.C, s.before()}, weight, bias);
  else
    causal_lines<T>(op, s, input, weight, bias);
  if (op.final_state) copy_final_state<T>(op, s);
}

// Adds up the sums of all n.
template <class T>
void sum_partials(const CausalConv1d& op, const CausalShape& s, const Accumulator<T>* partials,
                  Accumulator<T>* totals) {
  const std::int64_t columns = s.K + 1;
  sum_rows(partials, s.N, s.C * columns, s.C * columns, totals);
  for (std::int64_t c = 0; c < s.C; ++c) {
    for (std::int64_t k = 0; op.grad_weight && k < s.K; ++k)
      op.grad_weight.as<T>()[c * s.K + k] = narrow<T>(totals[c * columns + k]);
    if (op.grad_bias) op.grad_bias.as<T>()[c] = narrow<T>(totals[c * columns + s.K]);
  }
}

template <class T>
void run_backward(const CausalConv1d& op, Workspace& workspace) {
  const CausalShape s(op);
  const CausalInput<T> input = causal_input<T>(op, s, workspace);
  const auto* weight = widened<T>(s.channels_last ? swapped(op.weight) : op.weight, workspace);
  const T* zeros = zero_row<T>(s, workspace);
  const T* dy = contiguous<T>(s.channels_last ? swapped(op.grad_output) : op.grad_output, workspace);
  auto* partials = workspace.take<Accumulator<T>>(s.N * s.C * (s.K + 1));
  auto* totals = workspace.take<Accumulator<T>>(s.C * (s.K + 1));
  if (!workspace.base) return;
  const T* y = op.output.as<T>();
  const T* z = op.pre_activation ? op.pre_activation.as<T>() : y;
  T* dx = op.grad_input ? op.grad_input.as<T>() : nullptr;
  const CausalBackward<T> backward{op, s, input, weight, dy, y, z, partials, dx};
  if (s.channels_last)
    causal_channels_backward<T>(backward, {backward.input, zeros, s.C, s.before()});
  else
    causal_lines_backward(backward);
  if (backward.wants_sums()) sum_partials<T>(op, s, partials, totals);
}

}  // namespace

void run(const CausalConv1d& op, Pass pass, Workspace& workspace) {
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace) : run_backward<T>(op, workspace);
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
