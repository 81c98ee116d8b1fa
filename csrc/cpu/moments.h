// Means and variances: of a piece that lies in the first cache in two passes over it, of more by merging pieces.
// The second pass also sums the distances from the first pass's mean, which corrects both moments for its roundings:
// their errors are those of sums over x − mean, however far the mean lies from 0.
#pragma once
#include <cmath>

#include "cpu/reduce.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Terms that are summed at once, in four chains.
constexpr std::int64_t kPieceTerms = 4 * kChain;

// Elements as runs that lie `step` apart, each of `length` side by side.
struct Runs {
  std::int64_t count, length, step;
};

// kSums sums over runs. f(sums, offset, n) adds the terms of the vector at an offset, or of its first n lanes.
template <class Acc, int kSums, class F>
FASTNETS_INLINE void sum_runs(const Runs& runs, const F& f, Acc (&out)[kSums]) {
  using V = Vec<Acc>;
  constexpr std::int64_t L = V::lanes;
  V chain[4][kSums];
  for (auto& sums : chain)
    for (V& sum : sums) sum = splat(Acc(0));
  for (std::int64_t run = 0; run < runs.count; ++run) {
    const std::int64_t begin = run * runs.step, end = begin + runs.length;
    std::int64_t i = begin;
    for (; i + 4 * L <= end; i += 4 * L) {
      f(chain[0], i, L);
      f(chain[1], i + L, L);
      f(chain[2], i + 2 * L, L);
      f(chain[3], i + 3 * L, L);
    }
    if (i + L <= end) f(chain[0], i, L), i += L;
    if (i + L <= end) f(chain[1], i, L), i += L;
    if (i + L <= end) f(chain[2], i, L), i += L;
    if (i < end) f(chain[3], i, static_cast<int>(end - i));
  }
  for (int s = 0; s < kSums; ++s) out[s] = sum((chain[0][s] + chain[1][s]) + (chain[2][s] + chain[3][s]));
}

// What is known of some elements: how many, their mean, the sum of their squared distances from it.
struct Moments {
  double count = 0, mean = 0, square = 0;
  FASTNETS_INLINE double variance() const { return square < 0 ? 0 : square / count; }  // a nan is no less
};
FASTNETS_INLINE Moments merge(const Moments& a, const Moments& b) {
  const double count = a.count + b.count, distance = b.mean - a.mean;
  const bool finite = distance - distance == 0;  // an infinity stays one: ∞ − ∞ would make it nan
  return {count, finite ? a.mean + distance * (b.count / count) : a.mean + b.mean,
          a.square + b.square + distance * distance * (a.count * b.count / count)};
}

template <class Acc>
FASTNETS_INLINE Acc rstd_of(double variance, double eps) {
  return static_cast<Acc>(1 / std::sqrt(variance + eps));
}

// The moments of at most kPieceTerms elements.
template <class T>
FASTNETS_INLINE Moments piece_moments(const T* x, const Runs& runs) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const double count = static_cast<double>(runs.count * runs.length);
  Acc total[1], distance[2];
  sum_runs<Acc>(
      runs, [&](V* sums, std::int64_t i, int n) FASTNETS_INLINE_LAMBDA { sums[0] = sums[0] + read(x + i, n); }, total);
  const Acc about = total[0] / static_cast<Acc>(count);
  sum_runs<Acc>(
      runs,
      [&](V* sums, std::int64_t i, int n) FASTNETS_INLINE_LAMBDA {
        const V d = first_of(read(x + i, n) - splat(about), n);
        sums[0] = sums[0] + d;
        sums[1] = fma(d, d, sums[1]);
      },
      distance);
  const double rest = distance[0];
  return {count, rest - rest == 0 ? about + rest / count : about, distance[1] - rest * (rest / count)};
}

// Two sums, in the same way.
struct Sums {
  double first = 0, second = 0;
};
FASTNETS_INLINE Sums merge(const Sums& a, const Sums& b) { return {a.first + b.first, a.second + b.second}; }

// Of dy and of dy · (x − mean) over at most kPieceTerms elements.
template <class T>
FASTNETS_INLINE Sums piece_sums(const T* dy, const T* x, Accumulator<T> mean, const Runs& runs) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  Acc sums[2];
  const V m = splat(mean);
  sum_runs<Acc>(
      runs,
      [&](V* terms, std::int64_t i, int n) FASTNETS_INLINE_LAMBDA {
        const V g = read(dy + i, n);
        terms[0] = terms[0] + g;
        terms[1] = fma(g, read(x + i, n) - m, terms[1]);
      },
      sums);
  return {sums[0], sums[1]};
}

// What is added is merged in pairs, pairs of pairs, …, as a binary counter carries: a tree that depends on the number
// alone.
template <class M>
class Pairwise {
 public:
  FASTNETS_INLINE void add(M made) {
    int l = 0;
    for (; seen_ >> l & 1; ++l) made = merge(level_[l], made);
    level_[l] = made;
    ++seen_;
  }
  FASTNETS_INLINE M total() const {
    M made{};
    bool is_first = true;
    for (int l = 0; seen_ >> l; ++l)
      if (seen_ >> l & 1) made = is_first ? level_[l] : merge(level_[l], made), is_first = false;
    return made;
  }

 private:
  M level_[40];
  std::int64_t seen_ = 0;
};

// Calls f(offset, length) → M for the pieces of a row and merges what they give.
template <class M, class F>
FASTNETS_INLINE M reduce_row(std::int64_t size, const F& f) {
  if (size <= kPieceTerms) return f(0, size);
  Pairwise<M> merged;
  for (std::int64_t i = 0; i < size; i += kPieceTerms) merged.add(f(i, least(kPieceTerms, size - i)));
  return merged.total();
}
template <class T>
FASTNETS_INLINE Moments row_moments(const T* x, std::int64_t size) {
  return reduce_row<Moments>(
      size, [&](std::int64_t at, std::int64_t length) { return piece_moments(x + at, {1, length, 0}); });
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
