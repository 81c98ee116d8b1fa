#include "core/ops/scale.h"

#include <atomic>

#include "core/entries.h"
#include "cpu/in_place.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// T is the input's type, Y the output's.
template <class T, class Y>
void scale(const Scale& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const T* x = in_format<T>(op.input, op.input.is_channels_last(), workspace);
  if (!workspace.base) return;
  Y* y = op.output.as<Y>();
  const V factor = splat(static_cast<Acc>(op.factor)), zero = splat(Acc(0));
  if (!op.unscale)
    return each_vector<Acc>(op.input.size(),
                            [&](std::int64_t i, auto read, auto write) { write(y + i, factor * read(x + i)); });
  // x · 0 is 0, or nan where x is not finite
  std::atomic<bool> is_found = number(op.previous) != 0;
  parallel_ranges(op.input.size(), 1 << 13, [&](std::int64_t begin, std::int64_t end) {
    V sum_of_zeros = zero;
    for (std::int64_t i = begin; i < end; i += V::lanes) {
      const int n = static_cast<int>(least(V::lanes, end - i));
      const V v = read(x + i, n);
      sum_of_zeros = fma(v, zero, sum_of_zeros);
      write(y + i, factor * v, n);
    }
    if (const Acc all = sum(sum_of_zeros); all != all) is_found.store(true, std::memory_order_relaxed);
  });
  *op.found.as<float>() = is_found.load(std::memory_order_relaxed) ? 1 : 0;
}

}  // namespace

void run(const Scale& op, Pass pass, Workspace& workspace) {
  if (pass == Pass::backward) return;  // it is not differentiated
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    op.unscale ? scale<T, Accumulator<T>>(op, workspace) : scale<T, T>(op, workspace);
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
