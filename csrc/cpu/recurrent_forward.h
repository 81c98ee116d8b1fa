// A layer of a recurrent net, forward: one product for the input of as many steps as leave its result in the cache,
// then step by step the product of the state and the cell. A task owns some units of one direction and computes all
// their gates.
#pragma once
#include "cpu/recurrent_steps.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

template <class T>
class RecurrentForward {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;

 public:
  RecurrentForward(const Recurrent& op, Workspace& workspace)
      : op_(op),
        G_(op.gate_count()),
        H_(op.hidden_size()),
        R_(op.output_size()),
        width_((op.save ? op.kept_count() : G_) * H_),
        s_(sequences_of(op, workspace)),
        steps_at_once_(most(1, most(kLeastRows, kGatesAtOnce / most(1, width_)) / most(1, s_.B))),
        tiles_(s_.B, R_),
        full_tiles_(s_.B, H_),
        out_(sequence_strides(op, op.output)) {
    const Matrix<T> x = rows_in_order<T>(op, op.input, s_, workspace);
    for (int d = 0; d < op.directions(); ++d) prepare(d, workspace);
    if (op.lengths && workspace.base) {
      __builtin_memset(op.output.data, 0, op.output.size() * sizeof(T));
      if (op.hidden) __builtin_memset(op.hidden.data, 0, op.hidden.size() * sizeof(T));
    }
    run(x, workspace);
    if (!workspace.base) return;
    for (int d = 0; d < op.directions(); ++d) {
      write_state<T>(op, op.h_n, d, s_, R_, sides_[d].h);
      write_state<T>(op, op.c_n, d, s_, H_, sides_[d].c);
    }
  }

 private:
  static constexpr std::int64_t kLeastRows = 256;        // fewer would not pay for packing them
  static constexpr std::int64_t kGatesAtOnce = 1 << 18;  // a mebibyte of float: a part of the shared cache

  // What the steps of one direction read and write.
  struct Side {
    StepWeight<Panelled<T>> recurrent, projection;
    const PanelElement<T>* input;     // the input's weight in panels, where it is met more than once
    const Acc* bias;                  // what the input's product is added to
    Acc *gates, *cells;               // by row; cells where they are kept
    std::int64_t first_row;           // of gates
    Acc *h, *c;                       // by place
    Acc* bias_n;                      // gru's, of the part that is multiplied by r
    PanelElement<T>*state[2], *full;  // tiles of h, of the last step and of this one; of what is projected
    T *output, *hidden;
    Factors<T> factors;
  };

  void prepare(int d, Workspace& workspace) {
    using P = PanelElement<T>;
    const auto& p = op_.direction[d];
    Side& side = sides_[d];
    const std::int64_t rows = s_.most_rows();
    side.gates = op_.gates ? op_.gates.as<Acc>() + d * rows * width_
                           : workspace.take<Acc>(least(rows, steps_at_once_ * s_.B) * width_);
    side.cells = op_.cells ? op_.cells.as<Acc>() + d * rows * H_ : nullptr;
    Acc* bias = workspace.take<Acc>(G_ * H_);
    side.bias = bias;
    side.bias_n = workspace.take<Acc>(H_);
    side.h = workspace.take<Acc>(s_.B * R_), side.c = workspace.take<Acc>(s_.B * H_);
    for (P*& tiles : side.state) tiles = workspace.take<P>(tiles_.size());
    side.full = p.weight_hr ? workspace.take<P>(full_tiles_.size()) : nullptr;
    side.output = op_.output.as<T>() + d * R_;
    side.hidden = op_.hidden ? op_.hidden.as<T>() + d * R_ : nullptr;
    side.factors = Factors<T>(op_, d, workspace);
    if (workspace.base) {
      add_biases(p, bias, side.bias_n);
      read_state<T>(op_, op_.h_0, d, s_, R_, side.h);
      read_state<T>(op_, op_.c_0, d, s_, H_, side.c);
      for (P* tiles : side.state) fill_tiles<T>(tiles_, side.h, R_, tiles);
      if (side.full) __builtin_memset(static_cast<void*>(side.full), 0, full_tiles_.size() * sizeof(P));
    }
    const auto& hh = p.weight_hh;
    side.recurrent = StepWeight<Panelled<T>>::pack(Matrix<T>{hh.template as<T>(), hh.stride[0], hh.stride[1]}, H_, G_,
                                                   R_, workspace);
    if (const auto& hr = p.weight_hr)
      side.projection = StepWeight<Panelled<T>>::pack(Matrix<T>{hr.template as<T>(), hr.stride[0], hr.stride[1]}, R_, 1,
                                                      H_, workspace);
    const bool often = s_.T > steps_at_once_;
    side.input = operand<T, Blocks<T>::kNR>(input_weight(d), G_ * H_, op_.input_size(), often, workspace).packed;
  }
  Matrix<T> input_weight(int d) const {
    const Tensor& w = op_.direction[d].weight_ih;
    return {w.as<T>(), w.stride[0], w.stride[1]};
  }

