// Attention of few queries, forward, as in decoding: reading keys and values is all its cost, so they are read where
// they lie, once for all heads that share them, and without panels. A task has a piece of the keys of one head of keys;
// what the pieces give a row is merged in their order. Lanes are head dimensions, and keys in the softmax.
#pragma once
#include "cpu/attention_scores.h"
#include "cpu/reduce.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Rows that are multiplied together, and sums that are formed side by side: enough to hide a multiply-add's latency.
template <class T>
struct FewQueries {
  static constexpr int L = kLanes<T>, kSums = L < 8 ? 8 : L, kRows = 4;
  static constexpr int kAhead = 16;  // memory is fetched for so many rows from here
  static constexpr int kKeys = 128;  // a block, whose scores meet the softmax together
  static constexpr std::int64_t kMostQueries = 8, kMostDims = kChain;
};

// out[i] = the sum of a[i]'s lanes.
template <int N, class V>
FASTNETS_INLINE void sum_each(const V* a, typename V::Scalar* out) {
  constexpr int L = V::lanes;
  for (int i = 0; i < N; i += L) {
    V block[L];
    for (int l = 0; l < L; ++l) block[l] = a[i + l];
    transpose(block);
    for (int half = L / 2; half > 0; half /= 2)
      for (int l = 0; l < half; ++l) block[l] = block[l] + block[l + half];
    store(out + i, block[0]);
  }
}

// scores[row][j] = q[row] · keys[j]; rows of q are `width` apart and filled up with zeros, those of scores `pitch`.
// Up to kSums / ROWS − 1 columns after the last one are overwritten.
template <int ROWS, class T>
void dot_keys(const Accumulator<T>* q, std::int64_t width, const T* keys, std::int64_t stride, std::int64_t D,
              int count, Accumulator<T>* scores, std::int64_t pitch) {
  using V = Vec<Accumulator<T>>;
  constexpr int J = FewQueries<T>::kSums / ROWS;
  for (int j = 0; j < count; j += J) {
    const T* key[J];
    for (int c = 0; c < J; ++c) key[c] = keys + least(j + c, count - 1) * stride;
    V sums[ROWS][J];
    for (int r = 0; r < ROWS; ++r)
      for (int c = 0; c < J; ++c) sums[r][c] = splat(Accumulator<T>(0));
    each_vector<V::lanes>(0, D, [&](std::int64_t d, int n) FASTNETS_INLINE_LAMBDA {
      V k[J];
      for (int c = 0; c < J; ++c) {
        k[c] = read(key[c] + d, n);
        __builtin_prefetch(key[c] + d + FewQueries<T>::kAhead * stride);
      }
      for (int r = 0; r < ROWS; ++r) {
        const V x = load(q + r * width + d);
        for (int c = 0; c < J; ++c) sums[r][c] = fma(x, k[c], sums[r][c]);
      }
    });
    Accumulator<T> made[ROWS * J];
    sum_each<ROWS * J>(&sums[0][0], made);
    for (int r = 0; r < ROWS; ++r) __builtin_memcpy(scores + r * pitch + j, made + r * J, J * sizeof made[0]);
  }
}

// out[row] += Σ_j weights[row][j] · values[j]; rows of weights are `pitch` apart, those of out `width`.
template <int ROWS, class T>
void add_values(const Accumulator<T>* weights, std::int64_t pitch, const T* values, std::int64_t stride,
                std::int64_t Dv, int count, Accumulator<T>* out, std::int64_t width) {
  using V = Vec<Accumulator<T>>;
  constexpr int kVectors = FewQueries<T>::kSums / ROWS, kTogether = 8;  // values, each a stream from memory
  constexpr int kBytes = V::lanes * static_cast<int>(sizeof(T)), kLine = kBytes < 64 ? 64 / kBytes : 1;
  const auto strip = [&]<int NV>(std::integral_constant<int, NV>, std::int64_t d, int first, int n)
                         FASTNETS_INLINE_LAMBDA {
                           V sums[ROWS][NV];
                           for (int r = 0; r < ROWS; ++r)
                             for (int v = 0; v < NV; ++v) sums[r][v] = load(out + r * width + d + v * V::lanes);
                           for (int j = first; j < least(count, first + kTogether); ++j) {
                             V x[NV];
                             for (int v = 0; v < NV; ++v) x[v] = read(values + j * stride + d + v * V::lanes, n);
                             for (int v = 0; v < NV; v += kLine)
                               __builtin_prefetch(values + (j + FewQueries<T>::kAhead) * stride + d + v * V::lanes);
                             for (int r = 0; r < ROWS; ++r) {
                               const V weight = splat(weights[r * pitch + j]);
                               for (int v = 0; v < NV; ++v) sums[r][v] = fma(weight, x[v], sums[r][v]);
                             }
                           }
                           for (int r = 0; r < ROWS; ++r)
                             for (int v = 0; v < NV; ++v) store(out + r * width + d + v * V::lanes, sums[r][v]);
                         };
  for (int j = 0; j < count; j += kTogether) {
    std::int64_t d = 0;
    for (; d + kVectors * V::lanes <= Dv; d += kVectors * V::lanes)
      strip(std::integral_constant<int, kVectors>(), d, j, V::lanes);
    each_vector<V::lanes>(d, Dv, [&](std::int64_t at, int n) FASTNETS_INLINE_LAMBDA {
      strip(std::integral_constant<int, 1>(), at, j, n);
    });
  }
}

