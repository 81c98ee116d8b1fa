// What sm_90 brought: clusters, mbarriers, the asynchronous proxy, stmatrix. Bulk copies are in sm90_copy.cuh, products
// of a warpgroup in sm90_wgmma.cuh.
#pragma once
#include "cuda/arch/sm80.cuh"
#if FASTNETS_EMULATED
#include "emulation/ptx_sm90.h"
#endif

namespace fastnets::cuda {

constexpr int kWarpgroupSize = 128;

// ---- clusters ---------------------------------------------------------------------------------------------------

// Of this block among those of its cluster, which are consecutive along x.
__device__ __forceinline__ int cluster_rank() {
#if FASTNETS_EMULATED
  return emulation::cluster_rank();
#else
  uint32_t rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return int(rank);
#endif
}

// Where another block of the cluster has what lies at `shared` in this one. Ordinary loads and stores reach it between
// two barriers of the cluster: when all blocks have begun, and before one exits.
template <class T>
__device__ __forceinline__ T* cluster_shared(T* shared, int rank, [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  return static_cast<T*>(emulation::cluster_shared(shared, rank, caller));
#else
  T* address;
  asm volatile("mapa.u64 %0, %1, %2;" : "=l"(address) : "l"(shared), "r"(rank));
  return address;
#endif
}

// The two halves of a barrier of all threads of the cluster: what was written before one's arrival, others see after
// their wait. No block may exit while others use its shared memory.
__device__ __forceinline__ void cluster_arrive([[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::cluster_arrive(caller);
#else
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
#endif
}

__device__ __forceinline__ void cluster_wait([[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::cluster_wait(caller);
#else
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
}

__device__ __forceinline__ void cluster_sync(Caller caller = FASTNETS_CALLER) {
  cluster_arrive(caller);
  cluster_wait(caller);
}

// ---- mbarriers --------------------------------------------------------------------------------------------------
// An mbarrier in shared memory counts arrivals and bytes; when all have come its phase ends and the next begins. The
// phases have parity 0, 1, 0, ...; waiting for the parity of the phase before the first one succeeds at once.

// By one thread; the others may use it after mbarrier_init_fence() and a barrier.
__device__ __forceinline__ void mbarrier_init(uint64_t* mbarrier, uint32_t arrivals,
                                              [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::mbarrier_init(mbarrier, arrivals, caller);
#else
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(mbarrier)), "r"(arrivals) : "memory");
#endif
}

__device__ __forceinline__ void mbarrier_init_fence([[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::mbarrier_init_fence(caller);
#else
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
#endif
}

__device__ __forceinline__ void mbarrier_arrive(uint64_t* mbarrier, [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::mbarrier_arrive(mbarrier, 0, caller);
#else
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(mbarrier)) : "memory");
#endif
}

// Arrives, and adds `bytes` to what the phase waits for.
__device__ __forceinline__ void mbarrier_arrive_expect(uint64_t* mbarrier, uint32_t bytes,
                                                       [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::mbarrier_arrive(mbarrier, bytes, caller);
#else
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(mbarrier)), "r"(bytes)
               : "memory");
#endif
}

// Whose ordinary writes, made before they arrived, the end of a phase shows to those who wait: this block's, or those
// of all blocks of the cluster, for which an arrival waits for memory and a wait drops the first-level cache. Bulk
// loads are shown by either.
enum class Sight { block, cluster };

// Arrives at the same mbarrier of another block of the cluster, or of this one.
template <Sight sight = Sight::cluster>
__device__ __forceinline__ void mbarrier_arrive_cluster(uint64_t* mbarrier, int rank,
                                                        [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::mbarrier_arrive(cluster_shared(mbarrier, rank, caller), 0, caller);
#else
#define FASTNETS_ARRIVE(scope)                                                                                 \
  asm volatile(                                                                                                \
      "{\n.reg .b32 remote;\n"                                                                                 \
      "mapa.shared::cluster.u32 remote, %0, %1;\n"                                                             \
      "mbarrier.arrive.release." scope ".shared::cluster.b64 _, [remote];\n}" ::"r"(shared_address(mbarrier)), \
      "r"(rank)                                                                                                \
      : "memory")
  if constexpr (sight == Sight::cluster)
    FASTNETS_ARRIVE("cluster");
  else
    FASTNETS_ARRIVE("cta");
#undef FASTNETS_ARRIVE
#endif
}

// Whether the phase of this parity has ended; may wait a little before it says no.
template <Sight sight = Sight::block>
__device__ __forceinline__ bool mbarrier_try_wait(const uint64_t* mbarrier, uint32_t parity,
                                                  [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  return emulation::mbarrier_test(mbarrier, parity, caller);
#else
  uint32_t has_ended;
#define FASTNETS_TRY_WAIT(scope)                   \
  asm volatile(                                    \
      "{\n.reg .pred p;\n"                         \
      "mbarrier.try_wait.parity.acquire." scope    \
      ".shared::cta.b64 p, [%1], %2;\n"            \
      "selp.u32 %0, 1, 0, p;\n}"                   \
      : "=r"(has_ended)                            \
      : "r"(shared_address(mbarrier)), "r"(parity) \
      : "memory")
  if constexpr (sight == Sight::cluster)
    FASTNETS_TRY_WAIT("cluster");
  else
    FASTNETS_TRY_WAIT("cta");
#undef FASTNETS_TRY_WAIT
  return has_ended != 0;
#endif
}

template <Sight sight = Sight::block>
__device__ __forceinline__ void mbarrier_wait(const uint64_t* mbarrier, uint32_t parity,
                                              Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::mbarrier_wait(mbarrier, parity, caller);
#else
  while (!mbarrier_try_wait<sight>(mbarrier, parity, caller)) {}
#endif
}

// ---- the asynchronous proxy -------------------------------------------------------------------------------------
// Bulk copies and wgmma see what this thread knows to be written by ordinary stores only after a fence.

__device__ __forceinline__ void fence_proxy_shared([[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::fence_proxy(emulation::Space::shared, caller);
#else
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
}

// Shared and global memory.
__device__ __forceinline__ void fence_proxy([[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::fence_proxy(emulation::Space::everywhere, caller);
#else
  asm volatile("fence.proxy.async;" ::: "memory");
#endif
}

// ---- one warp ---------------------------------------------------------------------------------------------------

// True in one lane, always the same one. All lanes call.
__device__ __forceinline__ bool elect_one([[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  return emulation::elect_one(caller);
#else
  uint32_t is_elected;
  asm volatile(
      "{\n.reg .pred p;\n"
      "elect.sync _|p, 0xffffffff;\n"
      "selp.u32 %0, 1, 0, p;\n}"
      : "=r"(is_elected));
  return is_elected != 0;
#endif
}

// The registers that a thread of this warpgroup may use from here on; all its warps call.
template <int kCount>
__device__ __forceinline__ void raise_registers([[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::set_registers(kCount, true, caller);
#else
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kCount));
#endif
}

template <int kCount>
__device__ __forceinline__ void lower_registers([[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::set_registers(kCount, false, caller);
#else
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kCount));
#endif
}

// The way back of load_matrix(): lane i gives the address of row i % 8 of matrix i / 8, and its elements
// (i / 4, i % 4 * 2 + {0, 1}) of matrix m in fragment[m].
template <int kMatrices>
__device__ __forceinline__ void store_matrix(const uint32_t (&fragment)[kMatrices], void* row,
                                             [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
  static_assert(kMatrices == 1 || kMatrices == 2 || kMatrices == 4);
#if FASTNETS_EMULATED
  emulation::store_matrix(fragment, kMatrices, false, row, caller);
#else
  if constexpr (kMatrices == 1)
    asm volatile("stmatrix.sync.aligned.m8n8.x1.shared.b16 [%0], {%1};" ::"r"(shared_address(row)), "r"(fragment[0])
                 : "memory");
  else if constexpr (kMatrices == 2)
    asm volatile("stmatrix.sync.aligned.m8n8.x2.shared.b16 [%0], {%1, %2};" ::"r"(shared_address(row)),
                 "r"(fragment[0]), "r"(fragment[1])
                 : "memory");
  else
    asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(shared_address(row)),
                 "r"(fragment[0]), "r"(fragment[1]), "r"(fragment[2]), "r"(fragment[3])
                 : "memory");
#endif
}

// The same, but lane i has the elements (i % 4 * 2 + {0, 1}, i / 4).
template <int kMatrices>
__device__ __forceinline__ void store_matrix_transposed(const uint32_t (&fragment)[kMatrices], void* row,
                                                        [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
  static_assert(kMatrices == 1 || kMatrices == 2 || kMatrices == 4);
#if FASTNETS_EMULATED
  emulation::store_matrix(fragment, kMatrices, true, row, caller);
#else
  if constexpr (kMatrices == 1)
    asm volatile("stmatrix.sync.aligned.m8n8.x1.trans.shared.b16 [%0], {%1};" ::"r"(shared_address(row)),
                 "r"(fragment[0])
                 : "memory");
  else if constexpr (kMatrices == 2)
    asm volatile("stmatrix.sync.aligned.m8n8.x2.trans.shared.b16 [%0], {%1, %2};" ::"r"(shared_address(row)),
                 "r"(fragment[0]), "r"(fragment[1])
                 : "memory");
  else
    asm volatile("stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(shared_address(row)),
                 "r"(fragment[0]), "r"(fragment[1]), "r"(fragment[2]), "r"(fragment[3])
                 : "memory");
#endif
}

}  // namespace fastnets::cuda
