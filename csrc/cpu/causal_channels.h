// A causal convolution of channels-last series: vectors run along the channels, which the weight's rows do too.
#pragma once
#include "cpu/causal_conv.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// The channels of e[j] of image n.
template <class T>
struct ChannelRows {
  const CausalInput<T>& input;
  const T* zeros;
  std::int64_t C, before;
  FASTNETS_INLINE const T* operator()(std::int64_t n, std::int64_t j) const {
    if (j >= before) return input.data + n * input.batch_stride + (j - before) * C;
    return input.state ? input.state + (n * before + j) * C : zeros;
  }
};

constexpr int kTogether = 4;             // outputs that share what they read
constexpr std::int64_t kChannels = 512;  // of them, so that their sums stay in the first-level cache
constexpr std::int64_t kBackwardChannels = 64, kBackwardSteps = 32;

// sums[r][c] = bias[c] + sum_k w[k][c] · e[r + k][c] for kRows steps and some channels; rows lie kChannels apart.
template <int kTaps, int kRows, class T>
void filter_channels(const T* const* e, const Accumulator<T>* w, std::int64_t stride, const Accumulator<T>* bias,
                     std::int64_t channels, std::int64_t K, Accumulator<T>* sums) {
  using V = Vec<Accumulator<T>>;
  const auto block = [&](std::int64_t c, int n) {
    V made[kRows];
    if constexpr (kTaps > 0) {
      V weight[kTaps], values[kRows + kTaps - 1];
      for (int k = 0; k < kTaps; ++k) weight[k] = read(w + k * stride + c, n);
#pragma GCC unroll 8
      for (int r = 0; r < kRows + kTaps - 1; ++r) values[r] = read(e[r] + c, n);
      weighted_sums<kTaps>(
          K, read(bias + c, n), [&](int k) { return weight[k]; }, [&](int r, int k) { return values[r + k]; }, made);
    } else {
      weighted_sums<0>(
          K, read(bias + c, n), [&](std::int64_t k) { return read(w + k * stride + c, n); },
          [&](int r, std::int64_t k) { return read(e[r + k] + c, n); }, made);
    }
    for (int r = 0; r < kRows; ++r) store(sums + r * kChannels + c, made[r]);
  };
  std::int64_t c = 0;
  for (; c + V::lanes <= channels; c += V::lanes) block(c, V::lanes);
  if (c < channels) block(c, static_cast<int>(channels - c));
}

// A task has some steps of a series, all channels.
template <class T>
void causal_channels(const CausalConv1d& op, const CausalShape& s, const ChannelRows<T>& rows,
                     const Accumulator<T>* weight, const Accumulator<T>* bias) {
  using Acc = Accumulator<T>;
  const std::int64_t steps = round_up(divide_up(1 << 14, most(1, s.C)), kTogether), pieces = divide_up(s.L, steps);
  const auto task = [&](std::int64_t t) {
    const std::int64_t n = t / pieces, end = least(s.L, (t % pieces + 1) * steps);
    Acc sums[kTogether * kChannels];
    const auto** e = static_cast<const T**>(scratch(static_cast<std::size_t>(s.K + kTogether) * sizeof(T*), 1));
    const auto run = [&](auto together, std::int64_t l) {
      for (std::int64_t c = 0; c < s.C; c += kChannels) {
        const std::int64_t some = least(kChannels, s.C - c);
        for (std::int64_t r = 0; r < together + s.before(); ++r) e[r] = rows(n, l + r) + c;
        visit_taps(s.K, [&](auto taps) {
          filter_channels<taps(), decltype(together)::value>(e, weight + c, s.C, bias + c, some, s.K, sums);
        });
        for (std::int64_t r = 0; r < together; ++r) {
          const std::int64_t at = (n * s.L + l + r) * s.C + c;
          finish<T>(op.activation, sums + r * kChannels, some, nullptr, op.output.as<T>() + at,
                    op.pre_activation ? op.pre_activation.as<T>() + at : nullptr);
        }
      }
    };
    std::int64_t l = t % pieces * steps;
    for (; l + kTogether <= end; l += kTogether) run(std::integral_constant<int, kTogether>{}, l);
    for (; l < end; ++l) run(std::integral_constant<int, 1>{}, l);
  };
  parallel(s.N * pieces, task);
}

// Some channels of one series, a few steps at a time.
template <class T>
struct CausalChannelBackward {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  static constexpr std::int64_t kWidth = kBackwardChannels;
  const CausalBackward<T>& b;
  const ChannelRows<T>& rows;
  Acc *padded, *chains, *totals;  // dz behind what came before; the sums of at most kChain steps, and those of all
  const T** e;

  CausalChannelBackward(const CausalBackward<T>& backward, const ChannelRows<T>& e_rows, Workspace& room)
      : b(backward), rows(e_rows) {
    const std::int64_t before = b.s.before();
    padded = room.take<Acc>((before + most(kBackwardSteps, before)) * kWidth + kLanes<T>);
    chains = room.take<Acc>((b.s.K + 1) * kWidth), totals = room.take<Acc>((b.s.K + 1) * kWidth);
    e = room.take<const T*>(kBackwardSteps + before);
  }