template <class T>
struct AttentionFewQueries {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  using F = FewQueries<T>;
  static constexpr int L = V::lanes;
  static constexpr std::int64_t kPitch = F::kKeys + F::kSums;  // of a row of scores

  const AttentionProblem<T> p;
  std::int64_t Sq, rows;            // queries; rows of a head of keys: (head of its group, query)
  std::int64_t width, out_width;    // of D and Dv in whole vectors
  std::int64_t piece, pieces;       // keys in a piece; of the longest sequence
  Acc *outputs, *largest, *totals;  // [n][hk][piece][row]: Σ 2^(score − largest) value, the largest score, Σ 2^(…)

  // Whether a call is done this way: a matter of shapes, strides and options alone.
  static bool serves(const Attention& op) {
    const auto has_rows = [](const Tensor& t) { return t.stride[t.ndim - 1] == 1 || t.shape[t.ndim - 1] == 1; };
    const auto last = [](const Tensor& t) { return t.shape[t.ndim - 1]; };
    return !op.is_packed() && op.length(op.query) <= F::kMostQueries && op.dropout_p == 0 && has_rows(op.key) &&
           has_rows(op.value) && last(op.query) <= F::kMostDims && last(op.value) <= F::kMostDims;
  }

  AttentionFewQueries(const Attention& op, Workspace& workspace)
      : p(op), Sq(op.length(op.query)), rows(p.group * Sq), width(round_up(p.D, L)), out_width(round_up(p.Dv, L)) {
    constexpr std::int64_t kTasks = 64, kLeastKeys = 2 * F::kKeys;
    const std::int64_t Sk = op.length(op.key);
    pieces = most(1, least(divide_up(kTasks, most(1, p.N * p.Hk)), divide_up(Sk, kLeastKeys)));
    piece = most(F::kKeys, round_up(divide_up(Sk, pieces), F::kKeys));
    pieces = most(1, divide_up(Sk, piece));
    const std::int64_t count = p.N * p.Hk * pieces * rows;
    outputs = workspace.take<Acc>(count * out_width);
    largest = workspace.take<Acc>(count), totals = workspace.take<Acc>(count);
  }

  void run() const {
    const auto task = [&](std::int64_t t) {  // t = (n, hk, piece)
      attend(p.sequence(t / pieces / p.Hk), t / pieces % p.Hk, t % pieces);
    };
    parallel(p.N * p.Hk * pieces, task);
    const auto merge_task = [&](std::int64_t t) {  // t = (n, hk)
      const Sequence s = p.sequence(t / p.Hk);
      for (std::int64_t r = 0; r < rows; ++r) merge(s, t % p.Hk, r);
    };
    parallel(p.N * p.Hk, merge_task);
  }

 private:
  std::int64_t part(const Sequence& s, std::int64_t hk, std::int64_t c) const {
    return ((s.number * p.Hk + hk) * pieces + c) * rows;
  }

  struct Room {
    Acc *queries, *scores, *outputs, *bias;
    Room(const AttentionFewQueries& f, Workspace& w)
        : queries(w.take<Acc>(round_up(f.rows, F::kRows) * f.width)),
          scores(w.take<Acc>(round_up(f.rows, F::kRows) * kPitch)),
          outputs(w.take<Acc>(round_up(f.rows, F::kRows) * f.out_width)),
          bias(w.take<Acc>(kPitch)) {}
  };

  void attend(const Sequence& s, std::int64_t hk, std::int64_t c) const {
    const std::int64_t first = part(s, hk, c), padded = round_up(rows, F::kRows);
    for (std::int64_t r = first; r < first + rows; ++r) largest[r] = ScoreRules<T>::kHidden, totals[r] = 0;
    const ScoreRules<T> any(p, s, hk * p.group);
    const std::int64_t begin = most(c * piece, any.first_key(0));
    const std::int64_t end = least(least(s.Sk, (c + 1) * piece), any.end_key(Sq, s.Sk));
    if (begin >= end) return;
    Workspace space;
    Room(*this, space);
    space = {static_cast<std::byte*>(scratch(space.used, 1)), 0};
    const Room room(*this, space);
    clear(room.queries, padded * width), clear(room.outputs, padded * out_width);
    for (std::int64_t r = 0; r < rows; ++r) {
      const Matrix<T> q = p.queries(p.op.query, s, hk * p.group + r / Sq);
      const T* from = q.data + r % Sq * q.row_stride;
      for (std::int64_t d = 0; d < p.D; ++d) room.queries[r * width + d] = widen(from[d * q.depth_stride]);
    }
    const Matrix<T> k = p.keys(p.op.key, s, hk), v = p.keys(p.op.value, s, hk);
    for (std::int64_t j = begin; j < end; j += F::kKeys) {
      const int keys = static_cast<int>(least(F::kKeys, end - j));
      each_rows([&]<int ROWS>(std::integral_constant<int, ROWS>, std::int64_t r) {
        dot_keys<ROWS, T>(room.queries + r * width, width, k.data + j * k.row_stride, k.row_stride, p.D, keys,
                          room.scores + r * kPitch, kPitch);
      });
      for (std::int64_t r = 0; r < rows; ++r) {
        const ScoreRules<T> rules(p, s, hk * p.group + r / Sq);
        if (rules.mask) rules.read_mask(r % Sq, j, keys, room.bias);
        Acc* scores = room.scores + r * kPitch;
        rules.apply_row(scores, r % Sq, j, keys, rules.mask ? room.bias : nullptr);
        take(scores, keys, rules.factor, largest[first + r], totals[first + r], room.outputs + r * out_width);
      }
      each_rows([&]<int ROWS>(std::integral_constant<int, ROWS>, std::int64_t r) {
        add_values<ROWS, T>(room.scores + r * kPitch, kPitch, v.data + j * v.row_stride, v.row_stride, p.Dv, keys,
                            room.outputs + r * out_width, out_width);
      });
    }
    __builtin_memcpy(outputs + first * out_width, room.outputs,
                     static_cast<std::size_t>(rows * out_width) * sizeof(Acc));
  }

