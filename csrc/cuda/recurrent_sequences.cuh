// The sequences of a recurrent net as its steps see them: where arrays have them, how long they are, what is drawn.
//
// A row is a step of a sequence, row (t, b) of T · B, whether it runs or lies past the sequence's length.
#pragma once
#include <cmath>

#include "core/ops/recurrent.h"
#include "core/philox.h"
#include "cuda/gemm.cuh"
#include "cuda/layout.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// An input or an output as (T, B, features).
inline Tensor over_time(const Recurrent& op, const Tensor& t) {
  Tensor moved = t;
  const bool has_time = !op.is_step(), has_batch = op.batched();
  moved.ndim = 3;
  moved.shape[0] = op.steps(), moved.stride[0] = has_time ? t.stride[op.time_dim()] : 0;
  moved.shape[1] = op.batch(), moved.stride[1] = has_batch ? t.stride[op.batch_dim()] : 0;
  moved.shape[2] = t.shape[t.ndim - 1], moved.stride[2] = t.stride[t.ndim - 1];
  return moved;
}
// A state as (D, B, size).
inline Tensor over_directions(const Recurrent& op, const Tensor& t) {
  Tensor moved = t;
  moved.ndim = 3;
  moved.shape[0] = op.directions(), moved.stride[0] = op.is_step() ? 0 : t.stride[0];
  moved.shape[1] = op.batch(), moved.stride[1] = op.batched() ? t.stride[t.ndim - 2] : 0;
  moved.shape[2] = t.shape[t.ndim - 1], moved.stride[2] = t.stride[t.ndim - 1];
  return moved;
}

// Elements (i, j, k) of either; null where there is no array.
template <class T>
struct View {
  T* data = nullptr;
  int64_t stride[3] = {};
  View() = default;
  explicit View(const Tensor& t) : data(t.as<T>()), stride{t.stride[0], t.stride[1], t.stride[2]} {}
  __host__ __device__ __forceinline__ explicit operator bool() const { return data != nullptr; }
  __device__ __forceinline__ T& operator()(int64_t i, int64_t j, int64_t k) const {
    return data[i * stride[0] + j * stride[1] + k * stride[2]];
  }
};
template <class T>
View<T> sequences_of(const Recurrent& op, const Tensor& t) {
  return t ? View<T>(over_time(op, t)) : View<T>();
}
template <class T>
View<T> states_of(const Recurrent& op, const Tensor& t) {
  return t ? View<T>(over_directions(op, t)) : View<T>();
}

// A length that is out of range, which only the device can see, counts as T; its sequence begins with nan.
struct Lengths {
  const int64_t* data = nullptr;  // null: all are T
  int64_t T;
  Lengths(const Recurrent& op, Workspace& workspace, Stream stream)
      : data(op.lengths ? indices_of(op.name, op.lengths, workspace, stream) : nullptr), T(op.steps()) {}
  __device__ __forceinline__ bool is_valid(int64_t b) const { return !data || (data[b] >= 0 && data[b] <= T); }
  __device__ __forceinline__ int64_t operator()(int64_t b) const { return data && is_valid(b) ? data[b] : T; }
};

// Uniform numbers by (layer, direction, time, batch, unit): whether one is below a probability.
struct Drawing {
  uint64_t seed;
  RandomUse use;
  float threshold;
  Drawing(const Recurrent& op, RandomUse use_, double p)
      : seed(op.seed), use(use_), threshold(float(std::ceil(p * 0x1p24) * 0x1p-24)) {}
  __device__ __forceinline__ bool operator()(int64_t index) const {
    const Philox drawn = philox(seed, uint64_t(index) / 4, use);
    const int place = int(index % 4);
    const uint32_t low = place == 0 ? drawn.word[0] : drawn.word[1], high = place == 2 ? drawn.word[2] : drawn.word[3];
    return uniform(place < 2 ? low : high) < threshold;
  }
};

// How much of the last h stays, and what dropout leaves of the output.
struct Factors {
  bool keeps, draws, drops;
  float zoneout, scale;
  Drawing keep, drop;
  int64_t first, T, B, R;  // first: (layer, direction 0)

  explicit Factors(const Recurrent& op)
      : keeps(op.zoneout > 0),
        draws(op.training),
        drops(op.drops()),
        zoneout(float(op.zoneout)),
        scale(float(op.dropout < 1 ? 1 / (1 - op.dropout) : 0)),
        keep(op, RandomUse::zoneout, op.zoneout),
        drop(op, RandomUse::recurrent_dropout, op.dropout),
        first(op.layer * op.directions()),
        T(op.steps()),
        B(op.batch()),
        R(op.output_size()) {}
  __device__ __forceinline__ float kept(int d, int64_t t, int64_t b, int64_t unit) const {
    return draws ? (keep(index(d, t, b, unit)) ? 1.0f : 0.0f) : zoneout;
  }
  __device__ __forceinline__ float dropped(int d, int64_t t, int64_t b, int64_t unit) const {
    return drop(index(d, t, b, unit)) ? 0.0f : scale;
  }

 private:
  __device__ __forceinline__ int64_t index(int d, int64_t t, int64_t b, int64_t unit) const {
    return (((first + d) * T + t) * B + b) * R + unit;
  }
};

