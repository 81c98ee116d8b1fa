// Operands of products in every layout, and products of them: exact on small integers.
#pragma once
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

}  // namespace
}  // namespace fastnets::tests