  // Both biases where they are added to each other; gru's n keeps that of the state apart.
  void add_biases(const Recurrent::Direction& p, Acc* bias, Acc* bias_n) const {
    const auto value = [](const Tensor& t, std::int64_t i) { return t ? widen(t.as<T>()[i * t.stride[0]]) : Acc(0); };
    const std::int64_t both = op_.cell == RecurrentCell::gru ? 2 * H_ : G_ * H_;
    for (std::int64_t i = 0; i < G_ * H_; ++i)
      bias[i] = value(p.bias_ih, i) + (i < both ? value(p.bias_hh, i) : Acc(0));
    for (std::int64_t i = 0; i < H_; ++i) bias_n[i] = both < G_ * H_ ? value(p.bias_hh, both + i) : Acc(0);
  }

  void run(const Matrix<T>& x, Workspace& workspace) {
    const std::size_t mark = workspace.used;
    if (!workspace.base) return multiply_inputs(0, x, 0, 0, workspace);
    for (std::int64_t step = 0; step < s_.steps; step += steps_at_once_) {
      const std::int64_t end = least(s_.steps, step + steps_at_once_);
      for (int d = 0; d < op_.directions(); ++d) {
        workspace.used = mark;
        d ? multiply_inputs(d, x, s_.steps - end, s_.steps - step, workspace)
          : multiply_inputs(d, x, step, end, workspace);
      }
      run_steps(step, end);
    }
  }

  // The input's part of the gates at steps first … last − 1.
  void multiply_inputs(int d, const Matrix<T>& x, std::int64_t first, std::int64_t last, Workspace& workspace) {
    Side& side = sides_[d];
    const std::int64_t row = workspace.base ? s_.begin[first] : 0;
    side.first_row = op_.save ? 0 : row;
    RowSink<Acc> sink{side.gates + (row - side.first_row) * width_, {width_}};
    sink.bias = side.bias;
    const Matrix<T> rows{x.data + row * x.row_stride, x.row_stride, x.depth_stride};
    multiply_rows<T>(workspace.base ? s_.begin[last] - row : 0, least(s_.most_rows(), steps_at_once_ * s_.B), G_ * H_,
                     op_.input_size(), rows, input_weight(d), side.input, sink, workspace);
  }

  void run_steps(std::int64_t begin, std::int64_t end) {
    visit_cell(op_.cell, [&]<RecurrentCell kind>(std::integral_constant<RecurrentCell, kind>) {
      run_steps_of<kind>(begin, end);
    });
  }
  template <RecurrentCell kind>
  void run_steps_of(std::int64_t begin, std::int64_t end) {
    constexpr bool kProjects = kind == RecurrentCell::lstm;
    const bool projects = kProjects && sides_[0].full;
    const std::int64_t parts = step_parts(s_.B * G_ * H_ * R_, op_.directions());
    each_step(end - begin, projects ? 2 : 1, op_.directions(), parts,
              [&](int d, std::int64_t count, int phase, std::int64_t part) {
                const std::int64_t step = begin + count, t = d ? s_.steps - 1 - step : step;
                const std::int64_t blocks = (phase ? sides_[d].projection : sides_[d].recurrent).blocks();
                const std::int64_t first = part * blocks / parts, last = (part + 1) * blocks / parts;
                if constexpr (kProjects)
                  if (phase) return project(d, step, t, first, last);
                compute_cells<kind>(d, step, t, first, last);
              });
  }

