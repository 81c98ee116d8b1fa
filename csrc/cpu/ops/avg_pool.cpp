#include "core/ops/avg_pool.h"
#include "cpu/mean_windows.h"

namespace fastnets::cpu::FASTNETS_ISA {

void run(const AvgPool& op, Pass pass, Workspace& workspace) { run_mean(op, pass, workspace); }

}  // namespace fastnets::cpu::FASTNETS_ISA
