// Arrays of an op: drawn at random, given, or room for what it makes.
#pragma once
#include "core/tensor.h"
#include "cuda/tests/dtypes.h"
#include "emulation/tests/buffer.h"

namespace fastnets::tests {
namespace {

// An array on the host, as double, and on the device.
template <class T>
struct Array {
  std::vector<int64_t> shape;
  std::vector<double> values;
  Buffer<T> device;

  Array(std::vector<int64_t> shape_, unsigned seed) : Array(shape_, drawn(shape_, seed)) {}
  Array(std::vector<int64_t> shape_, std::vector<T> given) : shape(std::move(shape_)), device(given) {
    for (const T& v : given) values.push_back(as_double(v));
  }
  explicit Array(std::vector<int64_t> shape_) : shape(std::move(shape_)), device(size(shape)) {}

  double operator[](size_t i) const { return values[i]; }
  Tensor tensor() const {
    Tensor t;
    t.describe(kDType<T>, Device{Device::Type::cuda}, int(shape.size()), shape.data());
    t.data = device.data();
    return t;
  }
  void read_back() {
    values.clear();
    for (const T& v : device.values()) values.push_back(as_double(v));
  }

 private:
  static double as_double(T v) {
    if constexpr (std::is_same_v<T, int64_t>)
      return double(v);
    else
      return double(to_float(v));
  }
  static size_t size(const std::vector<int64_t>& shape) {
    size_t n = 1;
    for (int64_t d : shape) n *= size_t(d);
    return n;
  }
  // In [-1, 1).
  static std::vector<T> drawn(const std::vector<int64_t>& shape, unsigned seed) {
    std::vector<T> values;
    for (size_t i = 0; i < size(shape); ++i) {
      seed = seed * 1664525u + 1013904223u;
      values.push_back(from_float<T>(float(int32_t(seed)) * 0x1p-31f));
    }
    return values;
  }
};

}  // namespace
}  // namespace fastnets::tests