  template <RecurrentCell kind>
  void compute_cells(int d, std::int64_t step, std::int64_t t, std::int64_t first, std::int64_t last) {
    using C = Cell<kind>;
    constexpr int G = C::kGates;
    Side& side = sides_[d];
    const std::int64_t rows = s_.active[t];
    each_unit<T>(
        tiles_, side.state[step & 1], side.recurrent, first, last, rows, rows,
        [&](std::int64_t row, std::int64_t unit) {
          for (int g = 0; g < G; ++g) fetch(side.gates + (s_.begin[t] + row - side.first_row) * width_ + g * H_ + unit);
        },
        [&](const Units& u, const Acc* products) {
          Acc* gates = side.gates + (s_.begin[t] + u.row - side.first_row) * width_ + u.unit;
          V x[G], s[G], kept[C::kKept], c, h, bias_n;
          for (int g = 0; g < G; ++g) x[g] = read(gates + g * H_, u.n), s[g] = load(products + g * kGateStride<T>);
          if constexpr (kind == RecurrentCell::lstm) c = read(side.c + u.row * H_ + u.unit, u.n);
          if constexpr (kind == RecurrentCell::gru)
            h = read(side.h + u.row * H_ + u.unit, u.n), bias_n = read(side.bias_n + u.unit, u.n);
          const V y = C::forward(x, s, h, bias_n, c, kept);
          if (op_.save)
            for (int g = 0; g < C::kKept; ++g) write(gates + g * H_, kept[g], u.n);
          if constexpr (kind == RecurrentCell::lstm) {
            write(side.c + u.row * H_ + u.unit, c, u.n);
            if (side.cells) write(side.cells + (s_.begin[t] + u.row) * H_ + u.unit, c, u.n);
            if (side.full) return put<T>(full_tiles_, side.full, u, 0, y);
          }
          finish(side, step, t, u, y);
        });
  }

  void project(int d, std::int64_t step, std::int64_t t, std::int64_t first, std::int64_t last) {
    Side& side = sides_[d];
    const std::int64_t rows = s_.active[t];
    each_unit<T>(
        full_tiles_, side.full, side.projection, first, last, rows, rows, [](std::int64_t, std::int64_t) {},
        [&](const Units& u, const Acc* products) { finish(side, step, t, u, load(products)); });
  }

  // Zoneout; then h where the next step, the output and the last state look for it.
  FASTNETS_INLINE void finish(Side& side, std::int64_t step, std::int64_t t, const Units& u, V y) {
    const std::int64_t b = s_.order[u.row], drawn = (t * s_.B + b) * R_ + u.unit;
    Acc* h = side.h + u.row * R_ + u.unit;
    if (side.factors.keeps) {
      const V keep = side.factors.kept(drawn, u.n);
      y = fma(keep, read(h, u.n), (splat(Acc(1)) - keep) * y);
    }
    write(h, y, u.n);
    put<T>(tiles_, side.state[(step + 1) & 1], u, 0, y);
    const std::int64_t at = t * out_.outer + b * out_.batch + u.unit;
    if (side.hidden) write(side.hidden + at, y, u.n);
    if (side.factors.drop) y = y * read(side.factors.drop + drawn, u.n);
    write(side.output + at, y, u.n);
  }

  const Recurrent& op_;
  const std::int64_t G_, H_, R_, width_;
  const Sequences s_;
  const std::int64_t steps_at_once_;
  const StateTiles<Panelled<T>> tiles_, full_tiles_;
  const Strides out_;
  Side sides_[2];
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
