// Attention, the gradients of scores: probabilities are formed again from the scores and the log-sum-exp, tile by tile.
#pragma once
#include "cpu/attention_scores.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Queries and output gradients of all sequences as panels, block by block, in both orientations.
template <class T>
struct QueryPanels {
  using B = AttentionBlocks<T>;
  using P = PanelElement<T>;
  static constexpr int kMR = B::kMR, kNR = B::kNR, G = Panel<T>::kGroup;
  std::int64_t blocks, row_size, grad_row_size, dim_size, grad_dim_size;  // of one head; elements of a block
  P *rows, *grad_rows;  // for each kNR queries a panel of depth D or Dv
  P *dims, *grad_dims;  // for each kMR dimensions a panel whose depth is queries

  QueryPanels(const AttentionProblem<T>& p, Workspace& workspace)
      : blocks(p.blocks(p.op.query, B::kQueries)),
        row_size(B::kQueries * round_up(p.D, G) + kPanelSlack),
        grad_row_size(B::kQueries * round_up(p.Dv, G) + kPanelSlack),
        dim_size(round_up(p.D, kMR) * round_up(B::kQueries, G) + kPanelSlack),
        grad_dim_size(round_up(p.Dv, kMR) * round_up(B::kQueries, G) + kPanelSlack),
        rows(workspace.take<P>(p.H * blocks * row_size)),
        grad_rows(workspace.take<P>(p.H * blocks * grad_row_size)),
        dims(workspace.take<P>(p.H * blocks * dim_size)),
        grad_dims(workspace.take<P>(p.H * blocks * grad_dim_size)) {}

  void pack_all(const AttentionProblem<T>& p) const {
    const std::int64_t room_size = room_to_widen<T>(B::kQueries * most(p.D, p.Dv));
    const auto task = [&](std::int64_t t) {  // t = (h, block)
      const std::int64_t b = t % blocks, h = t / blocks;
      const Sequence s = p.sequence_of_block(p.op.query, b, B::kQueries);
      const std::int64_t i0 = (b - p.first_block(p.op.query, s, s.q_begin, B::kQueries)) * B::kQueries;
      const std::int64_t count = least(B::kQueries, s.Sq - i0);
      if (count <= 0) return;
      auto* room =
          static_cast<Accumulator<T>*>(scratch(static_cast<std::size_t>(room_size) * sizeof(Accumulator<T>), 1));
      const auto q = widened(p.queries(p.op.query, s, h), i0, count, p.D, room);
      pack_rows<kNR>(q, count, p.D, rows + t * row_size);
      pack_rows<kMR>(turned(q), p.D, count, dims + t * dim_size);
      const auto dy = widened(p.queries(p.op.grad_output, s, h), i0, count, p.Dv, room);
      pack_rows<kNR>(dy, count, p.Dv, grad_rows + t * grad_row_size);
      pack_rows<kMR>(turned(dy), p.Dv, count, grad_dims + t * grad_dim_size);
    };
    parallel(p.H * blocks, task);
  }
};

// out[column][row] = in[row][column] for kNR columns and a multiple of kNR rows, group by group of kNR rows, each of
// which is then a panel (`stride` apart) whose depth is the columns.
template <class T>
void transpose_groups(const Accumulator<T>* in, int rows, std::int64_t stride, Accumulator<T>* out) {
  using V = Vec<Accumulator<T>>;
  constexpr int kNR = Blocks<T>::kNR, L = V::lanes;
  for (int j = 0; j < rows; j += L)
    for (int c = 0; c < kNR; c += L) {
      V block[L];
      for (int l = 0; l < L; ++l) block[l] = load(in + (j + l) * kNR + c);
      if constexpr (L > 1) transpose(block);
      Accumulator<T>* to = out + j / kNR * stride + c * kNR + j % kNR;
      for (int l = 0; l < L; ++l) store(to + l * kNR, block[l]);
    }
}

// What the gradients of one block of keys are made with.
template <class T>
struct AttentionGradients {
  using B = AttentionBlocks<T>;
  using P = PanelElement<T>;
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  static constexpr int kMR = B::kMR, kNR = B::kNR, G = Panel<T>::kGroup, L = V::lanes;

  const AttentionProblem<T> p;
  const AttentionDropout<T> dropout;
  const QueryPanels<T> panels;
  const Acc* lse;
  Acc* delta;  // of each query: Σ_j p dp − dlse

  AttentionGradients(const Attention& op, Workspace& workspace)
      : p(op),
        dropout(p),
        panels(p, workspace),
        lse(op.lse ? op.lse.as<Acc>() : op.kept_lse.as<Acc>()),
        delta(workspace.take<Acc>(p.rows())) {}

  struct Keys {  // a block of keys and their values as panels
    std::int64_t j0;
    int count;
    P *rows, *value_rows, *dims;
    Acc* room;
    void carve(const AttentionProblem<T>& problem, Workspace& w) {
      rows = w.take<P>(round_up(B::kKeys, kMR) * round_up(problem.D, G) + kPanelSlack);
      value_rows = w.take<P>(round_up(B::kKeys, kMR) * round_up(problem.Dv, G) + kPanelSlack);
      dims = w.take<P>(round_up(problem.D, kMR) * round_up(B::kKeys, G) + kPanelSlack);
      room = w.take<Acc>(room_to_widen<T>(B::kKeys * most(problem.D, problem.Dv)));
    }
    void fill(const AttentionProblem<T>& problem, const Sequence& s, std::int64_t hk, std::int64_t first) {
      j0 = first, count = static_cast<int>(least(B::kKeys, s.Sk - first));
      const auto k = widened(problem.keys(problem.op.key, s, hk), j0, count, problem.D, room);
      pack_rows<kMR>(k, count, problem.D, rows);
      pack_rows<kMR>(turned(k), problem.D, count, dims);
      pack_rows<kMR>(widened(problem.keys(problem.op.value, s, hk), j0, count, problem.Dv, room), count, problem.Dv,
                     value_rows);
    }
  };

