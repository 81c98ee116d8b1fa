// Which row of the op table this machine runs: the best instruction set it has, or the one that was asked for.
#pragma once
#include <string>
#include <vector>

#include "core/ops.h"

namespace fastnets::cpu {

const KernelTable& table();             // in use
std::string isa();                      // its name
std::vector<std::string> isas();        // what runs here, best first
void set_isa(const std::string& name);  // ValueError where it does not run here

}  // namespace fastnets::cpu
