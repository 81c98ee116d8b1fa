// The barrier of a whole grid. By itself, since CUDA's header for it takes longer to read than most kernels to compile.
#pragma once
#include "cuda/arch/gpu.h"
#if !FASTNETS_EMULATED
#include <cooperative_groups.h>
#endif

namespace fastnets::cuda {

// All threads of a cooperative launch.
__device__ __forceinline__ void grid_sync(Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::grid_sync(caller);
#else
  cooperative_groups::this_grid().sync();
#endif
}

}  // namespace fastnets::cuda
