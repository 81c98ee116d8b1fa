#include "core/ops/avg_pool.h"

#include "cuda/mean_windows.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {

void run(const AvgPool& op, Pass pass, Workspace& workspace, Stream stream) { run_mean(op, pass, workspace, stream); }

}  // namespace fastnets::cuda::FASTNETS_ARCH
