// The op table: every op of the library, once. A backend answers each with the same three functions.
#pragma once
#include "core/entries.h"
#include "core/ops/adam.h"
#include "core/ops/adaptive_avg_pool.h"
#include "core/ops/adaptive_max_pool.h"
#include "core/ops/add.h"
#include "core/ops/attention.h"
#include "core/ops/avg_pool.h"
#include "core/ops/batch_norm.h"
#include "core/ops/binary_cross_entropy_with_logits.h"
#include "core/ops/causal_conv1d.h"
#include "core/ops/clip.h"
#include "core/ops/conv.h"
#include "core/ops/conv_transpose.h"
#include "core/ops/cross_entropy.h"
#include "core/ops/dropout.h"
#include "core/ops/elementwise.h"
#include "core/ops/embedding.h"
#include "core/ops/group_norm.h"
#include "core/ops/layer_norm.h"
#include "core/ops/linear.h"
#include "core/ops/max_pool.h"
#include "core/ops/mse_loss.h"
#include "core/ops/nll_loss.h"
#include "core/ops/norm.h"
#include "core/ops/recurrent.h"
#include "core/ops/rotary_embedding.h"
#include "core/ops/scale.h"
#include "core/ops/sgd.h"
#include "core/ops/softmax.h"

//   name in Python, struct that holds its arguments
#define FASTNETS_OPS(X)                                             \
  X(linear, Linear)                                                 \
  X(conv, Conv)                                                     \
  X(max_pool, MaxPool)                                              \
  X(activation, Elementwise)                                        \
  X(dropout, Dropout)                                               \
  X(cross_entropy, CrossEntropy)                                    \
  X(attention, Attention)                                           \
  X(conv_transpose, ConvTranspose)                                  \
  X(batch_norm_inference, BatchNormInference)                       \
  X(batch_norm_training, BatchNormTraining)                         \
  X(causal_conv1d, CausalConv1d)                                    \
  X(softmax, Softmax)                                               \
  X(embedding, Embedding)                                           \
  X(nll_loss, NLLLoss)                                              \
  X(mse_loss, MSELoss)                                              \
  X(binary_cross_entropy_with_logits, BinaryCrossEntropyWithLogits) \
  X(recurrent, Recurrent)                                           \
  X(avg_pool, AvgPool)                                              \
  X(adaptive_avg_pool, AdaptiveAvgPool)                             \
  X(adaptive_max_pool, AdaptiveMaxPool)                             \
  X(layer_norm, LayerNorm)                                          \
  X(rms_norm, RMSNorm)                                              \
  X(sgd, Sgd)                                                       \
  X(adam, Adam)                                                     \
  X(norm, Norm)                                                     \
  X(clip, Clip)                                                     \
  X(scale, Scale)                                                   \
  X(add, Add)                                                       \
  X(group_norm, GroupNorm)                                          \
  X(rotary_embedding, RotaryEmbedding)

namespace fastnets {

// One row: a backend compiled for one instruction set or GPU architecture. An op without entries is not served there.
struct KernelTable {
  const char* name;
#define FASTNETS_ROW(op, Op) Entries<Op> op;
  FASTNETS_OPS(FASTNETS_ROW)
#undef FASTNETS_ROW
};

}  // namespace fastnets
