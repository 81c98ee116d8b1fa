// Attention, backward: probabilities are formed again from the scores and the log-sum-exp. A task has some blocks of
// keys of one head of keys, and goes over the queries that see them: the gradients of its keys and values are whole,
// those of the queries are parts, which are added up in the order of the tasks.
#pragma once
#include "cpu/attention_scores.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Queries and output gradients of all sequences as panels, block by block, in both orientations.
template <class T>
struct QueryPanels {
  using B = AttentionBlocks<T>;
  using P = PanelElement<T>;
  static constexpr int kMR = B::kMR, kNR = B::kNR, G = Panel<T>::kGroup;
  std::int64_t blocks, row_size, grad_row_size, dim_size, grad_dim_size;  // of one head; elements of a block
  P *rows, *grad_rows;  // for each kNR queries a panel of depth D or Dv
  P *dims, *grad_dims;  // for each kMR dimensions a panel whose depth is queries

  QueryPanels(const AttentionProblem<T>& p, Workspace& workspace)
      : blocks(p.blocks(p.op.query, B::kQueries)),
        row_size(B::kQueries * round_up(p.D, G)),
        grad_row_size(B::kQueries * round_up(p.Dv, G)),
        dim_size(round_up(p.D, kMR) * round_up(B::kQueries, G)),
        grad_dim_size(round_up(p.Dv, kMR) * round_up(B::kQueries, G)),
        rows(workspace.take<P>(p.H * blocks * row_size + kPanelSlack)),
        grad_rows(workspace.take<P>(p.H * blocks * grad_row_size + kPanelSlack)),
        dims(workspace.take<P>(p.H * blocks * dim_size + kPanelSlack)),
        grad_dims(workspace.take<P>(p.H * blocks * grad_dim_size + kPanelSlack)) {}

  void pack_all(const AttentionProblem<T>& p) const {
    const auto task = [&](std::int64_t t) {  // t = (h, block)
      const std::int64_t b = t % blocks, h = t / blocks;
      const Sequence s = p.sequence_of_block(p.op.query, b, B::kQueries);
      const std::int64_t i0 = (b - p.first_block(p.op.query, s, s.q_begin, B::kQueries)) * B::kQueries;
      const int count = static_cast<int>(least(B::kQueries, s.Sq - i0));
      if (count <= 0) return;
      pack_side(p.queries(p.op.query, s, h), i0, count, p.D, rows + t * row_size, row_size, dims + t * dim_size,
                dim_size);
      pack_side(p.queries(p.op.grad_output, s, h), i0, count, p.Dv, grad_rows + t * grad_row_size, grad_row_size,
                grad_dims + t * grad_dim_size, grad_dim_size);
    };
    parallel(p.H * blocks, task);
  }

 private:
  static void pack_side(const Matrix<T>& m, std::int64_t i0, int count, std::int64_t D, P* by_rows,
                        std::int64_t rows_size, P* by_dims, std::int64_t dims_size) {
    // Through `room`: what a store runs past a panel may belong to another thread's.
    P* room =
        static_cast<P*>(scratch(static_cast<std::size_t>(most(rows_size, dims_size) + kPanelSlack) * sizeof(P), 1));
    const std::int64_t row_panel = kNR * round_up(D, G), dim_panel = kMR * round_up(count, G);
    const std::int64_t row_panels = divide_up(count, kNR), dim_panels = divide_up(D, kMR);
    for (std::int64_t c = 0; c < row_panels; ++c)
      pack<kNR>(m, i0 + c * kNR, static_cast<int>(least(kNR, count - c * kNR)), 0, static_cast<int>(D),
                room + c * row_panel);
    __builtin_memcpy(by_rows, room, static_cast<std::size_t>(row_panels * row_panel) * sizeof(P));
    const Matrix<T> transposed{m.data, m.depth_stride, m.row_stride};
    for (std::int64_t r = 0; r < dim_panels; ++r)
      pack<kMR>(transposed, r * kMR, static_cast<int>(least(kMR, D - r * kMR)), i0, count, room + r * dim_panel);
    __builtin_memcpy(by_dims, room, static_cast<std::size_t>(dim_panels * dim_panel) * sizeof(P));
  }
};

