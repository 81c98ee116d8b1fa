// Attention, forward: a task has a block of queries of one head and goes over blocks of keys with an online softmax.
#pragma once
#include "cpu/attention_scores.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Queries of a task: as many panels as meet a block of keys while it is in the second-level cache.
template <class T>
struct ForwardBlocks : AttentionBlocks<T> {
  static constexpr int kPanels = 128 / AttentionBlocks<T>::kNR, kQueries = kPanels * AttentionBlocks<T>::kNR;
};

// Blocks of keys and values as panels. Where several tasks read a block it is packed beforehand, once for all, else by
// its task.
template <class T>
struct KeyPanels {
  using B = ForwardBlocks<T>;
  using P = PanelElement<T>;
  static constexpr int kMR = B::kMR, G = Panel<T>::kGroup;
  bool is_shared;
  std::int64_t blocks, key_size, value_size;  // of one head; elements of a block, and what stores run past it
  P *keys, *values;

  KeyPanels(const AttentionProblem<T>& p, Workspace& workspace)
      : is_shared(p.group > 1 || p.op.length(p.op.query) > B::kQueries),
        blocks(p.blocks(p.op.key, B::kKeys)),
        key_size(round_up(B::kKeys, kMR) * round_up(p.D, G) + kPanelSlack),
        value_size(round_up(p.Dv, kMR) * round_up(B::kKeys, G) + kPanelSlack),
        keys(workspace.take<P>(is_shared ? p.Hk * blocks * key_size : 0)),
        values(workspace.take<P>(is_shared ? p.Hk * blocks * value_size : 0)) {}

  P* key_block(std::int64_t hk, std::int64_t b) const { return keys + (hk * blocks + b) * key_size; }
  P* value_block(std::int64_t hk, std::int64_t b) const { return values + (hk * blocks + b) * value_size; }

  // Packs the block of keys that begins with j0; `room` takes what `room_size` says.
  static void pack_block(const AttentionProblem<T>& p, const Sequence& s, std::int64_t hk, std::int64_t j0, P* key_out,
                         P* value_out, Accumulator<T>* room) {
    const std::int64_t count = least(B::kKeys, s.Sk - j0);
    pack_rows<kMR>(widened(p.keys(p.op.key, s, hk), j0, count, p.D, room), count, p.D, key_out);
    pack_rows<kMR>(turned(widened(p.keys(p.op.value, s, hk), j0, count, p.Dv, room)), p.Dv, count, value_out);
  }
  static std::int64_t room_size(const AttentionProblem<T>& p) { return room_to_widen<T>(B::kKeys * most(p.D, p.Dv)); }

  void pack_all(const AttentionProblem<T>& p) const {
    const auto task = [&](std::int64_t t) {  // t = (hk, block)
      const std::int64_t b = t % blocks, hk = t / blocks;
      const Sequence s = p.sequence_of_block(p.op.key, b, B::kKeys);
      const std::int64_t j0 = (b - p.first_block(p.op.key, s, s.k_begin, B::kKeys)) * B::kKeys;
      if (j0 >= s.Sk) return;
      void* room = scratch(static_cast<std::size_t>(room_size(p)) * sizeof(Accumulator<T>), 1);
      pack_block(p, s, hk, j0, key_block(hk, b), value_block(hk, b), static_cast<Accumulator<T>*>(room));
    };
    if (is_shared) parallel(p.Hk * blocks, task);
  }
};

// The running softmax of kNR queries: the largest score, the sum of exponentials, and the output so far as
// tiles (dimension, query).
template <class T>
struct OnlineSoftmax {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  static constexpr int kNR = Blocks<T>::kNR, L = V::lanes;
  Acc largest[kNR], total[kNR];

