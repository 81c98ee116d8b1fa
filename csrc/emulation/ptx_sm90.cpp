// PTX ISA, "stmatrix", "elect.sync", "setmaxnreg", "fence.proxy.async".
#include "emulation/ptx_sm90.h"

#include <cstring>

#include "emulation/races.h"
#include "emulation/runtime.h"

namespace fastnets::emulation {
namespace {

constexpr const char* kStoreMatrix = "stmatrix";

struct MatrixRows {
  const uint32_t* fragments;
  int matrices;
  bool transposed;
  void* row;
};

void collect_matrices(Warp& warp, Collective& collective) {
  const auto& first = *static_cast<const MatrixRows*>(collective.argument[0]);
  for (int m = 0; m < first.matrices; ++m) {
    uint16_t matrix[8][8];
    for_each_lane(warp.lanes, [&](int lane) {
      const uint32_t pair = static_cast<const MatrixRows*>(collective.argument[lane])->fragments[m];
      for (int half = 0; half < 2; ++half) {
        const int i = lane / 4, j = lane % 4 * 2 + half;
        (first.transposed ? matrix[j][i] : matrix[i][j]) = uint16_t(pair >> 16 * half);
      }
    });
    for (int r = 0; r < 8; ++r) {
      const int lane = 8 * m + r;
      void* row = static_cast<const MatrixRows*>(collective.argument[lane])->row;
      check_shared(row, sizeof matrix[r], sizeof matrix[r], kStoreMatrix, collective.where);
      if (Races* races = warp.block->launch->races.get())
        races->access(*warp.threads[lane], row, sizeof matrix[r], true, collective.where);
      std::memcpy(row, matrix[r], sizeof matrix[r]);
    }
  }
}

}  // namespace

void store_matrix(const uint32_t* fragments, int matrices, bool transposed, void* row, const Location& where) {
  require_capability(90, kStoreMatrix, where);
  MatrixRows argument{fragments, matrices, transposed, row};
  warp_collective(whole_warp(kStoreMatrix, where), kAllLanes, kStoreMatrix, &argument, where, collect_matrices);
}

bool elect_one(const Location& where) {
  constexpr const char* kName = "elect.sync";
  require_capability(90, kName, where);
  Thread& thread = whole_warp(kName, where);
  warp_collective(thread, kAllLanes, kName, nullptr, where, [](Warp&, Collective&) {});
  return thread.lane == 0;
}

void set_registers(int count, bool raises, const Location& where) {
  constexpr const char* kName = "setmaxnreg";
  require_capability(90, kName, where);
  if (count < 24 || count > 256 || count % 8)
    fail(where, kName, ": ", count, " registers; a multiple of 8 from 24 to 256");
  warp_collective(whole_warp(kName, where), kAllLanes, raises ? "setmaxnreg.inc" : "setmaxnreg.dec", nullptr, where,
                  [](Warp&, Collective&) {});
}

void fence_proxy(Space space, const Location& where) {
  constexpr const char* kName = "fence.proxy.async";
  require_capability(90, kName, where);
  Thread& thread = current_thread(kName, where);
  if (Races* races = thread.block->launch->races.get()) races->proxy_fence(thread, space);
}

}  // namespace fastnets::emulation
