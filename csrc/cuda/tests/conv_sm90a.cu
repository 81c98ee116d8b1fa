// The products of a convolution on a device of compute capability 9.0, of windows that bulk copies gather, against sums
// over all pixels that meet: exact on small integers.
#include "cuda/conv_for_sm90a.cuh"
#include "emulation/tests/buffer.h"
#include "emulation/tests/hopper.h"
#include "emulation/tests/test.h"

namespace fastnets::tests {
namespace {

using namespace fastnets::cuda;
using namespace fastnets::cuda::FASTNETS_ARCH;
using T = bfloat16;

struct Axis {
  int in, kernel, stride = 1, padding = 0, dilation = 1, padding_end = -1;  // −1: as in front
};

// Of the axes given, the last one is the width.
ConvShape shape(int N, int C, int K, int groups, const std::vector<Axis>& axes) {
  ConvShape s{.N = N, .C = C, .K = K, .groups = groups};
  for (size_t i = 0; i < axes.size(); ++i) {
    const size_t d = kAxes - axes.size() + i;
    const Axis& a = axes[i];
    const int padded = a.in + a.padding + (a.padding_end < 0 ? a.padding : a.padding_end);
    s.in[d] = a.in, s.kernel[d] = a.kernel, s.stride[d] = a.stride, s.padding[d] = a.padding,
    s.dilation[d] = a.dilation;
    s.out[d] = (padded - a.dilation * (a.kernel - 1) - 1) / a.stride + 1;
  }
  return s;
}

// Calls f(output pixel of all samples, input pixel of all samples, tap) for those that meet.
template <class F>
void for_each_meeting(const ConvShape& s, F f) {
  for (int row = 0; row < s.N * s.out_pixels(); ++row)
    for (int tap = 0; tap < s.taps(); ++tap) {
      int o = row, r = tap, pixel = 0, place = 1;
      bool inside = true;
      for (int d = kAxes; d-- > 0;) {
        const int i = o % s.out[d] * s.stride[d] - s.padding[d] + r % s.kernel[d] * s.dilation[d];
        inside = inside && i >= 0 && i < s.in[d];
        pixel += i * place;
        place *= s.in[d], o /= s.out[d], r /= s.kernel[d];
      }
      if (inside) f(row, o * s.in_pixels() + pixel, tap);
    }
}

// Runs the product as a caller would, which counts first.
void run_product(const sm90a::Product& product, sm90a::Tile tile) {
  Workspace count{.counts_only = true};
  sm90a::run(product, tile, count, nullptr);
  Buffer<std::byte> room(count.used);
  Workspace workspace{.base = room.data()};
  sm90a::run(product, tile, workspace, nullptr);
}

std::vector<float> rounded(std::vector<float> values) {
  for (float& value : values) value = to_float(from_float<T>(value));
  return values;
}
std::vector<float> widened(const std::vector<T>& values) {
  std::vector<float> wide;
  for (T value : values) wide.push_back(to_float(value));
  return wide;
}

// An array in device memory and its values.
struct Array {
  std::vector<T> values;
  Buffer<T> device;
  Array(int64_t size, unsigned seed) : values(small_integers<T>(size_t(size), seed)), device(values) {}
  float operator[](int64_t i) const { return to_float(values[size_t(i)]); }
};

// The product of rows of pixels: y[row, j] = the sum over the pixels that meet it, with everything a sink adds.
template <class Where, class Sums>
void check_pixels(const Where& where, int rows, int columns, const Array& image, const Array& weight, sm90a::Tile tile,
                  Sums sums) {
  const int groups = where.index.s.groups;
  const int64_t size = int64_t{rows} * groups * columns;
  const Array bias(groups * columns, 3), residual(size, 4);
  Buffer<T> y{size_t(size)}, z{size_t(size)};
  const PixelResult<T> to{y.data(), bias.device.data(), residual.device.data(), Activation::relu, z.data()};
  const auto product = pixels_for_sm90a<T>("conv", rows, columns, image.device.data(), where, weight.device.data(), to);
  require(product.has_value(), "the windows are not gathered");
  run_product(*product, tile);
  std::vector<float> expected(static_cast<size_t>(size));
  for (int64_t i = 0; i < size; ++i) expected[size_t(i)] = bias[i % (groups * columns)] + residual[i];
  sums(expected);
  expected = rounded(expected);
  require_equal(widened(z.values()), expected);
  for (float& value : expected) value = std::max(value, 0.0f);
  require_equal(widened(y.values()), expected);
}

void check_forward(const ConvShape& s, sm90a::Tile tile = sm90a::Tile::narrow) {
  const Hopper hopper;
  const int channels = s.channels(), taps = s.taps();
  const Array image(int64_t{s.N} * s.in_pixels() * s.C, 1), weight(int64_t{s.K} * taps * channels, 2);
  check_pixels(InputByPixel{ConvIndex(s)}, s.N * s.out_pixels(), s.filters(), image, weight, tile, [&](auto& y) {
    for_each_meeting(s, [&](int out, int in, int tap) {
      for (int k = 0; k < s.K; ++k)
        for (int c = 0; c < channels; ++c)
          y[size_t(out * s.K + k)] +=
              image[in * s.C + k / s.filters() * channels + c] * weight[(k * taps + tap) * channels + c];
    });
  });
}

void check_gradient_image(const ConvShape& s, sm90a::Tile tile = sm90a::Tile::narrow) {
  const Hopper hopper;
  const int filters = s.filters(), taps = s.taps();
  const Array dz(int64_t{s.N} * s.out_pixels() * s.K, 1), weight(int64_t{s.C} * taps * filters, 2);
  check_pixels(OutputByPixel{ConvIndex(s)}, s.N * s.in_pixels(), s.channels(), dz, weight, tile, [&](auto& dx) {
    for_each_meeting(s, [&](int out, int in, int tap) {
      for (int c = 0; c < s.C; ++c)
        for (int k = 0; k < filters; ++k)
          dx[size_t(in * s.C + c)] +=
              dz[out * s.K + c / s.channels() * filters + k] * weight[(c * taps + tap) * filters + k];
    });
  });
}

void check_gradient_weight(const ConvShape& s) {
  const Hopper hopper;
  const int channels = s.channels(), taps = s.taps();
  const Array image(int64_t{s.N} * s.in_pixels() * s.C, 1), dz(int64_t{s.N} * s.out_pixels() * s.K, 2);
  auto product = weight_for_sm90a<T>("conv", s, image.device.data(), dz.device.data());
  require(product.has_value(), "the windows are not gathered");
  const int64_t columns = product->N, filled = columns / taps;
  Buffer<T> out(size_t(s.K * columns));
  product->out = out.data();
  run_product(*product, sm90a::tile_for(*product));
  std::vector<float> expected(size_t(s.K * taps * channels)), made;
  for_each_meeting(s, [&](int row, int in, int tap) {
    for (int k = 0; k < s.K; ++k)
      for (int c = 0; c < channels; ++c)
        expected[size_t((k * taps + tap) * channels + c)] +=
            dz[row * s.K + k] * image[in * s.C + k / s.filters() * channels + c];
  });
  const std::vector<float> all = widened(out.values());
  for (int64_t line = 0; line < s.K * taps; ++line)
    for (int64_t c = 0; c < channels; ++c) made.push_back(all[size_t(line * filled + c)]);
  require_equal(made, rounded(expected));
}

const Axis kSame{.in = 7, .kernel = 3, .padding = 1};  // as many outputs as inputs

FASTNETS_TEST(conv_sm90a_forward) {  // more than a tile of pixels, of several samples; more than a chain of terms
  check_forward(shape(3, 64, 24, 1, {{.in = 9, .kernel = 3, .padding = 1}, kSame}));
  check_forward(shape(2, 64, 140, 1, {{.in = 9, .kernel = 1}, kSame}));
}
FASTNETS_TEST(conv_sm90a_forward_wide) {
  check_forward(shape(5, 64, 200, 1, {{.in = 9, .kernel = 1}, kSame}), sm90a::Tile::wide);
}
FASTNETS_TEST(conv_sm90a_forward_steps) {  // over pixels, asymmetric borders, channels that do not fill a slice
  check_forward(
      shape(2, 80, 16, 1, {{9, 3, 2, 1, 2}, {.in = 8, .kernel = 2, .stride = 3, .padding = 0, .padding_end = 3}}));
  check_forward(shape(2, 40, 16, 1, {{.in = 8, .kernel = 1, .stride = 8}, {.in = 7, .kernel = 1, .stride = 2}}));
}
FASTNETS_TEST(conv_sm90a_forward_of_other_ranks) {
  check_forward(shape(3, 64, 8, 1, {{.in = 19, .kernel = 3, .padding = 150, .dilation = 130}}));
  check_forward(shape(1, 64, 8, 1, {{.in = 3, .kernel = 2, .padding = 1}, {.in = 4, .kernel = 3, .stride = 2}, kSame}));
}
FASTNETS_TEST(conv_sm90a_forward_of_groups) {
  check_forward(shape(2, 128, 6, 2, {{.in = 6, .kernel = 5, .padding = 2}, {.in = 5, .kernel = 1}}));
}
FASTNETS_TEST(conv_sm90a_pointwise) {  // products of matrices
  const ConvShape s = shape(2, 48, 32, 2, {{.in = 6, .kernel = 1}, {.in = 5, .kernel = 1}});
  check_forward(s);
  check_gradient_image(s);
  check_gradient_weight(s);
}

FASTNETS_TEST(conv_sm90a_gradient_image) {  // windows that begin before, at and behind the first pixel
  check_gradient_image(shape(3, 24, 64, 1, {kSame, {.in = 6, .kernel = 3, .padding = 2}}));
  check_gradient_image(
      shape(2, 8, 64, 1, {{.in = 5, .kernel = 3, .padding = 3}, {.in = 9, .kernel = 2, .dilation = 3}}));
  check_gradient_image(shape(2, 128, 80, 1, {{.in = 21, .kernel = 3, .padding = 1, .dilation = 2, .padding_end = 0}}));
  check_gradient_image(shape(1, 8, 128, 2, {kSame, {.in = 2, .kernel = 2}, {.in = 4, .kernel = 3, .padding = 2}}));
}
FASTNETS_TEST(conv_sm90a_gradient_image_wide) {
  check_gradient_image(shape(5, 200, 64, 1, {{.in = 9, .kernel = 1}, kSame}), sm90a::Tile::wide);
}

FASTNETS_TEST(conv_sm90a_gradient_weight) {
  check_gradient_weight(shape(2, 64, 24, 1, {{.in = 5, .kernel = 3, .padding = 1}, kSame}));
  check_gradient_weight(shape(2, 80, 136, 1, {{9, 3, 2, 1, 2}, {.in = 7, .kernel = 1, .stride = 3}}));
  check_gradient_weight(shape(2, 96, 16, 2, {{.in = 19, .kernel = 3, .padding = 1}}));
  check_gradient_weight(shape(9, 64, 8, 1, {{.in = 2, .kernel = 1}, {.in = 5, .kernel = 2}, kSame}));
}

FASTNETS_TEST(conv_sm90a_leaves_the_rest) {
  const Hopper hopper;
  const Array array(1 << 12, 1);
  const T* data = array.device.data();
  const auto takes = [&](const ConvShape& s, const T* image, const PixelResult<T>& to) {
    return pixels_for_sm90a("conv", int64_t{s.N} * s.out_pixels(), s.filters(), image, InputByPixel{ConvIndex(s)}, data,
                            to)
        .has_value();
  };
  const ConvShape taken = shape(1, 64, 8, 1, {kSame, kSame});
  PixelResult<T> to{};
  require(takes(taken, data, to), "what is only changed below");
  require(!takes(taken, data + 1, to), "a misaligned image");
  const auto leaves = [&](const ConvShape& s, const char* what) { require(!takes(s, data, to), what); };
  ConvShape reflected = taken;
  reflected.mode = PaddingMode::reflect;
  leaves(reflected, "another border");
  leaves(shape(1, 16, 8, 1, {kSame, kSame}), "few channels");
  leaves(shape(1, 68, 8, 1, {kSame, kSame}), "half a chunk of channels");
  leaves(shape(1, 160, 8, 2, {kSame, kSame}), "groups whose last slices reach into the next ones");
  leaves(shape(1, 64, 8, 1, {{.in = 19, .kernel = 2, .stride = 9}, kSame}), "long steps");
  leaves(shape(1, 64, 8, 1, {{.in = 5, .kernel = 3, .padding = 129, .dilation = 129}, kSame}), "far corners");
  leaves(shape(1, 64, 8, 1, {{.in = 400, .kernel = 3, .padding = 0, .dilation = 128}, kSame}), "far taps");
  leaves(shape(1, 64, 8, 1, {kSame, kSame, {.in = 5, .kernel = 3, .padding = 17, .dilation = 17}}),
         "far corners in 3-D");
  leaves(shape(0, 64, 8, 1, {kSame, kSame}), "no samples");
  float sum = 0;
  to.unrounded = &sum;
  require(!takes(taken, data, to), "sums only");

  const auto strided = shape(1, 64, 64, 1, {{.in = 7, .kernel = 3, .stride = 2}, kSame});
  require(!pixels_for_sm90a("conv", strided.in_pixels(), 64, data, OutputByPixel{ConvIndex(strided)}, data,
                            PixelResult<T>{}),
          "the gradient of a strided convolution's image");
  require(!weight_for_sm90a("conv", shape(1, 64, 12, 1, {kSame, kSame}), data, data), "half a chunk of filters");
}

}  // namespace
}  // namespace fastnets::tests
