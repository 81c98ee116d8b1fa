// The mean of each window, and the gradient, for channels-last images: vectors of channels.
#pragma once
#include "cpu/mean_shape.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// The sum over pixels of channels first … last − 1, and if kScaled each times a factor: a chain of kChain pixels is
// summed at a time.
template <class T, bool kScaled>
struct PixelSum {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  static constexpr int kVectors = 8;  // sums, beside a pixel and a factor in 16 registers

  std::int64_t first, last;
  Acc* totals;  // of the chains before, for each channel
  bool has_totals = false;
  int count = 0;
  const T* pixels[kChain];
  Acc factors[kScaled ? kChain : 1];

  PixelSum(std::int64_t first_, std::int64_t last_, Acc* totals_) : first(first_), last(last_), totals(totals_) {}

  void add(const T* pixel, Acc factor) {
    pixels[count] = pixel;
    if constexpr (kScaled) factors[count] = factor;
    if (++count < kChain) return;
    each_vector([&](std::int64_t c, V chain, int n) { write(totals + c, joined(c, chain, n), n); });
    has_totals = true, count = 0;
  }
  void store_over(Acc divisor, T* pixel) {
    const V by = splat(divisor);
    each_vector([&](std::int64_t c, V chain, int n) {
      const V total = joined(c, chain, n);
      write(pixel + c, kScaled ? total : total / by, n);
    });
    has_totals = false, count = 0;
  }

 private:
  FASTNETS_INLINE V joined(std::int64_t c, V chain, int n) const {
    return has_totals ? read(totals + c, n) + chain : chain;
  }
  FASTNETS_INLINE V term(int i, V x, V sum) const {
    if constexpr (kScaled)
      return fma(x, splat(factors[i]), sum);
    else
      return sum + x;
  }
  template <class F>
  FASTNETS_INLINE void each_vector(const F& f) const {
    std::int64_t c = first;
    for (; c + kVectors * V::lanes <= last; c += kVectors * V::lanes) {
      V sum[kVectors];
      for (V& each : sum) each = splat(Acc(0));
      for (int i = 0; i < count; ++i)
        for (int v = 0; v < kVectors; ++v) sum[v] = term(i, load(pixels[i] + c + v * V::lanes), sum[v]);
      for (int v = 0; v < kVectors; ++v) f(c + v * V::lanes, sum[v], V::lanes);
    }
    for (; c < last; c += V::lanes) {
      const int n = static_cast<int>(least(V::lanes, last - c));
      V sum = splat(Acc(0));
      for (int i = 0; i < count; ++i) sum = term(i, read(pixels[i] + c, n), sum);
      f(c, sum, n);
    }
  }
};

// Calls f(n, d, h, sum) for lines of pixels of images of this size, in parts of their channels where there are few
// lines; a task has some of them.
template <class T, bool kScaled, class F>
void each_line_of_pixels(const MeanShape& s, const std::int64_t* size, std::int64_t reads, const F& f) {
  constexpr std::int64_t kWidth = PixelSum<T, kScaled>::kVectors * Vec<Accumulator<T>>::lanes, kPieces = 16;
  const std::int64_t lines = s.N * size[0] * size[1];
  const std::int64_t split = least(divide_up(s.C, kWidth), divide_up(kPieces, most(1, lines)));
  const std::int64_t channels = round_up(divide_up(s.C, split), kWidth), parts = divide_up(s.C, channels);
  const std::int64_t share = most(1, (1 << 15) / (least(s.C, channels) * least(1 << 15, size[2] * reads)));
  parallel_ranges(lines * parts, share, [&](std::int64_t begin, std::int64_t end) {
    auto* totals = static_cast<Accumulator<T>*>(scratch(static_cast<std::size_t>(s.C) * sizeof(Accumulator<T>), 1));
    for (std::int64_t i = begin; i < end; ++i) {
      const LineWalk line(size, i / parts);
      const std::int64_t first = i % parts * channels;
      PixelSum<T, kScaled> sum(first, least(s.C, first + channels), totals);
      f(line.plane, line.d, line.h, sum);
    }
  });
}

template <class T>
void mean_pixels(const MeanShape& s, const T* x, T* y) {
  using Acc = Accumulator<T>;
  const std::int64_t reads = least(s.kernel[0], 1 << 10) * least(s.kernel[1], 1 << 10) * least(s.kernel[2], 1 << 10);
  const auto line = [&](std::int64_t n, std::int64_t o, std::int64_t p, PixelSum<T, false>& sum) {
    const Span &depth = s.windows[0][o], &height = s.windows[1][p];
    const Acc others = s.template count_of_lines<Acc>(o, p);
    T* to = y + ((n * s.out[0] + o) * s.out[1] + p) * s.out[2] * s.C;
    for (std::int64_t q = 0; q < s.out[2]; ++q) {
      const Span& width = s.windows[2][q];
      for (std::int64_t d = depth.begin; d < depth.end; ++d)
        for (std::int64_t h = height.begin; h < height.end; ++h) {
          const T* from = x + ((n * s.in[0] + d) * s.in[1] + h) * s.in[2] * s.C;
          for (std::int64_t w = width.begin; w < width.end; ++w) sum.add(from + w * s.C, 1);
        }
      sum.store_over(others * static_cast<Acc>(width.count), to + q * s.C);
    }
  };
  each_line_of_pixels<T, false>(s, s.out, reads, line);
}

template <class T>
void mean_gradient_pixels(const MeanShape& s, const T* dy, T* dx) {
  using Acc = Accumulator<T>;
  const auto line = [&](std::int64_t n, std::int64_t d, std::int64_t h, PixelSum<T, true>& sum) {
    const Span &depth = s.over[0][d], &height = s.over[1][h];
    T* to = dx + ((n * s.in[0] + d) * s.in[1] + h) * s.in[2] * s.C;
    for (std::int64_t w = 0; w < s.in[2]; ++w) {
      const Span& width = s.over[2][w];
      for (std::int64_t o = depth.begin; o < depth.end; ++o)
        for (std::int64_t p = height.begin; p < height.end; ++p) {
          const Acc others = s.template count_of_lines<Acc>(o, p);
          const T* from = dy + ((n * s.out[0] + o) * s.out[1] + p) * s.out[2] * s.C;
          for (std::int64_t q = width.begin; q < width.end; ++q)
            sum.add(from + q * s.C, 1 / (others * static_cast<Acc>(s.windows[2][q].count)));
        }
      sum.store_over(1, to + w * s.C);
    }
  };
  each_line_of_pixels<T, true>(s, s.in, 1, line);
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
