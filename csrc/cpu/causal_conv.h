// What the two memory formats of a causal convolution share. e is the state, K − 1 elements (zeros where none is
// given), followed by the input: output l reads e[l] … e[l + K − 1].
#pragma once
#include "core/ops/causal_conv1d.h"
#include "cpu/filter.h"
#include "cpu/images.h"
#include "cpu/reduce.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

struct CausalShape {
  std::int64_t N, C, L, K;
  bool channels_last;  // a single step is: its channels are neighbours in either format

  explicit CausalShape(const CausalConv1d& op)
      : N(op.input.shape[0]),
        C(op.input.shape[1]),
        L(op.input.shape[2]),
        K(op.weight.shape[1]),
        channels_last(op.input.is_channels_last() || L == 1) {}
  FASTNETS_INLINE std::int64_t before() const { return K - 1; }
};

// The series that a causal convolution reads: row-major with lines of time, or channels-last without gaps.
template <class T>
struct CausalInput {
  const T* data;
  std::int64_t batch_stride, channel_stride;
  const T* state;  // (N, C, K − 1), of a channels-last input (N, K − 1, C); null for zeros
};

// The array with its last two dimensions exchanged.
inline Tensor swapped(const Tensor& t) {
  Tensor view = t;
  const int a = t.ndim - 2, b = t.ndim - 1;
  view.shape[a] = t.shape[b], view.shape[b] = t.shape[a];
  view.stride[a] = t.stride[b], view.stride[b] = t.stride[a];
  return view;
}

template <class T>
CausalInput<T> causal_input(const CausalConv1d& op, const CausalShape& s, Workspace& workspace) {
  CausalInput<T> made{op.input.as<T>(), op.input.stride[0], op.input.stride[1], nullptr};
  if (op.initial_state && s.before())
    made.state = contiguous<T>(s.channels_last ? swapped(op.initial_state) : op.initial_state, workspace);
  const bool as_it_is =
      s.channels_last ? op.input.is_channels_last() || op.input.is_contiguous() : op.input.stride[2] == 1;
  if (s.channels_last) made.batch_stride = s.L * s.C, made.channel_stride = 1;
  if (as_it_is) return made;
  if (!s.channels_last) made.batch_stride = s.C * s.L, made.channel_stride = s.L;
  T* copy = workspace.take<T>(op.input.size());
  made.data = copy;
  if (!copy) return made;
  if (!s.channels_last && op.input.stride[1] == 1) {  // some channels of a channels-last array: read in their order
    const auto task = [&](std::int64_t n) {
      transpose_copy(op.input.as<T>() + n * op.input.stride[0], s.L, s.C, op.input.stride[2], copy + n * s.C * s.L,
                     s.L);
    };
    parallel(s.N, task);
  } else {
    copy_contiguous<T>(s.channels_last ? swapped(op.input) : op.input, copy);
  }
  return made;
}

// An array in row-major order, as sums over T want it.
template <class T>
const Accumulator<T>* widened(const Tensor& t, Workspace& workspace) {
  Accumulator<T>* out = workspace.take<Accumulator<T>>(t.size());
  if (!out) return out;
  each_line(t, [&](std::int64_t index, std::int64_t offset, std::int64_t columns, std::int64_t step) {
    for (std::int64_t i = 0; i < columns; ++i) out[index + i] = widen(t.as<T>()[offset + i * step]);
  });
  return out;
}

// The bias, or as many zeros.
template <class T>
const Accumulator<T>* bias_or_zeros(const CausalConv1d& op, std::int64_t C, Workspace& workspace) {
  if (op.bias) return widened<T>(op.bias, workspace);
  auto* zeros = workspace.take<Accumulator<T>>(C);
  if (zeros) __builtin_memset(static_cast<void*>(zeros), 0, static_cast<std::size_t>(C) * sizeof *zeros);
  return zeros;
}

// Calls f(a constant) for the kernel sizes in use, whose weights stay in registers, and f(0) for any other.
template <class F>
FASTNETS_INLINE void visit_taps(std::int64_t K, const F& f) {
  switch (K) {
    case 2:
      return f(std::integral_constant<int, 2>{});
    case 3:
      return f(std::integral_constant<int, 3>{});
    case 4:
      return f(std::integral_constant<int, 4>{});
    default:
      return f(std::integral_constant<int, 0>{});
  }
}

// dz[i] = dy[i] · activation′ for n values of one task, and those up to the end of the last vector.
template <class T>
[[gnu::noinline]] void pull_back_values(Activation kind, const T* dy, const T* z, const T* y, std::int64_t n,
                                        Accumulator<T>* dz) {
  constexpr int L = kLanes<T>;
  visit_activation(kind, [&](auto constant) {
    std::int64_t i = 0;
    for (; i + L <= n; i += L) store(dz + i, pull_back(constant(), load(dy + i), load(z + i), load(y + i)));
    const int rest = static_cast<int>(n - i);
    if (rest > 0) store(dz + i, pull_back(constant(), load(dy + i, rest), load(z + i, rest), load(y + i, rest)));
  });
}

// What backward reads and writes, in the format of the input; gradients that are not wanted are null.
template <class T>
struct CausalBackward {
  using Acc = Accumulator<T>;
  const CausalConv1d& op;
  const CausalShape& s;
  CausalInput<T> input;
  const Acc* weight;    // (C, K), or channels-last (K, C)
  const T *dy, *y, *z;  // (N, C, L), or channels-last (N, L, C)
  Acc* partials;        // of each n: K sums for the weight and one for the bias
  T* dx;

  FASTNETS_INLINE bool wants_series() const { return dx || op.grad_initial_state; }
  FASTNETS_INLINE bool wants_sums() const { return op.grad_weight || op.grad_bias; }
  // Adds the final state's gradient to that of e[j].
  FASTNETS_INLINE Acc from_final_state(std::int64_t n, std::int64_t c, std::int64_t j) const {
    const Tensor& t = op.grad_final_state;
    if (!t || j < s.L) return 0;
    return widen(t.as<T>()[n * t.stride[0] + c * t.stride[1] + (j - s.L) * t.stride[2]]);
  }
  FASTNETS_INLINE void set_state(std::int64_t n, std::int64_t c, std::int64_t j, Acc value) const {
    const Tensor& t = op.grad_initial_state;
    if (t) t.as<T>()[n * t.stride[0] + c * t.stride[1] + j * t.stride[2]] = narrow<T>(value);
  }
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
