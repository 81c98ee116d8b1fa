// Attention, which probabilities dropout keeps. A Philox counter has numbers for four neighbouring keys of a query:
// where they begin at a multiple of four, lanes that hold them draw once for all, and exchange what they have drawn.
#pragma once
#include "core/philox.h"
#include "cuda/attention_scores.cuh"
#include "cuda/attention_tiles.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

struct Drawing {
  uint64_t seed;
  uint32_t least_kept;
  uint32_t row_length;

  __device__ __forceinline__ Philox draw(int row, int j) const {
    return philox(seed, (uint64_t(uint32_t(row)) * row_length + uint32_t(j)) / 4, RandomUse::attention);
  }
  __device__ __forceinline__ uint32_t keeps(uint32_t word) const { return word >> 8 >= least_kept ? 1 : 0; }
  __device__ __forceinline__ uint32_t keeps(int row, int j) const {
    const Philox drawn = draw(row, j);
    const uint32_t place = (uint32_t(row) * row_length + uint32_t(j)) % 4;
    const uint32_t low = place % 2 ? drawn.word[1] : drawn.word[0], high = place % 2 ? drawn.word[3] : drawn.word[2];
    return keeps(place / 2 ? high : low);
  }

  // Two tiles of 8 keys from j on, of one query a quad of lanes: the bits of this lane's two keys in each. Even lanes
  // draw for the first tile.
  __device__ __forceinline__ uint32_t keeps_of_row(int row, int j) const {
    const bool odd = lane_index() % 2 != 0;
    const Philox own = draw(row, j + odd * 8 + lane_index() % 4 / 2 * 4);
    const uint32_t first = shuffle_xor(odd ? own.word[0] : own.word[2], 1);
    const uint32_t second = shuffle_xor(odd ? own.word[1] : own.word[3], 1);
    const uint32_t mine = keeps(odd ? own.word[2] : own.word[0]) | keeps(odd ? own.word[3] : own.word[1]) << 1;
    const uint32_t other = keeps(first) | keeps(second) << 1;
    return odd ? other | mine << 2 : mine | other << 2;
  }

  // Keys j + lane / 4 and 8 behind it, of two queries: bit 2 k + q of the k-th key and the q-th query. Lanes 4, 8 and
  // 12 apart draw for one of the four each.
  __device__ __forceinline__ uint32_t keeps_of_columns(int first_row, int second_row, int j) const {
    const int lane = lane_index(), own = lane / 4 % 4;
    const bool odd = own % 2 != 0, behind = own / 2 != 0;
    const Philox w = draw(odd ? second_row : first_row, j + behind * 8 + lane / 16 * 4);
    const uint32_t even_words = shuffle_xor(odd ? w.word[0] : w.word[1], 4);
    const uint32_t odd_words = shuffle_xor(odd ? w.word[2] : w.word[3], 4);
    // of the sources that draw for the first and the second query: words odd, and 2 + odd
    const uint32_t low[2] = {odd ? even_words : w.word[0], odd ? w.word[1] : even_words};
    const uint32_t high[2] = {odd ? odd_words : w.word[2], odd ? w.word[3] : odd_words};
    const uint32_t first = shuffle_xor(behind ? low[0] : high[0], 8);
    const uint32_t second = shuffle_xor(behind ? low[1] : high[1], 8);
    return keeps(behind ? first : low[0]) | keeps(behind ? second : low[1]) << 1 |
           keeps(behind ? high[0] : first) << 2 | keeps(behind ? high[1] : second) << 3;
  }
};

// Bit r · kColumns + c: whether the probability in row r and column c of a thread's scores is kept. The keys begin with
// j0; query(q) is the row-major number of the query in row q, or in column q where rows are keys.
template <class Tiles, bool kRowsAreKeys, class T, class Query>
__device__ __forceinline__ uint32_t kept_bits(const ScoreRules<T>& rules, int row_length, int j0, const Query& query) {
  constexpr int kRows = Tiles::kRows, kColumns = Tiles::kColumns;
  static_assert(kRows * kColumns <= 32);
  const Drawing drawing{rules.seed, rules.least_kept, uint32_t(row_length)};
  uint32_t kept = 0;
  if constexpr (kRowsAreKeys) {
    if (Tiles::kQuads && row_length % 4 == 0) {
#pragma unroll 1
      for (int c = 0; c < kColumns; c += 2) {
        const uint32_t bits = drawing.keeps_of_columns(query(c), query(c + 1), j0 + warp_index() * 16);
        kept |= (bits & 3) << c | bits >> 2 << (kColumns + c);
      }
      return kept;
    }
#pragma unroll 1
    for (int c = 0; c < kColumns; ++c)
#pragma unroll 1
      for (int r = 0; r < kRows; ++r) kept |= drawing.keeps(query(c), j0 + Tiles::row(r)) << (r * kColumns + c);
  } else {
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      if (Tiles::kQuads && row_length % 4 == 0) {
#pragma unroll 1
        for (int c = 0; c < kColumns; c += 4) kept |= drawing.keeps_of_row(query(r), j0 + c * 4) << (r * kColumns + c);
      } else {
#pragma unroll 1
        for (int c = 0; c < kColumns; ++c) kept |= drawing.keeps(query(r), j0 + Tiles::column(c)) << (r * kColumns + c);
      }
    }
  }
  return kept;
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
