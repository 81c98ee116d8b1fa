// The gradient of an additive mask: that of the scores, summed over what the mask was broadcast over. A block has a
// tile of the mask, and of the heads that share it a part; it goes over the queries and keys that share it in one
// order.
#pragma once
#include "cuda/attention_gradients.cuh"
#include "cuda/reduce.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

template <class T>
struct MaskGradientCall {
  BackwardCall<T> backward;
  int64_t size;                                     // of the mask
  int rows = 1, columns = 1;                        // of each of its matrices
  int lead_stride[kMaxDims] = {}, head_stride = 0;  // in matrices
  int row_tiles = 0, column_tiles = 0;
  int pairs_of_part = 0;   // of sequence and head
  float* parts = nullptr;  // [part][matrix][row][column]

  // Which of the mask's matrices a head of a sequence takes.
  __device__ __forceinline__ int matrix_of(int n, int h) const {
    int matrix = h * head_stride;
    for (int d = backward.rules.leads - 1; d >= 0; n /= backward.rules.lead_shape[d], --d)
      matrix += n % backward.rules.lead_shape[d] * lead_stride[d];
    return matrix;
  }
};

template <class Tiles>
__global__ void __launch_bounds__(Tiles::kThreads, Tiles::kBlocks)
    attention_mask_gradient_kernel(const MaskGradientCall<typename Tiles::T> call) {
  using T = typename Tiles::T;
  constexpr int kM = Tiles::kM, kN = Tiles::kN;
  const AttentionShape& shape = call.backward.shape;
  const ScoreRules<T>& rules = call.backward.rules;
  const int column_tile = int(blockIdx.x) % call.column_tiles, rest = int(blockIdx.x) / call.column_tiles;
  const int matrix = rest / call.row_tiles, first_row = rest % call.row_tiles * kM, first_column = column_tile * kN;
  const bool all_queries = call.rows == 1, all_keys = call.columns == 1;
  const int first_pair = int(blockIdx.y) * call.pairs_of_part;
  const int end_pair = min(shape.N * shape.H, first_pair + call.pairs_of_part);

  DynamicShared shared;
  T* const queries = shared.take<T>(kM * Tiles::kLine, 128);
  T* const keys = shared.take<T>(kN * Tiles::kLine, 128);
  typename Tiles::Scores total{};
  for (int pair = first_pair; pair < end_pair; ++pair) {
    const int n = pair / shape.H, h = pair % shape.H, hk = h / shape.group;
    if (call.matrix_of(n, h) != matrix) continue;
    const Sequence s = shape.sequence(n);
    const HeadRules head = rules.of_head(shape, s, h);
    typename Tiles::Scores chain{};
    const int end_key = all_keys ? s.Sk : min(s.Sk, first_column + kN);
    const int end_query = all_queries ? s.Sq : min(s.Sq, first_row + kM);
    for (int j = first_column; j < end_key; j += kN)
      for (int i = first_row; i < end_query; i += kM) {
        if (j >= rules.end_key(head, i + kM) || j + kN <= rules.first_key(head, i)) continue;
        if (rules.hides_all(head, i, i + kM, j, j + kN)) continue;
        typename Tiles::Scores p{}, dp{};
        const auto multiply = [&](typename Tiles::Scores& product, const HeadArray<T>& of_queries,
                                  const HeadArray<T>& of_keys, int width) {
          multiply_pieces<Tiles>(product, queries, keys, width, call.backward.precision, false, [&](int column) {
            call.backward.template copy_queries<Tiles, kM>(queries, of_queries, s, h, i, column, width);
            call.backward.template copy_keys<Tiles, kN>(keys, of_keys, s, hk, j, column, width);
          });
        };
        multiply(p, call.backward.query, call.backward.key, shape.D);
        multiply(dp, call.backward.grad_output, call.backward.value, shape.Dv);
        form_gradients<Tiles, false, false>(call.backward, head, i, j, false, p, dp);
#pragma unroll
        for (int r = 0; r < Tiles::kRows; ++r)
#pragma unroll
          for (int c = 0; c < Tiles::kColumns; ++c) chain.at(r, c) += dp.at(r, c);
      }
#pragma unroll
    for (int r = 0; r < Tiles::kRows; ++r)
#pragma unroll
      for (int c = 0; c < Tiles::kColumns; ++c) total.at(r, c) += s.is_valid ? chain.at(r, c) : NAN;
  }

  FASTNETS_STATIC_SHARED(sums, float[kM][kN + 1]);
#pragma unroll
  for (int r = 0; r < Tiles::kRows; ++r)
#pragma unroll
    for (int c = 0; c < Tiles::kColumns; ++c) sums[Tiles::row(r)][Tiles::column(c)] = total.at(r, c);
  __syncthreads();
  const int thread = int(threadIdx.x);
  if (all_queries && thread < kN)
    for (int r = 1; r < kM; ++r) sums[0][thread] += sums[r][thread];
  __syncthreads();
  if (all_keys && thread < (all_queries ? 1 : kM))
    for (int c = 1; c < kN; ++c) sums[thread][0] += sums[thread][c];
  __syncthreads();
  const int height = min(kM, call.rows - first_row), width = min(kN, call.columns - first_column);
  float* const out = call.parts + blockIdx.y * call.size;
  for (int e = thread; e < height * width; e += Tiles::kThreads)
    out[(int64_t{matrix} * call.rows + first_row + e / width) * call.columns + first_column + e % width] =
        sums[e / width][e % width];
}

