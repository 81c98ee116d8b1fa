#include "core/ops/clip.h"

#include "core/entries.h"
#include "cpu/in_place.h"

namespace fastnets::cpu::FASTNETS_ISA {

void run(const Clip& op, Pass pass, Workspace& workspace) {
  if (pass == Pass::backward) return;  // it is not differentiated
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    using Acc = Accumulator<T>;
    const T* x = in_format<T>(op.input, op.input.is_channels_last(), workspace);
    if (!workspace.base) return;
    const double quotient = op.max_norm / (number(op.norm) + 1e-6);
    const Vec<Acc> coefficient = splat(static_cast<Acc>(quotient > 1 ? 1 : quotient));  // a nan stays
    T* y = op.output.as<T>();
    each_vector<Acc>(op.input.size(),
                     [&](std::int64_t i, auto read, auto write) { write(y + i, coefficient * read(x + i)); });
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
