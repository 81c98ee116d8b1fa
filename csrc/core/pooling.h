// What the pooling ops check of their images and windows, and the sizes that follow.
#pragma once
#include "core/check.h"
#include "core/parameters.h"

namespace fastnets {

// Windows must leave room for the arithmetic of their places.
constexpr std::int64_t kLargestWindow = std::int64_t{1} << 40;
constexpr std::int64_t kMostWindows = std::int64_t{1} << 31;  // along a dimension, where the user says how many
constexpr std::int64_t kMostOutputs = std::int64_t{1} << 46;  // in all

// `input` must be (N, C, spatial…) or (C, spatial…) with `rank` spatial dimensions, none of which is empty.
inline void check_images(const char* op, const Tensor& input, int rank) {
  check_float(op, "input", input);
  check(input.ndim == rank + 1 || input.ndim == rank + 2, op, ": input must have ", rank + 1, " or ", rank + 2,
        " dimensions, got ", shape(input));
  for (int d = input.ndim - rank; d < input.ndim; ++d)
    check(input.shape[d] > 0, op, ": input is ", shape(input), " but must have at least one element along each of its ",
          rank, " spatial dimensions");
}

// As `input`, in its memory format, but for the spatial sizes.
inline void describe_pooled(const Tensor& input, const Sizes& spatial, Tensor& output) {
  std::int64_t sizes[kMaxDims] = {};
  const int first = input.ndim - spatial.count;
  for (int d = 0; d < first; ++d) sizes[d] = input.shape[d];
  for (int i = 0; i < spatial.count; ++i) sizes[first + i] = spatial[i];
  output.describe(input.dtype, input.device, input.ndim, sizes);
  if (first == 2 && input.is_channels_last()) output.make_channels_last();
}

// How many windows there are along each spatial dimension.
inline Sizes count_windows(const char* op, const Tensor& input, const Sizes& kernel_size, const Sizes& stride,
                           const Sizes& padding, const Sizes& dilation, bool ceil_mode) {
  const int rank = kernel_size.count;
  Sizes out;
  out.count = rank;
  for (int i = 0; i < rank; ++i) {
    const std::int64_t n = input.shape[input.ndim - rank + i], k = kernel_size[i], s = stride[i], p = padding[i];
    check(k >= 1 && k < kLargestWindow, op, ": kernel_size is ", shape(kernel_size.value, rank),
          " but must be at least 1");
    check(s >= 1 && s < kLargestWindow, op, ": stride is ", shape(stride.value, rank), " but must be at least 1");
    check(dilation[i] >= 1 && dilation[i] < kLargestWindow / k, op, ": dilation is ", shape(dilation.value, rank),
          " but must be at least 1");
    const std::int64_t reach = dilation[i] * (k - 1) + 1;
    check(p >= 0 && p <= reach / 2, op, ": padding is ", shape(padding.value, rank),
          " but must be between 0 and half the kernel's reach, kernel_size ", shape(kernel_size.value, rank),
          " with dilation ", shape(dilation.value, rank));
    const std::int64_t room = n + 2 * p - reach;
    check(room >= 0 || (ceil_mode && room + s - 1 >= 0), op, ": kernel_size ", shape(kernel_size.value, rank),
          " with dilation ", shape(dilation.value, rank), " spans ", reach, " elements but the padded input ",
          shape(input), " has ", n + 2 * p);
    out[i] = (room + (ceil_mode ? s - 1 : 0)) / s + 1;
    if (ceil_mode && (out[i] - 1) * s >= n + p) --out[i];  // the last one must begin in the input or its front padding
  }
  return out;
}

// The sizes that an adaptive pooling gives: those asked for, −1 for the input's own.
inline Sizes adapted_sizes(const char* op, const Tensor& input, const Sizes& output_size) {
  Sizes out = output_size;
  std::int64_t total = 1;
  for (int d = 0; d < input.ndim - out.count; ++d) total *= input.shape[d];
  for (int i = 0; i < out.count; ++i) {
    check(out[i] >= -1 && out[i] <= kMostWindows, op, ": output_size is ", shape(output_size.value, out.count),
          " but must be between 0 and ", kMostWindows);
    if (out[i] == -1) out[i] = input.shape[input.ndim - out.count + i];
    check(total == 0 || out[i] <= kMostOutputs / total, op, ": output_size is ", shape(output_size.value, out.count),
          ", which is more than ", kMostOutputs, " elements for input ", shape(input));
    total *= out[i];
  }
  return out;
}

}  // namespace fastnets