  // Calls f for all rows, four, two or one at once.
  template <class Rows>
  FASTNETS_INLINE void each_rows(const Rows& f) const {
    std::int64_t r = 0;
    for (; rows - r > 2; r += 4) f(std::integral_constant<int, 4>(), r);
    if (rows - r == 2) f(std::integral_constant<int, 2>(), r);
    if (rows - r == 1) f(std::integral_constant<int, 1>(), r);
  }

  // The online softmax of one row: leaves 2^(score − top) in the scores' place.
  void take(Acc* scores, int keys, Acc factor, Acc& top, Acc& total, Acc* out) const {
    V most_yet = splat(ScoreRules<T>::kHidden);
    for (int j = keys; j < round_up(keys, L); ++j) scores[j] = ScoreRules<T>::kHidden;
    for (int j = 0; j < keys; j += L) most_yet = max(load(scores + j), most_yet);
    Acc lane[L], now = top;
    store(lane, most_yet);
    for (int l = 0; l < L; ++l) now = lane[l] * factor > now ? lane[l] * factor : now;
    const V shift = splat(now > ScoreRules<T>::kHidden ? -now : Acc(0)), by = splat(factor);
    V sums = splat(Acc(0));
    for (int j = 0; j < keys; j += L) {
      const V e = exp2_flushed(fma(load(scores + j), by, shift));
      store(scores + j, e);
      sums = sums + e;
    }
    if (now != top) {
      const Acc shrink = exp2_of(top - now);
      total *= shrink;
      for (std::int64_t d = 0; d < out_width; d += L) store(out + d, load(out + d) * splat(shrink));
    }
    top = now, total += sum(sums);
  }

  static Acc exp2_of(Acc x) {
    Acc lane[L];
    store(lane, exp2_flushed(splat(x)));
    return lane[0];
  }

  void merge(const Sequence& s, std::int64_t hk, std::int64_t r) const {
    const std::int64_t h = hk * p.group + r / Sq, i = r % Sq, first = part(s, hk, 0) + r;
    const std::int64_t count = divide_up(s.Sk, piece);
    Acc top = ScoreRules<T>::kHidden, total = 0, sink = top;
    if (p.op.sinks) top = sink = AttentionProblem<T>::number(p.op.sinks, h) * static_cast<Acc>(kLog2E);
    for (std::int64_t c = 0; c < count; ++c) {
      const Acc other = largest[first + c * rows];
      if (other > top) top = other;
    }
    const Acc shift = top > ScoreRules<T>::kHidden ? top : Acc(0);
    if (p.op.sinks) total = exp2_of(sink - shift);
    for (std::int64_t c = 0; c < count; ++c) {
      Acc& weight = largest[first + c * rows];  // from here on what the piece counts
      weight = exp2_of(weight - shift);
      total += weight * totals[first + c * rows];
    }
    const Acc inverse = total == 0 ? Acc(0) : 1 / total;
    const Matrix<T> out = p.queries(p.op.output, s, h);
    T* to = const_cast<T*>(out.data) + i * out.row_stride;
    each_vector<L>(0, p.Dv, [&](std::int64_t d, int n) {
      V sums = splat(Acc(0));
      for (std::int64_t c = 0; c < count; ++c)
        if (totals[first + c * rows] != 0)
          sums = fma(splat(largest[first + c * rows]), load(outputs + (first + c * rows) * out_width + d), sums);
      write(to + d, sums * splat(inverse), n);
    });
    const Tensor& lse = p.op.lse ? p.op.lse : p.op.kept_lse;
    if (lse) lse.as<Acc>()[p.row(s, h, i)] = total == 0 ? top : top * static_cast<Acc>(kLn2) + std::log(total);
  }

  static void clear(Acc* begin, std::int64_t size) {
    __builtin_memset(begin, 0, static_cast<std::size_t>(size) * sizeof(Acc));
  }
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
