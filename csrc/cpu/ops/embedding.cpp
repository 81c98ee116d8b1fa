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

// sums[j] += rows[0][j] + rows[1][j] + …, in this order, for j < columns.
template <int kRows, class T>
void add_rows(const T* const* rows, std::int64_t columns, Accumulator<T>* sums) {
  each_vector<kLanes<T>>(0, columns, [&](std::int64_t j, int n) {
    auto sum = read(sums + j, n);
    for (int r = 0; r < kRows; ++r) sum = sum + read(rows[r] + j, n);
    write(sums + j, sum, n);
  });
}

// out[j] = scale · the sum of dy[t][j] over some tokens, for j < columns: chains of kChain tokens, these in order.
// A row of sums stays in the first cache while the tokens' rows, four at a time, run past it.
template <class T>
void sum_tokens(const T* dy, std::int64_t D, const std::int64_t* tokens, std::int64_t count, std::int64_t columns,
                Accumulator<T> scale, T* out) {
  using Acc = Accumulator<T>;
  const auto bytes = static_cast<std::size_t>(columns) * sizeof(Acc);
  Acc *total = static_cast<Acc*>(scratch(2 * bytes, 1)), *chain = total + columns;
  __builtin_memset(total, 0, bytes);
  for (std::int64_t begin = 0; begin < count; begin += kChain) {
    const std::int64_t end = least(count, begin + kChain);
    Acc* sums = begin ? chain : total;
    if (begin) __builtin_memset(chain, 0, bytes);
    constexpr int kRows = 4;
    std::int64_t i = begin;
    const T* rows[kRows];
    for (; i + kRows <= end; i += kRows) {
      for (int r = 0; r < kRows; ++r) rows[r] = dy + tokens[i + r] * D;
      add_rows<kRows>(rows, columns, sums);
    }
    for (; i < end; ++i) {
      rows[0] = dy + tokens[i] * D;
      add_rows<1>(rows, columns, sums);
    }
    if (begin)
      for (std::int64_t j = 0; j < columns; ++j) total[j] += chain[j];
  }
  each_vector<kLanes<T>>(0, columns,
                         [&](std::int64_t j, int n) { write(out + j, read(total + j, n) * splat(scale), n); });
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
      const std::int64_t* rows = sorted.order + sorted.first(v);
      const auto bytes = static_cast<std::size_t>(j1 - j0) * sizeof(T);
      const Accumulator<T> scale = op.scale_grad_by_freq ? 1 / static_cast<Accumulator<T>>(count) : 1;
      if (count == 0)
        __builtin_memset(out, 0, bytes);
      else if (count == 1)
        __builtin_memcpy(out, dy + rows[0] * D + j0, bytes);
      else
        sum_tokens(dy + j0, D, rows, count, j1 - j0, scale, out);
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
