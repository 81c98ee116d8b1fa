// The sources of a convolution's gradients: pixels as the depth of a product, and the weight seen from the input.
#pragma once
#include "cpu/conv_sources.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// A channels-last image with pixels as the depth, for the weight's gradient: row (tap, c), depth (n, o, p, q).
template <class T>
struct PixelDepth {
  const T* image;
  Window window;
  std::int64_t image_stride, channels;

  template <int R>
  void pack(std::int64_t, std::int64_t j0, int columns, std::int64_t k0, int depth, PanelElement<T>* out) const {
    struct Run {
      int begin, end;
      Tap tap;
      std::int64_t c;
    } runs[R];
    const Axis& line = window.axis[2];
    const bool whole_lines = reads_runs(window, channels);  // taps and channels of a line are one run
    const std::int64_t together = whole_lines ? line.taps : 1, length = together * channels;
    int count = 0;
    for (int j = 0; j < columns;) {
      Run& r = runs[count++];
      r.begin = j, r.tap = tap_of(window, (j0 + j) / length * together), r.c = (j0 + j) % length;
      r.end = j = static_cast<int>(least(columns, j + length - r.c));
    }
    Position at = position(window, k0);
    pack_by_depth<R, T>(depth, out, [&](T* row, int) {
      for (int i = 0; i < count; ++i) {
        const Run& r = runs[i];
        if (whole_lines) {
          read_line(at, r.tap, r.c, r.end - r.begin, row + r.begin);
          continue;
        }
        const std::int64_t offset = address(window, at, r.tap);
        copy_run(row + r.begin, image + at.n * image_stride + offset + r.c, offset < 0 ? 0 : r.end - r.begin,
                 r.end - r.begin);
      }
      for (int j = columns; j < R; ++j) row[j] = T{0};
      advance(window, at);
    });
  }

 private:
  // `count` elements from the c-th on of what the taps of a line read.
  FASTNETS_INLINE void read_line(const Position& at, const Tap& tap, std::int64_t c, int count, T* to) const {
    const Axis& line = window.axis[2];
    const std::int64_t offset = line_address(window, at, tap);
    if (offset < 0) return copy_run<T>(to, nullptr, 0, count);
    std::int64_t x = (at.x[2] * line.step + line.offset[0]) * channels + c;
    int j = 0;
    for (; j < count && x < 0; ++j, ++x) to[j] = T{0};
    copy_run(to + j, image + at.n * image_stride + offset + x, line.image * channels - x, count - j);
  }
};

// A row-major image with pixels as the depth: row (c, tap), depth (n, o, p, q).
template <class T>
struct PixelLines {
  const T* image;
  Window window;  // the innermost axis has memory stride 1
  std::int64_t image_stride, channel_stride;

  template <int R>
  void pack(std::int64_t, std::int64_t i0, int rows, std::int64_t k0, int depth, PanelElement<T>* out) const {
    constexpr int kPart = 64;  // depths that are read before they are turned: they stay in the first-level cache
    T lines[R * kPart + kPanelSlack];
    Segment segments[kPart];
    for (int begin = 0; begin < depth; begin += kPart) {
      const int some = static_cast<int>(least(kPart, depth - begin)), count = cut(k0 + begin, some, segments);
      Tap tap = tap_of(window, i0 % window.taps());
      const T* plane = image + i0 / window.taps() * channel_stride;
      for (int i = 0; i < rows; ++i) {
        for (int s = 0; s < count; ++s)
          read_segment(window, plane + segments[s].at.n * image_stride, segments[s], tap, lines + i * kPart);
        if (advance(window, tap)) plane += channel_stride;
      }
      fastnets::cpu::FASTNETS_ISA::pack<R>(Matrix<T>{lines, kPart, 1}, 0, rows, 0, some, out + begin * R);
    }
  }

 private:
  // The lines of the image that a run of pixels stands in; returns how many.
  FASTNETS_INLINE int cut(std::int64_t first, int pixels, Segment* segments) const {
    int count = 0;
    for (int j = 0; j < pixels;) {
      Segment& s = segments[count++];
      s.begin = j, s.at = position(window, first + j);
      s.end = j = static_cast<int>(least(pixels, j + window.axis[2].grid - s.at.x[2]));
    }
    return count;
  }
};

// A group's weight as its inputs see it: row c, depth (tap, k), or with `taps_inside` (k, tap).
template <class T>
struct TransposedWeight {
  const T* weight;
  std::int64_t channel_stride, output_stride, outputs, taps;
  const std::int64_t* tap_offset;  // one a tap
  bool taps_inside;

  template <int R>
  void pack(std::int64_t, std::int64_t i0, int rows, std::int64_t k0, int depth, PanelElement<T>* out) const {
    const T* from = weight + i0 * channel_stride;
    std::int64_t k = taps_inside ? k0 / taps : k0 % outputs, tap = taps_inside ? k0 % taps : k0 / outputs;
    pack_by_depth<R, T>(depth, out, [&](T* row, int) {
      const T* at = from + k * output_stride + tap_offset[tap];
      if (channel_stride == 1)
        copy_run(row, at, rows, R);
      else
        for (int i = 0; i < R; ++i) row[i] = i < rows ? at[i * channel_stride] : T{0};
      if (taps_inside) {
        if (++tap == taps) tap = 0, ++k;
      } else if (++k == outputs) {
        k = 0, ++tap;
      }
    });
  }
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
