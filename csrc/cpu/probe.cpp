// The loops behind backend/probe.h, for the instruction set this file is compiled for.
#include "cpu/backend/probe.h"

#include "cpu/pack.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Independent chains of multiply-adds: known machines have two units of a latency of 4, or 6 with bfloat16 pairs. Where
// a vector has one element, the compiler makes vectors of 16 bytes out of several (and would not if it were told to
// unroll).
template <class T>
constexpr int kChains = Vec<T>::lanes > 1 ? 12 : 12 * 16 / static_cast<int>(sizeof(T));

// The compiler forgets what it knows of a value.
template <class V>
FASTNETS_INLINE void hide(V& v) {
  asm volatile("" : : "r"(&v) : "memory");
}

// Nothing but multiply-adds on registers, the kind that the product of T uses.
template <class T>
std::int64_t multiply_add_loop(std::int64_t steps) {
  using V = Vec<Accumulator<T>>;
  constexpr int n = kChains<Accumulator<T>>;
  V acc[n];
  for (V& a : acc) a = splat(Accumulator<T>(1));
#if defined(FASTNETS_BFLOAT16_PAIRS)
  if constexpr (kPairs<T>) {
    bfloat16 tiny[2 * V::lanes];
    for (bfloat16& t : tiny) t = from_float<bfloat16>(0x1p-30f);
    hide(tiny);
    const Pairs x = load_pairs(tiny);
    for (std::int64_t s = 0; s < steps; ++s)
      for (int i = 0; i < n; ++i) acc[i] = dot_group(x, x, acc[i]);
    hide(acc);
    return steps * n * V::lanes * 4;
  }
#endif
  V half = splat(Accumulator<T>(0.5)), one = splat(Accumulator<T>(1));  // the chains tend to 2
  hide(half), hide(one);
  const V x = half, y = one;
  for (std::int64_t s = 0; s < steps; ++s)
    for (int i = 0; i < n; ++i) acc[i] = fma(acc[i], x, y);
  hide(acc);
  return steps * n * V::lanes * 2;
}

std::int64_t multiply_add(DType dtype, std::int64_t steps) {
  std::int64_t done = 0;
  visit_float(dtype, [&]<class T>(Type<T>) { done = multiply_add_loop<T>(steps); });
  return done;
}

void read(const std::byte* data, std::int64_t bytes) {
  using V = Vec<float>;
  constexpr int n = 8;
  const float* p = reinterpret_cast<const float*>(data);
  V sum[n];
  for (V& s : sum) s = splat(0.0f);
  for (std::int64_t left = bytes / 4; left >= n * V::lanes; left -= n * V::lanes, p += n * V::lanes)
#pragma GCC unroll 8
    for (int i = 0; i < n; ++i) sum[i] = sum[i] + load(p + i * V::lanes);
  hide(sum);
}

}  // namespace

extern const Probe probe;
constinit const Probe probe = {multiply_add, read};

}  // namespace fastnets::cpu::FASTNETS_ISA
