// Images between memory formats: channels moved inwards and outwards, borders added and folded back.
#pragma once
#include "cpu/layout.h"
#include "cpu/pack.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// out[j * out_stride + i] = in[i * in_stride + j] for i < rows, j < columns
template <class T>
void transpose_copy(const T* in, std::int64_t rows, std::int64_t columns, std::int64_t in_stride, T* out,
                    std::int64_t out_stride) {
  using V = Vec<Accumulator<T>>;
  constexpr int L = V::lanes;
  for (std::int64_t i = 0; i < rows; i += L)
    for (std::int64_t j = 0; j < columns; j += L) {
      const int m = static_cast<int>(least(L, rows - i)), n = static_cast<int>(least(L, columns - j));
      V block[L];
      for (int l = 0; l < L; ++l) {
        const T* from = in + (i + l) * in_stride + j;
        block[l] = l >= m ? splat(Accumulator<T>(0)) : n == L ? load(from) : load(from, n);
      }
      transpose(block);
      for (int l = 0; l < n; ++l) {
        T* to = out + (j + l) * out_stride + i;
        m == L ? store(to, block[l]) : store(to, block[l], m);
      }
    }
}

// (N, C, pixels) row-major → (N, pixels, C), or with `back` the other way.
template <class T>
void move_channels(const T* in, std::int64_t N, std::int64_t C, std::int64_t pixels, bool back, T* out) {
  constexpr std::int64_t kPixels = 512;
  const std::int64_t pieces = divide_up(pixels, kPixels);
  const auto task = [&](std::int64_t t) {
    const std::int64_t n = t / pieces, p = t % pieces * kPixels, some = least(kPixels, pixels - p);
    if (back)
      transpose_copy(in + (n * pixels + p) * C, some, C, C, out + n * C * pixels + p, pixels);
    else
      transpose_copy(in + n * C * pixels + p, C, some, pixels, out + (n * pixels + p) * C, C);
  };
  parallel(N * pieces, task);
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
