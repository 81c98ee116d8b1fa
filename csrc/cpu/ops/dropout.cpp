#include <cmath>

#include "core/entries.h"
#include "core/ops/dropout.h"
#include "cpu/layout.h"
#include "cpu/random.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// An element is kept where its uniform number is at least p; both are compared as multiples of 2⁻²⁴.
template <class T>
struct Dropping {
  using Acc = Accumulator<T>;
  std::uint64_t seed;
  Acc threshold, scale;

  explicit Dropping(const Dropout& op)
      : seed(op.seed),
        threshold(static_cast<Acc>(std::ceil(op.p * 0x1p24))),
        scale(static_cast<Acc>(op.p < 1 ? 1 / (1 - op.p) : 0)) {}
  FASTNETS_INLINE Vec<Acc> operator()(Vec<Acc> drawn, Vec<Acc> x) const {
    return select(less(drawn, splat(threshold)), splat(Acc(0)), x * splat(scale));
  }
};

// The numbers of kDrawn elements in the type that they are compared in.
template <class Acc>
FASTNETS_INLINE void draw_as(std::uint64_t seed, std::int64_t first, Acc* out) {
  if constexpr (std::is_same_v<Acc, float>) {
    draw(seed, first, RandomUse::dropout, out);
  } else {
    float drawn[kDrawn];
    draw(seed, first, RandomUse::dropout, drawn);
    for (int i = 0; i < kDrawn; ++i) out[i] = drawn[i];
  }
}

// Elements in the order of their indices: as many as are drawn together at a time.
template <class T>
void drop_in_order(const Dropping<T>& drop, const T* x, std::int64_t size, T* y) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  parallel_ranges(divide_up(size, kDrawn), divide_up(4096, kDrawn), [&](std::int64_t begin, std::int64_t end) {
    Acc drawn[kDrawn];
    for (std::int64_t i = begin * kDrawn; i < least(size, end * kDrawn); i += kDrawn) {
      draw_as(drop.seed, i, drawn);
      const bool whole = i + kDrawn <= size;
      for (int j = 0; j < kDrawn; j += V::lanes) {
        const int n = static_cast<int>(least(V::lanes, size - i - j));
        if (whole)
          store(y + i + j, drop(load(drawn + j), load(x + i + j)));
        else if (n > 0)
          store(y + i + j, drop(load(drawn + j), load(x + i + j, n)), n);
      }
    }
  });
}

// Element by element in the order of their indices (n, c, pixel), which lie in memory as (n, pixel, c).
template <class T>
void drop_channels_last(const Dropping<T>& drop, const T* x, std::int64_t N, std::int64_t C, std::int64_t pixels,
                        T* y) {
  using Acc = Accumulator<T>;
  constexpr std::int64_t kPixels = 256, kChannels = 64 / sizeof(T);  // a task's piece: whole cache lines of channels
  const std::int64_t lines = divide_up(pixels, kPixels), blocks = divide_up(C, kChannels);
  const auto task = [&](std::int64_t t) {  // t = (n, line, block)
    const std::int64_t block = t % blocks, line = t / blocks % lines, n = t / blocks / lines;
    Acc drawn[kDrawn];
    std::int64_t first = -kDrawn;  // the index of drawn[0]
    for (std::int64_t c = block * kChannels; c < least(C, (block + 1) * kChannels); ++c)
      for (std::int64_t p = line * kPixels; p < least(pixels, (line + 1) * kPixels); ++p) {
        const std::int64_t index = (n * C + c) * pixels + p, place = (n * pixels + p) * C + c;
        if (index >= first + kDrawn || first < 0) draw_as(drop.seed, first = index / kDrawn * kDrawn, drawn);
        y[place] = drawn[index - first] < drop.threshold ? narrow<T>(0) : narrow<T>(widen(x[place]) * drop.scale);
      }
  };
  parallel(N * lines * blocks, task);
}

// y = mask · x / (1 − p): of the input, or of the output's gradient.
template <class T>
void apply(const Dropout& op, const Tensor& from, const Tensor& to, Workspace& workspace) {
  const bool channels_last = op.input.is_channels_last();
  const T* x = in_format<T>(from, channels_last, workspace);
  if (!workspace.base || !from.size()) return;
  const Dropping<T> drop(op);
  const std::int64_t size = from.size();
  if (!channels_last) return drop_in_order(drop, x, size, to.as<T>());
  const std::int64_t N = op.input.shape[0], C = op.input.shape[1];
  drop_channels_last(drop, x, N, C, size / (N * C), to.as<T>());
}

}  // namespace

void run(const Dropout& op, Pass pass, Workspace& workspace) {
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    if (pass == Pass::forward)
      apply<T>(op, op.input, op.output, workspace);
    else if (op.grad_input)
      apply<T>(op, op.grad_output, op.grad_input, workspace);
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
