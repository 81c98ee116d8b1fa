#include "cuda/sm90a/attention.h"

#include <algorithm>
#include <array>

#include "cuda/backend/tensor_map.h"
#include "cuda/elements.cuh"
#include "cuda/sm90a/attention_kernel.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// Of boxes of so many positions by 64 dimensions.
TensorMap map_of(const AttentionForward& call, const MappedHeads& heads, int H, int S, int width, int lines) {
  const int64_t size = item_size(call.dtype);
  const std::array<uint64_t, 4> sizes{uint64_t(width), uint64_t(S), uint64_t(H), uint64_t(call.N)};
  const std::array<uint64_t, 3> strides{uint64_t(heads.position * size), uint64_t(heads.head * size),
                                        uint64_t(heads.sequence * size)};
  const std::array<uint32_t, 4> box{uint32_t(128 / size), uint32_t(lines), 1, 1};
  return make_tensor_map({call.dtype, heads.data, sizes, strides, 128}, box);
}

template <class Tiles>
void start(const AttentionForward& p, Stream stream) {
  const int64_t tiles = divide_up(p.Sq, Tiles::kM), blocks = tiles * p.H * p.N;
  const Window window{p.before, p.behind, p.is_lower_right};
  const WarpgroupCall call{p.H,    p.H / p.Hk, int(tiles), {p.is_lower_right ? p.Sk - p.Sq : 0, p.Sq, p.Sk},
                           window, p.factor,   p.lse,      p.sinks};
  launch(warpgroup_attention_kernel<Tiles>,
         {.name = p.name,
          .grid = unsigned(blocks),
          .block = Tiles::kThreads,
          .shared_bytes = Tiles::kSharedBytes,
          .stream = stream},
         call, map_of(p, p.query, p.H, p.Sq, p.D, Tiles::kM), map_of(p, p.key, p.Hk, p.Sk, p.D, Tiles::kN),
         map_of(p, p.value, p.Hk, p.Sk, p.Dv, Tiles::kN), map_of(p, p.output, p.H, p.Sq, p.Dv, 64));
}

}  // namespace

// With N keys at a time, a thread has N / 2 scores, N / 4 registers of weights and, of heads W wide, W / 2 sums: 160 of
// its 240 registers up to a width of 128, and 176 of 256, where 80 keys spill.
void run(const AttentionForward& call, Stream stream) {
  const int width = std::max(call.D, call.Dv);
  const auto run_in = [&]<class T>(Type<T>) {
    width <= 64    ? start<WarpgroupTiles<T, 64, 128>>(call, stream)
    : width <= 128 ? start<WarpgroupTiles<T, 128, 128>>(call, stream)
                   : start<WarpgroupTiles<T, 256, 64>>(call, stream);
  };
  call.dtype == DType::bfloat16 ? run_in(Type<bfloat16>{}) : run_in(Type<float16>{});
}

}  // namespace fastnets::cuda::FASTNETS_ARCH
