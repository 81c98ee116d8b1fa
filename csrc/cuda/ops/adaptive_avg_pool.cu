#include "core/ops/adaptive_avg_pool.h"

#include "cuda/mean_windows.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {

void run(const AdaptiveAvgPool& op, Pass pass, Workspace& workspace, Stream stream) {
  run_mean(op, pass, workspace, stream);
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
