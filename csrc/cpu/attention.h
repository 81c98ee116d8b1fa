// What all ways to compute attention share: blocks, their products, and where the heads of all sequences lie.
//
// Tiles have keys as rows and queries as columns (lanes): what softmax does for each query goes down a column, and the
// tiles below one another are at once a panel for the next product, whose depth is keys.
#pragma once
#include <numeric>

#include "core/ops/attention.h"
#include "cpu/gemm.h"
#include "cpu/layout.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

template <class T>
struct AttentionBlocks {
  static constexpr int kMR = Blocks<T>::kMR, kNR = Blocks<T>::kNR;
  static constexpr int kStep = std::lcm(kMR, kNR);
  static constexpr int kKeys = (192 + kStep / 2) / kStep * kStep;  // a block: its panels stay in the second-level cache
  static constexpr int kPanels = kNR < 64 ? 64 / kNR : 1, kQueries = kPanels * kNR;
  static_assert(kKeys > 0 && kKeys <= 512, "a block of keys is one chain of a sum");
};

// tile[kMR][kNR] (+)= a · b over a depth, in chains of at most 512 terms.
template <class T>
FASTNETS_INLINE void multiply_panels(std::int64_t depth, const PanelElement<T>* a, const PanelElement<T>* b,
                                     Accumulator<T>* tile, bool add) {
  constexpr int kMR = Blocks<T>::kMR, kNR = Blocks<T>::kNR, G = Panel<T>::kGroup;
  constexpr std::int64_t kChain = 512;
  std::int64_t k = 0;
  do {
    const int groups = static_cast<int>(divide_up(least(kChain, depth - k), G));
    micro_kernel<T>(groups, a + k * kMR, b + k * kNR, tile, add || k > 0);
    k += kChain;
  } while (k < depth);
}

// Rows of kNR numbers as a panel of that depth.
template <class T>
FASTNETS_INLINE const PanelElement<T>* as_panel(const Accumulator<T>* rows, [[maybe_unused]] int depth,
                                                [[maybe_unused]] PanelElement<T>* room) {
#if defined(FASTNETS_BFLOAT16_PAIRS)
  if constexpr (kPairs<T>) {
    constexpr int kNR = Blocks<T>::kNR, L = kLanes<T>;
    for (int k = 0; k < depth; k += 2)
      for (int c = 0; c < kNR; c += L) {
        T even[L], odd[L];
        store(even, load(rows + k * kNR + c));
        if (k + 1 < depth) store(odd, load(rows + (k + 1) * kNR + c));
        store_zipped(room + k * kNR + 2 * c, even, k + 1 < depth ? odd : nullptr, L);
      }
    return room;
  }
#endif
  if constexpr (!kPairs<T>) return rows;
}

// What panels are packed from: half precision is widened before, once, so that packing moves whole vectors.
template <class T>
using Packed = std::conditional_t<kPairs<T>, T, Accumulator<T>>;

// Rows i0 … i0 + count − 1 of m: where they lie, or widened into `room`, which has space for count · D.
template <class T>
Matrix<Packed<T>> widened(const Matrix<T>& m, std::int64_t i0, std::int64_t count, std::int64_t D,
                          [[maybe_unused]] Accumulator<T>* room) {
  const T* from = m.data + i0 * m.row_stride;
  if constexpr (std::is_same_v<T, Packed<T>>) {
    return {from, m.row_stride, m.depth_stride};
  } else {
    for (std::int64_t i = 0; i < count; ++i) {
      const T* row = from + i * m.row_stride;
      Accumulator<T>* to = room + i * D;
      if (m.depth_stride == 1)
        each_vector<kLanes<T>>(0, D, [&](std::int64_t d, int n) { write(to + d, read(row + d, n), n); });
      else
        for (std::int64_t d = 0; d < D; ++d) to[d] = widen(row[d * m.depth_stride]);
    }
    return {room, D, 1};
  }
}
// Elements of that room; none where rows are packed as they are.
template <class T>
constexpr std::int64_t room_to_widen(std::int64_t elements) {
  return std::is_same_v<T, Packed<T>> ? 0 : elements;
}

// Panels of kR rows each, `count` rows in all, and of a whole depth.
template <int kR, class S>
void pack_rows(const Matrix<S>& m, std::int64_t count, std::int64_t depth, PanelElement<S>* out) {
  const std::int64_t panel = kR * round_up(depth, Panel<S>::kGroup);
  for (std::int64_t r = 0; r * kR < count; ++r)
    pack<kR>(m, r * kR, static_cast<int>(least(kR, count - r * kR)), 0, static_cast<int>(depth), out + r * panel);
}
template <class S>
Matrix<S> turned(const Matrix<S>& m) {
  return {m.data, m.depth_stride, m.row_stride};
}

