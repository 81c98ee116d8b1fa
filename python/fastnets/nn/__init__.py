"""Layers: parameters and one functional call each, and combinators whose backward writes itself.

Names, arguments, state_dict keys and initialisation are torch.nn's.
"""

from fastnets.nn.activation import ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Tanh
from fastnets.nn.combinators import Parallel, Residual, Select, Sequential
from fastnets.nn.conv import Conv1d, Conv2d, Conv3d
from fastnets.nn.dropout import Dropout
from fastnets.nn.linear import Linear
from fastnets.nn.loss import CrossEntropyLoss
from fastnets.nn.module import Module
from fastnets.nn.pooling import MaxPool1d, MaxPool2d, MaxPool3d
from fastnets.nn.shape import Flatten, Identity
from fastnets.nn.tree import Parameter

__all__ = [
    "ELU",
    "GELU",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "Identity",
    "LeakyReLU",
    "Linear",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Module",
    "Parallel",
    "Parameter",
    "ReLU",
    "Residual",
    "Select",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Tanh",
]
