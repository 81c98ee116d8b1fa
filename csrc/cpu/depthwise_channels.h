// Depthwise convolution of channels-last images: vectors run along the channels.
#pragma once
#include "cpu/depthwise.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// The taps that read inside the image: where, from column 0 on, and which they are.
struct LineTaps {
  std::int64_t count = 0;
  std::int64_t *at, *column, *tap;
  std::int64_t begin, end;  // the outputs of the line that all of them serve

  LineTaps(const Window& w, Workspace& room)
      : at(room.take<std::int64_t>(w.taps())),
        column(room.take<std::int64_t>(w.taps())),
        tap(room.take<std::int64_t>(w.taps())) {
    const Axis& wide = w.axis[2];
    const Reach reach(wide);
    const std::int64_t past = most(0, wide.image - reach.high);  // columns from 0 that keep the last tap inside
    begin = least(wide.grid, reach.low < 0 ? divide_up(-reach.low, wide.step) : 0);
    end = most(begin, least(wide.grid, divide_up(past, wide.step)));
  }
  // Those of output line (o, p).
  void choose_line(const Window& w, std::int64_t o, std::int64_t p) {
    count = 0;
    const Axis &deep = w.axis[0], &tall = w.axis[1], &wide = w.axis[2];
    for (std::int64_t t = 0; t < deep.taps; ++t)
      for (std::int64_t r = 0; r < tall.taps; ++r) {
        const std::int64_t x0 = o * deep.step + deep.offset[t], x1 = p * tall.step + tall.offset[r];
        if (static_cast<std::uint64_t>(x0) >= static_cast<std::uint64_t>(deep.image) ||
            static_cast<std::uint64_t>(x1) >= static_cast<std::uint64_t>(tall.image))
          continue;
        for (std::int64_t k = 0; k < wide.taps; ++k, ++count) {
          column[count] = wide.offset[k], tap[count] = (t * tall.taps + r) * wide.taps + k;
          at[count] = x0 * deep.stride + x1 * tall.stride + wide.offset[k] * wide.stride;
        }
      }
  }
  // Of those of a line, the ones that output q has.
  void choose_pixel(const LineTaps& line, const Axis& wide, std::int64_t q) {
    count = 0;
    for (std::int64_t i = 0; i < line.count; ++i)
      if (static_cast<std::uint64_t>(q * wide.step + line.column[i]) < static_cast<std::uint64_t>(wide.image))
        at[count] = line.at[i], tap[count] = line.tap[i], ++count;
  }
};

constexpr std::int64_t kPixelChannels = 512;  // whose sums stay in the first-level cache

// kAtOnce outputs from q on of a line, for which the same taps are inside.
template <int kAtOnce, class T, class Out>
void filter_pixels(const Depthwise<T, Out>& d, const DepthwisePass<T>& pass, const LineTaps& taps, std::int64_t n,
                   std::int64_t o, std::int64_t p, std::int64_t q) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const std::int64_t step = pass.window.axis[2].step * pass.window.axis[2].stride;
  const T* image = d.image.data + n * d.image.batch_stride + q * step;
  Acc sums[kAtOnce * kPixelChannels];
  for (std::int64_t c0 = 0; c0 < d.C; c0 += kPixelChannels) {
    const std::int64_t channels = least(kPixelChannels, d.C - c0);
    const auto block = [&](std::int64_t c, int count) {
      V made[kAtOnce];
      const V start = d.result.bias ? read(d.result.bias + c0 + c, count) : splat(Acc(0));
      weighted_sums<0>(
          taps.count, start, [&](std::int64_t k) { return read(pass.weight + taps.tap[k] * d.C + c0 + c, count); },
          [&](int r, std::int64_t k) { return read(image + taps.at[k] + r * step + c0 + c, count); }, made);
      for (int r = 0; r < kAtOnce; ++r) store(sums + r * kPixelChannels + c, made[r]);
    };
    std::int64_t c = 0;
    for (; c + V::lanes <= channels; c += V::lanes) block(c, V::lanes);
    if (c < channels) block(c, static_cast<int>(channels - c));
    for (int r = 0; r < kAtOnce; ++r) {
      const std::int64_t at = pass.place(n, o, p, q + r) + c0;
      finish(d.result.activation, sums + r * kPixelChannels, channels,
             d.result.residual ? d.result.residual + at : nullptr, d.result.data + at,
             d.result.pre_activation ? d.result.pre_activation + at : nullptr);
    }
  }
}

