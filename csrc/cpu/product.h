// out (M, N) = a (M, K) · b (N, K)ᵀ of matrices in memory, by the way that suits their sizes.
#pragma once
#include "cpu/epilogue.h"
#include "cpu/few_rows.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// An operand is packed beforehand, once for all, where several blocks of the other would each pack it again.
template <class T, int R>
MatrixOperand<T, R> operand(const Matrix<T>& m, std::int64_t rows, std::int64_t depth, bool often,
                            Workspace& workspace) {
  MatrixOperand<T, R> o{{m}, rows, depth};
  if (!often) return o;
  PanelElement<T>* room = workspace.take<PanelElement<T>>(o.packed_size(rows, depth));
  if (room) pack_all<T, R>(o.source, rows, depth, room);
  o.packed = room;
  return o;
}

// The product with the sink's epilogue, or only the workspace it takes.
template <class T, class Sink>
void multiply(std::int64_t M, std::int64_t N, std::int64_t K, const Matrix<T>& a, const Matrix<T>& b,
              const void* packed_b, const Sink& sink, Workspace& workspace) {
  constexpr int kMR = Blocks<T>::kMR, kNR = Blocks<T>::kNR;
  if (has_few_rows(M, b)) {
    auto* room = workspace.take<Accumulator<T>>(M * K);
    if (workspace.base) gemm_few_rows(M, N, K, a, b, sink, room);
    return;
  }
  auto rows = operand<T, kMR>(a, M, K, N > kNR * BlockLimits().column_panels, workspace);
  auto columns = operand<T, kNR>(b, N, K, !packed_b && M > kMR * BlockLimits().row_panels, workspace);
  if (packed_b) columns.packed = static_cast<const PanelElement<T>*>(packed_b);
  if (workspace.base) gemm<T>(1, M, N, K, rows, columns, sink);
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
