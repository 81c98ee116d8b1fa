// The cells of recurrent nets on vectors of units, forward and backward; formulas in core/ops/recurrent.h.
#pragma once
#include "core/ops/recurrent.h"
#include "cpu/math.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// What a cell has: kGates of the weights, kKept values a unit that backward needs, in which the gradients of the gates
// stand there (kOfState says where those of the state's product are).
//   forward: x and s are the gates' parts of the input, biases included, and of the state; h and c the last state.
//   backward: from dy the gradients dz of what is kept; returns what h gets by other ways than its product.
template <RecurrentCell kind>
struct Cell;

template <>
struct Cell<RecurrentCell::rnn_tanh> {
  static constexpr int kGates = 1, kKept = 1, kOfState[] = {0};
  template <class V>
  FASTNETS_INLINE static V forward(const V* x, const V* s, V, V, V&, V* kept) {
    return kept[0] = tanh(x[0] + s[0]);
  }
  template <class V>
  FASTNETS_INLINE static V backward(const V* kept, V dy, V, V, V, V&, V* dz) {
    using S = typename V::Scalar;
    dz[0] = dy * (splat(S(1)) - kept[0] * kept[0]);
    return splat(S(0));
  }
};

template <>
struct Cell<RecurrentCell::rnn_relu> {
  static constexpr int kGates = 1, kKept = 1, kOfState[] = {0};
  template <class V>
  FASTNETS_INLINE static V forward(const V* x, const V* s, V, V, V&, V* kept) {
    return kept[0] = max(splat(typename V::Scalar(0)), x[0] + s[0]);  // in this order: nan stays nan
  }
  template <class V>
  FASTNETS_INLINE static V backward(const V* kept, V dy, V, V, V, V&, V* dz) {
    const V zero = splat(typename V::Scalar(0));
    dz[0] = select(is_nan(kept[0]), dy, select(less(zero, kept[0]), dy, zero));
    return zero;
  }
};

template <>
struct Cell<RecurrentCell::lstm> {
  static constexpr int kGates = 4, kKept = 4, kOfState[] = {0, 1, 2, 3};
  template <class V>
  FASTNETS_INLINE static V forward(const V* x, const V* s, V, V, V& c, V* kept) {
    const V i = sigmoid(x[0] + s[0]), f = sigmoid(x[1] + s[1]), g = tanh(x[2] + s[2]), o = sigmoid(x[3] + s[3]);
    kept[0] = i, kept[1] = f, kept[2] = g, kept[3] = o;
    c = fma(f, c, i * g);
    return o * tanh(c);
  }
  template <class V>
  FASTNETS_INLINE static V backward(const V* kept, V dy, V, V last_c, V c, V& dc, V* dz) {
    const V one = splat(typename V::Scalar(1)), t = tanh(c), i = kept[0], f = kept[1], g = kept[2], o = kept[3];
    dc = fma(dy * o, one - t * t, dc);
    dz[0] = dc * g * i * (one - i);
    dz[1] = dc * last_c * f * (one - f);
    dz[2] = dc * i * (one - g * g);
    dz[3] = dy * t * o * (one - o);
    dc = dc * f;
    return splat(typename V::Scalar(0));
  }
};

template <>
struct Cell<RecurrentCell::gru> {
  static constexpr int kGates = 3, kKept = 4, kOfState[] = {0, 1, 3};
  template <class V>
  FASTNETS_INLINE static V forward(const V* x, const V* s, V h, V bias_n, V&, V* kept) {
    const V r = sigmoid(x[0] + s[0]), z = sigmoid(x[1] + s[1]), hn = s[2] + bias_n, n = tanh(fma(r, hn, x[2]));
    kept[0] = r, kept[1] = z, kept[2] = n, kept[3] = hn;
    return fma(z, h, (splat(typename V::Scalar(1)) - z) * n);
  }
  template <class V>
  FASTNETS_INLINE static V backward(const V* kept, V dy, V h, V, V, V&, V* dz) {
    const V one = splat(typename V::Scalar(1)), r = kept[0], z = kept[1], n = kept[2];
    dz[2] = dy * (one - z) * (one - n * n);
    dz[0] = dz[2] * kept[3] * r * (one - r);
    dz[1] = dy * (h - n) * z * (one - z);
    dz[3] = dz[2] * r;
    return dy * z;
  }
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
