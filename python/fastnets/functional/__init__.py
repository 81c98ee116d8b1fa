"""The functions: arrays in, arrays of the same library out, with torch's names, arguments and defaults."""

from .linear import linear

__all__ = ["linear"]
