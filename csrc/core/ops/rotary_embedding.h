// pairs (a, b) of the last dimension turn by the angle position · base^(−2i / rotary_dim), i the pair's number:
// output = (a · cos − b · sin, b · cos + a · sin); what lies behind the first rotary_dim elements is copied
#pragma once
#include <cmath>

#include "core/check.h"
#include "core/parameters.h"

namespace fastnets {

struct RotaryEmbedding {
  static constexpr const char* name = "rotary_embedding";
  Tensor input, positions;       // (…, L, D); integers that broadcast to (…, L)
  double base = 10000;           // of the wavelengths
  bool interleaved = false;      // pairs are (2i, 2i + 1), else (i, i + rotary_dim / 2)
  std::int64_t rotary_dim = -1;  // how many elements turn; −1: all D
  bool save = false;

  Tensor output;  // as input
  Tensor grad_output, grad_input;

  template <class Visitor>
  void fields(Visitor&& v) {
    v.input("input", input, grad_input);
    v.input("positions", positions);
    v.parameter("base", base);
    v.parameter("interleaved", interleaved);
    v.parameter("rotary_dim", rotary_dim);
    v.output("output", output, grad_output);
  }

  // Whether gradients of channels-last arrays are channels-last.
  FASTNETS_INLINE bool keeps_format() const { return false; }

  FASTNETS_INLINE std::int64_t turned() const { return rotary_dim < 0 ? input.shape[input.ndim - 1] : rotary_dim; }

  void infer() {
    check_float(name, "input", input);
    check(input.ndim >= 2, "rotary_embedding: input must be (…, length, dim), got ", shape(input));
    check<TypeError>(is_index(positions.dtype), "rotary_embedding: positions is ", fastnets::name(positions.dtype),
                     " but must be int64 or int32");
    const int lead = input.ndim - 1;
    bool fits = positions.ndim >= 1 && positions.ndim <= lead;
    for (int d = 0; fits && d < positions.ndim; ++d) {
      const std::int64_t n = positions.shape[positions.ndim - 1 - d];
      fits = n == 1 || n == input.shape[lead - 1 - d];
    }
    check(fits, "rotary_embedding: positions is ", shape(positions), ", which does not broadcast to ",
          shape(input.shape, lead), " of input ", shape(input));
    const std::int64_t D = input.shape[lead];
    check(rotary_dim >= -1 && turned() <= D && turned() % 2 == 0, "rotary_embedding: rotary_dim is ", turned(),
          " but must be even, and at most the last dimension of input ", shape(input));
    check(base > 0 && std::isfinite(base), "rotary_embedding: base is ", base, " but must be a positive number");
    output.describe_like(input);
  }
};

}  // namespace fastnets
