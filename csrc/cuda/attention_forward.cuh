// Attention, forward: a block has a tile of queries of one head and goes over tiles of keys with an online softmax.
//
// Where a head of keys has few queries, a tile holds those of all heads that share it, and where there are few tiles
// of queries, several blocks share the keys of one; what they give a query is merged in their order.
#pragma once
#include "cuda/attention_dropout.cuh"
#include "cuda/attention_for_sm90a.cuh"
#include "cuda/attention_softmax.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

template <class T>
struct ForwardCall {
  AttentionShape shape;
  ScoreRules<T> rules;
  HeadArray<T> query, key, value, output;
  float* lse;                                // or null
  int heads_together;                        // whose queries share a tile: 1, or all that share a head of keys
  int split;                                 // keys of a block where several share a tile of queries, else 0
  float *parts, *part_largest, *part_total;  // [split][row], the first [dimension]: Σ 2^(score − largest) value, …
  Float32Precision precision;
};

// The queries of a thread's rows.
template <class Tiles, class T>
struct OwnQueries {
  int h[Tiles::kRows], i[Tiles::kRows];  // i: −1 where there is none
  HeadRules head[Tiles::kRows];
  __device__ __forceinline__ OwnQueries(const ForwardCall<T>& call, const Sequence& s, int first_head, int first) {
#pragma unroll
    for (int r = 0; r < Tiles::kRows; ++r) {
      const int row = first + Tiles::row(r);
      h[r] = call.heads_together > 1 ? min(first_head + row / s.Sq, call.shape.H - 1) : first_head;
      i[r] = row < call.heads_together * s.Sq ? call.heads_together > 1 ? row % s.Sq : row : -1;
      head[r] = call.rules.of_head(call.shape, s, h[r]);
    }
  }
};

// What a thread's rows have come to: results, or a part of them.
template <class Tiles, class T>
__device__ __forceinline__ void write_output(const ForwardCall<T>& call, const Sequence& s,
                                             const OwnQueries<Tiles, T>& own, const OnlineSoftmax<Tiles>& softmax,
                                             typename Tiles::Sums& out, int first_column) {
#pragma unroll
  for (int r = 0; r < Tiles::kRows; ++r) {
    const float total = warp_sum<Tiles::kLanes>(softmax.total[r]), largest = softmax.largest[r];
    if (own.i[r] < 0) continue;
    const int row = own.head[r].row + own.i[r];
    const int64_t part = int64_t{blockIdx.z} * call.shape.rows() + row;
    const bool is_first = first_column == 0 && lane_index() % Tiles::kLanes == 0;
    if (call.split && is_first) call.part_largest[part] = largest, call.part_total[part] = total;
    if (!call.split && is_first && call.lse) call.lse[row] = lse_of(largest, total, s.is_valid);
    const float factor = call.split ? 1.0f : inverse_of(total, s.is_valid);
    T* const line = call.output.line(s.number, own.h[r], s.q_begin + own.i[r]);
#pragma unroll
    for (int run = 0; run < Tiles::kRuns; ++run) {
      const int column = first_column + Tiles::run_column(run), n = min(Tiles::kRun, call.shape.Dv - column);
      float v[Tiles::kRun];
#pragma unroll
      for (int e = 0; e < Tiles::kRun; ++e) v[e] = out.at(r, run * Tiles::kRun + e) * factor;
      if (n > 0 && call.split)
        write_some(call.parts + part * call.shape.Dv + column, v, n, false);
      else if (n > 0)
        write_some(line + column, v, n, call.output.aligned);
    }
  }
}

