// The elementwise functions that products apply to their result, and `activation` by itself.
#pragma once
#include "core/dtype.h"

namespace fastnets {

enum class Activation : std::int8_t { none, relu, gelu, gelu_tanh, silu, tanh, sigmoid, leaky_relu, elu };
constexpr const char* kActivationNames[] = {"none", "relu",    "gelu",       "gelu_tanh", "silu",
                                            "tanh", "sigmoid", "leaky_relu", "elu"};

// The last two take a parameter and are ops of their own.
FASTNETS_INLINE constexpr bool is_fused(Activation a) { return a < Activation::leaky_relu; }

// Whether the derivative takes the argument; where not, it is a function of the result.
FASTNETS_INLINE constexpr bool needs_pre_activation(Activation a) {
  return a == Activation::gelu || a == Activation::gelu_tanh || a == Activation::silu;
}

}  // namespace fastnets
