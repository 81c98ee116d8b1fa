// Arrays as kernels want them: rows of contiguous memory, copied only where the strides leave no other way.
#pragma once
#include "core/tensor.h"
#include "cpu/backend/scratch.h"
#include "cpu/backend/threads.h"
#include "cpu/simd/simd.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Splits 0 … size − 1 into pieces of at least `grain` and runs f(begin, end) on each.
template <class F>
void parallel_ranges(std::int64_t size, std::int64_t grain, const F& f) {
  const std::int64_t pieces = most(1, least(divide_up(size, grain), 256)), step = divide_up(size, pieces);
  const auto task = [&](std::int64_t i) {
    if (i * step < size) f(i * step, least(size, (i + 1) * step));
  };
  parallel(pieces, task);
}

// Calls f(row-major index, offset in memory, size, step) for each line of an array along its last dimension.
template <class F>
void each_line(const Tensor& t, const F& f) {
  const std::int64_t columns = t.ndim ? t.shape[t.ndim - 1] : 1;
  const std::int64_t rows = columns ? t.size() / columns : 0;
  const std::int64_t step = t.ndim ? t.stride[t.ndim - 1] : 0;
  parallel_ranges(rows, most(1, 16384 / most(1, columns)), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      std::int64_t rest = row, offset = 0;
      for (int d = t.ndim - 2; d >= 0; --d) {
        offset += rest % t.shape[d] * t.stride[d];
        rest /= t.shape[d];
      }
      f(row * columns, offset, columns, step);
    }
  });
}

// Copies an array of any strides to row-major memory, of another type if need be.
template <class T, class To>
void copy_contiguous(const Tensor& from, To* to) {
  each_line(from, [&](std::int64_t index, std::int64_t offset, std::int64_t columns, std::int64_t step) {
    const T* source = from.as<T>() + offset;
    for (std::int64_t i = 0; i < columns; ++i) to[index + i] = static_cast<To>(source[i * step]);
  });
}
// The way back: row-major memory into an array of any strides.
template <class T>
void copy_strided(const T* from, const Tensor& to) {
  each_line(to, [&](std::int64_t index, std::int64_t offset, std::int64_t columns, std::int64_t step) {
    T* target = to.as<T>() + offset;
    for (std::int64_t i = 0; i < columns; ++i) target[i * step] = from[index + i];
  });
}

// A (rows, columns) view of an array whose leading dimensions are one after the other in memory.
template <class T>
struct RowView {
  const T* data;
  std::int64_t rows, columns, row_stride, column_stride;
};

// Whether the leading dimensions can be walked with one stride.
FASTNETS_INLINE bool has_uniform_rows(const Tensor& t) {
  std::int64_t expected = -1;
  for (int d = t.ndim - 2; d >= 0; --d) {
    if (t.shape[d] == 1) continue;
    if (expected >= 0 && t.stride[d] != expected) return false;
    expected = t.stride[d] * t.shape[d];
    if (t.stride[d] < 0) return false;
  }
  return true;
}

// The view of an array, or of a copy of it in the workspace. Without a base the workspace only counts.
template <class T>
RowView<T> rows_of(const Tensor& t, Workspace& workspace) {
  RowView<T> view{t.as<T>(), 1, t.ndim ? t.shape[t.ndim - 1] : 1, 0, t.ndim ? t.stride[t.ndim - 1] : 1};
  for (int d = t.ndim - 2; d >= 0; --d) {
    view.rows *= t.shape[d];
    if (t.shape[d] != 1 && view.row_stride == 0) view.row_stride = t.stride[d];
  }
  if (has_uniform_rows(t)) return view;
  T* copy = workspace.take<T>(t.size());
  if (copy) copy_contiguous<T>(t, copy);
  return {copy, view.rows, view.columns, view.columns, 1};
}

// The elements in row-major order: the array itself where it is contiguous, else a copy in the workspace.
template <class T>
const T* contiguous(const Tensor& t, Workspace& workspace) {
  if (t.is_contiguous()) return t.as<T>();
  T* copy = workspace.take<T>(t.size());
  if (copy) copy_contiguous<T>(t, copy);
  return copy;
}

// Labels or token ids in row-major order, as int64.
inline const std::int64_t* indices_of(const Tensor& t, Workspace& workspace) {
  if (t.dtype == DType::int64) return contiguous<std::int64_t>(t, workspace);
  std::int64_t* copy = workspace.take<std::int64_t>(t.size());
  if (copy) copy_contiguous<std::int32_t>(t, copy);
  return copy;
}

// The dimensions in the order in which a memory format, channels-last or row-major, has them.
FASTNETS_INLINE Tensor in_memory_order(const Tensor& t, bool channels_last) {
  Tensor view = t;
  if (!channels_last) return view;
  for (int d = 1; d + 1 < view.ndim; ++d) view.shape[d] = t.shape[d + 1], view.stride[d] = t.stride[d + 1];
  view.shape[view.ndim - 1] = t.shape[1], view.stride[view.ndim - 1] = t.stride[1];
  return view;
}

// The array itself where it lies in a memory format, channels-last or row-major, else a copy that does.
template <class T>
const T* in_format(const Tensor& t, bool channels_last, Workspace& workspace) {
  const auto is_in_both = [&] {  // where there is one channel, or one pixel
    return t.is_contiguous() && (t.shape[1] == 1 || t.shape[0] * t.shape[1] == t.size());
  };
  if (channels_last ? t.is_channels_last() || is_in_both() : t.is_contiguous()) return t.as<T>();
  T* out = workspace.take<T>(t.size());
  if (out) copy_contiguous<T>(in_memory_order(t, channels_last), out);
  return out;
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
