#include "core/ops/adam.h"

#include "core/entries.h"
#include "cpu/in_place.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// T is the parameter's type, G the gradient's.
template <class T, class G>
void step(const Adam& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const bool plain = are_plain({&op.parameter, &op.exp_avg, &op.exp_avg_sq, &op.master});
  const G* gradient = in_format<G>(op.gradient, plain && op.parameter.is_channels_last(), workspace);
  const InPlace<T> parameters(op.parameter, plain, workspace);
  const InPlace<Acc> masters(op.master, plain, workspace), first_moments(op.exp_avg, plain, workspace);
  const InPlace<Acc> second_moments(op.exp_avg_sq, plain, workspace);
  if (!workspace.base) return;
  const double correction1 = 1 - std::pow(op.beta1, static_cast<double>(op.step));
  const double correction2 = 1 - std::pow(op.beta2, static_cast<double>(op.step));
  const auto number = [](double x) { return splat(static_cast<Acc>(x)); };
  const bool couples = op.weight_decay != 0 && !op.decoupled_weight_decay;
  const V keep = number(op.decoupled_weight_decay ? 1 - op.lr * op.weight_decay : 1), decay = number(op.weight_decay);
  const V sign = number(op.maximize ? -1 : 1), rate = number(op.lr / correction1), eps = number(op.eps);
  const V beta1 = number(op.beta1), rest1 = number(1 - op.beta1), beta2 = number(op.beta2),
          rest2 = number(1 - op.beta2);
  const V root = number(1 / std::sqrt(correction2));
  T* parameter = parameters.data;
  Acc *master = masters.data, *m = first_moments.data, *v = second_moments.data;
  each_vector<Acc>(op.parameter.size(), [&](std::int64_t i, auto read, auto write) {
    const V before = master ? read(master + i) : read(parameter + i);
    V g = sign * read(gradient + i);
    if (couples) g = fma(decay, before, g);
    const V first = fma(beta1, read(m + i), rest1 * g), second = fma(beta2, read(v + i), rest2 * g * g);
    const V after = before * keep - rate * first / fma(sqrt(second), root, eps);
    write(m + i, first);
    write(v + i, second);
    if (master) write(master + i, after);
    write(parameter + i, after);
  });
  parameters.finish(), masters.finish(), first_moments.finish(), second_moments.finish();
}

}  // namespace

void run(const Adam& op, Pass pass, Workspace& workspace) {
  if (pass == Pass::backward) return;  // an update has no gradient: none of its fields has one to ask for
  visit_float(op.parameter.dtype, [&]<class T>(Type<T>) {
    op.gradient.dtype == op.parameter.dtype ? step<T, T>(op, workspace) : step<T, Accumulator<T>>(op, workspace);
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
