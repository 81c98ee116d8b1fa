// Where the kernels of convolutions leave the images that they make.
#pragma once
#include "cpu/conv_shape.h"
#include "cpu/epilogue.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Where an image goes, and what is done to it on the way.
template <class T>
struct ImageResult {
  T* data;
  const T* bias = nullptr;      // one a channel
  const T* residual = nullptr;  // laid out as data
  Activation activation = Activation::none;
  T* pre_activation = nullptr;  // laid out as data

  // The channels from `channel` on, which begin at an offset in memory.
  FASTNETS_INLINE ImageResult from(std::int64_t channel, std::int64_t offset) const {
    return {data + offset, bias ? bias + channel : nullptr, residual ? residual + offset : nullptr, activation,
            pre_activation ? pre_activation + offset : nullptr};
  }
  // Rows of a product are lines of channels or, with the bias by row, of pixels.
  template <class Rows>
  RowSink<T, Rows> sink(const Rows& rows, bool bias_by_row) const {
    return {data, rows, bias, bias_by_row, residual, activation, pre_activation};
  }
};

// Pixels of an image at one residue of the strides: number (n, a, b, c) is pixel (n, a·s₀ + r₀, …).
struct ResiduePixels {
  std::int64_t grid[kAxes], step[kAxes], first, image_stride;

  FASTNETS_INLINE std::int64_t operator()(std::int64_t, std::int64_t i) const {
    const std::int64_t c = i % grid[2], b = i / grid[2] % grid[1], a = i / (grid[2] * grid[1]) % grid[0];
    const std::int64_t n = i / (grid[2] * grid[1] * grid[0]);
    return first + n * image_stride + a * step[0] + b * step[1] + c * step[2];
  }
  // Where `count` of them from i on lie.
  FASTNETS_INLINE void list(std::int64_t i, int count, std::int64_t* at) const {
    std::int64_t c = i % grid[2], b = i / grid[2] % grid[1], a = i / (grid[2] * grid[1]);
    for (int j = 0; j < count; ++j) {
      at[j] = first + a * step[0] + b * step[1] + c * step[2];
      if (++c < grid[2]) continue;
      c = 0;
      if (++b == grid[1]) b = 0, ++a;
    }
  }
};

// A product whose rows are channels and whose columns are pixels at one residue of a row-major image.
template <class T>
struct ScatteredPixels {
  ImageResult<T> result;
  ResiduePixels pixels;
  std::int64_t channel_stride;

  void operator()(std::int64_t batch, std::int64_t i0, std::int64_t j0, int rows, int columns,
                  Accumulator<T>* tile) const {
    using V = Vec<Accumulator<T>>;
    std::int64_t at[Blocks<T>::kNR];
    pixels.list(j0, columns, at);
    for (int i = 0; i < rows; ++i) {
      Accumulator<T>* values = tile + i * Blocks<T>::kNR;
      const std::int64_t plane = batch * pixels.image_stride + (i0 + i) * channel_stride;
      if (result.bias)
        for (int j = 0; j < columns; j += V::lanes)
          store(values + j, load(values + j) + splat(widen(result.bias[i0 + i])));
      if (result.activation != Activation::none) {
        if (result.pre_activation)
          for (int j = 0; j < columns; ++j) result.pre_activation[plane + at[j]] = narrow<T>(values[j]);
        activate_values<Accumulator<T>>(result.activation, columns, values);
      }
      for (int j = 0; j < columns; ++j) result.data[plane + at[j]] = narrow<T>(values[j]);
    }
  }
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
