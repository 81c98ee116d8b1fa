#include "core/ops/group_norm.h"
#include "core/entries.h"
#include "cpu/affine.h"
#include "cpu/channel_scaling.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// The groups of all images; those of row-major images are runs of contiguous memory.
struct Groups {
  Channels images;
  std::int64_t G, channels;  // channels of a group

  explicit Groups(const GroupNorm& op)
      : images(op.input), G(op.num_groups), channels(op.input.shape[1] / op.num_groups) {}
  FASTNETS_INLINE std::int64_t number() const { return images.N * G; }
  FASTNETS_INLINE std::int64_t count() const { return channels * images.P; }  // elements of a group
};

template <class T>
void run_forward(const GroupNorm& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  const Groups s(op);
  const Channels& images = s.images;
  const std::int64_t N = images.N, C = images.C, P = images.P;
  const T* x = in_format<T>(op.input, images.channels_last, workspace);
  const Acc *weight = numbers_of<Acc>(op.weight, workspace), *bias = numbers_of<Acc>(op.bias, workspace);
  const ChannelScaling<Acc> scaling{workspace.take<Acc>(N * C), workspace.take<Acc>(N * C), workspace.take<Acc>(N * C)};
  ColumnChunks chunks(N, P, C, sizeof(T));
  if (images.channels_last) chunks.take(workspace);
  if (!workspace.base) return;
  Acc *mean = op.mean.as<Acc>(), *rstd = op.rstd.as<Acc>();
  if (!op.input.size()) {
    for (std::int64_t i = 0; mean && i < s.number(); ++i) mean[i] = rstd[i] = 0;
    return;
  }
  T* y = op.output.as<T>();
  const auto set = [&](std::int64_t group, const Moments& m) {
    const Acc r = rstd_of<Acc>(m.variance(), op.eps);
    if (mean) mean[group] = static_cast<Acc>(m.mean), rstd[group] = r;
    for (std::int64_t i = group * s.channels; i < (group + 1) * s.channels; ++i) {  // i = (n, c)
      scaling.mean[i] = static_cast<Acc>(m.mean);
      scaling.factor[i] = weight ? weight[i % C] * r : r;
      scaling.offset[i] = bias ? bias[i % C] : 0;
    }
  };
  if (!images.channels_last)
    return parallel_ranges(s.number(), divide_up(1 << 14, s.count()), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t group = begin; group < end; ++group) {
        set(group, row_moments(x + group * s.count(), s.count()));
        for (std::int64_t i = group * s.channels; i < (group + 1) * s.channels; ++i)
          scaling.apply_plane(x, i, i * P, P, y);
      }
    });
  reduce_columns<MergeMoments>(
      chunks,
      [&](std::int64_t row, std::int64_t rows, double* first, double* second) {
        column_moments(x + row * C, rows, C, first, second);
      },
      [](std::int64_t, std::int64_t, std::int64_t) {});
  parallel_ranges(s.number(), divide_up(1 << 10, s.channels), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t group = begin; group < end; ++group) {
      const std::int64_t n = group / s.G, first = group % s.G * s.channels;
      Pairwise<Moments> merged;
      for (std::int64_t c = first; c < first + s.channels; ++c)
        merged.add({static_cast<double>(P), chunks.result(n, 0, 0)[c], chunks.result(n, 0, 1)[c]});
      set(group, merged.total());
    }
  });
  each_row(images, [&](std::int64_t at) { scaling.apply_row(x + at, at / C / P * C, C, y + at); });
}

// Sums of dy and dy · (x − mean) over each plane (n, c): weighted over a group's they give dx, over n the gradients of
// weight and bias.
template <class T>
struct PullBack {
  using Acc = Accumulator<T>;
  const Groups s;
  const T *x, *dy;
  const Acc *weight, *mean, *rstd;
  ChannelGradient<Acc> gradient;
  Acc* channel_mean;  // what it reads: of each image and channel
  ColumnChunks sums;  // of each image and channel, row-major images as one chunk
  T* dx;              // null: not wanted

