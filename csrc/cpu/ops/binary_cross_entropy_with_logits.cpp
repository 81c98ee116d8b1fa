#include "core/ops/binary_cross_entropy_with_logits.h"
#include "core/entries.h"
#include "cpu/broadcast.h"
#include "cpu/loss.h"
#include "cpu/math.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

using BCE = BinaryCrossEntropyWithLogits;

// With z = e^−|x|, class weight w, positive weight p and l = 1 + (p − 1) t, nothing cancels in
//   loss = w (a |x| + l log1p(z)),  d loss / dx = w (±a ∓ l z / (1 + z)),  where a = 1 − t, above 0, or p t, below, and
//   d loss / dt = w (b |x| + (p − 1) log1p(z)),  where b = −1 above 0 and p below.
// Without positive weights p = 1, and the derivative to t is −w x.
template <class Acc, bool has_p>
struct Element {
  using V = Vec<Acc>;
  V x, t, w, p;

  FASTNETS_INLINE V above(V yes, V no) const { return select(less(x, splat(Acc(0))), no, yes); }
  FASTNETS_INLINE V z() const { return exp(splat(Acc(0)) - abs(x)); }
  FASTNETS_INLINE V a() const { return above(splat(Acc(1)) - t, has_p ? p * t : t); }
  FASTNETS_INLINE V times_l(V y) const { return has_p ? fma(p - splat(Acc(1)), t, splat(Acc(1))) * y : y; }

  FASTNETS_INLINE V loss() const {
    const V below = min(x, splat(Acc(0)));
    return w * (fma(a(), abs(x), times_l(log1p(z()))) + (below - below));  // nan at −inf, as in torch
  }
  FASTNETS_INLINE V input_slope() const {
    const V e = z(), slope = a() - times_l(e / (splat(Acc(1)) + e));
    return w * above(slope, splat(Acc(0)) - slope);
  }
  FASTNETS_INLINE V target_slope() const {
    if constexpr (!has_p)
      return splat(Acc(0)) - w * x;
    else
      return w * fma(above(splat(Acc(-1)), p), abs(x), (p - splat(Acc(1))) * log1p(z()));
  }
};

// The arrays' elements in the order of memory, weights broadcast into a block's own memory.
template <class T>
struct Elements {
  using Acc = Accumulator<T>;
  const T *x, *t;
  Tensor weight, pos_weight;

  Elements(const BCE& op, Workspace& workspace)
      : x(in_format<T>(op.input, op.keeps_format(), workspace)),
        t(in_format<T>(op.target, op.keeps_format(), workspace)),
        weight(expanded(op, op.weight)),
        pos_weight(expanded(op, op.pos_weight)) {}

  static Tensor expanded(const BCE& op, const Tensor& t) {
    return t ? merged(in_memory_order(broadcast(t, op.input), op.keeps_format())) : t;
  }

  // The elements of a block: those from i on are block(i, n).
  template <bool has_p>
  struct Block {
    const Elements& all;
    std::int64_t begin;
    const Acc *weight = nullptr, *pos_weight = nullptr;

    Block(const Elements& elements, std::int64_t first, std::int64_t end) : all(elements), begin(first) {
      if (!all.weight && !all.pos_weight) return;
      Acc* room = static_cast<Acc*>(scratch(2 * kBlock * sizeof(Acc), 1));
      if (all.weight) read_elements(all.weight, begin, end - begin, room), weight = room;
      if (all.pos_weight) read_elements(all.pos_weight, begin, end - begin, room + kBlock), pos_weight = room + kBlock;
    }
    FASTNETS_INLINE Element<Acc, has_p> operator()(std::int64_t i, int n) const {
      const auto one = splat(Acc(1));
      return {read(all.x + i, n), read(all.t + i, n), weight ? read(weight + i - begin, n) : one,
              has_p ? read(pos_weight + i - begin, n) : one};
    }
  };
};

template <class T, bool has_p>
void run_forward(const BCE& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  using Block = typename Elements<T>::template Block<has_p>;
  const Elements<T> elements(op, workspace);
  const std::int64_t size = op.input.size();
  Acc* sums = workspace.take<Acc>(blocks_of(size));
  if (!workspace.base) return;
  write_loss(
      op.reduction, size, static_cast<Acc>(size), sums, op.output.as<T>(), [&](std::int64_t begin, std::int64_t end) {
        return [block = Block(elements, begin, end)](std::int64_t i, int n) { return first_of(block(i, n).loss(), n); };
      });
}

template <class T, bool has_p>
void run_backward(const BCE& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  const Elements<T> elements(op, workspace);
  const std::int64_t size = op.input.size();
  const TermGradients<T> gradients(op.grad_output, op.reduction, op.keeps_format(), static_cast<Acc>(size), workspace);
  if (!workspace.base) return;
  T* dx = op.grad_input ? op.grad_input.as<T>() : nullptr;
  T* dt = op.grad_target ? op.grad_target.as<T>() : nullptr;
  each_block(size, [&](std::int64_t begin, std::int64_t end) {
    const typename Elements<T>::template Block<has_p> block(elements, begin, end);
    each_vector<kLanes<T>>(begin, end, [&](std::int64_t i, int n) {
      const Vec<Acc> g = gradients(i, n);
      const Element<Acc, has_p> element = block(i, n);
      if (dx) write(dx + i, g * element.input_slope(), n);
      if (dt) write(dt + i, g * element.target_slope(), n);
    });
  });
}

template <class T, bool has_p>
void run_as(const BCE& op, Pass pass, Workspace& workspace) {
  pass == Pass::forward ? run_forward<T, has_p>(op, workspace) : run_backward<T, has_p>(op, workspace);
}

}  // namespace

void run(const BCE& op, Pass pass, Workspace& workspace) {
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    op.pos_weight ? run_as<T, true>(op, pass, workspace) : run_as<T, false>(op, pass, workspace);
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
