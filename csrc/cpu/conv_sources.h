// Convolution as a product without an im2col array: these sources write the panels of that matrix from the image
// itself.
//
// A kernel element (t, r, s) is a *tap*. For the pixel at (o, p, q) of a grid, tap (t, r, s) reads the image at
//   (o·step₀ + offset₀[t], p·step₁ + offset₁[r], q·step₂ + offset₂[s]),
// outside of which it is 0. Forward, grid = output, step = stride, offset = r·dilation − padding. The gradient of the
// input is the same with grid and image exchanged, for each residue of the stride by itself.
#pragma once
#include "cpu/pack.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

constexpr int kAxes = 3;  // fewer spatial dimensions stand behind axes of size 1

struct Axis {
  std::int64_t image = 1, grid = 1, step = 1;  // sizes of image and grid
  std::int64_t taps = 1;
  std::int64_t stride = 0;               // of the image in memory
  const std::int64_t* offset = nullptr;  // one a tap
};

struct Window {
  Axis axis[kAxes];
  FASTNETS_INLINE std::int64_t taps() const { return axis[0].taps * axis[1].taps * axis[2].taps; }
  FASTNETS_INLINE std::int64_t pixels() const { return axis[0].grid * axis[1].grid * axis[2].grid; }
};

struct Position {
  std::int64_t n, x[kAxes];
};
// pixel = (n, o, p, q), row-major
FASTNETS_INLINE Position position(const Window& w, std::int64_t pixel) {
  Position at;
  for (int d = kAxes - 1; d >= 0; --d) {
    at.x[d] = pixel % w.axis[d].grid;
    pixel /= w.axis[d].grid;
  }
  at.n = pixel;
  return at;
}
FASTNETS_INLINE void advance(const Window& w, Position& at) {
  for (int d = kAxes - 1; d >= 0; --d) {
    if (++at.x[d] < w.axis[d].grid) return;
    at.x[d] = 0;
  }
  ++at.n;
}
struct Tap {
  std::int64_t k[kAxes];
};
FASTNETS_INLINE Tap tap_of(const Window& w, std::int64_t tap) {
  return {{tap / (w.axis[1].taps * w.axis[2].taps), tap / w.axis[2].taps % w.axis[1].taps, tap % w.axis[2].taps}};
}
// The next tap; true where it is the first one again.
FASTNETS_INLINE bool advance(const Window& w, Tap& tap) {
  for (int d = kAxes - 1; d >= 0; --d) {
    if (++tap.k[d] < w.axis[d].taps) return false;
    tap.k[d] = 0;
  }
  return true;
}
// The offset in memory of what a pixel's tap reads, or −1 outside the image.
FASTNETS_INLINE std::int64_t address(const Window& w, const Position& at, const Tap& tap) {
  std::int64_t offset = 0;
  for (int d = 0; d < kAxes; ++d) {
    const std::int64_t x = at.x[d] * w.axis[d].step + w.axis[d].offset[tap.k[d]];
    if (static_cast<std::uint64_t>(x) >= static_cast<std::uint64_t>(w.axis[d].image)) return -1;
    offset += x * w.axis[d].stride;
  }
  return offset;
}

// The offset in memory of the line that a pixel's tap reads, or −1 outside the image.
FASTNETS_INLINE std::int64_t line_address(const Window& w, const Position& at, const Tap& tap) {
  std::int64_t offset = 0;
  for (int d = 0; d < kAxes - 1; ++d) {
    const std::int64_t x = at.x[d] * w.axis[d].step + w.axis[d].offset[tap.k[d]];
    if (static_cast<std::uint64_t>(x) >= static_cast<std::uint64_t>(w.axis[d].image)) return -1;
    offset += x * w.axis[d].stride;
  }
  return offset;
}
// Whether the taps of a line read one run of a channels-last image, which pays where the channels alone fill no vector.
FASTNETS_INLINE bool reads_runs(const Window& w, std::int64_t channels) {
  const Axis& line = w.axis[2];
  bool runs = channels < 32 && line.stride == channels;
  for (std::int64_t k = 1; k < line.taps; ++k) runs = runs && line.offset[k] == line.offset[k - 1] + 1;
  return runs;
}

