// The three products of a convolution:
//
//   forward:          rows are output pixels, depth is (tap, channel), columns are output channels
//   gradient, image:  rows are input pixels, depth is (tap, output channel), columns are channels
//   gradient, weight: rows are output channels, depth is output pixels, columns are (tap, channel)
#include "cuda/conv_for_sm90a.cuh"
#include "cuda/elements.cuh"
#include "cuda/gemm.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

// Results (pixel, channel) of a group; or only sums, unrounded.
template <class T>
struct PixelSink {
  static constexpr int kWidth = RowSink<T>::kWidth;

  RowSink<T> rows;
  float* unrounded;

  PixelSink(const PixelResult<T>& to, int64_t groups, int64_t channels)
      : rows{to.out, channels, groups * channels, to.bias, to.residual, to.activation, to.pre_activation, channels},
        unrounded(to.unrounded) {}
  void find_alignment() {
    rows.find_alignment();
    rows.aligned = rows.aligned && is_aligned(unrounded);
  }
  __device__ __forceinline__ void operator()(int64_t group, int64_t i, int64_t j, int n, float (&v)[kWidth]) const {
    if (unrounded)
      write_some(unrounded + group * rows.batch_stride + i * rows.row_stride + j, v, n, rows.aligned);
    else
      rows(group, i, j, n, v);
  }
};

// Results (output channel, (tap, channel)) of a group.
template <class T>
struct WeightSink {
  static constexpr int kWidth = kChunk<T>;

  T* out;
  int64_t filters, taps;
  Divider channels;
  bool channels_last, aligned = false;

  void find_alignment() { aligned = is_aligned(out) && channels.divisor % kWidth == 0; }
  __device__ __forceinline__ void operator()(int64_t group, int64_t i, int64_t j, int n, float (&v)[kWidth]) const {
    T* filter = out + (group * filters + i) * taps * channels.divisor;
    if (channels_last) {
      write_some(filter + j, v, n, aligned);
      return;
    }
#pragma unroll
    for (int e = 0; e < kWidth; ++e) {
      const int tap = channels.quotient(int(j) + e), c = int(j) + e - tap * int(channels.divisor);
      if (e < n) filter[c * taps + tap] = round_to<T>(v[e]);
    }
  }
};

// The gradient of a weight from a product's columns (tap, channel), those of a tap filled up to whole slices.
template <class T>
struct TakeWeight {
  const T* from;
  T* to;
  int64_t tap_stride;
  bool channels_last;
  Divider taps, channels;
  WideDivider filter;

  __device__ __forceinline__ void operator()(int64_t place) const {
    const int64_t k = filter.quotient(place);
    const int in_filter = int(place - k * filter.divisor);
    const Divider& inner = channels_last ? channels : taps;
    const int outer = inner.quotient(in_filter), rest = in_filter - outer * int(inner.divisor);
    const int tap = channels_last ? outer : rest, c = channels_last ? rest : outer;
    to[place] = from[(k * taps.divisor + tap) * tap_stride + c];
  }
};

template <class T>
void gradient_weight_on_sm90a(sm90a::Product product, const ConvShape& s, bool channels_last, T* gradient,
                              Workspace& workspace, Stream stream) {
  const int64_t of_filter = int64_t{s.taps()} * s.channels();
  const bool is_in_place = product.N == of_filter && (channels_last || s.taps() == 1);
  product.out = is_in_place ? gradient : workspace.take<T>(s.K * product.N);
  sm90a::run(product, sm90a::tile_for(product), workspace, stream);
  if (is_in_place || workspace.counts_only) return;
  const TakeWeight<T> take{static_cast<const T*>(product.out),
                           gradient,
                           product.N / s.taps(),
                           channels_last,
                           Divider(s.taps()),
                           Divider(s.channels()),
                           WideDivider(of_filter)};
  for_elements(product.name, s.K * of_filter, take, stream);
}

// Products with few columns get narrow tiles.
template <class T, class A, class B, class Sink>
void multiply(const char* name, int64_t groups, int64_t rows, int64_t columns, int64_t depth, const A& a, const B& b,
              Sink sink, Workspace& workspace, Stream stream) {
  if (!groups || !rows || !columns) return;
  sink.find_alignment();
  if (!std::is_same_v<T, float> || float32_precision != Float32Precision::ieee)
    run_gemm<TensorCoreLoop<A, B, 4, 2, 32, 32>>(name, groups, rows, columns, depth, a, b, sink, workspace, stream);
  else if constexpr (std::is_same_v<T, float>)
    columns <= 64 ? run_gemm<SimtLoop<A, B, 1>>(name, groups, rows, columns, depth, a, b, sink, workspace, stream)
                  : run_gemm<SimtLoop<A, B, 2>>(name, groups, rows, columns, depth, a, b, sink, workspace, stream);
}

