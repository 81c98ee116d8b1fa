// Bulk copies of sm_90: boxes of a tensor, or bytes that lie together, between global and shared memory. One thread
// issues; loads end at an mbarrier, which counts their bytes, stores in groups of the thread.
#pragma once
#include "cuda/arch/sm90.cuh"
#include "cuda/arch/tensor_map.h"

namespace fastnets::cuda {

// What the assembly of rank R needs: its name, where the coordinates go, and the coordinates.
#define FASTNETS_COORDINATES_2(at) "r"((at)[0]), "r"((at)[1])
#define FASTNETS_COORDINATES_3(at) FASTNETS_COORDINATES_2(at), "r"((at)[2])
#define FASTNETS_COORDINATES_4(at) FASTNETS_COORDINATES_3(at), "r"((at)[3])
#define FASTNETS_COORDINATES_5(at) FASTNETS_COORDINATES_4(at), "r"((at)[4])

// Loads the box whose corner is at[0], at[1], ... (innermost first) to `shared`, aligned to 128 bytes, or to eight
// times the swizzle. What is outside the tensor becomes zeros, and counts.
template <int kRank>
__device__ __forceinline__ void load_tensor(void* shared, const TensorMap& map, uint64_t* mbarrier,
                                            const int (&at)[kRank], [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
  static_assert(kRank >= 2 && kRank <= 5);
#if FASTNETS_EMULATED
  emulation::load_tensor(shared, map, mbarrier, at, nullptr, 0, caller);
#else
#define FASTNETS_LOAD(rank, places)                                                             \
  asm volatile("cp.async.bulk.tensor." #rank                                                    \
               "d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {" places \
               "}], [%2];" ::"r"(shared_address(shared)),                                       \
               "l"(&map), "r"(shared_address(mbarrier)), FASTNETS_COORDINATES_##rank(at)        \
               : "memory")
  if constexpr (kRank == 2) FASTNETS_LOAD(2, "%3, %4");
  if constexpr (kRank == 3) FASTNETS_LOAD(3, "%3, %4, %5");
  if constexpr (kRank == 4) FASTNETS_LOAD(4, "%3, %4, %5, %6");
  if constexpr (kRank == 5) FASTNETS_LOAD(5, "%3, %4, %5, %6, %7");
#undef FASTNETS_LOAD
#endif
}

// The same into all blocks of the cluster whose bits are set in `blocks`, at the same place in each; each one's own
// mbarrier learns of it.
template <int kRank>
__device__ __forceinline__ void load_tensor_multicast(void* shared, const TensorMap& map, uint64_t* mbarrier,
                                                      const int (&at)[kRank], uint16_t blocks,
                                                      [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
  static_assert(kRank >= 2 && kRank <= 5);
#if FASTNETS_EMULATED
  emulation::load_tensor(shared, map, mbarrier, at, nullptr, blocks, caller);
#else
#define FASTNETS_LOAD(rank, places)                                                                                \
  asm volatile("cp.async.bulk.tensor." #rank                                                                       \
               "d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster [%0], [%1, {" places \
               "}], [%2], %3;" ::"r"(shared_address(shared)),                                                      \
               "l"(&map), "r"(shared_address(mbarrier)), "h"(blocks), FASTNETS_COORDINATES_##rank(at)              \
               : "memory")
  if constexpr (kRank == 2) FASTNETS_LOAD(2, "%4, %5");
  if constexpr (kRank == 3) FASTNETS_LOAD(3, "%4, %5, %6");
  if constexpr (kRank == 4) FASTNETS_LOAD(4, "%4, %5, %6, %7");
  if constexpr (kRank == 5) FASTNETS_LOAD(5, "%4, %5, %6, %7, %8");
#undef FASTNETS_LOAD
#endif
}

// Loads what a convolution reads for consecutive outputs: the map's number of pixels, each its channels from at[0] on.
// The first output's window begins at pixel at[1], ... of image at[kRank - 1]; the windows follow each other as the
// map's steps and corners say. `tap` is where in the window the pixels lie, from its beginning.
template <int kRank>
__device__ __forceinline__ void load_im2col(void* shared, const TensorMap& map, uint64_t* mbarrier,
                                            const int (&at)[kRank], const uint16_t (&tap)[kRank - 2],
                                            [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
  static_assert(kRank >= 3 && kRank <= 5);
#if FASTNETS_EMULATED
  emulation::load_tensor(shared, map, mbarrier, at, tap, 0, caller);
#else
#define FASTNETS_LOAD(rank, places, taps, ...)                                                                       \
  asm volatile("cp.async.bulk.tensor." #rank                                                                         \
               "d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, {" places "}], [%2], {" taps \
               "};" ::"r"(shared_address(shared)),                                                                   \
               "l"(&map), "r"(shared_address(mbarrier)), FASTNETS_COORDINATES_##rank(at), __VA_ARGS__                \
               : "memory")
  if constexpr (kRank == 3) FASTNETS_LOAD(3, "%3, %4, %5", "%6", "h"(tap[0]));
  if constexpr (kRank == 4) FASTNETS_LOAD(4, "%3, %4, %5, %6", "%7, %8", "h"(tap[0]), "h"(tap[1]));
  if constexpr (kRank == 5)
    FASTNETS_LOAD(5, "%3, %4, %5, %6, %7", "%8, %9, %10", "h"(tap[0]), "h"(tap[1]), "h"(tap[2]));
#undef FASTNETS_LOAD
#endif
}

// Stores a box from shared memory; what is outside the tensor is left out. fence_proxy_shared() comes before.
template <int kRank>
__device__ __forceinline__ void store_tensor(const TensorMap& map, const void* shared, const int (&at)[kRank],
                                             [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
  static_assert(kRank >= 2 && kRank <= 5);
#if FASTNETS_EMULATED
  emulation::store_tensor(map, shared, at, false, caller);
#else
#define FASTNETS_STORE(rank, places)                                                              \
  asm volatile("cp.async.bulk.tensor." #rank "d.global.shared::cta.tile.bulk_group [%0, {" places \
               "}], [%1];" ::"l"(&map),                                                           \
               "r"(shared_address(shared)), FASTNETS_COORDINATES_##rank(at)                       \
               : "memory")
  if constexpr (kRank == 2) FASTNETS_STORE(2, "%2, %3");
  if constexpr (kRank == 3) FASTNETS_STORE(3, "%2, %3, %4");
  if constexpr (kRank == 4) FASTNETS_STORE(4, "%2, %3, %4, %5");
  if constexpr (kRank == 5) FASTNETS_STORE(5, "%2, %3, %4, %5, %6");
#undef FASTNETS_STORE
#endif
}

// Adds a box to the tensor, element by element, atomically; the order among several is open.
template <int kRank>
__device__ __forceinline__ void add_tensor(const TensorMap& map, const void* shared, const int (&at)[kRank],
                                           [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
  static_assert(kRank >= 2 && kRank <= 5);
#if FASTNETS_EMULATED
  emulation::store_tensor(map, shared, at, true, caller);
#else
#define FASTNETS_ADD(rank, places)                                                                           \
  asm volatile("cp.reduce.async.bulk.tensor." #rank "d.global.shared::cta.add.tile.bulk_group [%0, {" places \
               "}], [%1];" ::"l"(&map),                                                                      \
               "r"(shared_address(shared)), FASTNETS_COORDINATES_##rank(at)                                  \
               : "memory")
  if constexpr (kRank == 2) FASTNETS_ADD(2, "%2, %3");
  if constexpr (kRank == 3) FASTNETS_ADD(3, "%2, %3, %4");
  if constexpr (kRank == 4) FASTNETS_ADD(4, "%2, %3, %4, %5");
  if constexpr (kRank == 5) FASTNETS_ADD(5, "%2, %3, %4, %5, %6");
#undef FASTNETS_ADD
#endif
}

#undef FASTNETS_COORDINATES_2
#undef FASTNETS_COORDINATES_3
#undef FASTNETS_COORDINATES_4
#undef FASTNETS_COORDINATES_5

// ---- bytes that lie together: a multiple of 16, both ends aligned to 16 -----------------------------------------

__device__ __forceinline__ void load_bulk(void* shared, const void* global, uint32_t bytes, uint64_t* mbarrier,
                                          [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::load_bulk(shared, global, bytes, mbarrier, caller);
#else
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                   shared_address(shared)),
               "l"(__cvta_generic_to_global(global)), "r"(bytes), "r"(shared_address(mbarrier))
               : "memory");
#endif
}

// From this block's shared memory to the place of `to` in another block of the cluster, whose mbarrier learns of it.
__device__ __forceinline__ void send_bulk(void* to, const void* shared, uint32_t bytes, uint64_t* mbarrier, int rank,
                                          [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::send_bulk(cluster_shared(to, rank, caller), shared, bytes, cluster_shared(mbarrier, rank, caller), caller);
#else
  asm volatile(
      "{\n.reg .b32 there, mbarrier;\n"
      "mapa.shared::cluster.u32 there, %0, %4;\n"
      "mapa.shared::cluster.u32 mbarrier, %3, %4;\n"
      "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [there], [%1], %2, [mbarrier];\n}" ::"r"(
          shared_address(to)),
      "r"(shared_address(shared)), "r"(bytes), "r"(shared_address(mbarrier)), "r"(rank)
      : "memory");
#endif
}

__device__ __forceinline__ void store_bulk(void* global, const void* shared, uint32_t bytes,
                                           [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::store_bulk(global, shared, bytes, caller);
#else
  asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(__cvta_generic_to_global(global)),
               "r"(shared_address(shared)), "r"(bytes)
               : "memory");
#endif
}

__device__ __forceinline__ void add_bulk(float* global, const float* shared, uint32_t bytes,
                                         [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::add_bulk(global, shared, bytes, caller);
#else
  asm volatile("cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f32 [%0], [%1], %2;" ::"l"(
                   __cvta_generic_to_global(global)),
               "r"(shared_address(shared)), "r"(bytes)
               : "memory");
#endif
}

// ---- groups of stores -------------------------------------------------------------------------------------------

__device__ __forceinline__ void commit_stores([[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::commit_stores(caller);
#else
  asm volatile("cp.async.bulk.commit_group;" ::: "memory");
#endif
}

// Waits until at most kPending of this thread's groups have still to read shared memory.
template <int kPending>
__device__ __forceinline__ void wait_stores_read([[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::wait_stores(kPending, true, caller);
#else
  asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(kPending) : "memory");
#endif
}

// Waits until at most kPending of this thread's groups are under way; it sees what the others have written.
template <int kPending>
__device__ __forceinline__ void wait_stores([[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::wait_stores(kPending, false, caller);
#else
  asm volatile("cp.async.bulk.wait_group %0;" ::"n"(kPending) : "memory");
#endif
}

}  // namespace fastnets::cuda
