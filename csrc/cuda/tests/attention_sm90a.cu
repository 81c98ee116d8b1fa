// Attention, forward, on a device of compute capability 9.0: the kernel for sm_90a by itself, against sums in double;
// which calls it takes, and that it gets them.
#include <cmath>
#include <cstring>

#include "core/entries.h"
#include "cuda/attention_for_sm90a.cuh"
#include "cuda/tests/array.h"
#include "emulation/tests/hopper.h"
#include "emulation/tests/test.h"

namespace fastnets::cuda::FASTNETS_ARCH {
void run(const Attention&, Pass, Workspace&, Stream);
}

namespace fastnets::tests {
namespace {

using namespace fastnets::cuda;
using namespace fastnets::cuda::FASTNETS_ARCH;

struct Sizes {
  int64_t N, H, Hk, Sq, Sk, D, Dv;
};
struct Options {
  bool is_causal = false;
  CausalAlignment alignment = CausalAlignment::upper_left;
  int64_t left = -1, right = -1;
  bool has_sinks = false;
};

template <class T>
std::optional<sm90a::AttentionForward> hand_over(const Attention& op, float* lse) {
  Workspace workspace{.counts_only = true};  // in which nothing runs
  const AttentionProblem<T> p(op, workspace, nullptr);
  return for_sm90a(p, ScoreRules<T>(p, true), p.heads(op.query), p.heads(op.key), p.heads(op.value), p.heads(op.output),
                   lse);
}

// A call with its arrays; results start as NaN.
template <class T>
struct Trial {
  Sizes size;
  Options options;
  Array<T> q, k, v, y;
  Array<float> lse, sinks;
  Attention op;

  explicit Trial(const Sizes& s, const Options& o = {})
      : size(s),
        options(o),
        q({s.N, s.H, s.Sq, s.D}, 1),
        k({s.N, s.Hk, s.Sk, s.D}, 2),
        v({s.N, s.Hk, s.Sk, s.Dv}, 3),
        y({s.N, s.H, s.Sq, s.Dv}, nans<T>(s.N * s.H * s.Sq * s.Dv)),
        lse({s.N, s.H, s.Sq}, nans<float>(s.N * s.H * s.Sq)),
        sinks({s.H}, 4) {
    op.query = q.tensor(), op.key = k.tensor(), op.value = v.tensor(), op.enable_gqa = true;
    op.is_causal = o.is_causal, op.causal_alignment = o.alignment, op.window_left = o.left, op.window_right = o.right;
    op.scale = 4 / std::sqrt(double(s.D)), op.save = true;
    if (o.has_sinks) op.sinks = sinks.tensor();
    op.infer();
    op.output.data = y.device.data(), op.kept_lse.data = lse.device.data();
  }

  std::optional<sm90a::AttentionForward> hand_over() const { return tests::hand_over<T>(op, lse.device.data()); }

  // Once more with the op itself.
  void run_op() {
    Workspace count{.counts_only = true};
    run(op, Pass::forward, count, nullptr);
    Buffer<std::byte> room(count.used);
    Workspace workspace{.base = room.data()};
    run(op, Pass::forward, workspace, nullptr);
  }

  // Output and lse, bit for bit.
  std::vector<uint32_t> bits() const {
    std::vector<uint32_t> all;
    for (const T& value : y.device.values()) all.push_back(value.bits);
    for (const float value : lse.device.values()) all.push_back(std::bit_cast<uint32_t>(value));
    return all;
  }

