// Softmax of rows, and its gradient. A row's elements lie side by side (D = 1) or D apart, and then it is the rows that
// lie side by side.
#pragma once
#include <cmath>
#include <limits>

#include "cpu/math.h"
#include "cpu/reduce.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Arrays of N × C × D elements, softmax along C.
struct SoftmaxShape {
  std::int64_t N = 1, C = 1, D = 1;
  bool log = false;
};

template <class Acc>
constexpr Acc kLeast = -std::numeric_limits<Acc>::infinity();

// The largest of some elements that lie side by side. A nan is left to the sum.
template <class T>
FASTNETS_INLINE Accumulator<T> largest(const T* x, std::int64_t count) {
  using Acc = Accumulator<T>;
  constexpr int kVectors = 4, L = kLanes<T>;
  Vec<Acc> best[kVectors];
  for (Vec<Acc>& b : best) b = splat(kLeast<Acc>);
  std::int64_t i = 0;
  for (; i + kVectors * L <= count; i += kVectors * L)
    for (int v = 0; v < kVectors; ++v) best[v] = max(load(x + i + v * L), best[v]);
  for (; i < count; i += L) best[0] = max(read_or(x + i, static_cast<int>(least(L, count - i)), kLeast<Acc>), best[0]);
  Acc lane[L], found = kLeast<Acc>;
  store(lane, max(max(best[0], best[1]), max(best[2], best[3])));
  for (const Acc l : lane) found = l > found ? l : found;
  return found;
}

// One row: its largest element, then exponentials and their sum, then the result. A row of −inf alone becomes nan.
// The exponentials wait in y, or in half precision, which would round them, in `room`.
template <class T, bool log>
void softmax_row(const T* x, std::int64_t C, T* y, Accumulator<T>* room) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  constexpr bool kInPlace = std::is_same_v<T, Acc>;
  const V top = splat(largest(x, C));
  Acc* exponentials = room;
  if constexpr (kInPlace) exponentials = y;
  const Acc total = chained_sum<Acc>(C, [&](std::int64_t i, int n) {
    const V e = exp(read_or(x + i, n, kLeast<Acc>) - top);
    if constexpr (!log) write(exponentials + i, e, n);
    return e;
  });
  const V share = splat(log ? static_cast<Acc>(std::log(static_cast<double>(total))) : 1 / total);
  each_vector<V::lanes>(0, C, [&](std::int64_t i, int n) {
    write(y + i, log ? read(x + i, n) - top - share : read(exponentials + i, n) * share, n);
  });
}

// softmax: dx = y · (dy − sum dy · y); its logarithm: dx = dy − exp(y) · sum dy
template <class T, bool log>
void softmax_row_gradient(const T* y, const T* dy, std::int64_t C, T* dx) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const V total = splat(chained_sum<Acc>(
      C, [&](std::int64_t i, int n) { return log ? read(dy + i, n) : read(dy + i, n) * read(y + i, n); }));
  each_vector<V::lanes>(0, C, [&](std::int64_t i, int n) {
    const V g = read(dy + i, n), s = read(y + i, n);
    write(dx + i, log ? g - exp(s) * total : s * (g - total), n);
  });
}

// Some rows side by side: for each of W columns of a block of C × W elements, `step` apart from one class to the next.
// Blocks are read once, into memory of their own: lines a power of two apart would push each other out of the caches.
template <class T>
struct Columns {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  std::int64_t C, step;
  int W;

  // Calls f(c, j, n) for n elements from column j on, class by class.
  template <class F>
  FASTNETS_INLINE void each(const F& f) const {
    for (std::int64_t c = 0; c < C; ++c) each_vector<V::lanes>(0, W, [&](std::int64_t j, int n) { f(c, j, n); });
  }
  // sums[j] = sum_c f(c, j, n), chains of kChain classes; `chain` has room for as many.
  template <class F>
  FASTNETS_INLINE void sum(Acc* sums, Acc* chain, const F& f) const {
    for (int j = 0; j < W; ++j) sums[j] = 0;
    for (std::int64_t begin = 0; begin < C; begin += kChain) {
      for (int j = 0; j < W; ++j) chain[j] = 0;
      for (std::int64_t c = begin; c < least(C, begin + kChain); ++c)
        each_vector<V::lanes>(0, W,
                              [&](std::int64_t j, int n) { write(chain + j, read(chain + j, n) + f(c, j, n), n); });
      for (int j = 0; j < W; ++j) sums[j] += chain[j];
    }
  }

