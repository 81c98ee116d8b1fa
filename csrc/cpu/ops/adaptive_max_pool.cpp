#include "core/ops/adaptive_max_pool.h"
#include "cpu/max_windows.h"

namespace fastnets::cpu::FASTNETS_ISA {

void run(const AdaptiveMaxPool& op, Pass pass, Workspace& workspace) { run_max(op, pass, workspace); }

}  // namespace fastnets::cpu::FASTNETS_ISA
