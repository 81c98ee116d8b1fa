#include <cmath>

#include "core/entries.h"
#include "core/ops/adamw.h"
#include "cpu/layout.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// An array that is updated: where it is, or a row-major copy that is copied back.
template <class T>
struct InPlace {
  const Tensor& tensor;
  T* data;
  bool is_copy;

  InPlace(const Tensor& t, bool plain, Workspace& workspace) : tensor(t), data(t.as<T>()), is_copy(t && !plain) {
    if (!is_copy) return;
    data = workspace.take<T>(t.size());
    if (data) copy_contiguous<T>(t, data);
  }
  void finish() const {
    if (is_copy) copy_strided(data, tensor);
  }
};

// Whether all arrays are dense in one memory format, so that one pass over memory meets the same element in each.
FASTNETS_INLINE bool are_plain(const AdamW& op) {
  const bool channels_last = op.parameter.is_channels_last();
  const auto fits = [&](const Tensor& t) { return !t || (channels_last ? t.is_channels_last() : t.is_contiguous()); };
  return fits(op.parameter) && fits(op.exp_avg) && fits(op.exp_avg_sq) && fits(op.master);
}

// What is read of an element is written before the next vector is looked at.
template <class T>
void run_forward(const AdamW& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  using V = Vec<Acc>;
  const bool plain = are_plain(op);
  const T* gradient = in_format<T>(op.gradient, plain && op.parameter.is_channels_last(), workspace);
  const InPlace<T> parameters(op.parameter, plain, workspace);
  const InPlace<Acc> masters(op.master, plain, workspace), first_moments(op.exp_avg, plain, workspace);
  const InPlace<Acc> second_moments(op.exp_avg_sq, plain, workspace);
  if (!workspace.base) return;
  const double correction1 = 1 - std::pow(op.beta1, static_cast<double>(op.step));
  const double correction2 = 1 - std::pow(op.beta2, static_cast<double>(op.step));
  const auto number = [](double x) { return splat(static_cast<Acc>(x)); };
  const V keep = number(1 - op.lr * op.weight_decay), rate = number(op.lr / correction1), eps = number(op.eps);
  const V beta1 = number(op.beta1), rest1 = number(1 - op.beta1), beta2 = number(op.beta2),
          rest2 = number(1 - op.beta2);
  const V root = number(1 / std::sqrt(correction2));
  T* parameter = parameters.data;
  Acc *master = masters.data, *m = first_moments.data, *v = second_moments.data;
  const auto update = [&](std::int64_t i, auto read, auto write) {
    const V g = read(gradient + i);
    const V first = fma(beta1, read(m + i), rest1 * g), second = fma(beta2, read(v + i), rest2 * g * g);
    const V before = (master ? read(master + i) : read(parameter + i)) * keep;
    const V after = before - rate * first / fma(sqrt(second), root, eps);
    write(m + i, first);
    write(v + i, second);
    if (master) write(master + i, after);
    write(parameter + i, after);
  };
  parallel_ranges(op.parameter.size(), 1 << 13, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t i = begin;
    for (; i + V::lanes <= end; i += V::lanes)
      update(i, [](const auto* p) { return load(p); }, [](auto* p, V x) { store(p, x); });
    const int n = static_cast<int>(end - i);
    if (n > 0) update(i, [n](const auto* p) { return load(p, n); }, [n](auto* p, V x) { store(p, x, n); });
  });
  parameters.finish(), masters.finish(), first_moments.finish(), second_moments.finish();
}

}  // namespace

void run(const AdamW& op, Pass pass, Workspace& workspace) {
  if (pass == Pass::backward) return;  // an update has no gradient: none of its fields has one to ask for
  visit_float(op.parameter.dtype, [&]<class T>(Type<T>) { run_forward<T>(op, workspace); });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