// Rows first … of `out`, `count` at most kNR, from columns: row i, element d is columns[d][i] · factor[i]. What follows
// the D rows of `columns`, up to a vector, is read too.
template <class T>
void write_columns(const Accumulator<T>* columns, std::int64_t D, const Accumulator<T>* factor, const Matrix<T>& out,
                   std::int64_t first, int count) {
  using V = Vec<Accumulator<T>>;
  constexpr int kNR = Blocks<T>::kNR, L = V::lanes;
  T* to = const_cast<T*>(out.data) + first * out.row_stride;
  for (int c = 0; c < count; c += L) {
    const V scale = load(factor + c);
    for (std::int64_t d = 0; d < D; d += L) {
      V block[L];
      for (int l = 0; l < L; ++l) block[l] = load(columns + (d + l) * kNR + c) * scale;
      transpose(block);
      const int n = static_cast<int>(least(L, D - d)), rows = static_cast<int>(least(L, count - c));
      for (int l = 0; l < rows; ++l) {
        T* row = to + (c + l) * out.row_stride + d * out.depth_stride;
        if (out.depth_stride == 1) {
          write(row, block[l], n);
        } else {
          Accumulator<T> lane[L];
          store(lane, block[l]);
          for (int e = 0; e < n; ++e) row[e * out.depth_stride] = narrow<T>(lane[e]);
        }
      }
    }
  }
}

// One sequence: where it begins among packed ones, and how long it is.
struct Sequence {
  std::int64_t number = 0, q_begin = 0, Sq = 0, k_begin = 0, Sk = 0;
};

// A call: sequences × heads. Arrays are read where they lie.
template <class T>
struct AttentionProblem {
  const Attention& op;
  std::int64_t N, H, Hk, group, D, Dv;

  explicit AttentionProblem(const Attention& op_)
      : op(op_),
        N(op.batch()),
        H(op.heads(op.query)),
        Hk(op.heads(op.key)),
        group(Hk ? H / Hk : 1),
        D(op.query.shape[op.query.ndim - 1]),
        Dv(op.value.shape[op.value.ndim - 1]) {}

  Sequence sequence(std::int64_t n) const {
    if (op.is_packed())
      return {n, at(op.cu_seqlens_q, n), at(op.cu_seqlens_q, n + 1) - at(op.cu_seqlens_q, n), at(op.cu_seqlens_k, n),
              at(op.cu_seqlens_k, n + 1) - at(op.cu_seqlens_k, n)};
    return {n, 0, op.length(op.query), 0, op.key_lengths ? at(op.key_lengths, n) : op.length(op.key)};
  }

  // Blocks of positions, of all sequences: those of a sequence have numbers from `first_block` on; some are nobody's.
  std::int64_t blocks(const Tensor& t, std::int64_t size) const {
    return op.is_packed() ? op.length(t) / size + N : N * divide_up(op.length(t), size);
  }
  std::int64_t first_block(const Tensor& t, const Sequence& s, std::int64_t begin, std::int64_t size) const {
    return op.is_packed() ? begin / size + s.number : s.number * divide_up(op.length(t), size);
  }
  // The sequence that block b of queries or keys may belong to.
  Sequence sequence_of_block(const Tensor& t, std::int64_t b, std::int64_t size) const {
    if (!op.is_packed()) return sequence(b / divide_up(op.length(t), size));
    const Tensor& begins = &t == &op.query ? op.cu_seqlens_q : op.cu_seqlens_k;
    std::int64_t low = 0, high = N - 1;
    while (low < high) {
      const std::int64_t middle = (low + high + 1) / 2;
      (at(begins, middle) / size + middle <= b ? low : high) =
          at(begins, middle) / size + middle <= b ? middle : middle - 1;
    }
    return sequence(low);
  }

  // One head of a sequence in an array laid out as query, key or value are: (positions, head dimension).
  template <class E>
  Matrix<E> matrix(const Tensor& t, const Sequence& s, std::int64_t head, std::int64_t begin) const {
    std::int64_t offset = begin * t.stride[op.length_dim()];
    if (op.head_dim() >= 0) offset += head * t.stride[op.head_dim()];
    for (std::int64_t d = op.head_dim() - 1, rest = s.number; d >= 0 && !op.is_packed(); rest /= t.shape[d], --d)
      offset += rest % t.shape[d] * t.stride[d];
    return {t.as<E>() + offset, t.stride[op.length_dim()], t.stride[t.ndim - 1]};
  }
  Matrix<T> queries(const Tensor& t, const Sequence& s, std::int64_t h) const { return matrix<T>(t, s, h, s.q_begin); }
  Matrix<T> keys(const Tensor& t, const Sequence& s, std::int64_t hk) const { return matrix<T>(t, s, hk, s.k_begin); }

  // Row-major number of a query: of lse, and of dropout's rows.
  std::int64_t row(const Sequence& s, std::int64_t h, std::int64_t i) const {
    if (op.is_packed()) return h * op.length(op.query) + s.q_begin + i;
    return (s.number * H + h) * s.Sq + i;
  }
  std::int64_t rows() const { return op.is_packed() ? H * op.length(op.query) : N * H * op.length(op.query); }
  // Keys in a row of dropout's numbers.
  std::int64_t row_length() const {
    if (!op.is_packed()) return op.length(op.key);
    std::int64_t longest = 0;
    for (std::int64_t n = 0; n < N; ++n) longest = most(longest, sequence(n).Sk);
    return longest;
  }

  static std::int64_t at(const Tensor& t, std::int64_t i) {
    return t.dtype == DType::int32 ? t.as<std::int32_t>()[i * t.stride[0]] : t.as<std::int64_t>()[i * t.stride[0]];
  }
  // One number of an array (H,) of any floating dtype.
  static Accumulator<T> number(const Tensor& t, std::int64_t h) {
    Accumulator<T> value = 0;
    visit_float(t.dtype,
                [&]<class E>(Type<E>) { value = static_cast<Accumulator<T>>(widen(t.as<E>()[h * t.stride[0]])); });
    return value;
  }
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
