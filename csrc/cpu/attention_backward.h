// Attention, backward: a task has some blocks of keys of one head of keys, and goes over the queries that see them: the
// gradients of its keys and values are whole, those of the queries are parts, which are added up in the order of the
// tasks.
#pragma once
#include "cpu/attention_gradients.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

template <class T>
struct AttentionBackward : AttentionGradients<T> {
  using Base = AttentionGradients<T>;
  using Base::G, Base::kMR, Base::kNR, Base::L, Base::p, Base::panels;
  using typename Base::Acc;
  using typename Base::B;
  using typename Base::Keys;
  using typename Base::P;
  using typename Base::Tiles;
  using typename Base::V;
  static constexpr int kGroups = B::kKeys / kNR;  // of keys
  static_assert(B::kKeys % B::kStep == 0, "what a panel of queries sees begins and ends with whole groups");

  std::int64_t key_blocks, chunks, chunk;  // of the longest sequence; tasks for a head of it; blocks in one
  std::int64_t part_size;                  // of the queries' gradient, for a head and a block of queries
  Acc* parts;                              // [chunk][h][block of queries][panel][dimension][query]

  AttentionBackward(const Attention& op, Workspace& workspace) : Base(op, workspace) {
    constexpr std::int64_t kTasks = 16, kMostChunks = 8;
    key_blocks = divide_up(op.is_packed() ? p.row_length() : op.length(op.key), B::kKeys);
    chunks = most(1, least(least(kMostChunks, divide_up(key_blocks, 2)), divide_up(kTasks, most(1, p.N * p.Hk))));
    chunk = divide_up(key_blocks, chunks);
    part_size = B::kPanels * round_up(p.D, kMR) * kNR;
    parts = workspace.take<Acc>(op.grad_query ? chunks * p.H * panels.blocks * part_size + L * kNR : 0);
  }

  void run() const {
    panels.pack_all(p);
    this->sum_rows();
    const auto task = [&](std::int64_t t) {  // t = (n, hk, chunk)
      const std::int64_t c = t % chunks, hk = t / chunks % p.Hk;
      differentiate(p.sequence(t / chunks / p.Hk), hk, c);
    };
    if (p.op.grad_query || p.op.grad_key || p.op.grad_value) parallel(p.N * p.Hk * chunks, task);
    if (p.op.grad_query) add_parts();
    if (p.op.grad_sinks) differentiate_sinks();
  }

 private:
  struct Room {
    Keys keys;
    Tiles tiles;
    Acc *p_groups, *ds_groups;     // [group of keys][query][key]
    Acc *grad_keys, *grad_values;  // [group of keys][dimension][key]
    P* panel;
    void carve(const AttentionBackward& b, Workspace& w) {
      keys.carve(b.p, w);
      tiles.carve(b, w);
      p_groups = w.take<Acc>(kGroups * B::kQueries * kNR), ds_groups = w.take<Acc>(kGroups * B::kQueries * kNR);
      grad_keys = w.take<Acc>((kGroups * round_up(b.p.D, kMR) + L) * kNR);
      grad_values = w.take<Acc>((kGroups * round_up(b.p.Dv, kMR) + L) * kNR);
      panel = w.take<P>(kPairs<T> ? (most(B::kKeys, B::kQueries) + 1) * kNR : 0);
    }
  };

  Acc* part(std::int64_t c, std::int64_t h, std::int64_t b) const {
    return parts + ((c * p.H + h) * panels.blocks + b) * part_size;
  }

