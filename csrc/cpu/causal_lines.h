// A causal convolution of row-major series: vectors run along the time.
#pragma once
#include "cpu/causal_conv.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Steps that are computed together: they stay in the first-level cache, and are no chain of more than 512 a lane.
template <class T>
constexpr std::int64_t kSteps = kChain * kLanes<T> < 2048 ? kChain * kLanes<T> : 2048;

// e of one (n, c).
template <class T>
struct Series {
  const T *state, *input;
  std::int64_t before;  // K − 1

  // Calls f(first output, how many, where their e begins) for outputs begin … end − 1. Those that reach into the state
  // read a copy in `head`, of 2 · before elements.
  template <class F>
  FASTNETS_INLINE void each(std::int64_t begin, std::int64_t end, T* head, const F& f) const {
    const std::int64_t split = least(end, before);
    if (begin < split) {
      for (std::int64_t j = begin; j < split + before; ++j)
        head[j - begin] = j >= before ? input[j - before] : state ? state[j] : T{0};
      f(begin, split - begin, static_cast<const T*>(head));
      begin = split;
    }
    if (begin < end) f(begin, end - begin, input + begin - before);
  }
};

template <class T>
FASTNETS_INLINE Series<T> series(const CausalShape& s, const CausalInput<T>& input, std::int64_t row) {
  const std::int64_t n = row / s.C, c = row % s.C;
  return {input.state ? input.state + row * s.before() : nullptr,
          input.data + n * input.batch_stride + c * input.channel_stride, s.before()};
}

// sums[i] = start + sum_k w[k] · e[i + k]; writes whole vectors.
template <int kTaps, class T>
void filter(const T* e, std::int64_t count, const Accumulator<T>* w, std::int64_t K, Accumulator<T> start,
            Accumulator<T>* sums) {
  using V = Vec<Accumulator<T>>;
  constexpr int kAtOnce = 4;
  V weight[kTaps ? kTaps : 1];
  for (int k = 0; k < kTaps; ++k) weight[k] = splat(w[k]);
  const auto at = [&](std::int64_t k) {
    if constexpr (kTaps > 0)
      return weight[k];
    else
      return splat(w[k]);
  };
  const V first = splat(start);
  std::int64_t i = 0;
  for (; i + kAtOnce * V::lanes <= count; i += kAtOnce * V::lanes) {
    V made[kAtOnce];
    weighted_sums<kTaps>(K, first, at, [&](int r, std::int64_t k) { return load(e + i + r * V::lanes + k); }, made);
    for (int r = 0; r < kAtOnce; ++r) store(sums + i + r * V::lanes, made[r]);
  }
  for (; i < count; i += V::lanes) {
    V made[1];
    const int n = static_cast<int>(least(V::lanes, count - i));
    weighted_sums<kTaps>(K, first, at, [&](int, std::int64_t k) { return read(e + i + k, n); }, made);
    store(sums + i, made[0]);
  }
}

// A task has some pieces of series.
template <class T>
void causal_lines(const CausalConv1d& op, const CausalShape& s, const CausalInput<T>& input,
                  const Accumulator<T>* weight, const Accumulator<T>* bias) {
  using Acc = Accumulator<T>;
  const std::int64_t pieces = divide_up(s.L, kSteps<T>), grain = divide_up(1 << 14, most(1, least(s.L, kSteps<T>)));
  parallel_ranges(s.N * s.C * pieces, grain, [&](std::int64_t first, std::int64_t last) {
    Acc sums[kSteps<T> + kLanes<T>];
    T* head = static_cast<T*>(scratch(static_cast<std::size_t>(2 * s.before()) * sizeof(T), 1));
    for (std::int64_t t = first; t < last; ++t) {
      const std::int64_t row = t / pieces, begin = t % pieces * kSteps<T>, end = least(s.L, begin + kSteps<T>);
      const std::int64_t c = row % s.C, at = row * s.L + begin;
      series(s, input, row).each(begin, end, head, [&](std::int64_t from, std::int64_t count, const T* e) {
        visit_taps(s.K,
                   [&](auto taps) { filter<taps()>(e, count, weight + c * s.K, s.K, bias[c], sums + from - begin); });
      });
      finish<T>(op.activation, sums, end - begin, nullptr, op.output.as<T>() + at,
                op.pre_activation ? op.pre_activation.as<T>() + at : nullptr);
    }
  });
}

