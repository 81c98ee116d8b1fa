// What the norms of channels make of images: a plane of a channel, or a row of all channels, at a time. Numbers are one
// for each channel or, in group_norm, for each channel of each image.
#pragma once
#include "cpu/channels.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// y = (x − mean) · factor + offset
template <class Acc>
struct ChannelScaling {
  Acc *mean, *factor, *offset;

  // The elements from `at` on of a plane, whose numbers are the i-th.
  template <class T>
  FASTNETS_INLINE void apply_plane(const T* x, std::int64_t i, std::int64_t at, std::int64_t length, T* y) const {
    const auto m = splat(mean[i]), a = splat(factor[i]), b = splat(offset[i]);
    each_vector<Acc>(at, length, [&](std::int64_t j, int n) FASTNETS_INLINE_LAMBDA {
      write(y + j, fma(read(x + j, n) - m, a, b), n);
    });
  }
  // A row of C channels, whose numbers begin with the i-th.
  template <class T>
  FASTNETS_INLINE void apply_row(const T* x, std::int64_t i, std::int64_t C, T* y) const {
    each_vector<Acc>(0, C, [&](std::int64_t c, int n) FASTNETS_INLINE_LAMBDA {
      write(y + c, fma(read(x + c, n) - read(mean + i + c, n), read(factor + i + c, n), read(offset + i + c, n)), n);
    });
  }
};

// dx = dy · factor + (x − mean) · slope + level; without slope and level where the statistics do not depend on x.
template <class Acc>
struct ChannelGradient {
  const Acc* mean;
  Acc *factor, *slope = nullptr, *level = nullptr;

  template <class T>
  FASTNETS_INLINE void apply_plane(const T* dy, const T* x, std::int64_t i, std::int64_t at, std::int64_t length,
                                   T* dx) const {
    const auto a = splat(factor[i]);
    if (!slope)
      return each_vector<Acc>(
          at, length, [&](std::int64_t j, int n) FASTNETS_INLINE_LAMBDA { write(dx + j, read(dy + j, n) * a, n); });
    const auto m = splat(mean[i]), k = splat(slope[i]), q = splat(level[i]);
    each_vector<Acc>(at, length, [&](std::int64_t j, int n) FASTNETS_INLINE_LAMBDA {
      write(dx + j, fma(read(dy + j, n), a, fma(read(x + j, n) - m, k, q)), n);
    });
  }
  template <class T>
  FASTNETS_INLINE void apply_row(const T* dy, const T* x, std::int64_t i, std::int64_t C, T* dx) const {
    if (!slope)
      return each_vector<Acc>(0, C, [&](std::int64_t c, int n) FASTNETS_INLINE_LAMBDA {
        write(dx + c, read(dy + c, n) * read(factor + i + c, n), n);
      });
    each_vector<Acc>(0, C, [&](std::int64_t c, int n) FASTNETS_INLINE_LAMBDA {
      const auto centered = read(x + c, n) - read(mean + i + c, n);
      const auto rest = fma(centered, read(slope + i + c, n), read(level + i + c, n));
      write(dx + c, fma(read(dy + c, n), read(factor + i + c, n), rest), n);
    });
  }
};

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