// One pass over output line (o, p).
template <class T, class Out>
void depthwise_pixels(const Depthwise<T, Out>& d, const DepthwisePass<T>& pass, LineTaps& line, LineTaps& pixel,
                      std::int64_t n, std::int64_t o, std::int64_t p) {
  const Axis* axis = pass.window.axis;
  if (o >= axis[0].grid || p >= axis[1].grid) return;
  line.choose_line(pass.window, o, p);
  std::int64_t q = 0;
  const auto edge = [&](std::int64_t end) {
    for (; q < end; ++q) {
      pixel.choose_pixel(line, axis[2], q);
      filter_pixels<1>(d, pass, pixel, n, o, p, q);
    }
  };
  edge(line.begin);
  for (; q + 8 <= line.end; q += 8) filter_pixels<8>(d, pass, line, n, o, p, q);
  for (; q + 4 <= line.end; q += 4) filter_pixels<4>(d, pass, line, n, o, p, q);
  for (; q < line.end; ++q) filter_pixels<1>(d, pass, line, n, o, p, q);
  edge(axis[2].grid);
}

// A task has some lines of output pixels.
template <class T, class Out>
void depthwise_channels(const Depthwise<T, Out>& d) {
  if (!d.count) return;
  const Axis* axis = d.passes[0].window.axis;
  const std::int64_t in_image = axis[0].grid * axis[1].grid;
  const std::int64_t grain = divide_up(1 << 13, most(1, axis[2].grid * d.C * d.count));
  std::int64_t most_taps = 0;
  for (std::int64_t i = 0; i < d.count; ++i) most_taps = most(most_taps, d.passes[i].window.taps());
  parallel_ranges(d.N * in_image, grain, [&](std::int64_t first, std::int64_t last) {
    Workspace room;
    for (int i = 0; i < 6; ++i) room.take<std::int64_t>(most_taps);  // three lists for a line, three for a pixel
    auto* base = static_cast<std::byte*>(scratch(room.used, 1));
    for (std::int64_t t = first; t < last; ++t) {
      const std::int64_t n = t / in_image, o = t % in_image / axis[1].grid, p = t % axis[1].grid;
      for (std::int64_t i = 0; i < d.count; ++i) {
        room = {base, 0};
        LineTaps line(d.passes[i].window, room), pixel(d.passes[i].window, room);
        depthwise_pixels(d, d.passes[i], line, pixel, n, o, p);
      }
    }
  });
}

// The weight's gradient for some lines of an image and some channels.
template <class T>
struct ChannelCorrelation {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  static constexpr std::int64_t kWidth = 64;  // channels, whose totals stay in the first-level cache
  const Window& window;
  LineTaps line, pixel;
  Acc* totals;  // (taps, kWidth)

  ChannelCorrelation(const Window& w, Workspace& room)
      : window(w), line(w, room), pixel(w, room), totals(room.take<Acc>(w.taps() * kWidth)) {}

  // `x` and `dz` begin at the channels of an image.
  void run(const T* x, const T* dz, const Image<T>& gradient, std::int64_t first, std::int64_t last,
           std::int64_t channels) {
    const Axis *axis = window.axis, &wide = axis[2];
    for (std::int64_t i = 0; i < window.taps() * kWidth; ++i) totals[i] = 0;
    for (std::int64_t t = first; t < last; ++t) {
      const std::int64_t o = t / axis[1].grid, p = t % axis[1].grid;
      const T* d = dz + o * gradient.stride[0] + p * gradient.stride[1];
      line.choose_line(window, o, p);
      for (std::int64_t q = 0; q < wide.grid; ++q) {
        if (q >= line.begin && q < line.end) continue;
        pixel.choose_pixel(line, wide, q);
        add(x, d, gradient.stride[2], pixel, q, q + 1, channels);
      }
      for (std::int64_t q = line.begin; q < line.end; q += kChain)
        add(x, d, gradient.stride[2], line, q, least(line.end, q + kChain), channels);
    }
  }