// A block owns kM queries and a piece of the value's dimensions, and goes over the keys that they see, or over some.
template <class Tiles, bool kPlain>
__global__ void __launch_bounds__(Tiles::kThreads, Tiles::kBlocks)
    attention_forward_kernel(const ForwardCall<typename Tiles::T> call) {
  using T = typename Tiles::T;
  constexpr int kM = Tiles::kM, kN = Tiles::kN, kWidth = Tiles::kWidth, kRows = Tiles::kRows;
  const AttentionShape& shape = call.shape;
  const int groups = shape.H / call.heads_together, first_column = int(blockIdx.y) * kWidth;
  const int group = int(blockIdx.x) % groups, first_head = group * call.heads_together, hk = first_head / shape.group;
  int first = 0;  // row; blocks begin with the last queries, which see most keys, if not all
  const int block = int(gridDim.x) / groups - 1 - int(blockIdx.x) / groups;
  const Sequence s = call.heads_together > 1 ? shape.sequence(block) : shape.sequence_of_block(block, kM, false, first);
  const int rows = min(kM, call.heads_together * s.Sq - first);
  if (rows <= 0) return;

  const HeadRules any = call.rules.of_head(shape, s, first_head);
  const int i0 = call.heads_together > 1 ? 0 : first, i1 = call.heads_together > 1 ? s.Sq : first + rows;
  int j = call.rules.first_key(any, i0), end = call.rules.end_key(any, i1);
  if (call.split) {
    j = max(j, int(blockIdx.z) * call.split);
    end = min(end, int(blockIdx.z + 1) * call.split);
  }
  j = j / kN * kN;
  const auto next_seen = [&](int from) {
    if (!kPlain && call.heads_together == 1)
      while (from < end && call.rules.hides_all(any, i0, i1, from, from + kN)) from += kN;
    return from;
  };
  j = next_seen(j);

  DynamicShared shared;
  T* const queries = shared.take<T>(kM * Tiles::kLine, 128);
  T* const keys = shared.take<T>(kN * Tiles::kLine, 128);
  T* const values = shared.take<T>(kN * Tiles::kLine, 128);
  float* const room = shared.take<float>(Tiles::kRoom);
  const auto copy_queries = [&](int column) {
    Tiles::template copy<kM>(queries, column, shape.D, call.query.aligned, call.query.data, [&](int l) -> const T* {
      if (l >= rows) return nullptr;
      if (call.heads_together == 1) return call.query.line(s.number, first_head, s.q_begin + first + l);
      return call.query.line(s.number, first_head + l / s.Sq, l % s.Sq);
    });
  };
  const auto copy_lines = [&](T* tile, const HeadArray<T>& from, int j0, int column, int width) {
    Tiles::template copy<kN>(tile, column, width, from.aligned, from.data, [&](int l) -> const T* {
      return j0 + l < s.Sk ? from.line(s.number, hk, s.k_begin + j0 + l) : nullptr;
    });
  };

  const OwnQueries<Tiles, T> own(call, s, first_head, first);
  OnlineSoftmax<Tiles> softmax(call.split ? nullptr : call.rules.sinks, own.h);
  typename Tiles::Sums out{};
  const bool is_held = shape.D <= kWidth;  // the queries stay in shared memory
  const int columns = min(kWidth, shape.Dv - first_column);
  if (is_held && j < end) {
    copy_queries(0);
    copy_lines(keys, call.key, j, 0, shape.D);
    commit_stage();
  }
  while (j < end) {
    typename Tiles::Scores scores{};
    for (int column = 0; column == 0 || column < shape.D; column += kWidth) {
      if (!is_held) {
        __syncthreads();  // all are done with the tiles
        copy_queries(column);
        copy_lines(keys, call.key, j, column, shape.D);
        commit_stage();
      }
      wait_stage<0>();
      __syncthreads();  // the tiles have come, and all are done with the last values
      if (column + kWidth >= shape.D) {
        copy_lines(values, call.value, j, first_column, shape.Dv);
        commit_stage();
      }
      Tiles::multiply(scores, queries, keys, min(kWidth, shape.D - column), call.precision);
    }
    const bool all_seen = call.rules.sees_all(any, i0, i1, j, j + kN) && rows == kM;
#pragma unroll
    for (int r = 0; r < kRows; ++r)
#pragma unroll
      for (int c = 0; c < Tiles::kColumns; ++c) {
        float slope;
        float& at = scores.at(r, c);
        at = own.i[r] < 0
                 ? -INFINITY
                 : call.rules.template score<kPlain>(at, own.head[r], own.i[r], j + Tiles::column(c), all_seen, slope);
      }

    float shrink[kRows];
    softmax.take(scores, call.rules.factor, shrink);
    if (!kPlain && call.rules.drops) {
      const uint32_t kept =
          kept_bits<Tiles, false>(call.rules, shape.row_length(), j, [&](int r) { return own.head[r].row + own.i[r]; });
#pragma unroll
      for (int r = 0; r < kRows; ++r)
#pragma unroll
        for (int c = 0; c < Tiles::kColumns; ++c)
          scores.at(r, c) *= kept >> (r * Tiles::kColumns + c) & 1 ? call.rules.keep_factor : 0.0f;
    }

    const int next = next_seen(j + kN);
    wait_stage<0>();
    __syncthreads();  // the values have come, and all are done with the keys
    if (is_held && next < end) {
      copy_lines(keys, call.key, next, 0, shape.D);
      commit_stage();
    }
    Tiles::weigh(out, shrink, scores, values, columns, room, call.precision);
    j = next;
  }
  wait_stage<0>();

  write_output<Tiles>(call, s, own, softmax, out, first_column);
}

