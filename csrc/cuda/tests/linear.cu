// The op `linear` against sums in double.
#include <cmath>

#include "core/entries.h"
#include "core/ops/linear.h"
#include "cuda/backend/launch.h"
#include "cuda/backend/workspace.h"
#include "cuda/tests/array.h"
#include "cuda/tests/dtypes.h"
#include "cuda/tests/precision.h"
#include "emulation/tests/hopper.h"
#include "emulation/tests/test.h"

namespace fastnets::cuda::FASTNETS_ARCH {
void run(const Linear&, Pass, Workspace&, Stream);
}

namespace fastnets::tests {
namespace {

double normal_cdf(double x) { return 0.5 * std::erfc(-x * std::sqrt(0.5)); }

double activate(Activation kind, double x) {
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  switch (kind) {
    case Activation::relu:
      return std::max(x, 0.0);
    case Activation::gelu:
      return x * normal_cdf(x);
    case Activation::gelu_tanh:
      return x * sigmoid(2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x));
    case Activation::silu:
      return x * sigmoid(x);
    case Activation::tanh:
      return std::tanh(x);
    case Activation::sigmoid:
      return sigmoid(x);
    default:
      return x;
  }
}

double derivative(Activation kind, double x) {
  if (kind == Activation::relu) return x > 0 ? 1 : 0;
  const double h = 1e-6;
  return (activate(kind, x + h) - activate(kind, x - h)) / (2 * h);
}

// |got - expected| <= 8 eps(float32) terms + half eps(T) (the roundings of T) |size|
template <class T>
void require_close(const char* what, size_t i, double got, double expected, double terms, double roundings) {
  const double bound = 8 * 0x1p-23 * terms + kEps<T> / 2 * roundings + 1e-9;
  require(std::abs(got - expected) <= bound, what, "[", i, "] is ", got, ", expected ", expected, " within ", bound);
}

void run(const Linear& op, Pass pass) {
  cuda::Workspace count{.counts_only = true};
  cuda::FASTNETS_ARCH::run(op, pass, count, nullptr);
  Buffer<std::byte> room(count.used);
  cuda::Workspace workspace{.base = room.data()};
  cuda::FASTNETS_ARCH::run(op, pass, workspace, nullptr);
}

template <class T>
void check_linear(int64_t M, int64_t N, int64_t K, Activation activation) {
  const Array<T> x({M, K}, 1), w({N, K}, 2), bias({N}, 3), residual({M, N}, 4), dy({M, N}, 5);
  Linear op;
  op.input = x.tensor(), op.weight = w.tensor(), op.bias = bias.tensor(), op.residual = residual.tensor();
  op.activation = activation;
  op.save = true;
  op.infer();
  Array<T> y({M, N}), z({M, N});
  op.output.data = y.device.data();
  if (op.pre_activation) op.pre_activation.data = z.device.data();
  run(op, Pass::forward);
  y.read_back();
  z.read_back();

  std::vector<double> slope(size_t(M * N));  // activation′ at what was computed
  for (int64_t i = 0; i < M; ++i)
    for (int64_t j = 0; j < N; ++j) {
      const size_t at = size_t(i * N + j);
      double sum = bias[size_t(j)] + residual[at], terms = std::abs(bias[size_t(j)]) + std::abs(residual[at]);
      for (int64_t k = 0; k < K; ++k) {
        const double term = x[size_t(i * K + k)] * w[size_t(j * K + k)];
        sum += term;
        terms += std::abs(term);
      }
      const double expected = activate(activation, sum);
      require_close<T>("output", at, y[at], expected, 1.2 * terms + 1, std::abs(expected));
      slope[at] = derivative(activation, op.pre_activation ? z[at] : sum);
    }

  Array<T> dx({M, K}), dw({N, K}), dbias({N}), dresidual({M, N});
  op.grad_output = dy.tensor();
  op.grad_input = dx.tensor(), op.grad_weight = dw.tensor(), op.grad_bias = dbias.tensor();
  op.grad_residual = dresidual.tensor();
  run(op, Pass::backward);
  for (Array<T>* gradient : {&dx, &dw, &dbias, &dresidual}) gradient->read_back();

  // The tolerance of activation′ at a rounded output, then of dz, which is rounded to T before the products.
  for (size_t at = 0; at < size_t(M * N); ++at)
    require_close<T>("grad_residual", at, dresidual[at], dy[at] * slope[at], 1, 4);
  const auto check_sum = [&](const char* what, size_t at, double got, int64_t count, auto term) {
    double sum = 0, terms = 0;
    for (int64_t i = 0; i < count; ++i) {
      sum += term(i);
      terms += std::abs(term(i));
    }
    require_close<T>(what, at, got, sum, terms, std::abs(sum));
  };
  for (int64_t i = 0; i < M; ++i)
    for (int64_t k = 0; k < K; ++k)
      check_sum("grad_input", size_t(i * K + k), dx[size_t(i * K + k)], N,
                [&](int64_t j) { return dresidual[size_t(i * N + j)] * w[size_t(j * K + k)]; });
  for (int64_t j = 0; j < N; ++j)
    for (int64_t k = 0; k < K; ++k)
      check_sum("grad_weight", size_t(j * K + k), dw[size_t(j * K + k)], M,
                [&](int64_t i) { return dresidual[size_t(i * N + j)] * x[size_t(i * K + k)]; });
  for (int64_t j = 0; j < N; ++j)
    check_sum("grad_bias", size_t(j), dbias[size_t(j)], M, [&](int64_t i) { return dresidual[size_t(i * N + j)]; });
}

template <class T>
void check_activations() {
  for (int a = 0; is_fused(Activation(a)); ++a) check_linear<T>(19, 21, 37, Activation(a));
}
FASTNETS_TEST(linear_float32) { check_activations<float>(); }
FASTNETS_TEST(linear_bfloat16) { check_activations<bfloat16>(); }
FASTNETS_TEST(linear_float16) { check_activations<float16>(); }
FASTNETS_TEST(linear_tf32x3) {
  const InTf32x3 precision;
  check_linear<float>(19, 21, 37, Activation::gelu);
}
FASTNETS_TEST(linear_on_sm90a) {
  const Hopper hopper;
  check_linear<bfloat16>(40, 136, 72, Activation::gelu);
  check_linear<float16>(136, 24, 40, Activation::relu);
}
FASTNETS_TEST(linear_of_many_rows) { check_linear<bfloat16>(1100, 9, 5, Activation::none); }
FASTNETS_TEST(linear_of_nothing) {
  check_linear<float>(0, 3, 4, Activation::relu);
  check_linear<float>(3, 0, 4, Activation::none);
  check_linear<float>(3, 4, 0, Activation::gelu);
}

// Strides of every kind give what their contiguous copies give.
FASTNETS_TEST(linear_of_any_strides) {
  const Array<float> x({3, 4, 6}, 1), w({5, 6}, 2), bias({10}, 3);
  Linear op;
  op.input = x.tensor(), op.weight = w.tensor(), op.bias = bias.tensor();
  std::swap(op.input.shape[0], op.input.shape[1]);  // (4, 3, 6), whose rows have no single stride
  std::swap(op.input.stride[0], op.input.stride[1]);
  op.bias.shape[0] = 5, op.bias.stride[0] = 2;
  op.infer();
  Array<float> y({4, 3, 5});
  op.output.data = y.device.data();
  run(op, Pass::forward);
  y.read_back();
  for (size_t n = 0; n < 4; ++n)
    for (size_t m = 0; m < 3; ++m)
      for (size_t j = 0; j < 5; ++j) {
        double sum = bias[j * 2];
        for (size_t k = 0; k < 6; ++k) sum += x[(m * 4 + n) * 6 + k] * w[j * 6 + k];
        const size_t at = (n * 3 + m) * 5 + j;
        require_close<float>("output", at, y[at], sum, 7, 1);
      }
}

}  // namespace
}  // namespace fastnets::tests
