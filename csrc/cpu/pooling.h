// Windows over images: where an output pixel's lies, and the largest element in one.
#pragma once
#include <limits>

#include "core/ops/max_pool.h"
#include "cpu/layout.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

constexpr int kAxes = 3;  // D H W; fewer spatial dimensions stand behind axes of size 1

// The part of a window that lies inside the input along one axis: taps first … last − 1, tap t at from + t · dilation.
struct Taps {
  std::int64_t from, first, last;
};

struct PoolShape {
  std::int64_t N, C;
  std::int64_t in[kAxes] = {1, 1, 1}, out[kAxes] = {1, 1, 1}, kernel[kAxes] = {1, 1, 1};
  std::int64_t stride[kAxes] = {1, 1, 1}, padding[kAxes] = {}, dilation[kAxes] = {1, 1, 1};
  bool channels_last;

  explicit PoolShape(const MaxPool& op) {
    const int r = op.rank(), channel = op.channel_dim();
    N = op.batched() ? op.input.shape[0] : 1, C = op.input.shape[channel];
    channels_last = op.batched() && op.input.is_channels_last();
    for (int i = 0; i < r; ++i) {
      const int d = kAxes - r + i;
      in[d] = op.input.shape[channel + 1 + i], out[d] = op.output.shape[channel + 1 + i];
      kernel[d] = op.kernel_size[i], stride[d] = op.stride[i];
      padding[d] = op.padding[i], dilation[d] = op.dilation[i];
    }
  }
  FASTNETS_INLINE std::int64_t in_pixels() const { return in[0] * in[1] * in[2]; }
  FASTNETS_INLINE std::int64_t out_pixels() const { return out[0] * out[1] * out[2]; }
  FASTNETS_INLINE Taps taps(int axis, std::int64_t p) const {
    const std::int64_t from = p * stride[axis] - padding[axis], d = dilation[axis];
    const std::int64_t last = from >= in[axis] ? 0 : least(kernel[axis], divide_up(in[axis] - from, d));
    return {from, from < 0 ? divide_up(-from, d) : 0, last};
  }
};

// The largest element of a window and its place in the flattened image; −inf and −1 where the window holds none.
template <class T>
struct Largest {
  Accumulator<T> value = -std::numeric_limits<Accumulator<T>>::infinity();
  std::int64_t at = -1;

  // The first of equals stays, a nan wins, the last of several: torch's order.
  FASTNETS_INLINE void consider(Accumulator<T> candidate, std::int64_t place) {
    if (at < 0 || candidate > value || candidate != candidate) value = candidate, at = place;
  }
};

// Element by element, whatever the window; `step` lies between the pixels of the plane.
template <class T>
Largest<T> search(const PoolShape& s, const T* plane, std::int64_t step, std::int64_t o, std::int64_t p,
                  std::int64_t q) {
  const Taps depth = s.taps(0, o), height = s.taps(1, p), width = s.taps(2, q);
  Largest<T> found;
  for (std::int64_t t = depth.first; t < depth.last; ++t)
    for (std::int64_t r = height.first; r < height.last; ++r) {
      const std::int64_t d = depth.from + t * s.dilation[0], h = height.from + r * s.dilation[1];
      const std::int64_t line = (d * s.in[1] + h) * s.in[2] + width.from;
      for (std::int64_t i = width.first; i < width.last; ++i) {
        const std::int64_t at = line + i * s.dilation[2];
        found.consider(widen(plane[at * step]), at);
      }
    }
  return found;
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
