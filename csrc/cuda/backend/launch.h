// Starting a kernel on a stream.
#pragma once
#include "cuda/arch/gpu.h"
#if !FASTNETS_EMULATED
#include "cuda/backend/error.h"
#endif

namespace fastnets::cuda {

#if FASTNETS_EMULATED
using Stream = void*;
#else
using Stream = cudaStream_t;
#endif

struct LaunchConfig {
  const char* name;  // for error messages
  dim3 grid, block;
  size_t shared_bytes = 0;  // dynamic
  Stream stream = nullptr;
  bool cooperative = false;
  unsigned cluster = 1;  // blocks along x that form a cluster
};

// Queues the kernel; throws Error (emulation::Error in the emulator, which runs it to its end) when it cannot start.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), const LaunchConfig& config, Arguments&&... arguments) {
#if FASTNETS_EMULATED
  emulation::launch(kernel,
                    {config.name, config.grid, config.block, config.shared_bytes, config.cooperative, config.cluster},
                    std::forward<Arguments>(arguments)...);
#else
  constexpr size_t kSharedBytesWithoutAsking = 32 << 10;  // of 48 KiB, which static arrays count against too
  if (config.shared_bytes > kSharedBytesWithoutAsking)
    check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                               int(config.shared_bytes)),
          config.name);
  cudaLaunchAttribute attributes[2]{};
  unsigned count = 0;
  if (config.cooperative) {
    attributes[count].id = cudaLaunchAttributeCooperative;
    attributes[count++].val.cooperative = 1;
  }
  if (config.cluster > 1) {
    attributes[count].id = cudaLaunchAttributeClusterDimension;
    attributes[count++].val.clusterDim = {config.cluster, 1, 1};
  }
  cudaLaunchConfig_t launch_config{};
  launch_config.gridDim = config.grid;
  launch_config.blockDim = config.block;
  launch_config.dynamicSmemBytes = config.shared_bytes;
  launch_config.stream = config.stream;
  launch_config.attrs = attributes;
  launch_config.numAttrs = count;
  check(cudaLaunchKernelEx(&launch_config, kernel, static_cast<Parameters>(std::forward<Arguments>(arguments))...),
        config.name);
#endif
}

}  // namespace fastnets::cuda
