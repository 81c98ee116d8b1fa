// The mean of each window, and the gradient, for channels-last images: vectors of channels.
#pragma once
#include "cpu/mean_shape.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// The sum over pixels, each times a factor, of kWidth channels from c on, or fewer at the end.
template <class T>
struct PixelSum {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  static constexpr int kVectors = 8, kWidth = kVectors * V::lanes;  // 8 sums, a pixel and a factor of 16 registers

  std::int64_t C, c;
  int vectors, last;  // how many, and the lanes of the last one
  int terms = 0;
  V total[kVectors], chain[kVectors];

  PixelSum(std::int64_t C_, std::int64_t c_) : C(C_), c(c_) {
    const int n = static_cast<int>(least(kWidth, C - c));
    vectors = static_cast<int>(divide_up(n, V::lanes)), last = n - (vectors - 1) * V::lanes;
    for (int v = 0; v < kVectors; ++v) total[v] = chain[v] = splat(Acc(0));
  }
  // Adds `count` neighbouring pixels.
  void add(const T* pixel, std::int64_t count, Acc factor) {
    for (std::int64_t i = 0; i < count;) {
      const std::int64_t end = least(count, i + kChain - terms);
      terms += static_cast<int>(end - i);
      vectors == kVectors&& last == V::lanes ? add_all(pixel + i * C + c, end - i, splat(factor))
                                             : add_few(pixel + i * C + c, end - i, splat(factor));
      i = end;
      if (terms == kChain) flush();
    }
  }
  void store_over(Acc divisor, T* pixel) {
    flush();
    for (int v = 0; v < vectors; ++v)
      write(pixel + c + v * V::lanes, total[v] / splat(divisor), v + 1 < vectors ? V::lanes : last);
  }

 private:
  void add_all(const T* pixel, std::int64_t count, V factor) {
    V sum[kVectors];
    for (int v = 0; v < kVectors; ++v) sum[v] = chain[v];
    for (; count > 0; --count, pixel += C)
      for (int v = 0; v < kVectors; ++v) sum[v] = fma(load(pixel + v * V::lanes), factor, sum[v]);
    for (int v = 0; v < kVectors; ++v) chain[v] = sum[v];
  }
  void add_few(const T* pixel, std::int64_t count, V factor) {
    for (int v = 0; v < vectors; ++v) {
      const int n = v + 1 < vectors ? V::lanes : last;
      V sum = chain[v];
      for (std::int64_t i = 0; i < count; ++i) sum = fma(read(pixel + i * C + v * V::lanes, n), factor, sum);
      chain[v] = sum;
    }
  }
  void flush() {
    for (int v = 0; v < kVectors; ++v) total[v] = total[v] + chain[v], chain[v] = splat(Acc(0));
    terms = 0;
  }
};

// Calls f(n, d, h, w, c) for blocks of channels of each pixel of images of this size; a task has some of them.
template <class T, class F>
void each_block(const MeanShape& s, const std::int64_t* size, std::int64_t reads, const F& f) {
  const std::int64_t blocks = divide_up(s.C, PixelSum<T>::kWidth);
  const std::int64_t all = s.N * size[0] * size[1] * size[2] * blocks;
  const std::int64_t grain = most(1, (1 << 15) / (PixelSum<T>::kWidth * least(1 << 15, most(1, reads))));
  parallel_ranges(all, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t c = i % blocks * PixelSum<T>::kWidth, pixel = i / blocks;
      const std::int64_t w = pixel % size[2], h = pixel / size[2] % size[1], d = pixel / size[2] / size[1] % size[0];
      f(pixel / size[2] / size[1] / size[0], d, h, w, c);
    }
  });
}

template <class T>
void mean_pixels(const MeanShape& s, const T* x, T* y) {
  using Acc = Accumulator<T>;
  const std::int64_t reads = least(s.kernel[0], 1 << 10) * least(s.kernel[1], 1 << 10) * least(s.kernel[2], 1 << 10);
  each_block<T>(s, s.out, reads, [&](std::int64_t n, std::int64_t o, std::int64_t p, std::int64_t q, std::int64_t c) {
    const Span depth = s.window(0, o), height = s.window(1, p), width = s.window(2, q);
    PixelSum<T> sum(s.C, c);
    for (std::int64_t d = depth.begin; d < depth.end; ++d)
      for (std::int64_t h = height.begin; h < height.end; ++h)
        sum.add(x + (((n * s.in[0] + d) * s.in[1] + h) * s.in[2] + width.begin) * s.C, width.size(), 1);
    sum.store_over(s.template count_of_lines<Acc>(o, p) * s.template count<Acc>(2, q),
                   y + (((n * s.out[0] + o) * s.out[1] + p) * s.out[2] + q) * s.C);
  });
}

template <class T>
void mean_gradient_pixels(const MeanShape& s, const T* dy, T* dx) {
  using Acc = Accumulator<T>;
  each_block<T>(s, s.in, 1, [&](std::int64_t n, std::int64_t d, std::int64_t h, std::int64_t w, std::int64_t c) {
    const Span depth = s.over(0, d), height = s.over(1, h), width = s.over(2, w);
    PixelSum<T> sum(s.C, c);
    for (std::int64_t o = depth.begin; o < depth.end; ++o)
      for (std::int64_t p = height.begin; p < height.end; ++p)
        for (std::int64_t q = width.begin; q < width.end; ++q)
          sum.add(dy + (((n * s.out[0] + o) * s.out[1] + p) * s.out[2] + q) * s.C, 1,
                  1 / (s.template count_of_lines<Acc>(o, p) * s.template count<Acc>(2, q)));
    sum.store_over(1, dx + (((n * s.in[0] + d) * s.in[1] + h) * s.in[2] + w) * s.C);
  });
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
