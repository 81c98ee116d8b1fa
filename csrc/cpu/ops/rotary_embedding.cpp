#include "core/ops/rotary_embedding.h"

#include <cmath>

#include "core/entries.h"
#include "cpu/broadcast.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Cosines and sines of position · θ_i, a row for each position and a column for each pair, in float64 until they are
// kept. Of many positions, p = kStep · a + b: cos and sin of b · θ are computed once, those of kStep · a · θ where a
// changes from one position to the next, and the sum of both angles takes four products.
template <class Acc>
struct Angles {
  static constexpr std::int64_t kStep = 32;
  std::int64_t rows, pairs;
  bool by_steps;
  double *theta, *within;  // of each pair; (kStep, 2, pairs): cos and sin of b · θ
  Acc *cosines, *sines;    // (rows, pairs)

  Angles(std::int64_t rows_, std::int64_t pairs_, Workspace& workspace)
      : rows(rows_),
        pairs(pairs_),
        by_steps(rows >= 2 * kStep),
        theta(workspace.take<double>(pairs)),
        within(workspace.take<double>(by_steps ? kStep * 2 * pairs : 0)),
        cosines(workspace.take<Acc>(rows * pairs)),
        sines(workspace.take<Acc>(rows * pairs)) {}

  void fill(const std::int64_t* positions, const RotaryEmbedding& op, double sign) const {
    for (std::int64_t i = 0; i < pairs; ++i)
      theta[i] = std::pow(op.base, -2 * static_cast<double>(i) / static_cast<double>(op.turned()));
    if (by_steps)
      parallel_ranges(kStep, 4, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t b = begin; b < end; ++b) turn(b, within + b * 2 * pairs);
      });
    parallel_ranges(rows, 2 * kStep, [&](std::int64_t begin, std::int64_t end) {
      double* turned = static_cast<double*>(scratch(static_cast<std::size_t>(2 * pairs) * sizeof(double), 1));
      std::int64_t last = 0;
      for (std::int64_t r = begin; r < end; ++r) {
        const std::int64_t p = positions[r], b = by_steps ? p & (kStep - 1) : 0;
        if (r == begin || p - b != last) turn(last = p - b, turned);
        Acc *c = cosines + r * pairs, *s = sines + r * pairs;
        const double *ca = turned, *sa = turned + pairs, *cb = within + b * 2 * pairs, *sb = cb + pairs;
        for (std::int64_t i = 0; i < pairs; ++i) {
          c[i] = static_cast<Acc>(by_steps ? ca[i] * cb[i] - sa[i] * sb[i] : ca[i]);
          s[i] = static_cast<Acc>(sign * (by_steps ? sa[i] * cb[i] + ca[i] * sb[i] : sa[i]));
        }
      }
    });
  }

 private:
  void turn(std::int64_t position, double* out) const {
    for (std::int64_t i = 0; i < pairs; ++i) {
      const double angle = static_cast<double>(position) * theta[i];
      out[i] = std::cos(angle), out[pairs + i] = std::sin(angle);
    }
  }
};

// One row: pairs (i, i + pairs).
template <class T>
FASTNETS_INLINE void turn_halves(const T* x, const Accumulator<T>* cosines, const Accumulator<T>* sines,
                                 std::int64_t pairs, T* y) {
  each_vector<kLanes<T>>(0, pairs, [&](std::int64_t i, int n) {
    const auto a = read(x + i, n), b = read(x + pairs + i, n), c = read(cosines + i, n), s = read(sines + i, n);
    write(y + i, a * c - b * s, n);
    write(y + pairs + i, b * c + a * s, n);
  });
}

// One row: pairs (2i, 2i + 1).
template <class T>
FASTNETS_INLINE void turn_neighbours(const T* x, const Accumulator<T>* cosines, const Accumulator<T>* sines,
                                     std::int64_t pairs, T* y) {
  for (std::int64_t i = 0; i < pairs; ++i) {
    const Accumulator<T> a = widen(x[2 * i]), b = widen(x[2 * i + 1]);
    y[2 * i] = narrow<T>(a * cosines[i] - b * sines[i]);
    y[2 * i + 1] = narrow<T>(b * cosines[i] + a * sines[i]);
  }
}

// The input by the angles, or the output's gradient back. A task has some rows.
template <class T>
void turn_rows(const RotaryEmbedding& op, const Tensor& from, const Tensor& to, double sign, Workspace& workspace) {
  using Acc = Accumulator<T>;
  const std::int64_t* positions = indices_of(op.positions, workspace);
  const std::int64_t D = op.input.shape[op.input.ndim - 1], turned = op.turned(), pairs = turned / 2;
  const Angles<Acc> angles(op.positions.size(), pairs, workspace);
  if (!workspace.base || !from.size()) return;
  angles.fill(positions, op, sign);
  Tensor numbers, lead = op.input;  // which row of the angles belongs to which row of the input
  numbers.describe(DType::int64, {}, op.positions.ndim, op.positions.shape);
  --lead.ndim;
  numbers = broadcast(numbers, lead);
  const std::int64_t step = from.stride[from.ndim - 1];
  parallel_ranges(from.size() / D, most(1, 8192 / D), [&](std::int64_t begin, std::int64_t end) {
    T* gathered = step == 1 ? nullptr : static_cast<T*>(scratch(static_cast<std::size_t>(D) * sizeof(T), 1));
    for (std::int64_t row = begin; row < end; ++row) {
      std::int64_t rest = row, offset = 0, number = 0;
      for (int d = lead.ndim - 1; d >= 0; --d) {
        const std::int64_t i = rest % lead.shape[d];
        offset += i * from.stride[d], number += i * numbers.stride[d];
        rest /= lead.shape[d];
      }
      const T* x = from.as<T>() + offset;
      if (gathered) {
        for (std::int64_t i = 0; i < D; ++i) gathered[i] = x[i * step];
        x = gathered;
      }
      T* y = to.as<T>() + row * D;
      const Acc *c = angles.cosines + number * pairs, *s = angles.sines + number * pairs;
      op.interleaved ? turn_neighbours<T>(x, c, s, pairs, y) : turn_halves<T>(x, c, s, pairs, y);
      __builtin_memcpy(y + turned, x + turned, static_cast<std::size_t>(D - turned) * sizeof(T));
    }
  });
}

}  // namespace

void run(const RotaryEmbedding& op, Pass pass, Workspace& workspace) {
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    if (pass == Pass::forward)
      turn_rows<T>(op, op.input, op.output, 1, workspace);
    else if (op.grad_input)
      turn_rows<T>(op, op.grad_output, op.grad_input, -1, workspace);
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
