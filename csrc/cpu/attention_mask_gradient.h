// The gradient of an additive mask: that of the scores, summed over what the mask was broadcast over. A task has a
// piece of the mask and goes over all heads, queries and keys that share it, always in the same order.
#pragma once
#include "cpu/attention_backward.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

template <class T>
struct AttentionMaskGradient {
  using Gradients = AttentionGradients<T>;
  using B = AttentionBlocks<T>;
  static constexpr int kNR = B::kNR;
  const Gradients& base;
  const AttentionProblem<T>& p;
  const Tensor &mask, &gradient;
  std::int64_t Sq, Sk, rows, columns, leads;  // of the mask; of its gradient: rows, columns, matrices

  explicit AttentionMaskGradient(const Gradients& gradients)
      : base(gradients),
        p(base.p),
        mask(p.op.attn_mask),
        gradient(p.op.grad_attn_mask),
        Sq(p.op.length(p.op.query)),
        Sk(p.op.length(p.op.key)),
        rows(mask.ndim > 1 ? mask.shape[mask.ndim - 2] : 1),
        columns(mask.ndim ? mask.shape[mask.ndim - 1] : 1),
        leads(1) {
    for (int d = 0; d < mask.ndim - 2; ++d) leads *= mask.shape[d];
  }

  void run() const {
    const std::int64_t row_pieces = divide_up(rows, B::kQueries), column_pieces = divide_up(columns, B::kKeys);
    const auto task = [&](std::int64_t t) {  // t = (lead, row piece, column piece)
      const std::int64_t j0 = t % column_pieces * B::kKeys, i0 = t / column_pieces % row_pieces * B::kQueries;
      sum_piece(t / column_pieces / row_pieces, i0, j0);
    };
    parallel(leads * row_pieces * column_pieces, task);
  }

 private:
  // Which of the mask's matrices a head of a sequence takes.
  std::int64_t lead_of(std::int64_t n, std::int64_t h) const {
    std::int64_t place[kMaxDims] = {}, at = 0;
    const int shift = p.op.query.ndim - mask.ndim, head = p.op.head_dim();
    if (head >= 0) place[head] = h;
    for (std::int64_t d = head - 1, rest = n; d >= 0; rest /= p.op.query.shape[d], --d)
      place[d] = rest % p.op.query.shape[d];
    for (int d = 0; d < mask.ndim - 2; ++d) at = at * mask.shape[d] + (mask.shape[d] == 1 ? 0 : place[d + shift]);
    return at;
  }

  struct Room {
    typename Gradients::Keys keys;
    typename Gradients::Tiles tiles;
    double* sums;  // [row][column]
    void carve(const AttentionMaskGradient& m, Workspace& w) {
      keys.carve(m.p, w), tiles.carve(m.base, w);
      sums = w.take<double>(least(m.rows, B::kQueries) * least(m.columns, B::kKeys));
    }
  };

  void sum_piece(std::int64_t lead, std::int64_t i0, std::int64_t j0) const {
    Room room;
    Workspace space;
    room.carve(*this, space);
    space = {static_cast<std::byte*>(scratch(space.used, 1)), 0};
    room.carve(*this, space);
    const std::int64_t height = least(B::kQueries, rows - i0), width = least(B::kKeys, columns - j0);
    for (std::int64_t e = 0; e < height * width; ++e) room.sums[e] = 0;
    const bool all_queries = rows == 1, all_keys = columns == 1;
    for (std::int64_t n = 0; n < p.N; ++n)
      for (std::int64_t h = 0; h < p.H; ++h) {
        if (lead_of(n, h) != lead) continue;
        const Sequence s = p.sequence(n);
        const ScoreRules<T> rules(p, s, h);
        for (std::int64_t j = j0; j < (all_keys ? s.Sk : least(s.Sk, j0 + width)); j += B::kKeys) {
          room.keys.fill(p, s, h / p.group, j);
          for (std::int64_t i = i0; i < (all_queries ? s.Sq : i0 + height); i += B::kQueries)
            add_block(rules, s, h, i, room, height, width, all_queries, all_keys);
        }
      }
    visit_float(gradient.dtype, [&]<class E>(Type<E>) {
      for (std::int64_t i = 0; i < height; ++i)
        for (std::int64_t j = 0; j < width; ++j)
          gradient.as<E>()[(lead * rows + i0 + i) * columns + j0 + j] =
              narrow<E>(static_cast<Accumulator<E>>(room.sums[i * width + j]));
    });
  }

  void add_block(const ScoreRules<T>& rules, const Sequence& s, std::int64_t h, std::int64_t i0, const Room& room,
                 std::int64_t height, std::int64_t width, bool all_queries, bool all_keys) const {
    const auto& panels = base.panels;
    const std::int64_t block = p.first_block(p.op.query, s, s.q_begin, B::kQueries) + i0 / B::kQueries;
    const std::int64_t at = h * panels.blocks + block, count = least(B::kQueries, s.Sq - i0);
    const int keys = static_cast<int>(all_keys ? room.keys.count : least(room.keys.count, width));
    for (int q = 0; q * kNR < count; ++q) {
      const int columns_here = static_cast<int>(least(kNR, count - q * kNR));
      const bool is_seen =
          base.form(rules, s, h, i0 + q * kNR, columns_here, room.keys, 0, room.keys.count,
                    panels.rows + at * panels.row_size + q * kNR * round_up(p.D, Gradients::G),
                    panels.grad_rows + at * panels.grad_row_size + q * kNR * round_up(p.Dv, Gradients::G), room.tiles);
      for (int i = 0; is_seen && i < columns_here; ++i) {
        const std::int64_t row = all_queries ? 0 : q * kNR + i;
        if (row >= height) break;
        for (int j = 0; j < keys; ++j)
          room.sums[row * width + (all_keys ? 0 : j)] += static_cast<double>(room.tiles.dp[j * kNR + i]);
      }
    }
  }
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