// out[column][row] = in[row][column] for kNR columns and a multiple of kNR rows, group by group of kNR rows, each of
// which is then a panel (`stride` apart) whose depth is the columns.
template <class T>
void transpose_groups(const Accumulator<T>* in, int rows, std::int64_t stride, Accumulator<T>* out) {
  using V = Vec<Accumulator<T>>;
  constexpr int kNR = Blocks<T>::kNR, L = V::lanes;
  for (int j = 0; j < rows; j += L)
    for (int c = 0; c < kNR; c += L) {
      V block[L];
      for (int l = 0; l < L; ++l) block[l] = load(in + (j + l) * kNR + c);
      if constexpr (L > 1) transpose(block);
      Accumulator<T>* to = out + j / kNR * stride + c * kNR + j % kNR;
      for (int l = 0; l < L; ++l) store(to + l * kNR, block[l]);
    }
}

// What the gradients of one block of keys are made with.
template <class T>
struct AttentionGradients {
  using B = AttentionBlocks<T>;
  using P = PanelElement<T>;
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  static constexpr int kMR = B::kMR, kNR = B::kNR, G = Panel<T>::kGroup, L = V::lanes;

  const AttentionProblem<T> p;
  const AttentionDropout<T> dropout;
  const QueryPanels<T> panels;
  const Acc* lse;
  Acc* delta;  // of each query: Σ_j p dp − dlse

  AttentionGradients(const Attention& op, Workspace& workspace)
      : p(op),
        dropout(p),
        panels(p, workspace),
        lse(op.lse ? op.lse.as<Acc>() : op.kept_lse.as<Acc>()),
        delta(workspace.take<Acc>(p.rows())) {}

  struct Keys {  // a block of keys and their values as panels
    std::int64_t j0;
    int count;
    P *rows, *value_rows, *dims;
    void carve(const AttentionProblem<T>& problem, Workspace& w) {
      rows = w.take<P>(round_up(B::kKeys, kMR) * round_up(problem.D, G) + kPanelSlack);
      value_rows = w.take<P>(round_up(B::kKeys, kMR) * round_up(problem.Dv, G) + kPanelSlack);
      dims = w.take<P>(round_up(problem.D, kMR) * round_up(B::kKeys, G) + kPanelSlack);
    }
    void fill(const AttentionProblem<T>& problem, const Sequence& s, std::int64_t hk, std::int64_t first) {
      j0 = first, count = static_cast<int>(least(B::kKeys, s.Sk - first));
      const Matrix<T> k = problem.keys(problem.op.key, s, hk), v = problem.keys(problem.op.value, s, hk);
      for (std::int64_t r = 0; r * kMR < count; ++r) {
        const int here = static_cast<int>(least(kMR, count - r * kMR));
        pack<kMR>(k, j0 + r * kMR, here, 0, static_cast<int>(problem.D), rows + r * kMR * round_up(problem.D, G));
        pack<kMR>(v, j0 + r * kMR, here, 0, static_cast<int>(problem.Dv),
                  value_rows + r * kMR * round_up(problem.Dv, G));
      }
      const Matrix<T> transposed{k.data, k.depth_stride, k.row_stride};
      for (std::int64_t r = 0; r * kMR < problem.D; ++r)
        pack<kMR>(transposed, r * kMR, static_cast<int>(least(kMR, problem.D - r * kMR)), j0, count,
                  dims + r * kMR * round_up(count, G));
    }
  };

  struct Tiles {  // of kNR queries and a block of keys: [key][query]
    Acc *p, *dp, *slopes, *bias, *kept;
    void carve(const AttentionGradients& g, Workspace& w) {
      const std::int64_t size = (B::kKeys + kMR) * kNR;
      p = w.take<Acc>(size), dp = w.take<Acc>(size);
      slopes = w.take<Acc>(g.p.op.softcap > 0 ? size : 0);
      bias = w.take<Acc>(g.p.op.attn_mask ? size : 0);
      kept = w.take<Acc>(g.dropout ? size : 0);
    }
  };

