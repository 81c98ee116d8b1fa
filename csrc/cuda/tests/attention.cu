// The op `attention` in all its kernels, against sums in double; and lengths that make no sense, which only the device
// can see.
#include <cmath>

#include "core/entries.h"
#include "core/ops/attention.h"
#include "cuda/backend/launch.h"
#include "cuda/backend/workspace.h"
#include "cuda/tests/array.h"
#include "cuda/tests/dtypes.h"
#include "cuda/tests/precision.h"
#include "emulation/tests/test.h"

namespace fastnets::cuda::FASTNETS_ARCH {
void run(const Attention&, Pass, Workspace&, Stream);
}

namespace fastnets::tests {
namespace {

void run(const Attention& op, Pass pass) {
  cuda::Workspace count{.counts_only = true};
  cuda::FASTNETS_ARCH::run(op, pass, count, nullptr);
  Buffer<std::byte> room(count.used);
  cuda::Workspace workspace{.base = room.data()};
  cuda::FASTNETS_ARCH::run(op, pass, workspace, nullptr);
}

struct Sizes {
  int64_t N, H, Hk, Sq, Sk, D, Dv;
};
struct Inputs {
  Sizes size;
  std::vector<double> q, k, v, mask, sinks;  // mask: (Sq, Sk) or nothing
  bool is_causal;
  double softcap, scale;
};

// Σ output · weights: what gradients are gradients of.
double weighted_output(const Inputs& in, const std::vector<double>& weights) {
  const auto [N, H, Hk, Sq, Sk, D, Dv] = in.size;
  double sum = 0;
  std::vector<double> p(static_cast<size_t>(Sk));
  for (int64_t n = 0; n < N; ++n)
    for (int64_t h = 0; h < H; ++h)
      for (int64_t i = 0; i < Sq; ++i) {
        const int64_t hk = h / (H / Hk), row = (n * H + h) * Sq + i;
        double total = in.sinks.empty() ? 0 : std::exp(in.sinks[size_t(h)]), weighted = 0;
        for (int64_t j = 0; j < Sk && (!in.is_causal || j <= i); ++j) {
          const int64_t key = (n * Hk + hk) * Sk + j;
          double s = 0, product = 0;
          for (int64_t d = 0; d < D; ++d) s += in.q[size_t(row * D + d)] * in.k[size_t(key * D + d)];
          s *= in.scale;
          if (in.softcap > 0) s = in.softcap * std::tanh(s / in.softcap);
          if (!in.mask.empty()) s += in.mask[size_t(i * Sk + j)];
          for (int64_t d = 0; d < Dv; ++d) product += in.v[size_t(key * Dv + d)] * weights[size_t(row * Dv + d)];
          total += std::exp(s);
          weighted += std::exp(s) * product;
        }
        sum += weighted / total;
      }
  return sum;
}

// The sum over the output, and how it changes along a random direction of each input.
template <class T>
void check_attention(const Sizes& size, bool is_causal = false, bool general = false) {
  const auto [N, H, Hk, Sq, Sk, D, Dv] = size;
  Array<T> q({N, H, Sq, D}, 1), k({N, Hk, Sk, D}, 2), v({N, Hk, Sk, Dv}, 3), mask({Sq, Sk}, 4), sinks({H}, 5);
  Attention op;
  op.query = q.tensor(), op.key = k.tensor(), op.value = v.tensor(), op.enable_gqa = true, op.is_causal = is_causal;
  op.scale = 1 / std::sqrt(double(D)), op.save = true;
  if (general) op.attn_mask = mask.tensor(), op.sinks = sinks.tensor(), op.softcap = 2;
  op.infer();
  Array<T> y({N, H, Sq, Dv}, 6), dy({N, H, Sq, Dv}, 7);
  Array<float> lse({N, H, Sq}, 8);
  op.output.data = y.device.data(), op.kept_lse.data = lse.device.data();
  run(op, Pass::forward);
  y.read_back();

  Inputs in{size, q.values, k.values, v.values, {}, {}, is_causal, op.softcap, op.scale};
  if (general) in.mask = mask.values, in.sinks = sinks.values;
  const double tolerance = (std::is_same_v<T, float> ? 64 : 8) * kEps<T>;
  const auto require_near = [&](const char* what, double got, double expected, double terms) {
    require(std::abs(got - expected) <= tolerance * terms, what, " is ", got, ", expected ", expected, " within ",
            tolerance * terms);
  };
  double sum = 0, terms = 0;
  for (size_t i = 0; i < y.values.size(); ++i)
    sum += y.values[i] * dy.values[i], terms += std::abs(y.values[i] * dy.values[i]);
  require_near("output", sum, weighted_output(in, dy.values), terms);

  Array<T> dq({N, H, Sq, D}, 9), dk({N, Hk, Sk, D}, 9), dv({N, Hk, Sk, Dv}, 9), dmask({Sq, Sk}, 9), dsinks({H}, 9);
  op.grad_output = dy.tensor();
  op.grad_query = dq.tensor(), op.grad_key = dk.tensor(), op.grad_value = dv.tensor();
  if (general) op.grad_attn_mask = dmask.tensor(), op.grad_sinks = dsinks.tensor();
  run(op, Pass::backward);
  const auto check_gradient = [&](const char* what, Array<T>& gradient, std::vector<double>& values) {
    if (values.empty()) return;
    gradient.read_back();
    const Array<T> direction(gradient.shape, 10);
    const double h = 1e-4;
    double change = 0, got = 0, size_of_terms = 0;
    for (const double sign : {1.0, -1.0}) {
      const std::vector<double> kept = values;
      for (size_t i = 0; i < values.size(); ++i) values[i] += sign * h * direction.values[i];
      change += sign * weighted_output(in, dy.values) / (2 * h);
      values = kept;
    }
    for (size_t i = 0; i < values.size(); ++i) {
      got += gradient.values[i] * direction.values[i];
      size_of_terms += std::abs(gradient.values[i] * direction.values[i]);
    }
    require_near(what, got, change, size_of_terms);
  };
  check_gradient("grad_query", dq, in.q);
  check_gradient("grad_key", dk, in.k);
  check_gradient("grad_value", dv, in.v);
  check_gradient("grad_attn_mask", dmask, in.mask);
  if (std::is_same_v<T, float>) check_gradient("grad_sinks", dsinks, in.sinks);  // else what cancels hides it
}

template <class T>
void check_attention_of() {
  check_attention<T>({1, 2, 1, 70, 90, 20, 12}, true);
  check_attention<T>({1, 1, 1, 66, 40, 70, 33});
  check_attention<T>({1, 1, 1, 20, 40, 140, 150});
  check_attention<T>({1, 1, 1, 35, 66, 140, 20}, false, true);
  check_attention<T>({1, 2, 1, 3, 530, 8, 8}, false, true);
}
FASTNETS_TEST(attention_float32) { check_attention_of<float>(); }
FASTNETS_TEST(attention_bfloat16) { check_attention_of<bfloat16>(); }
FASTNETS_TEST(attention_tf32x3) {
  const InTf32x3 precision;
  check_attention_of<float>();
}

// A sequence whose length makes no sense has nan as its results; the others do not notice.
FASTNETS_TEST(attention_of_impossible_lengths) {
  const Array<float> x({3, 2, 5, 4}, 1);
  const Array<int64_t> lengths({3}, std::vector<int64_t>{4, 6, -1});
  Attention op;
  op.query = op.key = op.value = x.tensor(), op.key_lengths = lengths.tensor(), op.save = true;
  op.infer();
  Array<float> y({3, 2, 5, 4}, 2), lse({3, 2, 5}, 2);
  op.output.data = y.device.data(), op.kept_lse.data = lse.device.data();
  run(op, Pass::forward);
  Array<float> dq({3, 2, 5, 4}, 2), dk({3, 2, 5, 4}, 2), dv({3, 2, 5, 4}, 2);
  op.grad_output = x.tensor(), op.grad_query = dq.tensor(), op.grad_key = dk.tensor(), op.grad_value = dv.tensor();
  run(op, Pass::backward);
  for (Array<float>* made : {&y, &lse, &dq, &dk, &dv}) {
    made->read_back();
    for (size_t i = 0; i < made->values.size(); ++i)
      require(std::isnan(made->values[i]) == (i >= made->values.size() / 3), "element ", i, " is ", made->values[i]);
  }
}

// Packed sequences that make no sense make nan of everything.
FASTNETS_TEST(attention_of_impossible_sequences) {
  const Array<float> x({7, 2, 4}, 1);
  for (const std::vector<int64_t>& begins :
       {std::vector<int64_t>{0, 5, 3, 7}, std::vector<int64_t>{0, 2, 3, 8}, std::vector<int64_t>{1, 2, 3, 7},
        std::vector<int64_t>{0, int64_t{1} << 40, 3, 7}}) {
    const Array<int64_t> cu_seqlens({4}, begins), sound({4}, std::vector<int64_t>{0, 2, 2, 7});
    Attention op;
    op.query = op.key = op.value = x.tensor(), op.cu_seqlens_q = sound.tensor(), op.cu_seqlens_k = cu_seqlens.tensor();
    op.save = true;
    op.infer();
    Array<float> y({7, 2, 4}, 2), lse({2, 7}, 2), dq({7, 2, 4}, 2), dk({7, 2, 4}, 2), dv({7, 2, 4}, 2);
    op.output.data = y.device.data(), op.kept_lse.data = lse.device.data();
    run(op, Pass::forward);
    op.grad_output = x.tensor(), op.grad_query = dq.tensor(), op.grad_key = dk.tensor(), op.grad_value = dv.tensor();
    run(op, Pass::backward);
    for (Array<float>* made : {&y, &lse, &dq, &dk, &dv}) {
      made->read_back();
      for (const double v : made->values) require(std::isnan(v), "an element is ", v);
    }
  }
}

}  // namespace
}  // namespace fastnets::tests
