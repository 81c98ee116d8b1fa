#include "core/ops/batch_norm.h"
#include "core/entries.h"
#include "cpu/affine.h"
#include "cpu/channel_scaling.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

// One number of each for a channel.
template <class Acc>
struct BatchScaling : ChannelScaling<Acc> {
  const Acc *weight, *bias;

  template <class Op>
  BatchScaling(const Op& op, Acc* mean, Workspace& workspace)
      : ChannelScaling<Acc>{mean ? mean : workspace.take<Acc>(op.input.shape[1]),
                            workspace.take<Acc>(op.input.shape[1]), workspace.take<Acc>(op.input.shape[1])},
        weight(numbers_of<Acc>(op.weight, workspace)),
        bias(numbers_of<Acc>(op.bias, workspace)) {}

  FASTNETS_INLINE void set(std::int64_t c, Acc rstd) const {
    this->factor[c] = weight ? weight[c] * rstd : rstd;
    this->offset[c] = bias ? bias[c] : 0;
  }
};

// running ← (1 − momentum) · running + momentum · seen
inline void update(const Tensor& running, std::int64_t c, double momentum, double seen) {
  if (!running) return;
  visit_float(running.dtype, [&]<class W>(Type<W>) {
    W& at = running.as<W>()[c * running.stride[0]];
    at = narrow<W>(static_cast<Accumulator<W>>((1 - momentum) * widen(at) + momentum * seen));
  });
}

template <class T>
void run_forward(const BatchNormTraining& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  const Channels s(op.input);
  const T* x = in_format<T>(op.input, s.channels_last, workspace);
  const BatchScaling<Acc> scaling(op, op.mean.as<Acc>(), workspace);
  ColumnChunks chunks(1, s.count(), s.C, sizeof(T));
  if (s.rows) chunks.take(workspace);
  Moments* kept = s.rows || !s.P ? nullptr : workspace.take<Moments>(s.C * s.pieces());
  if (!workspace.base) return;
  Acc* rstd = op.rstd.as<Acc>();
  if (!op.input.size()) {  // nothing is seen, nothing updated
    for (std::int64_t c = 0; rstd && c < s.C; ++c) scaling.mean[c] = rstd[c] = 0;
    return;
  }
  T* y = op.output.as<T>();
  const double count = static_cast<double>(s.count());
  const auto finish = [&](std::int64_t c, const Moments& m) {
    const Acc r = rstd_of<Acc>(m.variance(), op.eps);
    scaling.mean[c] = static_cast<Acc>(m.mean);
    if (rstd) rstd[c] = r;
    scaling.set(c, r);
    update(op.running_mean, c, op.momentum, m.mean);
    update(op.running_var, c, op.momentum, m.variance() * (count / (count - 1)));
  };
  if (!s.rows)
    return reduce_planes(
        s, kept, [&](std::int64_t, std::int64_t at, const Runs& runs) { return piece_moments(x + at, runs); }, finish,
        [&](std::int64_t c, std::int64_t at, std::int64_t length) { scaling.apply_plane(x, c, at, length, y); });
  reduce_columns<MergeMoments>(
      chunks,
      [&](std::int64_t row, std::int64_t rows, double* mean, double* square) {
        column_moments(x + row * s.C, rows, s.C, mean, square);
      },
      [&](std::int64_t, std::int64_t begin, std::int64_t end) {
        for (std::int64_t c = begin; c < end; ++c)
          finish(c, {count, chunks.result(0, 0, 0)[c], chunks.result(0, 0, 1)[c]});
      });
  each_row(s, [&](std::int64_t at) { scaling.apply_row(x + at, 0, s.C, y + at); });
}

template <class T>
void run_forward(const BatchNormInference& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  const Channels s(op.input);
  const T* x = in_format<T>(op.input, s.channels_last, workspace);
  const BatchScaling<Acc> scaling(op, nullptr, workspace);
  const Acc *mean = numbers_of<Acc>(op.running_mean, workspace), *var = numbers_of<Acc>(op.running_var, workspace);
  if (!workspace.base || !op.input.size()) return;
  T* y = op.output.as<T>();
  for (std::int64_t c = 0; c < s.C; ++c) {
    scaling.mean[c] = mean[c];
    scaling.set(c, rstd_of<Acc>(var[c], op.eps));
  }
  if (s.rows) return each_row(s, [&](std::int64_t at) { scaling.apply_row(x + at, 0, s.C, y + at); });
  each_plane_part(
      s, [&](std::int64_t c, std::int64_t at, std::int64_t length) { scaling.apply_plane(x, c, at, length, y); });
}

