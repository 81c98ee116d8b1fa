#include "cuda/sm90a/gemm.h"

#include <array>

#include "core/check.h"
#include "cuda/backend/device.h"
#include "cuda/backend/tensor_map.h"
#include "cuda/sm90a/gemm_kernel.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// Of boxes of so many lines of 128 bytes.
TensorMap map_of(const Product& product, const MappedOperand& operand, int64_t rows, int box_lines) {
  const int64_t size = item_size(product.dtype), length = operand.is_by_rows ? rows : product.K,
                lines = operand.is_by_rows ? product.K : rows;
  const std::array<uint64_t, 3> sizes{uint64_t(length), uint64_t(lines), uint64_t(product.batch)};
  const std::array<uint64_t, 2> strides{uint64_t(operand.stride * size), uint64_t(operand.batch_stride * size)};
  const std::array<uint32_t, 3> box{uint32_t(128 / size), uint32_t(box_lines), 1};
  return make_tensor_map({product.dtype, const_cast<void*>(operand.data), sizes, strides, 128}, box);
}

template <class T, Order order_a, Order order_b, int kTileN, int kCluster>
void start(const Product& p, Workspace& workspace, Stream stream) {
  using Loop = WarpgroupLoop<T, order_a, order_b, kTileN, kCluster>;
  const Plan plan = make_plan<Loop>(p.batch, p.M, p.N, p.K);
  float* partial = plan.splits > 1 ? workspace.take<float>(plan.splits * p.batch * p.M * p.N) : nullptr;
  if (workspace.counts_only) return;

  const int64_t pieces = p.batch * plan.tiles_m * plan.tiles_n * plan.splits;
  fastnets::check(pieces < int64_t{1} << 31, p.name, ": a product of ", p.batch, " x ", p.M, " x ", p.N,
                  " is too large for one launch");
  RowSink<T> sink{static_cast<T*>(p.out), p.out_batch_stride, p.out_row_stride};
  sink.bias = static_cast<const T*>(p.bias);
  sink.residual = static_cast<const T*>(p.residual);
  sink.activation = p.activation;
  sink.pre_activation = static_cast<T*>(p.pre_activation);
  sink.find_alignment();
  launch(warpgroup_gemm_kernel<Loop, RowSink<T>>,
         {.name = p.name,
          .grid = unsigned(kCluster * std::min(pieces, int64_t{multiprocessors()} / kCluster)),
          .block = Loop::kThreads,
          .shared_bytes = Loop::kSharedBytes,
          .stream = stream,
          .cluster = kCluster},
         plan, map_of(p, p.a, p.M, Loop::TileA::box_lines(1)), map_of(p, p.b, p.N, Loop::TileB::box_lines(kCluster)),
         partial, sink);
  if (plan.splits > 1) add_splits(p.name, plan, partial, sink, stream);
}

template <class F>
void visit_order(bool is_by_rows, F&& f) {
  is_by_rows ? f(std::integral_constant<Order, Order::rows>{}) : f(std::integral_constant<Order, Order::depth>{});
}

constexpr int kRows = 128;                 // of a block
constexpr int kNarrow = 128, kWide = 192;  // columns; two sums for each of 64 x 192 fill a warpgroup's registers
constexpr int kPair = 2;                   // blocks that share the columns of a wide tile

}  // namespace

Tile tile_for(const Product& p) {
  const int64_t blocks_m = divide_up(p.M, kRows), pairs_m = divide_up(blocks_m, kPair);
  const bool fits = blocks_m % kPair == 0 || blocks_m > 8;  // few rows are computed for nothing
  return fits && kPair * p.batch * pairs_m * divide_up(p.N, kWide) > kEnoughBlocks ? Tile::wide : Tile::narrow;
}

void run(const Product& product, Tile tile, Workspace& workspace, Stream stream) {
  const auto run_in = [&]<class T>(Type<T>) {
    visit_order(product.a.is_by_rows, [&](auto order_a) {
      visit_order(product.b.is_by_rows, [&](auto order_b) {
        tile == Tile::wide ? start<T, order_a, order_b, kWide, kPair>(product, workspace, stream)
                           : start<T, order_a, order_b, kNarrow, 1>(product, workspace, stream);
      });
    });
  };
  product.dtype == DType::bfloat16 ? run_in(Type<bfloat16>{}) : run_in(Type<float16>{});
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