// partial[k] += sum_i dz[i] · e[i + k]
template <int kTaps, class T>
void correlate(const Accumulator<T>* dz, const T* e, std::int64_t count, std::int64_t K, Accumulator<T>* partial) {
  using V = Vec<Accumulator<T>>;
  constexpr int kAtOnce = kTaps ? kTaps : 1;
  for (std::int64_t first = 0; first < K; first += kAtOnce) {
    V sums[kAtOnce];
    for (V& x : sums) x = splat(Accumulator<T>(0));
    const auto step = [&](std::int64_t i, int n) {
      const V d = read(dz + i, n);
#pragma GCC unroll 4
      for (int k = 0; k < kAtOnce; ++k) sums[k] = fma(d, read(e + i + first + k, n), sums[k]);
    };
    std::int64_t i = 0;
    for (; i + V::lanes <= count; i += V::lanes) step(i, V::lanes);
    if (i < count) step(i, static_cast<int>(count - i));
    for (int k = 0; k < kAtOnce; ++k) partial[first + k] += sum(sums[k]);
  }
}

// One series. The gradient of e[j] is sum_k w[k] · dz[j − k]: the filter backwards, over dz with K − 1 zeros around it.
template <class T>
struct CausalLineBackward {
  using Acc = Accumulator<T>;
  const CausalBackward<T>& b;
  Acc *padded, *gradient, *reversed;  // dz behind what came before; that of e; the weights from last to first
  T* head;

  CausalLineBackward(const CausalBackward<T>& backward, Workspace& room) : b(backward) {
    const std::int64_t before = b.s.before(), steps = most(kSteps<T>, before) + kLanes<T>;
    padded = room.take<Acc>(before + steps), gradient = room.take<Acc>(steps), reversed = room.take<Acc>(b.s.K);
    head = room.take<T>(2 * before);
  }

  void run(std::int64_t row) {
    const CausalShape& s = b.s;
    const std::int64_t before = s.before(), c = row % s.C;
    const Series<T> e = series(s, b.input, row);
    Acc *dz = padded + before, *partial = b.partials + row * (s.K + 1);
    for (std::int64_t k = 0; k < s.K; ++k) reversed[k] = b.weight[c * s.K + s.K - 1 - k], partial[k] = 0;
    partial[s.K] = 0;
    for (std::int64_t i = 0; i < before; ++i) padded[i] = 0;
    for (std::int64_t begin = 0; begin < s.L; begin += kSteps<T>) {
      const std::int64_t end = least(s.L, begin + kSteps<T>), at = row * s.L + begin;
      pull_back_values(b.op.activation, b.dy + at, b.z + at, b.y + at, end - begin, dz);
      if (b.wants_sums()) {
        e.each(begin, end, head, [&](std::int64_t from, std::int64_t count, const T* values) {
          visit_taps(s.K, [&](auto taps) { correlate<taps(), T>(dz + from - begin, values, count, s.K, partial); });
        });
        partial[s.K] += chained_sum<Acc>(end - begin, [&](std::int64_t i, int n) { return read(dz + i, n); });
      }
      if (b.wants_series()) write(row, begin, end - begin);
      __builtin_memmove(padded, padded + end - begin, static_cast<std::size_t>(before) * sizeof(Acc));
    }
    for (std::int64_t i = 0; i < before; ++i) dz[i] = 0;
    if (b.wants_series() && before) write(row, s.L, before);
  }

 private:
  // The gradients of e[first] … e[first + count − 1], some of them the state's, some the input's.
  void write(std::int64_t row, std::int64_t first, std::int64_t count) {
    const CausalShape& s = b.s;
    const std::int64_t n = row / s.C, c = row % s.C;
    visit_taps(s.K, [&](auto taps) { filter<taps(), Acc>(padded, count, reversed, s.K, 0, gradient); });
    if (first >= s.L)
      for (std::int64_t i = 0; i < count; ++i) gradient[i] += b.from_final_state(n, c, first + i);
    const std::int64_t split = most(0, least(count, s.before() - first));
    for (std::int64_t i = 0; i < split; ++i) b.set_state(n, c, first + i, gradient[i]);
    if (b.dx && split < count) {
      T* to = b.dx + row * s.L + first - s.before();
      std::int64_t i = split;
      for (; i < count && i % kLanes<T>; ++i) to[i] = narrow<T>(gradient[i]);
      put(gradient + i, count - i, to + i);
    }
  }
};

// A task has some series.
template <class T>
void causal_lines_backward(const CausalBackward<T>& b) {
  parallel_ranges(b.s.N * b.s.C, divide_up(1 << 13, most(1, b.s.L)), [&](std::int64_t first, std::int64_t last) {
    Workspace room;
    CausalLineBackward<T>(b, room);
    room = {static_cast<std::byte*>(scratch(room.used, 1)), 0};
    CausalLineBackward<T> line(b, room);
    for (std::int64_t row = first; row < last; ++row) line.run(row);
  });
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
