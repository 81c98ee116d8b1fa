// Attention, what becomes of the product of a query and a key: scale, cap, slopes, mask, and which keys are hidden; and
// what dropout does to probabilities.
#pragma once
#include "cpu/attention.h"
#include "cpu/math.h"
#include "cpu/random.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

constexpr std::int64_t kUnbounded = std::int64_t{1} << 60;
constexpr double kLog2E = 1.4426950408889634074, kLn2 = 0.69314718055994530942;

// tile[key][query] = change(line[key]) for the lines of kNR queries: line(i, room, the line before or null) fills one.
template <class T, class Line, class Change>
FASTNETS_INLINE void turn_lines(int keys, Accumulator<T>* tile, const Line& line, const Change& change) {
  using V = Vec<Accumulator<T>>;
  constexpr int kNR = Blocks<T>::kNR, L = V::lanes;
  Accumulator<T> lines[L][AttentionBlocks<T>::kKeys + L];
  for (int c = 0; c < kNR; c += L) {
    for (int l = 0; l < L; ++l) line(c + l, lines[l], l ? lines[l - 1] : nullptr);
    for (int j = 0; j < keys; j += L) {
      V block[L];
      for (int l = 0; l < L; ++l) block[l] = load(lines[l] + j);
      transpose(block);
      for (int l = 0; l < L && j + l < keys; ++l) store(tile + (j + l) * kNR + c, change(block[l]));
    }
  }
}

// The scores of one head. Where nothing but a positive scale is asked for, products stay as they are, but for those of
// hidden keys, and the scale joins the exponential: exp(score) = 2^(factor · what `apply` leaves).
template <class T>
struct ScoreRules {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  static constexpr int kNR = Blocks<T>::kNR, L = V::lanes;
  static constexpr Acc kHidden = -std::numeric_limits<Acc>::infinity();

  Acc scale, softcap, slope = 0;
  std::int64_t offset;          // query i stands at key i + offset
  std::int64_t before, behind;  // and sees as many keys before and behind
  const Tensor* mask = nullptr;
  std::int64_t mask_offset = 0, mask_row = 0, mask_column = 0;
  bool is_plain;
  Acc factor;

  ScoreRules(const AttentionProblem<T>& p, const Sequence& s, std::int64_t h)
      : scale(static_cast<Acc>(p.op.scale)),
        softcap(static_cast<Acc>(p.op.softcap)),
        offset(p.op.causal_alignment == CausalAlignment::lower_right ? s.Sk - s.Sq : 0),
        before(p.op.window_left < 0 ? kUnbounded : p.op.window_left),
        behind(p.op.is_causal          ? 0
               : p.op.window_right < 0 ? kUnbounded
                                       : p.op.window_right) {
    if (p.op.alibi_slopes) slope = AttentionProblem<T>::number(p.op.alibi_slopes, h);
    factor = static_cast<Acc>(p.op.scale * kLog2E);
    is_plain = softcap == 0 && slope == 0 && factor > 0 && !(p.op.attn_mask && p.op.attn_mask.dtype != DType::boolean);
    if (!is_plain) factor = static_cast<Acc>(kLog2E);
    if (!p.op.attn_mask) return;
    mask = &p.op.attn_mask;
    const int last = mask->ndim - 1, shift = p.op.query.ndim - mask->ndim;
    const auto step = [&](int d) { return d < 0 || mask->shape[d] == 1 ? 0 : mask->stride[d]; };
    mask_column = step(last), mask_row = step(last - 1);
    if (p.op.head_dim() >= 0) mask_offset = h * step(p.op.head_dim() - shift);
    for (std::int64_t d = p.op.head_dim() - 1, rest = s.number; d >= 0; rest /= p.op.query.shape[d], --d)
      mask_offset += rest % p.op.query.shape[d] * step(static_cast<int>(d) - shift);
  }

