// One layer of a recurrent net, in one or both directions, over all steps. With x the input and h, c the state:
//   rnn   y = tanh or relu (W_ih x + b_ih + W_hh h + b_hh)
//   lstm  i f g o = W_ih x + b_ih + W_hh h + b_hh;  c′ = σ(f) c + σ(i) tanh(g);  y = σ(o) tanh(c′), or W_hr of that
//   gru   r z = σ(W_ih x + b_ih + W_hh h + b_hh);  n = tanh(W_in x + b_in + r (W_hn h + b_hn));  y = (1 − z) n + z h
// and h′ = m h + (1 − m) y, where m is 1 with probability zoneout (in training) or zoneout itself.
#pragma once
#include "core/check.h"
#include "core/parameters.h"

namespace fastnets {

enum class RecurrentCell : std::int8_t { rnn_tanh, rnn_relu, lstm, gru };
constexpr const char* kRecurrentCellNames[] = {"rnn_tanh", "rnn_relu", "lstm", "gru"};
template <>
struct Names<RecurrentCell> {
  static constexpr auto& list = kRecurrentCellNames;
  static constexpr int count = 4;
};

// Calls f(a constant) for the kind.
template <class F>
FASTNETS_INLINE void visit_cell(RecurrentCell kind, F&& f) {
  using C = RecurrentCell;
  switch (kind) {
    case C::rnn_tanh:
      return f(std::integral_constant<C, C::rnn_tanh>{});
    case C::rnn_relu:
      return f(std::integral_constant<C, C::rnn_relu>{});
    case C::lstm:
      return f(std::integral_constant<C, C::lstm>{});
    case C::gru:
      return f(std::integral_constant<C, C::gru>{});
  }
}

// How the input is indexed: by time first, by batch first, or one step only.
enum class SequenceLayout : std::int8_t { time_first, batch_first, step };
constexpr const char* kSequenceLayoutNames[] = {"time_first", "batch_first", "step"};
template <>
struct Names<SequenceLayout> {
  static constexpr auto& list = kSequenceLayoutNames;
  static constexpr int count = 3;
};

FASTNETS_INLINE constexpr int recurrent_gates(RecurrentCell cell) {
  return cell == RecurrentCell::lstm ? 4 : cell == RecurrentCell::gru ? 3 : 1;
}

struct Recurrent {
  static constexpr const char* name = "recurrent";
  static constexpr bool kHasProducts = true;

  struct Direction {
    Tensor weight_ih, weight_hh, bias_ih, bias_hh, weight_hr;  // (G·H, I), (G·H, R), (G·H,) or none, (R, H) or none
    Tensor grad_weight_ih, grad_weight_hh, grad_bias_ih, grad_bias_hh, grad_weight_hr;
  };
  // (T, B, I) or (T, I); by batch first (B, T, I); a step (B, I) or (I,). States (D, B, R) and (D, B, H) or none,
  // without B where the input has none, without D in a step. Lengths (B,) or none. R is H without a projection.
  Tensor input, h_0, c_0, lengths;
  Direction direction[2];  // forward and reverse
  RecurrentCell cell = RecurrentCell::rnn_tanh;
  SequenceLayout layout = SequenceLayout::time_first;
  std::int64_t layer = 0;  // of random numbers and of messages
  double dropout = 0;      // of the output, and of it alone
  double zoneout = 0;
  bool training = false;
  std::uint64_t seed = 0;
  bool save = false;

