// The GEMM core by itself, exact on small integers: layouts, sizes that no tile divides, splits, batches, the epilogue.
#include "cuda/gemm.cuh"
#include "emulation/tests/buffer.h"
#include "emulation/tests/test.h"

namespace fastnets::tests {
namespace {

using namespace fastnets::cuda;
using namespace fastnets::cuda::FASTNETS_ARCH;

struct Size {
  int batch, M, N, K;
};

// How an operand lies in memory.
enum class Lay { depth, rows, gaps, depth_misaligned, rows_misaligned };

// (batch, rows, depth) small integers in a layout; element() knows them by index.
template <class T>
struct TestMatrix {
  int rows, depth;
  int64_t offset = 0, row_stride, depth_stride, batch_stride;
  std::vector<T> values;
  Buffer<T> device;

  TestMatrix(int batch, int rows_, int depth_, Lay lay, unsigned seed)
      : rows(rows_),
        depth(depth_),
        offset(lay == Lay::depth_misaligned ? 1 : 0),
        row_stride(lay == Lay::depth              ? (depth + 7) / 8 * 8
                   : lay == Lay::depth_misaligned ? depth
                   : lay == Lay::gaps             ? 2 * depth + 1
                                                  : 1),
        depth_stride(lay == Lay::rows              ? (rows + 7) / 8 * 8
                     : lay == Lay::rows_misaligned ? rows + 1
                     : lay == Lay::gaps            ? 2
                                                   : 1),
        batch_stride((std::max(rows * row_stride, depth * depth_stride) + 7) / 8 * 8),
        values(small_integers<T>(size_t(offset + batch * batch_stride), seed)),
        device(values) {}

  Matrix<T> matrix() const { return {device.data() + offset, row_stride, depth_stride, batch_stride}; }
  float element(int batch, int i, int k) const {
    return to_float(values[size_t(offset + batch * batch_stride + i * row_stride + k * depth_stride)]);
  }
};

template <class T>
std::vector<float> widened(const std::vector<T>& values) {
  std::vector<float> wide;
  for (T value : values) wide.push_back(to_float(value));
  return wide;
}

// run(a, b, sink, workspace) is gemm() or a choice of mainloop.
template <class T, class Run>
void check_product(const Size& s, Lay lay_a, Lay lay_b, Run run) {
  const TestMatrix<T> a(s.batch, s.M, s.K, lay_a, 1), b(s.batch, s.N, s.K, lay_b, 2);
  const auto bias = small_integers<T>(size_t(s.N), 3), residual = small_integers<T>(size_t(s.batch * s.M * s.N), 4);
  Buffer<T> device_bias(bias), device_residual(residual), out(residual.size()), pre_activation(residual.size());
  RowSink<T> sink{out.data(), int64_t{s.M} * s.N, s.N};
  sink.bias = device_bias.data();
  sink.residual = device_residual.data();
  sink.activation = Activation::relu;
  sink.pre_activation = pre_activation.data();

  visit_operand(a.matrix(), s.M, s.K, [&](const auto& rows) {
    visit_operand(b.matrix(), s.N, s.K, [&](const auto& columns) {
      Workspace count{.counts_only = true};
      run(rows, columns, sink, count);
      Buffer<std::byte> room(count.used);
      Workspace workspace{.base = room.data()};
      run(rows, columns, sink, workspace);
      require(workspace.used == count.used, "the workspace is ", workspace.used, " bytes but ", count.used, " counted");
    });
  });

  std::vector<float> expected_z, expected_y;
  for (int n = 0; n < s.batch; ++n)
    for (int i = 0; i < s.M; ++i)
      for (int j = 0; j < s.N; ++j) {
        float sum = to_float(bias[size_t(j)]) + to_float(residual[size_t((n * s.M + i) * s.N + j)]);
        for (int k = 0; k < s.K; ++k) sum += a.element(n, i, k) * b.element(n, j, k);
        expected_z.push_back(to_float(from_float<T>(sum)));
        expected_y.push_back(std::max(expected_z.back(), 0.0f));
      }
  require_equal(widened(pre_activation.values()), expected_z);
  require_equal(widened(out.values()), expected_y);
}

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
