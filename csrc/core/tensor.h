// A borrowed view of an array: no ownership, no CUDA, no Python.
#pragma once
#include "core/dtype.h"

namespace fastnets {

struct Device {
  enum class Type : std::int8_t { cpu, cuda } type = Type::cpu;
  std::int8_t index = 0;  // of the GPU
  friend constexpr bool operator==(const Device&, const Device&) = default;
};
constexpr int kMaxDims = 8;

struct Tensor {
  void* data = nullptr;
  const void* packed = nullptr;  // the same values as panels for the GEMM core, or null
  std::int64_t shape[kMaxDims] = {};
  std::int64_t stride[kMaxDims] = {};  // in elements
  std::int8_t ndim = 0;
  DType dtype = DType::float32;
  Device device;
  bool defined = false;  // false: an optional argument that was not given

  template <class T>
  FASTNETS_INLINE T* as() const {
    return static_cast<T*>(data);
  }
  FASTNETS_INLINE explicit operator bool() const { return defined; }
  FASTNETS_INLINE std::int64_t size() const {
    std::int64_t n = 1;
    for (int i = 0; i < ndim; ++i) n *= shape[i];
    return n;
  }
  FASTNETS_INLINE bool same_shape(const Tensor& other) const {
    bool same = ndim == other.ndim;
    for (int i = 0; same && i < ndim; ++i) same = shape[i] == other.shape[i];
    return same;
  }
  // Of the same shape and with the same strides, where they matter.
  FASTNETS_INLINE bool same_memory_format(const Tensor& other) const {
    bool same = same_shape(other);
    for (int i = 0; same && i < ndim; ++i) same = shape[i] == 1 || stride[i] == other.stride[i];
    return same || (same_shape(other) && size() == 0);
  }
  // Row-major without gaps; dimensions of one element may have any stride.
  FASTNETS_INLINE bool is_contiguous() const {
    std::int64_t expected = 1;
    for (int i = ndim - 1; i >= 0; --i) {
      if (shape[i] != 1 && stride[i] != expected) return size() == 0;
      expected *= shape[i];
    }
    return true;
  }
  // Describes a new row-major array of the given shape; its memory is provided later.
  FASTNETS_INLINE void describe(DType dtype_, Device device_, int ndim_, const std::int64_t* shape_) {
    dtype = dtype_, device = device_, ndim = static_cast<std::int8_t>(ndim_), defined = true;
    std::int64_t step = 1;
    for (int i = ndim - 1; i >= 0; --i) {
      shape[i] = shape_[i], stride[i] = step;
      step *= shape_[i];
    }
  }
  FASTNETS_INLINE void describe_like(const Tensor& other) {
    describe(other.dtype, other.device, other.ndim, other.shape);
  }
  // Moves dimension 1 (the channels) of a row-major description to the innermost place in memory.
  FASTNETS_INLINE void make_channels_last() {
    std::int64_t step = stride[1] = 1;
    step *= shape[1];
    for (int i = ndim - 1; i >= 2; --i) {
      stride[i] = step;
      step *= shape[i];
    }
    stride[0] = step;
  }
  // Element strides of dense channels-last memory, in an array where row-major means something else.
  FASTNETS_INLINE bool is_channels_last() const {
    if (ndim < 3 || is_contiguous()) return false;
    Tensor wanted;
    wanted.describe_like(*this);
    wanted.make_channels_last();
    for (int i = 0; i < ndim; ++i)
      if (shape[i] != 1 && stride[i] != wanted.stride[i]) return false;
    return true;
  }
};

}  // namespace fastnets
