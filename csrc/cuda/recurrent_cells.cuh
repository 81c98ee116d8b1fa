// The cells of recurrent nets on single units, forward and backward; formulas in core/ops/recurrent.h.
#pragma once
#include "core/ops/recurrent.h"
#include "cuda/activation.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// What a cell has: kGates of the weights, kKept values a unit that backward needs, in which the gradients of the gates
// stand there (of_state says where those of the state's product are).
//   forward: x and s are the gates' parts of the input, biases included, and of the state; h and c the last state.
//   backward: from dy the gradients dz of what is kept; returns what h gets by other ways than its product.
template <RecurrentCell kind>
struct Cell;

template <>
struct Cell<RecurrentCell::rnn_tanh> {
  static constexpr int kGates = 1, kKept = 1;
  __device__ static constexpr int of_state(int) { return 0; }
  __device__ __forceinline__ static float forward(const float (&x)[1], const float (&s)[1], float, float, float&,
                                                  float (&kept)[1]) {
    return kept[0] = tanhf(x[0] + s[0]);
  }
  __device__ __forceinline__ static float backward(const float (&kept)[1], float dy, float, float, float, float&,
                                                   float (&dz)[1]) {
    dz[0] = dy * (1 - kept[0] * kept[0]);
    return 0;
  }
};

template <>
struct Cell<RecurrentCell::rnn_relu> {
  static constexpr int kGates = 1, kKept = 1;
  __device__ static constexpr int of_state(int) { return 0; }
  __device__ __forceinline__ static float forward(const float (&x)[1], const float (&s)[1], float, float, float&,
                                                  float (&kept)[1]) {
    return kept[0] = activate(Activation::relu, x[0] + s[0]);
  }
  __device__ __forceinline__ static float backward(const float (&kept)[1], float dy, float, float, float, float&,
                                                   float (&dz)[1]) {
    dz[0] = pull_back(Activation::relu, dy, kept[0], kept[0]);
    return 0;
  }
};

template <>
struct Cell<RecurrentCell::lstm> {
  static constexpr int kGates = 4, kKept = 4;
  __device__ static constexpr int of_state(int gate) { return gate; }
  __device__ __forceinline__ static float forward(const float (&x)[4], const float (&s)[4], float, float, float& c,
                                                  float (&kept)[4]) {
    const float i = sigmoid(x[0] + s[0]), f = sigmoid(x[1] + s[1]), g = tanhf(x[2] + s[2]), o = sigmoid(x[3] + s[3]);
    kept[0] = i, kept[1] = f, kept[2] = g, kept[3] = o;
    c = fmaf(f, c, i * g);
    return o * tanhf(c);
  }
  __device__ __forceinline__ static float backward(const float (&kept)[4], float dy, float, float last_c, float c,
                                                   float& dc, float (&dz)[4]) {
    const float t = tanhf(c), i = kept[0], f = kept[1], g = kept[2], o = kept[3];
    dc = fmaf(dy * o, 1 - t * t, dc);
    dz[0] = dc * g * i * (1 - i);
    dz[1] = dc * last_c * f * (1 - f);
    dz[2] = dc * i * (1 - g * g);
    dz[3] = dy * t * o * (1 - o);
    dc = dc * f;
    return 0;
  }
};

template <>
struct Cell<RecurrentCell::gru> {
  static constexpr int kGates = 3, kKept = 4;
  __device__ static constexpr int of_state(int gate) { return gate == 2 ? 3 : gate; }
  __device__ __forceinline__ static float forward(const float (&x)[3], const float (&s)[3], float h, float bias_n,
                                                  float&, float (&kept)[4]) {
    const float r = sigmoid(x[0] + s[0]), z = sigmoid(x[1] + s[1]), hn = s[2] + bias_n, n = tanhf(fmaf(r, hn, x[2]));
    kept[0] = r, kept[1] = z, kept[2] = n, kept[3] = hn;
    return fmaf(z, h, (1 - z) * n);
  }
  __device__ __forceinline__ static float backward(const float (&kept)[4], float dy, float h, float, float, float&,
                                                   float (&dz)[4]) {
    const float r = kept[0], z = kept[1], n = kept[2];
    dz[2] = dy * (1 - z) * (1 - n * n);
    dz[0] = dz[2] * kept[3] * r * (1 - r);
    dz[1] = dy * (h - n) * z * (1 - z);
    dz[3] = dz[2] * r;
    return dy * z;
  }
};

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
