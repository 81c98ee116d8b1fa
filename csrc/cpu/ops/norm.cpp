#include "core/ops/norm.h"

#include <cmath>

#include "core/entries.h"
#include "cpu/in_place.h"
#include "cpu/reduce.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

constexpr std::int64_t kPiece = 1 << 14;  // elements whose sum a task forms

// Σ |x|ᵖ over a block.
template <class T>
Accumulator<T> power_sum(const T* x, std::int64_t size, double p) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const auto powers = [&](auto power) {
    return chained_sum<Acc>(size, [&](std::int64_t i, int n) { return power(read(x + i, n)); });
  };
  if (p == 1) return powers([](V v) { return abs(v); });
  if (p == 2) return powers([](V v) { return v * v; });
  return powers([p](V v) {
    return each_lane(abs(v), [p](Acc e) { return static_cast<Acc>(std::pow(static_cast<double>(e), p)); });
  });
}

// A nan is the largest.
template <class T>
Accumulator<T> largest(const T* x, std::int64_t size) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  V best = splat(Acc(0));
  for (std::int64_t i = 0; i < size; i += V::lanes) {
    const V v = abs(read(x + i, static_cast<int>(least(V::lanes, size - i))));
    best = select(is_nan(best), best, max(best, v));
  }
  Acc lanes[V::lanes], found = 0;
  store(lanes, best);
  for (const Acc e : lanes)
    if (e > found || e != e) found = e;
  return found;
}

// Neighbours are added until one number is left.
template <class Acc>
Acc tree_sum(Acc* terms, std::int64_t count) {
  for (; count > 1; count = divide_up(count, 2))
    for (std::int64_t i = 0; 2 * i < count; ++i)
      terms[i] = 2 * i + 1 < count ? terms[2 * i] + terms[2 * i + 1] : terms[2 * i];
  return count ? terms[0] : 0;
}

template <class T>
double norm(const Norm& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  const T* x = in_format<T>(op.input, op.input.is_channels_last(), workspace);
  const std::int64_t size = op.input.size(), blocks = divide_up(size, kPiece);
  Acc* parts = workspace.take<Acc>(blocks);
  if (!workspace.base) return 0;
  const double p = op.norm_type, previous = number(op.previous);
  const bool is_largest = std::isinf(p);
  const auto task = [&](std::int64_t t) {
    const T* block = x + t * kPiece;
    const std::int64_t some = least(kPiece, size - t * kPiece);
    parts[t] = is_largest ? largest(block, some) : power_sum(block, some, p);
  };
  parallel(blocks, task);
  if (is_largest) {
    double found = previous;
    for (std::int64_t t = 0; t < blocks; ++t)
      if (parts[t] > found || parts[t] != parts[t]) found = static_cast<double>(parts[t]);
    return found;
  }
  const auto total = static_cast<double>(tree_sum(parts, blocks));
  return p == 2 ? std::sqrt(total + previous * previous) : std::pow(total + std::pow(previous, p), 1 / p);
}

}  // namespace

void run(const Norm& op, Pass pass, Workspace& workspace) {
  if (pass == Pass::backward) return;  // it is not differentiated
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    const double found = norm<T>(op, workspace);
    if (!workspace.base) return;
    if (op.output.dtype == DType::float64)
      *op.output.as<double>() = found;
    else
      *op.output.as<float>() = static_cast<float>(found);
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
