// The weights and biases of normalisations: in the input's dtype or float32 beside it, computed with as accumulators.
#pragma once
#include "cpu/layout.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// The elements in row-major order as accumulators: the array itself where it is that, a copy, or null for what is not
// given.
template <class Acc>
const Acc* numbers_of(const Tensor& t, Workspace& workspace) {
  if (!t) return nullptr;
  const DType own = std::is_same_v<Acc, double> ? DType::float64 : DType::float32;
  if (t.dtype == own && t.is_contiguous()) return t.as<Acc>();
  Acc* made = workspace.take<Acc>(t.size());
  if (made)
    visit_float(t.dtype, [&]<class W>(Type<W>) {
      each_line(t, [&](std::int64_t index, std::int64_t offset, std::int64_t columns, std::int64_t step) {
        const W* from = t.as<W>() + offset;
        for (std::int64_t i = 0; i < columns; ++i) made[index + i] = static_cast<Acc>(widen(from[i * step]));
      });
    });
  return made;
}

// Writes f(i) to elements [begin, end) of a new array of any float dtype, if it is wanted.
template <class F>
void write_numbers(const Tensor& to, std::int64_t begin, std::int64_t end, const F& f) {
  if (!to) return;
  visit_float(to.dtype, [&]<class W>(Type<W>) {
    for (std::int64_t i = begin; i < end; ++i) to.as<W>()[i] = narrow<W>(static_cast<Accumulator<W>>(f(i)));
  });
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
