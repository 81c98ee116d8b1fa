// A layer of a recurrent net, forward: one product for the input of all steps, then step by step the product of the
// state and the cell, in one launch where the weights fit.
#pragma once
#include "cuda/recurrent_cells.cuh"
#include "cuda/recurrent_persistent.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// What the steps read and write.
template <class T>
struct ForwardArrays {
  Lengths lengths;
  Factors factors;
  int64_t T_, B, H, R, width;
  float *gates, *cells;  // (D, T, B, width): the input's part, then what is kept; (D, T, B, H) or null
  float *h, *c;          // (D, B, R), (D, B, H)
  float* bias_n;         // (D, H): gru's, of the part that is multiplied by r
  T* full;               // (D, B, H): what is projected, or null
  View<T> output, hidden;
  Exchange<T> state;
  bool saves;
};

// A unit's h, and what becomes of it. One thread owns a unit.
template <class T>
struct StateUnit {
  ForwardArrays<T> a;

  // What does not depend on the step's product.
  struct Inputs {
    int64_t t;
    bool runs;
    float h, keep, drop;
  };
  __device__ __forceinline__ void read_time(Inputs& in, int64_t step, int d, int64_t b) const {
    in.t = d ? a.T_ - 1 - step : step;
    in.runs = in.t < a.lengths(b);
  }
  __device__ __forceinline__ void read_h(Inputs& in, int d, int64_t b, int64_t unit) const {
    in.h = a.h[(d * a.B + b) * a.R + unit];
    if (!in.runs) return;
    if (a.factors.keeps) in.keep = a.factors.kept(d, in.t, b, unit);
    if (a.factors.drops) in.drop = a.factors.dropped(d, in.t, b, unit);
  }
  // From y, zoneout: h, and where the next step looks for it. Past its length a sequence keeps its state.
  __device__ __forceinline__ void publish_h(Inputs& in, int64_t step, int d, int64_t b, int64_t unit, float y) const {
    if (in.runs) in.h = a.factors.keeps ? fmaf(in.keep, in.h, (1 - in.keep) * y) : y;
    a.state.row(step + 1, d, b)[unit] = round_to<T>(in.h);
  }
  // h where the output and the last state look for it.
  __device__ __forceinline__ void write_h(const Inputs& in, int d, int64_t b, int64_t unit) const {
    a.h[(d * a.B + b) * a.R + unit] = in.h;
    float out = in.runs ? in.h : 0.0f;
    if (a.hidden) a.hidden(in.t, b, d * a.R + unit) = round_to<T>(out);
    if (a.factors.drops) out *= in.drop;
    a.output(in.t, b, d * a.R + unit) = round_to<T>(out);
  }
};

// The cell of one unit, which is one thread's.
template <class T, RecurrentCell kind>
struct ForwardStep : StateUnit<T> {
  using C = Cell<kind>;
  static constexpr int kProducts = C::kGates;
  using StateUnit<T>::a;

  struct Inputs : StateUnit<T>::Inputs {
    float x[C::kGates], bias_n, c, kept[C::kKept];
  };
  __device__ __forceinline__ Inputs read(int64_t step, int d, int64_t b, int64_t unit) const {
    Inputs in{};
    this->read_time(in, step, d, b);
    if (!a.full) this->read_h(in, d, b, unit);
    if (!in.runs) return in;
    const float* gates = a.gates + ((d * a.T_ + in.t) * a.B + b) * a.width + unit;
#pragma unroll
    for (int g = 0; g < C::kGates; ++g) in.x[g] = gates[g * a.H];
    if constexpr (kind == RecurrentCell::gru) in.bias_n = a.bias_n[d * a.H + unit];
    if constexpr (kind == RecurrentCell::lstm) in.c = a.c[(d * a.B + b) * a.H + unit];
    return in;
  }
  // What the next step's products wait for, and the rest.
  __device__ __forceinline__ void publish(int64_t step, int d, int64_t b, int64_t unit, Inputs& in,
                                          const float (&products)[kProducts]) const {
    float y = 0;
    if (in.runs) y = C::forward(in.x, products, in.h, in.bias_n, in.c, in.kept);
    if (a.full)
      a.full[(d * a.B + b) * a.H + unit] = round_to<T>(y);
    else
      this->publish_h(in, step, d, b, unit, y);
  }
  __device__ __forceinline__ void write(int d, int64_t b, int64_t unit, const Inputs& in) const {
    if (!a.full) this->write_h(in, d, b, unit);
    if (!in.runs) return;
    const int64_t row = (d * a.T_ + in.t) * a.B + b;
    if constexpr (kind == RecurrentCell::lstm) {
      a.c[(d * a.B + b) * a.H + unit] = in.c;
      if (a.cells) a.cells[row * a.H + unit] = in.c;
    }
    if (!a.saves) return;
#pragma unroll
    for (int g = 0; g < C::kKept; ++g) a.gates[row * a.width + g * a.H + unit] = in.kept[g];
  }
};

template <class T>
struct RunProjected {
  StateUnit<T> state;
  int64_t step;
  const float* products;
  __device__ __forceinline__ void operator()(int d, int64_t b, int64_t unit) const {
    typename StateUnit<T>::Inputs in{};
    state.read_time(in, step, d, b);
    state.read_h(in, d, b, unit);
    state.publish_h(in, step, d, b, unit, products[(d * state.a.B + b) * state.a.R + unit]);
    state.write_h(in, d, b, unit);
  }
};

