// The product that serves linear, convolution and the input projections of recurrent nets:
//   sink(i, j) = sum_k a(i, k) * b(j, k)
// Three loops over blocks, two over micro-tiles. What differs between its users is where operands come from (a *source*
// writes panels) and where results go (a *sink* takes finished tiles).
//
// A sum is formed in chains of equal length, which are then added in order; how M and N are cut does not touch it, so
// results do not depend on the number of threads.
#pragma once
#include "cpu/backend/scratch.h"
#include "cpu/backend/threads.h"
#include "cpu/pack.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

template <class T>
struct Blocks {
  static constexpr int kMR = Tile<Accumulator<T>>::kRows;
  static constexpr int kNR = Tile<Accumulator<T>>::kVectors * kLanes<T>;
  static constexpr int kDepth = 384;  // a panel of b, kNR × kDepth floats, stays in the first-level cache

  // How long the chains are that make up a sum of `depth` terms.
  FASTNETS_INLINE static int chain(std::int64_t depth) {
    const std::int64_t chains = most(1, divide_up(depth, kDepth));
    return static_cast<int>(round_up(most(1, divide_up(depth, chains)), 8));
  }
};

// The largest blocks of C, in panels. By default a block of a and one of b share the second-level cache; a user whose
// operand is dear to pack makes the other side's blocks larger.
struct BlockLimits {
  std::int64_t row_panels = 20, column_panels = 16;
};

// The source of an operand and, where it has been packed beforehand, its panels.
template <class T, int R, class Source>
struct Operand {
  using P = PanelElement<T>;
  Source source;
  std::int64_t rows, depth;
  const P* packed = nullptr;

  // Elements that `pack_all` writes.
  static std::int64_t packed_size(std::int64_t rows, std::int64_t depth) {
    return round_up(rows, R) * round_up(depth, Panel<T>::kGroup) + kPanelSlack;
  }
  // Panels first … first + count − 1 of depths k0 … k0 + kc − 1, from the packed copy or written to `room`.
  const P* block(std::int64_t batch, std::int64_t first, std::int64_t count, std::int64_t k0, int kc, P* room) const {
    const std::int64_t stride = R * round_up(kc, Panel<T>::kGroup);
    if (packed) return packed + k0 * round_up(rows, R) + first * stride;
    if (!kc) return room;
    for (std::int64_t p = 0; p < count; ++p)
      source.template pack<R>(batch, (first + p) * R, static_cast<int>(least(R, rows - (first + p) * R)), k0, kc,
                              room + p * stride);
    return room;
  }
};

// Packs a whole operand, all threads together.
template <class T, int R, class Source>
void pack_all(const Source& source, std::int64_t rows, std::int64_t depth, PanelElement<T>* out) {
  constexpr int kPanel = R * Blocks<T>::kDepth;
  using Room = PanelElement<T>[kPanel + kPanelSlack];
  const int chain = Blocks<T>::chain(depth);
  const std::int64_t panels = divide_up(rows, R), blocks = divide_up(depth, chain);
  const std::int64_t together = most(1, least(panels, (1 << 16) / kPanel));
  const std::int64_t groups = divide_up(panels, together);
  const auto task = [&](std::int64_t t) {
    const std::int64_t k0 = t / groups * chain;
    const int kc = static_cast<int>(least(chain, depth - k0));
    const std::int64_t stride = R * round_up(kc, Panel<T>::kGroup);
    Room room;
    for (std::int64_t p = t % groups * together; p < least(panels, (t % groups + 1) * together); ++p) {
      // Through `room`: what a store runs past the panel may belong to another thread's.
      source.template pack<R>(0, p * R, static_cast<int>(least(R, rows - p * R)), k0, kc, room);
      __builtin_memcpy(out + k0 * round_up(rows, R) + p * stride, room, stride * sizeof room[0]);
    }
  };
  parallel(groups * blocks, task);
}

template <class T>
struct MatrixSource {
  Matrix<T> matrix;
  template <int R>
  void pack(std::int64_t, std::int64_t i0, int rows, std::int64_t k0, int depth, PanelElement<T>* out) const {
    fastnets::cpu::FASTNETS_ISA::pack<R>(matrix, i0, rows, k0, depth, out);
  }
};
template <class T, int R>
using MatrixOperand = Operand<T, R, MatrixSource<T>>;