  // The keys that some of the queries i0 … i1 − 1 see lie from first_key to before end_key.
  std::int64_t first_key(std::int64_t i0) const { return before >= kUnbounded ? 0 : most(0, i0 + offset - before); }
  std::int64_t end_key(std::int64_t i1, std::int64_t Sk) const {
    return behind >= kUnbounded ? Sk : most(0, least(Sk, i1 + offset + behind));
  }

  // line[j] = what the mask adds to the score of query i and key j0 + j; a boolean one hides, with −∞.
  void read_mask(std::int64_t i, std::int64_t j0, int keys, Acc* line) const {
    const std::int64_t begin = mask_offset + i * mask_row + j0 * mask_column;
    const auto each = [&](auto value) {
      if (mask_column == 1)
        for (int j = 0; j < keys; ++j) line[j] = value(begin + j);
      else
        for (int j = 0; j < keys; ++j) line[j] = value(begin + j * mask_column);
    };
    if (mask->dtype == DType::boolean) {
      using Bits = std::conditional_t<sizeof(Acc) == 8, std::uint64_t, std::uint32_t>;
      const Bits hidden =
          std::bit_cast<Bits>(kHidden);  // a byte − 1 has these bits where it is 0, else not one of them
      return each([=, m = mask->as<std::uint8_t>()](std::int64_t at) {
        return std::bit_cast<Acc>((Bits{m[at]} - 1) & hidden);
      });
    }
    visit_float(mask->dtype, [&]<class E>(Type<E>) {
      each([m = mask->as<E>()](std::int64_t at) { return static_cast<Acc>(widen(m[at])); });
    });
  }

  // bias[key][query] = what the mask says of keys j0 … and queries i0 …, of which there are `rows`; −∞ in the columns
  // after them. Returns how many elements are −∞.
  int fill_bias(std::int64_t i0, int rows, std::int64_t j0, int keys, Acc* bias) const {
    V hidden = splat(Acc(0));
    const V lowest = splat(std::numeric_limits<Acc>::lowest()), one = splat(Acc(1)), none = splat(Acc(0));
    turn_lines<T>(
        keys, bias,
        [&](int i, Acc* line, const Acc* line_before) {
          if (i >= rows)
            for (int j = 0; j < keys; ++j) line[j] = kHidden;
          else if (line_before && mask_row == 0)
            __builtin_memcpy(line, line_before, static_cast<std::size_t>(keys) * sizeof(Acc));
          else
            read_mask(i0 + i, j0, keys, line);
        },
        [&](V b) FASTNETS_INLINE_LAMBDA {
          hidden = hidden + select(less(b, lowest), one, none);
          return b;
        });
    return static_cast<int>(sum(hidden));
  }

  // Turns products of keys j0 … (rows) and queries i0 … (columns) into scores. Where asked for, `slopes` are the
  // derivatives of the cap.
  template <bool kWithSlopes = false>
  void apply(Acc* scores, std::int64_t i0, std::int64_t j0, int keys, const Acc* bias, Acc* slopes = nullptr) const {
    const bool sees_all = j0 >= i0 + kNR - 1 + offset - before && j0 + keys - 1 <= i0 + offset + behind;
    if (is_plain && !bias && sees_all) return;
    const auto each = [&](auto plain) {
      for (int j = 0; j < keys; ++j)
        for (int c = 0; c < kNR; c += L) {
          const std::int64_t ahead = i0 + c + offset - (j0 + j);  // position of the first lane's query − key
          Acc* at = scores + j * kNR + c;
          V s = load(at);
          if constexpr (!plain)
            s = score<kWithSlopes>(s, splat(static_cast<Acc>(ahead)) + load(kLaneNumbers<Acc>),
                                   slopes + (kWithSlopes ? j * kNR + c : 0));
          if (bias) s = masked(s, bias + j * kNR + c);
          if (!sees_all) s = lanes_seen(s, -behind - ahead, before - ahead);
          store(at, s);
        }
    };
    is_plain ? each(std::true_type()) : each(std::false_type());
  }

