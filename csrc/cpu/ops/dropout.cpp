#include <cmath>

#include "core/ops.h"
#include "core/philox.h"
#include "cpu/layout.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// The row-major index of what lies at a place of channels-last memory: place = (n, pixel, c), index = (n, c, pixel).
struct ChannelsLastIndex {
  std::int64_t channels, pixels;
  FASTNETS_INLINE std::int64_t operator()(std::int64_t place) const {
    const std::int64_t c = place % channels, pixel = place / channels % pixels, n = place / channels / pixels;
    return (n * channels + c) * pixels + pixel;
  }
};

template <class T>
struct Dropped {
  std::uint32_t threshold;  // kept where the upper 24 bits of the random word are at least this
  Accumulator<T> scale;
  FASTNETS_INLINE T operator()(std::uint32_t word, T x) const {
    if (word >> 8 < threshold) return narrow<T>(0);
    return narrow<T>(widen(x) * scale);
  }
};

// y = mask · x / (1 − p); forward of the input, and backward of the gradient.
template <class T>
void apply(const Dropout& op, const Tensor& from, T* y, Workspace& workspace) {
  const bool channels_last = op.input.is_channels_last();
  const T* x = in_format<T>(from, channels_last, workspace);
  if (!workspace.base) return;
  const Dropped<T> drop{static_cast<std::uint32_t>(std::ceil(op.p * 0x1p24)),
                        static_cast<Accumulator<T>>(op.p < 1 ? 1 / (1 - op.p) : 0)};
  const std::int64_t size = op.input.size();
  if (channels_last) {
    const ChannelsLastIndex index{op.input.shape[1], size / most(1, op.input.shape[0] * op.input.shape[1])};
    parallel_ranges(size, 1 << 12, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t at = index(i);
        y[i] = drop(philox(op.seed, at / 4, RandomUse::dropout).word[at % 4], x[i]);
      }
    });
    return;
  }
  parallel_ranges(divide_up(size, 4), 1 << 11, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) {
      const Philox random = philox(op.seed, block, RandomUse::dropout);
      for (std::int64_t i = 4 * block; i < least(size, 4 * block + 4); ++i) y[i] = drop(random.word[i % 4], x[i]);
    }
  });
}

void run(const Dropout& op, Pass pass, Workspace& workspace) {
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    if (pass == Pass::forward)
      apply(op, op.input, op.output.as<T>(), workspace);
    else if (op.grad_input)
      apply(op, op.grad_output, op.grad_input.as<T>(), workspace);
  });
}

}  // namespace

std::size_t workspace_bytes(const Dropout& op, Pass pass) {
  Workspace count;
  run(op, pass, count);
  return count.used;
}
void forward(const Dropout& op, const Context& context) {
  Workspace workspace{context.workspace};
  run(op, Pass::forward, workspace);
}
void backward(const Dropout& op, const Context& context) {
  Workspace workspace{context.workspace};
  run(op, Pass::backward, workspace);
}

}  // namespace fastnets::cpu::FASTNETS_ISA
