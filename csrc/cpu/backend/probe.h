// What the arithmetic units and the memory of this machine do at best, measured: the ceilings that benchmarks hold the
// kernels against. All threads take part, with the instruction set in use.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

namespace fastnets::cpu {

// The loops, compiled once for each instruction set.
struct Probe {
  std::int64_t (*multiply_add)(DType, std::int64_t steps);  // returns the floating-point operations it did
  void (*read)(const std::byte*, std::int64_t bytes);
};

// Floating-point operations a second, a multiply-add counted as two: measured for about `seconds`.
double measure_flops(DType dtype, double seconds);

// Bytes a second when each thread reads its part of the data over and over.
double measure_read(const std::byte* data, std::int64_t bytes, double seconds);

}  // namespace fastnets::cpu
