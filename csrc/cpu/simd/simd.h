// The vocabulary of the instruction set that this file is being compiled for.
#pragma once
#include FASTNETS_SIMD_HEADER

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

template <class T>
constexpr int kLanes = Vec<Accumulator<T>>::lanes;

template <class T>
constexpr T kLaneNumbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

// The first n lanes of a, those of b after them: for what is no term at the end of a row.
template <class T>
FASTNETS_INLINE Vec<T> first_of(Vec<T> a, int n, Vec<T> b) {
  if (n >= Vec<T>::lanes) return a;
  return select(less(load(kLaneNumbers<T>), splat(static_cast<T>(n))), a, b);
}
template <class T>
FASTNETS_INLINE Vec<T> first_of(Vec<T> a, int n) {
  return first_of(a, n, splat(T(0)));
}

// The first n lanes, most often all of them.
template <class T>
FASTNETS_INLINE Vec<Accumulator<T>> read(const T* p, int n) {
  return n == kLanes<T> ? load(p) : load(p, n);
}
template <class T>
FASTNETS_INLINE Vec<Accumulator<T>> read_or(const T* p, int n, Accumulator<T> other) {
  return first_of(read(p, n), n, splat(other));
}
template <class T>
FASTNETS_INLINE void write(T* p, Vec<Accumulator<T>> a, int n) {
  n == kLanes<T> ? store(p, a) : store(p, a, n);
}

// Calls f(i, n) for the vectors of begin … end − 1: the n elements from i on, all lanes but for the last vector.
template <int lanes, class F>
FASTNETS_INLINE void each_vector(std::int64_t begin, std::int64_t end, const F& f) {
  std::int64_t i = begin;
  for (; i + lanes <= end; i += lanes) f(i, lanes);
  if (i < end) f(i, static_cast<int>(end - i));
}

// Applies a function of one number to each lane: for what has no vector form yet.
template <class T, class F>
FASTNETS_INLINE Vec<T> each_lane(Vec<T> a, F f) {
  T lane[Vec<T>::lanes];
  store(lane, a);
  for (T& x : lane) x = f(x);
  return load(lane);
}

// One number as the type that sums over T have.
template <class T>
FASTNETS_INLINE Accumulator<T> widen(T x) {
  if constexpr (sizeof(T) == 2)
    return to_float(x);
  else
    return x;
}

template <class T>
FASTNETS_INLINE T narrow(Accumulator<T> x) {
  if constexpr (sizeof(T) == 2)
    return from_float<T>(x);
  else
    return x;
}

FASTNETS_INLINE std::int64_t least(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
FASTNETS_INLINE std::int64_t most(std::int64_t a, std::int64_t b) { return a > b ? a : b; }
FASTNETS_INLINE std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
FASTNETS_INLINE std::int64_t round_up(std::int64_t a, std::int64_t b) { return divide_up(a, b) * b; }

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
