// The sequences of a recurrent net, their rows and their states, longest sequence first.
//
// A *place* is a sequence in that order; row (t, place) of all arrays here is step t of it. At step t the first
// active[t] places run, whose rows begin at begin[t]: steps past a length do not exist.
#pragma once
#include "core/ops/recurrent.h"
#include "cpu/layout.h"
#include "cpu/random.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

struct Sequences {
  std::int64_t T, B;
  std::int64_t steps = 0;                            // of the longest
  std::int64_t *order = nullptr, *length = nullptr;  // by place
  std::int64_t *active = nullptr, *begin = nullptr;  // by step; begin[steps] is the number of rows
  bool sorted = false;  // there are lengths: places are no longer in the order of the batch
  FASTNETS_INLINE std::int64_t rows() const { return begin[steps]; }
  FASTNETS_INLINE std::int64_t most_rows() const { return T * B; }
};

// Or, without memory, only the room that they take.
FASTNETS_INLINE Sequences sequences_of(const Recurrent& op, Workspace& workspace) {
  Sequences s{op.steps(), op.batch()};
  s.order = workspace.take<std::int64_t>(s.B);
  s.length = workspace.take<std::int64_t>(s.B);
  s.active = workspace.take<std::int64_t>(s.T + 2);
  s.begin = workspace.take<std::int64_t>(s.T + 2);
  s.sorted = op.lengths.defined;
  if (!workspace.base) return s;
  for (std::int64_t t = 0; t < s.T + 2; ++t) s.active[t] = 0;
  const auto length = [&](std::int64_t b) {
    if (!s.sorted) return s.T;
    std::int64_t n = 0;
    visit_index(op.lengths.dtype,
                [&]<class I>(Type<I>) { n = static_cast<std::int64_t>(op.lengths.as<I>()[b * op.lengths.stride[0]]); });
    return least(s.T, most(0, n));  // another thread may have changed what was checked
  };
  // Sorted by counting: first how many have each length, then where those of a length begin.
  for (std::int64_t b = 0; b < s.B; ++b) ++s.active[s.length[b] = length(b)];
  std::int64_t longer = 0;
  for (std::int64_t n = s.T; n >= 0; --n) {
    const std::int64_t of_this = s.active[n];
    s.begin[n] = longer, longer += of_this;
    if (of_this && !s.steps) s.steps = n;
  }
  for (std::int64_t b = 0; b < s.B; ++b) s.order[s.begin[s.length[b]]++] = b;
  // Now begin[n] is the number of sequences of at least n steps.
  for (std::int64_t t = 0; t < s.T; ++t) s.active[t] = s.begin[t + 1];
  s.active[s.T] = s.active[s.T + 1] = 0;
  std::int64_t row = 0;
  for (std::int64_t t = 0; t <= s.steps; ++t) s.begin[t] = row, row += s.active[t];
  std::int64_t place = s.B;  // lengths by place
  for (std::int64_t t = 0; t <= s.steps; ++t)
    for (const std::int64_t running = t < s.steps ? s.active[t] : 0; place > running; --place) s.length[place - 1] = t;
  return s;
}

// Where a state, an input or an output has sequence b of direction or step d.
struct Strides {
  std::int64_t outer, batch, unit;
};
FASTNETS_INLINE Strides state_strides(const Recurrent& op, const Tensor& t) {
  return {op.is_step() ? 0 : t.stride[0], op.batched() ? t.stride[t.ndim - 2] : 0, t.stride[t.ndim - 1]};
}
FASTNETS_INLINE Strides sequence_strides(const Recurrent& op, const Tensor& t) {
  return {op.is_step() ? 0 : t.stride[op.time_dim()], op.batched() ? t.stride[op.batch_dim()] : 0,
          t.stride[t.ndim - 1]};
}

// to[place][unit]: the state of a direction, zeros where there is none.
template <class T>
void read_state(const Recurrent& op, const Tensor& state, int d, const Sequences& s, std::int64_t size,
                Accumulator<T>* to) {
  if (!state) {
    __builtin_memset(to, 0, s.B * size * sizeof(to[0]));
    return;
  }
  const Strides at = state_strides(op, state);
  for (std::int64_t j = 0; j < s.B; ++j) {
    const T* from = state.as<T>() + d * at.outer + s.order[j] * at.batch;
    for (std::int64_t k = 0; k < size; ++k) to[j * size + k] = widen(from[k * at.unit]);
  }
}
template <class T>
void write_state(const Recurrent& op, const Tensor& state, int d, const Sequences& s, std::int64_t size,
                 const Accumulator<T>* from) {
  if (!state) return;
  const Strides at = state_strides(op, state);
  for (std::int64_t j = 0; j < s.B; ++j) {
    T* to = state.as<T>() + d * at.outer + s.order[j] * at.batch;
    for (std::int64_t k = 0; k < size; ++k) to[k * at.unit] = narrow<T>(from[j * size + k]);
  }
}
// The same row of all places as tiles of a step's product.
template <class T, class Tiles>
void fill_tiles(const Tiles& tiles, const Accumulator<T>* rows, std::int64_t size, PanelElement<T>* out) {
  using Acc = Accumulator<T>;
  __builtin_memset(static_cast<void*>(out), 0, tiles.size() * sizeof(out[0]));
  for (std::int64_t tile = 0; tile < tiles.count; ++tile) {
    const std::int64_t begin = tiles.begin(tile), height = tiles.begin(tile + 1) - begin;
    for (std::int64_t i = 0; i < height; ++i)
      for (std::int64_t k = 0; k < size; k += Vec<Acc>::lanes) {
        const int n = static_cast<int>(least(Vec<Acc>::lanes, size - k));
        put_in_tile<Panelled<T>>(out + begin * tiles.depth, height, i, k, read(rows + (begin + i) * size + k, n), n);
      }
  }
}

