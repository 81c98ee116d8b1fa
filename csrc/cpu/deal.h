// Columns of images, dealt out by their remainder modulo the stride: those under neighbouring outputs are neighbours.
#pragma once
#include "cpu/layout.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

constexpr int kSegment = 512;               // output pixels of a line that are computed together
constexpr std::int64_t kReach = 16 * 1024;  // columns under a segment at most: they stay in the first cache

template <int kStride, class Acc>
FASTNETS_INLINE void deal_by(const Acc* columns, std::int64_t width, std::int64_t any_stride, Acc* hands,
                             std::int64_t pitch) {
  const std::int64_t stride = kStride ? kStride : any_stride;
  for (std::int64_t f = 0; f < stride; ++f)
    for (std::int64_t i = 0; i * stride + f < width; ++i) hands[f * pitch + i] = columns[i * stride + f];
}
// hands[f][i] = columns[i · stride + f]; the hands are `pitch` apart.
template <class Acc>
void deal(const Acc* columns, std::int64_t width, std::int64_t stride, Acc* hands, std::int64_t pitch) {
  stride == 2 ? deal_by<2>(columns, width, 2, hands, pitch) : deal_by<0>(columns, width, stride, hands, pitch);
}

template <int kStride, class Acc>
FASTNETS_INLINE void collect_by(const Acc* hands, std::int64_t pitch, std::int64_t count, std::int64_t any_stride,
                                Acc* columns) {
  const std::int64_t stride = kStride ? kStride : any_stride;
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t f = 0; f < stride; ++f) columns[i * stride + f] = hands[f * pitch + i];
}
// The way back: columns[i · stride + f] = hands[f][i] for i < count.
template <class Acc>
void collect(const Acc* hands, std::int64_t pitch, std::int64_t count, std::int64_t stride, Acc* columns) {
  stride == 2 ? collect_by<2>(hands, pitch, count, 2, columns) : collect_by<0>(hands, pitch, count, stride, columns);
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
