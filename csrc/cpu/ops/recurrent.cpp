#include "core/ops/recurrent.h"
#include "core/entries.h"
#include "cpu/recurrent_backward.h"
#include "cpu/recurrent_forward.h"

namespace fastnets::cpu::FASTNETS_ISA {

void run(const Recurrent& op, Pass pass, Workspace& workspace) {
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    if (pass == Pass::forward)
      RecurrentForward<T>(op, workspace);
    else
      RecurrentBackward<T>(op, workspace);
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
