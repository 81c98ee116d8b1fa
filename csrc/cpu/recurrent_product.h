// The product in each step of a recurrent net: a state of B rows times a weight that stays in the cache.
//
// The weight lies in panels of kNR rows over its whole depth, the state in tiles of up to kMR rows, [depth][row] each.
// Sums are formed as in gemm.h: chains of equal length, which are then added in order, whatever the tile's height.
#pragma once
#include "cpu/gemm.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// What panels of T are panels of: several types share one, and the code for it.
template <class T>
using Panelled = std::conditional_t<kPairs<T>, T, Accumulator<T>>;

// How a state of `rows` rows and `depth` columns is cut into tiles of equal height, or one row less.
template <class U>
struct StateTiles {
  static constexpr int kMR = Blocks<U>::kMR, G = Panel<U>::kGroup;
  std::int64_t rows, depth, count;

  StateTiles(std::int64_t rows_, std::int64_t depth_)
      : rows(rows_), depth(round_up(depth_, G)), count(divide_up(rows_, kMR)) {}
  FASTNETS_INLINE std::int64_t begin(std::int64_t tile) const { return tile * rows / count; }
  FASTNETS_INLINE std::int64_t size() const { return rows * depth + kPanelSlack; }
};

// Puts n values of one row, from column k on, into the tile that begins at `tile` and has `height` rows.
template <class U>
FASTNETS_INLINE void put_in_tile(PanelElement<U>* tile, std::int64_t height, std::int64_t row, std::int64_t k,
                                 Vec<Accumulator<U>> values, int n) {
  constexpr int G = Panel<U>::kGroup, L = kLanes<U>;
  Accumulator<U> lanes[L];
  store(lanes, values);
  if constexpr (G == 1) {
    PanelElement<U>* to = tile + k * height + row;
    if (n == L) {
#pragma GCC unroll 16
      for (int i = 0; i < L; ++i, to += height) *to = lanes[i];
    } else {
      for (int i = 0; i < n; ++i, to += height) *to = lanes[i];
    }
  } else {
    for (int i = 0; i < n; ++i) tile[((k + i) / G * height + row) * G + (k + i) % G] = narrow<U>(lanes[i]);
  }
}

// A weight (gates · units, depth) in panels: of the first kNR units one for each gate, then of the next.
template <class U>
struct StepWeight {
  static constexpr int kNR = Blocks<U>::kNR, G = Panel<U>::kGroup;
  std::int64_t units = 0, gates = 0, depth = 0;
  const PanelElement<U>* panels = nullptr;

  FASTNETS_INLINE std::int64_t blocks() const { return divide_up(units, kNR); }
  FASTNETS_INLINE std::int64_t stride() const { return kNR * round_up(depth, G); }

  // Panels of a matrix, or, without memory, only the room that they take.
  template <class T>
  static StepWeight pack(const Matrix<T>& m, std::int64_t units, std::int64_t gates, std::int64_t depth,
                         Workspace& workspace) {
    StepWeight w{units, gates, depth};
    auto* room = workspace.take<PanelElement<T>>(w.blocks() * gates * w.stride());
    w.panels = room;
    const int chain = Blocks<T>::chain(round_up(depth, G));
    const auto task = [&](std::int64_t p) {
      const std::int64_t unit = p / gates * kNR, row = p % gates * units + unit;
      const int rows = static_cast<int>(least(kNR, units - unit));
      PanelElement<T>
          piece[kNR * Blocks<T>::kDepth + kPanelSlack];  // what a store runs past a panel may be another thread's
      for (std::int64_t k = 0; k < depth; k += chain) {
        const int some = static_cast<int>(least(chain, depth - k));
        fastnets::cpu::FASTNETS_ISA::pack<kNR>(m, row, rows, k, some, piece);
        __builtin_memcpy(room + p * w.stride() + k * kNR, piece, kNR * round_up(some, G) * sizeof piece[0]);
      }
    };
    if (room) parallel(w.blocks() * gates, task);
    return w;
  }
};

