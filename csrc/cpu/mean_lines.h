// The means of the windows under lines of output pixels, for row-major images.
#pragma once
#include "cpu/deal.h"
#include "cpu/mean_shape.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// What both directions share: vectors along lines, the counts of windows along the last axis.
template <class T>
struct MeanLines {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const MeanShape& s;

  // Windows q0 … q0 + count − 1: how many columns each has, times `others`. Of equal ones only those at the ends are
  // cut.
  void counts(std::int64_t q0, std::int64_t count, Acc others, Acc* to) const {
    const auto of = [&](std::int64_t i) { return s.template count<Acc>(2, q0 + i) * others; };
    if (s.is_uneven[2]) {
      for (std::int64_t i = 0; i < count; ++i) to[i] = of(i);
      return;
    }
    const Acc whole = s.divisor ? others : static_cast<Acc>(s.kernel[2]) * others;
    for (std::int64_t i = 0; i < count; ++i) to[i] = whole;
    for (std::int64_t i = 0; i < count && of(i) != whole; ++i) to[i] = of(i);
    for (std::int64_t i = count - 1; i >= 0 && of(i) != whole; --i) to[i] = of(i);
  }
};

// Windows of any width, one after the other.
template <class T>
struct PlainMeans : MeanLines<T> {
  using typename MeanLines<T>::Acc;
  using typename MeanLines<T>::V;
  using MeanLines<T>::s;

  void run(const T* plane, std::int64_t o, std::int64_t p, T* y) const {
    const Span depth = s.window(0, o), height = s.window(1, p);
    const Acc others = s.template count_of_lines<Acc>(o, p);
    for (std::int64_t q = 0; q < s.out[2]; ++q) {
      const Span width = s.window(2, q);
      y[q] = narrow<T>(sum_of(plane, depth, height, width) / (others * s.template count<Acc>(2, q)));
    }
  }

 private:
  Acc sum_of(const T* plane, const Span& depth, const Span& height, const Span& width) const {
    const bool is_narrow = width.size() < V::lanes;
    ChainedSum<V> lanes(splat(Acc(0)));
    ChainedSum<Acc> rows(0);
    for (std::int64_t d = depth.begin; d < depth.end; ++d)
      for (std::int64_t h = height.begin; h < height.end; ++h) {
        const T* run = plane + (d * s.in[1] + h) * s.in[2] + width.begin;
        if (!is_narrow) {
          lanes.add(sum_of_run(run, width.size()));
          continue;
        }
        Acc row = 0;
        for (std::int64_t i = 0; i < width.size(); ++i) row += widen(run[i]);
        rows.add(row);
      }
    return is_narrow ? rows.sum() : sum(lanes.sum());
  }
};

// Narrow windows of one size: sums down the columns, then across each window's. Where windows fill the lines several
// lines are computed as one.
template <class T>
struct ColumnMeans : MeanLines<T> {
  using typename MeanLines<T>::Acc;
  using typename MeanLines<T>::V;
  using MeanLines<T>::s;
  std::int64_t lines, width, pitch;  // lines computed together; columns of them, or of a segment; places of a hand
  Acc *columns, *hands, *divisors;

  // Without a base the workspace only counts.
  ColumnMeans(const MeanShape& shape, Workspace& room) : MeanLines<T>{shape} {
    lines = s.joins_lines() ? most(1, kSegment / most(1, s.out[2])) : 1;
    const std::int64_t outputs = lines * least(kSegment, s.out[2]);
    width = lines > 1 ? lines * s.in[2] : (outputs - 1) * s.stride[2] + s.kernel[2];
    pitch = divide_up(width, s.stride[2]) + V::lanes;  // whole vectors may be read past the end
    columns = room.take<Acc>(width + V::lanes + s.kernel[2]);
    hands = s.stride[2] > 1 ? room.take<Acc>(pitch * s.stride[2]) : columns;
    divisors = room.take<Acc>(outputs + V::lanes);
  }
  static bool serves(const MeanShape& s) {
    return !s.is_uneven[2] && s.kernel[2] < 2 * V::lanes &&
           least(kSegment, s.out[2]) * s.stride[2] + s.kernel[2] <= kReach;
  }

