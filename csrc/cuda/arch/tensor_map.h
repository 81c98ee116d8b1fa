// How a kernel sees a tensor that bulk copies move box by box. Made by backend/tensor_map.h; passed to kernels as
// `const __grid_constant__ TensorMap`.
#pragma once
#include "cuda/arch/gpu.h"
#if FASTNETS_EMULATED
#include "emulation/tensor_map.h"
#else
#include <cuda.h>
#endif

namespace fastnets::cuda {

#if FASTNETS_EMULATED
using TensorMap = emulation::TensorMap;
#else
using TensorMap = CUtensorMap;
#endif

}  // namespace fastnets::cuda
