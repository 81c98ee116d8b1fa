// The mean of each window, and the gradient: in both memory formats, for windows of equal size or adaptive.
#pragma once
#include "cpu/mean_gradient_lines.h"
#include "cpu/mean_pixels.h"

namespace fastnets::cpu::FASTNETS_ISA {
namespace {

template <class Op>
void run_mean(const Op& op, Pass pass, Workspace& workspace) {
  const MeanShape s(op, pass, workspace);
  visit_float(op.input.dtype, [&]<class T>(Type<T>) {
    if (pass == Pass::forward) {
      const T* x = in_format<T>(op.input, s.channels_last, workspace);
      if (!workspace.base || op.output.size() == 0) return;
      s.channels_last ? mean_pixels(s, x, op.output.template as<T>()) : mean_lines(s, x, op.output.template as<T>());
    } else if (op.grad_input) {
      const T* dy = in_format<T>(op.grad_output, s.channels_last, workspace);
      if (!workspace.base || op.input.size() == 0) return;
      T* dx = op.grad_input.template as<T>();
      s.channels_last ? mean_gradient_pixels(s, dy, dx) : mean_gradient_lines(s, dy, dx);
    }
  });
}

}  // namespace
}  // namespace fastnets::cpu::FASTNETS_ISA
