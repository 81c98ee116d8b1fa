#include "core/ops/layer_norm.h"
#include "core/entries.h"
#include "cpu/row_norm.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

template <class Acc, class Op>
const Acc* bias_of(const Op& op, Workspace& workspace) {
  if constexpr (Op::kCentered)
    return numbers_of<Acc>(op.bias, workspace);
  else
    return nullptr;
}
template <class Acc, class Op>
Acc* mean_of(const Op& op) {
  if constexpr (Op::kCentered)
    return op.mean.template as<Acc>();
  else
    return nullptr;
}

template <class T, class Op>
void run_forward(const Op& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  const NormRows<T> x = norm_rows<T>(op.input, op.normalized_shape.count, workspace);
  const Acc *weight = numbers_of<Acc>(op.weight, workspace), *bias = bias_of<Acc>(op, workspace);
  if (!workspace.base) return;
  T* y = op.output.template as<T>();
  Acc *mean = mean_of<Acc>(op), *rstd = op.rstd.template as<Acc>();
  for (std::int64_t r = 0; rstd && !x.D && r < op.rstd.size(); ++r) rstd[r] = 0;  // rows of nothing
  for (std::int64_t r = 0; mean && !x.D && r < op.rstd.size(); ++r) mean[r] = 0;
  parallel_ranges(x.rows, divide_up(1 << 13, most(1, x.D)), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const RowScale<Acc> s = row_scale<T, Op::kCentered>(x[row], x.D, op.eps);
      if (mean) mean[row] = s.mean;
      if (rstd) rstd[row] = s.rstd;
      scale_row(x[row], x.D, s, weight, bias, y + row * x.D);
    }
  });
}

template <class T, class Op>
void run_backward(const Op& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  const int dims = op.normalized_shape.count;
  const NormRows<T> x = norm_rows<T>(op.input, dims, workspace), dy = norm_rows<T>(op.grad_output, dims, workspace);
  const Acc* weight = numbers_of<Acc>(op.weight, workspace);
  const RowGradients<T, Op::kCentered> rows{
      x, dy, mean_of<Acc>(op), op.rstd.template as<Acc>(), weight, op.grad_input.template as<T>()};
  Tensor grad_bias;
  if constexpr (Op::kCentered) grad_bias = op.grad_bias;
  const bool sums = op.grad_weight || grad_bias;
  ColumnChunks chunks = row_chunks(x.rows, x.D);
  if (sums) chunks.take(workspace);
  if (!workspace.base) return;
  if (!x.rows) {
    write_numbers(op.grad_weight, 0, x.D, [](std::int64_t) { return 0.0; });
    write_numbers(grad_bias, 0, x.D, [](std::int64_t) { return 0.0; });
    return;
  }
  if (!sums) {
    const auto chunk = [&](std::int64_t t) {
      rows.pull(t * chunks.step, least(chunks.step, x.rows - t * chunks.step), nullptr, nullptr);
    };
    return parallel(chunks.chunks, chunk);
  }
  reduce_columns<MergeSums>(
      chunks,
      [&](std::int64_t row, std::int64_t count, double* dweight, double* dbias) {
        rows.pull(row, count, dweight, dbias);
      },
      [&](std::int64_t, std::int64_t begin, std::int64_t end) {
        write_numbers(op.grad_weight, begin, end, [&](std::int64_t j) { return chunks.result(0, 0, 0)[j]; });
        write_numbers(grad_bias, begin, end, [&](std::int64_t j) { return chunks.result(0, 0, 1)[j]; });
      });
}

template <class Op>
void run_row_norm(const Op& op, Pass pass, Workspace& workspace) {
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace) : run_backward<T>(op, workspace);
  });
}

}  // namespace

void run(const LayerNorm& op, Pass pass, Workspace& workspace) { run_row_norm(op, pass, workspace); }
void run(const RMSNorm& op, Pass pass, Workspace& workspace) { run_row_norm(op, pass, workspace); }

}  // namespace fastnets::cpu::FASTNETS_ISA
