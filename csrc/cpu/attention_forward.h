// Attention, forward: a task has a block of queries of one head and goes over blocks of keys with an online softmax.
#pragma once
#include "cpu/attention_scores.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Keys and values of all sequences as panels, block by block: packed once for all blocks of queries and all heads that
// share them.
template <class T>
struct KeyPanels {
  using B = AttentionBlocks<T>;
  using P = PanelElement<T>;
  static constexpr int G = Panel<T>::kGroup;
  std::int64_t blocks, key_size, value_size;  // of one head; elements of a block
  P *keys, *values;

  KeyPanels(const AttentionProblem<T>& p, Workspace& workspace)
      : blocks(p.blocks(p.op.key, B::kKeys)),
        key_size(round_up(B::kKeys, B::kMR) * round_up(p.D, G)),
        value_size(round_up(p.Dv, B::kMR) * round_up(B::kKeys, G)),
        keys(workspace.take<P>(p.Hk * blocks * key_size + kPanelSlack)),
        values(workspace.take<P>(p.Hk * blocks * value_size + kPanelSlack)) {}

  const P* key_block(std::int64_t hk, std::int64_t b) const { return keys + (hk * blocks + b) * key_size; }
  const P* value_block(std::int64_t hk, std::int64_t b) const { return values + (hk * blocks + b) * value_size; }

  void pack_all(const AttentionProblem<T>& p) const {
    const auto task = [&](std::int64_t t) {  // t = (hk, block)
      const std::int64_t b = t % blocks, hk = t / blocks;
      const Sequence s = p.sequence_of_block(p.op.key, b, B::kKeys);
      const std::int64_t j0 = (b - p.first_block(p.op.key, s, s.k_begin, B::kKeys)) * B::kKeys;
      const int keys_here = static_cast<int>(least(B::kKeys, s.Sk - j0));
      if (keys_here <= 0) return;
      constexpr int kMR = B::kMR;
      const auto through_room = [&](P* out, std::int64_t size, const auto& write) {
        // what a store runs past the panel may belong to another thread's
        P* room = static_cast<P*>(scratch(static_cast<std::size_t>(size + kPanelSlack) * sizeof(P), 1));
        write(room);
        __builtin_memcpy(out, room, static_cast<std::size_t>(size) * sizeof(P));
      };
      const std::int64_t key_panel = kMR * round_up(p.D, G), value_panel = kMR * round_up(keys_here, G);
      const Matrix<T> k = p.keys(p.op.key, s, hk), v = p.keys(p.op.value, s, hk);
      const Matrix<T> v_dims{v.data, v.depth_stride, v.row_stride};
      const std::int64_t key_panels = divide_up(keys_here, kMR), value_panels = divide_up(p.Dv, kMR);
      through_room(const_cast<P*>(key_block(hk, b)), key_panels * key_panel, [&](P* room) {
        for (std::int64_t r = 0; r < key_panels; ++r)
          pack<kMR>(k, j0 + r * kMR, static_cast<int>(least(kMR, keys_here - r * kMR)), 0, static_cast<int>(p.D),
                    room + r * key_panel);
      });
      through_room(const_cast<P*>(value_block(hk, b)), value_panels * value_panel, [&](P* room) {
        for (std::int64_t r = 0; r < value_panels; ++r)
          pack<kMR>(v_dims, r * kMR, static_cast<int>(least(kMR, p.Dv - r * kMR)), j0, keys_here,
                    room + r * value_panel);
      });
    };
    parallel(p.Hk * blocks, task);
  }
};

// The running softmax of kNR queries: the largest score, the sum of exponentials, and the output so far as
// tiles (dimension, query).
template <class T>
struct OnlineSoftmax {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  static constexpr int kMR = Blocks<T>::kMR, kNR = Blocks<T>::kNR, L = V::lanes, kNV = kNR / L;
  Acc largest[kNR], total[kNR];

  void begin(bool has_sink, Acc sink) {
    for (int i = 0; i < kNR; ++i) largest[i] = has_sink ? sink : ScoreRules<T>::kHidden, total[i] = has_sink ? 1 : 0;
  }