// Pixels of a gathered image times a weight (columns of all groups, depth).
template <class T, class Where>
void multiply_pixels(const char* name, int64_t groups, int64_t rows, int64_t columns, int64_t depth, int64_t channels,
                     const T* image, const Where& where, const T* weight, const PixelResult<T>& to,
                     Workspace& workspace, Stream stream) {
  if constexpr (kHasSm90a && sizeof(T) == 2)
    if (const auto product = pixels_for_sm90a(name, rows, columns, image, where, weight, to))
      return sm90a::run(*product, sm90a::tile_for(*product), workspace, stream);
  const int64_t of_group = channels / groups;
  const bool is_whole = of_group % kChunk<T> == 0;
  const GatheredOperand<T, Order::depth, Where> a{image, int(rows), int(depth), where, is_whole && is_aligned(image)};
  const MatrixOperand<T, Order::depth> b{
      {weight, depth, 1, columns * depth}, columns, depth, is_whole && is_aligned(weight)};
  multiply<T>(name, groups, rows, columns, depth, a, b, PixelSink<T>(to, groups, columns), workspace, stream);
}

}  // namespace

template <class T>
void convolve(const char* name, const ConvShape& s, const T* image, const T* weight, const PixelResult<T>& to,
              Workspace& workspace, Stream stream) {
  if (s.is_depthwise()) {
    if (!workspace.counts_only) convolve_depthwise(name, s, image, weight, to, stream);
    return;
  }
  multiply_pixels(name, s.groups, int64_t{s.N} * s.out_pixels(), s.filters(), int64_t{s.taps()} * s.channels(), s.C,
                  image, InputByPixel{ConvIndex(s)}, weight, to, workspace, stream);
}

template <class T>
void gradient_image(const char* name, const ConvShape& s, const T* dz, const T* weight, const PixelResult<T>& to,
                    Workspace& workspace, Stream stream) {
  if (s.is_depthwise()) {
    if (!workspace.counts_only) gradient_image_depthwise(name, s, dz, weight, to, stream);
    return;
  }
  multiply_pixels(name, s.groups, int64_t{s.N} * s.in_pixels(), s.channels(), int64_t{s.taps()} * s.filters(), s.K, dz,
                  OutputByPixel{ConvIndex(s)}, weight, to, workspace, stream);
}

template <class T>
void gradient_weight(const char* name, const ConvShape& s, const T* image, const T* dz, bool channels_last, T* gradient,
                     Workspace& workspace, Stream stream) {
  if (s.is_depthwise()) return gradient_weight_depthwise(name, s, image, dz, gradient, workspace, stream);
  const int64_t depth = int64_t{s.N} * s.out_pixels(), columns = int64_t{s.taps()} * s.channels();
  if constexpr (kHasSm90a && sizeof(T) == 2)
    if (const auto product = weight_for_sm90a(name, s, image, dz))
      return gradient_weight_on_sm90a(*product, s, channels_last, gradient, workspace, stream);
  const MatrixOperand<T, Order::rows> a{
      {dz, 1, s.K, s.filters()}, s.filters(), depth, s.filters() % kChunk<T> == 0 && is_aligned(dz)};
  const GatheredOperand<T, Order::rows, InputByTap> b{
      image, int(columns), int(depth), {{ConvIndex(s)}}, s.channels() % kChunk<T> == 0 && is_aligned(image)};
  const WeightSink<T> sink{gradient, s.filters(), s.taps(), Divider(s.channels()), channels_last};
  multiply<T>(name, s.groups, s.filters(), columns, depth, a, b, sink, workspace, stream);
}

#define FASTNETS_INSTANTIATE(T)                                                                                      \
  template void convolve(const char*, const ConvShape&, const T*, const T*, const PixelResult<T>&, Workspace&,       \
                         Stream);                                                                                    \
  template void gradient_image(const char*, const ConvShape&, const T*, const T*, const PixelResult<T>&, Workspace&, \
                               Stream);                                                                              \
  template void gradient_weight(const char*, const ConvShape&, const T*, const T*, bool, T*, Workspace&, Stream);
FASTNETS_INSTANTIATE(float)
FASTNETS_INSTANTIATE(bfloat16)
FASTNETS_INSTANTIATE(float16)
#undef FASTNETS_INSTANTIATE

}  // namespace fastnets::cuda::FASTNETS_ARCH
