// What every GPU has: warps, barriers, vector accesses, conversions.
#pragma once
#include <cmath>
#include <limits>

#include "cuda/arch/gpu.h"

namespace fastnets::cuda {

constexpr int kWarpSize = 32;
constexpr uint32_t kAllLanes = ~0u;

__device__ __forceinline__ int lane_index() { return int(threadIdx.x % kWarpSize); }
__device__ __forceinline__ int warp_index() { return int(threadIdx.x / kWarpSize); }

// ---- shuffles and votes of a whole warp -------------------------------------------------------------------------

template <class T>
__device__ __forceinline__ T shuffle(T value, int lane, Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  return emulation::shuffle(emulation::Shuffle::index, kAllLanes, value, lane, kWarpSize, caller);
#else
  return __shfl_sync(kAllLanes, value, lane);
#endif
}

// The value of lane - distance; of the lane itself where there is none.
template <class T>
__device__ __forceinline__ T shuffle_up(T value, int distance, Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  return emulation::shuffle(emulation::Shuffle::up, kAllLanes, value, distance, kWarpSize, caller);
#else
  return __shfl_up_sync(kAllLanes, value, distance);
#endif
}

template <class T>
__device__ __forceinline__ T shuffle_down(T value, int distance, Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  return emulation::shuffle(emulation::Shuffle::down, kAllLanes, value, distance, kWarpSize, caller);
#else
  return __shfl_down_sync(kAllLanes, value, distance);
#endif
}

template <class T>
__device__ __forceinline__ T shuffle_xor(T value, int mask, Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  return emulation::shuffle(emulation::Shuffle::exclusive_or, kAllLanes, value, mask, kWarpSize, caller);
#else
  return __shfl_xor_sync(kAllLanes, value, mask);
#endif
}

// The lanes whose predicate holds, as a mask.
__device__ __forceinline__ uint32_t ballot(bool predicate, Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  return emulation::ballot(kAllLanes, predicate, caller);
#else
  return __ballot_sync(kAllLanes, predicate);
#endif
}

__device__ __forceinline__ bool any_lane(bool predicate, Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  return emulation::ballot(kAllLanes, predicate, caller) != 0;
#else
  return __any_sync(kAllLanes, predicate);
#endif
}

__device__ __forceinline__ bool all_lanes(bool predicate, Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  return emulation::ballot(kAllLanes, predicate, caller) == kAllLanes;
#else
  return __all_sync(kAllLanes, predicate);
#endif
}

// ---- reductions, with the result in every lane ------------------------------------------------------------------

// Over groups of `kLanes` neighbouring lanes.
template <int kLanes = kWarpSize, class T>
__device__ __forceinline__ T warp_sum(T value, Caller caller = FASTNETS_CALLER) {
#pragma unroll
  for (int distance = kLanes / 2; distance > 0; distance /= 2) value += shuffle_xor(value, distance, caller);
  return value;
}

template <int kLanes = kWarpSize, class T>
__device__ __forceinline__ T warp_max(T value, Caller caller = FASTNETS_CALLER) {
#pragma unroll
  for (int distance = kLanes / 2; distance > 0; distance /= 2) {
    const T other = shuffle_xor(value, distance, caller);
    value = value < other ? other : value;
  }
  return value;
}

__device__ __forceinline__ void block_sync([[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  __syncthreads(caller);
#else
  __syncthreads();
#endif
}

// Over the block, whose size is a multiple of 32; in a fixed order. `partial` holds a value a warp, and may be used
// again only after the next barrier.
template <class T>
__device__ __forceinline__ T block_sum(T value, T* partial, Caller caller = FASTNETS_CALLER) {
  value = warp_sum(value, caller);
  if (lane_index() == 0) partial[warp_index()] = value;
  block_sync(caller);
  const int warps = int(blockDim.x) / kWarpSize;
  return warp_sum(lane_index() < warps ? partial[lane_index()] : T(0), caller);
}

template <class T>
__device__ __forceinline__ T block_max(T value, T* partial, Caller caller = FASTNETS_CALLER) {
  value = warp_max(value, caller);
  if (lane_index() == 0) partial[warp_index()] = value;
  block_sync(caller);
  const int warps = int(blockDim.x) / kWarpSize;
  return warp_max(partial[lane_index() < warps ? lane_index() : 0], caller);
}

// ---- barriers ---------------------------------------------------------------------------------------------------

// Barriers 1 to 15 are free for a kernel's own use (0 is __syncthreads); threads: of those who sync and those who
// arrive.
__device__ __forceinline__ void named_barrier_sync(int id, int threads, Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::barrier_sync(id, threads, caller);
#else
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
#endif
}

__device__ __forceinline__ void named_barrier_arrive(int id, int threads, Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::barrier_arrive(id, threads, caller);
#else
  asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
#endif
}

// ---- flags in global memory -------------------------------------------------------------------------------------

// For loops that wait until another block has changed `address`.
__device__ __forceinline__ uint32_t load_acquire(const uint32_t* address, Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  return emulation::load_acquire(address, caller);
#else
  uint32_t value;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(__cvta_generic_to_global(address)) : "memory");
  return value;
#endif
}

__device__ __forceinline__ void store_release(uint32_t* address, uint32_t value,
                                              [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::store_release(address, value, caller);
#else
  asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(__cvta_generic_to_global(address)), "r"(value) : "memory");
#endif
}

__device__ __forceinline__ void add_release(uint32_t* address, uint32_t value,
                                            [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::atomic_update(address, [=](uint32_t old) { return old + value; }, emulation::Order::release, caller);
#else
  asm volatile("red.release.gpu.global.add.u32 [%0], %1;" ::"l"(__cvta_generic_to_global(address)), "r"(value)
               : "memory");
#endif
}

// Returns the value before. What a block did before it draws its ticket, the one that draws the last ticket sees.
__device__ __forceinline__ uint32_t add_acquire_release(uint32_t* address, uint32_t value,
                                                        [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  return emulation::atomic_update(
      address, [=](uint32_t old) { return old + value; }, emulation::Order::acquire_release, caller);
#else
  uint32_t old;
  asm volatile("atom.acq_rel.gpu.global.add.u32 %0, [%1], %2;"
               : "=r"(old)
               : "l"(__cvta_generic_to_global(address)), "r"(value)
               : "memory");
  return old;
#endif
}

// ---- vector accesses --------------------------------------------------------------------------------------------

template <class T, int N>
struct alignas(sizeof(T) * N) Vector {
  static_assert(sizeof(T) * N <= 16, "the widest access is 16 bytes");
  T element[N];
  __device__ __forceinline__ T& operator[](int i) { return element[i]; }
  __device__ __forceinline__ const T& operator[](int i) const { return element[i]; }
};

// One access of N elements; the address must be a multiple of its size.
template <int N, class T>
__device__ __forceinline__ Vector<T, N> load_vector(const T* address,
                                                    [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::check_aligned(address, sizeof(Vector<T, N>), "a vector load", caller);
#endif
  return *reinterpret_cast<const Vector<T, N>*>(address);
}

template <class T, int N>
__device__ __forceinline__ void store_vector(T* address, const Vector<T, N>& value,
                                             [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::check_aligned(address, sizeof(value), "a vector store", caller);
#endif
  *reinterpret_cast<Vector<T, N>*>(address) = value;
}

// ---- conversions ------------------------------------------------------------------------------------------------

// Rounds to nearest even; every NaN becomes 0x7fff, as the instruction has it.
template <class T>
__device__ __forceinline__ T round_to(float x) {
#if FASTNETS_EMULATED
  if constexpr (sizeof(T) == 2) {
    if (x != x) return T{0x7fff};
  }
  return from_float<T>(x);
#else
  if constexpr (std::is_same_v<T, bfloat16>) {
    bfloat16 y;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
    return y;
  } else if constexpr (std::is_same_v<T, float16>) {
    float16 y;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
    return y;
  } else {
    return T(x);
  }
#endif
}

template <class T>
__device__ __forceinline__ float widen(T x) {
#if FASTNETS_EMULATED
  return to_float(x);
#else
  if constexpr (std::is_same_v<T, float16>) {
    float y;
    asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
    return y;
  } else {
    return to_float(x);
  }
#endif
}

// Two values in one register, the first in the low half.
template <class T>
__device__ __forceinline__ uint32_t pack(float low, float high) {
#if FASTNETS_EMULATED
  return round_to<T>(low).bits | uint32_t{round_to<T>(high).bits} << 16;
#else
  uint32_t y;
  if constexpr (std::is_same_v<T, bfloat16>)
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
  else
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
  return y;
#endif
}

// ---- approximations ---------------------------------------------------------------------------------------------

// 2^x to 2 units in the last place, exact where x is an integer; what is below the normal numbers is 0.
__device__ __forceinline__ float exp2_flushed(float x) {
#if FASTNETS_EMULATED
  const float y = std::exp2(x);
  return y < std::numeric_limits<float>::min() ? 0.0f : y;
#else
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#endif
}

}  // namespace fastnets::cuda