  // Takes in the scores of some keys and leaves exp(score − largest) in their place; what was summed before counts
  // `shrink` times from now on. Returns whether any of that is not 1.
  bool take(Acc* scores, int keys, Acc by, Acc* shrink) {
    bool changed = false;
    for (int c = 0; c < kNR; c += L) {
      const V before = load(largest + c), by_all = splat(by);
      V top = splat(ScoreRules<T>::kHidden);
      for (int j = 0; j < keys; ++j) top = max(load(scores + j * kNR + c), top);
      top = max(top * by_all, before);
      store(largest + c, top);
      // a query that has seen no key yet keeps −inf; its exponentials are 0
      const V shift = select(less(splat(ScoreRules<T>::kHidden), top), splat(Acc(0)) - top, splat(Acc(0)));
      const V factor = exp2_flushed(before + shift);
      V sum = splat(Acc(0));
      for (int j = 0; j < keys; ++j) {
        const V e = exp2_flushed(fma(load(scores + j * kNR + c), by_all, shift));
        store(scores + j * kNR + c, e);
        sum = sum + e;
      }
      store(total + c, fma(load(total + c), factor, sum));
      store(shrink + c, factor);
    }
    for (int i = 0; i < kNR; ++i) changed |= shrink[i] != 1;
    return changed;
  }

  static void scale(Acc* tiles, std::int64_t count, const Acc* factor) {
    for (std::int64_t row = 0; row < count * kMR; ++row)
      for (int c = 0; c < kNR; c += L) store(tiles + row * kNR + c, load(tiles + row * kNR + c) * load(factor + c));
  }
};

template <class T>
struct AttentionForward {
  using B = AttentionBlocks<T>;
  using P = PanelElement<T>;
  using Acc = Accumulator<T>;
  static constexpr int kMR = B::kMR, kNR = B::kNR, G = Panel<T>::kGroup;

  const AttentionProblem<T> p;
  const KeyPanels<T> panels;
  const AttentionDropout<T> dropout;
  T* output;
  Acc* lse;

  AttentionForward(const Attention& op, Workspace& workspace)
      : p(op),
        panels(p, workspace),
        dropout(p),
        output(op.output.as<T>()),
        lse(op.lse        ? op.lse.as<Acc>()
            : op.kept_lse ? op.kept_lse.as<Acc>()
                          : nullptr) {}

  struct Room {
    P *queries, *probabilities;
    Acc *scores, *bias, *kept, *tiles;
  };
  Room carve(Workspace& w) const {
    const bool has_mask = static_cast<bool>(p.op.attn_mask);
    Room r;
    r.queries = w.take<P>(B::kPanels * kNR * round_up(p.D, G) + kPanelSlack);
    r.probabilities = w.take<P>(kPairs<T> ? (B::kKeys + 1) * kNR : 0);
    r.scores = w.take<Acc>((B::kKeys + kMR) * kNR);
    r.bias = w.take<Acc>(has_mask ? B::kKeys * kNR : 0);
    r.kept = w.take<Acc>(dropout ? B::kKeys * kNR : 0);
    r.tiles = w.take<Acc>(B::kPanels * round_up(p.Dv, kMR) * kNR);
    return r;
  }

  void run() const {
    const std::int64_t blocks = p.blocks(p.op.query, B::kQueries);
    panels.pack_all(p);
    const auto task = [&](std::int64_t t) {  // t = (block, head): heads that share keys one after the other
      const std::int64_t b = t / p.H, h = t % p.H;
      const Sequence s = p.sequence_of_block(p.op.query, b, B::kQueries);
      const std::int64_t i0 = (b - p.first_block(p.op.query, s, s.q_begin, B::kQueries)) * B::kQueries;
      if (i0 < s.Sq) attend(s, h, i0, least(B::kQueries, s.Sq - i0));
    };
    parallel(blocks * p.H, task);
  }

