#include <cmath>
#include <limits>

#include "core/ops.h"
#include "cpu/images.h"
#include "cpu/math.h"
#include "cpu/reduce.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Rows are (n, d) of input (N, C, D); a task takes some with one n and has their logits one row after the other.
template <class T>
struct Problem {
  using Acc = Accumulator<T>;
  std::int64_t rows, C, D, ignore_index;
  const T* x;
  const std::int64_t* labels;  // or null: then
  const T* probabilities;      // as x
  const Acc* weight;           // or null: 1
  Acc weight_sum;
  Acc smoothing;

  FASTNETS_INLINE Acc class_weight(std::int64_t c) const { return weight ? weight[c] : Acc(1); }
  FASTNETS_INLINE bool ignores(std::int64_t row) const { return labels && labels[row] == ignore_index; }
  FASTNETS_INLINE Vec<Acc> class_weights(std::int64_t c, int n) const {
    return weight ? load(weight + c, n) : splat(Acc(1));
  }
};

constexpr std::int64_t kTogether = 16;  // rows of a task whose classes are not side by side

template <class T>
FASTNETS_INLINE std::int64_t rows_together(const Problem<T>& p) {
  return p.D == 1 ? most(1, least(256, (1 << 14) / most(1, p.C))) : kTogether;
}

// Calls f(first row, count, offset of its logits) for pieces of rows that lie side by side.
template <class T, class F>
void each_piece(const Problem<T>& p, const F& f) {
  if (!p.rows) return;
  const std::int64_t together = rows_together(p), line = p.D == 1 ? p.rows : p.D, pieces = divide_up(line, together);
  const auto task = [&](std::int64_t t) {
    const std::int64_t n = t / pieces, first = t % pieces * together;
    f(n * line + first, least(together, line - first), p.D == 1 ? first * p.C : n * p.C * p.D + first);
  };
  parallel(p.rows / line * pieces, task);
}

// values[i][c] of some rows, from memory or back to it.
template <class T>
void gather(const Problem<T>& p, const T* from, std::int64_t count, Accumulator<T>* values) {
  for (std::int64_t c = 0; c < p.C; ++c)
    for (std::int64_t i = 0; i < count; ++i) values[i * p.C + c] = widen(from[p.D == 1 ? i * p.C + c : c * p.D + i]);
}
template <class T>
void scatter(const Problem<T>& p, const Accumulator<T>* values, std::int64_t count, T* to) {
  for (std::int64_t c = 0; c < p.C; ++c)
    for (std::int64_t i = 0; i < count; ++i) to[p.D == 1 ? i * p.C + c : c * p.D + i] = narrow<T>(values[i * p.C + c]);
}

template <class Acc>
FASTNETS_INLINE Acc log_sum_exp(const Acc* x, std::int64_t C) {
  Acc largest = -std::numeric_limits<Acc>::infinity();
  bool nan = false;
  for (std::int64_t c = 0; c < C; ++c) largest = x[c] > largest ? x[c] : largest, nan = nan || x[c] != x[c];
  if (nan || std::isinf(largest)) return nan || largest > 0 ? std::numeric_limits<Acc>::quiet_NaN() : -largest * 0;
  const Acc total = chained_sum<Acc>(C, [&](std::int64_t i, int n) {
    const Vec<Acc> e = exp(load(x + i, n) - splat(largest));
    return first_of(e, n);
  });
  return largest + static_cast<Acc>(std::log(static_cast<double>(total)));
}

template <class T>
Accumulator<T> row_loss(const Problem<T>& p, std::int64_t row, const Accumulator<T>* x, const Accumulator<T>* target,
                        Accumulator<T> lse) {
  using Acc = Accumulator<T>;
  if (p.ignores(row)) return 0;
  const Acc even = p.smoothing / static_cast<Acc>(p.C);
  Acc loss = 0;
  if (p.labels) {
    const std::int64_t y = p.labels[row];
    loss = (1 - p.smoothing) * p.class_weight(y) * (lse - x[y]);
    if (p.smoothing == 0) return loss;
    return loss + even * chained_sum<Acc>(p.C, [&](std::int64_t c, int n) {
                    return first_of(p.class_weights(c, n) * (splat(lse) - load(x + c, n)), n);
                  });
  }
  return chained_sum<Acc>(p.C, [&](std::int64_t c, int n) {
    const Vec<Acc> t = fma(load(target + c, n), splat(1 - p.smoothing), splat(even));
    return first_of(p.class_weights(c, n) * t * (splat(lse) - load(x + c, n)), n);
  });
}

template <class T>
Problem<T> problem_of(const CrossEntropy& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  const int axis = op.class_dim();
  Problem<T> p{};
  p.C = op.input.shape[axis], p.D = 1;
  for (int d = axis + 1; d < op.input.ndim; ++d) p.D *= op.input.shape[d];
  p.rows = (axis ? op.input.shape[0] : 1) * p.D;
  p.ignore_index = op.ignore_index, p.smoothing = static_cast<Acc>(op.label_smoothing);
  p.x = contiguous<T>(op.input, workspace);
  if (op.has_indices()) {
    std::int64_t* labels = workspace.take<std::int64_t>(p.rows);
    if (labels) visit_index(op.target.dtype, [&]<class I>(Type<I>) { copy_contiguous<I>(op.target, labels); });
    p.labels = labels;
  } else {
    p.probabilities = contiguous<T>(op.target, workspace);
  }
  p.weight_sum = static_cast<Acc>(p.C);
  if (op.weight) {
    Acc* weight = workspace.take<Acc>(p.C);
    if (weight) {
      visit_float(op.weight.dtype, [&]<class W>(Type<W>) {
        for (std::int64_t c = 0; c < p.C; ++c)
          weight[c] = static_cast<Acc>(widen(op.weight.as<W>()[c * op.weight.stride[0]]));
      });
      p.weight_sum = chained_sum<Acc>(p.C, [&](std::int64_t c, int n) { return load(weight + c, n); });
    }
    p.weight = weight;
  }
  return p;
}

