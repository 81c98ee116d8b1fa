// Attention, backward: one kernel has tiles of keys and goes over the queries that see them, another has tiles of
// queries and goes over the keys that they see. Nothing is added to memory, so that all sums have one order.
#pragma once
#include "cuda/attention_gradients.cuh"
#include "cuda/reduce.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// Lines of a result, from a thread's sums: row r is to(r), or none where that is null.
template <class Tiles, class T, class To>
__device__ __forceinline__ void write_sums(typename Tiles::Sums& sums, float factor, int first_column, int width,
                                           bool aligned, const To& to) {
#pragma unroll
  for (int r = 0; r < Tiles::kRows; ++r) {
    T* const line = to(r);
    if (!line) continue;
#pragma unroll
    for (int run = 0; run < Tiles::kRuns; ++run) {
      const int column = first_column + Tiles::run_column(run);
      float v[Tiles::kRun];
#pragma unroll
      for (int e = 0; e < Tiles::kRun; ++e) v[e] = sums.at(r, run * Tiles::kRun + e) * factor;
      if (column < width) write_some(line + column, v, min(Tiles::kRun, width - column), aligned);
    }
  }
}

// Shared memory of a block: what its rows are made of, and twice what a tile's columns are made of.
template <class Tiles>
struct BackwardRoom {
  using T = typename Tiles::T;
  static constexpr int kRowTile = Tiles::kM * Tiles::kLine, kColumnTile = Tiles::kN * Tiles::kLine;
  static constexpr size_t kBytes = (2 * kRowTile + 4 * kColumnTile) * sizeof(T) + Tiles::kRoom * sizeof(float);
  T *rows, *value_rows, *columns, *value_columns;
  float* weights;
  __device__ __forceinline__ explicit BackwardRoom(DynamicShared& shared)
      : rows(shared.take<T>(kRowTile, 128)),
        value_rows(shared.take<T>(kRowTile, 128)),
        columns(shared.take<T>(2 * kColumnTile, 128)),
        value_columns(shared.take<T>(2 * kColumnTile, 128)),
        weights(shared.take<float>(Tiles::kRoom)) {}
};