  void run(const T* x, std::int64_t first_line, std::int64_t last_line, T* y) {
    const std::int64_t in_plane = s.out[0] * s.out[1];
    for (std::int64_t q = 0; q < s.out[2]; q += kSegment) {
      const std::int64_t count = least(kSegment, s.out[2] - q), first_column = q * s.stride[2] - s.padding[2];
      const std::int64_t some = lines > 1 ? s.in[2] : (count - 1) * s.stride[2] + s.kernel[2];
      for (std::int64_t line = first_line; line < last_line; ++line) {
        const std::int64_t o = line % in_plane / s.out[1], p = line % s.out[1], i = line - first_line;
        down(x + line / in_plane * s.in_pixels(), s.window(0, o), s.window(1, p), first_column, some,
             columns + i * some);
        this->counts(q, count, s.template count_of_lines<Acc>(o, p), divisors + i * count);
      }
      const std::int64_t all = last_line - first_line;
      if (s.stride[2] > 1) deal(columns, all * some, s.stride[2], hands, pitch);
      across(all * count, y + first_line * s.out[2] + q);
    }
  }

 private:
  void down(const T* plane, const Span& depth, const Span& height, std::int64_t first_column, std::int64_t some,
            Acc* to) const {
    const std::int64_t begin = least(some, most(0, -first_column));
    const std::int64_t end = most(begin, least(some, s.in[2] - first_column));
    for (std::int64_t i = 0; i < begin; ++i) to[i] = 0;
    for (std::int64_t i = end; i < some; ++i) to[i] = 0;
    for (std::int64_t i = begin; i < end; i += V::lanes) {
      const int n = static_cast<int>(least(V::lanes, end - i));
      ChainedSum<V> rows(splat(Acc(0)));
      for (std::int64_t d = depth.begin; d < depth.end; ++d)
        for (std::int64_t h = height.begin; h < height.end; ++h)
          rows.add(read(plane + (d * s.in[1] + h) * s.in[2] + first_column + i, n));
      write(to + i, rows.sum(), n);
    }
  }
  void across(std::int64_t count, T* y) const {
    for (std::int64_t q = 0; q < count; q += V::lanes) {
      V total = load(hands + q);
      for (std::int64_t i = 1; i < s.kernel[2]; ++i)
        total = total + load(hands + i % s.stride[2] * pitch + i / s.stride[2] + q);
      write(y + q, total / load(divisors + q), static_cast<int>(least(V::lanes, count - q)));
    }
  }
};

// A task has some lines (n, c, o, p) of output pixels.
template <class T>
void mean_lines(const MeanShape& s, const T* x, T* y) {
  const std::int64_t in_plane = s.out[0] * s.out[1], all = s.N * s.C * in_plane;
  if (s.is_global()) {
    parallel_ranges(all, s.pieces_a_task(s.in[2]), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        y[i] = narrow<T>(sum(sum_of_run(x + i * s.in_pixels(), s.in_pixels())) /
                         (s.template count_of_lines<Accumulator<T>>(0, 0) * s.template count<Accumulator<T>>(2, 0)));
    });
    return;
  }
  if (!ColumnMeans<T>::serves(s)) {
    parallel_ranges(all, s.pieces_a_task(s.in[2]), [&](std::int64_t begin, std::int64_t end) {
      const PlainMeans<T> means{s};
      for (std::int64_t line = begin; line < end; ++line)
        means.run(x + line / in_plane * s.in_pixels(), line % in_plane / s.out[1], line % s.out[1],
                  y + line * s.out[2]);
    });
    return;
  }
  Workspace count;
  const std::int64_t together = ColumnMeans<T>(s, count).lines;
  parallel_ranges(divide_up(all, together), s.pieces_a_task(together * s.in[2]),
                  [&](std::int64_t begin, std::int64_t end) {
                    Workspace room{static_cast<std::byte*>(scratch(count.used, 1))};
                    ColumnMeans<T> means(s, room);
                    for (std::int64_t i = begin; i < end; ++i)
                      means.run(x, i * together, least(all, (i + 1) * together), y);
                  });
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