template <class Tiles, class T>
void run_mask_gradient(const AttentionProblem<T>& p, const BackwardCall<T>& backward) {
  constexpr int kEnoughBlocks = 128;
  const Tensor& mask = p.op.attn_mask;
  MaskGradientCall<T> call{backward, mask.size()};
  if (!call.size) return;
  if (mask.ndim > 1) call.rows = int(mask.shape[mask.ndim - 2]);
  if (mask.ndim > 0) call.columns = int(mask.shape[mask.ndim - 1]);
  int matrices = 1;
  const int shift = p.op.query.ndim - mask.ndim, head = p.op.head_dim();
  for (int d = mask.ndim - 3; d >= 0; --d) {
    const int step = mask.shape[d] == 1 ? 0 : matrices;
    (d + shift == head ? call.head_stride : call.lead_stride[d + shift]) = step;
    matrices *= int(mask.shape[d]);
  }
  call.row_tiles = int(divide_up(call.rows, Tiles::kM)), call.column_tiles = int(divide_up(call.columns, Tiles::kN));
  const int64_t tiles = int64_t{matrices} * call.row_tiles * call.column_tiles;
  const int64_t pairs = std::max(1, p.shape.N * p.shape.H);
  call.pairs_of_part = int(divide_up(pairs, std::min(pairs, divide_up(kEnoughBlocks, tiles))));
  const int64_t parts = divide_up(pairs, call.pairs_of_part);
  call.parts = p.workspace.template take<float>(parts * call.size);
  const LaunchConfig config{.name = p.op.name,
                            .grid = dim3(unsigned(tiles), unsigned(parts)),
                            .block = Tiles::kThreads,
                            .shared_bytes = (Tiles::kM + Tiles::kN) * Tiles::kLine * sizeof(T),
                            .stream = p.stream};
  if (p.runs()) launch(attention_mask_gradient_kernel<Tiles>, config, call);
  const auto add_parts = [&]<class To>(Type<To>) {
    sum_rows(p.op.name, MatrixTerm<float>{call.parts, call.size}, parts, call.size,
             p.op.grad_attn_mask.template as<To>(), p.workspace, p.stream);
  };
  if (p.op.grad_attn_mask.dtype == DType::float32)
    add_parts(Type<float>());
  else
    add_parts(Type<T>());
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
