// What a CUtensorMap says, in the open. CUDA driver API, "Tensor Map Object Management".
#pragma once
#include <array>
#include <cstdint>

namespace fastnets::emulation {

enum class Element : uint8_t { float32, bfloat16, float16 };

struct TensorMap {
  Element element = Element::float32;
  void* base = nullptr;
  int rank = 0;
  std::array<uint64_t, 5> size{}, stride{};     // innermost first; strides in bytes, stride[0] that of an element
  std::array<uint32_t, 5> step{1, 1, 1, 1, 1};  // of a convolution, with im2col
  int swizzle_bytes = 0;                        // 0, 32, 64 or 128

  std::array<uint32_t, 5> box{};  // elements; with im2col box[0] channels of `pixels`
  bool im2col = false;
  uint32_t pixels = 0;
  std::array<int, 3> lower{}, upper{};  // corners of the box of first pixels, relative to those of the image
};

inline uint32_t element_bytes(Element element) { return element == Element::float32 ? 4 : 2; }

}  // namespace fastnets::emulation