  Tensor output;  // as the input, with D · R features
  Tensor h_n;     // as h_0; not for a step, whose output it is
  Tensor c_n;     // as c_0, of lstm
  // Saved, in what sums are formed in. A row is a step of a sequence. On a CPU step s has its rows after those of step
  // s − 1, the longest sequence first, as many as there are sequences that long; on a GPU row (t, b) is step t of b.
  Tensor gates;   // (D, T, B, G·H), of gru (…, 4·H): the gates; then W_hn h + b_hn
  Tensor cells;   // (D, T, B, H): c′ of lstm
  Tensor hidden;  // as the output, which then is what dropout has left of it
  Tensor grad_output, grad_h_n, grad_c_n, grad_input, grad_h_0, grad_c_0;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.optional("h_0", h_0, grad_h_0);
    v.optional("c_0", c_0, grad_c_0);
    v.optional("lengths", lengths);
    Direction &f = direction[0], &r = direction[1];
    v.input("weight_ih", f.weight_ih, f.grad_weight_ih);
    v.input("weight_hh", f.weight_hh, f.grad_weight_hh);
    v.optional("bias_ih", f.bias_ih, f.grad_bias_ih);
    v.optional("bias_hh", f.bias_hh, f.grad_bias_hh);
    v.optional("weight_hr", f.weight_hr, f.grad_weight_hr);
    v.optional("weight_ih_reverse", r.weight_ih, r.grad_weight_ih);
    v.optional("weight_hh_reverse", r.weight_hh, r.grad_weight_hh);
    v.optional("bias_ih_reverse", r.bias_ih, r.grad_bias_ih);
    v.optional("bias_hh_reverse", r.bias_hh, r.grad_bias_hh);
    v.optional("weight_hr_reverse", r.weight_hr, r.grad_weight_hr);
    v.parameter("cell", cell);
    v.parameter("layout", layout);
    v.parameter("layer", layer);
    v.parameter("dropout", dropout);
    v.parameter("zoneout", zoneout);
    v.parameter("training", training);
    v.parameter("seed", seed);
    v.output("output", output, grad_output);
    v.output("h_n", h_n, grad_h_n);
    v.output("c_n", c_n, grad_c_n);
    v.saved("gates", gates);
    v.saved("cells", cells);
    v.saved("hidden", hidden);
  }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return false; }

  FASTNETS_INLINE bool is_step() const { return layout == SequenceLayout::step; }
  FASTNETS_INLINE bool is_lstm() const { return cell == RecurrentCell::lstm; }
  FASTNETS_INLINE bool batched() const { return input.ndim == (is_step() ? 2 : 3); }
  FASTNETS_INLINE int directions() const { return direction[1].weight_ih ? 2 : 1; }
  FASTNETS_INLINE int gate_count() const { return recurrent_gates(cell); }
  FASTNETS_INLINE int kept_count() const { return gate_count() + (cell == RecurrentCell::gru); }  // saved, a unit
  FASTNETS_INLINE int time_dim() const { return layout == SequenceLayout::batch_first && batched(); }
  FASTNETS_INLINE int batch_dim() const { return is_step() ? 0 : 1 - time_dim(); }
  FASTNETS_INLINE std::int64_t steps() const { return is_step() ? 1 : input.shape[time_dim()]; }
  FASTNETS_INLINE std::int64_t batch() const { return batched() ? input.shape[batch_dim()] : 1; }
  FASTNETS_INLINE std::int64_t input_size() const { return input.shape[input.ndim - 1]; }
  FASTNETS_INLINE std::int64_t hidden_size() const { return direction[0].weight_ih.shape[0] / gate_count(); }
  FASTNETS_INLINE std::int64_t output_size() const {
    return direction[0].weight_hr ? direction[0].weight_hr.shape[0] : hidden_size();
  }
  FASTNETS_INLINE bool drops() const { return training && dropout > 0; }

  void infer() {
    check_input();
    for (int d = 0; d < directions(); ++d) check_direction(d);
    const Direction& r = direction[1];
    check(r.weight_ih || !(r.weight_hh || r.bias_ih || r.bias_hh || r.weight_hr),
          "recurrent: weight_ih_reverse is missing but other weights of the reverse direction are given");
    check_state("h_0", h_0, output_size());
    check(!c_0 || is_lstm(), "recurrent: c_0 is given but ", kRecurrentCellNames[static_cast<int>(cell)],
          " has no cell state");
    check_state("c_0", c_0, hidden_size());
    check_lengths();
    check(layer >= 0, "recurrent: layer is ", layer, " but must be at least 0");
    check_probability("dropout", dropout);
    check_probability("zoneout", zoneout);
    describe();
  }

 private:
  void check_input() const {
    check_float(name, "input", input);
    if (is_step())
      check(input.ndim == 1 || input.ndim == 2, "recurrent: input must be (batch, features) or (features,), got ",
            shape(input));
    else
      check(input.ndim == 2 || input.ndim == 3, "recurrent: input must be ",
            layout == SequenceLayout::batch_first ? "(batch, time, features)" : "(time, batch, features)",
            " or (time, features), got ", shape(input));
    check(!is_step() || directions() == 1, "recurrent: a step has one direction only");
  }

  // A weight as its owner calls it: weight_ih of a step, weight_ih_l0_reverse among the weights of a net.
  std::string called(const char* what, int d) const {
    if (is_step()) return what;
    return std::string(what) + "_l" + std::to_string(layer) + (d ? "_reverse" : "") + " of weights";
  }
  void check_sizes(const char* what, int d, const Tensor& t, int ndim, std::int64_t rows, std::int64_t columns) const {
    if (!t) return;
    const std::int64_t sizes[] = {rows, columns};
    check<TypeError>(t.dtype == input.dtype, "recurrent: input is ", fastnets::name(input.dtype), " but ",
                     called(what, d), " is ", fastnets::name(t.dtype), "; use input.astype(\"", fastnets::name(t.dtype),
                     "\") or model.to(\"", fastnets::name(input.dtype), "\")");
    check(t.ndim == ndim && t.shape[0] == rows && (ndim < 2 || t.shape[1] == columns), "recurrent: ", called(what, d),
          " is ", shape(t), " but must be ", shape(sizes, ndim), " for input ", shape(input), " and hidden size ",
          hidden_size());
  }
  void check_direction(int d) const {
    const Direction &p = direction[d], &first = direction[0];
    const int G = gate_count();
    const Tensor& w = first.weight_ih;
    check(w.ndim == 2 && w.shape[0] % G == 0, "recurrent: ", called("weight_ih", 0), " is ", shape(w), " but must be (",
          G, " · hidden size, input size)");
    check(p.weight_hh.defined, "recurrent: ", called("weight_hh", d), " is missing");
    const Tensor& hr = first.weight_hr;
    check(!hr || is_lstm(), "recurrent: ", called("weight_hr", 0), " is given but ",
          kRecurrentCellNames[static_cast<int>(cell)], " has no projection");
    check(!hr || (hr.ndim == 2 && hr.shape[1] == hidden_size()), "recurrent: ", called("weight_hr", 0), " is ",
          shape(hr), " but must be (projection size, ", hidden_size(), ")");
    check(p.weight_hr.defined == hr.defined, "recurrent: ", called("weight_hr", d),
          hr ? " is missing but the forward direction has one" : " is given but the forward direction has none");
    check_sizes("weight_ih", d, p.weight_ih, 2, G * hidden_size(), input_size());
    check_sizes("weight_hh", d, p.weight_hh, 2, G * hidden_size(), output_size());
    check_sizes("bias_ih", d, p.bias_ih, 1, G * hidden_size(), 0);
    check_sizes("bias_hh", d, p.bias_hh, 1, G * hidden_size(), 0);
    check_sizes("weight_hr", d, p.weight_hr, 2, output_size(), hidden_size());
  }

  // (D, B, size), without D in a step and without B where there is no batch.
  int state_sizes(std::int64_t size, std::int64_t* sizes) const {
    int n = 0;
    if (!is_step()) sizes[n++] = directions();
    if (batched()) sizes[n++] = batch();
    sizes[n++] = size;
    return n;
  }
  void check_state(const char* what, const Tensor& t, std::int64_t size) const {
    check_dtype(name, input, what, t);
    std::int64_t sizes[3];
    const int n = state_sizes(size, sizes);
    bool fits = !t || t.ndim == n;
    for (int i = 0; t && fits && i < n; ++i) fits = t.shape[i] == sizes[i];
    check(fits, "recurrent: ", what, " is ", shape(t), " but input ", shape(input), " expects ", shape(sizes, n));
  }
  void check_lengths() const {
    if (!lengths) return;
    check<TypeError>(is_index(lengths.dtype), "recurrent: lengths is ", fastnets::name(lengths.dtype),
                     " but must be int64 or int32");
    check(batched() && !is_step() && lengths.ndim == 1 && lengths.shape[0] == batch(), "recurrent: lengths is ",
          shape(lengths), " but input ", shape(input),
          batched() && !is_step() ? " expects one for each sequence of the batch" : " has no batch of sequences");
    if (lengths.device.type != Device::Type::cpu || !lengths.data) return;
    visit_index(lengths.dtype, [&]<class I>(Type<I>) {
      for (std::int64_t b = 0; b < batch(); ++b) {
        const std::int64_t length = lengths.as<I>()[b * lengths.stride[0]];
        check(length >= 0 && length <= steps(), "recurrent: lengths is ", length, " at element ", b,
              " but must be between 0 and ", steps(), ", the number of steps");
      }
    });
  }
  void check_probability(const char* what, double p) const {
    check(p >= 0 && p <= 1, "recurrent: ", what, " is ", p, " but must be between 0 and 1");
  }

  void describe() {
    const std::int64_t H = hidden_size(), R = output_size();
    const int D = directions();
    std::int64_t sizes[4] = {};
    for (int i = 0; i + 1 < input.ndim; ++i) sizes[i] = input.shape[i];
    sizes[input.ndim - 1] = D * R;
    output.describe(input.dtype, input.device, input.ndim, sizes);
    if (save && drops()) hidden.describe_like(output);
    int n = state_sizes(R, sizes);
    if (!is_step()) h_n.describe(input.dtype, input.device, n, sizes);
    n = state_sizes(H, sizes);
    if (is_lstm()) c_n.describe(input.dtype, input.device, n, sizes);
    if (!save) return;
    const DType sums = input.dtype == DType::float64 ? DType::float64 : DType::float32;
    sizes[0] = D, sizes[1] = steps(), sizes[2] = batch();
    sizes[3] = kept_count() * H;
    gates.describe(sums, input.device, 4, sizes);
    sizes[3] = H;
    if (is_lstm()) cells.describe(sums, input.device, 4, sizes);
  }
};

}  // namespace fastnets
