// Attention, forward, on sm_90a: cuda/attention_forward.cuh hands over what bulk copies can bring.
#pragma once
#include "core/dtype.h"
#include "cuda/backend/launch.h"

namespace fastnets::cuda::sm90a {

// An array (sequence, head, position, dimension) of 16-bit elements whose dimensions lie side by side. The base and the
// strides are multiples of 16 bytes.
struct MappedHeads {
  void* data;
  int64_t sequence, head, position;  // strides, in elements
};

// Of sequences of the same lengths, as core/ops/attention.h has it. At most 256 dimensions.
struct AttentionForward {
  const char* name;
  DType dtype;  // bfloat16 or float16, of all arrays
  int N, H, Hk, Sq, Sk, D, Dv;
  MappedHeads query, key, value, output;
  float* lse;          // (N, H, Sq) or null
  const float* sinks;  // (H,) or null
  float factor;        // exp(score) = 2^(factor · query · key)
  int before, behind;  // how many keys a query sees on either side of its position
  bool is_lower_right;
};

void run(const AttentionForward& call, Stream stream);

}  // namespace fastnets::cuda::sm90a
