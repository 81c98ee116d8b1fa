// Which row of the op table the current device runs.
#pragma once
#include "core/ops.h"

namespace fastnets::cuda {

// NotServed where the device is older than every row.
const KernelTable& table();

}  // namespace fastnets::cuda
