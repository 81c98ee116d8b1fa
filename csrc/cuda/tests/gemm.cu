// The GEMM core by itself, exact on small integers: layouts, sizes that no tile divides, splits, batches, the epilogue.
#include "cuda/tests/product.h"

namespace fastnets::tests {
namespace {

template <class T>
void check_gemm_of(const Size& s, Lay lay_a, Lay lay_b) {
  check_product<T>(s, lay_a, lay_b, [&](const auto& a, const auto& b, const auto& sink, Workspace& workspace) {
    gemm("gemm", s.batch, s.M, s.N, s.K, a, b, sink, workspace, nullptr);
  });
}

// The tile for large products, on a small one.
template <class T>
void check_large_tile(const Size& s, Lay lay_a, Lay lay_b) {
  check_product<T>(s, lay_a, lay_b,
                   [&]<class A, class B>(const A& a, const B& b, RowSink<T> sink, Workspace& workspace) {
                     sink.find_alignment();
                     run_gemm<LargeLoop<A, B>>("gemm", s.batch, s.M, s.N, s.K, a, b, sink, workspace, nullptr);
                   });
}

template <class T>
void check_layouts() {
  for (Lay a : {Lay::depth, Lay::rows, Lay::gaps})
    for (Lay b : {Lay::depth, Lay::rows, Lay::gaps}) check_gemm_of<T>({1, 67, 75, 50}, a, b);
  check_gemm_of<T>({1, 20, 30, 41}, Lay::depth_misaligned, Lay::rows_misaligned);
  check_gemm_of<T>({1, 20, 30, 41}, Lay::rows_misaligned, Lay::depth_misaligned);
}
FASTNETS_TEST(gemm_layouts_bfloat16) { check_layouts<bfloat16>(); }
FASTNETS_TEST(gemm_layouts_float16) { check_layouts<float16>(); }
FASTNETS_TEST(gemm_layouts_float32) { check_layouts<float>(); }

template <class T>
void check_sizes() {
  for (const Size& s :
       {Size{1, 1, 1, 1}, Size{1, 64, 64, 32}, Size{1, 65, 63, 33}, Size{1, 7, 130, 16}, Size{1, 130, 8, 100},
        Size{3, 9, 17, 40}, Size{1, 5, 9, 0}, Size{1, 0, 9, 4}, Size{1, 5, 0, 4}, Size{0, 5, 9, 4}})
    check_gemm_of<T>(s, Lay::depth, Lay::depth);
}
FASTNETS_TEST(gemm_sizes_bfloat16) { check_sizes<bfloat16>(); }
FASTNETS_TEST(gemm_sizes_float32) { check_sizes<float>(); }

template <class T>
void check_splits() {  // more terms than a chain, few tiles
  check_gemm_of<T>({1, 5, 12, 512}, Lay::depth, Lay::depth);
  check_gemm_of<T>({1, 5, 9, 1100}, Lay::depth, Lay::rows);
  check_gemm_of<T>({2, 3, 8, 1024}, Lay::rows, Lay::rows);
}
FASTNETS_TEST(gemm_splits_bfloat16) { check_splits<bfloat16>(); }
FASTNETS_TEST(gemm_splits_float32) { check_splits<float>(); }

template <class T>
void check_large() {
  check_large_tile<T>({1, 150, 136, 72}, Lay::depth, Lay::depth);
  check_large_tile<T>({1, 129, 3, 50}, Lay::rows, Lay::rows);
}
FASTNETS_TEST(gemm_large_tile_bfloat16) { check_large<bfloat16>(); }
FASTNETS_TEST(gemm_large_tile_float32) { check_large<float>(); }

// A long sum keeps the bound of a short one, 8 eps; in one chain the error of this one is 13 eps.
FASTNETS_TEST(gemm_sums_in_chains) {
  constexpr int kDepth = 1 << 15;
  std::vector<float> terms;
  double expected = 0;
  for (uint32_t i = 0, state = 1; i < kDepth; ++i, state = state * 1664525u + 1013904223u) {
    terms.push_back(float(state >> 8) * 0x1p-24f);
    expected += terms.back();
  }
  Buffer<float> a(std::vector<float>(kDepth, 1.0f)), b(terms), out(1);
  const MatrixOperand<float, Order::depth> rows{{a.data(), kDepth, 1}, 1, kDepth, true};
  const MatrixOperand<float, Order::depth> columns{{b.data(), kDepth, 1}, 1, kDepth, true};
  const auto run = [&](Workspace& workspace) {
    gemm("gemm", 1, 1, 1, kDepth, rows, columns, RowSink<float>{out.data(), 1, 1}, workspace, nullptr);
  };
  Workspace count{.counts_only = true};
  run(count);
  Buffer<std::byte> room(count.used);
  Workspace workspace{.base = room.data()};
  run(workspace);
  const double error = std::abs(double(out.values()[0]) - expected);
  require(error <= 8 * 0x1p-23 * expected, "the sum is ", out.values()[0], ", expected ", expected);
}

}  // namespace
}  // namespace fastnets::tests