 private:
  // Queries i0 … i0 + rows − 1 of one head.
  void attend(const Sequence& s, std::int64_t h, std::int64_t i0, std::int64_t rows) const {
    Workspace space;
    carve(space);
    space = {static_cast<std::byte*>(scratch(space.used, 1)), 0};
    const Room room = carve(space);
    const ScoreRules<T> rules(p, s, h);
    const std::int64_t hk = h / p.group, count = divide_up(rows, kNR), dims = divide_up(p.Dv, kMR);
    const std::int64_t tile_size = dims * kMR * kNR, query_panel = kNR * round_up(p.D, G);
    const Matrix<T> q = p.queries(p.op.query, s, h);
    OnlineSoftmax<T> softmax[B::kPanels];
    for (std::int64_t c = 0; c < count; ++c) {
      pack<kNR>(q, i0 + c * kNR, columns(rows, c), 0, static_cast<int>(p.D), room.queries + c * query_panel);
      softmax[c].begin(static_cast<bool>(p.op.sinks),
                       p.op.sinks ? AttentionProblem<T>::number(p.op.sinks, h) * static_cast<Acc>(kLog2E) : Acc(0));
    }
    for (std::int64_t i = 0; i < count * tile_size; ++i) room.tiles[i] = 0;
    const std::int64_t first = rules.first_key(i0), end = rules.end_key(i0 + rows, s.Sk);
    const std::int64_t block = p.first_block(p.op.key, s, s.k_begin, B::kKeys);
    for (std::int64_t j0 = first / B::kKeys * B::kKeys; j0 < end; j0 += B::kKeys) {
      const int keys = static_cast<int>(least(B::kKeys, s.Sk - j0));
      const P* key_block = panels.key_block(hk, block + j0 / B::kKeys);
      const P* value_block = panels.value_block(hk, block + j0 / B::kKeys);
      for (std::int64_t c = 0; c < count; ++c) {
        const std::int64_t i = i0 + c * kNR;
        if (j0 >= rules.end_key(i + columns(rows, c), s.Sk) || j0 + keys <= rules.first_key(i)) continue;
        const P* query = room.queries + c * query_panel;
        for (std::int64_t r = 0; r * kMR < keys; ++r)
          multiply_panels<T>(p.D, key_block + r * kMR * round_up(p.D, G), query, room.scores + r * kMR * kNR, false);
        const Acc* bias = rules.mask ? room.bias : nullptr;
        if (bias) rules.fill_bias(i, columns(rows, c), j0, keys, room.bias);
        rules.apply(room.scores, i, j0, keys, bias);
        Acc shrink[kNR];
        Acc* tiles = room.tiles + c * tile_size;
        if (softmax[c].take(room.scores, keys, rules.factor, shrink)) OnlineSoftmax<T>::scale(tiles, dims, shrink);
        if (dropout) {
          dropout.fill(p.row(s, h, i), columns(rows, c), j0, keys, room.kept);
          for (int e = 0; e < keys * kNR; ++e) room.scores[e] *= room.kept[e];
        }
        const P* probabilities = as_panel<T>(room.scores, keys, room.probabilities);
        for (std::int64_t d = 0; d < dims; ++d)
          multiply_panels<T>(keys, value_block + d * kMR * round_up(keys, G), probabilities, tiles + d * kMR * kNR,
                             true);
      }
    }
    const Matrix<T> out = p.queries(p.op.output, s, h);
    for (std::int64_t c = 0; c < count; ++c)
      finish(softmax[c], room.tiles + c * tile_size, out, i0 + c * kNR, columns(rows, c), p.row(s, h, i0 + c * kNR));
  }

  static int columns(std::int64_t rows, std::int64_t panel) { return static_cast<int>(least(kNR, rows - panel * kNR)); }

  void finish(const OnlineSoftmax<T>& softmax, const Acc* tiles, const Matrix<T>& out, std::int64_t i0, int rows,
              std::int64_t row) const {
    for (int i = 0; i < rows; ++i) {
      const Acc total = softmax.total[i], inverse = total == 0 ? Acc(0) : 1 / total;
      T* to = const_cast<T*>(out.data) + (i0 + i) * out.row_stride;
      for (std::int64_t d = 0; d < p.Dv; ++d) to[d * out.depth_stride] = narrow<T>(tiles[d * kNR + i] * inverse);
      if (lse)
        lse[row + i] =
            total == 0 ? ScoreRules<T>::kHidden : softmax.largest[i] * static_cast<Acc>(kLn2) + std::log(total);
    }
  }
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
