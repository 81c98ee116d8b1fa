// Convolutions in which a channel is a group: every result is a sum over a few taps, formed by one thread.
#include "cuda/activation.cuh"
#include "cuda/conv_operands.cuh"
#include "cuda/images.cuh"
#include "cuda/transpose.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

Images inputs_of(const ConvShape& s) { return {s.N, s.C, s.in_pixels(), s.channels_last}; }
Images outputs_of(const ConvShape& s) { return {s.N, s.K, s.out_pixels(), s.channels_last}; }

template <class T>
__device__ __forceinline__ void finish(const PixelResult<T>& to, int64_t place, int64_t channel, float v) {
  if (to.unrounded) {
    to.unrounded[place] = v;
    return;
  }
  if (to.bias) v += widen(to.bias[channel]);
  if (to.residual) v += widen(to.residual[place]);
  if (to.pre_activation) to.pre_activation[place] = round_to<T>(v);
  to.out[place] = round_to<T>(activate(to.activation, v));
}

template <class T>
struct ConvolveDepthwise {
  ConvIndex index;
  Images in, out;
  const T *image, *weight;
  PixelResult<T> to;
  __device__ __forceinline__ void operator()(int64_t place) const {
    const int64_t n = out.sample_of(place), f = out.channel_of(place);
    const int pixel = int(out.pixel_of(place)), taps = index.s.taps(), c = index.filters.quotient(int(f));
    ChainedSum sum;
    for (int tap = 0; tap < taps; ++tap) {
      const int from = index.read_by(pixel, tap);
      if (from >= 0) sum.add(widen(image[in.place(n, c, from)]) * widen(weight[f * taps + tap]));
    }
    finish(to, place, f, sum.result());
  }
};

template <class T>
struct GradientImageDepthwise {
  ConvIndex index;
  Images in, out;
  const T *dz, *weight;  // (C, taps, K / groups)
  PixelResult<T> to;
  __device__ __forceinline__ void operator()(int64_t place) const {
    const int64_t n = in.sample_of(place), c = in.channel_of(place);
    const int pixel = int(in.pixel_of(place)), taps = index.s.taps(), filters = index.s.filters();
    ChainedSum sum;
    for (int tap = 0; tap < taps; ++tap) {
      const int from = index.reader_of(pixel, tap);
      if (from < 0) continue;
      for (int f = 0; f < filters; ++f)
        sum.add(widen(dz[out.place(n, c * filters + f, from)]) * widen(weight[(c * taps + tap) * filters + f]));
    }
    finish(to, place, c, sum.result());
  }
};

// What one output adds to the gradient of a weight.
template <class T>
struct WeightTerm {
  ConvIndex index;
  Images in, out;
  const T *image, *dz;
  __device__ __forceinline__ float operator()(int n, int f, int pixel, int tap) const {
    const int from = index.read_by(pixel, tap);
    if (from < 0) return 0;
    return widen(dz[out.place(n, f, pixel)]) * widen(image[in.place(n, index.filters.quotient(f), from)]);
  }
};
// In channels-last images: of a pixel, and (tap, output channel).
template <class T>
struct WeightTermOfPixel {
  WeightTerm<T> term;
  Divider K;
  __device__ __forceinline__ float operator()(int64_t row, int64_t column) const {
    const int n = term.index.out_pixels.quotient(int(row)), tap = K.quotient(int(column));
    return term(n, int(column) - tap * int(K.divisor), int(row) - n * int(term.index.out_pixels.divisor), tap);
  }
};
// In row-major ones: the sum over the pixels of (sample, output channel, tap).
template <class T>
struct SumWeightTerms {
  WeightTerm<T> term;
  Divider taps, K;
  float* out;
  template <class Team, int kWidth>
  __device__ __forceinline__ void operator()(const LineShape& shape, int64_t line) const {
    const int plane = taps.quotient(int(line)), tap = int(line) - plane * int(taps.divisor);
    const int n = K.quotient(plane), f = plane - n * int(K.divisor);
    ChainedSum sum;
    each_run<Team, 1>(shape.C, [&](int64_t at, int) { sum.add(term(n, f, int(at), tap)); });
    const float total = Team::sum(sum.result());
    if (Team::rank() == 0) out[line] = total;
  }
};

}  // namespace

template <class T>
void convolve_depthwise(const char* name, const ConvShape& s, const T* image, const T* weight, const PixelResult<T>& to,
                        Stream stream) {
  const Images out = outputs_of(s);
  for_elements(name, out.size(), ConvolveDepthwise<T>{ConvIndex(s), inputs_of(s), out, image, weight, to}, stream);
}

template <class T>
void gradient_image_depthwise(const char* name, const ConvShape& s, const T* dz, const T* weight,
                              const PixelResult<T>& to, Stream stream) {
  const Images in = inputs_of(s);
  for_elements(name, in.size(), GradientImageDepthwise<T>{ConvIndex(s), in, outputs_of(s), dz, weight, to}, stream);
}

template <class T>
void gradient_weight_depthwise(const char* name, const ConvShape& s, const T* image, const T* dz, T* gradient,
                               Workspace& workspace, Stream stream) {
  const WeightTerm<T> term{ConvIndex(s), inputs_of(s), outputs_of(s), image, dz};
  const int64_t columns = int64_t{s.K} * s.taps();
  if (s.channels_last) {
    T* turned = workspace.take<T>(columns);
    sum_rows(name, WeightTermOfPixel<T>{term, Divider(s.K)}, int64_t{s.N} * s.out_pixels(), columns, turned, workspace,
             stream);
    if (!workspace.counts_only) transpose(name, 1, s.taps(), s.K, turned, gradient, stream);
    return;
  }
  float* planes = workspace.take<float>(s.N * columns);
  if (!workspace.counts_only)
    for_rows<1>(name, {s.N * columns, s.out_pixels(), 1},
                SumWeightTerms<T>{term, Divider(s.taps()), Divider(s.K), planes}, stream);
  sum_rows(name, MatrixTerm<float>{planes, columns}, s.N, columns, gradient, workspace, stream);
}

#define FASTNETS_INSTANTIATE(T)                                                                                       \
  template void convolve_depthwise(const char*, const ConvShape&, const T*, const T*, const PixelResult<T>&, Stream); \
  template void gradient_image_depthwise(const char*, const ConvShape&, const T*, const T*, const PixelResult<T>&,    \
                                         Stream);                                                                     \
  template void gradient_weight_depthwise(const char*, const ConvShape&, const T*, const T*, T*, Workspace&, Stream);
FASTNETS_INSTANTIATE(float)
FASTNETS_INSTANTIATE(bfloat16)
FASTNETS_INSTANTIATE(float16)
#undef FASTNETS_INSTANTIATE

}  // namespace fastnets::cuda::FASTNETS_ARCH