// tile[kMR][kNR] (+)= sum_k a[k][kMR] * b[k][kNR]: the accumulators stay in registers for the whole depth. Never
// inlined: constants of what surrounds it would take registers of the loop.
template <class T>
[[gnu::noinline]] void micro_kernel(int groups, const PanelElement<T>* a, const PanelElement<T>* b,
                                    Accumulator<T>* tile, bool add) {
  using V = Vec<Accumulator<T>>;
  constexpr int kMR = Blocks<T>::kMR, kNR = Blocks<T>::kNR, kNV = kNR / V::lanes, G = Panel<T>::kGroup;
  V acc[kMR][kNV];
#pragma GCC unroll 16
  for (int i = 0; i < kMR; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < kNV; ++j) acc[i][j] = splat(Accumulator<T>(0));
  for (int k = 0; k < groups; ++k, a += kMR * G, b += kNR * G) {
#if defined(FASTNETS_BFLOAT16_PAIRS)
    if constexpr (kPairs<T>) {
      Pairs bv[kNV];
#pragma GCC unroll 8
      for (int j = 0; j < kNV; ++j) bv[j] = load_pairs(b + j * V::lanes * G);
#pragma GCC unroll 16
      for (int i = 0; i < kMR; ++i) {
        const Pairs av = splat_pair(a + i * G);
#pragma GCC unroll 8
        for (int j = 0; j < kNV; ++j) acc[i][j] = dot_group(av, bv[j], acc[i][j]);
      }
      continue;
    }
#endif
    if constexpr (!kPairs<T>) {
      V bv[kNV];
#pragma GCC unroll 8
      for (int j = 0; j < kNV; ++j) bv[j] = load(b + j * V::lanes);
#pragma GCC unroll 16
      for (int i = 0; i < kMR; ++i) {
        const V av = splat(a[i]);
#pragma GCC unroll 8
        for (int j = 0; j < kNV; ++j) acc[i][j] = fma(av, bv[j], acc[i][j]);
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kMR; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < kNV; ++j) {
      Accumulator<T>* to = tile + i * kNR + j * V::lanes;
      store(to, add ? load(to) + acc[i][j] : acc[i][j]);
    }
}

// a: (M, K) in panels of kMR, b: (N, K) in panels of kNR; `batch` independent products of these sizes.
// The sink is called once for each tile: sink(batch, i, j, rows, columns, values[kMR][kNR]).
template <class T, class A, class B, class Sink>
void gemm(std::int64_t batch, std::int64_t M, std::int64_t N, std::int64_t K, const A& a, const B& b, const Sink& sink,
          const BlockLimits& limits = {}) {
  using P = PanelElement<T>;
  using Acc = Accumulator<T>;
  constexpr int kMR = Blocks<T>::kMR, kNR = Blocks<T>::kNR, G = Panel<T>::kGroup;
  const int chain = Blocks<T>::chain(K);
  const std::int64_t row_panels = divide_up(M, kMR), column_panels = divide_up(N, kNR), blocks = divide_up(K, chain);
  if (!batch || !row_panels || !column_panels) return;
  // Blocks of C: large enough to pay for packing, enough of them to share.
  std::int64_t mp = least(row_panels, limits.row_panels), np = least(column_panels, limits.column_panels);
  const auto tasks = [&] { return batch * divide_up(row_panels, mp) * divide_up(column_panels, np); };
  constexpr std::int64_t kTaskFlops = 1 << 20;
  const std::int64_t wanted = num_threads() > 1 ? 2 * num_threads() : 1;
  while (tasks() < wanted && 2 * mp * kMR * np * kNR * K > 2 * kTaskFlops && (mp > 4 || np > 4))
    (np * kNR >= mp * kMR && np > 4 ? np : mp) = divide_up(np * kNR >= mp * kMR && np > 4 ? np : mp, 2);
  const std::int64_t row_blocks = divide_up(row_panels, mp), column_blocks = divide_up(column_panels, np);

  const auto task = [&](std::int64_t t) {
    const std::int64_t i0 = t % row_blocks * mp, j0 = t / row_blocks % column_blocks * np;  // in panels
    const std::int64_t n = t / row_blocks / column_blocks;
    const std::int64_t rows = least(mp, row_panels - i0), columns = least(np, column_panels - j0);
    Workspace space;
    const auto carve = [&](Workspace& w) {
      struct Room {
        P *a, *b;
        Acc* tiles;
      };
      return Room{w.take<P>(a.packed ? 0 : mp * kMR * chain + kPanelSlack),
                  w.take<P>(b.packed ? 0 : np * kNR * chain + kPanelSlack),
                  w.take<Acc>(blocks > 1 ? mp * np * kMR * kNR : kMR * kNR)};
    };
    carve(space);
    space = {static_cast<std::byte*>(scratch(space.used, 1)), 0};
    const auto room = carve(space);
    for (std::int64_t k = 0; k < most(1, blocks); ++k) {
      const int kc = static_cast<int>(least(chain, K - k * chain)), groups = (kc + G - 1) / G;
      const P* panels_b = b.block(n, j0, columns, k * chain, kc, room.b);
      const P* panels_a = a.block(n, i0, rows, k * chain, kc, room.a);
      for (std::int64_t j = 0; j < columns; ++j)
        for (std::int64_t i = 0; i < rows; ++i) {
          Acc* tile = room.tiles + (blocks > 1 ? (j * rows + i) * kMR * kNR : 0);
          micro_kernel<T>(groups, panels_a + i * groups * G * kMR, panels_b + j * groups * G * kNR, tile, k > 0);
          if (k + 1 >= blocks) {
            const std::int64_t row = (i0 + i) * kMR, column = (j0 + j) * kNR;
            sink(n, row, column, static_cast<int>(least(kMR, M - row)), static_cast<int>(least(kNR, N - column)), tile);
          }
        }
    }
  };
  parallel(batch * row_blocks * column_blocks, task);
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
