// Arrays of an op, drawn at random or given.
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
  Tensor tensor() const {
    Tensor t;
    t.describe(kDType<T>, Device{Device::Type::cuda}, int(shape.size()), shape.data());
    t.data = device.data();
    return t;
  }
  void read_back() {
    const std::vector<T> made = device.values();
    for (size_t i = 0; i < made.size(); ++i) values[i] = as_double(made[i]);
  }

 private:
  static double as_double(T v) {
    if constexpr (std::is_same_v<T, int64_t>)
      return double(v);
    else
      return double(to_float(v));
  }
  static std::vector<T> drawn(const std::vector<int64_t>& shape, unsigned seed) {
    size_t n = 1;
    for (int64_t d : shape) n *= size_t(d);
    std::vector<T> values;
    for (size_t i = 0; i < n; ++i) {
      seed = seed * 1664525u + 1013904223u;
      values.push_back(from_float<T>(float(int32_t(seed)) * 0x1p-31f));
    }
    return values;
  }
};

}  // namespace
}  // namespace fastnets::tests
