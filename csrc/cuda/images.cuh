// Arrays (N, C, pixels…): where an element is in either memory format, and sums over the elements of each channel.
#pragma once
#include "cuda/divider.cuh"
#include "cuda/layout.cuh"
#include "cuda/lines.cuh"
#include "cuda/reduce.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

inline int64_t pixels_of(const Tensor& images) {
  int64_t pixels = 1;
  for (int d = 2; d < images.ndim; ++d) pixels *= images.shape[d];
  return pixels;
}

class Images {
 public:
  int64_t N, C, pixels;
  bool channels_last;

  Images(int64_t N_, int64_t C_, int64_t pixels_, bool channels_last_)
      : N(N_), C(C_), pixels(pixels_), channels_last(channels_last_), by_C_(C), by_pixels_(pixels) {}
  // Of an array whose dimensions 0 and 1 count samples and channels.
  explicit Images(const Tensor& t) : Images(t.shape[0], t.shape[1], pixels_of(t), t.is_channels_last()) {}

  __host__ __device__ __forceinline__ int64_t size() const { return N * C * pixels; }
  __device__ __forceinline__ int64_t place(int64_t n, int64_t c, int64_t pixel) const {
    return channels_last ? (n * pixels + pixel) * C + c : (n * C + c) * pixels + pixel;
  }
  __device__ __forceinline__ int64_t sample_of(int64_t place) const { return outer().quotient(line_of(place)); }
  __device__ __forceinline__ int64_t channel_of(int64_t place) const {
    return channels_last ? in_line(place) : line_in_sample(place);
  }
  __device__ __forceinline__ int64_t pixel_of(int64_t place) const {
    return channels_last ? line_in_sample(place) : in_line(place);
  }

 private:
  // A line is what lies together: the channels of a pixel, or the pixels of a channel.
  __device__ __forceinline__ const WideDivider& inner() const { return channels_last ? by_C_ : by_pixels_; }
  __device__ __forceinline__ const WideDivider& outer() const { return channels_last ? by_pixels_ : by_C_; }
  __device__ __forceinline__ int64_t line_of(int64_t place) const { return inner().quotient(place); }
  __device__ __forceinline__ int64_t in_line(int64_t place) const { return place - line_of(place) * inner().divisor; }
  __device__ __forceinline__ int64_t line_in_sample(int64_t place) const {
    const int64_t line = line_of(place);
    return line - outer().quotient(line) * outer().divisor;
  }

  WideDivider by_C_, by_pixels_;
};

// A term(place, n, c) of a channels-last array as an element of the matrix of its pixels and channels.
template <class Term>
struct PixelRow {
  Term term;
  int64_t pixels, C;
  __device__ __forceinline__ float operator()(int64_t row, int64_t c) const {
    return term(row * C + c, row / pixels, c);
  }
};
// out[n, c] = the sum of a row-major array's terms over one plane.
template <class Term>
struct SumPlane {
  Term term;
  int64_t C;
  float* out;
  template <class Team, int kWidth>
  __device__ __forceinline__ void operator()(const LineShape& shape, int64_t line) const {
    ChainedSum sum;
    each_run<Team, 1>(shape.C, [&](int64_t at, int) { sum.add(term(line * shape.C + at, line / C, line % C)); });
    const float total = Team::sum(sum.result());
    if (Team::rank() == 0) out[line] = total;
  }
};

// out[c] = sum of term(place, n, c) over the elements of channel c.
template <class Term, class To>
void sum_channels(const char* name, const Images& images, const Term& term, To* out, Workspace& workspace,
                  Stream stream) {
  if (images.channels_last)
    return sum_rows(name, PixelRow<Term>{term, images.pixels, images.C}, images.N * images.pixels, images.C, out,
                    workspace, stream);
  float* planes = workspace.take<float>(images.N * images.C);
  const LineShape shape{images.N * images.C, images.pixels, 1};
  if (!workspace.counts_only) for_rows<1>(name, shape, SumPlane<Term>{term, images.C, planes}, stream);
  sum_rows(name, MatrixTerm<float>{planes, images.C}, images.N, images.C, out, workspace, stream);
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
