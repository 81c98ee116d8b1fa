// Memory that kernels can reach, of exactly the size asked for, so that AddressSanitizer sees every overrun. It starts
// as NaN.
#pragma once
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "cuda/arch/gpu.h"
#if !FASTNETS_EMULATED
#include "cuda/backend/error.h"
#endif

namespace fastnets::tests {

template <class T>
class Buffer {
 public:
  explicit Buffer(size_t size) : size_(size) {
#if FASTNETS_EMULATED
    data_ = static_cast<T*>(std::malloc(bytes()));
    if (!data_) throw std::bad_alloc();
    std::memset(static_cast<void*>(data_), 0xff, bytes());
#else
    cuda::check(cudaMalloc(&data_, bytes()), "cudaMalloc");
    cuda::check(cudaMemset(data_, 0xff, bytes()), "cudaMemset");
#endif
  }
  explicit Buffer(const std::vector<T>& values) : Buffer(values.size()) {
#if FASTNETS_EMULATED
    std::ranges::copy(values, data_);
#else
    cuda::check(cudaMemcpy(data_, values.data(), bytes(), cudaMemcpyHostToDevice), "cudaMemcpy");
#endif
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
#if FASTNETS_EMULATED
    std::free(data_);
#else
    cudaFree(data_);
#endif
  }

  T* data() const { return data_; }
  std::vector<T> values() const {
    std::vector<T> copy(size_);
#if FASTNETS_EMULATED
    std::copy(data_, data_ + size_, copy.begin());
#else
    cuda::check(cudaMemcpy(copy.data(), data_, bytes(), cudaMemcpyDeviceToHost), "cudaMemcpy");
#endif
    return copy;
  }

 private:
  size_t bytes() const { return size_ * sizeof(T); }
  T* data_ = nullptr;
  size_t size_;
};

// Small integers, which every element type and every order of summation represents exactly.
template <class T>
std::vector<T> small_integers(size_t size, unsigned seed) {
  std::vector<T> values(size);
  for (T& value : values) {
    seed = seed * 1664525u + 1013904223u;
    value = from_float<T>(float(int(seed >> 24) % 9 - 4));
  }
  return values;
}

}  // namespace fastnets::tests
