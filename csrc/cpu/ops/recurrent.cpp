#include "core/ops/recurrent.h"
#include "core/entries.h"
#include "cpu/recurrent_backward.h"
#include "cpu/recurrent_forward.h"

namespace fastnets::cpu::FASTNETS_ISA {

void run(const Recurrent& op, Pass pass, Workspace& workspace) {
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    visit_cell(op.cell, [&]<RecurrentCell kind>(std::integral_constant<RecurrentCell, kind>) {
      if (pass == Pass::forward)
        RecurrentForward<T, kind>(op, workspace);
      else
        RecurrentBackward<T, kind>(op, workspace);
    });
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
