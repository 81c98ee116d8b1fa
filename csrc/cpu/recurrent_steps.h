// What the steps of a recurrent net share, forward and backward: tasks of some units, and a walk over their products.
#pragma once
#include "cpu/product.h"
#include "cpu/recurrent_cells.h"
#include "cpu/recurrent_product.h"
#include "cpu/recurrent_sequences.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Into how many tasks the units of each direction are cut: enough work for each, and for each thread some. `work`:
// multiply-adds of a step and direction. Results do not depend on it.
FASTNETS_INLINE std::int64_t step_parts(std::int64_t work, int directions) {
  constexpr std::int64_t kLeastWork = 1 << 16;
  return most(1, least(work / kLeastWork, divide_up(4 * num_threads(), directions)));
}

constexpr std::int64_t kTilesAtOnce = 4, kBlocksAtOnce = 4;

// Where the results of a step's product stand: from the one of gate g to that of gate g + 1.
template <class T>
constexpr std::int64_t kGateStride = kTilesAtOnce * Blocks<T>::kMR * Blocks<T>::kNR;

// A vector of units of one row.
struct Units {
  std::int64_t row, unit;
  int n;                       // how many
  std::int64_t begin, height;  // of the row's tile
};

// Asks for one block's units of a row before they are needed: each row lies in a page of its own, and a task walks
// across.
template <class T>
FASTNETS_INLINE void fetch(const T* p) {
  constexpr int kLast = Blocks<T>::kNR - 1;  // the units of a block may lie in two lines
  __builtin_prefetch(p);
  __builtin_prefetch(p + kLast);
}

// Multiplies blocks first … last − 1 of a weight with the first `multiplied` rows of a state, and calls use(units,
// products) for all vectors of the first `rows` rows; rows that are not multiplied find anything there. ahead(row,
// unit) is called before the products that a block's units of a row wait for.
template <class T, class Ahead, class Use>
FASTNETS_INLINE void each_unit(const StateTiles<Panelled<T>>& tiles, const PanelElement<T>* state,
                               const StepWeight<Panelled<T>>& w, std::int64_t first, std::int64_t last,
                               std::int64_t multiplied, std::int64_t rows, const Ahead& ahead, const Use& use) {
  using Acc = Accumulator<T>;
  constexpr int kNR = Blocks<T>::kNR, L = kLanes<T>;
  const std::int64_t together = w.gates == 1 && tiles.count == 1 ? kBlocksAtOnce : 1;
  auto* room = static_cast<Acc*>(scratch(together * w.gates * kGateStride<T> * sizeof(Acc), 1));
  for (std::int64_t block = first; block < last; block += together) {
    const std::int64_t panels = least(together, last - block) * w.gates;
    for (std::int64_t tile = 0; tile < tiles.count && tiles.begin(tile) < rows; tile += kTilesAtOnce) {
      const std::int64_t end = least(tile + kTilesAtOnce, tiles.count), first_row = tiles.begin(tile);
      std::int64_t full = tile;
      while (full < end && tiles.begin(full) < multiplied) ++full;
      for (std::int64_t p = 0; p < panels; p += w.gates)
        for (std::int64_t row = first_row; row < least(rows, tiles.begin(end)); ++row)
          ahead(row, (block + p / w.gates) * kNR);
      multiply_state(tiles, state, tile, full, w, block * w.gates, panels, room, kGateStride<T>);
      for (std::int64_t t = tile; t < end; ++t) {
        Units u{0, 0, 0, tiles.begin(t), tiles.begin(t + 1) - tiles.begin(t)};
        for (std::int64_t p = 0; p < panels; p += w.gates)
          for (u.row = u.begin; u.row < least(rows, u.begin + u.height); ++u.row)
            for (int column = 0; column < kNR; column += L) {
              u.unit = (block + p / w.gates) * kNR + column;
              if (u.unit >= w.units) break;
              u.n = static_cast<int>(least(L, w.units - u.unit));
              use(u, room + p * kGateStride<T> + (u.row - first_row) * kNR + column);
            }
      }
    }
  }
}

// Puts a vector of units into the tile of its row.
template <class T>
FASTNETS_INLINE void put(const StateTiles<Panelled<T>>& tiles, PanelElement<T>* state, const Units& u,
                         std::int64_t first_column, Vec<Accumulator<T>> values) {
  put_in_tile<Panelled<T>>(state + u.begin * tiles.depth, u.height, u.row - u.begin, first_column + u.unit, values,
                           u.n);
}

// Calls task(direction, step, phase, part, parts) for each of `phases` phases of each step.
template <class Task>
void each_step(std::int64_t steps, int phases, int directions, std::int64_t parts, const Task& task) {
  parallel_steps(steps * phases, directions * parts, [&](std::int64_t step, std::int64_t index) {
    task(static_cast<int>(index / parts), step / phases, static_cast<int>(step % phases), index % parts);
  });
}

// out (rows, N) = a (rows, K) · bᵀ for the rows that there are. How many is not known when room is counted.
template <class T, class Sink>
void multiply_rows(std::int64_t rows, std::int64_t most_rows, std::int64_t N, std::int64_t K, const Matrix<T>& a,
                   const Matrix<T>& b, const void* packed_b, const Sink& sink, Workspace& workspace) {
  if (workspace.base) return multiply(rows, N, K, a, b, packed_b, sink, workspace);
  multiply(most_rows, N, K, a, b, packed_b, sink, workspace);
  if (most_rows) multiply(1, N, kFewRows * K, a, b, packed_b, sink, workspace);
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
