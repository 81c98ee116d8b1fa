// The largest element of each window, and the gradient: in both memory formats, for windows of equal size or adaptive.
#pragma once
#include "core/entries.h"
#include "cpu/pool_lines.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// A window element by element: for kernels of a size that LinePool and PixelPool do not serve.
template <class T>
struct PlainPool {
  const PoolShape& s;
  PlainPool(const PoolShape& shape, Workspace&) : s(shape) {}
  void run(const T* plane, std::int64_t o, std::int64_t p, T* y, std::int64_t* where) const {
    for (std::int64_t q = 0; q < s.out[2]; ++q) {
      const Largest<T> found = search(s, plane, 1, o, p, q);
      y[q] = narrow<T>(found.value);
      if (where) where[q] = found.at;
    }
  }
};

template <class T>
void pool_row_major(const PoolShape& s, const T* x, T* y, std::int64_t* where) {
  if (!LinePool<T, true>::serves(s)) return pool_lines<T, PlainPool<T>>(s, x, y, where);
  where ? pool_lines<T, LinePool<T, true>>(s, x, y, where) : pool_lines<T, LinePool<T, false>>(s, x, y, where);
}

// The channels of one output pixel: the window's places in turn, beside each maximum the number of its place.
template <class T>
void pool_pixel(const T* image, std::int64_t C, const std::int64_t* places, int count, T* y, std::int64_t* where) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  for (std::int64_t c = 0; c < C; c += V::lanes) {
    const int n = static_cast<int>(least(V::lanes, C - c));
    V best = splat(-std::numeric_limits<Acc>::infinity()), number = splat(Acc(0));
    for (int i = 0; i < count; ++i) {
      const V v = read(image + places[i] * C + c, n), this_place = splat(static_cast<Acc>(i));
      number = select(is_nan(v), this_place, select(less(best, v), this_place, number));
      best = select(is_nan(best), select(is_nan(v), v, best), max(best, v));
    }
    write(y + c, best, n);
    if (!where) continue;
    Acc numbers[V::lanes];
    store(numbers, number);
    for (int i = 0; i < n; ++i) where[c + i] = count ? places[static_cast<int>(numbers[i])] : -1;
  }
}

// The places of the window of output pixel (o, p, q) that lie inside the image; returns how many.
inline int list_places(const PoolShape& s, std::int64_t o, std::int64_t p, std::int64_t q, std::int64_t* places) {
  const Taps depth = s.taps(0, o), height = s.taps(1, p), width = s.taps(2, q);
  int count = 0;
  for (std::int64_t t = depth.first; t < depth.last; ++t)
    for (std::int64_t r = height.first; r < height.last; ++r) {
      const std::int64_t d = depth.from + t * s.dilation[0], h = height.from + r * s.dilation[1];
      for (std::int64_t i = width.first; i < width.last; ++i)
        places[count++] = (d * s.in[1] + h) * s.in[2] + width.from + i * s.dilation[2];
    }
  return count;
}

// A task has some output pixels (n, o, p, q).
template <class T>
void pool_channels_last(const PoolShape& s, const T* x, T* y, std::int64_t* where) {
  const std::int64_t C = s.C, pixels = s.out_pixels();
  const bool is_small = s.kernel[0] <= kMostTaps && s.kernel[1] <= kMostTaps && s.kernel[2] <= kMostTaps &&
                        s.kernel[0] * s.kernel[1] * s.kernel[2] <= kMostTaps;
  parallel_ranges(s.N * pixels, divide_up(4096, most(1, C)), [&](std::int64_t begin, std::int64_t end) {
    std::int64_t places[kMostTaps];
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t n = row / pixels, pixel = row % pixels;
      const std::int64_t q = pixel % s.out[2], p = pixel / s.out[2] % s.out[1], o = pixel / s.out[2] / s.out[1];
      const T* image = x + n * s.in_pixels() * C;
      if (is_small) {
        const int count = list_places(s, o, p, q, places);
        pool_pixel(image, C, places, count, y + row * C, where ? where + row * C : nullptr);
        continue;
      }
      for (std::int64_t c = 0; c < C; ++c) {
        const Largest<T> found = search(s, image + c, C, o, p, q);
        y[row * C + c] = narrow<T>(found.value);
        if (where) where[row * C + c] = found.at;
      }
    }
  });
}