  static constexpr int kForwardRoom = 3, kForwardCopies = 1;  // numbers a column and an element
  template <bool log>
  void forward(const T* x, T* y, Acc* room) const {
    Acc *top = room, *total = room + W, *chain = room + 2 * W, *copy = room + 3 * W;
    for (int j = 0; j < W; ++j) top[j] = kLeast<Acc>;
    each([&](std::int64_t c, std::int64_t j, int n) {
      const V logit = read(x + c * step + j, n);
      write(copy + c * W + j, logit, n);
      write(top + j, max(logit, read(top + j, n)), n);
    });
    sum(total, chain, [&](std::int64_t c, std::int64_t j, int n) {
      const V difference = read(copy + c * W + j, n) - read(top + j, n), e = exp(difference);
      write(copy + c * W + j, log ? difference : e, n);
      return e;
    });
    for (int j = 0; j < W; ++j)
      total[j] = log ? static_cast<Acc>(std::log(static_cast<double>(total[j]))) : 1 / total[j];
    each([&](std::int64_t c, std::int64_t j, int n) {
      const V value = read(copy + c * W + j, n), share = read(total + j, n);
      write(y + c * step + j, log ? value - share : value * share, n);
    });
  }

  static constexpr int kBackwardRoom = 2, kBackwardCopies = 2;
  template <bool log>
  void backward(const T* y, const T* dy, T* dx, Acc* room) const {
    Acc *total = room, *chain = room + W, *shares = room + 2 * W, *gradients = shares + C * W;
    sum(total, chain, [&](std::int64_t c, std::int64_t j, int n) {
      const V g = read(dy + c * step + j, n), s = log ? exp(read(y + c * step + j, n)) : read(y + c * step + j, n);
      write(gradients + c * W + j, g, n);
      write(shares + c * W + j, s, n);
      return log ? g : g * s;
    });
    each([&](std::int64_t c, std::int64_t j, int n) {
      const V g = read(gradients + c * W + j, n), s = read(shares + c * W + j, n), t = read(total + j, n);
      write(dx + c * step + j, log ? g - s * t : s * (g - t), n);
    });
  }
};

// How many columns a task has: as many as keep its block in the first two caches, in whole cache lines.
template <class T>
FASTNETS_INLINE int columns_of(const SoftmaxShape& s) {
  constexpr std::int64_t kElements = 4096, kLine = 64 / sizeof(T);
  return static_cast<int>(least(s.D, round_up(least(1024, most(kLine, kElements / most(1, s.C))), kLine)));
}

// Calls f(offset, columns, room) for each block of columns.
template <class T, class F>
void each_column_block(const SoftmaxShape& s, std::int64_t numbers_a_column, const F& f) {
  const int W = columns_of<T>(s);
  const std::int64_t blocks = divide_up(s.D, W);
  const auto task = [&](std::int64_t t) {  // t = (n, block)
    const std::int64_t first = t % blocks * W;
    const auto bytes = static_cast<std::size_t>(numbers_a_column * W) * sizeof(Accumulator<T>);
    const Columns<T> columns{s.C, s.D, static_cast<int>(least(W, s.D - first))};
    f(t / blocks * s.C * s.D + first, columns, static_cast<Accumulator<T>*>(scratch(bytes, 1)));
  };
  parallel(s.N * blocks, task);
}

template <class T, bool log>
void softmax(const SoftmaxShape& s, const T* x, std::int64_t row_stride, T* y) {
  using Acc = Accumulator<T>;
  using C = Columns<T>;
  if (s.D > 1)
    return each_column_block<T>(
        s, C::kForwardRoom + C::kForwardCopies * s.C,
        [&](std::int64_t at, const C& columns, Acc* room) { columns.template forward<log>(x + at, y + at, room); });
  const std::int64_t kept = !log && !std::is_same_v<T, Acc> ? s.C : 0;  // exponentials of a row
  parallel_ranges(s.N, divide_up(4096, s.C), [&](std::int64_t begin, std::int64_t end) {
    Acc* room = kept ? static_cast<Acc*>(scratch(static_cast<std::size_t>(kept) * sizeof(Acc), 1)) : nullptr;
    for (std::int64_t n = begin; n < end; ++n) softmax_row<T, log>(x + n * row_stride, s.C, y + n * s.C, room);
  });
}

template <class T, bool log>
void softmax_gradient(const SoftmaxShape& s, const T* y, const T* dy, T* dx) {
  using C = Columns<T>;
  if (s.D > 1)
    return each_column_block<T>(s, C::kBackwardRoom + C::kBackwardCopies * s.C,
                                [&](std::int64_t at, const C& columns, Accumulator<T>* room) {
                                  columns.template backward<log>(y + at, dy + at, dx + at, room);
                                });
  parallel_ranges(s.N, divide_up(4096, s.C), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n)
      softmax_row_gradient<T, log>(y + n * s.C, dy + n * s.C, s.C, dx + n * s.C);
  });
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
