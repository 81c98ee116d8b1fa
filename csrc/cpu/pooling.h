// Windows over images: where an output pixel's lies, and the largest element in one.
#pragma once
#include <limits>

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
  bool is_uneven[kAxes] = {};  // adaptive windows of different sizes: the kernel is then a bound of them
  bool channels_last;

  template <class Op>
  explicit PoolShape(const Op& op) {
    const int r = op.rank(), channel = op.input.ndim - r - 1;
    N = op.batched() ? op.input.shape[0] : 1, C = op.input.shape[channel];
    channels_last = op.batched() && op.input.is_channels_last();
    for (int i = 0; i < r; ++i) {
      const int d = kAxes - r + i;
      in[d] = op.input.shape[channel + 1 + i], out[d] = op.output.shape[channel + 1 + i];
      if constexpr (requires { op.kernel_size; })
        kernel[d] = op.kernel_size[i], stride[d] = op.stride[i], padding[d] = op.padding[i];
      else
        adapt(d);
      if constexpr (requires { op.dilation; }) dilation[d] = op.dilation[i];
    }
  }
  // Windows of one size where the input divides into them.
  FASTNETS_INLINE void adapt(int d) {
    if (out[d] == 0) return;
    is_uneven[d] = in[d] % out[d] != 0;
    kernel[d] = in[d] / out[d] + (is_uneven[d] ? 2 : 0);
    stride[d] = is_uneven[d] ? 1 : kernel[d];
  }

  FASTNETS_INLINE std::int64_t in_pixels() const { return in[0] * in[1] * in[2]; }
  FASTNETS_INLINE std::int64_t out_pixels() const { return out[0] * out[1] * out[2]; }
  FASTNETS_INLINE Taps taps(int axis, std::int64_t p) const {
    const std::int64_t from = begin(axis, p), d = dilation[axis];
    if (is_uneven[axis]) return {from, 0, divide_up((p + 1) * in[axis], out[axis]) - from};
    const std::int64_t last = from >= in[axis] ? 0 : least(kernel[axis], divide_up(in[axis] - from, d));
    return {from, from < 0 ? divide_up(-from, d) : 0, last};
  }
  FASTNETS_INLINE std::int64_t begin(int axis, std::int64_t p) const {
    return is_uneven[axis] ? p * in[axis] / out[axis] : p * stride[axis] - padding[axis];
  }
  // How many pieces of work are a task's share, where each sums or compares this many columns of windows.
  FASTNETS_INLINE std::int64_t pieces_a_task(std::int64_t columns) const {
    const auto capped = [](std::int64_t n) { return most(1, least(n, kReadByTask)); };
    return most(1, kReadByTask / (capped(columns) * capped(kernel[0]) * capped(kernel[1])));
  }

 private:
  static constexpr std::int64_t kReadByTask = 1 << 15;
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
