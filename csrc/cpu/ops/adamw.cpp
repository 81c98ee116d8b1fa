#include <cmath>

#include "core/ops.h"
#include "cpu/layout.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// One pass over memory: what is read of an element is written before the next vector is looked at.
template <class T>
void run_forward(const AdamW& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const T* gradient = in_format<T>(op.gradient, !op.parameter.is_contiguous(), workspace);
  if (!workspace.base) return;
  const double correction1 = 1 - std::pow(op.beta1, static_cast<double>(op.step));
  const double correction2 = 1 - std::pow(op.beta2, static_cast<double>(op.step));
  const auto number = [](double x) { return splat(static_cast<Acc>(x)); };
  const V keep = number(1 - op.lr * op.weight_decay), rate = number(op.lr / correction1), eps = number(op.eps);
  const V beta1 = number(op.beta1), rest1 = number(1 - op.beta1), beta2 = number(op.beta2),
          rest2 = number(1 - op.beta2);
  const V root = number(1 / std::sqrt(correction2));
  T* parameter = op.parameter.as<T>();
  Acc* master = op.master ? op.master.as<Acc>() : nullptr;
  Acc *m = op.exp_avg.as<Acc>(), *v = op.exp_avg_sq.as<Acc>();
  const auto update = [&](std::int64_t i, auto read, auto write) {
    const V g = read(gradient + i);
    const V first = fma(beta1, read(m + i), rest1 * g), second = fma(beta2, read(v + i), rest2 * g * g);
    const V before = (master ? read(master + i) : read(parameter + i)) * keep;
    const V after = before - rate * first / fma(sqrt(second), root, eps);
    write(m + i, first);
    write(v + i, second);
    if (master) write(master + i, after);
    write(parameter + i, after);
  };
  parallel_ranges(op.parameter.size(), 1 << 13, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t i = begin;
    for (; i + V::lanes <= end; i += V::lanes)
      update(i, [](const auto* p) { return load(p); }, [](auto* p, V x) { store(p, x); });
    const int n = static_cast<int>(end - i);
    if (n > 0) update(i, [n](const auto* p) { return load(p, n); }, [n](auto* p, V x) { store(p, x, n); });
  });
}

void run(const AdamW& op, Workspace& workspace) {
  visit_float(op.parameter.dtype, [&]<class T>(Type<T>) { run_forward<T>(op, workspace); });
}

}  // namespace

std::size_t workspace_bytes(const AdamW& op, Pass) {
  Workspace count;
  run(op, count);
  return count.used;
}
void forward(const AdamW& op, const Context& context) {
  Workspace workspace{context.workspace};
  run(op, workspace);
}
void backward(const AdamW&, const Context&) {}  // an update has no gradient: none of its fields has one to ask for

}  // namespace fastnets::cpu::FASTNETS_ISA
