// The op table: every op of the library, once. A backend answers each with the same three functions.
#pragma once
#include "core/entries.h"
#include "core/ops/adamw.h"
#include "core/ops/attention.h"
#include "core/ops/batch_norm.h"
#include "core/ops/conv.h"
#include "core/ops/conv_transpose.h"
#include "core/ops/cross_entropy.h"
#include "core/ops/dropout.h"
#include "core/ops/elementwise.h"
#include "core/ops/linear.h"
#include "core/ops/max_pool.h"

//   name in Python, struct that holds its arguments
#define FASTNETS_OPS(X)                       \
  X(linear, Linear)                           \
  X(conv, Conv)                               \
  X(max_pool, MaxPool)                        \
  X(activation, Elementwise)                  \
  X(dropout, Dropout)                         \
  X(cross_entropy, CrossEntropy)              \
  X(adamw, AdamW)                             \
  X(attention, Attention)                     \
  X(conv_transpose, ConvTranspose)            \
  X(batch_norm_inference, BatchNormInference) \
  X(batch_norm_training, BatchNormTraining)

namespace fastnets {

// One row: a backend compiled for one instruction set or GPU architecture. An op without entries is not served there.
struct KernelTable {
  const char* name;
#define FASTNETS_ROW(op, Op) Entries<Op> op;
  FASTNETS_OPS(FASTNETS_ROW)
#undef FASTNETS_ROW
};

}  // namespace fastnets