template <class T>
void run_forward(const CrossEntropy& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  const Problem<T> p = problem_of<T>(op, workspace);
  Acc* losses = workspace.take<Acc>(p.rows);
  if (!workspace.base) return;
  Acc* kept = op.log_sum_exp ? op.log_sum_exp.as<Acc>() : nullptr;
  each_piece(p, [&](std::int64_t first, std::int64_t count, std::int64_t at) {
    Workspace room;
    room.take<Acc>(count * p.C), room.take<Acc>(count * p.C);
    room = {static_cast<std::byte*>(scratch(room.used, 1)), 0};
    Acc *x = room.take<Acc>(count * p.C), *target = room.take<Acc>(count * p.C);
    gather(p, p.x + at, count, x);
    if (p.probabilities) gather(p, p.probabilities + at, count, target);
    for (std::int64_t i = 0; i < count; ++i) {
      const Acc lse = log_sum_exp(x + i * p.C, p.C);
      losses[first + i] = row_loss(p, first + i, x + i * p.C, target + i * p.C, lse);
      if (kept) kept[first + i] = lse;
    }
  });
  double total = 0, denominator = p.labels ? 0 : static_cast<double>(p.rows);
  for (std::int64_t row = 0; row < p.rows; ++row) {
    total += static_cast<double>(losses[row]);
    if (p.labels && !p.ignores(row)) denominator += static_cast<double>(p.class_weight(p.labels[row]));
  }
  if (kept) kept[p.rows] = static_cast<Acc>(denominator);
  T* out = op.output.as<T>();
  if (op.reduction == Reduction::none)
    for (std::int64_t row = 0; row < p.rows; ++row) out[row] = narrow<T>(losses[row]);
  else
    out[0] = narrow<T>(static_cast<Acc>(op.reduction == Reduction::mean ? total / denominator : total));
}

// dx[c] = g · (softmax(x)[c] · sum_k w[k] t[k] − w[c] t[c]),  dtarget[c] = −g · (1 − ε) · w[c] · log softmax(x)[c]
template <class T>
void run_backward(const CrossEntropy& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const Problem<T> p = problem_of<T>(op, workspace);
  const T* dy = contiguous<T>(op.grad_output, workspace);
  if (!workspace.base) return;
  const Acc* lse = op.log_sum_exp.as<Acc>();
  const Acc even = p.smoothing / static_cast<Acc>(p.C), rest = 1 - p.smoothing;
  each_piece(p, [&](std::int64_t first, std::int64_t count, std::int64_t at) {
    Workspace room;
    room.take<Acc>(count * p.C), room.take<Acc>(count * p.C);
    room = {static_cast<std::byte*>(scratch(room.used, 1)), 0};
    Acc *x = room.take<Acc>(count * p.C), *target = room.take<Acc>(count * p.C);
    gather(p, p.x + at, count, x);
    if (p.probabilities) gather(p, p.probabilities + at, count, target);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t row = first + i;
      Acc g = widen(dy[op.reduction == Reduction::none ? row : 0]);
      if (op.reduction == Reduction::mean) g /= lse[p.rows];
      Acc *logits = x + i * p.C, *t = target + i * p.C;
      if (p.ignores(row)) {
        for (std::int64_t c = 0; c < p.C; ++c) logits[c] = 0;
        continue;
      }
      Acc mass;  // sum_k w[k] t[k]
      if (p.labels) {
        mass = rest * p.class_weight(p.labels[row]) + even * p.weight_sum;
      } else {
        mass = chained_sum<Acc>(p.C, [&](std::int64_t c, int n) {
          return first_of(p.class_weights(c, n) * fma(load(t + c, n), splat(rest), splat(even)), n);
        });
      }
      const Acc label_logit = p.labels ? logits[p.labels[row]] : Acc(0);
      for (std::int64_t c = 0; c < p.C; c += V::lanes) {
        const int n = static_cast<int>(least(V::lanes, p.C - c));
        const V w = p.class_weights(c, n), log_p = load(logits + c, n) - splat(lse[row]);
        V share = splat(even);
        if (!p.labels) {
          share = fma(load(t + c, n), splat(rest), share);
          store(t + c, splat(-g * rest) * w * log_p, n);
        }
        store(logits + c, splat(g) * (exp(log_p) * splat(mass) - w * share), n);
      }
      if (p.labels) {  // the label's own class: its share of 1 − ε is still missing
        const std::int64_t y = p.labels[row];
        const Acc w = p.class_weight(y), own = sum(first_of(exp(splat(label_logit - lse[row])), 1));
        logits[y] = g * (own * mass - w * (even + rest));
      }
    }
    if (op.grad_input) scatter(p, x, count, op.grad_input.as<T>() + at);
    if (op.grad_target && p.probabilities) scatter(p, target, count, op.grad_target.as<T>() + at);
  });
}

void run(const CrossEntropy& op, Pass pass, Workspace& workspace) {
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace) : run_backward<T>(op, workspace);
  });
}

}  // namespace

std::size_t workspace_bytes(const CrossEntropy& op, Pass pass) {
  Workspace count;
  run(op, pass, count);
  return count.used;
}
void forward(const CrossEntropy& op, const Context& context) {
  Workspace workspace{context.workspace};
  run(op, Pass::forward, workspace);
}
void backward(const CrossEntropy& op, const Context& context) {
  Workspace workspace{context.workspace};
  run(op, Pass::backward, workspace);
}

}  // namespace fastnets::cpu::FASTNETS_ISA
