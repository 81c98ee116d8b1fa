#include "core/ops.h"
#include "cpu/images.h"
#include "cpu/layout.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

constexpr int kAxes = 3;  // fewer spatial dimensions stand behind axes of size 1

struct PoolShape {
  std::int64_t N, C;
  std::int64_t in[kAxes] = {1, 1, 1}, out[kAxes] = {1, 1, 1}, kernel[kAxes] = {1, 1, 1};
  std::int64_t stride[kAxes] = {1, 1, 1}, padding[kAxes] = {}, dilation[kAxes] = {1, 1, 1};
  bool channels_last;

  explicit PoolShape(const MaxPool& op) {
    const int r = op.rank(), channel = op.channel_dim();
    N = op.batched() ? op.input.shape[0] : 1, C = op.input.shape[channel];
    channels_last = op.batched() && op.input.is_channels_last();
    for (int i = 0; i < r; ++i) {
      const int d = kAxes - r + i;
      in[d] = op.input.shape[channel + 1 + i], out[d] = op.output.shape[channel + 1 + i];
      kernel[d] = op.kernel_size[i], stride[d] = op.stride[i];
      padding[d] = op.padding[i], dilation[d] = op.dilation[i];
    }
  }
  FASTNETS_INLINE std::int64_t in_pixels() const { return in[0] * in[1] * in[2]; }
  FASTNETS_INLINE std::int64_t out_pixels() const { return out[0] * out[1] * out[2]; }

  // Calls f(flat index) for the input pixels in the window of an output pixel, in row-major order.
  template <class F>
  FASTNETS_INLINE void each_in_window(std::int64_t pixel, const F& f) const {
    std::int64_t at[kAxes], first[kAxes], last[kAxes];
    for (int d = kAxes - 1; d >= 0; --d) {
      at[d] = pixel % out[d] * stride[d] - padding[d];
      pixel /= out[d];
      first[d] = at[d] < 0 ? divide_up(-at[d], dilation[d]) : 0;
      last[d] = least(kernel[d], divide_up(in[d] - at[d], dilation[d]));
    }
    for (std::int64_t t = first[0]; t < last[0]; ++t)
      for (std::int64_t r = first[1]; r < last[1]; ++r)
        for (std::int64_t s = first[2]; s < last[2]; ++s)
          f(((at[0] + t * dilation[0]) * in[1] + at[1] + r * dilation[1]) * in[2] + at[2] + s * dilation[2]);
  }
};

// Torch's order: a later element wins only if it is larger, or a nan; the first nan stays.
template <class Acc>
FASTNETS_INLINE bool beats(Acc value, Acc best) {
  return value > best || (value != value && best == best);
}

// Row-major: one plane (n, c) a task.
template <class T>
void pool_planes(const PoolShape& s, const T* x, T* y, std::int64_t* where) {
  const auto task = [&](std::int64_t plane) {
    const T* from = x + plane * s.in_pixels();
    for (std::int64_t pixel = 0; pixel < s.out_pixels(); ++pixel) {
      std::int64_t best = -1;
      Accumulator<T> value = 0;
      s.each_in_window(pixel, [&](std::int64_t at) {
        const Accumulator<T> candidate = widen(from[at]);
        if (best < 0 || beats(candidate, value)) best = at, value = candidate;
      });
      y[plane * s.out_pixels() + pixel] = narrow<T>(value);
      if (where) where[plane * s.out_pixels() + pixel] = best;
    }
  };
  parallel(s.N * s.C, task);
}

// Channels-last: one line of output pixels a task, channels in the inner loop.
template <class T>
void pool_pixels(const PoolShape& s, const T* x, T* y, std::int64_t* where) {
  const auto task = [&](std::int64_t line) {
    for (std::int64_t q = 0; q < s.out[2]; ++q) {
      const std::int64_t row = line * s.out[2] + q, n = row / s.out_pixels();
      const T* image = x + n * s.in_pixels() * s.C;
      T* best = y + row * s.C;
      std::int64_t* at_best = where ? where + row * s.C : nullptr;
      bool first = true;
      s.each_in_window(row % s.out_pixels(), [&](std::int64_t at) {
        const T* from = image + at * s.C;
        for (std::int64_t c = 0; c < s.C; ++c)
          if (first || beats(widen(from[c]), widen(best[c]))) {
            best[c] = from[c];
            if (at_best) at_best[c] = at;
          }
        first = false;
      });
    }
  };
  parallel(s.N * s.out[0] * s.out[1], task);
}

// The gradient of each output goes to where its maximum stood; a plane's outputs are added in order.
template <class T>
void scatter(const PoolShape& s, const T* dy, const std::int64_t* where, T* dx, Workspace& workspace) {
  using Acc = Accumulator<T>;
  Acc* sums = workspace.take<Acc>(s.N * s.C * s.in_pixels());
  if (!workspace.base) return;
  const std::int64_t in = s.in_pixels(), out = s.out_pixels();
  const auto task = [&](std::int64_t plane) {
    const std::int64_t n = plane / s.C, c = plane % s.C;
    Acc* to = sums + plane * in;
    for (std::int64_t i = 0; i < in; ++i) to[i] = 0;
    for (std::int64_t pixel = 0; pixel < out; ++pixel) {
      const std::int64_t at = s.channels_last ? (n * out + pixel) * s.C + c : plane * out + pixel;
      to[where[at]] += widen(dy[at]);
    }
    for (std::int64_t i = 0; i < in; ++i)
      dx[s.channels_last ? (n * in + i) * s.C + c : plane * in + i] = narrow<T>(to[i]);
  };
  parallel(s.N * s.C, task);
}

void run(const MaxPool& op, Pass pass, Workspace& workspace) {
  const PoolShape s(op);
  std::int64_t* where = (op.return_indices ? op.indices : op.saved_indices).as<std::int64_t>();
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    if (pass == Pass::forward) {
      const T* x = in_format<T>(op.input, s.channels_last, workspace);
      if (!workspace.base) return;
      s.channels_last ? pool_pixels(s, x, op.output.as<T>(), where) : pool_planes(s, x, op.output.as<T>(), where);
    } else if (op.grad_input) {
      const T* dy = in_format<T>(op.grad_output, s.channels_last, workspace);
      scatter(s, dy, where, op.grad_input.as<T>(), workspace);
    }
  });
}

}  // namespace

std::size_t workspace_bytes(const MaxPool& op, Pass pass) {
  Workspace count;
  run(op, pass, count);
  return count.used;
}
void forward(const MaxPool& op, const Context& context) {
  Workspace workspace{context.workspace};
  run(op, Pass::forward, workspace);
}
void backward(const MaxPool& op, const Context& context) {
  Workspace workspace{context.workspace};
  run(op, Pass::backward, workspace);
}

}  // namespace fastnets::cpu::FASTNETS_ISA