// A channels-last image as rows of pixels: row (n, o, p, q), depth (tap, c). Channels are copied in runs.
template <class T>
struct PixelRows {
  const T* image;
  Window window;
  std::int64_t image_stride, channels;  // from image to image; of one group
  const T* zeros;                       // as many as channels

  template <int R>
  void pack(std::int64_t, std::int64_t i0, int rows, std::int64_t k0, int depth, PanelElement<T>* out) const {
    Position at[R];
    for (int i = 0; i < rows; ++i) at[i] = position(window, i0 + i);
    if (kPairs<T> && channels % 2) return pack_single<R>(at, rows, k0, depth, out);
    if (reads_runs(window, channels)) return pack_runs<R>(at, rows, k0, depth, out);
    for (int k = 0; k < depth;) {
      const std::int64_t c = (k0 + k) % channels;
      const Tap tap = tap_of(window, (k0 + k) / channels);
      const int run = static_cast<int>(least(channels - c, depth - k));
      const T* from[R];
      for (int i = 0; i < rows; ++i) {
        const std::int64_t offset = address(window, at[i], tap);
        from[i] = offset < 0 ? zeros : image + at[i].n * image_stride + offset + c;
      }
      turn<R>(from, rows, run, out + k * R);
      k += run;
    }
  }

 private:
  template <int R>
  FASTNETS_INLINE void turn(const T* const* from, int rows, int run, PanelElement<T>* out) const {
    if constexpr (kPairs<T>)
      pack_transposed<R, float>(rows, run / 2, reinterpret_cast<float*>(out),
                                [&](int i) { return reinterpret_cast<const float*>(from[i]); });
    else
      pack_transposed<R, T>(rows, run, out, [&](int i) { return from[i]; });
  }
  // All taps of a line at once; where some are outside, from a copy.
  template <int R>
  void pack_runs(const Position* at, int rows, std::int64_t k0, int depth, PanelElement<T>* out) const {
    constexpr int kRun = 64;
    const Axis& line = window.axis[2];
    const std::int64_t length = line.taps * channels, size = line.image * channels;
    T edge[R * kRun];
    const T* from[R];
    for (int k = 0; k < depth;) {
      const std::int64_t c = (k0 + k) % length;
      const Tap tap = tap_of(window, (k0 + k) / length * line.taps);
      const int run = static_cast<int>(least(least(length - c, kRun), depth - k));
      for (int i = 0; i < rows; ++i) {
        const std::int64_t offset = line_address(window, at[i], tap);
        const std::int64_t first = (at[i].x[2] * line.step + line.offset[0]) * channels + c;
        const T* data = image + at[i].n * image_stride + (offset < 0 ? 0 : offset);
        from[i] = offset >= 0 && first >= 0 && first + run <= size ? data + first : edge + i * kRun;
        if (from[i] != edge + i * kRun) continue;
        for (int j = 0; j < run; ++j) {
          const auto x = static_cast<std::uint64_t>(first + j);
          edge[i * kRun + j] = offset >= 0 && x < static_cast<std::uint64_t>(size) ? data[x] : T{0};
        }
      }
      turn<R>(from, rows, run, out + k * R);
      k += run;
    }
  }
  // An odd number of channels, when panels hold pairs of depths.
  template <int R>
  void pack_single(const Position* at, int rows, std::int64_t k0, int depth, PanelElement<T>* out) const {
    constexpr int G = Panel<T>::kGroup;
    for (int k = 0; k < round_up(depth, G); ++k) {
      const Tap tap = tap_of(window, (k0 + k) / channels % window.taps());
      for (int i = 0; i < R; ++i) {
        const std::int64_t offset = i < rows && k < depth ? address(window, at[i], tap) : -1;
        out[(k / G * R + i) * G + k % G] =
            offset < 0 ? panel_zero<T>() : to_panel(image[at[i].n * image_stride + offset + (k0 + k) % channels]);
      }
    }
  }
};

// A run of panel columns that stands in one line of the image.
struct Segment {
  int begin, end;  // columns of the panel
  Position at;     // of the first
};

