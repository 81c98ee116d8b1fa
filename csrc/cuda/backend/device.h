// What the current device is and has.
#pragma once
#include <cstddef>

namespace fastnets::cuda {

// Whether kernels for sm_90a alone, those of cuda/sm90a/, are built in.
#if defined(FASTNETS_SM90A)
constexpr bool kHasSm90a = true;
#else
constexpr bool kHasSm90a = false;
#endif

int compute_capability();  // 80 for 8.0
int multiprocessors();
std::size_t shared_bytes_per_block();

}  // namespace fastnets::cuda