  PullBack(const GroupNorm& op, Workspace& workspace)
      : s(op),
        x(in_format<T>(op.input, s.images.channels_last, workspace)),
        dy(in_format<T>(op.grad_output, s.images.channels_last, workspace)),
        weight(numbers_of<Acc>(op.weight, workspace)),
        mean(op.mean.as<Acc>()),
        rstd(op.rstd.as<Acc>()),
        sums(s.images.N, s.images.P, s.images.C, 2 * sizeof(T)),
        dx(op.grad_input.as<T>()) {
    if (!s.images.channels_last) sums.step = s.images.P, sums.chunks = 1;
    for (Acc** each : {&channel_mean, &gradient.factor, &gradient.slope, &gradient.level})
      *each = workspace.take<Acc>(s.images.N * s.images.C);
    gradient.mean = channel_mean;
    sums.take(workspace);
  }

  void set(std::int64_t group) const {
    const std::int64_t n = group / s.G, first = group % s.G * s.channels;
    Pairwise<Sums> merged;
    for (std::int64_t c = first; c < first + s.channels; ++c) {
      const double w = weight ? weight[c] : 1;
      merged.add({w * sums.result(n, 0, 0)[c], w * sums.result(n, 0, 1)[c]});
    }
    const Sums total = merged.total();
    const double r = rstd[group], count = static_cast<double>(s.count());
    for (std::int64_t i = group * s.channels; i < (group + 1) * s.channels; ++i) {  // i = (n, c)
      gradient.factor[i] = static_cast<Acc>(weight ? weight[i % s.images.C] * r : r);
      gradient.slope[i] = static_cast<Acc>(-r * r * r * (total.second / count));
      gradient.level[i] = static_cast<Acc>(-r * (total.first / count));
    }
  }

  void pull_planes() const {
    const std::int64_t C = s.images.C, P = s.images.P;
    parallel_ranges(s.number(), divide_up(1 << 14, s.count()), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t group = begin; group < end; ++group) {
        for (std::int64_t i = group * s.channels; i < (group + 1) * s.channels; ++i) {
          const Sums made = reduce_row<Sums>(P, [&](std::int64_t at, std::int64_t length) {
            return piece_sums(dy + i * P + at, x + i * P + at, mean[group], {1, length, 0});
          });
          sums.result(i / C, 0, 0)[i % C] = made.first, sums.result(i / C, 0, 1)[i % C] = made.second;
        }
        set(group);
        for (std::int64_t i = group * s.channels; dx && i < (group + 1) * s.channels; ++i)
          gradient.apply_plane(dy, x, i, i * P, P, dx);
      }
    });
  }

  void pull_rows() const {
    const std::int64_t C = s.images.C, P = s.images.P;
    reduce_columns<MergeSums>(
        sums,
        [&](std::int64_t row, std::int64_t rows, double* first, double* second) {
          column_sums(dy + row * C, x + row * C, gradient.mean + row / P * C, rows, C, first, second);
        },
        [](std::int64_t, std::int64_t, std::int64_t) {});
    parallel_ranges(s.number(), divide_up(1 << 10, s.channels), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t group = begin; group < end; ++group) set(group);
    });
    if (dx)
      each_row(s.images, [&](std::int64_t at) { gradient.apply_row(dy + at, x + at, at / C / P * C, C, dx + at); });
  }

  double over_images(std::int64_t c, int which) const {
    Pairwise<Sums> merged;
    for (std::int64_t n = 0; s.count() && n < s.images.N; ++n) {
      const double scale = which ? rstd[n * s.G + c / s.channels] : 1;
      merged.add({scale * sums.result(n, 0, which)[c], 0});
    }
    return merged.total().first;
  }
};

template <class T>
void run_backward(const GroupNorm& op, Workspace& workspace) {
  const PullBack<T> pull(op, workspace);
  if (!workspace.base) return;
  if (op.input.size()) {
    for (std::int64_t i = 0; i < pull.s.number() * pull.s.channels; ++i)
      pull.channel_mean[i] = pull.mean[i / pull.s.channels];
    pull.s.images.channels_last ? pull.pull_rows() : pull.pull_planes();
  }
  write_numbers(op.grad_weight, 0, pull.s.images.C, [&](std::int64_t c) { return pull.over_images(c, 1); });
  write_numbers(op.grad_bias, 0, pull.s.images.C, [&](std::int64_t c) { return pull.over_images(c, 0); });
}

}  // namespace

void run(const GroupNorm& op, Pass pass, Workspace& workspace) {
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace) : run_backward<T>(op, workspace);
  });
}

}  // namespace fastnets::cpu::FASTNETS_ISA