// Writes R values of each depth: `fill(row of R + slack, depth)`, two rows at a time where panels hold pairs.
template <int R, class T, class Fill>
FASTNETS_INLINE void pack_by_depth(int depth, PanelElement<T>* out, const Fill& fill) {
  constexpr int L = kLanes<T>;
#if defined(FASTNETS_BFLOAT16_PAIRS)
  if constexpr (kPairs<T>) {
    T even[R + kPanelSlack], odd[R + kPanelSlack];
    for (int k = 0; k < depth; k += 2) {
      fill(even, k);
      if (k + 1 < depth) fill(odd, k + 1);
      for (int c = 0; c < R; c += L)
        store_zipped(out + k * R + 2 * c, even + c, k + 1 < depth ? odd + c : nullptr,
                     static_cast<int>(least(L, R - c)));
    }
    return;
  }
#endif
  if constexpr (std::is_same_v<T, PanelElement<T>>) {
    for (int k = 0; k < depth; ++k) fill(out + k * R, k);
  } else {
    T row[R + kPanelSlack];
    for (int k = 0; k < depth; ++k) {
      fill(row, k);
      for (int c = 0; c < R; c += L) store(out + k * R + c, load(row + c));
    }
  }
}

// Copies n values, 0 for those at or past `valid`; may write up to a vector past the end.
template <class T>
FASTNETS_INLINE void copy_run(T* to, const T* from, std::int64_t valid, std::int64_t n) {
  if constexpr (sizeof(T) == 2) {
    for (std::int64_t i = 0; i < n; ++i) to[i] = i < valid ? from[i] : T{0};
  } else {
    constexpr int L = kLanes<T>;
    for (std::int64_t i = 0; i < n; i += L) {
      const std::int64_t some = least(n, valid) - i;
      store(to + i, some >= L ? load(from + i) : some > 0 ? load(from + i, static_cast<int>(some)) : splat(T(0)));
    }
  }
}

// What a tap reads at the pixels of a segment, in a plane whose lines are contiguous.
template <class T>
FASTNETS_INLINE void read_segment(const Window& window, const T* plane, const Segment& s, const Tap& tap, T* row) {
  for (int d = 0; d < kAxes - 1; ++d) {
    const Axis& axis = window.axis[d];
    const std::int64_t x = s.at.x[d] * axis.step + axis.offset[tap.k[d]];
    if (static_cast<std::uint64_t>(x) >= static_cast<std::uint64_t>(axis.image))
      return copy_run<T>(row + s.begin, nullptr, 0, s.end - s.begin);
    plane += x * axis.stride;
  }
  const Axis& line = window.axis[2];
  std::int64_t x = s.at.x[2] * line.step + line.offset[tap.k[2]];
  int j = s.begin;
  if (line.step == 1) {
    for (; j < s.end && x < 0; ++j, ++x) row[j] = T{0};
    copy_run(row + j, plane + x, line.image - x, s.end - j);
  } else {
    for (; j < s.end; ++j, x += line.step)
      row[j] = static_cast<std::uint64_t>(x) < static_cast<std::uint64_t>(line.image) ? plane[x] : T{0};
  }
}

// A row-major image as columns of pixels: row (p…, q) of the panel, depth (c, tap). Lines of the image are copied in
// runs.
template <class T>
struct PixelColumns {
  const T* image;
  Window window;  // the innermost axis has memory stride 1
  std::int64_t image_stride, channel_stride;

  template <int R>
  void pack(std::int64_t batch, std::int64_t j0, int columns, std::int64_t k0, int depth, PanelElement<T>* out) const {
    const T* base = image + batch * image_stride;
    const Axis& line = window.axis[2];
    Segment segments[R];
    int count = 0;
    for (int j = 0; j < columns;) {
      Segment& s = segments[count++];
      s.begin = j, s.at = position(window, j0 + j);
      s.end = j = static_cast<int>(least(columns, j + line.grid - s.at.x[2]));
    }
    Tap tap =
        tap_of(window, k0 % window.taps());  // counted on from depth to depth: divisions would cost as much as copies
    const T* plane = base + k0 / window.taps() * channel_stride;
    pack_by_depth<R, T>(depth, out, [&](T* row, int) {
      for (int i = 0; i < count; ++i) read_segment(window, plane, segments[i], tap, row);
      for (int j = columns; j < R; ++j) row[j] = T{0};
      if (advance(window, tap)) plane += channel_stride;
    });
  }
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
