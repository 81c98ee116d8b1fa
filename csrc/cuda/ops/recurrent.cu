#include "core/ops/recurrent.h"

#include "core/entries.h"
#include "cuda/recurrent_backward.cuh"
#include "cuda/recurrent_forward.cuh"
#include "cuda/recurrent_single.h"

namespace fastnets::cuda::FASTNETS_ARCH {

void run(const Recurrent& op, Pass pass, Workspace& workspace, Stream stream) {
  if (is_single_step(op)) return run_single_step(op, pass, workspace, stream);
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) {
    visit_cell(op.cell, [&]<RecurrentCell kind>(std::integral_constant<RecurrentCell, kind>) {
      if (pass == Pass::forward)
        RecurrentForward<T, kind>(op, workspace, stream);
      else
        RecurrentBackward<T, kind>(op, workspace, stream);
    });
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