  // Each element. Weights are rounded to the arrays' type, those far below the largest, 1, to its subnormal numbers; so
  // is the result. Of what else is rounded, to float32, scores of large terms count most.
  void check() {
    y.read_back(), lse.read_back();
    const auto [N, H, Hk, Sq, Sk, D, Dv] = size;
    std::vector<double> sum(size_t(Dv), 0), terms(size_t(Dv), 0);
    for (int64_t row = 0; row < N * H * Sq; ++row) {
      const int64_t i = row % Sq, h = row / Sq % H, n = row / Sq / H, first_key = (n * Hk + h / (H / Hk)) * Sk;
      const int64_t at = i + (options.alignment == CausalAlignment::lower_right ? Sk - Sq : 0);
      double total = options.has_sinks ? std::exp(sinks.values[size_t(h)]) : 0;
      double reach = 1;  // of the terms of a score, the largest sum
      std::ranges::fill(sum, 0), std::ranges::fill(terms, 0);
      for (int64_t j = 0; j < Sk; ++j) {
        const bool is_hidden = (options.is_causal && j > at) || (options.left >= 0 && j < at - options.left) ||
                               (options.right >= 0 && j > at + options.right);
        if (is_hidden) continue;
        double s = 0, size_of_terms = 0;
        for (int64_t d = 0; d < D; ++d) {
          const double term = op.scale * q.values[size_t(row * D + d)] * k.values[size_t((first_key + j) * D + d)];
          s += term, size_of_terms += std::abs(term);
        }
        reach = std::max(reach, size_of_terms);
        const double p = std::exp(s);
        total += p;
        for (int64_t d = 0; d < Dv; ++d) {
          const double term = p * v.values[size_t((first_key + j) * Dv + d)];
          sum[size_t(d)] += term, terms[size_t(d)] += std::abs(term);
        }
      }
      const double rounded = 8 * 0x1p-24 * (reach + 1);
      const auto require_near = [&](const char* what, double got, double expected, double bound) {
        require(got == expected || std::abs(got - expected) <= bound, what, " of row ", row, " is ", got, ", expected ",
                expected, " within ", bound);
      };
      require_near("lse", lse.values[size_t(row)], std::log(total), rounded * (1 + std::abs(std::log(total))));
      for (int64_t d = 0; d < Dv; ++d) {
        const double scale = total == 0 ? 0 : 1 / total, size_of_terms = scale * terms[size_t(d)];
        require_near("output", y.values[size_t(row * Dv + d)], scale * sum[size_t(d)],
                     (kEps<T> + 2 * rounded) * size_of_terms + (total == 0 ? 0 : double(Sk) * 0x1p-25));
      }
    }
  }