// A block owns kM keys of one head, and a piece of the dimensions, and goes over the queries of all heads that share
// it.
template <class Tiles, bool kPlain>
__global__ void __launch_bounds__(Tiles::kThreads, Tiles::kBlocks)
    attention_key_gradients_kernel(const BackwardCall<typename Tiles::T> call) {
  using T = typename Tiles::T;
  constexpr int kM = Tiles::kM, kN = Tiles::kN, kWidth = Tiles::kWidth, kTile = kN * Tiles::kLine;
  const AttentionShape& shape = call.shape;
  const int hk = int(blockIdx.x) % shape.Hk, first_column = int(blockIdx.y) * kWidth;
  int j0;
  const Sequence s = shape.sequence_of_block(int(blockIdx.x) / shape.Hk, kM, true, j0);
  const int all_keys = shape.is_packed ? s.Sk : shape.Sk;  // keys beyond a sequence's length are seen by nobody
  if (j0 >= all_keys) return;
  const int first_head = hk * shape.group, end_head = first_head + shape.group;
  const HeadRules any = call.rules.of_head(shape, s, first_head);
  const int begin = call.rules.first_query(any, j0) / kN * kN;
  const int end = j0 < s.Sk ? call.rules.end_query(any, min(s.Sk, j0 + kM)) : 0;

  // The next tile of queries of which some see some of the keys; h is end_head behind the last one.
  int h = begin < end ? first_head : end_head, i = begin;
  const auto seek = [&](int& at_head, int& at) {
    while (at_head < end_head) {
      if (at >= end) {
        at = begin;
        ++at_head;
        continue;
      }
      if (kPlain || !call.rules.hides_all(call.rules.of_head(shape, s, at_head), at, at + kN, j0, j0 + kM)) return;
      at += kN;
    }
  };
  seek(h, i);

  DynamicShared shared;
  const BackwardRoom<Tiles> room(shared);
  const bool is_held = shape.D <= kWidth && shape.Dv <= kWidth;
  const auto copy_columns = [&](int stage, int at_head, int at) {
    call.template copy_queries<Tiles, kN>(room.columns + stage * kTile, call.query, s, at_head, at, first_column,
                                          shape.D);
    call.template copy_queries<Tiles, kN>(room.value_columns + stage * kTile, call.grad_output, s, at_head, at,
                                          first_column, shape.Dv);
    commit_stage();
  };
  typename Tiles::Sums grad_key{}, grad_value{};
  float ones[Tiles::kRows];
#pragma unroll
  for (int r = 0; r < Tiles::kRows; ++r) ones[r] = 1;
  if (is_held && h < end_head) {
    call.template copy_keys<Tiles, kM>(room.rows, call.key, s, hk, j0, 0, shape.D);
    call.template copy_keys<Tiles, kM>(room.value_rows, call.value, s, hk, j0, 0, shape.Dv);
    copy_columns(0, h, i);
  }
  for (int stage = 0; h < end_head; stage ^= 1) {
    int next_head = h, next = i + kN;
    seek(next_head, next);
    T* const queries = room.columns + stage * kTile;
    T* const grads = room.value_columns + stage * kTile;
    if (is_held) {
      wait_stage<0>();
      __syncthreads();  // the tiles have come, and all are done with the other ones
      if (next_head < end_head) copy_columns(stage ^ 1, next_head, next);
    }
    typename Tiles::Scores p{}, dp{};
    multiply_pieces<Tiles>(p, room.rows, queries, shape.D, call.precision, is_held, [&](int column) {
      call.template copy_keys<Tiles, kM>(room.rows, call.key, s, hk, j0, column, shape.D);
      call.template copy_queries<Tiles, kN>(queries, call.query, s, h, i, column, shape.D);
    });
    multiply_pieces<Tiles>(dp, room.value_rows, grads, shape.Dv, call.precision, is_held, [&](int column) {
      call.template copy_keys<Tiles, kM>(room.value_rows, call.value, s, hk, j0, column, shape.Dv);
      call.template copy_queries<Tiles, kN>(grads, call.grad_output, s, h, i, column, shape.Dv);
    });
    form_gradients<Tiles, kPlain, true>(call, call.rules.of_head(shape, s, h), i, j0, true, p, dp);
    if (!is_held) {
      __syncthreads();
      copy_columns(stage, h, i);
      wait_stage<0>();
      __syncthreads();
    }
    if (call.grad_value.data)
      Tiles::weigh(grad_value, ones, p, grads, min(kWidth, shape.Dv - first_column), room.weights, call.precision);
    if (call.grad_key.data)
      Tiles::weigh(grad_key, ones, dp, queries, min(kWidth, shape.D - first_column), room.weights, call.precision);
    h = next_head;
    i = next;
  }
  const auto line_of = [&](const HeadArray<T>& to) {
    return [&](int r) -> T* {
      const int j = j0 + Tiles::row(r);
      return to.data && j < all_keys ? to.line(s.number, hk, s.k_begin + j) : nullptr;
    };
  };
  const float factor = s.is_valid ? 1.0f : NAN;
  write_sums<Tiles, T>(grad_key, factor * call.rules.scale, first_column, shape.D, call.grad_key.aligned,
                       line_of(call.grad_key));
  write_sums<Tiles, T>(grad_value, factor, first_column, shape.Dv, call.grad_value.aligned, line_of(call.grad_value));
}

