// Cross entropy of rows of logits. A row is a sample (n, d); its classes lie side by side (D = 1) or D elements apart,
// and then it is the rows that are.
#pragma once
#include <cmath>
#include <limits>

#include "cpu/loss.h"
#include "cpu/math.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

enum class Target { labels, smoothed_labels, probabilities };

template <class F>
FASTNETS_INLINE void visit_target(Target kind, const F& f) {
  if (kind == Target::labels) return f(std::integral_constant<Target, Target::labels>());
  if (kind == Target::smoothed_labels) return f(std::integral_constant<Target, Target::smoothed_labels>());
  f(std::integral_constant<Target, Target::probabilities>());
}

// loss = keep · weight[label] · (lse − x[label]) + sum_c u[c] · (lse − x[c]), where u[c] is what label smoothing gives
// every class; with probabilities t, u[c] = weight[c] · (keep · t[c] + even) alone.
template <class T>
struct Problem : Samples<Accumulator<T>> {
  using Acc = Accumulator<T>;
  Target kind = Target::labels;
  const T *x = nullptr, *probabilities = nullptr;
  const Acc* spread = nullptr;  // (C,): class weights times even
  Acc keep = 1, even = 0, spread_sum = 0;

  FASTNETS_INLINE Acc label_loss(std::int64_t row, Acc lse) const {
    const std::int64_t y = this->labels[row];
    return keep == 0 ? 0 : keep * this->weight[y] * (lse - widen(x[this->logit(row, y)]));
  }
};

// sum of eˣ over what has been seen = total · e^largest, lane by lane. A nan is left to the sum.
template <class Acc>
struct Exponentials {
  Vec<Acc> largest = splat(std::numeric_limits<Acc>::lowest()), total = splat(Acc(0));
  FASTNETS_INLINE void raise(Vec<Acc> to) {
    total = total * exp(largest - to);
    largest = to;
  }
  FASTNETS_INLINE Acc log_sum() const {
    Acc lane[Vec<Acc>::lanes];
    store(lane, largest);
    Acc top = lane[0];
    for (const Acc x : lane) top = x > top ? x : top;
    return log_sum(top, sum(total * exp(largest - splat(top))));
  }
  FASTNETS_INLINE static Acc log_sum(Acc top, Acc total) {
    return top + static_cast<Acc>(std::log(static_cast<double>(total)));
  }
};

constexpr int kPiece =
    16;  // vectors whose largest is found before their exponentials: they are still in the first cache

// Classes side by side: lanes over classes.
template <class T, Target kind>
Accumulator<T> row_loss(const Problem<T>& p, std::int64_t row, Accumulator<T>& lse) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const T *x = p.x + row * p.C, *t = p.probabilities + (p.probabilities ? row * p.C : 0);
  Exponentials<Acc> seen;
  V dot = splat(Acc(0)), mass = splat(Acc(0));
  for (std::int64_t begin = 0; begin < p.C; begin += kPiece * V::lanes) {
    const std::int64_t end = least(p.C, begin + kPiece * V::lanes);
    const auto lanes_at = [&](std::int64_t c) { return static_cast<int>(least(V::lanes, end - c)); };
    V largest = seen.largest, total = splat(Acc(0)), piece = splat(Acc(0));
    for (std::int64_t c = begin; c < end; c += V::lanes)
      largest = max(read_or(x + c, lanes_at(c), -std::numeric_limits<Acc>::infinity()), largest);
    seen.raise(largest);
    for (std::int64_t c = begin; c < end; c += V::lanes) {
      const int n = lanes_at(c);
      total = total + exp(read_or(x + c, n, -std::numeric_limits<Acc>::infinity()) - largest);
      if constexpr (kind == Target::labels) continue;
      V u = read(p.spread + c, n);
      if constexpr (kind == Target::probabilities) u = fma(read(p.weight + c, n) * splat(p.keep), read(t + c, n), u);
      piece = fma(u, read(x + c, n), piece);
      mass = mass + u;
    }
    seen.total = seen.total + total;
    dot = dot + piece;
  }
  lse = seen.log_sum();
  if (p.ignores(row)) return 0;
  Acc loss = p.labels ? p.label_loss(row, lse) : 0;
  if constexpr (kind != Target::labels) loss += lse * (p.labels ? p.spread_sum : sum(mass)) - sum(dot);
  return loss;
}

