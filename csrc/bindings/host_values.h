// Class labels, lengths and other integers that `infer` checks, where they lie on a device and the user wants that.
#pragma once
#include <vector>

#include "bindings/fields.h"

namespace fastnets {

// Lets the integer arrays of an op's inputs be copies in host memory, until `restore`.
struct HostValues : Ignore {
  Library library;
  struct Moved {
    Tensor* field;
    Tensor before;
    std::vector<std::byte> copy;
  };
  std::vector<Moved> moved;
  explicit HostValues(Library library_) : library(library_) {}

  template <class... Rest>
  void input(const char*, Tensor& t, Rest&&...) {
    if (!t || is_float(t.dtype) || t.dtype == DType::boolean || !t.size() || t.device.type == Device::Type::cpu) return;
    std::int64_t lowest = 0, highest = 0;  // element offsets
    for (int d = 0; d < t.ndim; ++d) (t.stride[d] < 0 ? lowest : highest) += (t.shape[d] - 1) * t.stride[d];
    const int size = item_size(t.dtype);
    std::vector<std::byte> copy(static_cast<std::size_t>((highest - lowest + 1) * size));
    copy_to_host(static_cast<const char*>(t.data) + lowest * size, copy.size(), library, t.device, copy.data());
    moved.push_back({&t, t, std::move(copy)});
    t.data = moved.back().copy.data() - lowest * size;
    t.device = {};
  }
  template <class... Rest>
  void optional(const char* what, Tensor& t, Rest&&...) {
    input(what, t);
  }
  void restore() {
    for (const Moved& m : moved) *m.field = m.before;
  }
};

}  // namespace fastnets
