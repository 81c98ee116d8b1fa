// Depthwise convolution of row-major images: vectors run along the lines.
#pragma once
#include "cpu/depthwise.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// sums[i] = start + sum over the taps of w[tap] · values[where[tap] + i]; writes whole vectors.
template <class Acc>
void filter_line(const Acc* values, const std::int64_t* where, const Acc* w, std::int64_t taps, Acc start,
                 std::int64_t count, Acc* sums) {
  using V = Vec<Acc>;
  constexpr int kAtOnce = 4;
  const auto weight = [&](std::int64_t k) { return splat(w[k]); };
  std::int64_t i = 0;
  for (; i + kAtOnce * V::lanes <= count; i += kAtOnce * V::lanes) {
    V made[kAtOnce];
    const auto at = [&](int r, std::int64_t k) { return load(values + where[k] + i + r * V::lanes); };
    weighted_sums<0>(taps, splat(start), weight, at, made);
    for (int r = 0; r < kAtOnce; ++r) store(sums + i + r * V::lanes, made[r]);
  }
  for (; i < count; i += V::lanes) {
    V made[1];
    weighted_sums<0>(
        taps, splat(start), weight, [&](int, std::int64_t k) { return load(values + where[k] + i); }, made);
    store(sums + i, made[0]);
  }
}

// Stores finished sums in every step-th place.
template <class Out>
void finish_scattered(const ImageResult<Out>& result, Accumulator<Out>* sums, std::int64_t n, std::int64_t step,
                      std::int64_t at) {
  const auto scatter = [&](Out* to) {
    for (std::int64_t i = 0; i < n; ++i) to[at + i * step] = narrow<Out>(sums[i]);
  };
  if (result.residual)
    for (std::int64_t i = 0; i < n; ++i) sums[i] += widen(result.residual[at + i * step]);
  if (result.activation != Activation::none) {
    if (result.pre_activation) scatter(result.pre_activation);
    activate_values<Accumulator<Out>>(result.activation, static_cast<int>(n), sums);
  }
  scatter(result.data);
}

template <class Out>
FASTNETS_INLINE void finish_line(const ImageResult<Out>& result, Accumulator<Out>* sums, std::int64_t n,
                                 std::int64_t step, std::int64_t at) {
  if (step != 1) return finish_scattered(result, sums, n, step, at);
  finish(result.activation, sums, n, result.residual ? result.residual + at : nullptr, result.data + at,
         result.pre_activation ? result.pre_activation + at : nullptr);
}

// One pass over a piece of a plane: columns from q on of lines from p on.
template <class T, class Out>
void depthwise_piece(const Depthwise<T, Out>& d, const DepthwisePass<T>& pass, Band<T>& band, std::int64_t n,
                     std::int64_t c, std::int64_t o, std::int64_t p, std::int64_t q, Accumulator<T>* sums) {
  const std::int64_t taps = pass.window.taps();
  const std::int64_t lines = least(band.lines, pass.window.axis[1].grid - p);
  const std::int64_t columns = least(band.columns, pass.window.axis[2].grid - q);
  if (o >= pass.window.axis[0].grid || lines <= 0 || columns <= 0) return;
  const std::int64_t at = pass.place(n, o, p, q) + c * d.channel_step;
  const Accumulator<T> start = d.result.bias ? widen(d.result.bias[c]) : Accumulator<T>(0);
  band.load_lines(d.image.data + n * d.image.batch_stride + c * d.image.channel_stride, o, p, lines, q);
  for (std::int64_t line = 0; line < lines; ++line)
    filter_line(band.values + line * band.line_step(), band.where, pass.weight + c * taps, taps, start, columns,
                sums + line * columns);
  if (pass.at.step[2] == 1 && pass.at.step[1] == columns) return finish_line(d.result, sums, lines * columns, 1, at);
  for (std::int64_t line = 0; line < lines; ++line)
    finish_line(d.result, sums + line * columns, columns, pass.at.step[2], at + line * pass.at.step[1]);
}

