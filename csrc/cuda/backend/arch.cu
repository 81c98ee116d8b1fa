#include "cuda/backend/arch.h"

#include "core/check.h"
#include "cuda/arch/gpu.h"
#if !FASTNETS_EMULATED
#include "cuda/backend/error.h"
#endif

namespace fastnets::cuda {

namespace sm80 {
extern const KernelTable table;
}

namespace {

// Of the current device: 80 for 8.0.
int compute_capability() {
#if FASTNETS_EMULATED
  return 80;
#else
  int device = 0, major = 0, minor = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "compute capability");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "compute capability");
  return major * 10 + minor;
#endif
}

}  // namespace

const KernelTable& table() {
  const int capability = compute_capability();
  if (capability >= 80) return sm80::table;
  fail<NotServed>("the GPU has compute capability ", capability / 10, ".", capability % 10,
                  "; 8.0 is the oldest served");
}

}  // namespace fastnets::cuda