// Row (t, place) of an array over time, in the order of rows: where it is, or a copy in the workspace.
template <class T>
Matrix<T> rows_in_order(const Recurrent& op, const Tensor& x, const Sequences& s, Workspace& workspace) {
  const std::int64_t size = x.shape[x.ndim - 1];
  const Strides at = sequence_strides(op, x);
  const bool even = s.T == 1 || s.B == 1 || at.outer == s.B * at.batch;
  if (!s.sorted && at.unit == 1 && even) return {x.as<T>(), s.B == 1 ? at.outer : at.batch, 1};
  T* to = workspace.take<T>(s.most_rows() * size);
  if (to)
    parallel_ranges(s.steps, most(1, 4096 / most(1, s.B * size)), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t t = first; t < last; ++t)
        for (std::int64_t j = 0; j < s.active[t]; ++j) {
          const T* from = x.as<T>() + t * at.outer + s.order[j] * at.batch;
          T* row = to + (s.begin[t] + j) * size;
          if (at.unit == 1)
            __builtin_memcpy(static_cast<void*>(row), from, size * sizeof(T));
          else
            for (std::int64_t k = 0; k < size; ++k) row[k] = from[k * at.unit];
        }
    });
  return {to, size, 1};
}

// The uniform numbers of one direction as factors, made by `factor` from those that `threshold` is compared with:
// out[t][b][unit]. Their index is (layer, direction, time, batch, unit).
template <class T, class Factor>
void draw_factors(const Recurrent& op, int d, RandomUse use, const Factor& factor, Accumulator<T>* out) {
  const std::int64_t count = op.steps() * op.batch() * op.output_size();
  const std::int64_t start = (op.layer * op.directions() + d) * count;
  const std::int64_t first = start / kDrawn, last = divide_up(start + count, kDrawn);
  parallel_ranges(last - first, divide_up(4096, kDrawn), [&](std::int64_t begin, std::int64_t end) {
    float drawn[kDrawn];
    for (std::int64_t i = first + begin; i < first + end; ++i) {
      draw(op.seed, i * kDrawn, use, drawn);
      const std::int64_t from = most(start, i * kDrawn), to = least(start + count, (i + 1) * kDrawn);
      for (std::int64_t k = from; k < to; ++k) out[k - start] = factor(drawn[k - i * kDrawn]);
    }
  });
}

// How much of the last h stays, and what dropout leaves of the output: the same for all, or by (time, batch, unit).
template <class T>
struct Factors {
  using Acc = Accumulator<T>;
  bool keeps = false;
  Acc constant_keep = 0;
  Acc *keep = nullptr, *drop = nullptr;

  Factors() = default;
  Factors(const Recurrent& op, int d, Workspace& workspace)
      : keeps(op.zoneout > 0), constant_keep(static_cast<Acc>(op.zoneout)) {
    const std::int64_t count = op.steps() * op.batch() * op.output_size();
    if (op.training && keeps) keep = workspace.take<Acc>(count);
    if (op.drops()) drop = workspace.take<Acc>(count);
    if (!workspace.base) return;
    if (keep) {
      const auto limit = static_cast<float>(__builtin_ceil(op.zoneout * 0x1p24));
      draw_factors<T>(op, d, RandomUse::zoneout, [&](float u) { return u < limit ? Acc(1) : Acc(0); }, keep);
    }
    if (drop) {
      const auto limit = static_cast<float>(__builtin_ceil(op.dropout * 0x1p24));
      const auto scale = static_cast<Acc>(op.dropout < 1 ? 1 / (1 - op.dropout) : 0);
      draw_factors<T>(op, d, RandomUse::recurrent_dropout, [&](float u) { return u < limit ? Acc(0) : scale; }, drop);
    }
  }
  FASTNETS_INLINE Vec<Acc> kept(std::int64_t at, int n) const {
    return keep ? read(keep + at, n) : splat(constant_keep);
  }
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
