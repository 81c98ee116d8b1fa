#include "core/ops/embedding.h"

#include "core/entries.h"
#include "cuda/layout.cuh"
#include "cuda/sum.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// A token id that is out of range, which only the device can see, makes nan of its row.
template <class T>
struct CopyRow {
  const int64_t* ids;
  const T* weight;
  int64_t V, D, row_stride, step;
  T* y;
  __device__ __forceinline__ void operator()(int64_t i) const {
    const int64_t id = ids[i / D];
    y[i] = id >= 0 && id < V ? weight[id * row_stride + i % D * step] : round_to<T>(NAN);
  }
};

template <class T>
void run_forward(const Embedding& op, Workspace& workspace, Stream stream) {
  const int64_t* ids = indices_of(op.name, op.input, workspace, stream);
  if (workspace.counts_only) return;
  const Tensor& w = op.weight;
  const CopyRow<T> f{ids, w.as<T>(), w.shape[0], w.shape[1], w.stride[0], w.stride[1], op.output.as<T>()};
  for_elements(op.name, op.output.size(), f, stream);
}

// The tokens of weight row v are order[begin[v]] … order[begin[v + 1] − 1], in the order of their places.
struct TokensByRow {
  const int64_t* ids;
  int64_t tokens, V, padding;
  unsigned long long *begin, *cursor;  // (V + 1,), (V,)
  int64_t *unordered, *order;          // (tokens,)
  __device__ __forceinline__ bool counts(int64_t id) const { return id >= 0 && id < V && id != padding; }
};

struct Clear {
  TokensByRow rows;
  __device__ __forceinline__ void operator()(int64_t v) const { rows.begin[v] = 0; }
};
struct Count {
  TokensByRow rows;
  __device__ __forceinline__ void operator()(int64_t t) const {
    const int64_t id = rows.ids[t];
    if (rows.counts(id)) atomicAdd(&rows.begin[id + 1], 1ULL);
  }
};

// One block turns the counts into where each row begins: a thread owns some rows, whose sums are added up in order.
template <int kScanThreads>
__global__ void __launch_bounds__(kScanThreads) scan_kernel(const TokensByRow rows) {
  FASTNETS_STATIC_SHARED(sums, unsigned long long[kScanThreads]);
  const int64_t share = divide_up(rows.V, kScanThreads), first = share * threadIdx.x;
  const int64_t end = min(rows.V, first + share);
  unsigned long long total = 0;
  for (int64_t v = first; v < end; ++v) total += rows.begin[v + 1];
  sums[threadIdx.x] = total;
  __syncthreads();
  for (int distance = 1; distance < kScanThreads; distance *= 2) {
    const unsigned long long before = int(threadIdx.x) >= distance ? sums[threadIdx.x - distance] : 0;
    __syncthreads();
    sums[threadIdx.x] += before;
    __syncthreads();
  }
  total = sums[threadIdx.x] - total;
  for (int64_t v = first; v < end; ++v) {
    rows.cursor[v] = total;
    total += rows.begin[v + 1];
    rows.begin[v + 1] = total;
  }
}
struct Scatter {
  TokensByRow rows;
  __device__ __forceinline__ void operator()(int64_t t) const {
    const int64_t id = rows.ids[t];
    if (rows.counts(id)) rows.unordered[atomicAdd(&rows.cursor[id], 1ULL)] = t;
  }
};
// The place of a token among those of its row is how many of them come before it.
struct Order {
  TokensByRow rows;
  __device__ __forceinline__ void operator()(int64_t i) const {
    if (i >= int64_t(rows.begin[rows.V])) return;
    const int64_t t = rows.unordered[i], id = rows.ids[t];
    const int64_t first = int64_t(rows.begin[id]), end = int64_t(rows.begin[id + 1]);
    int64_t rank = 0;
    for (int64_t other = first; other < end; ++other) rank += rows.unordered[other] < t;
    rows.order[first + rank] = t;
  }
};

// A thread owns an element of the weight's gradient.
template <class T>
struct SumTokens {
  TokensByRow rows;
  const T* dy;
  int64_t D;
  bool by_frequency;
  T* dw;
  __device__ __forceinline__ void operator()(int64_t i) const {
    const int64_t v = i / D, j = i % D, first = int64_t(rows.begin[v]), end = int64_t(rows.begin[v + 1]);
    ChainedSum sum;
    for (int64_t place = first; place < end; ++place) sum.add(widen(dy[rows.order[place] * D + j]));
    const float scale = by_frequency && end > first ? 1 / float(end - first) : 1.0f;
    dw[i] = round_to<T>(sum.result() * scale);
  }
};

template <class T>
void run_backward(const Embedding& op, Workspace& workspace, Stream stream) {
  if (!op.grad_weight) return;
  const int64_t V = op.weight.shape[0], D = op.weight.shape[1], tokens = op.input.size();
  const int64_t* ids = indices_of(op.name, op.input, workspace, stream);
  const T* dy = contiguous<T>(op.name, op.grad_output, workspace, stream);
  using Counter = unsigned long long;
  const TokensByRow rows{ids,
                         tokens,
                         V,
                         op.padding_row(),
                         workspace.take<Counter>(V + 1),
                         workspace.take<Counter>(V),
                         workspace.take<int64_t>(tokens),
                         workspace.take<int64_t>(tokens)};
  if (workspace.counts_only) return;
  for_elements(op.name, V + 1, Clear{rows}, stream);
  for_elements(op.name, tokens, Count{rows}, stream);
  constexpr int kScanThreads = 1024;
  const LaunchConfig config{.name = op.name, .grid = 1, .block = kScanThreads, .stream = stream};
  launch(scan_kernel<kScanThreads>, config, rows);
  for_elements(op.name, tokens, Scatter{rows}, stream);
  for_elements(op.name, tokens, Order{rows}, stream);
  for_elements(op.name, V * D, SumTokens<T>{rows, dy, D, op.scale_grad_by_freq, op.grad_weight.as<T>()}, stream);
}

}  // namespace

void run(const Embedding& op, Pass pass, Workspace& workspace, Stream stream) {
  visit_device_float(op.name, op.weight.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace, stream) : run_backward<T>(op, workspace, stream);
  });
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
