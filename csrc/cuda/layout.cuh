// Arrays as kernels want them: rows of contiguous memory, copied only where the strides leave no other way.
#pragma once
#include <algorithm>
#include <initializer_list>
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

// Where in memory the element of a row-major index is.
__device__ __forceinline__ int64_t offset_of(const Tensor& t, int64_t i) {
  int64_t rest = i, offset = 0;
  for (int d = t.ndim - 1; d >= 0; --d) {
    offset += rest % t.shape[d] * t.stride[d];
    rest /= t.shape[d];
  }
  return offset;
}

template <class T>
struct CopyElement {
  Tensor from;
  T* to;
  __device__ __forceinline__ void operator()(int64_t i) const {
    to[i] = static_cast<const T*>(from.data)[offset_of(from, i)];
  }
};

template <class T>
struct CopyElementBack {
  const T* from;
  Tensor to;
  __device__ __forceinline__ void operator()(int64_t i) const { static_cast<T*>(to.data)[offset_of(to, i)] = from[i]; }
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

template <class From, class To>
struct ConvertElement {
  Tensor from;
  To* to;
  __device__ __forceinline__ void operator()(int64_t i) const {
    const From value = static_cast<const From*>(from.data)[offset_of(from, i)];
    if constexpr (std::is_integral_v<From>)
      to[i] = To(value);
    else
      to[i] = widen(value);
  }
};

// A few numbers, such as one a channel, as float in row-major order; null for none.
inline const float* numbers_of(const char* name, const Tensor& t, Workspace& workspace, Stream stream) {
  if (!t) return nullptr;
  if (t.dtype == DType::float32) return contiguous<float>(name, t, workspace, stream);
  float* copy = workspace.take<float>(t.size());
  if (!workspace.counts_only)
    visit_device_float(name, t.dtype, [&]<class T>(Type<T>) {
      for_elements(name, t.size(), ConvertElement<T, float>{t, copy}, stream);
    });
  return copy;
}

// Elements in the order of memory, of another type.
template <class From, class To>
struct Convert {
  const From* from;
  To* to;
  __device__ __forceinline__ void operator()(int64_t i) const { to[i] = round_to<To>(widen(from[i])); }
};

// Integers as int64 in row-major order.
inline const int64_t* indices_of(const char* name, const Tensor& t, Workspace& workspace, Stream stream) {
  if (t.dtype == DType::int64) return contiguous<int64_t>(name, t, workspace, stream);
  int64_t* copy = workspace.take<int64_t>(t.size());
  if (!workspace.counts_only) for_elements(name, t.size(), ConvertElement<int32_t, int64_t>{t, copy}, stream);
  return copy;
}

// The array with its channels, dimension 1, behind all others: row-major where it was channels-last.
inline Tensor with_channels_behind(const Tensor& t) {
  Tensor moved = t;
  for (int d = 1; d + 1 < t.ndim; ++d) moved.shape[d] = t.shape[d + 1], moved.stride[d] = t.stride[d + 1];
  moved.shape[t.ndim - 1] = t.shape[1], moved.stride[t.ndim - 1] = t.stride[1];
  return moved;
}

// The elements in row-major order, or with the channels innermost: the array itself where it is so, else a copy in the
// workspace.
template <class T>
const T* in_format(const char* name, const Tensor& t, bool channels_last, Workspace& workspace, Stream stream) {
  return contiguous<T>(name, channels_last ? with_channels_behind(t) : t, workspace, stream);
}

// Whether all arrays that are there are dense in the first one's memory format, so that one pass over memory meets the
// same element in each.
inline bool are_plain(std::initializer_list<const Tensor*> tensors) {
  const bool channels_last = (*tensors.begin())->is_channels_last();
  return std::all_of(tensors.begin(), tensors.end(), [&](const Tensor* t) {
    return !*t || (channels_last ? t->is_channels_last() : t->is_contiguous());
  });
}

// An array that is updated: where it is, or a row-major copy that is copied back.
template <class T>
struct InPlace {
  const char* name;
  const Tensor& tensor;
  T* data;
  bool is_copy;

  InPlace(const char* name_, const Tensor& t, bool plain, Workspace& workspace, Stream stream)
      : name(name_), tensor(t), data(t.as<T>()), is_copy(t && !plain) {
    if (!is_copy) return;
    data = workspace.take<T>(t.size());
    if (!workspace.counts_only) copy_contiguous(name, t, data, stream);
  }
  void finish(Stream stream) const {
    if (is_copy) for_elements(name, tensor.size(), CopyElementBack<T>{data, tensor}, stream);
  }
};

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