  void differentiate(const Sequence& s, std::int64_t hk, std::int64_t c) const {
    Room room;
    Workspace space;
    room.carve(*this, space);
    space = {static_cast<std::byte*>(scratch(space.used, 1)), 0};
    room.carve(*this, space);
    const std::int64_t first_block = p.first_block(p.op.query, s, s.q_begin, B::kQueries);
    const std::int64_t query_blocks = divide_up(s.Sq, B::kQueries);
    if (p.op.grad_query)
      for (std::int64_t h = hk * p.group; h < (hk + 1) * p.group; ++h) {
        Acc* begin = part(c, h, first_block);
        for (std::int64_t i = 0; i < query_blocks * part_size; ++i) begin[i] = 0;
      }
    for (std::int64_t j0 = c * chunk * B::kKeys; j0 < least(s.Sk, (c + 1) * chunk * B::kKeys); j0 += B::kKeys) {
      room.keys.fill(p, s, hk, j0);
      clear(room.grad_keys, kGroups * round_up(p.D, kMR) * kNR);
      clear(room.grad_values, kGroups * round_up(p.Dv, kMR) * kNR);
      for (std::int64_t h = hk * p.group; h < (hk + 1) * p.group; ++h) {
        const ScoreRules<T> rules(p, s, h);
        for (std::int64_t b = 0; b < query_blocks; ++b) {
          const std::int64_t i0 = b * B::kQueries, rows = least(B::kQueries, s.Sq - i0);
          if (j0 >= rules.end_key(i0 + rows, s.Sk) || j0 + room.keys.count <= rules.first_key(i0)) continue;
          pull(rules, s, h, c, first_block + b, i0, static_cast<int>(rows), room);
        }
      }
      const int count = room.keys.count;
      if (p.op.grad_key) write(room.grad_keys, p.D, scale(), p.keys(p.op.grad_key, s, hk), j0, count);
      if (p.op.grad_value) write(room.grad_values, p.Dv, Acc(1), p.keys(p.op.grad_value, s, hk), j0, count);
    }
    // keys beyond a sequence's length are seen by nobody
    const std::int64_t all = p.op.is_packed() ? s.Sk : p.op.length(p.op.key);
    if (c == chunks - 1)
      for (const auto& [t, D] : {std::pair{&p.op.grad_key, p.D}, std::pair{&p.op.grad_value, p.Dv}})
        if (*t)
          for (std::int64_t j = s.Sk; j < all; ++j) {
            const Matrix<T> m = p.keys(*t, s, hk);
            for (std::int64_t d = 0; d < D; ++d)
              const_cast<T*>(m.data)[j * m.row_stride + d * m.depth_stride] = narrow<T>(Acc(0));
          }
  }

  Acc scale() const { return static_cast<Acc>(p.op.scale); }  // the gradients of scores go without it

  // Takes a block of queries into the gradients of a block of keys, and these into the queries' part.
  void pull(const ScoreRules<T>& rules, const Sequence& s, std::int64_t h, std::int64_t c, std::int64_t block,
            std::int64_t i0, int rows, const Room& room) const {
    const std::int64_t at = h * panels.blocks + block, dims = divide_up(p.D, kMR);
    const Keys& keys = room.keys;
    const Tiles& t = room.tiles;
    const std::int64_t stride = B::kQueries * kNR;
    int seen_from[kGroups], seen_to[kGroups] = {};  // by which panels of queries each group of keys is seen
    for (int q = 0; q * kNR < rows; ++q) {
      const std::int64_t i = i0 + q * kNR;
      const int columns = static_cast<int>(least(kNR, rows - q * kNR));
      const int first = static_cast<int>(most(0, rules.first_key(i) - keys.j0) / B::kStep * B::kStep);
      const int end = static_cast<int>(least(keys.count, rules.end_key(i + columns, s.Sk) - keys.j0));
      if (end <= first) continue;
      const int first_group = first / kNR, end_group = static_cast<int>(divide_up(end, kNR));
      for (int g = first_group; g < end_group; ++g) {
        if (!seen_to[g]) seen_from[g] = q;
        seen_to[g] = q + 1;
      }
      const bool is_seen = this->form(rules, s, h, i, columns, keys, first, end,
                                      panels.rows + at * panels.row_size + q * kNR * round_up(p.D, G),
                                      panels.grad_rows + at * panels.grad_row_size + q * kNR * round_up(p.Dv, G), t);
      const int count = end - first, padded = end_group * kNR - first;
      clear(t.p + (is_seen ? count * kNR : 0), (padded - (is_seen ? count : 0)) * kNR);
      clear(t.dp + (is_seen ? count * kNR : 0), (padded - (is_seen ? count : 0)) * kNR);
      const std::int64_t group = first_group * stride + q * kNR * kNR;
      if (p.op.grad_value) transpose_groups<T>(t.p, padded, stride, room.p_groups + group);
      if (rules.softcap > 0 && is_seen)
        for (int e = 0; e < count * kNR; e += L) store(t.dp + e, load(t.dp + e) * load(t.slopes + e));
      if (p.op.grad_key) transpose_groups<T>(t.dp, padded, stride, room.ds_groups + group);
      if (!p.op.grad_query || !is_seen) continue;
      const P* ds = as_panel<T>(t.dp, count, room.panel);
      Acc* tiles = part(c, h, block) + q * dims * kMR * kNR;
      for (std::int64_t d = 0; d < dims; ++d)
        multiply_panels<T>(count, keys.dims + d * kMR * round_up(keys.count, G) + first * kMR, ds,
                           tiles + d * kMR * kNR, true);
    }
    for (int g = 0; g * kNR < keys.count; ++g) {
      if (!seen_to[g]) continue;
      const int first = seen_from[g] * kNR, count = static_cast<int>(least(rows, seen_to[g] * kNR)) - first;
      const auto add = [&](const Acc* groups, const P* by_dims, std::int64_t D, Acc* gradient) {
        const P* panel = as_panel<T>(groups + g * stride + first * kNR, count, room.panel);
        for (std::int64_t d = 0; d < divide_up(D, kMR); ++d)
          multiply_panels<T>(count, by_dims + d * kMR * round_up(rows, G) + first * kMR, panel,
                             gradient + (g * divide_up(D, kMR) + d) * kMR * kNR, true);
      };
      if (p.op.grad_value) add(room.p_groups, panels.grad_dims + at * panels.grad_dim_size, p.Dv, room.grad_values);
      if (p.op.grad_key) add(room.ds_groups, panels.dims + at * panels.dim_size, p.D, room.grad_keys);
    }
  }

