"""The functions: arrays in, arrays of the same library out, with torch's names, arguments and defaults."""

from .activations import elu, gelu, leaky_relu, relu, sigmoid, silu, tanh
from .attention import scaled_dot_product_attention, varlen_attention
from .conv_transpose import conv_transpose1d, conv_transpose2d, conv_transpose3d
from .convolution import conv1d, conv2d, conv3d
from .dropout import dropout
from .linear import linear
from .losses import cross_entropy
from .normalization import batch_norm
from .pooling import max_pool1d, max_pool2d, max_pool3d

__all__ = [
    "batch_norm",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cross_entropy",
    "dropout",
    "elu",
    "gelu",
    "leaky_relu",
    "linear",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "relu",
    "scaled_dot_product_attention",
    "sigmoid",
    "silu",
    "tanh",
    "varlen_attention",
]
