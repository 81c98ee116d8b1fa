// Kernels in which a team of threads owns a line of an array: the elements along one dimension.
#pragma once
#include <algorithm>

#include "cuda/access.cuh"
#include "cuda/backend/launch.h"
#include "cuda/elements.cuh"
#include "cuda/sum.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// Lines of C elements, `step` apart in memory; line (outer, inner) begins at outer · C · step + inner.
struct LineShape {
  int64_t lines, C, step;
  __device__ __forceinline__ int64_t offset(int64_t line) const { return line / step * C * step + line % step; }
  // The same where a team of several threads has a line: elements then lie side by side.
  template <class Team>
  __device__ __forceinline__ int64_t offset_for(int64_t line) const {
    if constexpr (Team::kThreads > 1)
      return line * C;
    else
      return offset(line);
  }
};

// One thread, one warp or one block; what sum() and max() return is the same in every thread of it.
template <int kThreads_>
struct Team {
  static constexpr int kThreads = kThreads_, kBlock = 256, kTeams = kBlock / kThreads;
  __device__ __forceinline__ static int rank() { return int(threadIdx.x) % kThreads; }
  __device__ __forceinline__ static int64_t line() {
    return int64_t{blockIdx.x} * kTeams + int(threadIdx.x) / kThreads;
  }
  __device__ __forceinline__ static float sum(float v) {
    return reduce(v, [](float a, float b) { return a + b; });
  }
  // A nan may get lost.
  __device__ __forceinline__ static float max(float v) {
    return reduce(v, [](float a, float b) { return a < b ? b : a; });
  }

 private:
  template <class Join>
  __device__ __forceinline__ static float reduce(float v, Join join) {
    if constexpr (kThreads == 1) {
      return v;
    } else {
      for (int distance = kWarpSize / 2; distance > 0; distance /= 2) v = join(v, shuffle_xor(v, distance));
      if constexpr (kThreads > kWarpSize) {
        FASTNETS_STATIC_SHARED(partial, float[kThreads / kWarpSize]);
        if (lane_index() == 0) partial[warp_index()] = v;
        __syncthreads();
        v = partial[0];
        for (int w = 1; w < kThreads / kWarpSize; ++w) v = join(v, partial[w]);
        __syncthreads();  // partial may be written again
      }
      return v;
    }
  }
};

// A line as its team sees it: kWidth elements at a time, which lie side by side, or single ones a step apart.
template <class T, int kWidth>
struct Line {
  T* data;
  int64_t step;
  bool aligned;
  template <class Value>
  __device__ __forceinline__ void read(Value (&v)[kWidth], int64_t at, int n) const {
    if constexpr (kWidth == 1)
      v[0] = widen(data[at * step]);
    else
      read_some(v, data + at, n, aligned);
  }
  __device__ __forceinline__ void write(const float (&v)[kWidth], int64_t at, int n) const {
    if constexpr (kWidth == 1)
      data[at * step] = round_to<T>(v[0]);
    else
      write_some(data + at, v, n, aligned);
  }
};

// Calls f(at, n) for the runs of kWidth elements of a line that fall to this thread.
template <class Team, int kWidth, class F>
__device__ __forceinline__ void each_run(int64_t C, const F& f) {
  for (int64_t at = int64_t{Team::rank()} * kWidth; at < C; at += Team::kThreads * kWidth)
    f(at, int(min(int64_t{kWidth}, C - at)));
}

template <class Team, int kWidth, class F>
__global__ void __launch_bounds__(Team::kBlock, 1) lines_kernel(const LineShape shape, const F f) {
  const int64_t line = Team::line();
  if (line < shape.lines) f.template operator()<Team, kWidth>(shape, line);
}

template <class Team, int kWidth, class F>
void start_lines(const char* name, const LineShape& shape, const F& f, Stream stream) {
  if (!shape.lines) return;
  launch(
      lines_kernel<Team, kWidth, F>,
      {.name = name, .grid = unsigned(divide_up(shape.lines, Team::kTeams)), .block = Team::kBlock, .stream = stream},
      shape, f);
}

// Calls f<Team, kWidth>(shape, line) for every line, in all threads of a team; elements lie side by side.
template <int kWidth, class F>
void for_rows(const char* name, const LineShape& shape, const F& f, Stream stream) {
  constexpr int64_t kLongest = 1024;  // elements of a row that a warp is enough for
  if (shape.C <= kLongest)
    start_lines<Team<kWarpSize>, kWidth>(name, shape, f, stream);
  else
    start_lines<Team<256>, kWidth>(name, shape, f, stream);
}

// The same whatever the step. Where it is not 1, neighbouring lines lie side by side, and each is one thread's.
template <int kWidth, class F>
void for_lines(const char* name, const LineShape& shape, const F& f, Stream stream) {
  if (shape.step > 1)
    start_lines<Team<1>, 1>(name, shape, f, stream);
  else
    for_rows<kWidth>(name, shape, f, stream);
}

// Whether every line begins at an aligned address.
template <class T>
bool lines_are_aligned(const LineShape& shape, const T* data) {
  return is_aligned(data) && shape.C % kChunk<T> == 0;
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