// A thread owns an element of the output, of an array that is not packed.
template <class T>
struct MergeParts {
  ForwardCall<T> call;
  int splits;
  __device__ __forceinline__ void operator()(int64_t at) const {
    const int64_t rows = call.shape.rows(), row = at / call.shape.Dv;
    const int h = int(row / call.shape.Sq % call.shape.H);
    const bool is_valid = call.shape.sequence(int(row / call.shape.Sq / call.shape.H)).is_valid;
    float top = -INFINITY, total = 0, sum = 0;
    if (call.rules.sinks) top = call.rules.sinks[h] * float(kLog2E);
    const float sink = top;
    for (int part = 0; part < splits; ++part) top = max(top, call.part_largest[part * rows + row]);
    const float shift = top > -INFINITY ? top : 0.0f;
    if (call.rules.sinks) total = exp2_flushed(sink - shift);
    for (int part = 0; part < splits; ++part) {
      const float own = call.part_total[part * rows + row];
      const float weight = exp2_flushed(call.part_largest[part * rows + row] - shift);
      total = fmaf(weight, own, total);
      if (own != 0) sum = fmaf(weight, call.parts[(part * rows + row) * call.shape.Dv + at % call.shape.Dv], sum);
    }
    call.output.data[at] = round_to<T>(sum * inverse_of(total, is_valid));
    if (call.lse && at % call.shape.Dv == 0) call.lse[row] = lse_of(top, total, is_valid);
  }
};

template <class Tiles, bool kPlain>
void start_forward(const AttentionProblem<typename Tiles::T>& p) {
  using T = typename Tiles::T;
  constexpr int64_t kEnoughBlocks = 128, kLeastSplit = 4 * Tiles::kN;
  const AttentionShape& shape = p.shape;
  ForwardCall<T> call{shape,
                      ScoreRules<T>(p, kPlain),
                      p.heads(p.op.query),
                      p.heads(p.op.key),
                      p.heads(p.op.value),
                      p.heads(p.op.output),
                      nullptr,
                      1,
                      0,
                      nullptr,
                      nullptr,
                      nullptr,
                      float32_precision};
  const Tensor& lse = p.op.lse ? p.op.lse : p.op.kept_lse;
  call.lse = lse ? lse.as<float>() : nullptr;
  if (!shape.is_packed && shape.group > 1 && int64_t{shape.group} * shape.Sq <= Tiles::kM)
    call.heads_together = shape.group;
  const int64_t blocks = call.heads_together > 1 ? shape.N : shape.blocks(shape.Sq, Tiles::kM);
  const int64_t tiles = blocks * (shape.H / call.heads_together);
  const int64_t pieces = std::max(int64_t{1}, divide_up(shape.Dv, Tiles::kWidth));
  int64_t splits = 1;
  if (!shape.is_packed && shape.Dv > 0 && tiles * pieces < kEnoughBlocks && shape.Sk >= 2 * kLeastSplit) {
    splits = std::min(divide_up(2 * kEnoughBlocks, tiles * pieces), divide_up(shape.Sk, kLeastSplit));
    call.split = int(divide_up(divide_up(shape.Sk, splits), Tiles::kN) * Tiles::kN);
    splits = divide_up(shape.Sk, call.split);
    call.parts = p.workspace.template take<float>(splits * shape.rows() * shape.Dv);
    call.part_largest = p.workspace.template take<float>(splits * shape.rows());
    call.part_total = p.workspace.template take<float>(splits * shape.rows());
  }
  if (!p.runs()) return;
  if constexpr (kHasSm90a && kPlain)
    if (call.heads_together == 1 && !call.split)
      if (const auto handed = for_sm90a(p, call.rules, call.query, call.key, call.value, call.output, call.lse))
        return sm90a::run(*handed, p.stream);
  const LaunchConfig config{
      .name = p.op.name,
      .grid = dim3(unsigned(tiles), unsigned(pieces), unsigned(splits)),
      .block = Tiles::kThreads,
      .shared_bytes = (Tiles::kM + 2 * Tiles::kN) * Tiles::kLine * sizeof(T) + Tiles::kRoom * sizeof(float),
      .stream = p.stream};
  launch(attention_forward_kernel<Tiles, kPlain>, config, call);
  if (call.split) for_elements(p.op.name, p.op.output.size(), MergeParts<T>{call, int(splits)}, p.stream);
  p.spoil_if_senseless(p.op.output);
  p.spoil_if_senseless(lse);
}

template <class T>
void run_forward(const Attention& op, Workspace& workspace, Stream stream) {
  const AttentionProblem<T> p(op, workspace, stream);
  if (!p.shape.rows()) return;
  if constexpr (std::is_same_v<T, float>) {
    if (float32_precision == Float32Precision::ieee)
      start_forward<SimtTiles<32, 128>, false>(p);
    else
      start_forward<Tfloat32Tiles<32, 128>, false>(p);
  } else if (!is_plain(op))
    start_forward<TensorCoreTiles<T, 64, 128>, false>(p);
  else if (p.is_narrow())
    start_forward<TensorCoreTiles<T, 64, 64>, true>(p);
  else if (p.is_wide())
    start_forward<TensorCoreTiles<T, 32, 256>, true>(p);
  else
    start_forward<TensorCoreTiles<T, 64, 128>, true>(p);
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