  void begin(Acc sink, bool has_sink) {
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

  static void scale(Acc* tiles, std::int64_t rows, const Acc* factor) {
    for (std::int64_t row = 0; row < rows; ++row)
      for (int c = 0; c < kNR; c += L) store(tiles + row * kNR + c, load(tiles + row * kNR + c) * load(factor + c));
  }
};

template <class T>
struct AttentionForward {
  using B = ForwardBlocks<T>;
  using P = PanelElement<T>;
  using Acc = Accumulator<T>;
  static constexpr int kMR = B::kMR, kNR = B::kNR, G = Panel<T>::kGroup;

  const AttentionProblem<T> p;
  const KeyPanels<T> panels;
  const AttentionDropout<T> dropout;
  Acc* lse;

  AttentionForward(const Attention& op, Workspace& workspace)
      : p(op),
        panels(p, workspace),
        dropout(p),
        lse(op.lse        ? op.lse.as<Acc>()
            : op.kept_lse ? op.kept_lse.as<Acc>()
                          : nullptr) {}

  void run() const {
    const std::int64_t blocks = p.blocks(p.op.query, B::kQueries);
    panels.pack_all(p);
    const auto task = [&](std::int64_t t) {  // t = (block, head): heads that share keys one after the other
      const std::int64_t b = blocks - 1 - t / p.H, h = t % p.H;  // the last queries see most keys, if not all
      const Sequence s = p.sequence_of_block(p.op.query, b, B::kQueries);
      const std::int64_t i0 = (b - p.first_block(p.op.query, s, s.q_begin, B::kQueries)) * B::kQueries;
      if (i0 < s.Sq) attend(s, h, i0, least(B::kQueries, s.Sq - i0));
    };
    parallel(blocks * p.H, task);
  }

 private:
  struct Room {
    P *queries, *keys, *values, *probabilities;
    Acc *widened, *scores, *bias, *kept, *tiles;
    Room(const AttentionForward& f, Workspace& w)
        : queries(w.take<P>(B::kQueries * round_up(f.p.D, G) + kPanelSlack)),
          keys(w.take<P>(f.panels.is_shared ? 0 : f.panels.key_size)),
          values(w.take<P>(f.panels.is_shared ? 0 : f.panels.value_size)),
          probabilities(w.take<P>(kPairs<T> ? (B::kKeys + 1) * kNR : 0)),
          widened(w.take<Acc>(most(KeyPanels<T>::room_size(f.p), room_to_widen<T>(B::kQueries * f.p.D)))),
          scores(w.take<Acc>((B::kKeys + kMR) * kNR)),
          bias(w.take<Acc>(f.p.op.attn_mask ? B::kKeys * kNR : 0)),
          kept(w.take<Acc>(f.dropout ? B::kKeys * kNR : 0)),
          tiles(w.take<Acc>((B::kPanels * round_up(f.p.Dv, kMR) + kLanes<T>)*kNR)) {}
  };

  // A panel of queries, what it has seen so far, and where its output is formed.
  struct Queries {
    std::int64_t i0;
    int rows;
    const P* queries;
    Acc* tiles;  // (dimension, query)
    OnlineSoftmax<T> softmax;
  };

