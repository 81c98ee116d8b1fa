#include "core/entries.h"
#include "core/ops/linear.h"
#include "cuda/gemm.cuh"
#include "cuda/grad_activation.cuh"
#include "cuda/layout.cuh"
#include "cuda/reduce.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// out (M, N) = a (M, K) · b (N, K)ᵀ with the sink's epilogue.
template <class T>
void multiply(int64_t M, int64_t N, int64_t K, const Matrix<T>& a, const Matrix<T>& b, const RowSink<T>& sink,
              Workspace& workspace, Stream stream) {
  visit_operand(a, M, K, [&](const auto& rows) {
    visit_operand(b, N, K,
                  [&](const auto& columns) { gemm(Linear::name, 1, M, N, K, rows, columns, sink, workspace, stream); });
  });
}

template <class T>
void run_forward(const Linear& op, Workspace& workspace, Stream stream) {
  const RowView<T> x = rows_of<T>(op.name, op.input, workspace, stream);
  const int64_t N = op.weight.shape[0];
  RowSink<T> sink{op.output.as<T>(), 0, N};
  sink.bias = op.bias ? contiguous<T>(op.name, op.bias, workspace, stream) : nullptr;
  sink.residual = op.residual ? contiguous<T>(op.name, op.residual, workspace, stream) : nullptr;
  sink.activation = op.activation;
  sink.pre_activation = op.pre_activation ? op.pre_activation.as<T>() : nullptr;
  multiply<T>(x.rows, N, x.columns, {x.data, x.row_stride, x.column_stride},
              {op.weight.as<T>(), op.weight.stride[0], op.weight.stride[1]}, sink, workspace, stream);
}

template <class T>
void run_backward(const Linear& op, Workspace& workspace, Stream stream) {
  const bool run = !workspace.counts_only;
  const int64_t M = leading_size(op.output), N = op.weight.shape[0], K = op.weight.shape[1];
  const T* dz = contiguous<T>(op.name, op.grad_output, workspace, stream);
  if (op.activation != Activation::none) {
    T* room = op.grad_residual ? op.grad_residual.as<T>() : workspace.take<T>(M * N);
    const T* y = op.output.as<T>();
    const T* z = op.pre_activation ? op.pre_activation.as<T>() : y;
    if (run) grad_activation(op.name, op.activation, 0, dz, z, y, M * N, room, stream);
    dz = room;
  } else if (op.grad_residual && run) {
    copy_contiguous(op.name, op.grad_output, op.grad_residual.as<T>(), stream);
  }
  if (op.grad_input)
    multiply<T>(M, K, N, {dz, N, 1}, {op.weight.as<T>(), op.weight.stride[1], op.weight.stride[0]},
                {op.grad_input.as<T>(), 0, K}, workspace, stream);
  if (op.grad_weight) {
    const RowView<T> x = rows_of<T>(op.name, op.input, workspace, stream);
    multiply<T>(N, K, M, {dz, 1, N}, {x.data, x.column_stride, x.row_stride}, {op.grad_weight.as<T>(), 0, K}, workspace,
                stream);
  }
  if (op.grad_bias) sum_rows(op.name, MatrixTerm<T>{dz, N}, M, N, op.grad_bias.as<T>(), workspace, stream);
}

}  // namespace

void run(const Linear& op, Pass pass, Workspace& workspace, Stream stream) {
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace, stream) : run_backward<T>(op, workspace, stream);
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
