#include "core/ops/adaptive_avg_pool.h"
#include "cpu/mean_windows.h"

namespace fastnets::cpu::FASTNETS_ISA {

void run(const AdaptiveAvgPool& op, Pass pass, Workspace& workspace) { run_mean(op, pass, workspace); }

}  // namespace fastnets::cpu::FASTNETS_ISA