  // Queries i0 … i0 + rows − 1 of one head.
  void attend(const Sequence& s, std::int64_t h, std::int64_t i0, std::int64_t rows) const {
    Workspace space;
    Room(*this, space);
    space = {static_cast<std::byte*>(scratch(space.used, 1)), 0};
    const Room room(*this, space);
    const ScoreRules<T> rules(p, s, h);
    const std::int64_t hk = h / p.group, count = divide_up(rows, kNR), tile_size = round_up(p.Dv, kMR) * kNR;
    pack_rows<kNR>(widened(p.queries(p.op.query, s, h), i0, rows, p.D, room.widened), rows, p.D, room.queries);
    Queries own[B::kPanels];
    for (std::int64_t c = 0; c < count; ++c) {
      own[c].i0 = i0 + c * kNR, own[c].rows = static_cast<int>(least(kNR, rows - c * kNR));
      own[c].queries = room.queries + c * kNR * round_up(p.D, G), own[c].tiles = room.tiles + c * tile_size;
      own[c].softmax.begin(p.op.sinks ? AttentionProblem<T>::number(p.op.sinks, h) * static_cast<Acc>(kLog2E) : Acc(0),
                           static_cast<bool>(p.op.sinks));
    }
    __builtin_memset(room.tiles, 0, static_cast<std::size_t>(count * tile_size) * sizeof(Acc));
    const std::int64_t first = rules.first_key(i0), end = rules.end_key(i0 + rows, s.Sk);
    const std::int64_t block = p.first_block(p.op.key, s, s.k_begin, B::kKeys);
    for (std::int64_t j0 = first / B::kKeys * B::kKeys; j0 < end; j0 += B::kKeys) {
      const P *keys = room.keys, *values = room.values;
      if (panels.is_shared)
        keys = panels.key_block(hk, block + j0 / B::kKeys), values = panels.value_block(hk, block + j0 / B::kKeys);
      else
        panels.pack_block(p, s, hk, j0, room.keys, room.values, room.widened);
      for (std::int64_t c = 0; c < count; ++c) take(own[c], rules, s, h, j0, keys, values, room);
    }
    const Matrix<T> out = p.queries(p.op.output, s, h);
    for (std::int64_t c = 0; c < count; ++c) finish(own[c], out, p.row(s, h, own[c].i0));
  }

  // Takes what a panel sees of the block of keys from j0 on into its output.
  void take(Queries& own, const ScoreRules<T>& rules, const Sequence& s, std::int64_t h, std::int64_t j0, const P* keys,
            const P* values, const Room& room) const {
    const std::int64_t block = least(B::kKeys, s.Sk - j0), dims = divide_up(p.Dv, kMR);
    const std::int64_t first = most(0, rules.first_key(own.i0) - j0) / kMR * kMR;
    const std::int64_t end = least(block, rules.end_key(own.i0 + own.rows, s.Sk) - j0);
    const int count = static_cast<int>(end - first);
    if (count <= 0) return;
    const Acc* bias = rules.mask ? room.bias : nullptr;
    if (bias) {
      const int hidden = rules.fill_bias(own.i0, own.rows, j0 + first, count, room.bias);
      if (hidden == count * kNR) return;
      if (hidden == 0 && rules.is_plain) bias = nullptr;
    }
    for (std::int64_t r = 0; r < count; r += kMR)
      multiply_panels<T>(p.D, keys + (first + r) * round_up(p.D, G), own.queries, room.scores + r * kNR, false);
    rules.apply(room.scores, own.i0, j0 + first, count, bias);
    Acc shrink[kNR];
    if (own.softmax.take(room.scores, count, rules.factor, shrink))
      OnlineSoftmax<T>::scale(own.tiles, dims * kMR, shrink);
    if (dropout) {
      dropout.fill(p.row(s, h, own.i0), own.rows, j0 + first, count, room.kept);
      for (int e = 0; e < count * kNR; ++e) room.scores[e] *= room.kept[e];
    }
    const P* probabilities = as_panel<T>(room.scores, count, room.probabilities);
    for (std::int64_t d = 0; d < dims; ++d)
      multiply_panels<T>(count, values + d * kMR * round_up(block, G) + first * kMR, probabilities,
                         own.tiles + d * kMR * kNR, true);
  }

  void finish(const Queries& own, const Matrix<T>& out, std::int64_t row) const {
    Acc inverse[kNR];
    for (int i = 0; i < kNR; ++i) inverse[i] = own.softmax.total[i] == 0 ? Acc(0) : 1 / own.softmax.total[i];
    write_columns(own.tiles, p.Dv, inverse, out, own.i0, own.rows);
    for (int i = 0; lse && i < own.rows; ++i) {
      const Acc total = own.softmax.total[i];
      lse[row + i] =
          total == 0 ? ScoreRules<T>::kHidden : own.softmax.largest[i] * static_cast<Acc>(kLn2) + std::log(total);
    }
  }
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
