// A layer of a recurrent net, backward through time. Step by step, from the last to the first: the gradient of h, as
// the product of the gates' gradients of the step after with the weight, and the cell's. What the weights and the input
// get are products over all steps, afterwards.
#pragma once
#include "cuda/recurrent_cells.cuh"
#include "cuda/recurrent_persistent.cuh"
#include "cuda/reduce.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// What the steps read and write.
template <class T>
struct BackwardArrays {
  Lengths lengths;
  Factors factors;
  int64_t T_, B, H, R, width;
  const float *gates, *cells;  // (D, T, B, width), (D, T, B, H), from forward
  float *c_0, *dh, *dc;        // (D, B, H), (D, B, R), (D, B, H)
  View<const T> grad_output, hidden, h_0;
  // By row, with zeros past a length: (D, T, B, width); (D, T, B, R), the state that the row's step began with; for a
  // projection the gradient of its result, (D, T, B, R), and its argument, (D, T, B, H).
  T *dgates, *last_h, *dprojected, *full;
  Exchange<T> dstate;  // the gates' gradients as the state's product had them
};

// The gradient of h at a step, on its way to the cell or to the projection. There is one step more than forward has: in
// the last, only the first one's products are added to the gradient of h_0. One thread owns a unit.
template <class T>
struct StateGradient {
  BackwardArrays<T> a;

  struct Inputs {
    int64_t t, row;
    bool runs, ran_after;
    float dh, dy, keep;
    T h;
  };
  __device__ __forceinline__ void read_h(Inputs& in, int64_t step, int d, int64_t b, int64_t unit) const {
    in.t = d ? step : a.T_ - 1 - step;
    in.row = (d * a.T_ + in.t) * a.B + b;
    const int64_t length = a.lengths(b), before = d ? in.t + 1 : in.t - 1, after = d ? in.t - 1 : in.t + 1;
    const auto exists = [&](int64_t t) { return t >= 0 && t < length; };
    in.runs = exists(in.t), in.ran_after = exists(after);
    in.dh = a.dh[(d * a.B + b) * a.R + unit];
    if (!in.runs) return;
    in.dy = widen(a.grad_output(in.t, b, d * a.R + unit));
    if (a.factors.drops) in.dy *= a.factors.dropped(d, in.t, b, unit);
    if (a.factors.keeps) in.keep = a.factors.kept(d, in.t, b, unit);
    if (exists(before))
      in.h = a.hidden(before, b, d * a.R + unit);
    else if (a.h_0)
      in.h = a.h_0(d, b, unit);
  }
  // Returns dy and leaves in dh what goes past it.
  __device__ __forceinline__ float pull_h(Inputs& in, float product) const {
    if (in.ran_after) in.dh += product;
    if (!in.runs) return 0;
    const float dy = in.dh + in.dy;
    in.dh = a.factors.keeps ? in.keep * dy : 0.0f;
    return a.factors.keeps ? (1 - in.keep) * dy : dy;
  }
  __device__ __forceinline__ void write_h(const Inputs& in, int d, int64_t b, int64_t unit) const {
    a.dh[(d * a.B + b) * a.R + unit] = in.dh;
    if (in.t >= 0 && in.t < a.T_) a.last_h[in.row * a.R + unit] = in.h;
  }
};

template <class T, RecurrentCell kind>
struct BackwardStep : StateGradient<T> {
  using C = Cell<kind>;
  static constexpr int kProducts = 1;
  using StateGradient<T>::a;