  // The same for query i and keys j0 …, which are the lanes here; `bias` is a line of the mask.
  void apply_row(Acc* scores, std::int64_t i, std::int64_t j0, int keys, const Acc* bias) const {
    const std::int64_t first_ahead = i + offset - j0;
    const bool sees_all = first_ahead <= before && keys - 1 - first_ahead <= behind;
    if (is_plain && !bias && sees_all) return;
    for (int j = 0; j < keys; j += L) {
      const std::int64_t ahead = first_ahead - j;
      V s = load(scores + j);
      if (!is_plain) s = score<false>(s, splat(static_cast<Acc>(ahead)) - load(kLaneNumbers<Acc>), nullptr);
      if (bias) s = masked(s, bias + j);
      if (!sees_all) s = lanes_seen(s, ahead - before, ahead + behind);
      store(scores + j, s);
    }
  }

 private:
  template <bool kWithSlopes>
  FASTNETS_INLINE V score(V product, V ahead, [[maybe_unused]] Acc* slopes) const {
    V s = product * splat(scale);
    if (softcap > 0) {
      const V t = tanh(s / splat(softcap));
      s = t * splat(softcap);
      if constexpr (kWithSlopes) store(slopes, splat(Acc(1)) - t * t);
    }
    return slope != 0 ? s - splat(slope) * abs(ahead) : s;
  }
  FASTNETS_INLINE V masked(V s, const Acc* bias) const {
    const V b = load(bias);
    return mask->dtype == DType::boolean ? select(less(b, splat(Acc(0))), splat(kHidden), s) : s + b;
  }
  // Hides what is in lanes before `lowest` and after `highest`.
  FASTNETS_INLINE static V lanes_seen(V s, std::int64_t lowest, std::int64_t highest) {
    const V lane = load(kLaneNumbers<Acc>);
    s = select(less(lane, splat(static_cast<Acc>(most(-1, least(L, lowest))))), splat(kHidden), s);
    return select(less(splat(static_cast<Acc>(most(-1, least(L, highest)))), lane), splat(kHidden), s);
  }
};

// What dropout multiplies probabilities by, 0 or 1 / (1 − p), as the reference draws it.
template <class T>
struct AttentionDropout {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  double p;
  std::uint64_t seed;
  std::int64_t row_length;
  Acc factor;

  explicit AttentionDropout(const AttentionProblem<T>& problem)
      : p(problem.op.dropout_p),
        seed(problem.op.seed),
        row_length(p > 0 ? problem.row_length() : 0),
        factor(p < 1 ? static_cast<Acc>(1 / (1 - p)) : 0) {}
  explicit operator bool() const { return p > 0; }

  // kept[key][query] for keys j0 … and the queries whose row-major numbers begin with `row`.
  void fill(std::int64_t row, int rows, std::int64_t j0, int keys, Acc* kept) const {
    const V least_kept = splat(static_cast<Acc>(std::ceil(p * 0x1p24))), yes = splat(factor), no = splat(Acc(0));
    turn_lines<T>(
        keys, kept,
        [&](int i, Acc* line, const Acc*) {
          float drawn[kDrawn];
          const std::int64_t begin = (row + i) * row_length + j0;
          for (int j = 0; i < rows && j < keys;) {
            const std::int64_t block = (begin + j) / kDrawn;
            draw(seed, block * kDrawn, RandomUse::attention, drawn);
            for (std::int64_t at = begin + j - block * kDrawn; at < kDrawn && j < keys; ++at, ++j) line[j] = drawn[at];
          }
          for (int j = 0; i >= rows && j < keys; ++j) line[j] = 0;
        },
        [&](V drawn) FASTNETS_INLINE_LAMBDA { return select(less(drawn, least_kept), no, yes); });
  }
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
