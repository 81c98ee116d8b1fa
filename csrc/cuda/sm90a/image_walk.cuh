// Which boxes of a convolution's image bulk copies bring: consecutive windows of all samples, each with a slice, the
// channels of one tap that a copy takes.
#pragma once
#include "cuda/arch/sm90_copy.cuh"
#include "cuda/divider.cuh"
#include "cuda/sm90a/gemm.h"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

struct ImageWalk {
  struct Axis {
    Divider windows, taps;
    int first = 0, step = 0, first_tap = 0, tap_step = 0;
  };
  struct Window {
    int first[3], sample;  // its first pixel: width, height, depth
  };
  struct Slice {
    int tap, channel;  // of the product's channels
  };

  int axes = 0;                   // of the image; 0 where both operands are matrices
  int columns = 0, channels = 0;  // of a product
  int slices = 0;                 // of all taps
  Divider slices_of_tap;
  Axis axis[3];

  __device__ __forceinline__ Window window(int index) const {
    Window w;
#pragma unroll
    for (int d = 0; d < 3; ++d) {
      const int rest = axis[d].windows.quotient(index);
      w.first[d] = axis[d].first + (index - rest * int(axis[d].windows.divisor)) * axis[d].step;
      index = rest;
    }
    w.sample = index;
    return w;
  }

  __device__ __forceinline__ Slice slice(int index) const {
    const int tap = slices_of_tap.quotient(index);
    return {tap, (index - tap * int(slices_of_tap.divisor)) * int(sm90a::kSlice)};
  }

  // Brings a slice of the windows from `w` on.
  __device__ __forceinline__ void load(void* shared, const TensorMap& map, uint64_t* full, int product, const Window& w,
                                       const Slice& slice) const {
    uint16_t tap[3];
    int rest = slice.tap;
#pragma unroll
    for (int d = 0; d < 3; ++d) {
      const int next = axis[d].taps.quotient(rest);
      tap[d] = uint16_t(axis[d].first_tap + (rest - next * int(axis[d].taps.divisor)) * axis[d].tap_step);
      rest = next;
    }
    const int channel = product * channels + slice.channel;
    if (axes == 1)
      load_im2col<3>(shared, map, full, {channel, w.first[0], w.sample}, {tap[0]});
    else if (axes == 2)
      load_im2col<4>(shared, map, full, {channel, w.first[0], w.first[1], w.sample}, {tap[0], tap[1]});
    else
      load_im2col<5>(shared, map, full, {channel, w.first[0], w.first[1], w.first[2], w.sample},
                     {tap[0], tap[1], tap[2]});
  }
};

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
