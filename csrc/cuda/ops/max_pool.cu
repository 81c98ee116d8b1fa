#include "core/ops/max_pool.h"

#include "cuda/max_windows.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {

void run(const MaxPool& op, Pass pass, Workspace& workspace, Stream stream) { run_max_of(op, pass, workspace, stream); }

}  // namespace fastnets::cuda::FASTNETS_ARCH
