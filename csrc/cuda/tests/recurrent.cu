// The persistent kernel of recurrent nets by itself, exact on small integers: both directions, units that no share
// divides, more sequences than a block takes at a time.
#include "cuda/recurrent_persistent.cuh"
#include "emulation/tests/buffer.h"
#include "emulation/tests/test.h"

namespace fastnets::tests {
namespace {

using namespace fastnets::cuda;
using namespace fastnets::cuda::FASTNETS_ARCH;

// A small integer from two sums of products and the last state.
__host__ __device__ inline float next_state(float first, float second, float last) {
  return fmodf(first + 2 * second + last, 5);
}

template <class T>
struct CountingStep {
  static constexpr int kProducts = 2;
  Exchange<T> state;
  float* seen;  // (steps, D, B, units): all states
  int64_t B, units;
  struct Inputs {
    int64_t step;
    float last;
  };
  __device__ Inputs read(int64_t step, int d, int64_t b, int64_t unit) const {
    return {step, step ? seen[at(step - 1, d, b, unit)] : widen(state.row(0, d, b)[unit])};
  }
  __device__ void publish(int64_t step, int d, int64_t b, int64_t unit, Inputs& in, const float (&products)[2]) const {
    in = {step, next_state(products[0], products[1], in.last)};
    state.row(step + 1, d, b)[unit] = round_to<T>(in.last);
  }
  __device__ void write(int d, int64_t b, int64_t unit, const Inputs& in) const {
    seen[at(in.step, d, b, unit)] = in.last;
  }

 private:
  __device__ int64_t at(int64_t step, int d, int64_t b, int64_t unit) const {
    return ((step * state.D + d) * B + b) * units + unit;
  }
};

template <class T>
void check_steps(int D, int steps, int B, int units) {
  Recurrent op;
  op.cell = RecurrentCell::gru;
  const int64_t sizes[] = {steps, B, 1};
  op.input.describe(DType::float32, {}, 3, sizes);
  op.direction[0].weight_ih.defined = true;
  op.direction[1].weight_ih.defined = D == 2;

  const auto weight = small_integers<T>(size_t(D * 2 * units * units), 1);
  const auto first = small_integers<T>(size_t(D * B * units), 2);
  const Buffer<T> device_weight(weight);
  const Buffer<float> seen(size_t(steps * D * B * units));
  Workspace count{.counts_only = true};
  const Exchange<T> counted(D, B, units, count);
  std::vector<T> padded(size_t(counted.size()), T{});
  for (int row = 0; row < D * B; ++row)  // row = (d, b)
    for (int k = 0; k < units; ++k)
      padded[size_t((row / B * counted.rows + row % B) * counted.depth + k)] = first[size_t(row * units + k)];
  const Buffer<T> room(padded);
  Workspace memory{.base = reinterpret_cast<std::byte*>(room.data())};
  const Exchange<T> exchange(D, B, units, memory);

  using Step = CountingStep<T>;
  const auto plan = persistent_plan<T, Step>(op, units, units);
  require(plan.has_value(), "the weights do not fit");
  const Buffer<uint32_t> counters(2 * kCounterStride);
  Workspace workspace{.base = reinterpret_cast<std::byte*>(counters.data())};
  run_persistent<T>(op, *plan, steps, units, units, Step{exchange, seen.data(), B, units}, exchange,
                    Matrix<T>{device_weight.data(), units, 1, 2 * units * units}, workspace, nullptr);

  std::vector<float> expected, last;
  for (const T value : first) last.push_back(to_float(value));
  for (int step = 0; step < steps; ++step) {
    std::vector<float> next;
    for (int row = 0; row < D * B; ++row)
      for (int unit = 0; unit < units; ++unit) {
        float sums[2] = {};
        for (int g = 0; g < 2; ++g)
          for (int k = 0; k < units; ++k)
            sums[g] += last[size_t(row * units + k)] *
                       to_float(weight[size_t((row / B * 2 * units + g * units + unit) * units + k)]);
        next.push_back(next_state(sums[0], sums[1], last[size_t(row * units + unit)]));
      }
    expected.insert(expected.end(), next.begin(), next.end());
    last = next;
  }
  require_equal(seen.values(), expected);
}

FASTNETS_TEST(persistent_steps_in_float32) { check_steps<float>(2, 3, 17, 30); }
FASTNETS_TEST(persistent_steps_in_bfloat16) { check_steps<bfloat16>(2, 3, 17, 30); }
FASTNETS_TEST(persistent_steps_in_one_direction) { check_steps<float16>(1, 4, 5, 41); }

}  // namespace
}  // namespace fastnets::tests
