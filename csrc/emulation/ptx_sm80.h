// Host twins of the instructions that sm_80 brought. The wrappers for kernels are in cuda/arch/sm80.cuh.
#pragma once
#include <cstddef>
#include <cstdint>

#include "emulation/error.h"

namespace fastnets::emulation {

// cp.async: bytes = 4, 8 or 16, of which the first valid_bytes are read and the rest become zeros.
void copy_async(void* shared, const void* global, size_t bytes, size_t valid_bytes, const Location& where);
void commit_stage();
void wait_stage(int pending);  // until at most `pending` committed groups are not complete

// ldmatrix: `matrices` (1, 2 or 4) matrices of 8x8 16-bit elements; lane i gives the address of row i % 8 of matrix i
// / 8.
void load_matrix(uint32_t* fragments, int matrices, bool transposed, const void* row, const Location& where);

enum class Operand { bfloat16, float16, tfloat32 };

// mma.sync: d (16x8) += a (16xK, rows) * b (Kx8, columns), K = 16, for tfloat32 8.
void mma(float* d, const uint32_t* a, const uint32_t* b, Operand operand, const Location& where);

}  // namespace fastnets::emulation
