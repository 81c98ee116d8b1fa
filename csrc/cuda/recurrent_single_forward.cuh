// A single step, forward: of few sequences in one launch; of many, where a product of its own makes more of the device,
// the products in one and the cells in another.
#pragma once
#include "cuda/gemm_pair.cuh"
#include "cuda/recurrent_sequences.cuh"
#include "cuda/recurrent_single_product.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// A bias, of any stride; zeros where there is none.
template <class T>
struct SingleBias {
  const T* data;
  int64_t stride;
  explicit SingleBias(const Tensor& t) : data(t ? t.as<T>() : nullptr), stride(t ? t.stride[0] : 0) {}
  __device__ __forceinline__ float operator()(int64_t i) const { return data ? widen(data[i * stride]) : 0.0f; }
};

// The cell of a unit of a sequence, which is one thread's.
template <class T, RecurrentCell kind>
struct SingleCell {
  using C = Cell<kind>;
  static constexpr int G = C::kGates;

  int64_t B, H;
  View<const T> h_0, c_0;
  SingleBias<T> bias_ih, bias_hh;
  View<T> output, h_n, c_n;
  float *gates, *cells;  // (B, kKept · H), (B, H), or null

  explicit SingleCell(const Recurrent& op)
      : B(op.batch()),
        H(op.hidden_size()),
        h_0(states_of<const T>(op, op.h_0)),
        c_0(states_of<const T>(op, op.c_0)),
        bias_ih(op.direction[0].bias_ih),
        bias_hh(op.direction[0].bias_hh),
        output(sequences_of<T>(op, op.output)),
        h_n(states_of<T>(op, op.h_n)),
        c_n(states_of<T>(op, op.c_n)),
        gates(op.gates ? op.gates.as<float>() : nullptr),
        cells(op.cells ? op.cells.as<float>() : nullptr) {}

  // What does not depend on the products.
  struct Inputs {
    float h, c, bias[G], bias_n;
  };
  __device__ __forceinline__ Inputs read(int64_t b, int64_t unit) const {
    Inputs in{};
    if (h_0) in.h = widen(h_0(0, b, unit));
    if (c_0) in.c = widen(c_0(0, b, unit));
#pragma unroll
    for (int g = 0; g < G; ++g) {
      const float of_state = bias_hh(g * H + unit);
      const bool is_apart = C::of_state(g) != g;
      in.bias[g] = bias_ih(g * H + unit) + (is_apart ? 0.0f : of_state);
      if (is_apart) in.bias_n = of_state;
    }
    return in;
  }
  // x and s: the gates' parts of the input and of the state, without biases.
  __device__ __forceinline__ void finish(Inputs& in, int64_t b, int64_t unit, float (&x)[G],
                                         const float (&s)[G]) const {
#pragma unroll
    for (int g = 0; g < G; ++g) x[g] += in.bias[g];
    float kept[C::kKept];
    const T y = round_to<T>(C::forward(x, s, in.h, in.bias_n, in.c, kept));
    output(0, b, unit) = y;
    if (h_n) h_n(0, b, unit) = y;
    if (c_n) c_n(0, b, unit) = round_to<T>(in.c);
    if (cells) cells[b * H + unit] = in.c;
    if (!gates) return;
#pragma unroll
    for (int g = 0; g < C::kKept; ++g) gates[(b * C::kKept + g) * H + unit] = kept[g];
  }
};

