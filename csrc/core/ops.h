// The op table: every op of the library, once. A backend answers each with the same three functions.
#pragma once
#include <cstddef>

#include "core/ops/adamw.h"
#include "core/ops/conv.h"
#include "core/ops/cross_entropy.h"
#include "core/ops/dropout.h"
#include "core/ops/elementwise.h"
#include "core/ops/linear.h"
#include "core/ops/max_pool.h"

//   name in Python, struct that holds its arguments
#define FASTNETS_OPS(X)          \
  X(linear, Linear)              \
  X(conv, Conv)                  \
  X(max_pool, MaxPool)           \
  X(activation, Elementwise)     \
  X(dropout, Dropout)            \
  X(cross_entropy, CrossEntropy) \
  X(adamw, AdamW)

namespace fastnets {

enum class Pass : std::int8_t { forward, backward };

// What an op may use beside its arguments.
struct Context {
  std::byte* workspace = nullptr;  // as many bytes as workspace_bytes asked for, aligned to 64
  void* stream = nullptr;          // the caller's CUDA stream
};

// Panels of a weight, made once and kept by the user: how large, and which of an op's arrangements.
struct PackSpec {
  std::size_t bytes;
  int arrangement;
};

template <class Op>
struct Entries {
  std::size_t (*workspace_bytes)(const Op&, Pass) = nullptr;
  void (*forward)(const Op&, const Context&) = nullptr;
  void (*backward)(const Op&, const Context&) = nullptr;
  PackSpec (*pack_spec)(const Op&) = nullptr;  // null where an op has no weight to pack
  void (*pack)(const Op&, void* panels) = nullptr;
};

// One row: a backend compiled for one instruction set or GPU architecture. An op without entries is not served there.
struct KernelTable {
  const char* name;
#define FASTNETS_ROW(op, Op) Entries<Op> op;
  FASTNETS_OPS(FASTNETS_ROW)
#undef FASTNETS_ROW
};

}  // namespace fastnets
