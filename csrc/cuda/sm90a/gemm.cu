#include "cuda/sm90a/gemm.h"

#include <array>

#include "core/check.h"
#include "cuda/backend/device.h"
#include "cuda/backend/tensor_map.h"
#include "cuda/sm90a/gemm_kernel.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// Of boxes of so many lines of 128 bytes.
TensorMap map_of(DType dtype, const MappedOperand& matrix, int box_lines) {
  const int64_t size = item_size(dtype);
  const std::array<uint64_t, 3> sizes{uint64_t(matrix.length), uint64_t(matrix.lines), uint64_t(matrix.planes)};
  const std::array<uint64_t, 2> strides{uint64_t(matrix.stride * size), uint64_t(matrix.plane_stride * size)};
  const std::array<uint32_t, 3> box{uint32_t(kSlice), uint32_t(box_lines), 1};
  return make_tensor_map({dtype, const_cast<void*>(matrix.data), sizes, strides, 128}, box);
}

TensorMap map_of(DType dtype, const ImageOperand& image, int box_lines) {
  const size_t axes = size_t(image.axes);
  std::array<uint64_t, 5> sizes{uint64_t(image.all_channels)};
  std::array<uint64_t, 4> strides{uint64_t(image.all_channels * item_size(dtype))};
  std::array<int, 3> lower{}, upper{};
  std::array<uint32_t, 3> step{};
  for (size_t d = 0; d < axes; ++d) {
    const WindowAxis& axis = image.axis[d];
    sizes[d + 1] = uint64_t(axis.size);
    strides[d + 1] = strides[d] * uint64_t(axis.size);
    lower[d] = int(axis.lower());
    upper[d] = int(axis.upper());
    step[d] = uint32_t(axis.step);
  }
  sizes[axes + 1] = uint64_t(image.samples);
  return make_tensor_map(
      {dtype, const_cast<void*>(image.data), {sizes.data(), axes + 2}, {strides.data(), axes + 1}, 128},
      Im2col{{lower.data(), axes}, {upper.data(), axes}, {step.data(), axes}, kSlice, uint32_t(box_lines)});
}

TensorMap map_of(DType dtype, const Operand& operand, int box_lines) {
  return std::visit([&](const auto& it) { return map_of(dtype, it, box_lines); }, operand);
}

ImageWalk walk_of(const Product& p) {
  const auto* image = std::get_if<ImageOperand>(&p.a);
  if (!image) image = std::get_if<ImageOperand>(&p.b);
  ImageWalk walk;
  if (!image) return walk;
  const int64_t slices_of_tap = whole_slices(image->channels) / kSlice;
  walk.axes = image->axes;
  walk.columns = int(p.N);
  walk.channels = int(image->channels);
  walk.slices_of_tap = Divider(slices_of_tap);
  int64_t taps = 1;
  for (int d = 0; d < image->axes; ++d) {
    const WindowAxis& axis = image->axis[size_t(d)];
    walk.axis[d] = {Divider(axis.windows), Divider(axis.taps),  int(axis.first),
                    int(axis.step),        int(axis.first_tap), int(axis.tap_step)};
    taps *= axis.taps;
  }
  walk.slices = int(taps * slices_of_tap);
  return walk;
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
  sink.bias_batch_stride = p.bias_batch_stride;
  sink.find_alignment();
  launch(warpgroup_gemm_kernel<Loop, RowSink<T>>,
         {.name = p.name,
          .grid = unsigned(kCluster * std::min(pieces, int64_t{multiprocessors()} / kCluster)),
          .block = Loop::kThreads,
          .shared_bytes = Loop::kSharedBytes,
          .stream = stream,
          .cluster = kCluster},
         plan, map_of(p.dtype, p.a, Loop::TileA::box_lines(1)), map_of(p.dtype, p.b, Loop::TileB::box_lines(kCluster)),
         walk_of(p), partial, sink);
  if (plan.splits > 1) add_splits(p.name, plan, partial, sink, stream);
}

template <class F>
void visit_order(const Operand& operand, F&& f) {
  std::visit([](const auto& it) { return it.is_by_rows; }, operand) ? f(std::integral_constant<Order, Order::rows>{})
                                                                    : f(std::integral_constant<Order, Order::depth>{});
}

constexpr int kRows = 128;                 // of a block
constexpr int kNarrow = 128, kWide = 192;  // columns; two sums for each of 64 x 192 fill a warpgroup's registers
constexpr int kPair = 2;                   // blocks that share the columns of a wide tile

}  // namespace

Tile tile_for(const Product& p) {
  if (std::holds_alternative<ImageOperand>(p.b)) return Tile::narrow;  // the blocks of a pair do not share an image
  const int64_t blocks_m = divide_up(p.M, kRows), pairs_m = divide_up(blocks_m, kPair);
  const bool fits = blocks_m % kPair == 0 || blocks_m > 8;  // few rows are computed for nothing
  return fits && kPair * p.batch * pairs_m * divide_up(p.N, kWide) > kEnoughBlocks ? Tile::wide : Tile::narrow;
}

void run(const Product& product, Tile tile, Workspace& workspace, Stream stream) {
  const auto run_in = [&]<class T>(Type<T>) {
    visit_order(product.a, [&](auto order_a) {
      visit_order(product.b, [&](auto order_b) {
        tile == Tile::wide ? start<T, order_a, order_b, kWide, kPair>(product, workspace, stream)
                           : start<T, order_a, order_b, kNarrow, 1>(product, workspace, stream);
      });
    });
  };
  product.dtype == DType::bfloat16 ? run_in(Type<bfloat16>{}) : run_in(Type<float16>{});
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
