#include "core/ops/linear.h"
#include "core/entries.h"
#include "cpu/epilogue.h"
#include "cpu/few_rows.h"
#include "cpu/layout.h"
#include "cpu/reduce.h"

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

// out (M, N) = a (M, K) · b (N, K)ᵀ with the sink's epilogue, or only the workspace it takes.
template <class T>
void multiply(std::int64_t M, std::int64_t N, std::int64_t K, const Matrix<T>& a, const Matrix<T>& b,
              const void* packed_b, const RowSink<T>& sink, Workspace& workspace) {
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

template <class T>
Matrix<T> as_matrix(const RowView<T>& v) {
  return {v.data, v.row_stride, v.column_stride};
}

template <class T>
void run_forward(const Linear& op, Workspace& workspace) {
  const RowView<T> x = rows_of<T>(op.input, workspace);
  const std::int64_t N = op.weight.shape[0];
  RowSink<T> sink{op.output.as<T>(), {N}};
  sink.bias = op.bias ? contiguous<T>(op.bias, workspace) : nullptr;
  sink.residual = op.residual ? contiguous<T>(op.residual, workspace) : nullptr;
  sink.activation = op.activation;
  sink.pre_activation = op.pre_activation ? op.pre_activation.as<T>() : nullptr;
  const Matrix<T> w{op.weight.as<T>(), op.weight.stride[0], op.weight.stride[1]};
  multiply<T>(x.rows, N, x.columns, as_matrix(x), w, op.weight.packed, sink, workspace);
}

template <class T>
void run_backward(const Linear& op, Workspace& workspace) {
  const bool run = workspace.base != nullptr;
  const std::int64_t N = op.weight.shape[0], K = op.weight.shape[1];
  std::int64_t M = 1;
  for (int i = 0; i < op.input.ndim - 1; ++i) M *= op.input.shape[i];
  const T* dz = contiguous<T>(op.grad_output, workspace);
  if (op.activation != Activation::none) {
    T* room = op.grad_residual ? op.grad_residual.as<T>() : workspace.take<T>(M * N);
    const T* y = op.output.as<T>();
    if (run) grad_activation(op.activation, dz, op.pre_activation ? op.pre_activation.as<T>() : y, y, M * N, room);
    dz = room;
  } else if (op.grad_residual && run) {
    copy_contiguous<T>(op.grad_output, op.grad_residual.as<T>());
  }
  if (op.grad_input) {
    RowSink<T> sink{op.grad_input.as<T>(), {K}};
    multiply<T>(M, K, N, {dz, N, 1}, {op.weight.as<T>(), op.weight.stride[1], op.weight.stride[0]}, nullptr, sink,
                workspace);
  }
  if (op.grad_weight) {
    const RowView<T> x = rows_of<T>(op.input, workspace);
    RowSink<T> sink{op.grad_weight.as<T>(), {K}};
    multiply<T>(N, K, M, {dz, 1, N}, {x.data, x.column_stride, x.row_stride}, nullptr, sink, workspace);
  }
  if (op.grad_bias && run) sum_rows(dz, M, N, N, op.grad_bias.as<T>());
}

}  // namespace

void run(const Linear& op, Pass pass, Workspace& workspace) {
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace) : run_backward<T>(op, workspace);
  });
}
PackSpec pack_spec(const Linear& op) {
  std::size_t bytes = 0;
  visit_float(op.weight.dtype, [&]<class T>(Type<T>) {
    bytes =
        sizeof(PanelElement<T>) * MatrixOperand<T, Blocks<T>::kNR>::packed_size(op.weight.shape[0], op.weight.shape[1]);
  });
  return {bytes, 0};
}
void pack(const Linear& op, void* panels) {
  visit_float(op.weight.dtype, [&]<class T>(Type<T>) {
    const MatrixSource<T> source{{op.weight.as<T>(), op.weight.stride[0], op.weight.stride[1]}};
    pack_all<T, Blocks<T>::kNR>(source, op.weight.shape[0], op.weight.shape[1], static_cast<PanelElement<T>*>(panels));
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
