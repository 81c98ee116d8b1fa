"""The functions: arrays in, arrays of the same library out, with torch's names, arguments and defaults."""

from .activations import elu, gelu, leaky_relu, relu, sigmoid, silu, tanh
from .causal_conv1d import causal_conv1d
from .conv_transpose import conv_transpose1d, conv_transpose2d, conv_transpose3d
from .convolution import conv1d, conv2d, conv3d
from .dropout import dropout
from .embedding import embedding
from .linear import linear
from .losses import binary_cross_entropy_with_logits, cross_entropy, mse_loss, nll_loss
from .normalization import batch_norm
from .pooling import max_pool1d, max_pool2d, max_pool3d
from .softmax import log_softmax, softmax

__all__ = [
    "batch_norm",
    "causal_conv1d",
    "binary_cross_entropy_with_logits",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "gelu",
    "leaky_relu",
    "linear",
    "log_softmax",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mse_loss",
    "nll_loss",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "tanh",
]
