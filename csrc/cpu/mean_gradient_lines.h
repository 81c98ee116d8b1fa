// The gradient of means of windows along lines of input pixels, for row-major images: each element gathers what the
// windows that hold it give.
#pragma once
#include "cpu/mean_lines.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// The shares of windows: their gradients over their numbers of elements, summed over the windows (o, p) that hold a
// line of input pixels.
template <class T>
struct Shares : MeanLines<T> {
  using typename MeanLines<T>::Acc;
  using typename MeanLines<T>::V;
  using MeanLines<T>::s;
  Acc* divisors;  // as many as windows are asked for, in whole vectors

  // Of windows q0 … q0 + count − 1, 0 for those that do not exist. `dy` is the plane's.
  void of_line(const T* dy, std::int64_t d, std::int64_t h, std::int64_t q0, std::int64_t count, Acc* to) const {
    const std::int64_t begin = least(count, most(0, -q0)), end = most(begin, least(count, s.out[2] - q0));
    for (std::int64_t i = 0; i < begin; ++i) to[i] = 0;
    for (std::int64_t i = end; i < count; ++i) to[i] = 0;
    this->counts(q0 + begin, end - begin, 1, divisors);
    const Span depth = s.over(0, d), height = s.over(1, h);
    for (std::int64_t i = begin; i < end; i += V::lanes) {
      const int n = static_cast<int>(least(V::lanes, end - i));
      ChainedSum<V> windows(splat(Acc(0)));
      for (std::int64_t o = depth.begin; o < depth.end; ++o)
        for (std::int64_t p = height.begin; p < height.end; ++p)
          windows.add(read(dy + (o * s.out[1] + p) * s.out[2] + q0 + i, n) *
                      splat(1 / s.template count_of_lines<Acc>(o, p)));
      write(to + i, windows.sum() / load(divisors + i - begin), n);
    }
  }
};

// Column f of every stride: the sum of its windows' shares, neighbours for neighbouring windows. Where windows fill the
// lines several lines are computed as one.
template <class T>
struct ColumnGradients {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const MeanShape& s;
  std::int64_t lines, places, reach, pitch;  // lines computed together; strides in a piece; windows over a column
  Acc *shares, *divisors, *hands, *columns;

  // Without a base the workspace only counts.
  ColumnGradients(const MeanShape& shape, Workspace& room) : s(shape) {
    lines = s.joins_lines() ? most(1, kSegment / most(1, s.out[2])) : 1;
    places = lines > 1 ? lines * s.out[2] : least(kSegment, strides());
    reach = divide_up(s.kernel[2], s.stride[2]);
    pitch = places + V::lanes;
    shares = room.take<Acc>(places + reach + V::lanes), divisors = room.take<Acc>(places + reach + V::lanes);
    columns = room.take<Acc>(pitch * s.stride[2]);
    hands = s.stride[2] > 1 ? room.take<Acc>(pitch * s.stride[2]) : columns;
  }
  static bool serves(const MeanShape& s) {
    return !s.is_uneven[2] && s.stride[2] * kSegment <= kReach && s.kernel[2] <= kReach;
  }
  // How many strides lie over the columns from −padding on.
  std::int64_t strides() const { return divide_up(s.in[2] + s.padding[2], s.stride[2]); }

  void run(const T* dy, std::int64_t first_line, std::int64_t last_line, T* dx) const {
    const std::int64_t in_plane = s.in[0] * s.in[1], stride = s.stride[2];
    const Shares<T> windows{{s}, divisors};
    for (std::int64_t j = 0; j < strides(); j += kSegment) {
      const std::int64_t some = lines > 1 ? s.out[2] : least(kSegment, strides() - j), all = last_line - first_line;
      for (std::int64_t line = first_line; line < last_line; ++line)
        windows.of_line(dy + line / in_plane * s.out_pixels(), line % in_plane / s.in[1], line % s.in[1],
                        j - (reach - 1), some + reach - 1, shares + (line - first_line) * some);
      for (std::int64_t f = 0; f < stride; ++f) gather(f, all * some, hands + f * pitch);
      if (stride > 1) collect(hands, pitch, all * some, stride, columns);
      const std::int64_t before = j * stride - s.padding[2];  // the column of the image at which they begin
      const std::int64_t begin = most(0, -before), end = least(all * some * stride, all * s.in[2] - before);
      T* to = dx + first_line * s.in[2] + before;
      for (std::int64_t i = begin; i < end; i += V::lanes)
        write(to + i, load(columns + i), static_cast<int>(least(V::lanes, end - i)));
    }
  }

