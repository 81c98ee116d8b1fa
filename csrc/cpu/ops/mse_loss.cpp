#include "core/ops/mse_loss.h"
#include "core/entries.h"
#include "cpu/loss.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// The arrays' elements in the order of memory.
template <class T>
struct Squares {
  using V = Vec<Accumulator<T>>;
  const T *x, *t, *weight;  // weight null: 1

  Squares(const MSELoss& op, Workspace& workspace)
      : x(in_format<T>(op.input, op.keeps_format(), workspace)),
        t(in_format<T>(op.target, op.keeps_format(), workspace)),
        weight(op.weight ? in_format<T>(op.weight, op.keeps_format(), workspace) : nullptr) {}

  FASTNETS_INLINE V difference(std::int64_t i, int n) const { return read(x + i, n) - read(t + i, n); }
  FASTNETS_INLINE V term(std::int64_t i, int n) const {
    const V d = difference(i, n);
    return weight ? read(weight + i, n) * d * d : d * d;
  }
};

template <class T>
void run_forward(const MSELoss& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  const Squares<T> s(op, workspace);
  const std::int64_t size = op.input.size();
  Acc* sums = workspace.take<Acc>(blocks_of(size));
  if (!workspace.base) return;
  auto divisor = static_cast<Acc>(size);
  if (s.weight && op.reduction == Reduction::mean)
    divisor = blocked_sum(size, sums, [&](std::int64_t, std::int64_t) {
      return [&](std::int64_t i, int n) { return read(s.weight + i, n); };
    });
  const Acc total = write_loss(op.reduction, size, divisor, sums, op.output.as<T>(), [&](std::int64_t, std::int64_t) {
    return [&](std::int64_t i, int n) { return s.term(i, n); };
  });
  if (op.sums) op.sums.as<Acc>()[0] = divisor, op.sums.as<Acc>()[1] = total;
}

// dx = 2 g w (x − t), dt = −dx, dw = g ((x − t)² − mean), the last term only where a mean divides by the weights' sum
template <class T>
void run_backward(const MSELoss& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const Squares<T> s(op, workspace);
  const std::int64_t size = op.input.size();
  const Acc* sums = op.sums ? op.sums.as<Acc>() : nullptr;
  const Acc divisor = sums && workspace.base ? sums[0] : static_cast<Acc>(size);
  const TermGradients<T> gradients(op.grad_output, op.reduction, op.keeps_format(), divisor, workspace);
  if (!workspace.base) return;
  const V mean = splat(sums ? sums[1] / sums[0] : Acc(0));
  const auto of = [](const Tensor& t) { return t ? t.as<T>() : nullptr; };
  T *dx = of(op.grad_input), *dt = of(op.grad_target), *dw = of(op.grad_weight);
  each_block(size, [&](std::int64_t begin, std::int64_t end) {
    each_vector<V::lanes>(begin, end, [&](std::int64_t i, int n) {
      const V g = gradients(i, n), d = s.difference(i, n);
      const V slope = (g + g) * (s.weight ? read(s.weight + i, n) * d : d);
      if (dx) write(dx + i, slope, n);
      if (dt) write(dt + i, splat(Acc(0)) - slope, n);
      if (dw) write(dw + i, g * (d * d - mean), n);
    });
  });
}

}  // namespace

void run(const MSELoss& op, Pass pass, Workspace& workspace) {
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace) : run_backward<T>(op, workspace);
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
