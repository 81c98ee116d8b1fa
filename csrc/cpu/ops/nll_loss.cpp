#include "core/ops/nll_loss.h"
#include "core/entries.h"
#include "cpu/loss.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

template <class T>
void run_forward(const NLLLoss& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  Samples<Acc> s;
  read_samples(op, true, workspace, s);
  const T* x = in_format<T>(op.input, op.input.is_channels_last(), workspace);
  Acc *terms = workspace.take<Acc>(s.rows), *sums = workspace.take<Acc>(blocks_of(s.rows));
  if (!workspace.base) return;
  const bool has_total = op.total_weight || op.reduction == Reduction::mean;
  const Acc total = has_total ? total_weight(s, terms, sums) : 0;
  if (op.total_weight) op.total_weight.as<Acc>()[0] = total;
  parallel_ranges(s.rows, 1 << 12, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row)
      terms[row] = s.ignores(row) ? 0 : -s.label_weight(row) * widen(x[s.logit(row, s.labels[row])]);
  });
  write_loss(op.reduction, s.rows, total, sums, op.output.as<T>(),
             [&](std::int64_t, std::int64_t) { return [&](std::int64_t i, int n) { return read(terms + i, n); }; });
}

template <class T>
void run_backward(const NLLLoss& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  if (!op.grad_input) return;
  Samples<Acc> s;
  read_samples(op, true, workspace, s);
  const T* dy = contiguous<T>(op.grad_output, workspace);
  if (!workspace.base) return;
  T* dx = op.grad_input.as<T>();
  const bool each = op.reduction == Reduction::none;
  const Acc divisor = op.reduction == Reduction::mean ? op.total_weight.as<Acc>()[0] : Acc(1);
  const auto clear = [&](std::int64_t begin, std::int64_t end) {
    __builtin_memset(dx + begin, 0, static_cast<std::size_t>(end - begin) * sizeof(T));
  };
  const auto set = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row)
      if (!s.ignores(row))
        dx[s.logit(row, s.labels[row])] = narrow<T>(-s.label_weight(row) * (widen(dy[each ? row : 0]) / divisor));
  };
  if (s.D == 1) {  // while a piece is still in the cache
    const std::int64_t grain = divide_up(1 << 15, most(1, s.C));
    return parallel_ranges(s.rows, grain, [&](std::int64_t begin, std::int64_t end) {
      clear(begin * s.C, end * s.C);
      set(begin, end);
    });
  }
  parallel_ranges(op.input.size(), 1 << 15, clear);
  parallel_ranges(s.rows, 1 << 12, set);
}

}  // namespace

void run(const NLLLoss& op, Pass pass, Workspace& workspace) {
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace) : run_backward<T>(op, workspace);
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
