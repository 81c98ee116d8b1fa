// Host twins of the instructions that sm_90 and sm_90a brought. The wrappers for kernels are in cuda/arch/sm90*.cuh.
#pragma once
#include <cstddef>
#include <cstdint>

#include "emulation/device.h"
#include "emulation/ptx_sm80.h"
#include "emulation/tensor_map.h"

namespace fastnets::emulation {

// ---- clusters (clusters.cpp) ------------------------------------------------------------------------------------
int cluster_rank();
void* cluster_shared(const void* p, int rank, const Location& where);  // the same place in another block
void cluster_arrive(const Location& where);
void cluster_wait(const Location& where);

// ---- mbarriers (mbarriers.cpp), of this block or another one of the cluster -------------------------------------
void mbarrier_init(uint64_t* mbarrier, uint32_t arrivals, const Location& where);
void mbarrier_init_fence(const Location& where);
void mbarrier_arrive(uint64_t* mbarrier, uint32_t expected_bytes, const Location& where);
bool mbarrier_test(const uint64_t* mbarrier, uint32_t parity, const Location& where);
void mbarrier_wait(const uint64_t* mbarrier, uint32_t parity, const Location& where);

// ---- bulk copies (bulk_copies.cpp) ------------------------------------------------------------------------------
// Of a box of a tensor, whose corner is at coordinates[rank]; offsets[rank - 2] with im2col. `blocks`: those of the
// cluster that receive it, as a mask; 0 stands for this one alone.
void load_tensor(void* shared, const TensorMap& map, uint64_t* mbarrier, const int* coordinates,
                 const uint16_t* offsets, uint16_t blocks, const Location& where);
void store_tensor(const TensorMap& map, const void* shared, const int* coordinates, bool adds, const Location& where);

// Of bytes that lie together, a multiple of 16.
void load_bulk(void* shared, const void* global, uint32_t bytes, uint64_t* mbarrier, const Location& where);
void send_bulk(void* shared_there, const void* shared, uint32_t bytes, uint64_t* mbarrier_there, const Location& where);
void store_bulk(void* global, const void* shared, uint32_t bytes, const Location& where);
void add_bulk(float* global, const float* shared, uint32_t bytes, const Location& where);

// Groups of a thread's stores. `reads`: until shared memory has been read.
void commit_stores(const Location& where);
void wait_stores(int pending, bool reads, const Location& where);

// ---- products of a warpgroup (wgmma.cpp) ------------------------------------------------------------------------
// The descriptor of an operand in shared memory.
uint64_t matrix_descriptor(const void* shared, uint32_t leading_bytes, uint32_t stride_bytes, int swizzle_bytes,
                           const Location& where);

struct ProductOperands {
  Operand operand;
  int n;
  const uint32_t* a_registers;  // null: a is a descriptor
  uint64_t a, b;
  bool transposed_a, transposed_b, accumulate;
};
void wgmma(float* d, const ProductOperands& operands, const Location& where);
void wgmma_fence(const Location& where);
void wgmma_commit(const Location& where);
void wgmma_wait(int pending, const Location& where);

// ---- other (ptx_sm90.cpp) ---------------------------------------------------------------------------------------
// stmatrix: as ldmatrix (load_matrix), the other way.
void store_matrix(const uint32_t* fragments, int matrices, bool transposed, void* row, const Location& where);
bool elect_one(const Location& where);
void set_registers(int count, bool raises, const Location& where);
void fence_proxy(Space space, const Location& where);

}  // namespace fastnets::emulation
