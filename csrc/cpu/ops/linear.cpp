#include "core/ops/linear.h"
#include "core/entries.h"
#include "cpu/layout.h"
#include "cpu/product.h"
#include "cpu/reduce.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

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
