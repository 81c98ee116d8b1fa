// Two products in one launch, as a batch of two whose operands and results have nothing to do with each other.
#pragma once
#include "cuda/gemm.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

template <class T, Order order>
struct OperandPair {
  using Element = T;
  static constexpr Order kOrder = order;

  MatrixOperand<T, order> operand, second;

  __device__ __forceinline__ void select(int64_t batch) {
    if (batch) operand = second;
  }
  __device__ __forceinline__ void copy_chunk(T* shared, int64_t row, int64_t k) const {
    operand.copy_chunk(shared, row, k);
  }
  __device__ __forceinline__ void copy_element(T* shared, int64_t row, int64_t k) const {
    operand.copy_element(shared, row, k);
  }
};

// Where the results of a product go: rows of `columns` without gaps.
template <class T>
struct PairResult {
  T* out;
  int64_t columns;
  const float* more = nullptr;  // is added; laid out as `out`
};

template <class T>
struct PairSink {
  static constexpr int kWidth = 16 / sizeof(T);

  PairResult<T> first, second;
  bool aligned = false;

  void find_alignment() {
    aligned = first.columns % kWidth == 0 && second.columns % kWidth == 0 &&
              are_aligned(first.out, first.more, second.out, second.more);
  }

  // As RowSink, but that the narrower product ends before the other one.
  __device__ __forceinline__ void operator()(int64_t batch, int64_t i, int64_t j, int, float (&v)[kWidth]) const {
    const PairResult<T> to = batch ? second : first;
    const int n = int(min(int64_t{kWidth}, to.columns - j));
    if (n <= 0) return;
    const int64_t at = i * to.columns + j;
    if (to.more) {
      float other[kWidth];
      read_some(other, to.more + at, n, aligned);
#pragma unroll
      for (int e = 0; e < kWidth; ++e) v[e] += other[e];
    }
    write_some(to.out + at, v, n, aligned);
  }
};

// to (M, columns) = a (M, K) · b (columns, K)ᵀ; an operand that is null is zeros.
template <class T, class To>
struct PairedProduct {
  Matrix<T> a, b;
  int64_t K;
  PairResult<To> to;
  bool is_wanted = true;
};

template <Order order_a, Order order_b, class T, class To>
void gemm_pair(const char* name, int64_t M, const PairedProduct<T, To>& first, const PairedProduct<T, To>& second,
               Workspace& workspace, Stream stream) {
  using A = OperandPair<T, order_a>;
  using B = OperandPair<T, order_b>;
  const int64_t N = std::max(first.to.columns, second.to.columns), K = std::max(first.K, second.K);
  const int64_t batch = int64_t{first.is_wanted} + int64_t{second.is_wanted};
  if (!batch || !M || !N) return;
  const auto& begin = first.is_wanted ? first : second;
  const auto a = [&](const auto& p) { return operand_or_zeros<order_a>(p.a, M, p.K); };
  const auto b = [&](const auto& p) { return operand_or_zeros<order_b>(p.b, p.to.columns, p.K); };
  PairSink<To> sink{begin.to, second.to};
  sink.find_alignment();
  const auto run = [&]<class Loop>(Type<Loop>) {
    Plan plan = make_plan<Loop>(1, M, N, K);  // for one, as the other must not change its sums
    plan.batch = batch;
    run_plan<Loop>(name, plan, A{a(begin), a(second)}, B{b(begin), b(second)}, sink, workspace, stream);
  };
  // Small tiles only: a single step seldom fills the device with large ones.
  if constexpr (std::is_same_v<T, float>)
    if (float32_precision != Float32Precision::ieee) return run(Type<Float32Loop<A, B>>{});
  run(Type<SmallLoop<A, B>>{});
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
