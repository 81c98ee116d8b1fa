// Depthwise convolution, where each output channel sees one input channel: a filter, for which a product has no use.
#pragma once
#include "cpu/filter.h"
#include "cpu/image_result.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// Where the taps of a window lie in a weight, whose kernel elements they are themselves or are listed in `used`.
inline void list_taps(const Tensor& weight, const Window& window, std::int64_t* const* used, std::int64_t* offset) {
  for (std::int64_t t = 0; t < window.taps(); ++t) {
    const Tap tap = tap_of(window, t);
    offset[t] = 0;
    for (int d = kAxes - weight.ndim + 2; d < kAxes; ++d)
      offset[t] += (used ? used[d][tap.k[d]] : tap.k[d]) * weight.stride[d + weight.ndim - kAxes];
  }
}

// The weights as filters want them: (C, taps) for row-major images, (taps, C) for channels-last ones.
template <class T>
void widen_taps(const Tensor& weight, const std::int64_t* tap_offset, std::int64_t taps, bool channels_last,
                Accumulator<T>* out) {
  const std::int64_t C = weight.shape[0];
  for (std::int64_t c = 0; c < C; ++c)
    for (std::int64_t t = 0; t < taps; ++t)
      out[channels_last ? t * C + c : c * taps + t] = widen(weight.as<T>()[c * weight.stride[0] + tap_offset[t]]);
}

// result[n, c, pixel] = sum over the taps of weight[c, tap] · what the tap reads, for the pixels of one residue of the
// strides (of all, if there is but one).
template <class T>
struct DepthwisePass {
  Window window;
  const Accumulator<T>* weight;
  ResiduePixels at;  // where its pixels go

  FASTNETS_INLINE std::int64_t place(std::int64_t n, std::int64_t o, std::int64_t p, std::int64_t q) const {
    return at.first + n * at.image_stride + o * at.step[0] + p * at.step[1] + q * at.step[2];
  }
};

// The passes over an image, of which the first has the most pixels. They are taken in turn for each part of it, so that
// what they write lies in the same cache lines while these are in a cache.
template <class T, class Out>
struct Depthwise {
  const Image<T>& image;
  const DepthwisePass<T>* passes;
  std::int64_t count;
  std::int64_t N, C;
  ImageResult<Out> result;
  std::int64_t channel_step;  // from channel to channel of the result
};

// The offsets of an axis's taps: the smallest and the largest.
struct Reach {
  std::int64_t low = 0, high = 0;
  explicit Reach(const Axis& axis) {
    for (std::int64_t k = 0; k < axis.taps; ++k) {
      if (k == 0 || axis.offset[k] < low) low = axis.offset[k];
      if (k == 0 || axis.offset[k] > high) high = axis.offset[k];
    }
  }
};

// The lines of a row-major plane under a piece of output lines, with zeros around the plane. Columns are dealt out by
// their remainder modulo the step, so that those under neighbouring outputs are neighbours.
template <class T>
struct Band {
  using Acc = Accumulator<T>;
  static constexpr std::int64_t kOutputs = kChain * kLanes<T> < 2048 ? kChain * kLanes<T> : 2048;  // of a piece
  const Window& w;
  Reach high, wide;             // of the lines and the columns
  std::int64_t lines, columns;  // of a piece
  std::int64_t rows, width, dealt;
  Acc* values;
  std::int64_t* where;  // of the taps, for the first output

  // `grid` says how many lines and columns a piece has, which passes over one image share.
  Band(const Window& window, const Axis* grid, Workspace& room)
      : w(window), high(window.axis[1]), wide(window.axis[2]) {
    columns = least(grid[2].grid, kOutputs);
    lines = most(1, least(grid[1].grid, kOutputs / round_up(most(1, columns), kLanes<T>)));
    rows = (lines - 1) * w.axis[1].step + high.high - high.low + 1;
    width = (columns - 1) * w.axis[2].step + wide.high - wide.low + 1;
    dealt = round_up(divide_up(width, w.axis[2].step), kLanes<T>) + kLanes<T>;  // whole vectors are read past the end
    values = room.take<Acc>(w.axis[0].taps * rows * line_size());
    where = room.take<std::int64_t>(w.taps());
    if (!where) return;
    for (std::int64_t t = 0; t < w.taps(); ++t) {
      const Tap tap = tap_of(w, t);
      const std::int64_t row = tap.k[0] * rows + w.axis[1].offset[tap.k[1]] - high.low;
      const std::int64_t column = w.axis[2].offset[tap.k[2]] - wide.low;
      where[t] = row * line_size() + column % w.axis[2].step * dealt + column / w.axis[2].step;
    }
  }
  FASTNETS_INLINE std::int64_t line_size() const { return dealt * w.axis[2].step; }
  FASTNETS_INLINE std::int64_t line_step() const { return w.axis[1].step * line_size(); }  // from output line to line

  // For output lines p … p + count − 1 of plane o, from column q on.
  void load_lines(const T* image, std::int64_t o, std::int64_t p, std::int64_t count, std::int64_t q) {
    const Axis &deep = w.axis[0], &tall = w.axis[1];
    const std::int64_t needed = (count - 1) * tall.step + high.high - high.low + 1;
    for (std::int64_t t = 0; t < deep.taps; ++t)
      for (std::int64_t r = 0; r < needed; ++r) {
        const std::int64_t x0 = o * deep.step + deep.offset[t], x1 = p * tall.step + high.low + r;
        const bool inside = static_cast<std::uint64_t>(x0) < static_cast<std::uint64_t>(deep.image) &&
                            static_cast<std::uint64_t>(x1) < static_cast<std::uint64_t>(tall.image);
        load_line(image + (inside ? x0 * deep.stride + x1 * tall.stride : 0), inside ? w.axis[2].image : 0,
                  q * w.axis[2].step + wide.low, values + (t * rows + r) * line_size());
      }
  }

 private:
  // `size` elements of a line, seen from column x on.
  FASTNETS_INLINE void load_line(const T* line, std::int64_t size, std::int64_t x, Acc* to) const {
    const std::int64_t begin = least(width, most(0, -x)), end = most(begin, least(width, size - x));
    const std::int64_t step = w.axis[2].step;
    if (step == 1) {
      for (std::int64_t i = 0; i < begin; ++i) to[i] = 0;
      for (std::int64_t i = begin; i < end; i += kLanes<T>)
        store(to + i, read(line + x + i, static_cast<int>(least(kLanes<T>, end - i))));
      for (std::int64_t i = end; i < width; ++i) to[i] = 0;
      return;
    }
    for (std::int64_t f = 0; f < least(step, width); ++f) {
      Acc* part = to + f * dealt;
      for (std::int64_t i = f, j = 0; i < width; i += step, ++j)
        part[j] = i >= begin && i < end ? widen(line[x + i]) : Acc(0);
    }
  }
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
