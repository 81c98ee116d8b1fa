// The largest element of each window, and where it stands.
#pragma once
#include "core/entries.h"
#include "cuda/pooling.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

template <class T>
struct FindLargest {
  Windows windows;
  const T* x;
  T* y;
  int64_t* indices;  // null: not wanted
  __device__ __forceinline__ void operator()(int64_t place) const {
    const Images& out = windows.outputs;
    const int64_t n = out.sample_of(place), c = out.channel_of(place);
    float best = -INFINITY;
    int64_t where = -1;
    each_in_window(windows, out.pixel_of(place), [&](int64_t pixel) {
      const float v = widen(x[windows.inputs.place(n, c, pixel)]);
      // The first of equals stays, a nan wins, the last of several: torch's order.
      if (where < 0 || v > best || v != v) best = v, where = pixel;
    });
    y[place] = round_to<T>(best);
    if (indices) indices[place] = where;
  }
};

template <class T>
struct ReturnToLargest {
  Windows windows;
  const T* dy;
  const int64_t* indices;
  T* dx;
  __device__ __forceinline__ void operator()(int64_t place) const {
    const Images& in = windows.inputs;
    const int64_t n = in.sample_of(place), c = in.channel_of(place), own = in.pixel_of(place);
    ChainedSum sum;
    each_window_over(windows, own, [&](int64_t pixel) {
      const int64_t at = windows.outputs.place(n, c, pixel);
      if (indices[at] == own) sum.add(widen(dy[at]));
    });
    dx[place] = round_to<T>(sum.result());
  }
};

template <class T, class Op>
void run_max(const Op& op, Pass pass, Workspace& workspace, Stream stream) {
  const Windows windows(op);
  const bool channels_last = windows.inputs.channels_last;
  const Tensor& found = op.indices ? op.indices : op.saved_indices;
  if (pass == Pass::forward) {
    const T* x = in_format<T>(op.name, op.input, channels_last, workspace, stream);
    if (workspace.counts_only) return;
    int64_t* indices = found ? found.template as<int64_t>() : nullptr;
    for_elements(op.name, windows.outputs.size(), FindLargest<T>{windows, x, op.output.template as<T>(), indices},
                 stream);
  } else if (op.grad_input) {
    const T* dy = in_format<T>(op.name, op.grad_output, channels_last, workspace, stream);
    const int64_t* indices = in_format<int64_t>(op.name, found, channels_last, workspace, stream);
    if (workspace.counts_only) return;
    for_elements(op.name, windows.inputs.size(),
                 ReturnToLargest<T>{windows, dy, indices, op.grad_input.template as<T>()}, stream);
  }
}

template <class Op>
void run_max_of(const Op& op, Pass pass, Workspace& workspace, Stream stream) {
  visit_device_float(op.name, op.input.dtype, [&]<class T>(Type<T>) { run_max<T>(op, pass, workspace, stream); });
}

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
