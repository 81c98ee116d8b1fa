// What a compiled module must say about its backend so that the ops can be bound.
#pragma once
#include "core/ops.h"

namespace fastnets {

// The row of the op table that serves now, and whether it computes on arrays of this device.
const KernelTable& active_table();
Device backend_device();
// Memory for one call, aligned to 64 bytes, never null; valid until the next call of this thread.
std::byte* call_workspace(std::size_t bytes);

}  // namespace fastnets
