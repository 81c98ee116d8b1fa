"""Layers: parameters and one functional call each, and combinators whose backward writes itself.

Names, arguments, state_dict keys and initialisation are torch.nn's.
"""

from .activation import ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Tanh
from .combinators import Parallel, Residual, Select, Sequential
from .conv import Conv1d, Conv2d, Conv3d
from .conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .dropout import Dropout
from .linear import Linear
from .loss import CrossEntropyLoss
from .module import Module
from .normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d
from .pooling import MaxPool1d, MaxPool2d, MaxPool3d
from .shape import Flatten, Identity
from .tree import Parameter

__all__ = [
    "ELU",
    "GELU",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
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