// tile[p][i] (+)= sum_k a[k][i] · b_p[k] for ROWS rows and PANELS panels, `b_stride` and `tile_stride` apart.
template <int ROWS, int PANELS, class U>
[[gnu::noinline]] void step_kernel(int groups, const PanelElement<U>* a, const PanelElement<U>* b,
                                   std::int64_t b_stride, Accumulator<U>* tile, std::int64_t tile_stride, bool add) {
  using V = Vec<Accumulator<U>>;
  constexpr int kNR = Blocks<U>::kNR, kNV = kNR / V::lanes, G = Panel<U>::kGroup;
  V acc[PANELS][ROWS][kNV];
#pragma GCC unroll 4
  for (int p = 0; p < PANELS; ++p)
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < kNV; ++j) acc[p][i][j] = splat(Accumulator<U>(0));
  for (int k = 0; k < groups; ++k, a += ROWS * G, b += kNR * G) {
#if defined(FASTNETS_BFLOAT16_PAIRS)
    if constexpr (kPairs<U>) {
#pragma GCC unroll 4
      for (int p = 0; p < PANELS; ++p)
#pragma GCC unroll 8
        for (int j = 0; j < kNV; ++j) {
          const Pairs bv = load_pairs(b + p * b_stride + j * V::lanes * G);
#pragma GCC unroll 16
          for (int i = 0; i < ROWS; ++i) acc[p][i][j] = dot_group(splat_pair(a + i * G), bv, acc[p][i][j]);
        }
      continue;
    }
#endif
    if constexpr (!kPairs<U> && PANELS == 1) {
      V bv[kNV];
#pragma GCC unroll 8
      for (int j = 0; j < kNV; ++j) bv[j] = load(b + j * V::lanes);
#pragma GCC unroll 16
      for (int i = 0; i < ROWS; ++i) {
        const V av = splat(a[i]);
#pragma GCC unroll 8
        for (int j = 0; j < kNV; ++j) acc[0][i][j] = fma(av, bv[j], acc[0][i][j]);
      }
    } else if constexpr (!kPairs<U>) {
      V av[ROWS];
#pragma GCC unroll 16
      for (int i = 0; i < ROWS; ++i) av[i] = splat(a[i]);
#pragma GCC unroll 4
      for (int p = 0; p < PANELS; ++p)
#pragma GCC unroll 8
        for (int j = 0; j < kNV; ++j) {
          const V bv = load(b + p * b_stride + j * V::lanes);
#pragma GCC unroll 16
          for (int i = 0; i < ROWS; ++i) acc[p][i][j] = fma(av[i], bv, acc[p][i][j]);
        }
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < PANELS; ++p)
#pragma GCC unroll 16
    for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < kNV; ++j) {
        Accumulator<U>* to = tile + p * tile_stride + i * kNR + j * V::lanes;
        store(to, add ? load(to) + acc[p][i][j] : acc[p][i][j]);
      }
}

// Panels that a tile of few rows meets at once, so that there are sums enough to hide the latency of an addition.
template <class U>
constexpr int panels_at_once(int rows) {
  const int fit = Blocks<U>::kMR / rows;
  return rows > 6 || fit < 1 ? 1 : fit > 4 ? 4 : fit;
}

// One tile of `height` rows times `count` panels, chosen by height.
template <class U, int ROWS = Blocks<U>::kMR>
FASTNETS_INLINE void multiply_tile(int height, std::int64_t count, int groups, const PanelElement<U>* a,
                                   const PanelElement<U>* b, std::int64_t b_stride, Accumulator<U>* tile,
                                   std::int64_t tile_stride, bool add) {
  if (height == ROWS) {
    constexpr int kPanels = panels_at_once<U>(ROWS);
    std::int64_t p = 0;
    for (; p + kPanels <= count; p += kPanels)
      step_kernel<ROWS, kPanels, U>(groups, a, b + p * b_stride, b_stride, tile + p * tile_stride, tile_stride, add);
    for (; p < count; ++p)
      step_kernel<ROWS, 1, U>(groups, a, b + p * b_stride, b_stride, tile + p * tile_stride, tile_stride, add);
  } else if constexpr (ROWS > 1) {
    multiply_tile<U, ROWS - 1>(height, count, groups, a, b, b_stride, tile, tile_stride, add);
  }
}

// out[p][row − row of the first tile][kNR] for `count` panels and the tiles first … last − 1 of a state.
template <class U>
[[gnu::noinline]] void multiply_state(const StateTiles<U>& tiles, const PanelElement<U>* state, std::int64_t first,
                                      std::int64_t last, const StepWeight<U>& w, std::int64_t panel, std::int64_t count,
                                      Accumulator<U>* out, std::int64_t out_stride) {
  constexpr int kNR = Blocks<U>::kNR, G = Panel<U>::kGroup;
  const int chain = Blocks<U>::chain(tiles.depth);
  const std::int64_t together = tiles.count == 1 ? count : 1;  // a panel stays in the first-level cache for all tiles
  for (std::int64_t k = 0; k < tiles.depth || k == 0; k += chain)
    for (std::int64_t p = 0; p < count; p += together)
      for (std::int64_t tile = first; tile < last; ++tile) {
        const std::int64_t begin = tiles.begin(tile), height = tiles.begin(tile + 1) - begin;
        multiply_tile<U>(static_cast<int>(height), together, static_cast<int>(least(chain, tiles.depth - k) / G),
                         state + begin * tiles.depth + k * height, w.panels + (panel + p) * w.stride() + k * kNR,
                         w.stride(), out + p * out_stride + (begin - tiles.begin(first)) * kNR, out_stride, k > 0);
      }
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