  struct Tiles {  // of kNR queries and a block of keys: [key][query]
    Acc *p, *dp, *slopes, *bias, *kept;
    void carve(const AttentionGradients& g, Workspace& w) {
      const std::int64_t size = (B::kKeys + B::kStep) * kNR;
      p = w.take<Acc>(size), dp = w.take<Acc>(size);
      slopes = w.take<Acc>(g.p.op.softcap > 0 ? size : 0);
      bias = w.take<Acc>(g.p.op.attn_mask ? size : 0);
      kept = w.take<Acc>(g.dropout ? size : 0);
    }
  };

  // p = the probabilities as dropout leaves them, dp = the gradients of the scores, for queries i0 … of a head and
  // keys first … end − 1 of a block, the first in row 0. Returns false where the mask hides all: nothing is formed.
  bool form(const ScoreRules<T>& rules, const Sequence& s, std::int64_t h, std::int64_t i0, int rows, const Keys& keys,
            int first, int end, const P* query, const P* grad, const Tiles& t) const {
    const int count = end - first;
    const std::int64_t j0 = keys.j0 + first;
    const Acc* bias = rules.mask ? t.bias : nullptr;
    if (bias) {
      const int hidden = rules.fill_bias(i0, rows, j0, count, t.bias);
      if (hidden == count * kNR) return false;
      if (hidden == 0 && rules.is_plain) bias = nullptr;
    }
    for (std::int64_t r = 0; r < count; r += kMR) {
      multiply_panels<T>(p.D, keys.rows + (first + r) * round_up(p.D, G), query, t.p + r * kNR, false);
      multiply_panels<T>(p.Dv, keys.value_rows + (first + r) * round_up(p.Dv, G), grad, t.dp + r * kNR, false);
    }
    if (rules.softcap > 0)
      rules.template apply<true>(t.p, i0, j0, count, bias, t.slopes);
    else
      rules.apply(t.p, i0, j0, count, bias);
    const std::int64_t row = p.row(s, h, i0);
    if (dropout) dropout.fill(row, rows, j0, count, t.kept);
    Acc shifts[kNR] = {}, deltas[kNR] = {};
    for (int i = 0; i < rows; ++i) {
      const Acc l = lse[row + i];
      shifts[i] = l == ScoreRules<T>::kHidden ? Acc(0) : -l * static_cast<Acc>(kLog2E);
      deltas[i] = delta[row + i];
    }
    const V factor = splat(rules.factor);
    for (int c = 0; c < kNR; c += L) {
      const V shift = load(shifts + c), d = load(deltas + c);
      if (dropout)
        for (Acc *at = t.p + c, *gradient = t.dp + c, *kept = t.kept + c; at < t.p + count * kNR;
             at += kNR, gradient += kNR, kept += kNR) {
          const V e = exp2_flushed(fma(load(at), factor, shift));
          store(gradient, e * (load(gradient) * load(kept) - d));
          store(at, e * load(kept));
        }
      else
        for (Acc *at = t.p + c, *gradient = t.dp + c; at < t.p + count * kNR; at += kNR, gradient += kNR) {
          const V e = exp2_flushed(fma(load(at), factor, shift));
          store(gradient, e * (load(gradient) - d));
          store(at, e);
        }
    }
    return true;
  }

  // delta, for all queries.
  void sum_rows() const {
    const Tensor &y = p.op.output, &dy = p.op.grad_output;
    const std::int64_t blocks = panels.blocks;
    const auto task = [&](std::int64_t t) {  // t = (h, block)
      const std::int64_t b = t % blocks, h = t / blocks;
      const Sequence s = p.sequence_of_block(p.op.query, b, B::kQueries);
      const std::int64_t i0 = (b - p.first_block(p.op.query, s, s.q_begin, B::kQueries)) * B::kQueries;
      const Matrix<T> out = p.queries(y, s, h), grad = p.queries(dy, s, h);
      for (std::int64_t i = i0; i < least(s.Sq, i0 + B::kQueries); ++i) {
        const T *a = out.data + i * out.row_stride, *g = grad.data + i * grad.row_stride;
        V sums = splat(Acc(0));
        for (std::int64_t d = 0; d < p.Dv; d += L) {
          const int n = static_cast<int>(least(L, p.Dv - d));
          sums = fma(lanes_of(a, out.depth_stride, d, n), lanes_of(g, grad.depth_stride, d, n), sums);
        }
        const std::int64_t row = p.row(s, h, i);
        delta[row] = sum(sums) - (p.op.grad_lse ? lse_gradient(row) : Acc(0));
      }
    };
    parallel(p.H * blocks, task);
  }

 private:
  // Elements d … d + n − 1 of a row, 0 in the other lanes; the sum does not depend on the stride.
  static V lanes_of(const T* row, std::int64_t stride, std::int64_t d, int n) {
    if (stride == 1) return read(row + d, n);
    Acc lanes[L] = {};
    for (int l = 0; l < n; ++l) lanes[l] = widen(row[(d + l) * stride]);
    return load(lanes);
  }
  Acc lse_gradient(std::int64_t row) const {
    const Tensor& t = p.op.grad_lse;
    std::int64_t offset = 0, rest = row;
    for (int d = t.ndim - 1; d >= 0; rest /= t.shape[d], --d) offset += rest % t.shape[d] * t.stride[d];
    return t.as<Acc>()[offset];
  }
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