 private:
  void gather(std::int64_t f, std::int64_t count, Acc* to) const {
    const std::int64_t holding = f < s.kernel[2] ? divide_up(s.kernel[2] - f, s.stride[2]) : 0;
    for (std::int64_t i = 0; i < count; i += V::lanes) {
      ChainedSum<V> total(splat(Acc(0)));
      for (std::int64_t t = 0; t < holding; ++t) total.add(load(shares + i + (reach - 1) - t));
      store(to + i, total.sum());
    }
  }
};

// Windows of any width, one after the other: each adds its share to its columns.
template <class T>
struct PlainGradients {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const MeanShape& s;
  Acc *shares, *divisors, *chain, *columns;

  PlainGradients(const MeanShape& shape, Workspace& room) : s(shape) {
    shares = room.take<Acc>(kChain + V::lanes), divisors = room.take<Acc>(kChain + V::lanes);
    chain = room.take<Acc>(kSegment + V::lanes), columns = room.take<Acc>(kSegment + V::lanes);
  }

  void run(const T* dy, std::int64_t d, std::int64_t h, T* dx) const {
    const Shares<T> windows{{s}, divisors};
    for (std::int64_t w = 0; w < s.in[2]; w += kSegment) {
      const std::int64_t end = least(s.in[2], w + kSegment), last = s.over(2, end - 1).end;
      for (std::int64_t i = 0; i < end - w; ++i) columns[i] = 0;
      for (std::int64_t q = s.over(2, w).begin; q < last; q += kChain) {
        const std::int64_t count = least(kChain, last - q);
        windows.of_line(dy, d, h, q, count, shares);
        for (std::int64_t i = 0; i < end - w; ++i) chain[i] = 0;
        for (std::int64_t i = 0; i < count; ++i) {
          const Span width = s.window(2, q + i);
          for (std::int64_t c = most(w, width.begin); c < least(end, width.end); ++c) chain[c - w] += shares[i];
        }
        for (std::int64_t i = 0; i < end - w; ++i) columns[i] += chain[i];
      }
      for (std::int64_t i = w; i < end; i += V::lanes)
        write(dx + i, load(columns + i - w), static_cast<int>(least(V::lanes, end - i)));
    }
  }
};

// Every element of a plane gets the same.
template <class T>
void spread_over_planes(const MeanShape& s, const T* dy, T* dx) {
  using V = Vec<Accumulator<T>>;
  const auto count = s.template count_of_lines<Accumulator<T>>(0, 0) * s.template count<Accumulator<T>>(2, 0);
  const std::int64_t size = s.in_pixels();
  parallel_ranges(s.N * s.C, s.pieces_a_task(s.in[2]), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t plane = begin; plane < end; ++plane) {
      const V share = splat(widen(dy[plane]) / count);
      T* to = dx + plane * size;
      for (std::int64_t i = 0; i < size; i += V::lanes)
        write(to + i, share, static_cast<int>(least(V::lanes, size - i)));
    }
  });
}

// A task has some lines (n, c, d, h) of input pixels.
template <class T>
void mean_gradient_lines(const MeanShape& s, const T* dy, T* dx) {
  if (s.is_global()) return spread_over_planes(s, dy, dx);
  const std::int64_t in_plane = s.in[0] * s.in[1], all = s.N * s.C * in_plane;
  Workspace count;
  if (!ColumnGradients<T>::serves(s)) {
    PlainGradients<T>(s, count);
    parallel_ranges(all, s.pieces_a_task(s.in[2]), [&](std::int64_t begin, std::int64_t end) {
      Workspace room{static_cast<std::byte*>(scratch(count.used, 1))};
      const PlainGradients<T> gradients(s, room);
      for (std::int64_t line = begin; line < end; ++line)
        gradients.run(dy + line / in_plane * s.out_pixels(), line % in_plane / s.in[1], line % s.in[1],
                      dx + line * s.in[2]);
    });
    return;
  }
  const std::int64_t together = ColumnGradients<T>(s, count).lines;
  parallel_ranges(divide_up(all, together), s.pieces_a_task(together * s.in[2]),
                  [&](std::int64_t begin, std::int64_t end) {
                    Workspace room{static_cast<std::byte*>(scratch(count.used, 1))};
                    const ColumnGradients<T> gradients(s, room);
                    for (std::int64_t i = begin; i < end; ++i)
                      gradients.run(dy, i * together, least(all, (i + 1) * together), dx);
                  });
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
