// All steps of a layer in one cooperative launch, where the recurrent weights fit into the chip's shared memory.
//
// The units of a direction are divided among blocks. A block keeps the rows of the weight that its units need for all
// steps; in each it multiplies them with the whole last state, which all blocks leave in global memory, and computes
// its units' cells. Between steps the blocks of a direction wait for each other.
#pragma once
#include <optional>

#include "cuda/backend/device.h"
#include "cuda/recurrent_product.cuh"
#include "cuda/recurrent_steps.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

struct PersistentPlan {
  int parts, share;  // blocks of a direction, and the most units of one
  StepShape shape;
  size_t shared_bytes;
};

// How the steps' products (B, kProducts · units), of the given depth, are divided, where they fit.
template <class T, class Step>
std::optional<PersistentPlan> persistent_plan(const Recurrent& op, int64_t units, int64_t depth) {
  constexpr int kLeastShare = StepShape::kTile / Step::kProducts;  // fewer would leave a tile half empty
  const int64_t D = op.directions();
  const bool chains_are_short = depth <= kChain * StepShape::kWarps;
  // One step does not pay for the weight's way into shared memory. Of many sequences, which a block takes kColumns at a
  // time, a product of its own makes more.
  constexpr int64_t kMostSequences = 128;
  if (op.steps() < 2 || op.batch() > kMostSequences) return std::nullopt;
  if (D * units * depth * op.batch() == 0 || op.direction[0].weight_hr || !chains_are_short) return std::nullopt;
  const int64_t most_parts = multiprocessors() / D;
  if (most_parts == 0) return std::nullopt;
  const int64_t share = std::max(int64_t{kLeastShare}, divide_up(units, most_parts)), parts = divide_up(units, share);
  if (share > StepShape::kMostUnits) return std::nullopt;
  if (op.steps() >= (int64_t{1} << 31) / parts) return std::nullopt;  // the counters' range
  const StepShape shape{int(divide_up(Step::kProducts * share, StepShape::kTile)),
                        int(divide_up(depth, Exchange<T>::kDepth))};
  const size_t bytes = shape.weight_elements() * sizeof(T) + shape.sum_elements() * sizeof(float);
  if (bytes > shared_bytes_per_block()) return std::nullopt;
  return PersistentPlan{int(parts), int(share), shape, bytes};
}

constexpr int kCounterStride = 32;  // each direction's counter in a line of its own

struct Clear {
  uint32_t* counters;
  __device__ __forceinline__ void operator()(int64_t i) const { counters[i] = 0; }
};

// Thread (column, u) owns unit u of the block's for the sequences column, column + kColumns, …
template <class T, class Step>
__global__ void __launch_bounds__(StepShape::kThreads, 1)
    persistent_kernel(const PersistentPlan plan, const int64_t steps, const int64_t B, const int units,
                      const int64_t depth, const Step cell, const Exchange<T> exchange, Matrix<T> weight,
                      uint32_t* arrived) {
  const int d = int(blockIdx.x) >= plan.parts ? 1 : 0, first = (int(blockIdx.x) - d * plan.parts) * plan.share;
  const int count = min(plan.share, units - first);
  DynamicShared shared;
  StepProduct<T> product{plan.shape, shared.take<T>(unsigned(plan.shape.weight_elements()), 128)};
  float* const sums = shared.take<float>(unsigned(plan.shape.sum_elements()));
  weight.data += d * weight.batch_stride;
  product.load_weight([&](int row, int k) {
    const int g = row / plan.share, u = row % plan.share;
    return g < Step::kProducts && u < count && k < depth ? weight.data[(g * units + first + u) * weight.row_stride + k]
                                                         : T{};
  });

  const int column = int(threadIdx.x) / plan.share, u = int(threadIdx.x) % plan.share;
  for (int64_t step = 0; step < steps; ++step) {
    for (int64_t begin = 0; begin < B; begin += StepShape::kColumns) {
      const int64_t b = begin + column;
      const bool owns = u < count && column < StepShape::kColumns && b < B;
      typename Step::Inputs inputs{};
      if (owns) inputs = cell.read(step, d, b, first + u);
      if (begin == 0) {
        if (threadIdx.x == 0)
          while (load_acquire(arrived + d * kCounterStride) < uint32_t(step) * plan.parts) {}
        block_sync();  // the last state has come, and at first the weight
      }
      product.multiply(exchange.row(step, d, begin), exchange.depth, sums);
      block_sync();
      if (owns) {
        float own[Step::kProducts];
#pragma unroll
        for (int g = 0; g < Step::kProducts; ++g) own[g] = product.sum(sums, g * plan.share + u, column);
        cell.publish(step, d, b, first + u, inputs, own);
      }
      block_sync();  // the sums may be overwritten, and after the last the state is there
      if (begin + StepShape::kColumns >= B && threadIdx.x == 0) add_release(arrived + d * kCounterStride, 1);
      if (owns) cell.write(d, b, first + u, inputs);
    }
  }
}

// `steps` steps of the cell, behind products with a weight of each direction: kProducts · units rows.
template <class T, class Step>
void run_persistent(const Recurrent& op, const PersistentPlan& plan, int64_t steps, int64_t units, int64_t depth,
                    const Step& cell, const Exchange<T>& exchange, const Matrix<T>& weight, Workspace& workspace,
                    Stream stream) {
  uint32_t* arrived = workspace.take<uint32_t>(2 * kCounterStride);
  if (workspace.counts_only) return;
  for_elements(op.name, 2 * kCounterStride, Clear{arrived}, stream);
  launch(persistent_kernel<T, Step>,
         {.name = op.name,
          .grid = unsigned(op.directions() * plan.parts),
          .block = StepShape::kThreads,
          .shared_bytes = plan.shared_bytes,
          .stream = stream,
          .cooperative = true},
         plan, steps, op.batch(), int(units), depth, cell, exchange, weight, arrived);
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
