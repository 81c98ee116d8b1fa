"""The functions: arrays in, arrays of the same library out, with torch's names, arguments and defaults."""

from .activations import elu, gelu, leaky_relu, relu, sigmoid, silu, tanh
from .convolution import conv1d, conv2d, conv3d
from .dropout import dropout
from .linear import linear
from .losses import cross_entropy
from .pooling import max_pool1d, max_pool2d, max_pool3d
from .recurrent import gru, gru_cell, lstm, lstm_cell, rnn, rnn_relu_cell, rnn_tanh_cell

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "cross_entropy",
    "dropout",
    "elu",
    "gelu",
    "gru",
    "gru_cell",
    "leaky_relu",
    "linear",
    "lstm",
    "lstm_cell",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "relu",
    "rnn",
    "rnn_relu_cell",
    "rnn_tanh_cell",
    "sigmoid",
    "silu",
    "tanh",
]
