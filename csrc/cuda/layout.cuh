// Arrays as kernels want them: rows of contiguous memory, copied only where the strides leave no other way.
#pragma once
#include <optional>

#include "core/check.h"
#include "core/tensor.h"
#include "cuda/backend/workspace.h"
#include "cuda/elements.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// Calls f(Type<T>{}) with the C++ type of a dtype that is served on the device.
template <class F>
void visit_device_float(const char* name, DType dtype, F&& f) {
  switch (dtype) {
    case DType::float32:
      return f(Type<float>{});
    case DType::bfloat16:
      return f(Type<bfloat16>{});
    case DType::float16:
      return f(Type<float16>{});
    default:
      fail<TypeError>(name, ": ", fastnets::name(dtype), " is served on the CPU; use float32, bfloat16 or float16");
  }
}

template <class T>
struct CopyElement {
  Tensor from;
  T* to;
  __device__ __forceinline__ void operator()(int64_t i) const {
    int64_t rest = i, offset = 0;
    for (int d = from.ndim - 1; d >= 0; --d) {
      offset += rest % from.shape[d] * from.stride[d];
      rest /= from.shape[d];
    }
    to[i] = static_cast<const T*>(from.data)[offset];
  }
};

// Copies an array of any strides to row-major memory.
template <class T>
void copy_contiguous(const char* name, const Tensor& from, T* to, Stream stream) {
  for_elements(name, from.size(), CopyElement<T>{from, to}, stream);
}

// The product of all sizes but the last.
inline int64_t leading_size(const Tensor& t) {
  int64_t size = 1;
  for (int d = 0; d < t.ndim - 1; ++d) size *= t.shape[d];
  return size;
}

// A (rows, columns) view of an array whose leading dimensions are one after the other in memory.
template <class T>
struct RowView {
  const T* data;
  int64_t rows, columns, row_stride, column_stride;
};

// The stride with which all leading dimensions can be walked, or none.
inline std::optional<int64_t> uniform_row_stride(const Tensor& t) {
  std::optional<int64_t> stride;
  int64_t expected = 0;
  for (int d = t.ndim - 2; d >= 0; --d) {
    if (t.shape[d] == 1) continue;
    if (stride && t.stride[d] != expected) return std::nullopt;
    if (!stride) stride = t.stride[d];
    expected = t.stride[d] * t.shape[d];
  }
  return stride.value_or(0);
}

// The view of an array, or of a copy of it in the workspace.
template <class T>
RowView<T> rows_of(const char* name, const Tensor& t, Workspace& workspace, Stream stream) {
  const int64_t rows = leading_size(t), columns = t.ndim ? t.shape[t.ndim - 1] : 1;
  if (const auto stride = uniform_row_stride(t))
    return {t.as<T>(), rows, columns, *stride, t.ndim ? t.stride[t.ndim - 1] : 1};
  T* copy = workspace.take<T>(t.size());
  if (!workspace.counts_only) copy_contiguous(name, t, copy, stream);
  return {copy, rows, columns, columns, 1};
}

// The elements in row-major order: the array itself where it is contiguous, else a copy in the workspace.
template <class T>
const T* contiguous(const char* name, const Tensor& t, Workspace& workspace, Stream stream) {
  if (t.is_contiguous()) return t.as<T>();
  T* copy = workspace.take<T>(t.size());
  if (!workspace.counts_only) copy_contiguous(name, t, copy, stream);
  return copy;
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
