// What optimizers share: arrays of one shape that a step reads and writes in place, with a master in float32 or
// without.
#pragma once
#include "cuda/access.cuh"
#include "cuda/layout.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

constexpr int kUpdated = 4;  // neighbouring elements of a thread, 16 bytes of float32 state

// θ: the parameter, or its master, of which the parameter is the rounding.
template <class T>
struct Theta {
  T* parameter;
  float* master;
  __device__ __forceinline__ void read(float (&v)[kUpdated], int64_t at, int n, bool aligned) const {
    master ? read_some(v, master + at, n, aligned) : read_some(v, parameter + at, n, aligned);
  }
  __device__ __forceinline__ void write(const float (&v)[kUpdated], int64_t at, int n, bool aligned) const {
    if (master) write_some(master + at, v, n, aligned);
    write_some(parameter + at, v, n, aligned);
  }
};

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