// What the products of the steps read: step s the first buffer where s is even, the second where it is odd, and leaves
// the other one for the step after. Rows and depth are padded with zeros, so that nobody need look where they end.
template <class T>
struct Exchange {
  static constexpr int64_t kRows = 16, kDepth = 32;
  int64_t D, rows, depth;
  T* data;
  Exchange(int64_t D_, int64_t B, int64_t depth_, Workspace& workspace)
      : D(D_), rows(divide_up(B, kRows) * kRows), depth(divide_up(depth_, kDepth) * kDepth) {
    data = workspace.take<T>(size());
  }
  int64_t size() const { return 2 * D * rows * depth; }
  __device__ __forceinline__ T* row(int64_t step, int64_t d, int64_t b) const {
    return data + ((step % 2 * D + d) * rows + b) * depth;
  }
  // As (D, B, depth), of a step.
  Matrix<T> matrix(int64_t step) const { return {data + step % 2 * D * rows * depth, depth, 1, rows * depth}; }
};

// A warp has 32 units of a row at a time.
template <class F>
__global__ void __launch_bounds__(256, 1)
    units_kernel(const int64_t rows, const int64_t sequences, const int64_t units, const F f) {
  constexpr int kWarps = 256 / kWarpSize;
  for (int64_t row = int64_t{blockIdx.x} * kWarps + warp_index(); row < rows; row += int64_t{gridDim.x} * kWarps) {
    const int d = row >= sequences ? 1 : 0;  // row = (d, b)
    for (int64_t unit = blockIdx.y * kWarpSize + lane_index(); unit < units; unit += gridDim.y * kWarpSize)
      f(d, row - d * sequences, unit);
  }
}
// Calls f(direction, sequence, unit) on the device for all of them.
template <class F>
void for_units(const Recurrent& op, int64_t sequences, int64_t units, const F& f, Stream stream) {
  const int64_t rows = op.directions() * sequences;
  if (!rows || !units) return;
  const unsigned across = unsigned(std::min(divide_up(units, kWarpSize), int64_t{1024}));
  launch(units_kernel<F>,
         {.name = op.name,
          .grid = dim3(unsigned(std::min(divide_up(rows, 8), int64_t{65536})), across),
          .block = 256,
          .stream = stream},
         rows, sequences, units, f);
}

// A state (D, B, size) in float32, and the array that it begins with; zeros where none is given.
template <class T>
struct FirstState {
  View<const T> from;
  float* to = nullptr;
  int64_t size = 0;
};
// Before the first step: states, with nan where a length makes no sense; the exchange, of zeros, or of the first state
// where it is what is exchanged.
template <class T>
struct BeginSteps {
  static constexpr int kStates = 3;
  FirstState<T> states[kStates];
  Exchange<T> exchange;
  bool exchanges_state;
  Lengths lengths;
  int64_t B;

  void operator()(const Recurrent& op, Stream stream) const {
    int64_t units = exchange.depth;
    for (const auto& s : states) units = std::max(units, s.size);
    for_units(op, exchange.rows, units, *this, stream);
  }
  __device__ __forceinline__ void operator()(int d, int64_t b, int64_t unit) const {
    T first = round_to<T>(0);
    if (b < B) {
      const bool is_valid = lengths.is_valid(b);
#pragma unroll 1  // all at once spill
      for (int i = 0; i < kStates; ++i) {
        const FirstState<T>& s = states[i];
        if (unit >= s.size) continue;
        const float value = !is_valid ? NAN : s.from ? widen(s.from(d, b, unit)) : 0.0f;
        s.to[(d * B + b) * s.size + unit] = value;
        if (i == 0 && exchanges_state) first = round_to<T>(value);
      }
    }
    if (unit >= exchange.depth) return;
    exchange.row(0, d, b)[unit] = first;
    exchange.row(1, d, b)[unit] = round_to<T>(0);
  }
};

// After the last step: a state, and another one, where they are asked for.
template <class T>
struct LastState {
  const float* from;
  int64_t size;
  View<T> to;
};
template <class T>
struct EndSteps {
  LastState<T> states[2];
  int64_t B;

  void operator()(const Recurrent& op, Stream stream) const {
    if (states[0].to || states[1].to) for_units(op, B, std::max(states[0].size, states[1].size), *this, stream);
  }
  __device__ __forceinline__ void operator()(int d, int64_t b, int64_t unit) const {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const LastState<T>& s = states[i];
      if (s.to && unit < s.size) s.to(d, b, unit) = round_to<T>(s.from[(d * B + b) * s.size + unit]);
    }
  }
};

// The last two dimensions.
template <class T>
Matrix<T> matrix_of(const Tensor& t) {
  return {t.as<T>(), t.stride[t.ndim - 2], t.stride[t.ndim - 1]};
}

// A weight of each direction as a (rows, columns) matrix: where it is, or a copy with one after the other.
template <class T>
Matrix<T> weights_of(const Recurrent& op, Tensor Recurrent::Direction::* which, bool transposed, Workspace& workspace,
                     Stream stream) {
  const auto weight = [&](int d) {
    Tensor w = op.direction[d].*which;
    if (transposed) std::swap(w.shape[0], w.shape[1]), std::swap(w.stride[0], w.stride[1]);
    return w;
  };
  const Tensor first = weight(0);
  const int64_t columns = first.shape[1];
  if (op.directions() == 1) return {contiguous<T>(op.name, first, workspace, stream), columns, 1};
  T* copy = workspace.take<T>(2 * first.size());
  for (int d = 0; d < 2 && !workspace.counts_only; ++d)
    copy_contiguous(op.name, weight(d), copy + d * first.size(), stream);
  return {copy, columns, 1, first.size()};
}

// to (M, N) = a (M, K) · b (N, K)ᵀ of each of `batch` products.
template <class T>
void multiply_rows(int64_t batch, int64_t M, int64_t N, int64_t K, const Matrix<T>& a, const Matrix<T>& b,
                   const RowSink<float>& to, Workspace& workspace, Stream stream) {
  gemm(Recurrent::name, batch, M, N, K, operand_of<Order::depth>(a, M, K), operand_of<Order::depth>(b, N, K), to,
       workspace, stream);
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
