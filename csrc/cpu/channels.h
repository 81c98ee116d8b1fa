// Passes over the channels of images (N, C, spatial…): pixels of a channel side by side, in planes, or channels of a
// pixel side by side, in rows.
#pragma once
#include "cpu/columns.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

struct Channels {
  std::int64_t N, C, P = 1;  // P pixels
  bool channels_last;        // the memory format
  bool rows;                 // channels side by side: also where there is one pixel

  explicit Channels(const Tensor& input)
      : N(input.shape[0]), C(input.shape[1]), channels_last(input.is_channels_last()) {
    for (int d = 2; d < input.ndim; ++d) P *= input.shape[d];
    rows = channels_last || P == 1;
  }
  FASTNETS_INLINE std::int64_t count() const { return N * P; }  // elements of a channel

  // Channel c of planes in pieces of at most kPieceTerms elements: parts of a plane, or several planes.
  FASTNETS_INLINE std::int64_t pieces() const {
    return P >= kPieceTerms ? N * divide_up(P, kPieceTerms) : divide_up(N, kPieceTerms / P);
  }
  FASTNETS_INLINE std::int64_t piece(std::int64_t c, std::int64_t i, Runs& runs) const {  // where it begins
    if (P >= kPieceTerms) {
      const std::int64_t parts = divide_up(P, kPieceTerms), at = i % parts * kPieceTerms;
      runs = {1, least(kPieceTerms, P - at), 0};
      return (i / parts * C + c) * P + at;
    }
    const std::int64_t n = i * (kPieceTerms / P);
    runs = {least(kPieceTerms / P, N - n), P, C * P};
    return (n * C + c) * P;
  }
};

// apply(c, offset, length) over all planes, in parts that are enough work and no more.
template <class Apply>
void each_plane_part(const Channels& s, const Apply& apply) {
  constexpr std::int64_t kPart = 1 << 14;
  const std::int64_t parts = divide_up(s.P, kPart), part = divide_up(s.P, parts);
  parallel_ranges(s.N * s.C * parts, divide_up(kPart, s.P), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {  // t = (n, c, part)
      const std::int64_t plane = t / parts, at = t % parts * part;
      if (at < s.P) apply(plane % s.C, plane * s.P + at, least(part, s.P - at));
    }
  });
}

// Reduces each channel of planes: of(offset, runs) makes an M of a piece, finish(c, M) sees the merged one; then, while
// they are in the cache, apply(c, offset, length) passes over its planes. Few channels are divided among more tasks
// than there are of them.
template <class M, class Of, class Finish, class Apply>
void reduce_planes(const Channels& s, M* kept, const Of& of, const Finish& finish, const Apply& apply) {
  constexpr std::int64_t kFew = 32;
  const std::int64_t pieces = s.pieces();
  if (s.C >= kFew) {
    parallel_ranges(s.C, divide_up(1 << 14, s.count()), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t c = begin; c < end; ++c) {
        Pairwise<M> merged;
        Runs runs;
        for (std::int64_t i = 0; i < pieces; ++i) {
          const std::int64_t offset = s.piece(c, i, runs);
          merged.add(of(c, offset, runs));
        }
        finish(c, merged.total());
        for (std::int64_t n = 0; n < s.N; ++n) apply(c, (n * s.C + c) * s.P, s.P);
      }
    });
    return;
  }
  parallel_ranges(s.C * pieces, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {  // t = (c, piece)
      Runs runs;
      const std::int64_t offset = s.piece(t / pieces, t % pieces, runs);
      kept[t] = of(t / pieces, offset, runs);
    }
  });
  for (std::int64_t c = 0; c < s.C; ++c) {
    Pairwise<M> merged;
    for (std::int64_t i = 0; i < pieces; ++i) merged.add(kept[c * pieces + i]);
    finish(c, merged.total());
  }
  each_plane_part(s, apply);
}

// apply(offset) over all rows, where C channels begin.
template <class Apply>
void each_row(const Channels& s, const Apply& apply) {
  parallel_ranges(s.count(), divide_up(1 << 14, s.C), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) apply(row * s.C);
  });
}

// Calls f(offset, n) for the vectors of a line, most of them whole.
template <class Acc, class F>
FASTNETS_INLINE void each_vector(std::int64_t offset, std::int64_t length, const F& f) {
  each_column_vector<Acc>(length, [&](std::int64_t i, int n) FASTNETS_INLINE_LAMBDA { f(offset + i, n); });
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
