// The op table: every op of the library, once. A backend answers each with the same three functions.
#pragma once
#include "core/entries.h"
#include "core/ops/adam.h"
#include "core/ops/adaptive_avg_pool.h"
#include "core/ops/adaptive_max_pool.h"
#include "core/ops/add.h"
#include "core/ops/avg_pool.h"
#include "core/ops/clip.h"
#include "core/ops/conv.h"
#include "core/ops/cross_entropy.h"
#include "core/ops/dropout.h"
#include "core/ops/elementwise.h"
#include "core/ops/linear.h"
#include "core/ops/max_pool.h"
#include "core/ops/norm.h"
#include "core/ops/scale.h"
#include "core/ops/sgd.h"

//   name in Python, struct that holds its arguments
#define FASTNETS_OPS(X)                 \
  X(linear, Linear)                     \
  X(conv, Conv)                         \
  X(max_pool, MaxPool)                  \
  X(avg_pool, AvgPool)                  \
  X(adaptive_avg_pool, AdaptiveAvgPool) \
  X(adaptive_max_pool, AdaptiveMaxPool) \
  X(activation, Elementwise)            \
  X(dropout, Dropout)                   \
  X(cross_entropy, CrossEntropy)        \
  X(sgd, Sgd)                           \
  X(adam, Adam)                         \
  X(norm, Norm)                         \
  X(clip, Clip)                         \
  X(scale, Scale)                       \
  X(add, Add)

namespace fastnets {

// One row: a backend compiled for one instruction set or GPU architecture. An op without entries is not served there.
struct KernelTable {
  const char* name;
#define FASTNETS_ROW(op, Op) Entries<Op> op;
  FASTNETS_OPS(FASTNETS_ROW)
#undef FASTNETS_ROW
};

}  // namespace fastnets
