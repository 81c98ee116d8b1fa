// Between mbarriers and the copies that end at them.
#pragma once
#include <cstdint>

#include "emulation/error.h"

namespace fastnets::emulation {

struct Block;

// `bytes` of a copy have come to the block that owns the mbarrier.
void complete_bytes(Block& block, uint64_t* mbarrier, uint32_t bytes, const Location& where);

}  // namespace fastnets::emulation
