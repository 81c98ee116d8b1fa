#include "cuda/recurrent_single.h"

#include "core/entries.h"
#include "cuda/recurrent_single_backward.cuh"
#include "cuda/recurrent_single_forward.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {

void run_single_step(const Recurrent& op, Pass pass, Workspace& workspace, Stream stream) {
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) {
    visit_cell(op.cell, [&]<RecurrentCell kind>(std::integral_constant<RecurrentCell, kind>) {
      if (pass == Pass::forward)
        single_step_forward<T, kind>(op, workspace, stream);
      else
        single_step_backward<T, kind>(op, workspace, stream);
    });
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