  struct Inputs : StateGradient<T>::Inputs {
    float kept[C::kKept], dz[C::kKept], c, last_c, dc;
  };
  __device__ __forceinline__ void read_cell(Inputs& in, int64_t step, int d, int64_t b, int64_t unit) const {
    in.t = d ? step : a.T_ - 1 - step;
    in.row = (d * a.T_ + in.t) * a.B + b;
    const int64_t length = a.lengths(b), before = d ? in.t + 1 : in.t - 1;
    in.runs = in.t >= 0 && in.t < length;
    if (!in.runs) return;
#pragma unroll
    for (int g = 0; g < C::kKept; ++g) in.kept[g] = a.gates[in.row * a.width + g * a.H + unit];
    if constexpr (kind == RecurrentCell::lstm) {
      const int64_t at = (d * a.B + b) * a.H + unit;
      const bool is_first = before < 0 || before >= length;
      in.c = a.cells[in.row * a.H + unit];
      in.last_c = is_first ? a.c_0[at] : a.cells[((d * a.T_ + before) * a.B + b) * a.H + unit];
      in.dc = a.dc[at];
    }
  }
  __device__ __forceinline__ Inputs read(int64_t step, int d, int64_t b, int64_t unit) const {
    Inputs in{};
    this->read_h(in, step, d, b, unit);
    read_cell(in, step, d, b, unit);
    return in;
  }
  // What the next step's products wait for, and the rest.
  __device__ __forceinline__ void publish(int64_t step, int d, int64_t b, int64_t unit, Inputs& in,
                                          const float (&product)[1]) const {
    const float dy = this->pull_h(in, product[0]);
    in.dh += pull_cell(step, d, b, unit, in, dy);
  }
  __device__ __forceinline__ void write(int d, int64_t b, int64_t unit, const Inputs& in) const {
    this->write_h(in, d, b, unit);
    write_cell(d, b, unit, in);
  }
  // Publishes the gradients of the gates; returns what h gets without the product.
  __device__ __forceinline__ float pull_cell(int64_t step, int d, int64_t b, int64_t unit, Inputs& in, float dy) const {
    float stays = 0;
    if (in.runs) stays = C::backward(in.kept, dy, widen(in.h), in.last_c, in.c, in.dc, in.dz);
    T* of_state = a.dstate.row(step + 1, d, b) + unit;
#pragma unroll
    for (int g = 0; g < C::kGates; ++g) of_state[g * a.H] = round_to<T>(in.dz[C::of_state(g)]);
    return stays;
  }
  __device__ __forceinline__ void write_cell(int d, int64_t b, int64_t unit, const Inputs& in) const {
    if (in.t < 0 || in.t >= a.T_) return;
#pragma unroll
    for (int g = 0; g < C::kKept; ++g) a.dgates[in.row * a.width + g * a.H + unit] = round_to<T>(in.dz[g]);
    if constexpr (kind == RecurrentCell::lstm) {
      if (in.runs) a.dc[(d * a.B + b) * a.H + unit] = in.dc;
      if (a.full) a.full[in.row * a.H + unit] = round_to<T>(in.runs ? in.kept[3] * tanhf(in.c) : 0.0f);
    }
  }
};

// The two halves of a step with a projection between them.
template <class T>
struct PullState {
  StateGradient<T> gradient;
  int64_t step;
  const float* products;
  __device__ __forceinline__ void operator()(int d, int64_t b, int64_t unit) const {
    const auto& a = gradient.a;
    typename StateGradient<T>::Inputs in{};
    gradient.read_h(in, step, d, b, unit);
    const float dy = gradient.pull_h(in, products[(d * a.B + b) * a.R + unit]);
    gradient.write_h(in, d, b, unit);
    if (in.t >= 0 && in.t < a.T_) a.dprojected[in.row * a.R + unit] = round_to<T>(dy);
  }
};
template <class T, RecurrentCell kind>
struct PullProjected {
  BackwardStep<T, kind> cell;
  int64_t step;
  const float* products;
  __device__ __forceinline__ void operator()(int d, int64_t b, int64_t unit) const {
    typename BackwardStep<T, kind>::Inputs in{};
    cell.read_cell(in, step, d, b, unit);
    cell.pull_cell(step, d, b, unit, in, products[(d * cell.a.B + b) * cell.a.H + unit]);
    cell.write_cell(d, b, unit, in);
  }
};

// Rows of (T, B, features) in row-major order, zeros past a length.
template <class T>
struct MaskRows {
  View<const T> from;
  Lengths lengths;
  int64_t B, size;
  T* to;
  __device__ __forceinline__ void operator()(int64_t i) const {
    const int64_t row = i / size, t = row / B, b = row % B;
    to[i] = t < lengths(b) ? from(t, b, i % size) : T{};
  }
};

// Sums of float as an input's gradient has them.
template <class T>
struct WriteInput {
  const float* from;
  Tensor to;
  __device__ __forceinline__ void operator()(int64_t i) const {
    static_cast<T*>(to.data)[offset_of(to, i)] = round_to<T>(from[i]);
  }
};

