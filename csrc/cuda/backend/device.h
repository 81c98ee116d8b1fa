// What the current device offers to a kernel that fills it.
#pragma once
#include "cuda/arch/gpu.h"
#if FASTNETS_EMULATED
#include "emulation/config.h"
#else
#include "cuda/backend/error.h"
#endif

namespace fastnets::cuda {

struct DeviceLimits {
  int multiprocessors;
  size_t shared_bytes;  // of a block
};

inline DeviceLimits device_limits() {
#if FASTNETS_EMULATED
  const emulation::Config config = emulation::config();
  return {config.multiprocessors, emulation::limits(config.compute_capability).shared_bytes_per_block};
#else
  const auto attribute = [](cudaDeviceAttr which) {
    int device = 0, value = 0;
    check(cudaGetDevice(&device), "cudaGetDevice");
    check(cudaDeviceGetAttribute(&value, which, device), "cudaDeviceGetAttribute");
    return value;
  };
  return {attribute(cudaDevAttrMultiProcessorCount), size_t(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin))};
#endif
}

}  // namespace fastnets::cuda