  // p = the probabilities as dropout leaves them, dp = the gradients of the scores, for queries i0 … of a head.
  void form(const ScoreRules<T>& rules, const Sequence& s, std::int64_t h, std::int64_t i0, int rows, const Keys& keys,
            const P* query, const P* grad, const Tiles& t) const {
    for (std::int64_t r = 0; r * kMR < keys.count; ++r) {
      multiply_panels<T>(p.D, keys.rows + r * kMR * round_up(p.D, G), query, t.p + r * kMR * kNR, false);
      multiply_panels<T>(p.Dv, keys.value_rows + r * kMR * round_up(p.Dv, G), grad, t.dp + r * kMR * kNR, false);
    }
    if (rules.mask) rules.fill_bias(i0, rows, keys.j0, keys.count, t.bias);
    const Acc* bias = rules.mask ? t.bias : nullptr;
    if (rules.softcap > 0)
      rules.template apply<true>(t.p, i0, keys.j0, keys.count, bias, t.slopes);
    else
      rules.apply(t.p, i0, keys.j0, keys.count, bias);
    const std::int64_t row = p.row(s, h, i0);
    if (dropout) dropout.fill(row, rows, keys.j0, keys.count, t.kept);
    Acc row_lse[kNR] = {}, row_delta[kNR] = {};
    for (int i = 0; i < rows; ++i)
      row_lse[i] = lse[row + i] > ScoreRules<T>::kHidden || lse[row + i] != lse[row + i] ? lse[row + i] : Acc(0),
      row_delta[i] = delta[row + i];
    for (int c = 0; c < kNR; c += L) {
      const V shift = splat(Acc(0)) - load(row_lse + c) * splat(static_cast<Acc>(kLog2E)), d = load(row_delta + c);
      for (int j = 0; j < keys.count; ++j) {
        Acc *at = t.p + j * kNR + c, *gradient = t.dp + j * kNR + c;
        const V e = exp2_flushed(fma(load(at), splat(rules.factor), shift));
        if (!dropout) {
          store(gradient, e * (load(gradient) - d));
          store(at, e);
          continue;
        }
        const V kept = load(t.kept + j * kNR + c);
        store(gradient, e * (load(gradient) * kept - d));
        store(at, e * kept);
      }
    }
  }

  // delta, for all queries.
  void sum_rows() const {
    const Tensor &y = p.op.output, &dy = p.op.grad_output;
    const std::int64_t blocks = panels.blocks;
    const auto task = [&](std::int64_t t) {  // t = (h, block)
      const std::int64_t b = t % blocks, h = t / blocks;
      const Sequence s = p.sequence_of_block(p.op.query, b, B::kQueries);
      const std::int64_t i0 = (b - p.first_block(p.op.query, s, s.q_begin, B::kQueries)) * B::kQueries;
      const Matrix<T> out = p.queries(y, s, h), grad = p.queries(dy, s, h);
      for (std::int64_t i = i0; i < least(s.Sq, i0 + B::kQueries); ++i) {
        const T *a = out.data + i * out.row_stride, *g = grad.data + i * grad.row_stride;
        V sums = splat(Acc(0));
        for (std::int64_t d = 0; d < p.Dv; d += L) {
          const int n = static_cast<int>(least(L, p.Dv - d));
          sums = fma(lanes_of(a, out.depth_stride, d, n), lanes_of(g, grad.depth_stride, d, n), sums);
        }
        const std::int64_t row = p.row(s, h, i);
        delta[row] = sum(sums) - (p.op.grad_lse ? lse_gradient(row) : Acc(0));
      }
    };
    parallel(p.H * blocks, task);
  }

