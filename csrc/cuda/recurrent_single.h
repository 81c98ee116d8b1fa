// A single step of one direction, which is what a cell computes: without the launches that only a layer needs.
#pragma once
#include "core/entries.h"
#include "core/ops/recurrent.h"
#include "cuda/backend/launch.h"
#include "cuda/backend/workspace.h"

namespace fastnets::cuda::FASTNETS_ARCH {

// A layer of one step counts too, as a net that generates has it. What no cell has is left to the layers.
inline bool is_single_step(const Recurrent& op) {
  const bool is_plain = !op.lengths && !op.direction[0].weight_hr && !op.drops() && op.zoneout == 0;
  return op.steps() == 1 && op.directions() == 1 && is_plain;
}

void run_single_step(const Recurrent& op, Pass pass, Workspace& workspace, Stream stream);

}  // namespace fastnets::cuda::FASTNETS_ARCH
