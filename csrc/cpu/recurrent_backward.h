// A layer of a recurrent net, backward through time. Step by step, from the last to the first: the gradient of h, as
// the product of the gates' gradients of the step after with the weight, and the cell's. What the weights and the input
// get are products over all steps, afterwards.
#pragma once
#include "cpu/recurrent_steps.h"
#include "cpu/reduce.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

template <class T>
class RecurrentBackward {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;

 public:
  RecurrentBackward(const Recurrent& op, Workspace& workspace)
      : op_(op),
        G_(op.gate_count()),
        H_(op.hidden_size()),
        R_(op.output_size()),
        width_(op.kept_count() * H_),
        s_(sequences_of(op, workspace)),
        gate_tiles_(s_.B, G_ * H_),
        out_tiles_(s_.B, R_),
        dy_(sequence_strides(op, op.grad_output)) {
    for (int d = 0; d < op.directions(); ++d) prepare(d, workspace);
    if (workspace.base) run();
    for (int d = 0; d < op.directions(); ++d) {
      if (workspace.base) {
        if (op.grad_h_0) write_state<T>(op, op.grad_h_0, d, s_, R_, sides_[d].dh);
        if (op.grad_c_0) write_state<T>(op, op.grad_c_0, d, s_, H_, sides_[d].dc);
      }
      gradients_of_weights(d, workspace);
    }
    if (op.grad_input) gradient_of_input(workspace);
  }

 private:
  // What the steps of one direction read and write.
  struct Side {
    StepWeight<Panelled<T>> recurrent, projection;  // transposed
    const Acc *gates, *cells;                       // by row, from forward
    Acc *c_0, *dh, *dc;                             // by place
    Matrix<T> h;                                    // by row: the state that the row's step began with
    T *dgates, *dprojected, *full;  // by row; for a projection the gradient of its result, and its argument
    PanelElement<T>*dgate_tiles[2], *dprojected_tiles;
    const T* grad_output;
    Factors<T> factors;
  };

  void prepare(int d, Workspace& workspace) {
    using P = PanelElement<T>;
    const auto& p = op_.direction[d];
    Side& side = sides_[d];
    const std::int64_t rows = s_.most_rows();
    side.gates = op_.gates.as<Acc>() + d * rows * width_;
    side.cells = op_.cells ? op_.cells.as<Acc>() + d * rows * H_ : nullptr;
    side.c_0 = workspace.take<Acc>(s_.B * H_);
    side.dh = workspace.take<Acc>(s_.B * R_), side.dc = workspace.take<Acc>(s_.B * H_);
    side.dgates = workspace.take<T>(rows * width_);
    for (P*& tiles : side.dgate_tiles) tiles = workspace.take<P>(gate_tiles_.size());
    const bool projects = p.weight_hr.defined;
    side.dprojected = projects ? workspace.take<T>(rows * R_) : nullptr;
    side.full = projects ? workspace.take<T>(rows * H_) : nullptr;
    side.dprojected_tiles = projects ? workspace.take<P>(out_tiles_.size()) : nullptr;
    side.grad_output = op_.grad_output.as<T>() + d * R_ * dy_.unit;
    side.factors = Factors<T>(op_, d, workspace);
    T* last_h = workspace.take<T>(rows * R_);
    side.h = {last_h, R_, 1};
    if (workspace.base) {
      read_state<T>(op_, op_.c_0, d, s_, H_, side.c_0);
      read_state<T>(op_, op_.grad_h_n, d, s_, R_, side.dh);
      read_state<T>(op_, op_.grad_c_n, d, s_, H_, side.dc);
      gather_last_states(d, last_h);
      for (P* tiles : side.dgate_tiles) __builtin_memset(static_cast<void*>(tiles), 0, gate_tiles_.size() * sizeof(P));
      if (projects) __builtin_memset(static_cast<void*>(side.dprojected_tiles), 0, out_tiles_.size() * sizeof(P));
    }
    const auto& hh = p.weight_hh;
    side.recurrent = StepWeight<Panelled<T>>::pack(Matrix<T>{hh.template as<T>(), hh.stride[1], hh.stride[0]}, R_, 1,
                                                   G_ * H_, workspace);
    if (const auto& hr = p.weight_hr)
      side.projection = StepWeight<Panelled<T>>::pack(Matrix<T>{hr.template as<T>(), hr.stride[1], hr.stride[0]}, H_, 1,
                                                      R_, workspace);
  }

