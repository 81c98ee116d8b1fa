#include "core/ops/elementwise.h"
#include "core/entries.h"
#include "cpu/activation.h"
#include "cpu/layout.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

template <class T>
void run_forward(const Elementwise& op, Workspace& workspace) {
  using V = Vec<Accumulator<T>>;
  const T* x = in_format<T>(op.input, op.input.is_channels_last(), workspace);
  if (!workspace.base) return;
  T* y = op.output.as<T>();
  const auto alpha = static_cast<Accumulator<T>>(op.alpha);
  // The function is chosen outside the loop: a branch in it would cost as much as relu does.
  visit_activation(op.kind, [&](auto kind) {
    parallel_ranges(op.input.size(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
      std::int64_t i = begin;
      for (; i + V::lanes <= end; i += V::lanes) store(y + i, activate(kind(), load(x + i), alpha));
      const int n = static_cast<int>(end - i);
      if (n > 0) store(y + i, activate(kind(), load(x + i, n), alpha), n);
    });
  });
}

template <class T>
void run_backward(const Elementwise& op, Workspace& workspace) {
  if (!op.grad_input) return;
  const bool channels_last = op.input.is_channels_last();
  const T* dy = in_format<T>(op.grad_output, channels_last, workspace);
  const T* x = in_format<T>(op.input, channels_last, workspace);
  const T* y = in_format<T>(op.output, channels_last, workspace);
  if (!workspace.base) return;
  grad_activation(op.kind, dy, x, y, op.input.size(), op.grad_input.as<T>(), static_cast<Accumulator<T>>(op.alpha));
}

}  // namespace

void run(const Elementwise& op, Pass pass, Workspace& workspace) {
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace) : run_backward<T>(op, workspace);
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