// Rows side by side: lanes over the rows first … first + count − 1 of one n.
template <class T>
constexpr int kColumns = kLanes<T> < 8 ? 8 : 4 * kLanes<T>;

template <class T, Target kind>
void column_losses(const Problem<T>& p, std::int64_t first, int count, Accumulator<T>* losses, Accumulator<T>* lse) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const std::int64_t base = p.logit(first, 0);
  for (int j = 0; j < count; j += V::lanes) {
    const int n = static_cast<int>(least(V::lanes, count - j));
    const T *x = p.x + base + j, *t = p.probabilities + (p.probabilities ? base + j : 0);
    Exponentials<Acc> seen;
    V dot = splat(Acc(0)), mass = splat(Acc(0));
    for (std::int64_t begin = 0; begin < p.C; begin += kPiece) {
      const std::int64_t end = least(p.C, begin + kPiece);
      V largest = seen.largest, total = splat(Acc(0)), piece = splat(Acc(0));
      for (std::int64_t c = begin; c < end; ++c) largest = max(read(x + c * p.D, n), largest);
      seen.raise(largest);
      for (std::int64_t c = begin; c < end; ++c) {
        const V logit = read(x + c * p.D, n);
        total = total + exp(logit - largest);
        if constexpr (kind == Target::labels) continue;
        V u = splat(p.spread[c]);
        if constexpr (kind == Target::probabilities) u = fma(splat(p.weight[c] * p.keep), read(t + c * p.D, n), u);
        piece = fma(u, logit, piece);
        mass = mass + u;
      }
      seen.total = seen.total + total;
      dot = dot + piece;
    }
    Acc top[V::lanes], total[V::lanes], dots[V::lanes], masses[V::lanes];
    store(top, seen.largest), store(total, seen.total), store(dots, dot), store(masses, mass);
    for (int i = 0; i < n; ++i) {
      const std::int64_t row = first + j + i;
      lse[row] = Exponentials<Acc>::log_sum(top[i], total[i]);
      losses[row] = 0;
      if (p.ignores(row)) continue;
      if (p.labels) losses[row] = p.label_loss(row, lse[row]);
      if (kind != Target::labels) losses[row] += lse[row] * (p.labels ? p.spread_sum : masses[i]) - dots[i];
    }
  }
}

// Calls f(first row, count) for pieces of rows that lie side by side, of one n each.
template <class T, class F>
void each_column_piece(const Problem<T>& p, const F& f) {
  const std::int64_t pieces = divide_up(p.D, kColumns<T>);
  const auto task = [&](std::int64_t i) {
    const std::int64_t d = i % pieces * kColumns<T>;
    f(i / pieces * p.D + d, static_cast<int>(least(kColumns<T>, p.D - d)));
  };
  parallel(p.rows ? p.N * pieces : 0, task);
}
template <class T, class F>
void each_row(const Problem<T>& p, const F& f) {
  parallel_ranges(p.rows, divide_up(4096, most(1, p.C)), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) f(row);
  });
}

template <class T, Target kind>
void row_losses(const Problem<T>& p, Accumulator<T>* losses, Accumulator<T>* lse) {
  if (p.D == 1) return each_row(p, [&](std::int64_t row) { losses[row] = row_loss<T, kind>(p, row, lse[row]); });
  each_column_piece(p, [&](std::int64_t first, int n) { column_losses<T, kind>(p, first, n, losses, lse); });
}

// What backward needs of some rows: as single numbers or as lanes.
template <class Acc>
struct Slope {
  Vec<Acc> lse, gradient, mass;  // of the loss; mass = sum_c weight[c] · t[c]

  // dx = g · (softmax(x) · mass − weight · t), without the label's own part of t.
  FASTNETS_INLINE Vec<Acc> of_logit(Vec<Acc> x, Vec<Acc> u) const { return gradient * (exp(x - lse) * mass - u); }
  // dt = −g · keep · weight · log softmax(x)
  FASTNETS_INLINE Vec<Acc> of_probability(Vec<Acc> x, Vec<Acc> kept_weight) const {
    return gradient * kept_weight * (lse - x);
  }
};

