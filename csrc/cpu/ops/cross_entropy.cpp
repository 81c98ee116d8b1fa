#include "cpu/cross_entropy.h"
#include "core/entries.h"
#include "core/ops/cross_entropy.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

template <class T>
Problem<T> problem_of(const CrossEntropy& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  const bool channels_last = op.keeps_format();
  Problem<T> p{};
  read_samples<Acc>(op, op.has_indices(), workspace, p);
  p.keep = static_cast<Acc>(1 - op.label_smoothing),
  p.even = static_cast<Acc>(op.label_smoothing / static_cast<double>(p.C));
  p.x = in_format<T>(op.input, channels_last, workspace);
  Acc *spread = workspace.take<Acc>(p.C), *ones = op.weight ? nullptr : workspace.take<Acc>(p.C);
  p.spread = spread;
  if (!op.weight) p.weight = ones;
  if (workspace.base) {
    for (std::int64_t c = 0; ones && c < p.C; ++c) ones[c] = 1;
    for (std::int64_t c = 0; c < p.C; ++c) spread[c] = p.even * p.weight[c];
    p.spread_sum = chained_sum<Acc>(p.C, [&](std::int64_t c, int n) { return load(spread + c, n); });
  }
  if (!op.has_indices()) {
    p.kind = Target::probabilities;
    p.probabilities = in_format<T>(op.target, channels_last, workspace);
  } else if (op.label_smoothing > 0) {
    p.kind = Target::smoothed_labels;
  }
  return p;
}

template <class T>
void run_forward(const CrossEntropy& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  const Problem<T> p = problem_of<T>(op, workspace);
  Acc *losses = workspace.take<Acc>(p.rows), *counts = workspace.take<Acc>(p.rows);
  Acc* sums = workspace.take<Acc>(blocks_of(p.rows));
  Acc* lse = op.log_sum_exp ? op.log_sum_exp.as<Acc>() : workspace.take<Acc>(p.rows + 1);
  if (!workspace.base) return;
  visit_target(p.kind, [&]<Target kind>(std::integral_constant<Target, kind>) { row_losses<T, kind>(p, losses, lse); });
  lse[p.rows] = p.labels ? total_weight(p, counts, sums) : static_cast<Acc>(p.rows);
  write_loss(op.reduction, p.rows, lse[p.rows], sums, op.output.as<T>(),
             [&](std::int64_t, std::int64_t) { return [&](std::int64_t i, int n) { return read(losses + i, n); }; });
}

template <class T>
void run_backward(const CrossEntropy& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  const Problem<T> p = problem_of<T>(op, workspace);
  const T* dy = contiguous<T>(op.grad_output, workspace);
  Acc *gradients = workspace.take<Acc>(p.rows), *masses = workspace.take<Acc>(p.rows);
  if (!workspace.base) return;
  const Acc* lse = op.log_sum_exp.as<Acc>();
  const Acc divisor = op.reduction == Reduction::mean ? lse[p.rows] : Acc(1);
  parallel_ranges(p.rows, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      gradients[row] = p.ignores(row) ? 0 : widen(dy[op.reduction == Reduction::none ? row : 0]) / divisor;
      masses[row] = p.labels ? p.keep * p.label_weight(row) + p.spread_sum : 0;  // of probabilities: found on the way
    }
  });
  T* dx = op.grad_input ? op.grad_input.as<T>() : nullptr;
  T* dtarget = op.grad_target && p.probabilities ? op.grad_target.as<T>() : nullptr;
  visit_target(p.kind, [&]<Target kind>(std::integral_constant<Target, kind>) {
    row_gradients<T, kind>(p, lse, gradients, masses, dx, dtarget);
  });
}

}  // namespace

void run(const CrossEntropy& op, Pass pass, Workspace& workspace) {
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace) : run_backward<T>(op, workspace);
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