template <class T, RecurrentCell kind>
class RecurrentBackward : RecurrentPass {
  using C = Cell<kind>;
  static constexpr int G = C::kGates;

 public:
  RecurrentBackward(const Recurrent& op, Workspace& workspace, Stream stream)
      : RecurrentPass(op, workspace, stream), rows_(op.steps() * op.batch()), a_(arrays()) {
    const int64_t cells = op.is_lstm() ? H_ : 0;
    const FirstState<T> dh{states_of<const T>(op, op.grad_h_n), a_.dh, R_};
    const FirstState<T> dc{states_of<const T>(op, op.grad_c_n), a_.dc, cells};
    const FirstState<T> c_0{states_of<const T>(op, op.c_0), a_.c_0, cells};
    if (runs_) BeginSteps<T>{{dh, dc, c_0}, a_.dstate, false, a_.lengths, a_.B}(op, stream);
    run_steps();
    const LastState<T> dh_0{a_.dh, R_, states_of<T>(op, op.grad_h_0)},
        dc_0{a_.dc, cells, states_of<T>(op, op.grad_c_0)};
    if (runs_) EndSteps<T>{{dh_0, dc_0}, a_.B}(op, stream);
    const Matrix<T> x = masked_input();
    for (int d = 0; d < D_; ++d) gradients_of_weights(d, x);
    if (op.grad_input) gradient_of_input();
  }

 private:
  BackwardArrays<T> arrays() const {
    const int64_t B = op_.batch(), width = C::kKept * H_;
    const bool projects = op_.direction[0].weight_hr.defined;
    return {.lengths = Lengths(op_, workspace_, stream_),
            .factors = Factors(op_),
            .T_ = op_.steps(),
            .B = B,
            .H = H_,
            .R = R_,
            .width = width,
            .gates = op_.gates.as<float>(),
            .cells = op_.cells ? op_.cells.as<float>() : nullptr,
            .c_0 = workspace_.take<float>(D_ * B * H_),
            .dh = workspace_.take<float>(D_ * B * R_),
            .dc = workspace_.take<float>(D_ * B * H_),
            .grad_output = sequences_of<const T>(op_, op_.grad_output),
            .hidden = sequences_of<const T>(op_, op_.hidden ? op_.hidden : op_.output),
            .h_0 = states_of<const T>(op_, op_.h_0),
            .dgates = workspace_.take<T>(D_ * rows_ * width),
            .last_h = workspace_.take<T>(D_ * rows_ * R_),
            .dprojected = projects ? workspace_.take<T>(D_ * rows_ * R_) : nullptr,
            .full = projects ? workspace_.take<T>(D_ * rows_ * H_) : nullptr,
            .dstate = Exchange<T>(D_, B, G * H_, workspace_)};
  }

  void run_steps() {
    using Step = BackwardStep<T, kind>;
    const Step cell{{a_}};
    const int64_t B = a_.B;
    const Matrix<T> recurrent = weights_of<T>(op_, &Recurrent::Direction::weight_hh, true, workspace_, stream_);
    if (const auto plan = persistent_plan<T, Step>(op_, H_, G * H_))
      return run_persistent<T>(op_, *plan, a_.T_ + 1, H_, G * H_, cell, a_.dstate, recurrent, workspace_, stream_);
    const bool projects = op_.direction[0].weight_hr.defined;
    Matrix<T> projection{};
    if (projects) projection = weights_of<T>(op_, &Recurrent::Direction::weight_hr, true, workspace_, stream_);
    float* products = workspace_.take<float>(D_ * B * R_);
    float* projected = projects ? workspace_.take<float>(D_ * B * H_) : nullptr;
    const std::size_t mark = workspace_.used;
    for (int64_t step = 0; step <= (runs_ ? a_.T_ : 0); ++step) {
      workspace_.used = mark;
      multiply_rows<T>(D_, B, R_, G * H_, a_.dstate.matrix(step), recurrent, {products, B * R_, R_}, workspace_,
                       stream_);
      if (!projects) {
        if (runs_) for_units(op_, B, H_, RunStep<Step>{cell, step, B, H_, products}, stream_);
        continue;
      }
      if (runs_) for_units(op_, B, R_, PullState<T>{{a_}, step, products}, stream_);
      if (step == a_.T_) break;
      const int64_t first = (a_.T_ - 1 - step) * B * R_, second = (a_.T_ + step) * B * R_;  // of each direction
      multiply_rows<T>(D_, B, H_, R_, {a_.dprojected + first, R_, 1, second - first}, projection,
                       {projected, B * H_, H_}, workspace_, stream_);
      if (runs_) for_units(op_, B, H_, PullProjected<T, kind>{cell, step, projected}, stream_);
    }
  }