// Thread (sequence, unit) of the block owns a cell; for the product see SingleProduct.
template <class T, RecurrentCell kind>
__global__ void __launch_bounds__(SingleShape::kThreads, 1)
    single_step_kernel(const SingleProduct<T, kind> product, const SingleCell<T, kind> cell) {
  using Product = SingleProduct<T, kind>;
  using C = Cell<kind>;
  FASTNETS_STATIC_SHARED(partial, typename Product::Partial);
  const int64_t first_unit = int64_t{blockIdx.x} * SingleShape::kUnits;
  const int64_t first_sequence = int64_t{blockIdx.y} * SingleShape::kSequences;
  const int sequence = int(threadIdx.x) / SingleShape::kUnits, u = int(threadIdx.x) % SingleShape::kUnits;
  const int64_t b = first_sequence + sequence, unit = first_unit + u;
  const bool owns = b < cell.B && unit < cell.H;
  typename SingleCell<T, kind>::Inputs inputs{};
  if (owns) inputs = cell.read(b, unit);

  product.run(partial, first_sequence, first_unit);
  __syncthreads();
  if (!owns) return;

  float x[C::kGates], s[C::kGates];
#pragma unroll
  for (int g = 0; g < C::kGates; ++g) {
    const bool is_apart = C::of_state(g) != g;
    x[g] = Product::total(partial, g, sequence, u);
    s[g] = is_apart ? Product::total(partial, C::of_state(g), sequence, u) : 0.0f;
  }
  cell.finish(inputs, b, unit, x, s);
}

// A cell behind products (2, B, G · H): the input's and the state's.
template <class T, RecurrentCell kind>
struct FinishCell {
  SingleCell<T, kind> cell;
  const float *of_input, *of_state;
  __device__ __forceinline__ void operator()(int, int64_t b, int64_t unit) const {
    constexpr int G = Cell<kind>::kGates;
    float x[G], s[G];
#pragma unroll
    for (int g = 0; g < G; ++g) {
      const int64_t at = (b * G + g) * cell.H + unit;
      x[g] = of_input[at], s[g] = of_state[at];
    }
    auto inputs = cell.read(b, unit);
    cell.finish(inputs, b, unit, x, s);
  }
};

template <class T, RecurrentCell kind>
void single_step_forward(const Recurrent& op, Workspace& workspace, Stream stream) {
  // Every kSequences of them read the weights once more.
  constexpr int64_t kMostSequences = 2 * SingleShape::kSequences;
  const auto& p = op.direction[0];
  const SingleCell<T, kind> cell(op);
  const int64_t B = cell.B, H = cell.H, I = op.input_size(), rows = Cell<kind>::kGates * H;
  const Matrix<T> x = matrix_of<T>(over_time(op, op.input)), weight_ih = matrix_of<T>(p.weight_ih);
  const Matrix<T> h = op.h_0 ? matrix_of<T>(over_directions(op, op.h_0)) : Matrix<T>{};
  const Matrix<T> weight_hh = matrix_of<T>(p.weight_hh);
  if (B == 0 || H == 0) return;

  if (B <= kMostSequences && SingleProduct<T, kind>::serves(I, H)) {
    const auto half = [&](const Matrix<T>& values, const Matrix<T>& weight, int64_t depth) {
      return SingleHalf<T>{operand_or_zeros<Order::depth>(values, B, depth),
                           operand_of<Order::depth>(weight, rows, depth)};
    };
    const SingleProduct<T, kind> product{half(x, weight_ih, I), half(h, weight_hh, H), B, H};
    if (workspace.counts_only) return;
    launch(single_step_kernel<T, kind>,
           {.name = op.name,
            .grid = dim3(unsigned(divide_up(H, SingleShape::kUnits)), unsigned(divide_up(B, SingleShape::kSequences))),
            .block = SingleShape::kThreads,
            .stream = stream},
           product, cell);
    return;
  }
  float* const of_input = workspace.take<float>(B * rows);
  float* const of_state = workspace.take<float>(B * rows);
  gemm_pair<Order::depth, Order::depth>(op.name, B, PairedProduct<T, float>{x, weight_ih, I, {of_input, rows}},
                                        PairedProduct<T, float>{h, weight_hh, H, {of_state, rows}}, workspace, stream);
  if (!workspace.counts_only) for_units(op, B, H, FinishCell<T, kind>{cell, of_input, of_state}, stream);
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