// A block owns kM queries of one head, and a piece of the dimensions, and goes over the keys that they see.
template <class Tiles, bool kPlain>
__global__ void __launch_bounds__(Tiles::kThreads, Tiles::kBlocks)
    attention_query_gradient_kernel(const BackwardCall<typename Tiles::T> call) {
  using T = typename Tiles::T;
  constexpr int kM = Tiles::kM, kN = Tiles::kN, kWidth = Tiles::kWidth, kTile = kN * Tiles::kLine;
  const AttentionShape& shape = call.shape;
  const int h = int(blockIdx.x) % shape.H, hk = h / shape.group, first_column = int(blockIdx.y) * kWidth;
  int i0;
  const Sequence s = shape.sequence_of_block(int(blockIdx.x) / shape.H, kM, false, i0);
  if (i0 >= s.Sq) return;
  const HeadRules head = call.rules.of_head(shape, s, h);
  const int i1 = min(s.Sq, i0 + kM), end = call.rules.end_key(head, i1);
  const auto seek = [&](int at) {
    while (!kPlain && at < end && call.rules.hides_all(head, i0, i1, at, at + kN)) at += kN;
    return at;
  };
  int j = seek(call.rules.first_key(head, i0) / kN * kN);

  DynamicShared shared;
  const BackwardRoom<Tiles> room(shared);
  const bool is_held = shape.D <= kWidth && shape.Dv <= kWidth;
  typename Tiles::Sums grad_query{};
  float ones[Tiles::kRows];
#pragma unroll
  for (int r = 0; r < Tiles::kRows; ++r) ones[r] = 1;
  const auto copy_columns = [&](int stage, int at) {
    call.template copy_keys<Tiles, kN>(room.columns + stage * kTile, call.key, s, hk, at, 0, shape.D);
    call.template copy_keys<Tiles, kN>(room.value_columns + stage * kTile, call.value, s, hk, at, 0, shape.Dv);
    commit_stage();
  };
  if (is_held && j < end) {
    call.template copy_queries<Tiles, kM>(room.rows, call.query, s, h, i0, 0, shape.D);
    call.template copy_queries<Tiles, kM>(room.value_rows, call.grad_output, s, h, i0, 0, shape.Dv);
    copy_columns(0, j);
  }
  for (int stage = 0; j < end; stage ^= 1) {
    const int next = seek(j + kN);
    T* const keys = room.columns + stage * kTile;
    T* const values = room.value_columns + stage * kTile;
    if (is_held) {
      wait_stage<0>();
      __syncthreads();  // the tiles have come, and all are done with the other ones
      if (next < end) copy_columns(stage ^ 1, next);
    }
    typename Tiles::Scores p{}, dp{};
    multiply_pieces<Tiles>(p, room.rows, keys, shape.D, call.precision, is_held, [&](int column) {
      call.template copy_queries<Tiles, kM>(room.rows, call.query, s, h, i0, column, shape.D);
      call.template copy_keys<Tiles, kN>(keys, call.key, s, hk, j, column, shape.D);
    });
    multiply_pieces<Tiles>(dp, room.value_rows, values, shape.Dv, call.precision, is_held, [&](int column) {
      call.template copy_queries<Tiles, kM>(room.value_rows, call.grad_output, s, h, i0, column, shape.Dv);
      call.template copy_keys<Tiles, kN>(values, call.value, s, hk, j, column, shape.Dv);
    });
    form_gradients<Tiles, kPlain, false>(call, head, i0, j, true, p, dp);
    if (!is_held) {
      __syncthreads();
      call.template copy_keys<Tiles, kN>(keys, call.key, s, hk, j, first_column, shape.D);
      commit_stage();
      wait_stage<0>();
      __syncthreads();
    }
    Tiles::weigh(grad_query, ones, dp, keys, min(kWidth, shape.D - first_column), room.weights, call.precision);
    j = next;
  }
  write_sums<Tiles, T>(grad_query, s.is_valid ? call.rules.scale : NAN, first_column, shape.D, call.grad_query.aligned,
                       [&](int r) -> T* {
                         const int i = i0 + Tiles::row(r);
                         return i < s.Sq ? call.grad_query.line(s.number, h, s.q_begin + i) : nullptr;
                       });
}

// −p_sink · delta of query i, which counts (n, i), and head h.
struct SinkTerm {
  AttentionShape shape;
  const float *sinks, *lse, *delta;
  __device__ __forceinline__ float operator()(int64_t i, int64_t h) const {
    const int64_t row = shape.is_packed ? h * shape.Sq + i : (i / shape.Sq * shape.H + h) * shape.Sq + i % shape.Sq;
    return -expf(sinks[h] - lse[row]) * delta[row];
  }
};

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
