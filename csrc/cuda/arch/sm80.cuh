// What sm_80 brought: asynchronous copies to shared memory, and the tensor cores as one warp uses them.
#pragma once
#include "cuda/arch/simt.cuh"
#if FASTNETS_EMULATED
#include "emulation/ptx_sm80.h"
#endif

namespace fastnets::cuda {

#if !FASTNETS_EMULATED
__device__ __forceinline__ uint32_t shared_address(const void* p) { return uint32_t(__cvta_generic_to_shared(p)); }
#endif

// ---- asynchronous copies ----------------------------------------------------------------------------------------

// Copies kBytes (4, 8 or 16) from global to shared memory, both aligned to as much. Only the first valid_bytes are
// read; the rest becomes zeros. Even with valid_bytes = 0 the source must be a global address.
template <int kBytes>
__device__ __forceinline__ void copy_async(void* shared, const void* global, int valid_bytes = kBytes,
                                           [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
  static_assert(kBytes == 4 || kBytes == 8 || kBytes == 16);
#if FASTNETS_EMULATED
  emulation::copy_async(shared, global, kBytes, size_t(valid_bytes), caller);
#else
  if constexpr (kBytes == 16)  // past the first-level cache
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)),
                 "l"(__cvta_generic_to_global(global)), "r"(valid_bytes)
                 : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(shared)),
                 "l"(__cvta_generic_to_global(global)), "n"(kBytes), "r"(valid_bytes)
                 : "memory");
#endif
}

// Closes the group of this thread's copies issued since the last call; groups may be empty.
__device__ __forceinline__ void commit_stage() {
#if FASTNETS_EMULATED
  emulation::commit_stage();
#else
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Waits until at most kPending of this thread's committed groups are under way. Others see the data after a barrier.
template <int kPending>
__device__ __forceinline__ void wait_stage() {
#if FASTNETS_EMULATED
  emulation::wait_stage(kPending);
#else
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#endif
}

// ---- matrices of 8x8 16-bit elements ----------------------------------------------------------------------------

// Lane i gives the address (16-byte aligned) of row i % 8 of matrix i / 8, and receives in fragment[m] the elements
// (i / 4, i % 4 * 2 + {0, 1}) of matrix m.
template <int kMatrices>
__device__ __forceinline__ void load_matrix(uint32_t (&fragment)[kMatrices], const void* row,
                                            [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
  static_assert(kMatrices == 1 || kMatrices == 2 || kMatrices == 4);
#if FASTNETS_EMULATED
  emulation::load_matrix(fragment, kMatrices, false, row, caller);
#else
  if constexpr (kMatrices == 1)
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];"
                 : "=r"(fragment[0])
                 : "r"(shared_address(row))
                 : "memory");
  else if constexpr (kMatrices == 2)
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                 : "=r"(fragment[0]), "=r"(fragment[1])
                 : "r"(shared_address(row))
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(fragment[0]), "=r"(fragment[1]), "=r"(fragment[2]), "=r"(fragment[3])
                 : "r"(shared_address(row))
                 : "memory");
#endif
}

// The same, but lane i receives the elements (i % 4 * 2 + {0, 1}, i / 4).
template <int kMatrices>
__device__ __forceinline__ void load_matrix_transposed(uint32_t (&fragment)[kMatrices], const void* row,
                                                       [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
  static_assert(kMatrices == 1 || kMatrices == 2 || kMatrices == 4);
#if FASTNETS_EMULATED
  emulation::load_matrix(fragment, kMatrices, true, row, caller);
#else
  if constexpr (kMatrices == 1)
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];"
                 : "=r"(fragment[0])
                 : "r"(shared_address(row))
                 : "memory");
  else if constexpr (kMatrices == 2)
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                 : "=r"(fragment[0]), "=r"(fragment[1])
                 : "r"(shared_address(row))
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(fragment[0]), "=r"(fragment[1]), "=r"(fragment[2]), "=r"(fragment[3])
                 : "r"(shared_address(row))
                 : "memory");
#endif
}

// ---- products on the tensor cores -------------------------------------------------------------------------------

// d (16x8) += a (16x16, by rows) * b (16x8, by columns). With g = lane / 4 and t = lane % 4 * 2 a lane holds
//   a[i]: (g + i % 2 * 8, t + i / 2 * 8 + {0, 1})   b[i]: (t + i * 8 + {0, 1}, g)   d[i]: (g + i / 2 * 8, t + i % 2)
template <class T>
__device__ __forceinline__ void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                                    [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
  static_assert(std::is_same_v<T, bfloat16> || std::is_same_v<T, float16>);
#if FASTNETS_EMULATED
  constexpr bool is_bfloat16 = std::is_same_v<T, bfloat16>;
  emulation::mma(d, a, b, is_bfloat16 ? emulation::Operand::bfloat16 : emulation::Operand::float16, caller);
#else
  if constexpr (std::is_same_v<T, bfloat16>)
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  else
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

// d (16x8) += a (16x8, by rows) * b (8x8, by columns) of float32 bits whose 13 low ones are ignored. With g = lane / 4
// and t = lane % 4 a lane holds a[i]: (g + i % 2 * 8, t + i / 2 * 4)   b[i]: (t + i * 4, g)   d as above.
__device__ __forceinline__ void mma_tfloat32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                                             [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::mma(d, a, b, emulation::Operand::tfloat32, caller);
#else
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

}  // namespace fastnets::cuda