 private:
  // Elements d … d + n − 1 of a row, 0 in the other lanes; the sum does not depend on the stride.
  static V lanes_of(const T* row, std::int64_t stride, std::int64_t d, int n) {
    if (stride == 1) return read(row + d, n);
    Acc lanes[L] = {};
    for (int l = 0; l < n; ++l) lanes[l] = widen(row[(d + l) * stride]);
    return load(lanes);
  }
  Acc lse_gradient(std::int64_t row) const {
    const Tensor& t = p.op.grad_lse;
    std::int64_t offset = 0, rest = row;
    for (int d = t.ndim - 1; d >= 0; rest /= t.shape[d], --d) offset += rest % t.shape[d] * t.stride[d];
    return t.as<Acc>()[offset];
  }
};

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

  std::int64_t key_blocks, chunks, chunk;  // of the longest sequence; tasks for a head of it; blocks in one
  std::int64_t part_size;                  // of the queries' gradient, for a head and a block of queries
  Acc* parts;                              // [chunk][h][block of queries][panel][dimension][query]

  AttentionBackward(const Attention& op, Workspace& workspace) : Base(op, workspace) {
    constexpr std::int64_t kTasks = 16, kMostChunks = 8;
    key_blocks = divide_up(op.is_packed() ? p.row_length() : op.length(op.key), B::kKeys);
    chunks = most(1, least(least(kMostChunks, divide_up(key_blocks, 2)), divide_up(kTasks, most(1, p.N * p.Hk))));
    chunk = divide_up(key_blocks, chunks);
    part_size = B::kPanels * round_up(p.D, kMR) * kNR;
    parts = workspace.take<Acc>(op.grad_query ? chunks * p.H * panels.blocks * part_size : 0);
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
      grad_keys = w.take<Acc>(kGroups * round_up(b.p.D, kMR) * kNR);
      grad_values = w.take<Acc>(kGroups * round_up(b.p.Dv, kMR) * kNR);
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
      if (p.op.grad_key) write(room.grad_keys, p.D, p.keys(p.op.grad_key, s, hk), j0, count);
      if (p.op.grad_value) write(room.grad_values, p.Dv, p.keys(p.op.grad_value, s, hk), j0, count);
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

  // Takes a block of queries into the gradients of a block of keys, and these into the queries' part.
  void pull(const ScoreRules<T>& rules, const Sequence& s, std::int64_t h, std::int64_t c, std::int64_t block,
            std::int64_t i0, int rows, const Room& room) const {
    const std::int64_t at = h * panels.blocks + block, dims = divide_up(p.D, kMR), grad_dims = divide_up(p.Dv, kMR);
    const Keys& keys = room.keys;
    const Tiles& t = room.tiles;
    const std::int64_t stride = B::kQueries * kNR;
    const int group_keys = static_cast<int>(round_up(keys.count, kNR));
    for (int q = 0; q * kNR < rows; ++q) {
      const int columns = static_cast<int>(least(kNR, rows - q * kNR));
      this->form(rules, s, h, i0 + q * kNR, columns, keys,
                 panels.rows + at * panels.row_size + q * kNR * round_up(p.D, G),
                 panels.grad_rows + at * panels.grad_row_size + q * kNR * round_up(p.Dv, G), t);
      if (p.op.grad_value) transpose_groups<T>(t.p, group_keys, stride, room.p_groups + q * kNR * kNR);
      if (!p.op.grad_query && !p.op.grad_key) continue;
      const bool capped = rules.softcap > 0;
      for (int e = 0; e < keys.count * kNR; e += L) {
        const V ds = load(t.dp + e) * splat(rules.scale);
        store(t.dp + e, capped ? ds * load(t.slopes + e) : ds);
      }
      if (p.op.grad_key) transpose_groups<T>(t.dp, group_keys, stride, room.ds_groups + q * kNR * kNR);
      if (!p.op.grad_query) continue;
      const P* ds = as_panel<T>(t.dp, keys.count, room.panel);
      Acc* tiles = part(c, h, block) + q * dims * kMR * kNR;
      for (std::int64_t d = 0; d < dims; ++d)
        multiply_panels<T>(keys.count, keys.dims + d * kMR * round_up(keys.count, G), ds, tiles + d * kMR * kNR, true);
    }
    for (int g = 0; g * kNR < keys.count; ++g) {
      if (p.op.grad_value) {
        const P* probabilities = as_panel<T>(room.p_groups + g * stride, rows, room.panel);
        for (std::int64_t d = 0; d < grad_dims; ++d)
          multiply_panels<T>(rows, panels.grad_dims + at * panels.grad_dim_size + d * kMR * round_up(rows, G),
                             probabilities, room.grad_values + (g * grad_dims + d) * kMR * kNR, true);
      }
      if (p.op.grad_key) {
        const P* ds = as_panel<T>(room.ds_groups + g * stride, rows, room.panel);
        for (std::int64_t d = 0; d < dims; ++d)
          multiply_panels<T>(rows, panels.dims + at * panels.dim_size + d * kMR * round_up(rows, G), ds,
                             room.grad_keys + (g * dims + d) * kMR * kNR, true);
      }
    }
  }

  static void clear(Acc* begin, std::int64_t size) {
    for (std::int64_t i = 0; i < size; ++i) begin[i] = 0;
  }

  // Tiles [group][dimension][position] into rows of an array.
  static void write(const Acc* tiles, std::int64_t D, const Matrix<T>& out, std::int64_t first, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      const Acc* column = tiles + i / kNR * round_up(D, kMR) * kNR + i % kNR;
      T* to = const_cast<T*>(out.data) + (first + i) * out.row_stride;
      for (std::int64_t d = 0; d < D; ++d) to[d * out.depth_stride] = narrow<T>(column[d * kNR]);
    }
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
      write(sum, p.D, p.queries(p.op.grad_query, s, h), i0, least(B::kQueries, s.Sq - i0));
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
