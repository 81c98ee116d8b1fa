#include "cuda/backend/tensor_map.h"

#include <algorithm>
#include <array>

#include "core/check.h"
#if !FASTNETS_EMULATED
#include "cuda/backend/error.h"
#endif

namespace fastnets::cuda {
namespace {

// CUDA driver API, cuTensorMapEncodeTiled: what it refuses, with the reason that it does not give.
void check_layout(const MapLayout& layout, uint32_t line_bytes) {
  const size_t rank = layout.sizes.size();
  fastnets::check(rank >= 2 && rank <= 5 && layout.strides.size() == rank - 1, "tensor map: ", rank, " sizes and ",
                  layout.strides.size(), " strides; expected 2 to 5 and one fewer");
  fastnets::check(reinterpret_cast<uintptr_t>(layout.base) % 16 == 0,
                  "tensor map: the base is not aligned to 16 bytes");
  for (uint64_t stride : layout.strides)
    fastnets::check(stride % 16 == 0 && stride < 1ull << 40, "tensor map: a stride of ", stride,
                    " bytes; expected a multiple of 16 below 2^40");
  for (uint64_t size : layout.sizes)
    fastnets::check(size > 0 && size <= 1ull << 32, "tensor map: a size of ", size, "; expected 1 to 2^32");
  fastnets::check(line_bytes % 16 == 0, "tensor map: lines of ", line_bytes, " bytes; expected a multiple of 16");
  fastnets::check(!layout.swizzle_bytes || line_bytes <= uint32_t(layout.swizzle_bytes), "tensor map: lines of ",
                  line_bytes, " bytes; at most ", layout.swizzle_bytes, " with this swizzle");
}

void check_box(std::span<const uint32_t> box) {
  for (uint32_t n : box)
    fastnets::check(n >= 1 && n <= 256, "tensor map: ", n, " elements in a box; expected 1 to 256");
}

uint32_t line_bytes(const MapLayout& layout, uint32_t elements) { return elements * uint32_t(item_size(layout.dtype)); }

#if FASTNETS_EMULATED

TensorMap describe(const MapLayout& layout) {
  TensorMap map;
  map.element = layout.dtype == DType::float32    ? emulation::Element::float32
                : layout.dtype == DType::bfloat16 ? emulation::Element::bfloat16
                                                  : emulation::Element::float16;
  map.base = layout.base;
  map.rank = int(layout.sizes.size());
  std::ranges::copy(layout.sizes, map.size.begin());
  map.stride[0] = uint64_t(item_size(layout.dtype));
  std::ranges::copy(layout.strides, map.stride.begin() + 1);
  map.swizzle_bytes = layout.swizzle_bytes;
  return map;
}

#else

CUtensorMapDataType type_of(DType dtype) {
  return dtype == DType::float32    ? CU_TENSOR_MAP_DATA_TYPE_FLOAT32
         : dtype == DType::bfloat16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
                                    : CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
}

CUtensorMapSwizzle swizzle_of(int bytes) {
  return bytes == 128  ? CU_TENSOR_MAP_SWIZZLE_128B
         : bytes == 64 ? CU_TENSOR_MAP_SWIZZLE_64B
         : bytes == 32 ? CU_TENSOR_MAP_SWIZZLE_32B
                       : CU_TENSOR_MAP_SWIZZLE_NONE;
}

// A function of the driver, which is not linked: the module imports without one.
template <class Function>
Function driver_function(const char* name) {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
  check(cudaGetDriverEntryPointByVersion(name, &function, 12000, cudaEnableDefault, &found), name);
  if (found != cudaDriverEntryPointSuccess) throw Error(std::string(name) + ": the driver does not have it");
  return reinterpret_cast<Function>(function);
}

void check_result(CUresult result, const char* name) {
  if (result != CUDA_SUCCESS) throw Error(std::string(name) + ": driver error " + std::to_string(int(result)));
}

#endif

}  // namespace

TensorMap make_tensor_map(const MapLayout& layout, std::span<const uint32_t> box) {
  fastnets::check(box.size() == layout.sizes.size(), "tensor map: a box of rank ", box.size(), " for a tensor of rank ",
                  layout.sizes.size());
  check_layout(layout, line_bytes(layout, box[0]));
  check_box(box);
#if FASTNETS_EMULATED
  TensorMap map = describe(layout);
  std::ranges::copy(box, map.box.begin());
  return map;
#else
  constexpr const char* kName = "cuTensorMapEncodeTiled";
  static const auto encode = driver_function<decltype(&cuTensorMapEncodeTiled)>(kName);
  constexpr std::array<uint32_t, 5> kSteps{1, 1, 1, 1, 1};
  TensorMap map;
  check_result(
      encode(&map, type_of(layout.dtype), uint32_t(box.size()), layout.base, layout.sizes.data(), layout.strides.data(),
             box.data(), kSteps.data(), CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle_of(layout.swizzle_bytes),
             CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
      kName);
  return map;
#endif
}

TensorMap make_tensor_map(const MapLayout& layout, const Im2col& im2col) {
  const size_t pixels = layout.sizes.size() - 2;  // dimensions of an image
  fastnets::check(layout.sizes.size() >= 3 && im2col.lower.size() == pixels && im2col.upper.size() == pixels &&
                      im2col.step.size() == pixels,
                  "tensor map: im2col of rank ", layout.sizes.size(), " with ", im2col.lower.size(), ", ",
                  im2col.upper.size(), " and ", im2col.step.size(), " corners and steps; expected two fewer");
  check_layout(layout, line_bytes(layout, im2col.channels));
  const std::array<uint32_t, 1> channels{im2col.channels};
  check_box(channels);
  const int64_t half = im2col_reach(int(pixels)) / 2;
  for (const std::span<const int> corner : {im2col.lower, im2col.upper})
    for (int at : corner)
      fastnets::check(at >= -half && at < half, "tensor map: a corner at ", at, "; expected ", -half, " to ", half - 1,
                      " for im2col of rank ", layout.sizes.size());
  for (uint32_t step : im2col.step)
    fastnets::check(step >= 1 && step <= kMostIm2colStep, "tensor map: a step of ", step, "; expected 1 to ",
                    kMostIm2colStep);
  fastnets::check(im2col.pixels >= 1 && im2col.pixels <= 1024, "tensor map: ", im2col.pixels,
                  " pixels; expected 1 to 1024");
#if FASTNETS_EMULATED
  TensorMap map = describe(layout);
  map.im2col = true;
  map.box[0] = im2col.channels;
  map.pixels = im2col.pixels;
  std::ranges::copy(im2col.lower, map.lower.begin());
  std::ranges::copy(im2col.upper, map.upper.begin());
  std::ranges::copy(im2col.step, map.step.begin() + 1);
  return map;
#else
  constexpr const char* kName = "cuTensorMapEncodeIm2col";
  static const auto encode = driver_function<decltype(&cuTensorMapEncodeIm2col)>(kName);
  std::array<uint32_t, 5> steps{1, 1, 1, 1, 1};
  std::ranges::copy(im2col.step, steps.begin() + 1);
  TensorMap map;
  check_result(encode(&map, type_of(layout.dtype), uint32_t(layout.sizes.size()), layout.base, layout.sizes.data(),
                      layout.strides.data(), im2col.lower.data(), im2col.upper.data(), im2col.channels, im2col.pixels,
                      steps.data(), CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle_of(layout.swizzle_bytes),
                      CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
               kName);
  return map;
#endif
}

}  // namespace fastnets::cuda
