// Panels: how the operands of a product lie in memory while the micro-kernel reads them.
//
// A panel holds R rows of a (rows, depth) operand. For each group of kGroup depths it stores the R rows' groups one
// after the other, so that the kernel reads it from front to back: out[k / G][row][k % G]. Rows and depths past the end
// are 0.
#pragma once
#include "cpu/simd/simd.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// What a panel of T is made of, and how many depths one multiply-add takes.
template <class T>
struct Panel {
  using Element = Accumulator<T>;
  static constexpr int kGroup = 1;
};
#if defined(FASTNETS_BFLOAT16_PAIRS)
template <>
struct Panel<bfloat16> {
  using Element = bfloat16;
  static constexpr int kGroup = 2;
};
#endif
template <class T>
using PanelElement = typename Panel<T>::Element;
template <class T>
constexpr bool kPairs = Panel<T>::kGroup == 2;

// Stores may run this many elements past a panel.
constexpr int kPanelSlack = 64;

// An operand in memory: element (i, k) is data[i * row_stride + k * depth_stride].
template <class T>
struct Matrix {
  using Element = T;
  const T* data;
  std::int64_t row_stride, depth_stride;
};

template <class T>
FASTNETS_INLINE PanelElement<T> to_panel(T x) {
  if constexpr (kPairs<T> || sizeof(T) > 2)
    return x;
  else
    return to_float(x);
}
template <class T>
FASTNETS_INLINE PanelElement<T> panel_zero() {
  if constexpr (kPairs<T>)
    return {0};
  else
    return 0;
}

// Rows that are contiguous along the depth: blocks of lanes × lanes are transposed in registers.
// `row(i)` points to depth 0 of row i. A lane is one element, or one pair of them.
template <int R, class S, class Row>
FASTNETS_INLINE void pack_transposed(int rows, int depth, Accumulator<S>* out, const Row& row) {
  using V = Vec<Accumulator<S>>;
  constexpr int L = V::lanes;
  for (int c = 0; c < R; c += L) {
    const int width = static_cast<int>(least(L, R - c)), valid = static_cast<int>(least(width, rows - c));
    const auto put = [&](V(&block)[L], int k, int n) FASTNETS_INLINE_LAMBDA {
      transpose(block);
      Accumulator<S>* to = out + static_cast<std::int64_t>(k) * R + c;
      if constexpr (R % L == 0 || R < L) {  // with R < L a store runs into the next depth, which is stored after it
        for (int l = 0; l < n; ++l) store(to + l * R, block[l]);
      } else {
        for (int l = 0; l < n; ++l) store(to + l * R, block[l], width);
      }
    };
    int k = 0;
    if (valid == width)
      for (; k + L <= depth; k += L) {
        V block[L];
        for (int l = 0; l < L; ++l) block[l] = l < width ? load(row(c + l) + k) : splat(Accumulator<S>(0));
        put(block, k, L);
      }
    for (; k < depth; k += L) {
      const int n = static_cast<int>(least(L, depth - k));
      V block[L];
      for (int l = 0; l < L; ++l) block[l] = l < valid ? read(row(c + l) + k, n) : splat(Accumulator<S>(0));
      put(block, k, n);
    }
  }
}

// Writes rows i0 … i0 + rows − 1 and depths k0 … k0 + depth − 1 of `m`.
template <int R, class T>
void pack(const Matrix<T>& m, std::int64_t i0, int rows, std::int64_t k0, int depth, PanelElement<T>* out) {
  constexpr int G = Panel<T>::kGroup, L = kLanes<T>;
  const T* from = m.data + i0 * m.row_stride + k0 * m.depth_stride;
  if (m.depth_stride == 1) {
    if constexpr (kPairs<T>) {
      const int even = depth & ~1;
      pack_transposed<R, float>(rows, even / 2, reinterpret_cast<float*>(out),
                                [&](int i) { return reinterpret_cast<const float*>(from + i * m.row_stride); });
      if (depth % 2)
        for (int i = 0; i < R; ++i) {
          out[even * R + 2 * i] = i < rows ? from[i * m.row_stride + even] : T{0};
          out[even * R + 2 * i + 1] = T{0};
        }
    } else {
      pack_transposed<R, T>(rows, depth, out, [&](int i) { return from + i * m.row_stride; });
    }
  } else if (m.row_stride == 1) {
    for (int c = 0; c < R; c += L) {
      const int n = static_cast<int>(least(L, most(0, rows - c)));
      const auto each = [&](const auto& put) FASTNETS_INLINE_LAMBDA {
        for (int k = 0; k < depth; k += G)
          put(from + k * m.depth_stride + c, out + static_cast<std::int64_t>(k) * R + G * c, k);
      };
#if defined(FASTNETS_BFLOAT16_PAIRS)
      if constexpr (kPairs<T>) {
        each([&](const T* row, T* to, int k) {
          store_zipped(to, row, k + 1 < depth ? row + m.depth_stride : nullptr, n);
        });
        continue;
      }
#endif
      if constexpr (!kPairs<T>) {
        const auto put = [&](auto v, PanelElement<T>* to) FASTNETS_INLINE_LAMBDA {
          if (R % L == 0 || R < L)
            store(to, v);
          else
            store(to, v, static_cast<int>(least(L, R - c)));
        };
        if (n == L)
          each([&](const T* row, PanelElement<T>* to, int) FASTNETS_INLINE_LAMBDA { put(load(row), to); });
        else
          each([&](const T* row, PanelElement<T>* to, int) FASTNETS_INLINE_LAMBDA { put(load(row, n), to); });
      }
    }
  } else {
    for (int k = 0; k < round_up(depth, G); ++k)
      for (int i = 0; i < R; ++i)
        out[(k / G * R + i) * G + k % G] =
            i < rows && k < depth ? to_panel(from[i * m.row_stride + k * m.depth_stride]) : panel_zero<T>();
  }
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
