// The gradient of means of windows along lines of input pixels, for row-major images: each element gathers what the
// windows that hold it give.
#pragma once
#include "cpu/mean_lines.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// The shares of windows q0 … q0 + count − 1: their gradients over their numbers of elements, summed over the windows
// (o, p) that hold line (d, h) of input pixels; 0 for windows that do not exist. `dy` is the plane's.
template <class T>
void share_lines(const MeanShape& s, const T* dy, std::int64_t d, std::int64_t h, std::int64_t q0, std::int64_t count,
                 const Accumulator<T>* divisors, Accumulator<T>* to) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const std::int64_t begin = least(count, most(0, -q0)), end = most(begin, least(count, s.out[2] - q0));
  for (std::int64_t i = 0; i < begin; ++i) to[i] = 0;
  for (std::int64_t i = end; i < count; ++i) to[i] = 0;
  const Span &depth = s.over[0][d], &height = s.over[1][h];
  for (std::int64_t i = begin; i < end; i += V::lanes) {
    const int n = static_cast<int>(least(V::lanes, end - i));
    ChainedSum<V> windows(splat(Acc(0)));
    for (std::int64_t o = depth.begin; o < depth.end; ++o)
      for (std::int64_t p = height.begin; p < height.end; ++p)
        windows.add(read(dy + (o * s.out[1] + p) * s.out[2] + q0 + i, n) / splat(s.template count_of_lines<Acc>(o, p)));
    write(to + i, windows.sum() / load(divisors + (i - begin)), n);
  }
}

// Column f of every stride: the sum of its windows' shares, neighbours for neighbouring windows. Where windows fill the
// lines several lines are computed as one.
template <class T>
struct ColumnGradients {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const MeanShape& s;
  std::int64_t lines, places, reach, pitch;  // lines computed together; strides in a piece; windows over a column
  Acc *shares, *hands, *columns;
  Divisors<Acc> divisors;

  // Without a base the workspace only counts.
  ColumnGradients(const MeanShape& shape, Workspace& room) : s(shape), divisors{shape} {
    lines = s.joins_lines() ? most(1, kSegment / s.out[2]) : 1;
    places = lines > 1 ? lines * s.out[2] : least(kSegment, strides());
    reach = divide_up(s.kernel[2], s.stride[2]);
    pitch = places + V::lanes;
    shares = room.take<Acc>(places + reach + V::lanes), divisors.values = room.take<Acc>(places + reach + V::lanes);
    columns = room.take<Acc>(pitch * s.stride[2]);
    hands = s.stride[2] > 1 ? room.take<Acc>(pitch * s.stride[2]) : columns;
  }
  // How many strides lie over the columns from −padding on.
  std::int64_t strides() const { return divide_up(s.in[2] + s.padding[2], s.stride[2]); }

  void run(const T* dy, std::int64_t first_line, std::int64_t last_line, T* dx) {
    const std::int64_t stride = s.stride[2], all = last_line - first_line;
    for (std::int64_t j = 0; j < strides(); j += kSegment) {
      const std::int64_t some = lines > 1 ? s.out[2] : least(kSegment, strides() - j);
      const std::int64_t q0 = j - (reach - 1), first = most(0, q0);
      divisors.make(first, most(0, least(q0 + some + reach - 1, s.out[2]) - first), 1);
      LineWalk line(s.in, first_line);
      for (std::int64_t i = 0; i < all; ++i, line.next())
        share_lines(s, dy + line.plane * s.out_pixels(), line.d, line.h, q0, some + reach - 1, divisors.values,
                    shares + i * some);
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
      V total = splat(Acc(0));
      for (std::int64_t t = 0; t < holding; ++t) total = total + load(shares + i + (reach - 1) - t);
      store(to + i, total);
    }
  }
};

// Windows of any width: each element by itself.
template <class T>
struct PlainGradients {
  using Acc = Accumulator<T>;
  const MeanShape& s;
  Acc *shares, *divisors;

  PlainGradients(const MeanShape& shape, Workspace& room) : s(shape) {
    shares = room.take<Acc>(s.out[2] + Vec<Acc>::lanes), divisors = room.take<Acc>(s.out[2] + Vec<Acc>::lanes);
    for (std::int64_t q = 0; room.base && q < s.out[2]; ++q) divisors[q] = static_cast<Acc>(s.windows[2][q].count);
  }

  void run(const T* dy, std::int64_t d, std::int64_t h, T* dx) const {
    share_lines(s, dy, d, h, 0, s.out[2], divisors, shares);
    for (std::int64_t w = 0; w < s.in[2]; ++w) {
      ChainedSum<Acc> total(0);
      for (std::int64_t q = s.over[2][w].begin; q < s.over[2][w].end; ++q) total.add(shares[q]);
      dx[w] = narrow<T>(total.sum());
    }
  }
};

// Every element of a plane gets the same.
template <class T>
void spread_over_planes(const MeanShape& s, const T* dy, T* dx) {
  using Acc = Accumulator<T>;
  const auto count = s.template count_of_lines<Acc>(0, 0) * static_cast<Acc>(s.window(2, 0).count);
  const std::int64_t size = s.in_pixels();
  parallel_ranges(s.N * s.C, s.pieces_a_task(s.in[2]), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t plane = begin; plane < end; ++plane) {
      const Vec<Acc> share = splat(widen(dy[plane]) / count);
      T* to = dx + plane * size;
      for (std::int64_t i = 0; i < size; i += Vec<Acc>::lanes)
        write(to + i, share, static_cast<int>(least(Vec<Acc>::lanes, size - i)));
    }
  });
}

// A task has some lines (n, c, d, h) of input pixels.
template <class T>
void mean_gradient_lines(const MeanShape& s, const T* dy, T* dx) {
  if (s.is_global()) return spread_over_planes(s, dy, dx);
  const std::int64_t all = s.N * s.C * s.in[0] * s.in[1];
  Workspace count;
  if (!s.has_columns()) {
    PlainGradients<T>(s, count);
    parallel_ranges(all, s.pieces_a_task(s.in[2]), [&](std::int64_t begin, std::int64_t end) {
      Workspace room{static_cast<std::byte*>(scratch(count.used, 1))};
      const PlainGradients<T> gradients(s, room);
      LineWalk line(s.in, begin);
      for (std::int64_t i = begin; i < end; ++i, line.next())
        gradients.run(dy + line.plane * s.out_pixels(), line.d, line.h, dx + i * s.in[2]);
    });
    return;
  }
  const std::int64_t together = ColumnGradients<T>(s, count).lines;
  parallel_ranges(divide_up(all, together), s.pieces_a_task(together * s.in[2]),
                  [&](std::int64_t begin, std::int64_t end) {
                    Workspace room{static_cast<std::byte*>(scratch(count.used, 1))};
                    ColumnGradients<T> gradients(s, room);
                    for (std::int64_t i = begin; i < end; ++i)
                      gradients.run(dy, i * together, least(all, (i + 1) * together), dx);
                  });
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
