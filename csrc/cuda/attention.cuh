// What the kernels of attention share: where the heads of all sequences lie, and which sequence a block works for.
#pragma once
#include <algorithm>

#include "core/ops/attention.h"
#include "cuda/access.cuh"
#include "cuda/layout.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// One sequence: where it begins among packed ones, and how long it is. A length that is out of range, which only the
// device can see, makes a sequence without keys whose results are nan.
struct Sequence {
  int number, q_begin, Sq, k_begin, Sk;
  bool is_valid;
};

// An array (sequence, head, position, dimension) whose dimensions lie side by side.
template <class T>
struct HeadArray {
  T* data = nullptr;
  int64_t sequence = 0, head = 0, position = 0;  // strides
  bool aligned = false;                          // chunks of a line are one access

  __device__ __forceinline__ T* line(int n, int h, int i) const {
    return data + n * sequence + h * head + i * position;
  }
};

// Sizes of a call, and the lengths of its sequences, as kernels take them.
struct AttentionShape {
  int N, H, Hk, group, D, Dv;
  int Sq, Sk;  // of an array; of packed ones the totals
  bool is_packed;
  const int *q_begins, *k_begins;  // (N + 1,) of packed sequences, all 0 where they make no sense
  const int* key_lengths;          // (N,) or null; −1 where they make no sense
  const int* longest;              // of the packed sequences' keys

  __device__ __forceinline__ Sequence sequence(int n) const {
    if (is_packed)
      return {n, q_begins[n], q_begins[n + 1] - q_begins[n], k_begins[n], k_begins[n + 1] - k_begins[n], true};
    const int length = key_lengths ? key_lengths[n] : Sk;
    return {n, 0, Sq, 0, max(0, length), length >= 0};
  }
  // The sequence that block b of queries, or of keys, may belong to, and the block's first position in it. Blocks of
  // `size` positions: those of packed sequence n have numbers from begins[n] / size + n on; some are nobody's.
  __device__ __forceinline__ Sequence sequence_of_block(int b, int size, bool of_keys, int& first) const {
    if (!is_packed) {
      const int blocks = ((of_keys ? Sk : Sq) + size - 1) / size;
      first = b % blocks * size;
      return sequence(b / blocks);
    }
    const int* begins = of_keys ? k_begins : q_begins;
    int low = 0, high = N - 1;
    while (low < high) {
      const int middle = (low + high + 1) / 2;
      if (begins[middle] / size + middle <= b)
        low = middle;
      else
        high = middle - 1;
    }
    first = (b - begins[low] / size - low) * size;
    return sequence(low);
  }
  // How many blocks there are.
  int64_t blocks(int length, int size) const {
    return is_packed ? int64_t{length} / size + N : N * divide_up(length, size);
  }

  // Row-major number of a query: of lse, and of dropout's rows.
  __device__ __forceinline__ int row(const Sequence& s, int h, int i) const {
    return is_packed ? h * Sq + s.q_begin + i : (s.number * H + h) * Sq + i;
  }
  FASTNETS_SHARED int rows() const { return (is_packed ? 1 : N) * H * Sq; }
  // Keys in a row of dropout's numbers.
  __device__ __forceinline__ int row_length() const { return is_packed ? *longest : Sk; }
};

constexpr int kLengthThreads = 256;

// One block checks the lengths and keeps them as int.
struct KeepLengths {
  const int64_t *lengths, *q_begins, *k_begins;
  int64_t N, q_total, k_total;
  int *kept_lengths, *kept_q, *kept_k, *longest;
};
__global__ void __launch_bounds__(kLengthThreads) keep_lengths_kernel(const KeepLengths k) {
  FASTNETS_STATIC_SHARED(partial, int[kLengthThreads / kWarpSize]);
  if (k.lengths) {
    for (int64_t n = threadIdx.x; n < k.N; n += kLengthThreads)
      k.kept_lengths[n] = k.lengths[n] < 0 || k.lengths[n] > k.k_total ? -1 : int(k.lengths[n]);
    return;
  }
  int longest = 0;
  bool makes_sense =
      k.q_begins[0] == 0 && k.k_begins[0] == 0 && k.q_begins[k.N] == k.q_total && k.k_begins[k.N] == k.k_total;
  for (int64_t n = threadIdx.x; n < k.N; n += kLengthThreads) {
    makes_sense &= k.q_begins[n] <= k.q_begins[n + 1] && k.k_begins[n] <= k.k_begins[n + 1];
    longest = int(max(int64_t{longest}, min(k.k_total, k.k_begins[n + 1] - k.k_begins[n])));
  }
  const int defects = block_max(makes_sense ? 0 : 1, partial);
  __syncthreads();
  longest = block_max(longest, partial);
  for (int64_t n = threadIdx.x; n <= k.N; n += kLengthThreads) {
    k.kept_q[n] = defects ? 0 : int(k.q_begins[n]);
    k.kept_k[n] = defects ? 0 : int(k.k_begins[n]);
  }
  if (threadIdx.x == 0) *k.longest = longest;
}

