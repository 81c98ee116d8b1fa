"""The functions: arrays in, arrays of the same library out, with torch's names, arguments and defaults."""

from .convolution import conv1d, conv2d, conv3d
from .linear import linear

__all__ = ["conv1d", "conv2d", "conv3d", "linear"]