  static void clear(Acc* begin, std::int64_t size) {
    for (std::int64_t i = 0; i < size; ++i) begin[i] = 0;
  }

  // Tiles [group][dimension][position] into rows of an array.
  static void write(const Acc* tiles, std::int64_t D, Acc factor, const Matrix<T>& out, std::int64_t first,
                    std::int64_t count) {
    Acc factors[kNR];
    for (Acc& f : factors) f = factor;
    for (std::int64_t i = 0; i < count; i += kNR)
      write_columns(tiles + i * round_up(D, kMR), D, factors, out, first + i, static_cast<int>(least(kNR, count - i)));
  }

  void add_parts() const {
    const auto task = [&](std::int64_t t) {  // t = (h, block)
      const std::int64_t b = t % panels.blocks, h = t / panels.blocks;
      const Sequence s = p.sequence_of_block(p.op.query, b, B::kQueries);
      const std::int64_t i0 = (b - p.first_block(p.op.query, s, s.q_begin, B::kQueries)) * B::kQueries;
      if (i0 >= s.Sq) return;
      Acc* sum = part(0, h, b);
      for (std::int64_t c = 1; c < chunks; ++c) {
        const Acc* more = part(c, h, b);
        for (std::int64_t e = 0; e < part_size; e += L) store(sum + e, load(sum + e) + load(more + e));
      }
      write(sum, p.D, scale(), p.queries(p.op.grad_query, s, h), i0, least(B::kQueries, s.Sq - i0));
    };
    parallel(p.H * panels.blocks, task);
  }

  void differentiate_sinks() const {
    const auto task = [&](std::int64_t h) {
      const double sink = AttentionProblem<T>::number(p.op.sinks, h);
      double total = 0;
      for (std::int64_t n = 0; n < p.N; ++n) {
        const Sequence s = p.sequence(n);
        for (std::int64_t i = 0; i < s.Sq; ++i) {
          const std::int64_t row = p.row(s, h, i);
          total -= std::exp(sink - static_cast<double>(this->lse[row])) * static_cast<double>(this->delta[row]);
        }
      }
      const Tensor& gradient = p.op.grad_sinks;
      visit_float(gradient.dtype,
                  [&]<class E>(Type<E>) { gradient.as<E>()[h] = narrow<E>(static_cast<Accumulator<E>>(total)); });
    };
    parallel(p.H, task);
  }
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
