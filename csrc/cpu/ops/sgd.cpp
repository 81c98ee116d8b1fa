#include "core/ops/sgd.h"

#include "core/entries.h"
#include "cpu/in_place.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// T is the parameter's type, G the gradient's.
template <class T, class G>
void step(const Sgd& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const bool plain = are_plain({&op.parameter, &op.momentum_buffer, &op.master});
  const G* gradient = in_format<G>(op.gradient, plain && op.parameter.is_channels_last(), workspace);
  const InPlace<T> parameters(op.parameter, plain, workspace);
  const InPlace<Acc> masters(op.master, plain, workspace), buffers(op.momentum_buffer, plain, workspace);
  if (!workspace.base) return;
  const auto number = [](double x) { return splat(static_cast<Acc>(x)); };
  const V sign = number(op.maximize ? -1 : 1), decay = number(op.weight_decay), rate = number(op.lr);
  const V momentum = number(op.momentum), share = number(1 - op.dampening);
  const bool decays = op.weight_decay != 0, has_momentum = op.momentum != 0;
  T* parameter = parameters.data;
  Acc *master = masters.data, *buffer = buffers.data;
  each_vector<Acc>(op.parameter.size(), [&](std::int64_t i, auto read, auto write) {
    const V before = master ? read(master + i) : read(parameter + i);
    V g = sign * read(gradient + i);
    if (decays) g = fma(decay, before, g);
    if (has_momentum) {
      const V moving = op.is_first ? g : fma(momentum, read(buffer + i), share * g);
      write(buffer + i, moving);
      g = op.nesterov ? fma(momentum, moving, g) : moving;
    }
    const V after = before - rate * g;
    if (master) write(master + i, after);
    write(parameter + i, after);
  });
  parameters.finish(), masters.finish(), buffers.finish();
}

}  // namespace

void run(const Sgd& op, Pass pass, Workspace& workspace) {
  if (pass == Pass::backward) return;  // an update has no gradient: none of its fields has one to ask for
  visit_float(op.parameter.dtype, [&]<class T>(Type<T>) {
    op.gradient.dtype == op.parameter.dtype ? step<T, T>(op, workspace) : step<T, Accumulator<T>>(op, workspace);
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
