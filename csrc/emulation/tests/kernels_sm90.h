// Runs the small kernel for sm_90a, whole or with a defect. Exact: the inputs are small integers.
#pragma once
#include "cuda/backend/launch.h"
#include "cuda/backend/tensor_map.h"
#include "emulation/tests/buffer.h"
#include "emulation/tests/gemm_sm90.cuh"
#include "emulation/tests/hopper.h"
#include "emulation/tests/test.h"

namespace fastnets::tests {

template <class T>
cuda::TensorMap tile_map(const Buffer<T>& matrix, DType dtype, int rows, int columns, uint32_t box_rows,
                         uint32_t box_columns, int swizzle_bytes) {
  const std::vector<uint64_t> sizes{uint64_t(columns), uint64_t(rows)}, strides{uint64_t(columns) * sizeof(T)};
  const std::vector<uint32_t> box{box_columns, box_rows};
  return cuda::make_tensor_map({dtype, matrix.data(), sizes, strides, swizzle_bytes}, box);
}

template <HopperDefect defect>
void check_hopper_gemm(int M, int N, int K) {
  const Hopper hopper;
  using Tile = HopperTile;
  const auto a = small_integers<bfloat16>(size_t(M * K), 1), b = small_integers<bfloat16>(size_t(N * K), 2);
  Buffer<bfloat16> device_a(a), device_b(b);
  Buffer<float> c(size_t(M * N));
  cuda::launch(hopper_gemm_kernel<defect>,
               {.name = "hopper_gemm",
                .grid = dim3(unsigned(N + Tile::kN - 1) / Tile::kN, unsigned(M + Tile::kM - 1) / Tile::kM),
                .block = Tile::kThreads,
                .shared_bytes = Tile::kSharedBytes},
               tile_map(device_a, DType::bfloat16, M, K, Tile::kM, Tile::kK, 128),
               tile_map(device_b, DType::bfloat16, N, K, Tile::kN, Tile::kK, 128),
               tile_map(c, DType::float32, M, N, Tile::kM, Tile::kN, 0), K);
  std::vector<float> expected(size_t(M * N));
  for (int m = 0; m < M; ++m)
    for (int n = 0; n < N; ++n)
      for (int k = 0; k < K; ++k)
        expected[size_t(m * N + n)] += to_float(a[size_t(m * K + k)]) * to_float(b[size_t(n * K + k)]);
  require_equal(c.values(), expected);
}

}  // namespace fastnets::tests
