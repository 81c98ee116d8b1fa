// An array broadcast to a larger shape, read piece by piece: the repeated elements never go to memory.
#pragma once
#include "cpu/layout.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// `t` with the shape of `to`: dimensions that repeat have stride 0.
FASTNETS_INLINE Tensor broadcast(const Tensor& t, const Tensor& to) {
  Tensor view = to;
  view.data = t.data, view.dtype = t.dtype;
  for (int d = 0; d < to.ndim; ++d) {
    const int own = d - (to.ndim - t.ndim);
    view.stride[d] = own >= 0 && t.shape[own] != 1 ? t.stride[own] : 0;
  }
  return view;
}

// The same elements in the same order in as few dimensions as their strides allow, and at least one.
FASTNETS_INLINE Tensor merged(const Tensor& t) {
  Tensor view = t;
  view.ndim = 1, view.shape[0] = 1, view.stride[0] = 0;
  for (int d = 0; d < t.ndim; ++d) {
    if (t.shape[d] == 1) continue;
    std::int64_t &size = view.shape[view.ndim - 1], &stride = view.stride[view.ndim - 1];
    if (size == 1 || stride == t.stride[d] * t.shape[d]) {
      size *= t.shape[d], stride = t.stride[d];
    } else {
      view.shape[view.ndim] = t.shape[d], view.stride[view.ndim] = t.stride[d];
      ++view.ndim;
    }
  }
  return view;
}

// out[i] = element begin + i of the row-major order, for i < count.
template <class Acc>
void read_elements(const Tensor& t, std::int64_t begin, std::int64_t count, Acc* out) {
  const std::int64_t columns = t.shape[t.ndim - 1], step = t.stride[t.ndim - 1];
  visit_float(t.dtype, [&]<class T>(Type<T>) {
    for (std::int64_t i = 0, run; i < count; i += run) {
      const std::int64_t column = (begin + i) % columns;
      std::int64_t rest = (begin + i) / columns, offset = column * step;
      for (int d = t.ndim - 2; d >= 0; --d) offset += rest % t.shape[d] * t.stride[d], rest /= t.shape[d];
      const T* from = t.as<T>() + offset;
      run = least(columns - column, count - i);
      for (std::int64_t j = 0; j < run; ++j) out[i + j] = static_cast<Acc>(widen(from[j * step]));
    }
  });
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
