// Passes over several arrays of one shape, some of which are updated in place.
#pragma once
#include <initializer_list>

#include "cpu/layout.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// An array that is updated: where it is, or a row-major copy that is copied back.
template <class T>
struct InPlace {
  const Tensor& tensor;
  T* data;
  bool is_copy;

  InPlace(const Tensor& t, bool plain, Workspace& workspace) : tensor(t), data(t.as<T>()), is_copy(t && !plain) {
    if (!is_copy) return;
    data = workspace.take<T>(t.size());
    if (data) copy_contiguous<T>(t, data);
  }
  void finish() const {
    if (is_copy) copy_strided(data, tensor);
  }
};

// Whether all arrays that are there are dense in the first one's memory format, so that one pass over memory meets the
// same element in each.
FASTNETS_INLINE bool are_plain(std::initializer_list<const Tensor*> tensors) {
  const bool channels_last = (*tensors.begin())->is_channels_last();
  for (const Tensor* t : tensors)
    if (*t && !(channels_last ? t->is_channels_last() : t->is_contiguous())) return false;
  return true;
}

// What an array without dimensions holds; 0 where there is none.
FASTNETS_INLINE double number(const Tensor& t) {
  if (!t) return 0;
  return t.dtype == DType::float64 ? *t.as<double>() : static_cast<double>(*t.as<float>());
}

// Calls f(i, read, write) for every vector of elements i … of arrays in dense memory; read and write know how many of
// its lanes there are. What is read of an element is written before the next vector is looked at.
template <class Acc, class F>
void each_vector(std::int64_t size, const F& f) {
  using V = Vec<Acc>;
  parallel_ranges(size, 1 << 13, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t i = begin;
    for (; i + V::lanes <= end; i += V::lanes)
      f(i, [](const auto* p) { return load(p); }, [](auto* p, V x) { store(p, x); });
    const int n = static_cast<int>(end - i);
    if (n > 0) f(i, [n](const auto* p) { return load(p, n); }, [n](auto* p, V x) { store(p, x, n); });
  });
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