  // x in row-major order where rows past a length must not count.
  Matrix<T> masked_input() {
    if (!op_.lengths) {
      const RowView<T> x = rows_of<T>(op_.name, over_time(op_, op_.input), workspace_, stream_);
      return {x.data, x.row_stride, x.column_stride};
    }
    const int64_t I = op_.input_size();
    T* copy = workspace_.take<T>(rows_ * I);
    const MaskRows<T> mask{sequences_of<const T>(op_, op_.input), a_.lengths, a_.B, I, copy};
    if (runs_) for_elements(op_.name, rows_ * I, mask, stream_);
    return {copy, I, 1};
  }

  // Sums over all rows. The gates of the input are the first of those kept; gru's last of the state stands behind them.
  void gradients_of_weights(int d, const Matrix<T>& x) {
    const auto& p = op_.direction[d];
    const int64_t common = kind == RecurrentCell::gru ? 2 * H_ : G * H_, I = op_.input_size();
    const T* dgates = a_.dgates + d * rows_ * a_.width;
    const auto product = [&](const Tensor& out, int64_t first, const T* dz, int64_t count, int64_t stride,
                             const Matrix<T>& y, int64_t columns) {
      const RowSink<T> sink{out.as<T>() + first * columns, 0, columns};
      gemm(op_.name, 1, count, columns, rows_, operand_of<Order::rows>(Matrix<T>{dz, 1, stride}, count, rows_),
           operand_of<Order::rows>(Matrix<T>{y.data, y.depth_stride, y.row_stride}, columns, rows_), sink, workspace_,
           stream_);
    };
    const auto of_state = [&](const auto& use) {
      use(0, dgates, common);
      if (common < G * H_) use(common, dgates + 3 * H_, H_);
    };
    const auto sum = [&](const Tensor& out, int64_t first, const T* dz, int64_t count) {
      sum_rows(op_.name, MatrixTerm<T>{dz, a_.width}, rows_, count, out.as<T>() + first, workspace_, stream_);
    };
    if (p.grad_weight_ih) product(p.grad_weight_ih, 0, dgates, G * H_, a_.width, x, I);
    if (p.grad_weight_hh)
      of_state([&](int64_t first, const T* dz, int64_t count) {
        product(p.grad_weight_hh, first, dz, count, a_.width, {a_.last_h + d * rows_ * R_, R_, 1}, R_);
      });
    if (p.grad_weight_hr)
      product(p.grad_weight_hr, 0, a_.dprojected + d * rows_ * R_, R_, R_, {a_.full + d * rows_ * H_, H_, 1}, H_);
    if (p.grad_bias_ih) sum(p.grad_bias_ih, 0, dgates, G * H_);
    if (p.grad_bias_hh)
      of_state([&](int64_t first, const T* dz, int64_t count) { sum(p.grad_bias_hh, first, dz, count); });
  }

  // dx = sum over directions of dgates · W_ih.
  void gradient_of_input() {
    const int64_t I = op_.input_size();
    float* sums = workspace_.take<float>(rows_ * I);
    const Matrix<T> weights = weights_of<T>(op_, &Recurrent::Direction::weight_ih, true, workspace_, stream_);
    for (int d = 0; d < D_; ++d) {
      RowSink<float> sink{sums, 0, I};
      if (d) sink.residual = sums;
      multiply_rows<T>(1, rows_, I, G * H_, {a_.dgates + d * rows_ * a_.width, a_.width, 1},
                       {weights.data + d * weights.batch_stride, weights.row_stride, 1}, sink, workspace_, stream_);
    }
    if (runs_) for_elements(op_.name, rows_ * I, WriteInput<T>{sums, over_time(op_, op_.grad_input)}, stream_);
  }

  const int64_t rows_;
  const BackwardArrays<T> a_;
};

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
