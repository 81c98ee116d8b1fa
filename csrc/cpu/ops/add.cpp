#include "core/ops/add.h"

#include "core/entries.h"
#include "cpu/in_place.h"

namespace fastnets::cpu::FASTNETS_ISA {

void run(const Add& op, Pass pass, Workspace& workspace) {
  if (pass == Pass::backward) return;  // it is not differentiated
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    const bool channels_last = op.input.is_channels_last();
    const T* a = in_format<T>(op.input, channels_last, workspace);
    const T* b = in_format<T>(op.other, channels_last, workspace);
    if (!workspace.base) return;
    T* y = op.output.as<T>();
    each_vector<Accumulator<T>>(
        op.input.size(), [&](std::int64_t i, auto read, auto write) { write(y + i, read(a + i) + read(b + i)); });
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
