#include "cuda/backend/device.h"

#include "cuda/arch/gpu.h"
#if FASTNETS_EMULATED
#include "emulation/config.h"
#else
#include "cuda/backend/error.h"
#endif

namespace fastnets::cuda {

#if FASTNETS_EMULATED

int compute_capability() { return emulation::config().compute_capability; }
int multiprocessors() { return emulation::config().multiprocessors; }
std::size_t shared_bytes_per_block() {
  return emulation::limits(emulation::config().compute_capability).shared_bytes_per_block;
}

#else

namespace {

int attribute(cudaDeviceAttr which, const char* what) {
  int device = 0, value = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  check(cudaDeviceGetAttribute(&value, which, device), what);
  return value;
}

}  // namespace

int compute_capability() {
  constexpr const char* kWhat = "compute capability";
  return attribute(cudaDevAttrComputeCapabilityMajor, kWhat) * 10 + attribute(cudaDevAttrComputeCapabilityMinor, kWhat);
}
int multiprocessors() { return attribute(cudaDevAttrMultiProcessorCount, "multiprocessors"); }
std::size_t shared_bytes_per_block() {
  return std::size_t(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, "shared memory of a block"));
}

#endif

}  // namespace fastnets::cuda