 private:
  void add(const T* x, const T* d, std::int64_t d_step, const LineTaps& taps, std::int64_t begin, std::int64_t end,
           std::int64_t channels) {
    std::int64_t k = 0;
    for (; k + 4 <= taps.count; k += 4) add_taps<4>(x, d, d_step, taps, k, begin, end, channels);
    for (; k < taps.count; ++k) add_taps<1>(x, d, d_step, taps, k, begin, end, channels);
  }
  // totals[tap] += sum over outputs begin … end − 1 of dz · what the tap reads.
  template <int kAtOnce>
  void add_taps(const T* x, const T* d, std::int64_t d_step, const LineTaps& taps, std::int64_t k, std::int64_t begin,
                std::int64_t end, std::int64_t channels) {
    const std::int64_t step = window.axis[2].step * window.axis[2].stride;
    for (std::int64_t c = 0; c < channels; c += V::lanes) {
      const int n = static_cast<int>(least(V::lanes, channels - c));
      V sums[kAtOnce];
      for (V& s : sums) s = splat(Acc(0));
      const auto pixels = [&](int count) {
        for (std::int64_t q = begin; q < end; ++q) {
          const V v = read(d + q * d_step + c, count);
#pragma GCC unroll 4
          for (int i = 0; i < kAtOnce; ++i) sums[i] = fma(v, read(x + q * step + taps.at[k + i] + c, count), sums[i]);
        }
      };
      n == V::lanes ? pixels(V::lanes) : pixels(n);
      for (int i = 0; i < kAtOnce; ++i) {
        Acc* to = totals + taps.tap[k + i] * kWidth + c;
        store(to, load(to) + sums[i]);
      }
    }
  }
};

// Output lines of an image that one task takes for the weight's gradient: enough of them to pay for the totals.
FASTNETS_INLINE std::int64_t gradient_lines(const ConvShape& s) { return divide_up(1 << 11, most(1, s.out[2])); }
FASTNETS_INLINE std::int64_t gradient_parts(const ConvShape& s) {
  return divide_up(s.out[0] * s.out[1], gradient_lines(s));
}

// partials[n, part][c][tap] = sum over a part of the pixels of dz · what the tap reads. A task has some channels.
template <class T>
void depthwise_weight_channels(const ConvShape& s, const Image<T>& image, const Window& window, const Image<T>& dz,
                               Accumulator<T>* partials) {
  constexpr std::int64_t kWidth = ChannelCorrelation<T>::kWidth;
  const std::int64_t taps = window.taps(), blocks = divide_up(s.C, kWidth), parts = gradient_parts(s);
  const auto task = [&](std::int64_t t) {  // t = (n, part, block of channels)
    const std::int64_t c0 = t % blocks * kWidth, channels = least(kWidth, s.C - c0), row = t / blocks;
    const std::int64_t n = row / parts, first = row % parts * gradient_lines(s);
    Workspace room;
    ChannelCorrelation<T>(window, room);
    room = {static_cast<std::byte*>(scratch(room.used, 1)), 0};
    ChannelCorrelation<T> sums(window, room);
    sums.run(image.data + n * image.batch_stride + c0, dz.data + n * dz.batch_stride + c0, dz, first,
             least(s.out[0] * s.out[1], first + gradient_lines(s)), channels);
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t k = 0; k < taps; ++k) partials[(row * s.C + c0 + c) * taps + k] = sums.totals[k * kWidth + c];
  };
  parallel(s.N * parts * blocks, task);
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