// Sums of dy and dy · (x − mean) over each channel give the gradients of weight and bias, and dx.
template <class T, class Op>
void pull_back(const Op& op, const Accumulator<T>* mean, const Accumulator<T>* rstd, bool is_training,
               Workspace& workspace) {
  using Acc = Accumulator<T>;
  const Channels s(op.input);
  const T* x = in_format<T>(op.input, s.channels_last, workspace);
  const T* dy = in_format<T>(op.grad_output, s.channels_last, workspace);
  const Acc* weight = numbers_of<Acc>(op.weight, workspace);
  ChannelGradient<Acc> gradient{mean, workspace.take<Acc>(s.C)};
  if (is_training) gradient.slope = workspace.take<Acc>(s.C), gradient.level = workspace.take<Acc>(s.C);
  ColumnChunks chunks(1, s.count(), s.C, 2 * sizeof(T));
  if (s.rows) chunks.take(workspace);
  Sums* kept = s.rows || !s.P ? nullptr : workspace.take<Sums>(s.C * s.pieces());
  if (!workspace.base) return;
  const double count = static_cast<double>(s.count());
  const auto finish = [&](std::int64_t c, const Sums& sums) {
    const double r = rstd[c], a = weight ? weight[c] * r : r;
    gradient.factor[c] = static_cast<Acc>(a);
    if (is_training) {
      gradient.slope[c] = static_cast<Acc>(-a * r * r * (sums.second / count));
      gradient.level[c] = static_cast<Acc>(-a * (sums.first / count));
    }
    write_numbers(op.grad_weight, c, c + 1, [&](std::int64_t) { return sums.second * r; });
    write_numbers(op.grad_bias, c, c + 1, [&](std::int64_t) { return sums.first; });
  };
  if (!op.input.size()) {
    for (std::int64_t c = 0; c < s.C; ++c) finish(c, {});
    return;
  }
  T* dx = op.grad_input.template as<T>();
  if (!s.rows) {
    const auto sums = [&](std::int64_t c, std::int64_t at, const Runs& runs) {
      return piece_sums(dy + at, x + at, mean[c], runs);
    };
    return reduce_planes(s, kept, sums, finish, [&](std::int64_t c, std::int64_t at, std::int64_t length) {
      if (dx) gradient.apply_plane(dy, x, c, at, length, dx);
    });
  }
  reduce_columns<MergeSums>(
      chunks,
      [&](std::int64_t row, std::int64_t rows, double* first, double* second) {
        column_sums(dy + row * s.C, x + row * s.C, mean, rows, s.C, first, second);
      },
      [&](std::int64_t, std::int64_t begin, std::int64_t end) {
        for (std::int64_t c = begin; c < end; ++c) finish(c, {chunks.result(0, 0, 0)[c], chunks.result(0, 0, 1)[c]});
      });
  if (dx) each_row(s, [&](std::int64_t at) { gradient.apply_row(dy + at, x + at, 0, s.C, dx + at); });
}

template <class T>
void run_backward(const BatchNormTraining& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  pull_back<T>(op, op.mean.as<Acc>(), op.rstd.as<Acc>(), true, workspace);
}

template <class T>
void run_backward(const BatchNormInference& op, Workspace& workspace) {
  using Acc = Accumulator<T>;
  const std::int64_t C = op.input.shape[1];
  const Acc *mean = numbers_of<Acc>(op.running_mean, workspace), *var = numbers_of<Acc>(op.running_var, workspace);
  Acc* rstd = workspace.take<Acc>(C);
  for (std::int64_t c = 0; workspace.base && c < C; ++c) rstd[c] = rstd_of<Acc>(var[c], op.eps);
  pull_back<T>(op, mean, rstd, false, workspace);
}

template <class Op>
void run_batch_norm(const Op& op, Pass pass, Workspace& workspace) {
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    pass == Pass::forward ? run_forward<T>(op, workspace) : run_backward<T>(op, workspace);
  });
}

}  // namespace

void run(const BatchNormInference& op, Pass pass, Workspace& workspace) { run_batch_norm(op, pass, workspace); }
void run(const BatchNormTraining& op, Pass pass, Workspace& workspace) { run_batch_norm(op, pass, workspace); }

}  // namespace fastnets::cpu::FASTNETS_ISA
