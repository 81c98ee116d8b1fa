// loss[n] = −sum_c weight[c] · t[n, c] · log softmax(input[n])[c], t = (1 − ε) · target + ε / C with label smoothing ε
#pragma once
#include "core/check.h"
#include "core/parameters.h"

namespace fastnets {

enum class Reduction : std::int8_t { none, mean, sum };
constexpr const char* kReductionNames[] = {"none", "mean", "sum"};
template <>
struct Names<Reduction> {
  static constexpr auto& list = kReductionNames;
  static constexpr int count = 3;
};

struct CrossEntropy {
  static constexpr const char* name = "cross_entropy";
  Tensor input, target, weight;  // (N, C, d…) or (C,); indices (N, d…) or (), or probabilities as input; (C,) or none
  std::int64_t ignore_index = -100;
  Reduction reduction = Reduction::mean;
  double label_smoothing = 0;
  bool save = false;

  Tensor output;       // () or, without reduction, as the indices
  Tensor log_sum_exp;  // (rows + 1,), saved: of each row, and last what the mean divides by
  Tensor grad_output, grad_input, grad_target;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.input("target", target, grad_target);
    v.optional("weight", weight);
    v.parameter("ignore_index", ignore_index);
    v.parameter("reduction", reduction);
    v.parameter("label_smoothing", label_smoothing);
    v.output("output", output, grad_output);
    v.saved("log_sum_exp", log_sum_exp);
  }

  FASTNETS_INLINE int class_dim() const { return input.ndim > 1; }
  FASTNETS_INLINE bool has_indices() const { return !is_float(target.dtype); }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const {
    return input.is_channels_last() && (has_indices() || target.is_channels_last());
  }

  void infer() {
    check_float(name, "input", input);
    check(input.ndim >= 1, "cross_entropy: input must be (N, C, …) or (C,), got ", shape(input));
    const int axis = class_dim();
    const std::int64_t C = input.shape[axis];
    std::int64_t sizes[kMaxDims] = {};
    int n = 0;
    for (int d = 0; d < input.ndim; ++d)
      if (d != axis) sizes[n++] = input.shape[d];
    if (has_indices()) {
      check<TypeError>(is_index(target.dtype), "cross_entropy: target is ", fastnets::name(target.dtype),
                       " but must be int64 or int32 class indices, or probabilities of input's dtype");
      bool fits = target.ndim == n;
      for (int d = 0; fits && d < n; ++d) fits = target.shape[d] == sizes[d];
      check(fits, "cross_entropy: target is ", shape(target), " but input ", shape(input), " expects ", shape(sizes, n),
            " class indices");
      check_targets(C);
    } else {
      check_dtype(name, input, "target", target);
      check(target.same_shape(input), "cross_entropy: target is ", shape(target), " but probabilities for input ",
            shape(input), " must have its shape");
    }
    if (weight) {
      check<TypeError>(weight.dtype == input.dtype || (item_size(input.dtype) == 2 && weight.dtype == DType::float32),
                       "cross_entropy: weight is ", fastnets::name(weight.dtype), " but input is ",
                       fastnets::name(input.dtype));
      check(weight.ndim == 1 && weight.shape[0] == C, "cross_entropy: weight is ", shape(weight), " but input ",
            shape(input), " expects (", C, ",)");
    }
    check(label_smoothing >= 0 && label_smoothing <= 1, "cross_entropy: label_smoothing is ", label_smoothing,
          " but must be between 0 and 1");
    output.describe(input.dtype, input.device, reduction == Reduction::none ? n : 0, sizes);
    if (!save) return;
    std::int64_t kept = 1;
    for (int d = 0; d < n; ++d) kept *= sizes[d];
    ++kept;
    log_sum_exp.describe(input.dtype == DType::float64 ? DType::float64 : DType::float32, input.device, 1, &kept);
  }

 private:
  // Class indices in host memory are checked before anything runs.
  void check_targets(std::int64_t C) const {
    if (target.device.type != Device::Type::cpu || !target.data) return;
    visit_index(target.dtype, [&]<class T>(Type<T>) {
      const std::int64_t size = target.size();
      const bool is_contiguous = target.is_contiguous();
      for (std::int64_t i = 0; i < size; ++i) {
        std::int64_t offset = i;
        if (!is_contiguous) {
          offset = 0;
          for (std::int64_t d = target.ndim - 1, rest = i; d >= 0; rest /= target.shape[d], --d)
            offset += rest % target.shape[d] * target.stride[d];
        }
        const std::int64_t label = target.as<T>()[offset];
        if (label >= 0 && label < C) continue;
        check(label == ignore_index, "cross_entropy: target ", label, " at element ", i, " is out of range for ", C,
              " classes");
      }
    });
  }
};

}  // namespace fastnets
