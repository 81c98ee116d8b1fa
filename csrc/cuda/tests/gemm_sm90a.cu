// The GEMM core on a device of compute capability 9.0: what bulk copies can bring goes to the kernels for sm_90a,
// everything else where it goes elsewhere.
#include "cuda/backend/tensor_map.h"
#include "cuda/sm90a/gemm_kernel.cuh"
#include "cuda/tests/product.h"
#include "emulation/tests/hopper.h"

namespace fastnets::tests {
namespace {

// sm90a::run() by itself; operands that it does not take fail.
template <class T>
void check_mapped(const Size& s, Lay lay_a, Lay lay_b, sm90a::Tile tile) {
  const Hopper hopper;
  check_product<T>(s, lay_a, lay_b, [&](const auto& a, const auto& b, const auto& sink, Workspace& workspace) {
    const auto product = for_sm90a("gemm", s.batch, s.M, s.N, s.K, a, b, sink);
    require(product.has_value(), "the operands are not mapped");
    sm90a::run(*product, tile, workspace, nullptr);
  });
}

// gemm(), of operands that stay on the path of sm_80.
template <class T>
void check_unmapped(const Size& s, Lay lay_a, Lay lay_b) {
  const Hopper hopper;
  check_product<T>(s, lay_a, lay_b, [&](const auto& a, const auto& b, const auto& sink, Workspace& workspace) {
    require(!for_sm90a("gemm", s.batch, s.M, s.N, s.K, a, b, sink), "the operands are mapped");
    gemm("gemm", s.batch, s.M, s.N, s.K, a, b, sink, workspace, nullptr);
  });
}

FASTNETS_TEST(gemm_sm90a_layouts) {
  for (Lay a : {Lay::depth, Lay::rows})
    for (Lay b : {Lay::depth, Lay::rows}) {
      check_mapped<bfloat16>({1, 75, 140, 72}, a, b, sm90a::Tile::narrow);
      check_mapped<bfloat16>({1, 150, 180, 72}, a, b, sm90a::Tile::wide);
    }
}
FASTNETS_TEST(gemm_sm90a_float16) {
  check_mapped<float16>({1, 130, 40, 24}, Lay::depth, Lay::rows, sm90a::Tile::narrow);
  check_mapped<float16>({1, 40, 200, 24}, Lay::rows, Lay::depth, sm90a::Tile::wide);
}

FASTNETS_TEST(gemm_sm90a_sizes) {
  for (const Size& s : {Size{1, 1, 1, 1}, Size{1, 128, 128, 64}, Size{1, 7, 130, 16}, Size{3, 9, 17, 41}})
    check_mapped<bfloat16>(s, Lay::depth, Lay::depth, sm90a::Tile::narrow);
  check_mapped<bfloat16>({2, 9, 17, 41}, Lay::rows, Lay::rows, sm90a::Tile::wide);
}

FASTNETS_TEST(gemm_sm90a_splits) {
  check_mapped<bfloat16>({1, 5, 9, 1100}, Lay::depth, Lay::rows, sm90a::Tile::narrow);
  check_mapped<bfloat16>({2, 3, 8, 600}, Lay::rows, Lay::depth, sm90a::Tile::wide);
}

// A block that computes several tiles, one after the other, with the ring of stages going on.
FASTNETS_TEST(gemm_sm90a_many_tiles) {
  check_mapped<bfloat16>({6, 20, 24, 200}, Lay::depth, Lay::depth, sm90a::Tile::narrow);
  check_mapped<bfloat16>({3, 140, 24, 200}, Lay::rows, Lay::depth, sm90a::Tile::wide);
}

FASTNETS_TEST(gemm_sm90a_leaves_the_rest) {
  check_unmapped<bfloat16>({1, 20, 30, 40}, Lay::depth, Lay::depth_misaligned);
  check_unmapped<bfloat16>({1, 20, 30, 41}, Lay::rows_misaligned, Lay::depth);
  check_unmapped<float16>({1, 20, 30, 41}, Lay::gaps, Lay::rows);
  check_unmapped<float>({1, 20, 30, 40}, Lay::depth, Lay::depth);
  check_unmapped<bfloat16>({1, 5, 9, 0}, Lay::depth, Lay::depth);
}

// Terms that would be lost beside the sum of the first chain, were they added to it one by one.
FASTNETS_TEST(gemm_sm90a_sums_in_chains) {
  const Hopper hopper;
  constexpr int kDepth = 3 * kChain;
  std::vector<bfloat16> terms(kDepth, from_float<bfloat16>(0x1p-26f));
  std::fill_n(terms.begin(), kChain, from_float<bfloat16>(1.0f / kChain));
  Buffer<bfloat16> a(std::vector<bfloat16>(kDepth, from_float<bfloat16>(1))), b(terms);
  Buffer<float> sum(1);
  using Loop = WarpgroupLoop<bfloat16, Order::depth, Order::depth, 128, 1>;
  const auto map = [](const Buffer<bfloat16>& row) {
    const std::vector<uint64_t> sizes{kDepth, 1, 1}, strides{2 * kDepth, 2 * kDepth};
    const std::vector<uint32_t> box{Loop::kTileK, 128, 1};
    return make_tensor_map({DType::bfloat16, row.data(), sizes, strides, 128}, box);
  };
  const Plan plan{1, 1, 1, kDepth, 1, 1, 1, kDepth, Float32Precision::ieee};
  launch(warpgroup_gemm_kernel<Loop, RowSink<bfloat16>>,
         {.name = "gemm", .grid = 1, .block = Loop::kThreads, .shared_bytes = Loop::kSharedBytes}, plan, map(a), map(b),
         ImageWalk{}, sum.data(), RowSink<bfloat16>{});
  require_equal(sum.values(), {1.0f + 2 * kChain * 0x1p-26f});
}

}  // namespace
}  // namespace fastnets::tests
