#include "core/ops/softmax.h"
#include "core/entries.h"
#include "cpu/softmax.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// The dimensions around the one of the softmax, in the order of memory.
FASTNETS_INLINE SoftmaxShape shape_of(const Softmax& op) {
  SoftmaxShape s;
  s.log = op.log;
  if (!op.input.ndim) return s;
  const int axis = op.axis(), last = op.input.ndim - 1;
  const bool channels_last = op.input.is_channels_last();
  const auto place = [&](int d) { return !channels_last || d == 0 ? d : d == 1 ? last : d - 1; };
  for (int d = 0; d <= last; ++d) (d == axis ? s.C : place(d) < place(axis) ? s.N : s.D) *= op.input.shape[d];
  return s;
}

template <class From, class To>
void convert(const From* from, std::int64_t size, To* to) {
  using Acc = Accumulator<To>;
  parallel_ranges(size, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    if constexpr (std::is_same_v<Accumulator<From>, Acc>)
      each_vector<kLanes<To>>(begin, end, [&](std::int64_t i, int n) { write(to + i, read(from + i, n), n); });
    else
      for (std::int64_t i = begin; i < end; ++i) to[i] = narrow<To>(static_cast<Acc>(widen(from[i])));
  });
}

// The input's rows as T: converted where it is of another dtype, in place where they lie a stride apart.
template <class T>
const T* input_rows(const Softmax& op, const SoftmaxShape& s, Workspace& workspace, std::int64_t& row_stride) {
  const Tensor& t = op.input;
  row_stride = s.C;
  if (t.dtype == op.output.dtype && t.ndim && op.axis() == t.ndim - 1 && t.stride[t.ndim - 1] == 1 &&
      !t.is_channels_last() && has_uniform_rows(t)) {
    const RowView<T> rows = rows_of<T>(t, workspace);
    row_stride = rows.row_stride;
    return rows.data;
  }
  const T* found = nullptr;
  visit_float(t.dtype, [&]<class From>(Type<From>) {
    const From* from = in_format<From>(t, t.is_channels_last(), workspace);
    if constexpr (std::is_same_v<From, T>) {
      found = from;
    } else {
      T* converted = workspace.take<T>(t.size());
      if (converted) convert(from, t.size(), converted);
      found = converted;
    }
  });
  return found;
}

template <class T>
void run_forward(const Softmax& op, Workspace& workspace) {
  const SoftmaxShape s = shape_of(op);
  std::int64_t row_stride;
  const T* x = input_rows<T>(op, s, workspace, row_stride);
  if (!workspace.base || !op.input.size()) return;
  T* y = op.output.as<T>();
  s.log ? softmax<T, true>(s, x, row_stride, y) : softmax<T, false>(s, x, row_stride, y);
}

template <class T>
void run_backward(const Softmax& op, Workspace& workspace) {
  if (!op.grad_input) return;
  const SoftmaxShape s = shape_of(op);
  const bool channels_last = op.input.is_channels_last(), same = op.grad_input.dtype == op.output.dtype;
  const std::int64_t size = op.input.size();
  const T* y = in_format<T>(op.output, channels_last, workspace);
  const T* dy = in_format<T>(op.grad_output, channels_last, workspace);
  T* dx = same ? op.grad_input.as<T>() : workspace.take<T>(size);
  if (!workspace.base || !size) return;
  s.log ? softmax_gradient<T, true>(s, y, dy, dx) : softmax_gradient<T, false>(s, y, dy, dx);
  if (!same) visit_float(op.grad_input.dtype, [&]<class To>(Type<To>) { convert(dx, size, op.grad_input.as<To>()); });
}

}  // namespace

void run(const Softmax& op, Pass pass, Workspace& workspace) {
  visit_float(op.output.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace) : run_backward<T>(op, workspace);
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