 private:
  template <class E>
  static std::vector<E> nans(int64_t n) {
    return std::vector<E>(size_t(n), from_float<E>(NAN));
  }
};

// sm90a::run() by itself; a call that it does not take fails.
template <class T>
void check_attention(const Sizes& size, const Options& options = {}) {
  const Hopper hopper;
  Trial<T> trial(size, options);
  const auto call = trial.hand_over();
  require(call.has_value(), "the call is not taken over");
  sm90a::run(*call, nullptr);
  trial.check();
}

constexpr CausalAlignment kLowerRight = CausalAlignment::lower_right;

FASTNETS_TEST(attention_sm90a_sizes) {
  check_attention<bfloat16>({1, 1, 1, 1, 1, 8, 8});
  check_attention<float16>({1, 1, 1, 64, 128, 64, 64});
  check_attention<bfloat16>({2, 2, 2, 70, 129, 24, 40});
  check_attention<float16>({1, 1, 1, 130, 140, 128, 72});
}

// More tiles than a ring has stages.
FASTNETS_TEST(attention_sm90a_many_tiles) {
  check_attention<bfloat16>({1, 1, 1, 5, 900, 16, 64});
  check_attention<bfloat16>({1, 1, 1, 5, 500, 16, 128});
  check_attention<float16>({1, 1, 1, 70, 250, 136, 256});
}

FASTNETS_TEST(attention_sm90a_hidden_keys) {
  check_attention<bfloat16>({1, 4, 2, 140, 300, 16, 8}, {.is_causal = true});
  check_attention<bfloat16>({1, 1, 1, 129, 140, 8, 8}, {.is_causal = true});  // the last tile has one key that is seen
  check_attention<bfloat16>({1, 4, 1, 70, 150, 16, 8}, {.is_causal = true, .alignment = kLowerRight});
  check_attention<float16>({2, 1, 1, 150, 400, 8, 16}, {.left = 100, .right = 30});
  check_attention<float16>({1, 2, 1, 20, 400, 8, 16}, {.alignment = kLowerRight, .left = 60, .has_sinks = true});
}

// A block whose queries see no key, and one of which some do.
FASTNETS_TEST(attention_sm90a_rows_without_keys) {
  check_attention<bfloat16>({1, 1, 1, 210, 50, 8, 16}, {.is_causal = true, .alignment = kLowerRight});
  check_attention<float16>({1, 2, 2, 210, 50, 8, 16}, {.is_causal = true, .alignment = kLowerRight, .has_sinks = true});
}

// The op gives what the kernel gives by itself, and not what it gives elsewhere.
FASTNETS_TEST(attention_sm90a_is_handed_over) {
  Trial<bfloat16> trial({1, 2, 1, 70, 200, 32, 16});
  trial.run_op();
  const auto elsewhere = trial.bits();
  const Hopper hopper;
  trial.run_op();
  const auto handed_over = trial.bits();
  require(handed_over != elsewhere, "the kernel for every device has run");
  Trial<bfloat16> alone({1, 2, 1, 70, 200, 32, 16});
  sm90a::run(*alone.hand_over(), nullptr);
  require(handed_over == alone.bits(), "the kernel by itself gives other results");
}

FASTNETS_TEST(attention_sm90a_leaves_the_rest) {
  const auto require_left = [](const char* what, const auto& trial) {
    require(!trial.hand_over(), what, " are taken over");
  };
  require_left("devices of another capability", Trial<bfloat16>({1, 1, 1, 9, 9, 8, 8}));
  const Hopper hopper;
  require_left("lines of 40 bytes", Trial<bfloat16>({1, 1, 1, 9, 9, 20, 8}));
  require_left("values in lines of 40 bytes", Trial<bfloat16>({1, 1, 1, 9, 9, 8, 20}));
  require_left("heads of 264", Trial<bfloat16>({1, 1, 1, 9, 9, 264, 8}));
  require_left("no keys", Trial<bfloat16>({1, 1, 1, 9, 0, 8, 8}));
  Trial<bfloat16> offset({1, 1, 1, 9, 9, 8, 8});
  offset.op.key.data = offset.k.device.data() + 1;
  require_left("arrays off 16 bytes", offset);
  Trial<bfloat16> repeated({1, 2, 2, 9, 9, 8, 8});
  repeated.op.key.stride[1] = 0;
  require_left("heads on top of each other", repeated);
  const Array<int64_t> length({1}, std::vector<int64_t>{7}), begins({2}, std::vector<int64_t>{0, 9});
  Trial<bfloat16> padded({1, 1, 1, 9, 9, 8, 8});
  padded.op.key_lengths = length.tensor();
  require_left("keys of a length of their own", padded);
  const Array<bfloat16> x({9, 2, 8}, 1);
  Attention packed;
  packed.query = packed.key = packed.value = x.tensor();
  packed.cu_seqlens_q = packed.cu_seqlens_k = begins.tensor();
  packed.infer();
  require(!hand_over<bfloat16>(packed, nullptr), "packed sequences are taken over");
}

// Calls that the kernel could take, but that are better elsewhere: few queries and many keys, few queries of heads
// that share keys.
FASTNETS_TEST(attention_sm90a_leaves_few_queries) {
  for (const Sizes& size : {Sizes{1, 1, 1, 9, 520, 8, 8}, Sizes{1, 4, 2, 9, 30, 8, 8}}) {
    Trial<bfloat16> trial(size);
    trial.run_op();
    const auto elsewhere = trial.bits();
    const Hopper hopper;
    require(trial.hand_over().has_value(), "the call could not be taken over");
    trial.run_op();
    require(trial.bits() == elsewhere, "the kernel for sm_90a has run");
  }
}

}  // namespace
}  // namespace fastnets::tests