// Adds the gradient of each output pixel to where its maximum stood, in the order of the outputs, for `count` planes
// that lie side by side. Indices are the user's to overwrite: none is trusted.
template <class T>
struct Scatter {
  using Acc = Accumulator<T>;
  std::int64_t in, out;    // pixels
  std::int64_t step;       // between the pixels of dy, where and dx
  std::int64_t sums_step;  // between the pixels of the sums

  template <int kCount>
  FASTNETS_INLINE void add(const T* dy, const std::int64_t* where, std::int64_t any_count, Acc* sums) const {
    const std::int64_t count = kCount ? kCount : any_count;
    for (std::int64_t i = 0; i < in; ++i)
      for (std::int64_t j = 0; j < count; ++j) sums[i * sums_step + j] = 0;
    for (std::int64_t pixel = 0; pixel < out; ++pixel)
      for (std::int64_t j = 0; j < count; ++j) {
        const auto at = static_cast<std::uint64_t>(where[pixel * step + j]);
        if (at < static_cast<std::uint64_t>(in))
          sums[static_cast<std::int64_t>(at) * sums_step + j] += widen(dy[pixel * step + j]);
      }
  }
};

// A task has some channels of an image: one in row-major memory, in channels-last memory as many as leave enough tasks.
template <class T>
void scatter(const PoolShape& s, const T* dy, const std::int64_t* where, T* dx) {
  using Acc = Accumulator<T>;
  constexpr std::int64_t kLine = 64 / sizeof(T), kTasks = 16;
  const std::int64_t split = least(divide_up(s.C, kLine), divide_up(kTasks, most(1, s.N)));
  const std::int64_t planes = s.channels_last ? round_up(divide_up(s.C, split), kLine) : 1;
  const std::int64_t blocks = divide_up(s.C, planes), in = s.in_pixels(), out = s.out_pixels();
  const auto task = [&](std::int64_t t) {  // t = (n, block)
    const std::int64_t n = t / blocks, c = t % blocks * planes, count = least(planes, s.C - c);
    const std::int64_t to = s.channels_last ? n * in * s.C + c : (n * s.C + c) * in;
    const std::int64_t from = s.channels_last ? n * out * s.C + c : (n * s.C + c) * out;
    constexpr bool kDirect = std::is_same_v<T, Acc>;
    const std::int64_t step = s.channels_last ? s.C : 1;
    const Scatter<T> pixels{in, out, step, kDirect ? step : count};
    Acc* sums;
    if constexpr (kDirect)
      sums = dx + to;
    else
      sums = static_cast<Acc*>(scratch(static_cast<std::size_t>(in * count) * sizeof(Acc), 1));
    if (s.channels_last)
      pixels.template add<0>(dy + from, where + from, count, sums);
    else
      pixels.template add<1>(dy + from, where + from, 1, sums);
    if constexpr (!kDirect)
      for (std::int64_t i = 0; i < in; ++i)
        for (std::int64_t j = 0; j < count; ++j) dx[to + i * step + j] = narrow<T>(sums[i * count + j]);
  };
  parallel(s.N * blocks, task);
}

template <class Op>
void run_max(const Op& op, Pass pass, Workspace& workspace) {
  const PoolShape s(op);
  std::int64_t* where = (op.return_indices ? op.indices : op.saved_indices).template as<std::int64_t>();
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    if (pass == Pass::forward) {
      const T* x = in_format<T>(op.input, s.channels_last, workspace);
      if (!workspace.base) return;
      T* y = op.output.template as<T>();
      s.channels_last ? pool_channels_last(s, x, y, where) : pool_row_major(s, x, y, where);
    } else if (op.grad_input) {
      const T* dy = in_format<T>(op.grad_output, s.channels_last, workspace);
      if (workspace.base) scatter(s, dy, where, op.grad_input.template as<T>());
    }
  });
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
