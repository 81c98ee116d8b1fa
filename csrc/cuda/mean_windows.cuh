// The mean of each window.
#pragma once
#include "core/entries.h"
#include "cuda/pooling.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

struct MeanWindows : Windows {
  bool counts_padding = false;
  int64_t divisor = 0;  // 0: how many elements a window has

  template <class Op>
  explicit MeanWindows(const Op& op) : Windows(op) {
    if constexpr (requires { op.divisor_override; })
      counts_padding = op.count_include_pad, divisor = op.divisor_override;
  }
  __device__ __forceinline__ float count(int64_t pixel) const {
    if (divisor) return float(divisor);
    const int64_t p[kAxes] = {pixel / out[2] / out[1], pixel / out[2] % out[1], pixel % out[2]};
    int64_t count = 1;
    for (int d = 0; d < kAxes; ++d) {
      const Range t = taps(d, p[d]);
      const int64_t from = first(d, p[d]);
      count *= counts_padding ? min(from + kernel[d], in[d] + padding[d]) - from : t.end - t.begin;
    }
    return float(count);
  }
};

template <class T>
struct TakeMean {
  MeanWindows windows;
  const T* x;
  T* y;
  __device__ __forceinline__ void operator()(int64_t place) const {
    const Images& out = windows.outputs;
    const int64_t n = out.sample_of(place), c = out.channel_of(place), pixel = out.pixel_of(place);
    ChainedSum sum;
    each_in_window(windows, pixel, [&](int64_t at) { sum.add(widen(x[windows.inputs.place(n, c, at)])); });
    y[place] = round_to<T>(sum.result() / windows.count(pixel));
  }
};

template <class T>
struct SpreadMean {
  MeanWindows windows;
  const T* dy;
  T* dx;
  __device__ __forceinline__ void operator()(int64_t place) const {
    const Images& in = windows.inputs;
    const int64_t n = in.sample_of(place), c = in.channel_of(place);
    ChainedSum sum;
    each_window_over(windows, in.pixel_of(place), [&](int64_t pixel) {
      sum.add(widen(dy[windows.outputs.place(n, c, pixel)]) / windows.count(pixel));
    });
    dx[place] = round_to<T>(sum.result());
  }
};

template <class Op>
void run_mean(const Op& op, Pass pass, Workspace& workspace, Stream stream) {
  const MeanWindows windows(op);
  const bool channels_last = windows.inputs.channels_last;
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) {
    if (pass == Pass::forward) {
      const T* x = in_format<T>(op.name, op.input, channels_last, workspace, stream);
      if (!workspace.counts_only)
        for_elements(op.name, windows.outputs.size(), TakeMean<T>{windows, x, op.output.template as<T>()}, stream);
    } else if (op.grad_input) {
      const T* dy = in_format<T>(op.name, op.grad_output, channels_last, workspace, stream);
      if (!workspace.counts_only)
        for_elements(op.name, windows.inputs.size(), SpreadMean<T>{windows, dy, op.grad_input.template as<T>()},
                     stream);
    }
  });
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
