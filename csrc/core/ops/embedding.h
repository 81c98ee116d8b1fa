// output[t] = weight[input[t]]; backward: dweight[v] = sum of dy[t] over the t with input[t] = v
#pragma once
#include <limits>

#include "core/indices.h"
#include "core/parameters.h"

namespace fastnets {

struct Embedding {
  static constexpr const char* name = "embedding";
  static constexpr std::int64_t kNoPadding = std::numeric_limits<std::int64_t>::min();
  Tensor input, weight;                   // indices of any shape; (V, D)
  std::int64_t padding_idx = kNoPadding;  // the row without a gradient, or kNoPadding; negative ones count from the end
  bool scale_grad_by_freq = false;        // divide a row's gradient by how often it was looked up
  bool save = false;

  Tensor output;  // (indices…, D)
  Tensor grad_output, grad_weight;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input);
    v.input("weight", weight, grad_weight);
    v.parameter("padding_idx", padding_idx);
    v.parameter("scale_grad_by_freq", scale_grad_by_freq);
    v.output("output", output, grad_output);
  }

  // The row without a gradient, negative where there is none.
  FASTNETS_INLINE std::int64_t padding_row() const {
    if (padding_idx == kNoPadding) return -1;
    return padding_idx < 0 ? padding_idx + weight.shape[0] : padding_idx;
  }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return false; }

  void infer() {
    check<TypeError>(is_index(input.dtype), "embedding: input is ", fastnets::name(input.dtype),
                     " but must be int64 or int32 indices");
    check_float(name, "weight", weight);
    check(weight.ndim == 2, "embedding: weight must be (rows, features), got ", shape(weight));
    const std::int64_t V = weight.shape[0];
    check(padding_idx == kNoPadding || (padding_idx >= -V && padding_idx < V), "embedding: padding_idx is ",
          padding_idx, " but weight ", shape(weight), " has ", V, " rows");
    check(input.ndim < kMaxDims, "embedding: input ", shape(input), " has ", int{input.ndim},
          " dimensions but at most ", kMaxDims - 1, " are served");
    check_indices(name, "input", input, V, "rows of weight");
    std::int64_t sizes[kMaxDims] = {};
    for (int d = 0; d < input.ndim; ++d) sizes[d] = input.shape[d];
    sizes[input.ndim] = weight.shape[1];
    output.describe(weight.dtype, input.device, input.ndim + 1, sizes);
  }
};

}  // namespace fastnets