// A task has some pieces of planes.
template <class T, class Out>
void depthwise_lines(const Depthwise<T, Out>& d) {
  if (!d.count) return;
  const Axis* axis = d.passes[0].window.axis;
  const auto band_of = [&](std::int64_t i, Workspace& room) { return Band<T>(d.passes[i].window, axis, room); };
  std::size_t bytes = 0;
  for (std::int64_t i = 0; i < d.count; ++i) {
    Workspace room;
    band_of(i, room);
    bytes = room.used > bytes ? room.used : bytes;
  }
  Workspace counted;
  const Band<T> sizes = band_of(0, counted);
  const std::int64_t down = divide_up(axis[1].grid, sizes.lines), across = divide_up(axis[2].grid, sizes.columns);
  const std::int64_t in_plane = axis[0].grid * down * across;
  const std::int64_t grain = divide_up(1 << 13, sizes.lines * sizes.columns * d.count);
  parallel_ranges(d.N * d.C * in_plane, grain, [&](std::int64_t first, std::int64_t last) {
    auto* base = static_cast<std::byte*>(scratch(bytes, 1));
    Accumulator<T> sums[Band<T>::kOutputs + kLanes<T>];
    const auto run = [&](std::int64_t i, Band<T>& band, std::int64_t t) {  // t = (n, c, o, piece of lines, of columns)
      const std::int64_t q = t % across * band.columns, p = t / across % down * band.lines;
      const std::int64_t o = t / (across * down) % axis[0].grid, c = t / in_plane % d.C, n = t / (in_plane * d.C);
      depthwise_piece(d, d.passes[i], band, n, c, o, p, q, sums);
    };
    if (d.count == 1) {
      Workspace room{base};
      Band<T> band = band_of(0, room);
      for (std::int64_t t = first; t < last; ++t) run(0, band, t);
      return;
    }
    for (std::int64_t t = first; t < last; ++t)
      for (std::int64_t i = 0; i < d.count; ++i) {
        Workspace room{base};
        Band<T> band = band_of(i, room);
        run(i, band, t);
      }
  });
}

// partial[tap] += sum_i dz[i] · values[where[tap] + i] over some lines.
template <int kAtOnce, class T>
void correlate_lines(const T* dz, std::int64_t dz_step, const Band<T>& band, std::int64_t lines, std::int64_t columns,
                     const std::int64_t* where, Accumulator<T>* partial) {
  using V = Vec<Accumulator<T>>;
  V sums[kAtOnce];
  for (V& s : sums) s = splat(Accumulator<T>(0));
  for (std::int64_t line = 0; line < lines; ++line) {
    const T* from = dz + line * dz_step;
    const Accumulator<T>* values = band.values + line * band.line_step();
    const auto step = [&](std::int64_t i, int n) {
      const V x = read(from + i, n);
#pragma GCC unroll 4
      for (int k = 0; k < kAtOnce; ++k) sums[k] = fma(x, read(values + where[k] + i, n), sums[k]);
    };
    std::int64_t i = 0;
    for (; i + V::lanes <= columns; i += V::lanes) step(i, V::lanes);
    if (i < columns) step(i, static_cast<int>(columns - i));
  }
  for (int k = 0; k < kAtOnce; ++k) partial[k] += sum(sums[k]);
}

// partials[n][c][tap] = sum over the pixels of dz · what the tap reads. A task has some planes.
template <class T>
void depthwise_weight_lines(const ConvShape& s, const Image<T>& image, const Window& window, const Image<T>& dz,
                            Accumulator<T>* partials) {
  const Axis *axis = window.axis, &tall = axis[1], &wide = axis[2];
  const std::int64_t taps = window.taps();
  parallel_ranges(s.N * s.C, divide_up(1 << 13, most(1, s.out_pixels())), [&](std::int64_t first, std::int64_t last) {
    Workspace room;
    Band<T>(window, axis, room);
    room = {static_cast<std::byte*>(scratch(room.used, 1)), 0};
    Band<T> band(window, axis, room);
    for (std::int64_t plane = first; plane < last; ++plane) {
      const std::int64_t n = plane / s.C, c = plane % s.C;
      const T* x = image.data + n * image.batch_stride + c * image.channel_stride;
      Accumulator<T>* partial = partials + plane * taps;
      for (std::int64_t t = 0; t < taps; ++t) partial[t] = 0;
      for (std::int64_t o = 0; o < axis[0].grid; ++o)
        for (std::int64_t p = 0; p < tall.grid; p += band.lines)
          for (std::int64_t q = 0; q < wide.grid; q += band.columns) {
            const std::int64_t lines = least(band.lines, tall.grid - p), columns = least(band.columns, wide.grid - q);
            band.load_lines(x, o, p, lines, q);
            const T* d =
                dz.data + n * dz.batch_stride + c * dz.channel_stride + o * dz.stride[0] + p * dz.stride[1] + q;
            std::int64_t t = 0;
            for (; t + 4 <= taps; t += 4)
              correlate_lines<4>(d, dz.stride[1], band, lines, columns, band.where + t, partial + t);
            for (; t < taps; ++t)
              correlate_lines<1>(d, dz.stride[1], band, lines, columns, band.where + t, partial + t);
          }
    }
  });
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
