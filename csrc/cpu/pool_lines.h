// The maximum of the windows under a line of output pixels, for row-major images.
#pragma once
#include "cpu/deal.h"
#include "cpu/pooling.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

constexpr std::int64_t kMostTaps = 1 << 12;  // tap numbers are lanes of the accumulator's type

// Three steps over vectors of columns: the largest down each column of the window's lines; the columns dealt out by
// their remainder modulo the stride, so that those under neighbouring outputs q are neighbours; the largest of each
// window's columns. With kWhere, beside each value goes the number of the tap that it is from.
template <class T, bool kWhere>
struct LinePool {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  static constexpr Acc kInfinity = std::numeric_limits<Acc>::infinity();
  static constexpr Acc kOutside = 1 << 20;  // the number of a line that lies outside the input: after all others

  const PoolShape& s;
  std::int64_t width, dealt;  // columns under a segment; places for those of one remainder
  Acc *values, *numbers;      // (width,) each
  Acc *dealt_values, *dealt_numbers;
  std::int64_t* line_at;  // where each line of the window begins in the flattened plane

  // Without a base the workspace only counts.
  LinePool(const PoolShape& shape, Workspace& room) : s(shape) {
    width = (least(kSegment, s.out[2]) - 1) * s.stride[2] + (s.kernel[2] - 1) * s.dilation[2] + 1;
    dealt = divide_up(width, s.stride[2]) + V::lanes;  // whole vectors may be read past the end
    values = room.take<Acc>(width + V::lanes), numbers = room.take<Acc>(width + V::lanes);
    const bool is_dealt = s.stride[2] > 1;
    dealt_values = is_dealt ? room.take<Acc>(dealt * s.stride[2]) : values;
    dealt_numbers = is_dealt ? room.take<Acc>(dealt * s.stride[2]) : numbers;
    line_at = room.take<std::int64_t>(s.kernel[0] * s.kernel[1]);
  }

  static bool serves(const PoolShape& s) {
    return !s.is_uneven[2] && s.kernel[0] <= kMostTaps && s.kernel[0] * s.kernel[1] <= kMostTaps &&
           s.stride[2] <= kReach && least(kSegment, s.out[2]) * s.stride[2] + s.kernel[2] * s.dilation[2] <= kReach;
  }

  // Returns whether there is a nan, for whose order the numbers do not do.
  bool down_columns(const T* plane, const Taps& depth, const Taps& height, std::int64_t first_column) {
    const std::int64_t begin = least(width, most(0, -first_column));
    const std::int64_t end = most(begin, least(width, s.in[2] - first_column));
    const auto nothing = [&](std::int64_t i) { values[i] = -kInfinity, numbers[i] = kOutside; };
    for (std::int64_t i = 0; i < begin; ++i) nothing(i);
    for (std::int64_t i = end; i < width; ++i) nothing(i);
    V nans = splat(Acc(0));
    for (std::int64_t i = begin; i < end; i += V::lanes) {
      const int n = static_cast<int>(least(V::lanes, end - i));
      V best = splat(-kInfinity), number = splat(kOutside);
      bool is_first = true;
      for (std::int64_t t = depth.first; t < depth.last; ++t)
        for (std::int64_t r = height.first; r < height.last; ++r) {
          const std::int64_t line = t * s.kernel[1] + r;
          const V v = read(plane + line_at[line] + first_column + i, n);
          if constexpr (kWhere) {
            const V this_line = splat(static_cast<Acc>(line));
            number = is_first ? this_line : select(less(best, v), this_line, number);
            nans = select(is_nan(v), splat(Acc(1)), nans);
            best = max(best, v);
          } else {
            best = select(is_nan(best), best, max(best, v));
          }
          is_first = false;
        }
      write(values + i, best, n);
      if constexpr (kWhere) write(numbers + i, number, n);
    }
    return kWhere && sum(nans) != 0;
  }

  // Of equal values the one on the earlier line wins, on the same line the earlier column.
  void across(std::int64_t first_column, std::int64_t count, T* y, std::int64_t* where) const {
    for (std::int64_t q = 0; q < count; q += V::lanes) {
      const int n = static_cast<int>(least(V::lanes, count - q));
      V best = load(dealt_values + q), line = load(dealt_numbers + q), column = splat(Acc(0));
      for (std::int64_t i = 1; i < s.kernel[2]; ++i) {
        const std::int64_t offset = i * s.dilation[2], at = offset % s.stride[2] * dealt + offset / s.stride[2] + q;
        const V v = load(dealt_values + at);
        if constexpr (kWhere) {
          const V l = load(dealt_numbers + at), number = splat(static_cast<Acc>(i));
          const auto larger = less(best, v), smaller = less(v, best), earlier = less(l, line);
          column = select(larger, number, select(smaller, column, select(earlier, number, column)));
          line = select(larger, l, select(smaller, line, select(earlier, l, line)));
          best = max(best, v);
        } else {
          best = select(is_nan(best), best, max(best, v));
        }
      }
      write(y + q, best, n);
      if constexpr (kWhere) {
        Acc l[V::lanes], c[V::lanes];
        store(l, line), store(c, column);
        for (int i = 0; i < n; ++i) {
          const std::int64_t w = first_column + (q + i) * s.stride[2] + static_cast<int>(c[i]) * s.dilation[2];
          where[q + i] = l[i] == kOutside ? -1 : line_at[static_cast<int>(l[i])] + w;
        }
      }
    }
  }

  // Output line (o, p) of a plane.
  void run(const T* plane, std::int64_t o, std::int64_t p, T* y, std::int64_t* where) {
    const Taps depth = s.taps(0, o), height = s.taps(1, p);
    for (std::int64_t t = depth.first; t < depth.last; ++t)
      for (std::int64_t r = height.first; r < height.last; ++r)
        line_at[t * s.kernel[1] + r] =
            ((depth.from + t * s.dilation[0]) * s.in[1] + height.from + r * s.dilation[1]) * s.in[2];
    for (std::int64_t q = 0; q < s.out[2]; q += kSegment) {
      const std::int64_t count = least(kSegment, s.out[2] - q), first_column = q * s.stride[2] - s.padding[2];
      if (down_columns(plane, depth, height, first_column)) {
        for (std::int64_t i = q; i < q + count; ++i) {
          const Largest<T> found = search(s, plane, 1, o, p, i);
          y[i] = narrow<T>(found.value), where[i] = found.at;
        }
        continue;
      }
      if (s.stride[2] > 1) {
        deal(values, width, s.stride[2], dealt_values, dealt);
        if (kWhere) deal(numbers, width, s.stride[2], dealt_numbers, dealt);
      }
      across(first_column, count, y + q, kWhere ? where + q : nullptr);
    }
  }
};

// A task has some lines (n, c, o, p) of output pixels.
template <class T, class Pool>
void pool_lines(const PoolShape& s, const T* x, T* y, std::int64_t* where) {
  const std::int64_t in_plane = s.out[0] * s.out[1], lines = s.N * s.C * in_plane;
  parallel_ranges(lines, s.pieces_a_task(s.in[2] + s.out[2]), [&](std::int64_t begin, std::int64_t end) {
    Workspace room;
    Pool(s, room);
    room = {static_cast<std::byte*>(scratch(room.used, 1)), 0};
    Pool pool(s, room);
    for (std::int64_t line = begin; line < end; ++line) {
      const std::int64_t plane = line / in_plane, o = line % in_plane / s.out[1], p = line % s.out[1],
                         at = line * s.out[2];
      pool.run(x + plane * s.in_pixels(), o, p, y + at, where ? where + at : nullptr);
    }
  });
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
