#include "core/ops/embedding.h"
#include "core/entries.h"
#include "cpu/reduce.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// A task has some tokens, whose rows it copies.
template <class T>
void run_forward(const Embedding& op, Workspace& workspace) {
  const std::int64_t* ids = indices_of(op.input, workspace);
  if (!workspace.base) return;
  const std::int64_t D = op.weight.shape[1], row_stride = op.weight.stride[0], step = op.weight.stride[1];
  const T* weight = op.weight.as<T>();
  T* y = op.output.as<T>();
  parallel_ranges(op.input.size(), divide_up(16384, most(1, D)), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const T* row = weight + ids[t] * row_stride;
      if (step == 1)
        __builtin_memcpy(y + t * D, row, static_cast<std::size_t>(D) * sizeof(T));
      else
        for (std::int64_t j = 0; j < D; ++j) y[t * D + j] = row[j * step];
    }
  });
}

// The tokens of each weight row, in the order of their places: those of row v are order[end[v − 1]] … order[end[v] −
// 1].
struct TokensByRow {
  std::int64_t *end, *order;
  FASTNETS_INLINE std::int64_t first(std::int64_t v) const { return v ? end[v - 1] : 0; }
  FASTNETS_INLINE std::int64_t count(std::int64_t v) const { return end[v] - first(v); }

  void sort(const std::int64_t* ids, std::int64_t tokens, std::int64_t rows, std::int64_t padding) {
    for (std::int64_t v = 0; v < rows; ++v) end[v] = 0;
    for (std::int64_t t = 0; t < tokens; ++t) end[ids[t]] += ids[t] != padding;
    std::int64_t begin = 0;
    for (std::int64_t v = 0; v < rows; ++v) begin += end[v], end[v] = begin - end[v];
    for (std::int64_t t = 0; t < tokens; ++t)
      if (ids[t] != padding) order[end[ids[t]]++] = t;
  }
};

// out[j] = scale · the sum of dy[t][j] over some tokens, for j < columns: chains of kChain tokens, these in order.
template <class T>
void sum_tokens(const T* dy, std::int64_t D, const std::int64_t* tokens, std::int64_t count, std::int64_t columns,
                Accumulator<T> scale, T* out) {
  using V = Vec<Accumulator<T>>;
  constexpr int kVectors = 4;
  const V zero = splat(Accumulator<T>(0));
  for (std::int64_t j = 0; j < columns; j += kVectors * V::lanes) {
    const bool whole = j + kVectors * V::lanes <= columns;
    int lanes[kVectors];
    for (int v = 0; v < kVectors; ++v)
      lanes[v] = whole ? V::lanes : static_cast<int>(most(0, least(V::lanes, columns - j - v * V::lanes)));
    V total[kVectors] = {zero, zero, zero, zero};
    for (std::int64_t begin = 0; begin < count; begin += kChain) {
      V chain[kVectors] = {zero, zero, zero, zero};
      for (std::int64_t i = begin; i < least(count, begin + kChain); ++i) {
        const T* row = dy + tokens[i] * D + j;
        for (int v = 0; v < kVectors; ++v)
          if (lanes[v] > 0) chain[v] = chain[v] + read(row + v * V::lanes, lanes[v]);
      }
      for (int v = 0; v < kVectors; ++v) total[v] = total[v] + chain[v];
    }
    for (int v = 0; v < kVectors; ++v)
      if (lanes[v] > 0) write(out + j + v * V::lanes, total[v] * splat(scale), lanes[v]);
  }
}

// A task has some rows of the weight, or of all of them some columns where one row has many of the tokens.
template <class T>
void run_backward(const Embedding& op, Workspace& workspace) {
  if (!op.grad_weight) return;
  const std::int64_t V = op.weight.shape[0], D = op.weight.shape[1], tokens = op.input.size();
  const std::int64_t* ids = indices_of(op.input, workspace);
  const T* dy = contiguous<T>(op.grad_output, workspace);
  TokensByRow sorted{workspace.take<std::int64_t>(V), workspace.take<std::int64_t>(tokens)};
  if (!workspace.base) return;
  sorted.sort(ids, tokens, V, op.padding_row());
  T* dw = op.grad_weight.as<T>();
  const auto sum_rows_of = [&](std::int64_t v0, std::int64_t v1, std::int64_t j0, std::int64_t j1) {
    for (std::int64_t v = v0; v < v1; ++v) {
      const std::int64_t count = sorted.count(v);
      T* out = dw + v * D + j0;
      if (!count) {
        __builtin_memset(out, 0, static_cast<std::size_t>(j1 - j0) * sizeof(T));
        continue;
      }
      const Accumulator<T> scale = op.scale_grad_by_freq ? 1 / static_cast<Accumulator<T>>(count) : 1;
      sum_tokens(dy + j0, D, sorted.order + sorted.first(v), count, j1 - j0, scale, out);
    }
  };
  std::int64_t largest = 0;
  for (std::int64_t v = 0; v < V; ++v) largest = most(largest, sorted.count(v));
  constexpr std::int64_t kColumns = 512 / sizeof(T);
  if (8 * largest > V + tokens)
    parallel_ranges(divide_up(D, kColumns), 1, [&](std::int64_t begin, std::int64_t end) {
      sum_rows_of(0, V, begin * kColumns, least(D, end * kColumns));
    });
  else
    parallel_ranges(V, divide_up(16384, most(1, D)),
                    [&](std::int64_t begin, std::int64_t end) { sum_rows_of(begin, end, 0, D); });
}

}  // namespace

void run(const Embedding& op, Pass pass, Workspace& workspace) {
  visit_float(op.weight.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace) : run_backward<T>(op, workspace);
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