  void run(std::int64_t n, std::int64_t c0, std::int64_t channels) {
    const CausalShape& s = b.s;
    const std::int64_t before = s.before(), sums = (s.K + 1) * kWidth;
    Acc* dz = padded + before * kWidth;
    for (std::int64_t i = 0; i < before * kWidth; ++i) padded[i] = 0;
    for (std::int64_t i = 0; i < sums; ++i) chains[i] = totals[i] = 0;
    for (std::int64_t l = 0; l < s.L; l += kBackwardSteps) {
      const std::int64_t steps = least(kBackwardSteps, s.L - l);
      for (std::int64_t r = 0; r < steps; ++r) {
        const std::int64_t at = (n * s.L + l + r) * s.C + c0;
        pull_back_values(b.op.activation, b.dy + at, b.z + at, b.y + at, channels, dz + r * kWidth);
      }
      if (b.wants_sums()) {
        for (std::int64_t r = 0; r < steps + before; ++r) e[r] = rows(n, l + r) + c0;
        visit_taps(s.K, [&](auto taps) { correlate<taps()>(dz, steps, channels); });
        if ((l + steps) % kChain == 0 || l + steps == s.L)
          for (std::int64_t i = 0; i < sums; ++i) totals[i] += chains[i], chains[i] = 0;
      }
      if (b.wants_series()) write(n, c0, channels, l, steps);
      __builtin_memmove(padded, padded + steps * kWidth, static_cast<std::size_t>(before * kWidth) * sizeof(Acc));
    }
    for (std::int64_t i = 0; i < before * kWidth; ++i) dz[i] = 0;
    if (b.wants_series()) write(n, c0, channels, s.L, before);
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t k = 0; k <= s.K; ++k) b.partials[(n * s.C + c0 + c) * (s.K + 1) + k] = totals[k * kWidth + c];
  }

 private:
  // chains[k][c] += sum_r dz[r][c] · e[r + k][c], and at k = K that of dz.
  template <int kTaps>
  void correlate(const Acc* dz, std::int64_t steps, std::int64_t channels) {
    constexpr int kAtOnce = kTaps ? kTaps : 1;
    for (std::int64_t c = 0; c < channels; c += V::lanes) {
      const int n = static_cast<int>(least(V::lanes, channels - c));
      V bias = load(chains + b.s.K * kWidth + c);
      for (std::int64_t r = 0; r < steps; ++r) bias = bias + load(dz + r * kWidth + c);
      store(chains + b.s.K * kWidth + c, bias);
      for (std::int64_t k0 = 0; k0 < b.s.K; k0 += kAtOnce) {
        V sums[kAtOnce];
        for (int k = 0; k < kAtOnce; ++k) sums[k] = load(chains + (k0 + k) * kWidth + c);
        for (std::int64_t r = 0; r < steps; ++r) {
          const V d = load(dz + r * kWidth + c);
#pragma GCC unroll 4
          for (int k = 0; k < kAtOnce; ++k) sums[k] = fma(d, read(e[r + k0 + k] + c, n), sums[k]);
        }
        for (int k = 0; k < kAtOnce; ++k) store(chains + (k0 + k) * kWidth + c, sums[k]);
      }
    }
  }

  // The gradients of e[first] … e[first + steps − 1]: that of e[j] is sum_k w[k] · dz[j − k].
  void write(std::int64_t n, std::int64_t c0, std::int64_t channels, std::int64_t first, std::int64_t steps) {
    const CausalShape& s = b.s;
    for (std::int64_t r = 0; r < steps; ++r) {
      const Acc* newest = padded + (s.before() + r) * kWidth;
      Acc gradient[kWidth];
      visit_taps(s.K, [&](auto taps) { filter_back<taps()>(newest, c0, channels, gradient); });
      const std::int64_t j = first + r;
      if (j >= s.L)
        for (std::int64_t c = 0; c < channels; ++c) gradient[c] += b.from_final_state(n, c0 + c, j);
      if (j < s.before())
        for (std::int64_t c = 0; c < channels; ++c) b.set_state(n, c0 + c, j, gradient[c]);
      else if (b.dx)
        put(gradient, channels, b.dx + (n * s.L + j - s.before()) * s.C + c0);
    }
  }
  template <int kTaps>
  void filter_back(const Acc* newest, std::int64_t c0, std::int64_t channels, Acc* gradient) const {
    for (std::int64_t c = 0; c < channels; c += V::lanes) {
      const int n = static_cast<int>(least(V::lanes, channels - c));
      V made[1];
      weighted_sums<kTaps>(
          b.s.K, splat(Acc(0)), [&](std::int64_t k) { return read(b.weight + k * b.s.C + c0 + c, n); },
          [&](int, std::int64_t k) { return load(newest - k * kWidth + c); }, made);
      store(gradient + c, made[0]);
    }
  }
};

// A task has some channels of a series.
template <class T>
void causal_channels_backward(const CausalBackward<T>& b, const ChannelRows<T>& rows) {
  const std::int64_t blocks = divide_up(b.s.C, kBackwardChannels);
  const auto task = [&](std::int64_t t) {
    Workspace room;
    CausalChannelBackward<T>(b, rows, room);
    room = {static_cast<std::byte*>(scratch(room.used, 1)), 0};
    const std::int64_t c = t % blocks * kBackwardChannels;
    CausalChannelBackward<T>(b, rows, room).run(t / blocks, c, least(kBackwardChannels, b.s.C - c));
  };
  parallel(b.s.N * blocks, task);
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