  // to[row]: h of the step before, in the direction's order.
  void gather_last_states(int d, T* to) const {
    const Tensor& h = op_.hidden ? op_.hidden : op_.output;
    const Strides at = sequence_strides(op_, h);
    Strides initial{};
    if (op_.h_0) initial = state_strides(op_, op_.h_0);
    parallel_ranges(s_.steps, most(1, 4096 / most(1, s_.B * R_)), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t t = first; t < last; ++t)
        for (std::int64_t j = 0; j < s_.active[t]; ++j) {
          const std::int64_t before = d ? t + 1 : t - 1;
          T* row = to + (s_.begin[t] + j) * R_;
          if (before >= 0 && before < s_.length[j])
            __builtin_memcpy(static_cast<void*>(row), h.as<T>() + before * at.outer + s_.order[j] * at.batch + d * R_,
                             R_ * sizeof(T));
          else if (op_.h_0)
            for (std::int64_t k = 0; k < R_; ++k)
              row[k] = op_.h_0.as<T>()[d * initial.outer + s_.order[j] * initial.batch + k * initial.unit];
          else
            __builtin_memset(static_cast<void*>(row), 0, R_ * sizeof(T));
        }
    });
  }

  void run() {
    visit_cell(op_.cell, [&]<RecurrentCell kind>(std::integral_constant<RecurrentCell, kind>) { run_steps<kind>(); });
  }
  // One step more than there are: in the last, only the first one's products are added to the gradient of h_0.
  template <RecurrentCell kind>
  void run_steps() {
    constexpr bool kProjects = kind == RecurrentCell::lstm;
    const bool projects = kProjects && sides_[0].full;
    const std::int64_t parts = step_parts(s_.B * G_ * H_ * R_, op_.directions());
    each_step(s_.steps + 1, projects ? 2 : 1, op_.directions(), parts,
              [&](int d, std::int64_t step, int phase, std::int64_t part) {
                const std::int64_t t = d ? step : s_.steps - 1 - step;
                const std::int64_t blocks = (phase ? sides_[d].projection : sides_[d].recurrent).blocks();
                const std::int64_t first = part * blocks / parts, last = (part + 1) * blocks / parts;
                if constexpr (kProjects)
                  if (phase) return pull_projection<kind>(d, step, t, first, last);
                pull_state<kind>(d, step, t, first, last);
              });
  }
  FASTNETS_INLINE std::int64_t active(std::int64_t t) const { return t >= 0 && t < s_.steps ? s_.active[t] : 0; }

  // The gradient of h, from the gates of the step that came after it; a sequence's first step has that of h_0.
  template <RecurrentCell kind>
  void pull_state(int d, std::int64_t step, std::int64_t t, std::int64_t first, std::int64_t last) {
    Side& side = sides_[d];
    const std::int64_t now = active(t), after = active(d ? t - 1 : t + 1);
    each_unit<T>(
        gate_tiles_, side.dgate_tiles[step & 1], side.recurrent, first, last, after, most(now, after),
        [&](std::int64_t row, std::int64_t unit) {
          if (row >= now) return;
          fetch(side.grad_output + t * dy_.outer + s_.order[row] * dy_.batch + unit * dy_.unit);
          if (!side.full) fetch_cell<kind>(side, t, row, unit);
        },
        [&](const Units& u, const Acc* products) {
          Acc* dh = side.dh + u.row * R_ + u.unit;
          V dy = read(dh, u.n);
          if (u.row < after) dy = dy + load(products);
          if (u.row >= now) return write(dh, dy, u.n);
          const std::int64_t b = s_.order[u.row], drawn = (t * s_.B + b) * R_ + u.unit;
          V given = read_output_gradient(side, t, b, u);
          if (side.factors.drop) given = given * read(side.factors.drop + drawn, u.n);
          dy = dy + given;
          V stays = splat(Acc(0));
          if (side.factors.keeps) {
            const V keep = side.factors.kept(drawn, u.n);
            stays = keep * dy, dy = (splat(Acc(1)) - keep) * dy;
          }
          if (kind == RecurrentCell::lstm && side.full) {
            write(dh, stays, u.n);
            write(side.dprojected + (s_.begin[t] + u.row) * R_ + u.unit, dy, u.n);
            return put<T>(out_tiles_, side.dprojected_tiles, u, 0, dy);
          }
          write(dh, stays + pull_cell<kind>(d, step, t, u, dy), u.n);
        });
  }

  template <RecurrentCell kind>
  void pull_projection(int d, std::int64_t step, std::int64_t t, std::int64_t first, std::int64_t last) {
    Side& side = sides_[d];
    const std::int64_t rows = active(t);
    each_unit<T>(
        out_tiles_, side.dprojected_tiles, side.projection, first, last, rows, rows,
        [&](std::int64_t row, std::int64_t unit) { fetch_cell<kind>(side, t, row, unit); },
        [&](const Units& u, const Acc* products) { pull_cell<kind>(d, step, t, u, load(products)); });
  }

  template <RecurrentCell kind>
  FASTNETS_INLINE void fetch_cell(const Side& side, std::int64_t t, std::int64_t place, std::int64_t unit) const {
    const std::int64_t row = s_.begin[t] + place;
    for (int g = 0; g < Cell<kind>::kKept; ++g) {
      fetch(side.gates + row * width_ + g * H_ + unit);
      fetch(side.dgates + row * width_ + g * H_ + unit);
    }
    if (side.cells) fetch(side.cells + row * H_ + unit);
  }

  FASTNETS_INLINE V read_output_gradient(const Side& side, std::int64_t t, std::int64_t b, const Units& u) const {
    const T* from = side.grad_output + t * dy_.outer + b * dy_.batch + u.unit * dy_.unit;
    if (dy_.unit == 1) return read(from, u.n);
    T lanes[kLanes<T>] = {};
    for (int i = 0; i < u.n; ++i) lanes[i] = from[i * dy_.unit];
    return load(lanes);
  }

  // Writes the gradients of the gates; returns what h gets without the product.
  template <RecurrentCell kind>
  FASTNETS_INLINE V pull_cell(int d, std::int64_t step, std::int64_t t, const Units& u, V dy) {
    using C = Cell<kind>;
    Side& side = sides_[d];
    const std::int64_t row = s_.begin[t] + u.row;
    const Acc* gates = side.gates + row * width_ + u.unit;
    V kept[C::kKept], dz[C::kKept], h, c, last_c, dc;
    for (int g = 0; g < C::kKept; ++g) kept[g] = read(gates + g * H_, u.n);
    if constexpr (kind == RecurrentCell::gru) h = read(side.h.data + row * R_ + u.unit, u.n);
    if constexpr (kind == RecurrentCell::lstm) {
      const std::int64_t before = d ? t + 1 : t - 1;
      const bool is_first = before < 0 || before >= s_.length[u.row];
      c = read(side.cells + row * H_ + u.unit, u.n);
      last_c = read((is_first ? side.c_0 + u.row * H_ : side.cells + (s_.begin[before] + u.row) * H_) + u.unit, u.n);
      dc = read(side.dc + u.row * H_ + u.unit, u.n);
      if (side.full) write(side.full + row * H_ + u.unit, kept[3] * tanh(c), u.n);
    }
    const V stays = C::backward(kept, dy, h, last_c, c, dc, dz);
    if constexpr (kind == RecurrentCell::lstm) write(side.dc + u.row * H_ + u.unit, dc, u.n);
    for (int g = 0; g < C::kKept; ++g) write(side.dgates + row * width_ + g * H_ + u.unit, dz[g], u.n);
    for (int g = 0; g < C::kGates; ++g)
      put<T>(gate_tiles_, side.dgate_tiles[(step + 1) & 1], u, g * H_, dz[C::kOfState[g]]);
    return stays;
  }

  // Sums over all rows. The gates of the input are the first of those kept; gru's last of the state stands behind them.
  void gradients_of_weights(int d, Workspace& workspace) {
    const auto& p = op_.direction[d];
    const Side& side = sides_[d];
    const std::int64_t rows = workspace.base ? s_.rows() : s_.most_rows(), I = op_.input_size();
    const std::int64_t common = op_.cell == RecurrentCell::gru ? 2 * H_ : G_ * H_;
    const auto product = [&](const Tensor& out, std::int64_t first, const T* dz, std::int64_t count,
                             std::int64_t stride, const Matrix<T>& x, std::int64_t columns) {
      const RowSink<T> sink{out.as<T>() + first * columns, {columns}};
      multiply<T>(count, columns, rows, {dz, 1, stride}, {x.data, x.depth_stride, x.row_stride}, nullptr, sink,
                  workspace);
    };
    const auto of_state = [&](const auto& use) {
      use(0, side.dgates, common);
      if (common < G_ * H_) use(common, side.dgates + 3 * H_, H_);
    };
    if (p.grad_weight_ih)
      product(p.grad_weight_ih, 0, side.dgates, G_ * H_, width_, rows_in_order<T>(op_, op_.input, s_, workspace), I);
    if (p.grad_weight_hh)
      of_state([&](std::int64_t first, const T* dz, std::int64_t count) {
        product(p.grad_weight_hh, first, dz, count, width_, side.h, R_);
      });
    if (p.grad_weight_hr) product(p.grad_weight_hr, 0, side.dprojected, R_, R_, {side.full, H_, 1}, H_);
    if (!workspace.base) return;
    T *ih = p.grad_bias_ih.template as<T>(), *hh = p.grad_bias_hh.template as<T>();
    if (ih) sum_rows(side.dgates, rows, G_ * H_, width_, ih);
    if (!hh) return;
    of_state([&](std::int64_t first, const T* dz, std::int64_t count) {
      if (ih && first == 0)
        __builtin_memcpy(static_cast<void*>(hh), ih, count * sizeof(T));
      else
        sum_rows(dz, rows, count, width_, hh + first);
    });
  }

  // dx = sum over directions of dgates · W_ih, row by row, then to where the steps stand.
  void gradient_of_input(Workspace& workspace) {
    const std::int64_t I = op_.input_size();
    Acc* sums = workspace.take<Acc>(s_.most_rows() * I);
    for (int d = 0; d < op_.directions(); ++d) {
      const auto& ih = op_.direction[d].weight_ih;
      RowSink<Acc> sink{sums, {I}};
      if (d) sink.residual = sums;
      multiply_rows<T>(workspace.base ? s_.rows() : 0, s_.most_rows(), I, G_ * H_, {sides_[d].dgates, width_, 1},
                       {ih.template as<T>(), ih.stride[1], ih.stride[0]}, nullptr, sink, workspace);
    }
    if (!workspace.base) return;
    T* out = op_.grad_input.as<T>();
    if (op_.lengths) __builtin_memset(static_cast<void*>(out), 0, op_.input.size() * sizeof(T));
    const Strides at = sequence_strides(op_, op_.grad_input);
    parallel_ranges(s_.steps, most(1, 4096 / most(1, s_.B * I)), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t t = first; t < last; ++t)
        for (std::int64_t j = 0; j < s_.active[t]; ++j)
          for (std::int64_t i = 0; i < I; i += V::lanes) {
            const int n = static_cast<int>(least(V::lanes, I - i));
            write(out + t * at.outer + s_.order[j] * at.batch + i, read(sums + (s_.begin[t] + j) * I + i, n), n);
          }
    });
  }

  const Recurrent& op_;
  const std::int64_t G_, H_, R_, width_;
  const Sequences s_;
  const StateTiles<Panelled<T>> gate_tiles_, out_tiles_;
  const Strides dy_;
  Side sides_[2];
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
