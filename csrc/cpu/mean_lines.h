// The means of the windows under lines of output pixels, for row-major images.
#pragma once
#include "cpu/mean_shape.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// How many columns each window of some neighbours q0, q0 + 1, … has, times a number: kept from one line to the next,
// most often the same. Windows are of one size, of which only those at the ends of the line are cut.
template <class Acc>
struct Divisors {
  const MeanShape& s;
  Acc* values = nullptr;
  std::int64_t q0 = -1;
  Acc times = 0;

  void make(std::int64_t q0_, std::int64_t count, Acc times_) {
    if (q0 == q0_ && times == times_) return;
    q0 = q0_, times = times_;
    const auto of = [&](std::int64_t i) { return static_cast<Acc>(s.window(2, q0 + i).count) * times; };
    const Acc whole = s.divisor ? times : static_cast<Acc>(s.kernel[2]) * times;
    for (std::int64_t i = 0; i < count; ++i) values[i] = whole;
    for (std::int64_t i = 0; i < count && of(i) != whole; ++i) values[i] = of(i);
    for (std::int64_t i = count - 1; i >= 0 && of(i) != whole; --i) values[i] = of(i);
  }
};

// Windows of any width, one after the other.
template <class T>
struct PlainMeans {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const MeanShape& s;

  void run(const T* plane, std::int64_t o, std::int64_t p, T* y) const {
    const Acc others = s.template count_of_lines<Acc>(o, p);
    for (std::int64_t q = 0; q < s.out[2]; ++q) {
      const Span& width = s.windows[2][q];
      y[q] =
          narrow<T>(sum_of(plane, s.windows[0][o], s.windows[1][p], width) / (others * static_cast<Acc>(width.count)));
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
struct ColumnMeans {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const MeanShape& s;
  std::int64_t lines, width, pitch;  // lines computed together; columns of them, or of a segment; places of a hand
  Acc *columns, *hands, *divisors;
  Divisors<Acc> of_line;  // of one line: those of several are its copies

  // Without a base the workspace only counts.
  ColumnMeans(const MeanShape& shape, Workspace& room) : s(shape), of_line{shape} {
    lines = s.joins_lines() ? most(1, kSegment / s.out[2]) : 1;
    const std::int64_t outputs = lines * least(kSegment, s.out[2]);
    width = lines > 1 ? lines * s.in[2] : (outputs - 1) * s.stride[2] + s.kernel[2];
    pitch = divide_up(width, s.stride[2]) + V::lanes;  // whole vectors may be read past the end
    columns = room.take<Acc>(width + V::lanes + s.kernel[2]);
    hands = s.stride[2] > 1 ? room.take<Acc>(pitch * s.stride[2]) : columns;
    divisors = room.take<Acc>(outputs + V::lanes);
    of_line.values = lines > 1 ? room.take<Acc>(s.out[2]) : divisors;
  }

  void run(const T* x, std::int64_t first_line, std::int64_t last_line, T* y) {
    for (std::int64_t q = 0; q < s.out[2]; q += kSegment) {
      const std::int64_t count = least(kSegment, s.out[2] - q), first_column = q * s.stride[2] - s.padding[2];
      const std::int64_t some = lines > 1 ? s.in[2] : (count - 1) * s.stride[2] + s.kernel[2];
      const std::int64_t all = last_line - first_line;
      LineWalk line(s.out, first_line);
      for (std::int64_t i = 0; i < all; ++i, line.next()) {
        down(x + line.plane * s.in_pixels(), s.windows[0][line.d], s.windows[1][line.h], first_column, some,
             columns + i * some);
        of_line.make(q, count, s.template count_of_lines<Acc>(line.d, line.h));
        for (std::int64_t j = 0; lines > 1 && j < count; ++j) divisors[i * count + j] = of_line.values[j];
      }
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
      std::int64_t hand = 0, place = 0;  // of column i under each window
      for (std::int64_t i = 1; i < s.kernel[2]; ++i) {
        if (++hand == s.stride[2]) hand = 0, ++place;
        total = total + load(hands + hand * pitch + place + q);
      }
      write(y + q, total / load(divisors + q), static_cast<int>(least(V::lanes, count - q)));
    }
  }
};

template <class T>
void mean_of_planes(const MeanShape& s, const T* x, T* y) {
  using Acc = Accumulator<T>;
  const auto count = s.template count_of_lines<Acc>(0, 0) * static_cast<Acc>(s.window(2, 0).count);
  const std::int64_t size = s.in_pixels();
  parallel_ranges(s.N * s.C, s.pieces_a_task(s.in[2]), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) y[i] = narrow<T>(sum(sum_of_run(x + i * size, size)) / count);
  });
}

// A task has some lines (n, c, o, p) of output pixels.
template <class T>
void mean_lines(const MeanShape& s, const T* x, T* y) {
  if (s.is_global()) return mean_of_planes(s, x, y);
  const std::int64_t all = s.N * s.C * s.out[0] * s.out[1];
  if (!s.has_columns()) {
    parallel_ranges(all, s.pieces_a_task(s.in[2]), [&](std::int64_t begin, std::int64_t end) {
      const PlainMeans<T> means{s};
      LineWalk line(s.out, begin);
      for (std::int64_t i = begin; i < end; ++i, line.next())
        means.run(x + line.plane * s.in_pixels(), line.d, line.h, y + i * s.out[2]);
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
