"""What every op computes, in NumPy: slow, float64 and plain, forward and backward.

Each op has two functions, ``<op>(*inputs, *parameters)`` and ``<op>_backward(*grad_outputs, *inputs, *parameters)``,
with the inputs and parameters of the op table, in its order and without defaults (the defaults are the business of
`fastnets.functional`). Float inputs of any dtype and any strides are converted to float64 first, results are float64
(indices int64). A backward function computes again what it needs and returns a tuple with one gradient for each input:
None for an input that is absent or has no gradient. Shapes and parameters are checked elsewhere, before any backend
runs; ±inf and NaN go through as in PyTorch, without warnings.
"""

from .activations import activation, activation_backward
from .attention import attention, attention_backward
from .causal_convolution import causal_conv1d, causal_conv1d_backward
from .convolution import conv, conv_backward, conv_transpose, conv_transpose_backward
from .embedding import embedding, embedding_backward
from .linear import linear, linear_backward
from .losses import (
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_backward,
    cross_entropy,
    cross_entropy_backward,
    mse_loss,
    mse_loss_backward,
    nll_loss,
    nll_loss_backward,
)
from .normalization import (
    batch_norm_inference,
    batch_norm_inference_backward,
    batch_norm_training,
    batch_norm_training_backward,
    group_norm,
    group_norm_backward,
    layer_norm,
    layer_norm_backward,
    rms_norm,
    rms_norm_backward,
)
from .optimizers import adam, add, clip, norm, scale, sgd
from .pooling import (
    adaptive_avg_pool,
    adaptive_avg_pool_backward,
    adaptive_max_pool,
    adaptive_max_pool_backward,
    avg_pool,
    avg_pool_backward,
    max_pool,
    max_pool_backward,
)
from .positions import rotary_embedding, rotary_embedding_backward
from .random import dropout, dropout_backward, philox_4x32, uniform
from .recurrent import recurrent, recurrent_backward
from .softmax import softmax, softmax_backward

__all__ = [
    "activation",
    "activation_backward",
    "adam",
    "adaptive_avg_pool",
    "adaptive_avg_pool_backward",
    "adaptive_max_pool",
    "adaptive_max_pool_backward",
    "add",
    "attention",
    "attention_backward",
    "avg_pool",
    "avg_pool_backward",
    "batch_norm_inference",
    "batch_norm_inference_backward",
    "batch_norm_training",
    "batch_norm_training_backward",
    "binary_cross_entropy_with_logits",
    "binary_cross_entropy_with_logits_backward",
    "causal_conv1d",
    "causal_conv1d_backward",
    "clip",
    "conv",
    "conv_backward",
    "conv_transpose",
    "conv_transpose_backward",
    "cross_entropy",
    "cross_entropy_backward",
    "dropout",
    "dropout_backward",
    "embedding",
    "embedding_backward",
    "group_norm",
    "group_norm_backward",
    "layer_norm",
    "layer_norm_backward",
    "linear",
    "linear_backward",
    "max_pool",
    "max_pool_backward",
    "mse_loss",
    "mse_loss_backward",
    "nll_loss",
    "nll_loss_backward",
    "norm",
    "philox_4x32",
    "recurrent",
    "recurrent_backward",
    "rms_norm",
    "rms_norm_backward",
    "rotary_embedding",
    "rotary_embedding_backward",
    "scale",
    "sgd",
    "softmax",
    "softmax_backward",
    "uniform",
]