// The label's own logit, where keep · weight is still missing from t.
template <class T>
FASTNETS_INLINE T label_gradient(const Problem<T>& p, std::int64_t row, Accumulator<T> lse, Accumulator<T> g,
                                 Accumulator<T> mass) {
  using Acc = Accumulator<T>;
  const std::int64_t y = p.labels[row];
  Acc lane[Vec<Acc>::lanes];
  store(lane, exp(splat(widen(p.x[p.logit(row, y)]) - lse)));
  return narrow<T>(g * (lane[0] * mass - (p.spread[y] + p.keep * p.weight[y])));
}

template <class T, Target kind>
void row_gradient(const Problem<T>& p, std::int64_t row, Accumulator<T> lse, Accumulator<T> g, Accumulator<T> mass,
                  T* dx, T* dt) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const std::int64_t base = row * p.C;
  const T *x = p.x + base, *t = p.probabilities + (p.probabilities ? base : 0);
  const auto share = [&](std::int64_t c, int n) {
    const V u = read(p.spread + c, n);
    if constexpr (kind == Target::probabilities)
      return fma(read(p.weight + c, n) * splat(p.keep), read(t + c, n), u);
    else
      return u;
  };
  if constexpr (kind == Target::probabilities) mass = chained_sum<Acc>(p.C, share);
  const Slope<Acc> slope{splat(lse), splat(g), splat(mass)};
  for (std::int64_t c = 0; c < p.C; c += V::lanes) {
    const int n = static_cast<int>(least(V::lanes, p.C - c));
    const V logit = read(x + c, n);
    if (dx) write(dx + base + c, slope.of_logit(logit, kind == Target::labels ? splat(Acc(0)) : share(c, n)), n);
    if (dt) write(dt + base + c, slope.of_probability(logit, read(p.weight + c, n) * splat(p.keep)), n);
  }
  if (dx && p.labels && !p.ignores(row)) dx[base + p.labels[row]] = label_gradient(p, row, lse, g, mass);
}

template <class T, Target kind>
void column_gradients(const Problem<T>& p, std::int64_t first, int count, const Accumulator<T>* lse,
                      const Accumulator<T>* gradients, const Accumulator<T>* masses, T* dx, T* dt) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const std::int64_t base = p.logit(first, 0);
  for (int j = 0; j < count; j += V::lanes) {
    const int n = static_cast<int>(least(V::lanes, count - j));
    const auto share = [&](std::int64_t c) {
      const V u = splat(p.spread[c]);
      if constexpr (kind == Target::probabilities)
        return fma(splat(p.weight[c] * p.keep), read(p.probabilities + base + j + c * p.D, n), u);
      else
        return u;
    };
    Slope<Acc> slope{read(lse + first + j, n), read(gradients + first + j, n), read(masses + first + j, n)};
    if constexpr (kind == Target::probabilities)
      for (std::int64_t begin = 0; begin < p.C; begin += kChain) {
        V chain = splat(Acc(0));
        for (std::int64_t c = begin; c < least(p.C, begin + kChain); ++c) chain = chain + share(c);
        slope.mass = slope.mass + chain;
      }
    for (std::int64_t c = 0; c < p.C; ++c) {
      const std::int64_t at = base + j + c * p.D;
      const V logit = read(p.x + at, n);
      if (dx) write(dx + at, slope.of_logit(logit, kind == Target::labels ? splat(Acc(0)) : share(c)), n);
      if (dt) write(dt + at, slope.of_probability(logit, splat(p.weight[c] * p.keep)), n);
    }
  }
  if (!dx || !p.labels) return;
  for (std::int64_t row = first; row < first + count; ++row)
    if (!p.ignores(row))
      dx[p.logit(row, p.labels[row])] = label_gradient(p, row, lse[row], gradients[row], masses[row]);
}

template <class T, Target kind>
void row_gradients(const Problem<T>& p, const Accumulator<T>* lse, const Accumulator<T>* gradients,
                   const Accumulator<T>* masses, T* dx, T* dt) {
  if (p.D == 1)
    return each_row(
        p, [&](std::int64_t row) { row_gradient<T, kind>(p, row, lse[row], gradients[row], masses[row], dx, dt); });
  each_column_piece(p, [&](std::int64_t first, int count) {
    column_gradients<T, kind>(p, first, count, lse, gradients, masses, dx, dt);
  });
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