// Both biases where they are added to each other; gru's n keeps that of the state apart.
struct AddBiases {
  const float *ih, *hh;
  int64_t both, H;
  float *bias, *bias_n;
  __device__ __forceinline__ void operator()(int64_t i) const {
    const float of_state = hh ? hh[i] : 0.0f;
    bias[i] = (ih ? ih[i] : 0.0f) + (i < both ? of_state : 0.0f);
    if (i >= both) bias_n[i - both] = of_state;
  }
};

template <class T, RecurrentCell kind>
class RecurrentForward : RecurrentPass {
  using C = Cell<kind>;
  static constexpr int G = C::kGates;

 public:
  RecurrentForward(const Recurrent& op, Workspace& workspace, Stream stream)
      : RecurrentPass(op, workspace, stream), a_(arrays()) {
    const int64_t cells = op.is_lstm() ? H_ : 0;
    const FirstState<T> h{states_of<const T>(op, op.h_0), a_.h, R_}, c{states_of<const T>(op, op.c_0), a_.c, cells};
    if (runs_) BeginSteps<T>{{h, c}, a_.state, true, a_.lengths, a_.B}(op, stream);
    multiply_input();
    run_steps();
    const LastState<T> h_n{a_.h, R_, states_of<T>(op, op.h_n)}, c_n{a_.c, cells, states_of<T>(op, op.c_n)};
    if (runs_) EndSteps<T>{{h_n, c_n}, a_.B}(op, stream);
  }

 private:
  ForwardArrays<T> arrays() const {
    const int64_t steps = op_.steps(), B = op_.batch(), width = (op_.save ? C::kKept : G) * H_;
    return {.lengths = Lengths(op_, workspace_, stream_),
            .factors = Factors(op_),
            .T_ = steps,
            .B = B,
            .H = H_,
            .R = R_,
            .width = width,
            .gates = op_.gates ? op_.gates.as<float>() : workspace_.take<float>(D_ * steps * B * width),
            .cells = op_.cells ? op_.cells.as<float>() : nullptr,
            .h = workspace_.take<float>(D_ * B * R_),
            .c = workspace_.take<float>(D_ * B * H_),
            .bias_n = workspace_.take<float>(D_ * H_),
            .full = op_.direction[0].weight_hr ? workspace_.take<T>(D_ * B * H_) : nullptr,
            .output = sequences_of<T>(op_, op_.output),
            .hidden = sequences_of<T>(op_, op_.hidden),
            .state = Exchange<T>(D_, B, R_, workspace_),
            .saves = op_.save};
  }

  // The input's part of the gates, at all steps.
  void multiply_input() {
    const RowView<T> x = rows_of<T>(op_.name, over_time(op_, op_.input), workspace_, stream_);
    const int64_t both = kind == RecurrentCell::gru ? 2 * H_ : G * H_;
    float* bias = workspace_.take<float>(G * H_);
    for (int d = 0; d < D_; ++d) {
      const auto& p = op_.direction[d];
      const float* ih = numbers_of(op_.name, p.bias_ih, workspace_, stream_);
      const float* hh = numbers_of(op_.name, p.bias_hh, workspace_, stream_);
      if (runs_) for_elements(op_.name, G * H_, AddBiases{ih, hh, both, H_, bias, a_.bias_n + d * H_}, stream_);
      RowSink<float> sink{a_.gates + d * x.rows * a_.width, 0, a_.width};
      sink.bias = bias;
      const Tensor& w = p.weight_ih;
      multiply_rows<T>(1, x.rows, G * H_, x.columns, {x.data, x.row_stride, x.column_stride},
                       {w.as<T>(), w.stride[0], w.stride[1]}, sink, workspace_, stream_);
    }
  }

  void run_steps() {
    using Step = ForwardStep<T, kind>;
    const Step cell{{a_}};
    const int64_t B = a_.B;
    const Matrix<T> recurrent = weights_of<T>(op_, &Recurrent::Direction::weight_hh, false, workspace_, stream_);
    if (const auto plan = persistent_plan<T, Step>(op_, H_, R_))
      return run_persistent<T>(op_, *plan, a_.T_, H_, R_, cell, a_.state, recurrent, workspace_, stream_);
    const bool projects = op_.direction[0].weight_hr.defined;
    Matrix<T> projection{};
    if (projects) projection = weights_of<T>(op_, &Recurrent::Direction::weight_hr, false, workspace_, stream_);
    float* products = workspace_.take<float>(D_ * B * G * H_);
    float* projected = projects ? workspace_.take<float>(D_ * B * R_) : nullptr;
    const std::size_t mark = workspace_.used;
    for (int64_t step = 0; step < (runs_ ? a_.T_ : std::min(a_.T_, int64_t{1})); ++step) {
      workspace_.used = mark;
      multiply_rows<T>(D_, B, G * H_, R_, a_.state.matrix(step), recurrent, {products, B * G * H_, G * H_}, workspace_,
                       stream_);
      if (runs_) for_units(op_, B, H_, RunStep<Step>{cell, step, B, H_, products}, stream_);
      if (!projects) continue;
      multiply_rows<T>(D_, B, R_, H_, {a_.full, H_, 1, B * H_}, projection, {projected, B * R_, R_}, workspace_,
                       stream_);
      if (runs_) for_units(op_, B, R_, RunProjected<T>{{a_}, step, projected}, stream_);
    }
  }

  const ForwardArrays<T> a_;
};

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