// Sequences that make no sense make nan of everything.
template <class T>
struct SpoilPacked {
  const int *q_begins, *k_begins;
  int N, q_total, k_total;
  T* out;
  __device__ __forceinline__ void operator()(int64_t i) const {
    if (q_begins[N] != q_total || k_begins[N] != k_total) out[i] = round_to<T>(NAN);
  }
};

// A call as kernels take it: arrays are read where they lie, but for those whose dimensions do not lie side by side.
template <class T>
struct AttentionProblem {
  const Attention& op;
  Workspace& workspace;
  Stream stream;
  AttentionShape shape;

  AttentionProblem(const Attention& op_, Workspace& workspace_, Stream stream_)
      : op(op_), workspace(workspace_), stream(stream_) {
    constexpr int64_t kMostPositions = int64_t{1} << 29;  // so that differences of positions are int
    constexpr int64_t kMostRows = int64_t{1} << 31;
    for (const auto& [what, t] : {std::pair{"query", &op.query}, std::pair{"key", &op.key}})
      check(op.length(*t) < kMostPositions && leading_size(*t) < kMostRows, "attention: ", what, " is ",
            fastnets::shape(*t), " but a GPU serves fewer than ", kMostPositions, " positions and ", kMostRows,
            " rows in all");
    const auto last = [](const Tensor& t) { return int(t.shape[t.ndim - 1]); };
    const int H = int(op.heads(op.query)), Hk = int(op.heads(op.key));
    shape = {int(op.batch()),
             H,
             Hk,
             Hk ? H / Hk : 1,
             last(op.query),
             last(op.value),
             int(op.length(op.query)),
             int(op.length(op.key)),
             op.is_packed(),
             nullptr,
             nullptr,
             nullptr,
             nullptr};
    keep_lengths();
  }

  bool runs() const { return !workspace.counts_only; }
  // Whether heads fit into the smaller tiles, or need the larger ones, that there are for them.
  bool is_narrow() const { return std::max(shape.D, shape.Dv) <= 64; }
  bool is_wide() const { return std::max(shape.D, shape.Dv) > 128; }

  // The view of an array laid out as query, key or value, or of its copy.
  HeadArray<T> heads(const Tensor& t) const {
    HeadArray<T> view;
    const int last = t.ndim - 1;
    std::optional<int64_t> stride = 0;
    if (!op.is_packed() && op.head_dim() > 0) {  // the leading dimensions and one more, as if it were a line's
      Tensor lead = t;
      lead.ndim = int8_t(op.head_dim() + 1);
      stride = uniform_row_stride(lead);
    }
    Tensor source = t;
    if (!stride || (t.shape[last] > 1 && t.stride[last] != 1)) {
      const T* copy = contiguous<T>(op.name, t, workspace, stream);
      source.describe_like(t);
      source.data = const_cast<T*>(copy);
      stride = op.head_dim() > 0 && !op.is_packed() ? source.stride[op.head_dim() - 1] : 0;
    }
    view.data = source.as<T>();
    view.sequence = *stride;
    view.head = op.head_dim() >= 0 ? source.stride[op.head_dim()] : 0;
    view.position = source.stride[op.length_dim()];
    view.aligned = is_aligned(view.data) && view.sequence % kChunk<T> == 0 && view.head % kChunk<T> == 0 &&
                   view.position % kChunk<T> == 0;
    return view;
  }

  // To be called when a result has been written.
  void spoil_if_senseless(const Tensor& result) const {
    if (!op.is_packed() || !result) return;
    const auto spoil = [&]<class E>(Type<E>) {
      for_elements(op.name, result.size(),
                   SpoilPacked<E>{shape.q_begins, shape.k_begins, shape.N, shape.Sq, shape.Sk, result.as<E>()}, stream);
    };
    result.dtype == DType::float32 ? spoil(Type<float>()) : spoil(Type<T>());
  }

 private:
  void keep_lengths() {
    KeepLengths k{nullptr, nullptr, nullptr, shape.N, shape.Sq, shape.Sk, nullptr, nullptr, nullptr, nullptr};
    if (op.is_packed()) {
      k.q_begins = indices_of(op.name, op.cu_seqlens_q, workspace, stream);
      k.k_begins = indices_of(op.name, op.cu_seqlens_k, workspace, stream);
      shape.q_begins = k.kept_q = workspace.take<int>(shape.N + 1);
      shape.k_begins = k.kept_k = workspace.take<int>(shape.N + 1);
      shape.longest = k.longest = workspace.take<int>(1);
    } else if (op.key_lengths) {
      k.lengths = indices_of(op.name, op.key_lengths, workspace, stream);
      shape.key_lengths = k.kept_lengths = workspace.take<int>(shape.N);
    } else {
      return;
    }
    const LaunchConfig config{.name = op.name, .grid = 1, .block = kLengthThreads, .stream = stream};
    if (runs()) launch(keep_lengths_kernel, config, k);
  }
};

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
